// Package servicetest helps to test the clients of HTTP services: with answers recorded from
// them, and without waiting.
package servicetest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// An exchange is what a service answers, composed from what the products were
// seen to answer. The files in testdata/exchanges hold them.

// Answer is one HTTP answer of a recorded exchange.
type Answer struct {
	// Request is method and path, if the test wants them checked.
	Request string            `json:"request,omitempty"`
	Status  int               `json:"status"`
	Type    string            `json:"type,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"` // a string is sent as text
	Repeat  bool              `json:"repeat,omitempty"`
}

// Request is one that a replaying service has got.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// Replay serves answers in their order.
type Replay struct {
	*httptest.Server
	mu   sync.Mutex
	got  []Request
	left []Answer
}

// NewReplay starts a service of these answers, until the test ends.
func NewReplay(t *testing.T, answers []Answer) *Replay {
	r := &Replay{left: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, Request{req.Method, req.URL.EscapedPath(), req.Header, body})
		if len(r.left) == 0 {
			t.Errorf("unexpected request %s %s", req.Method, req.URL)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		a := r.left[0]
		if !a.Repeat {
			r.left = r.left[1:]
		}
		if got := req.Method + " " + req.URL.EscapedPath(); a.Request != "" && a.Request != got {
			t.Errorf("request %s, want %s", got, a.Request)
		}
		if a.Type != "" {
			w.Header().Set("Content-Type", a.Type)
		}
		for name, value := range a.Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.Status)
		text := string(a.Body)
		if strings.HasPrefix(text, `"`) {
			if err := json.Unmarshal(a.Body, &text); err != nil {
				t.Errorf("answer: %v", err)
			}
		}
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(r.Close)
	return r
}

// Requests returns what was asked so far.
func (r *Replay) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

// Done reports answers that nobody asked for.
func (r *Replay) Done(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.left {
		if !a.Repeat {
			t.Errorf("answer not asked for: %d %s", a.Status, a.Body)
		}
	}
}

// Exchanges reads a file of testdata/exchanges.
func Exchanges[T any](t *testing.T, name string) []T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "exchanges", name))
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return cases
}

// CheckMessage checks that an error of a service is one message, in one line, that
// names the service, its address, the cause and what to do.
func CheckMessage(t *testing.T, err error, service, address string) {
	t.Helper()
	if err == nil {
		return
	}
	var e *cta.ServiceError
	switch {
	case !errors.As(err, &e):
		t.Errorf("%v is no ServiceError", err)
	case e.Service != service || e.Addr != address || e.Err == nil || e.Err.Error() == "" || e.Hint == "":
		t.Errorf("%#v lacks the service, its address, the cause or the remedy", e)
	case strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), service+" at ") != 1:
		t.Errorf("%q is not one message", err)
	}
}

// FakeClock never waits: it jumps. It returns the pauses that were made.
func FakeClock() (retry.Clock, *[]time.Duration) {
	now := time.Date(2026, 10, 7, 12, 30, 0, 0, time.UTC)
	pauses := new([]time.Duration)
	return retry.Clock{
		Now: func() time.Time { return now },
		Pause: func(ctx context.Context, d time.Duration) error {
			*pauses = append(*pauses, d)
			now = now.Add(d)
			return ctx.Err()
		},
		Spread: func(d time.Duration) time.Duration { return d },
	}, pauses
}

// ErrorText is an error's text with a fixed word for the service's address.
func ErrorText(err error, address string) string {
	if err == nil {
		return ""
	}
	if address == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), address, "{service}")
}

// ClosedAddress returns an address of this machine on which nobody listens.
func ClosedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
