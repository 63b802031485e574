package restclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/rest"
)

// refusal reads an answer that is an error: the services' JSON, or any text.
func refusal(res *http.Response, body []byte, secrets Secrets) *rest.Error {
	e := &rest.Error{Status: res.StatusCode, Body: body, After: retryAfter(res.Header)}
	var shape struct {
		Code    json.Number     `json:"error_code"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(body, &shape) == nil && (shape.Code != "" || shape.Message != nil) {
		e.Code, _ = strconv.Atoi(shape.Code.String())
		// Karapace's message is sometimes a list.
		if json.Unmarshal(shape.Message, &e.Message) != nil {
			var list bytes.Buffer
			_ = json.Compact(&list, shape.Message) // JSON, or it wouldn't be here
			e.Message = list.String()
		}
	} else if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "<") {
		e.Message = text
	}
	if to := res.Header.Get("Location"); res.StatusCode/100 == 3 && to != "" {
		e.Message = "moved to " + to
	}
	e.Message = OneLine(secrets.Scrub(e.Message))
	if e.Message == "" || e.Message == "null" {
		e.Message = http.StatusText(res.StatusCode)
	}
	return e
}

// OneLine joins the lines of a message, without those of a Java stack trace, and cuts its
// middle to a readable length: the cause is often last.
func OneLine(text string) string {
	const limit = 300 // of each end
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "at ") || strings.HasPrefix(line, "... ") ||
			// Connect's advice to ask the validate endpoint, which the text comes from.
			strings.HasPrefix(line, "You can also find the above list of errors") {
			continue
		}
		switch before := b.String(); {
		case before == "":
		case strings.ContainsRune(".:;,", rune(before[len(before)-1])):
			b.WriteString(" ")
		default:
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	text = strings.TrimSuffix(strings.ToValidUTF8(b.String(), "?"), ".")
	if runes := []rune(text); len(runes) > 2*limit {
		text = string(runes[:limit]) + "…" + string(runes[len(runes)-limit:])
	}
	return text
}

// tokenError means that no token could be obtained.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return fmt.Sprintf("no bearer token: %v", e.err) }
func (e *tokenError) Unwrap() error { return e.err }

// noAnswer is a failure to reach a service.
type noAnswer struct{ error }

func (e *noAnswer) Unwrap() error { return e.error }

// Unreachable reports whether the request cannot have reached a service.
func Unreachable(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// untrusted returns the remedy for a permanent TLS failure, or "" for any other failure.
func untrusted(err error) string {
	switch op, _ := errors.AsType[*net.OpError](err); {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "put the authority that signed its certificate in Access.TLS.RootCAs"
	case errors.As(err, new(x509.HostnameError)):
		return "use a host name in the URL that is in its certificate"
	case errors.As(err, new(x509.CertificateInvalidError)), errors.As(err, new(*tls.CertificateVerificationError)):
		return "check the service's certificate, and the clocks of both machines"
	case op != nil && op.Op == "remote error": // a TLS alert
		return "put a client certificate that the service trusts in Access.TLS.Certificates"
	case errors.As(err, new(tls.RecordHeaderError)):
		return "the service doesn't speak TLS at that address: use http in the URL, or its TLS port"
	}
	return ""
}

// usualHint is the remedy for failures common to all services.
func usualHint(err error) string {
	var refused *rest.Error
	switch hint := untrusted(err); {
	case hint != "":
		return hint
	case errors.As(err, new(*tokenError)):
		return "check the source of Access.Token"
	case errors.As(err, &refused):
		switch refused.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return "check the user and password in its URL, or what Access holds"
		}
		return "see its log"
	case Unreachable(err):
		return "start it, or check its URL"
	case errors.Is(err, context.DeadlineExceeded):
		return "see its log: it is overloaded, or waits for something else"
	case errors.Is(err, context.Canceled):
		return "see its log: it had not answered yet"
	}
	return "check that this is the right service, and whether it wants http or https"
}
