package ctaproducer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// RESTError is a refusal by a service that speaks HTTP, the REST Proxy or Kafka
// Connect. It is the cause of a [*cta.ServiceError]: find it by errors.As.
type RESTError struct {
	Status  int    // the HTTP status; 200 when a record was refused inside a success
	Code    int    // the service's own error_code, 0 when it gave none
	Message string // what the service said: one line, cut short, without secrets
}

// Error names status, code and message.
func (e *RESTError) Error() string {
	status := fmt.Sprintf("HTTP %d", e.Status)
	// Some servers' messages begin like that.
	message := strings.TrimLeft(strings.TrimPrefix(e.Message, status), ": ")
	if e.Code != 0 && e.Code != e.Status {
		status += fmt.Sprintf(", code %d", e.Code)
	}
	return status + ": " + message
}

// restService is a service that speaks JSON over HTTP, with the rules that hold
// for all of them: a deadline for each request, bounded answers, no redirects,
// and no credentials in any text.
type restService struct {
	name     string // as errors say it
	base     string // address without credentials and without a slash at its end
	user     string
	password string
	timeout  time.Duration // of one request
	secrets  secrets
	http     *http.Client
}

// newRESTService checks the address. User and password override those in it.
func newRESTService(name, address, user, password string, timeout time.Duration) (*restService, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil && strings.Contains(address, "@"):
		return nil, errors.New("URL can't be read, want http://host:port (characters of user and password percent-encoded)")
	case err != nil:
		return nil, fmt.Errorf("URL is %q, want http://host:port", address)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, fmt.Errorf("URL is %q, want http://host:port", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("URL is %q, want it without query and fragment", u.Redacted())
	}
	if user == "" && u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	u.User = nil
	s := &restService{
		name: name, base: strings.TrimRight(u.String(), "/"),
		user: user, password: password, timeout: timeout,
		http: &http.Client{
			// A connection a request: these are few, a kept one would need closing, and
			// one that the service has given up makes a POST fail ambiguously.
			Transport: &http.Transport{
				Proxy:               http.ProxyFromEnvironment,
				DialContext:         (&net.Dialer{Timeout: min(timeout, 10*time.Second)}).DialContext,
				TLSHandshakeTimeout: 10 * time.Second,
				DisableKeepAlives:   true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if user != "" {
		s.secrets.add(password)
		s.secrets.add(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
	}
	return s, nil
}

// restAnswer is an HTTP answer, whatever its status.
type restAnswer struct {
	status     int
	retryAfter time.Duration // asked for by the service; 0: not
	body       []byte
}

// do sends one request. Its error is of the transport: no answer came.
func (s *restService) do(ctx context.Context, method, path string, header http.Header, body []byte) (*restAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if s.user != "" {
		req.SetBasicAuth(s.user, s.password)
	}
	res, err := s.http.Do(req)
	if err == nil {
		defer res.Body.Close()
		a := &restAnswer{status: res.StatusCode, retryAfter: retryAfter(res.Header)}
		if a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err == nil {
			return a, nil
		}
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err // its text repeats method and address
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v: %w", s.timeout, context.DeadlineExceeded)
	}
	return nil, err
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 60)) * time.Second
}

// refusal reads an answer that is an error: the services' JSON, or any text.
func (s *restService) refusal(a *restAnswer) *RESTError {
	e := &RESTError{Status: a.status}
	var body struct {
		Code    json.Number     `json:"error_code"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(a.body, &body) == nil && (body.Code != "" || body.Message != nil) {
		e.Code, _ = strconv.Atoi(body.Code.String())
		// Karapace's message is a list now and then.
		if json.Unmarshal(body.Message, &e.Message) != nil {
			e.Message = compactJSON(string(body.Message))
		}
	} else if text := strings.TrimSpace(string(a.body)); !strings.HasPrefix(text, "<") {
		e.Message = text
	}
	e.Message = oneLine(s.secrets.scrub(e.Message))
	if e.Message == "" || e.Message == "null" {
		e.Message = http.StatusText(a.status)
	}
	return e
}

// fail makes a transport's error or a refusal an error of the service.
func (s *restService) fail(err error, hint string) *cta.ServiceError {
	return &cta.ServiceError{Service: s.name, Addr: s.base, Hint: hint, Err: err}
}

// unreachable reports whether nothing of a request can have reached a service.
func unreachable(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// oneLine joins the lines of a message and cuts it to a readable length.
func oneLine(text string) string {
	const limit = 600
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		// Connect's advice to ask the validate endpoint, which the text comes from.
		if line != "" && !strings.HasPrefix(line, "You can also find the above list of errors") {
			lines = append(lines, line)
		}
	}
	text = strings.ToValidUTF8(strings.Join(lines, "; "), "?")
	text = strings.TrimSuffix(strings.ReplaceAll(text, ":; ", ": "), ".")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return text
}
