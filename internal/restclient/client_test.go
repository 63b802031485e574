package restclient

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
)

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	cfg.Service = "Test Service"
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// certificate returns a client certificate and the pool of authorities that trust it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ctalive"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// A service behind TLS with its own authority and client certificates lets in who
// has all of it. Who hasn't learns at once what is missing.
func TestTLS(t *testing.T) {
	mine, trusted := certificate(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `%q`, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	defer server.Close()
	authority := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	other, _ := certificate(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()

	for _, c := range []struct {
		name, url string
		tls       *tls.Config
		hint      string // empty: success
	}{
		{"all of it", server.URL, &tls.Config{RootCAs: authority, Certificates: []tls.Certificate{mine}}, ""},
		{"unknown authority", server.URL, nil, "Access.TLS.RootCAs"},
		{"no client certificate", server.URL, &tls.Config{RootCAs: authority}, "Access.TLS.Certificates"},
		{"another client certificate", server.URL, &tls.Config{RootCAs: authority, Certificates: []tls.Certificate{other}}, "Access.TLS.Certificates"},
		{"another host", server.URL, &tls.Config{RootCAs: authority, ServerName: "elsewhere.test"}, "host name in the URL"},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), nil, "use http in the URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newClient(t, Config{URL: c.url, Access: rest.Access{TLS: c.tls}, Wait: 20 * time.Second})
			var name string
			_, err := client.Call(t.Context(), http.MethodGet, "/", nil, &name)
			switch {
			case c.hint == "" && (err != nil || name != "ctalive"):
				t.Errorf("the service saw %q, error %v", name, err)
			case c.hint != "" && err == nil:
				t.Error("no error")
			case c.hint != "":
				if text := client.Fail(err).Error(); !strings.Contains(text, c.hint) {
					t.Errorf("error %q lacks %q", text, c.hint)
				}
			}
		})
	}
}

// Each request carries the credentials: those of Access, then those of the URL. None
// of them is in an error, whatever the service repeats.
func TestCredentials(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("Authorization")
		if user, password, ok := r.BasicAuth(); ok {
			got = user + " " + password
		}
		if r.URL.Path == "/refuse" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "not "+got+r.Header.Get("Authorization"))
			return
		}
		fmt.Fprintf(w, "%q", got)
	}))
	defer server.Close()
	n := 0
	token := func(context.Context) (string, error) { n++; return fmt.Sprintf("t0ken-%d", n), nil }
	for _, c := range []struct {
		name   string
		access rest.Access
		want   string
	}{
		{"in the URL", rest.Access{}, "ann s3cret-0"},
		{"set", rest.Access{User: "bob", Password: "s3cret-1"}, "bob s3cret-1"},
		{"without a password", rest.Access{User: "bob"}, "bob "},
		{"a token", rest.Access{User: "bob", Password: "s3cret-1", Token: token}, "Bearer t0ken-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newClient(t, Config{URL: strings.Replace(server.URL, "//", "//ann:s3cret-0@", 1), Access: c.access})
			var got string
			if _, err := client.Call(t.Context(), http.MethodGet, "/", nil, &got); err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
			_, err := client.Call(t.Context(), http.MethodGet, "/refuse", nil, nil)
			text := fmt.Sprint(client.Fail(err))
			if err == nil || strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") || !strings.Contains(text, "Test Service at "+server.URL) {
				t.Errorf("error %s, want one without secrets", text)
			}
		})
	}
	client := newClient(t, Config{URL: server.URL, Wait: 20 * time.Second, Access: rest.Access{Token: func(context.Context) (string, error) { return "", errors.New("file is gone") }}})
	if _, err := client.Call(t.Context(), http.MethodGet, "/", nil, nil); err == nil || !strings.Contains(client.Fail(err).Error(), "no bearer token: file is gone (check the source of Access.Token)") {
		t.Errorf("error %v, want it to name the token", err)
	}
}

// While a service is half up, each reason is logged once, and then that it is over.
func TestReasonsAreLoggedOnce(t *testing.T) {
	answers := []string{"503 starting", "500 no leader 1", "503 starting", "500 no leader 2", "200 {}", "503 starting", "200 {}"}
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var status int
		_, _ = fmt.Sscan(answers[n.Add(1)-1], &status)
		w.WriteHeader(status)
		fmt.Fprint(w, answers[n.Load()-1][4:])
	}))
	defer server.Close()
	var logged bytes.Buffer
	retried := 0
	client := newClient(t, Config{URL: server.URL, Wait: time.Minute, Retried: func() { retried++ }, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	client.Clock.Pause = func(context.Context, time.Duration) error { return nil }
	for range 2 {
		if _, err := client.Call(t.Context(), http.MethodGet, "/", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]int{
		"level=WARN": 3, "starting": 2, "no leader 1": 1, "no leader 2": 0, "answers again": 2, "level=INFO": 2,
	} {
		if got := strings.Count(logged.String(), text); got != want {
			t.Errorf("%q is logged %d times, want %d:\n%s", text, got, want, &logged)
		}
	}
	if retried != 5 {
		t.Errorf("told of %d further tries, want 5", retried)
	}
}

// A caller that waits for an answer isn't kept for longer than a minute at a time, whatever
// a service asks for.
func TestRetryAfterIsBounded(t *testing.T) {
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	var log bytes.Buffer
	client := newClient(t, Config{URL: server.URL + "/a;token=s3cret", Wait: 2 * time.Hour, Log: slog.New(slog.NewTextHandler(&log, nil))})
	var paused time.Duration
	client.Clock.Pause = func(_ context.Context, d time.Duration) error { paused += d; return nil }
	if _, err := client.Call(t.Context(), http.MethodGet, "/", nil, nil); err != nil || paused < time.Minute || paused > 61*time.Second {
		t.Errorf("paused %v, %v, want a minute", paused, err)
	}
	if text := log.String(); !strings.Contains(text, "answers again") || strings.Contains(text, "s3cret") {
		t.Errorf("the log has no end of the wait, or a password:\n%s", text)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = io.Copy(w, io.LimitReader(zeros{}, 4<<20+1))
		case "/elsewhere":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/never":
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	client := newClient(t, Config{URL: server.URL, Timeout: 100 * time.Millisecond})
	large := newClient(t, Config{URL: server.URL})
	for path, want := range map[string]string{"/large": "answer is over 4194304 bytes", "/elsewhere": "HTTP 302"} {
		if _, _, err := large.Do(t.Context(), http.MethodGet, path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
	if _, _, err := client.Do(t.Context(), http.MethodGet, "/never", nil); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 100ms") {
		t.Errorf("error %v, want no answer within 100ms", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestNewListsEveryFault(t *testing.T) {
	_, err := New(Config{URL: "ftp://u:s3cret@x", Wait: -1})
	for _, want := range []string{"URL is", "Timeout is 0s", "Wait is -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %v, want %q and no password", err, want)
		}
	}
	c := newClient(t, Config{URL: "http://127.0.0.1:1/path/"})
	var service *cta.ServiceError
	_, err = c.Call(t.Context(), http.MethodGet, "/x", nil, nil)
	if err == nil || !errors.As(error(c.Fail(err)), &service) || service.Addr != "http://127.0.0.1:1/path" || service.Hint != "start it, or check its URL" {
		t.Errorf("error %#v, want address and remedy", service)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.Call(ended, http.MethodGet, "/x", nil, nil); err == nil || c.Fail(err).Hint != "see its log: it had not answered yet" {
		t.Errorf("error %v, want no doubt of the URL when the caller gave up", c.Fail(err))
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"Failed to run\n\tat a.B.c(B.java:1)\nCaused by: no column\n\t... 3 more\n": "Failed to run; Caused by: no column",
		"Cannot drop X.\nStop [Q1].": "Cannot drop X. Stop [Q1]",
		"errors:\na bad value\n":     "errors: a bad value",
		strings.Repeat("é", 700):     strings.Repeat("é", 300) + "…" + strings.Repeat("é", 300),
	} {
		if got := OneLine(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
