// Package restclient is a client for the services around Kafka that use JSON over HTTP: a
// Schema Registry, a REST Proxy, Kafka Connect, ksqlDB. The same rules hold for all:
//
//   - Each request has a time limit, and each answer a size limit. Redirects are
//     not followed.
//   - [Client.Retry] retries failures that may pass, with growing pauses. Each reason to
//     wait is logged once, and so is the recovery.
//   - A refusal is an [*rest.Error]. [Client.Fail] names the service, its address and the
//     remedy, as a [*cta.ServiceError]. No text contains a password or token.
package restclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Config holds the settings of a [Client]. Service, URL, Timeout and Wait are
// required.
type Config struct {
	Service string // name in errors and logs, such as "REST Proxy"
	URL     string // http or https, with a path if the service has one
	Access  rest.Access
	Timeout time.Duration // of one request, from 1ms to 5m
	Wait    time.Duration // bounds the tries of a call
	Idle    int           // connections kept for later requests; 0: none
	Accept  string        // media types of answers
	Type    string        // media type of requests
	Limit   int           // bytes of an answer, uncompressed; 0: 4 MB
	// Passes reports whether a retry may succeed after a refusal. Default: [ByStatus].
	Passes func(*rest.Error) bool
	// Hint returns the remedy for a failure, or "" for the usual one.
	Hint func(error) string
	// Retried is called before each further try. Default: none.
	Retried func()
	// Log receives each reason to wait once, and the end of waiting. Default: silent.
	Log *slog.Logger
}

// Client is a client of one service. It is safe for concurrent use.
type Client struct {
	Secrets             // must not appear in any text
	Clock   retry.Clock // time of Retry; tests replace it

	cfg       Config
	base      string // address without credentials and without a slash at its end
	transport *http.Transport

	mu   sync.Mutex
	said map[string]bool // reasons to wait that were logged
}

// New returns a client. The error lists every wrong setting. Nothing is contacted.
func New(cfg Config) (*Client, error) {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil:
		fault("URL is %q, which can't be read, want http://host:port (other characters of user and password percent-encoded)", cta.Redacted(cfg.URL))
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		fault("URL is %q, want http://host:port", cta.Redacted(cfg.URL))
	case u.RawQuery != "" || u.Fragment != "":
		fault("URL is %q, want it without query and fragment", cta.Redacted(cfg.URL))
	}
	if cfg.Timeout < time.Millisecond || cfg.Timeout > 5*time.Minute {
		fault("Timeout is %v, want 1ms to 5m", cfg.Timeout)
	}
	if cfg.Wait < 0 {
		fault("Wait is %v, want a positive duration", cfg.Wait)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if cfg.Access.User == "" && u.User != nil {
		cfg.Access.User = u.User.Username()
		cfg.Access.Password, _ = u.User.Password()
	}
	cfg.Limit = cmp.Or(cfg.Limit, 4<<20)
	if cfg.Passes == nil {
		cfg.Passes = ByStatus
	}
	if cfg.Hint == nil {
		cfg.Hint = func(error) string { return "" }
	}
	if cfg.Retried == nil {
		cfg.Retried = func() {}
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	u.User = nil
	c := &Client{
		cfg: cfg, base: strings.TrimRight(u.String(), "/"),
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			// Shorter than the request's, so that it ends first and is told from a slow answer.
			DialContext:         (&net.Dialer{Timeout: min(cfg.Timeout*3/4, 10*time.Second)}).DialContext,
			TLSClientConfig:     cfg.Access.TLS.Clone(),
			TLSHandshakeTimeout: 10 * time.Second,
			IdleConnTimeout:     time.Minute,
			MaxIdleConnsPerHost: cfg.Idle,
			// A POST on a connection that the service has closed fails ambiguously.
			DisableKeepAlives: cfg.Idle == 0,
		},
		Clock: retry.System,
		said:  make(map[string]bool),
	}
	if user := cfg.Access.User; user != "" {
		c.Hide(cfg.Access.Password)
		c.Hide(base64.StdEncoding.EncodeToString([]byte(user + ":" + cfg.Access.Password)))
	}
	return c, nil
}

// Addr returns the service's address, without credentials.
func (c *Client) Addr() string { return c.base }

// Close closes idle connections. The client can still be used.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Do sends one request, and returns the answer of a success. A refusal is an
// [*rest.Error]; any other error means that no answer came.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if c.cfg.Type != "" {
		req.Header.Set("Content-Type", c.cfg.Type)
	}
	res, err := c.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	answer, err = io.ReadAll(res.Body) // in memory already
	return res.StatusCode, answer, err
}

// RoundTrip sends another library's request, with the rules of Do. It makes a Client the
// transport of an [http.Client].
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	caller := req.Context()
	ctx, cancel := context.WithTimeout(caller, c.cfg.Timeout)
	defer cancel()
	req = req.Clone(ctx)
	if c.cfg.Accept != "" {
		req.Header.Set("Accept", c.cfg.Accept)
	}
	secrets := c.Secrets
	if c.cfg.Access.Token != nil {
		token, err := c.cfg.Access.Token(ctx)
		if err != nil {
			return nil, &tokenError{err}
		}
		req.Header.Set("Authorization", "Bearer "+token)
		secrets.Hide(token)
	} else if c.cfg.Access.User != "" {
		req.SetBasicAuth(c.cfg.Access.User, c.cfg.Access.Password)
	}
	res, err := c.transport.RoundTrip(req)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(io.LimitReader(res.Body, int64(c.cfg.Limit)+1))
		res.Body.Close()
	}
	switch {
	case err != nil && caller.Err() != nil:
		return nil, caller.Err()
	case errors.Is(err, context.DeadlineExceeded) && !Unreachable(err):
		return nil, &noAnswer{fmt.Errorf("no answer within %v: %w", c.cfg.Timeout, context.DeadlineExceeded)}
	case err != nil:
		return nil, &noAnswer{err}
	case len(body) > c.cfg.Limit:
		return nil, &rest.Error{Status: res.StatusCode, Message: fmt.Sprintf("answer is over %d bytes", c.cfg.Limit)}
	case res.StatusCode/100 != 2:
		return nil, refusal(res, body, secrets)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// Call sends a request, with in as JSON unless in is nil. It decodes a success into out
// unless out is nil; an answer that is not JSON is a refusal. Call retries as
// [Client.Retry] does, for up to [Config.Wait], so the request must be idempotent.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) (status int, err error) {
	var body []byte
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return 0, err
		}
	}
	err = c.Retry(ctx, c.cfg.Wait, func(ctx context.Context) error {
		var answer []byte
		if status, answer, err = c.Do(ctx, method, path, body); err != nil || out == nil {
			return err
		}
		if json.Unmarshal(answer, out) != nil {
			return &rest.Error{Status: status, Message: "an answer that is not " + c.cfg.Service + "'s"}
		}
		return nil
	})
	return status, err
}

// Fail returns a ServiceError with the usual remedy for err.
func (c *Client) Fail(err error) *cta.ServiceError {
	hint := c.cfg.Hint(err)
	if hint == "" {
		hint = usualHint(err)
	}
	return c.FailWith(err, hint)
}

// FailWith returns a ServiceError with the caller's remedy.
func (c *Client) FailWith(err error, hint string) *cta.ServiceError {
	return &cta.ServiceError{Service: c.cfg.Service, Addr: cta.Redacted(c.base), Hint: hint, Err: err}
}

// retryAfter reads the header Retry-After of an answer: seconds, or a date by the service's
// clock. It returns up to an hour.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if at, err := http.ParseTime(text); err == nil {
		now, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		return min(max(0, at.Sub(now)), time.Hour)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, 3600)) * time.Second
}
