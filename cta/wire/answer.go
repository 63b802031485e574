package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds what is read of a registry's answer, in bytes.
const maxAnswer = 1 << 20

// answerError is an answer of the registry other than success.
type answerError struct {
	status  int // HTTP
	code    int // the registry's own; 0 if it gave none
	message string
}

func (e *answerError) Error() string {
	s := fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
	if e.code != 0 && e.code != e.status {
		s += fmt.Sprintf(" (code %d)", e.code)
	}
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

// forbids reports whether the answer is about who asks.
func (e *answerError) forbids() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// The registry's codes of what is not there.
const (
	codeNoSubject = 40401
	codeNoVersion = 40402
	codeNoSchema  = 40403
)

// isUnknown reports whether the registry has said that it does not have what was
// asked for. A bare 404 doesn't say so: it may come from a gateway while the
// registry is away, and must not send good records to the dead letters.
func isUnknown(err error) bool {
	var answer *answerError
	if !errors.As(err, &answer) || answer.status != http.StatusNotFound {
		return false
	}
	return answer.code == codeNoSubject || answer.code == codeNoVersion || answer.code == codeNoSchema
}

// answers is a transport that bounds bodies and turns answers other than success
// into errors: srclient's own leave out the status, and need a JSON body, which
// proxies and gateways don't send.
type answers struct{ next *http.Transport }

func (t *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("answer cut short: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("answer is over %d bytes", maxAnswer)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, parseAnswer(resp.StatusCode, body)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (t *answers) CloseIdleConnections() { t.next.CloseIdleConnections() }

// parseAnswer reads an error body: an object with error_code and message, where
// message may be a list of objects, or anything else.
func parseAnswer(status int, body []byte) *answerError {
	e := &answerError{status: status}
	var shape struct {
		Code    int             `json:"error_code"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(body, &shape) == nil {
		e.code = shape.Code
		var text string
		if json.Unmarshal(shape.Message, &text) == nil {
			e.message = text
		} else {
			e.message = string(shape.Message)
		}
	} else if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "<") {
		e.message = text
	}
	e.message = strings.Join(strings.Fields(e.message), " ") // one line
	const limit = 500
	if len(e.message) > limit {
		e.message = strings.ToValidUTF8(e.message[:limit], "") + "…"
	}
	return e
}

// mayPass reports whether asking again may go better.
func mayPass(err error) bool {
	var answer *answerError
	if !errors.As(err, &answer) {
		return !errors.Is(err, errNotAvro) // no answer at all, or none of a registry
	}
	switch answer.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return answer.status >= 500
}

// bare strips the method and URL that net/http puts before a cause: the address
// is named already.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// hint says what to do about a failure.
func hint(err error) string {
	var answer *answerError
	switch {
	case errors.Is(err, ErrIncompatible):
		return "register a compatible schema, use another topic prefix, or set the subject's compatibility on purpose"
	case errors.Is(err, ErrNotFound):
		return ""
	case errors.Is(err, errNotAvro):
		return ""
	case !errors.As(err, &answer):
		return "start it, or check the address given by -registry"
	}
	switch {
	case answer.forbids():
		return "check the user and password in the registry's URL"
	case answer.status == http.StatusNotFound || answer.status == http.StatusUnsupportedMediaType || answer.status == http.StatusNotAcceptable || answer.status == http.StatusMethodNotAllowed:
		return "check that the URL is a Schema Registry's, with its path if it has one"
	case answer.status == http.StatusUnprocessableEntity:
		return "the registry does not accept this schema: see its message"
	}
	return "see the registry's log"
}
