package restclient

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// newFeed returns a feed with a clock that a test sets.
func newFeed(t *testing.T, cfg FeedConfig) (f *Feed, now *time.Time) {
	t.Helper()
	cfg.Service, cfg.Every, cfg.Timeout = "test feed", 30*time.Second, 10*time.Second
	f, err := NewFeed(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	at := time.Date(2026, 10, 7, 8, 0, 0, 0, time.UTC)
	f.Clock = retry.Clock{Now: func() time.Time { return at }, Spread: func(d time.Duration) time.Duration { return d }, Pause: func(ctx context.Context, d time.Duration) error {
		at = at.Add(d)
		return ctx.Err()
	}}
	return f, &at
}

func TestFeedAsksConditionally(t *testing.T) {
	content, asked, sent := "one", 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		tag := `"` + content + `"`
		if r.URL.RawQuery != "key=0123456789" || r.Header.Get("X-Api-Key") != "sesame" || r.URL.Path != "/a/feed.pb" {
			t.Errorf("asked for %s with %v", r.URL, r.Header)
		}
		if r.Header.Get("If-None-Match") == tag && r.Header.Get("If-Modified-Since") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent++
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", "Wed, 07 Oct 2026 08:00:00 GMT")
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error("the feed doesn't accept gzip")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, content)
		z.Close()
	}))
	defer server.Close()
	f, _ := newFeed(t, FeedConfig{Source: server.URL + "/a/feed.pb?key=0123456789", Header: http.Header{"X-Api-Key": {"sesame"}}})
	for i, want := range []string{"one", "", "two", "", ""} {
		if i == 2 {
			content = "two"
		}
		body, err := f.Get(t.Context())
		if err != nil || string(body) != want || (body == nil) != (want == "") {
			t.Fatalf("call %d returned %q, %v, want %q", i, body, err, want)
		}
	}
	if asked != 5 || sent != 2 {
		t.Errorf("%d calls transferred the content %d times, want 5 and 2", asked, sent)
	}
	// What couldn't be read is asked for as a whole.
	f.Reject(errors.New("cut short"))
	if body, err := f.Get(t.Context()); string(body) != "two" || err != nil || sent != 3 {
		t.Errorf("after Reject, Get returned %q, %v; want the whole content", body, err)
	}
}

func TestFeedWithoutTagsIsUnchangedByContent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "same") }))
	defer server.Close()
	f, _ := newFeed(t, FeedConfig{Source: server.URL})
	first, _ := f.Get(t.Context())
	second, err := f.Get(t.Context())
	if string(first) != "same" || second != nil || err != nil {
		t.Errorf("Get returned %q, then %q, %v", first, second, err)
	}
}

// After failures, calls come less often, and each kind of trouble is logged once.
func TestFeedBacksOff(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header string
		want   []int // seconds at which calls come within 15 minutes
		hint   string
	}{
		"trouble": {503, "", []int{0, 30, 90, 210, 450, 750}, "trouble of its own"},
		"key":     {401, "", []int{0, 300, 600}, "check the key"},
		"moved":   {301, "", []int{0, 300, 600}, "moved to https://elsewhere.example/?k=***"},
		"asked":   {429, "60", []int{0, 60, 120, 240, 480, 780}, "trouble of its own"},
		"hour":    {429, "3600", []int{0}, "trouble of its own"},
		"date":    {429, "Wed, 07 Oct 2026 12:03:20 GMT", []int{0, 200, 400, 600, 840}, "trouble of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			healthy := false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if healthy {
					io.WriteString(w, "well")
					return
				}
				w.Header().Set("Location", "https://elsewhere.example/?k=0123456789")
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
					w.Header().Set("Date", "Wed, 07 Oct 2026 12:00:00 GMT")
				}
				w.WriteHeader(c.status)
				io.WriteString(w, "<html>no, 0123456789</html>")
			}))
			defer server.Close()
			var log bytes.Buffer
			f, now := newFeed(t, FeedConfig{Source: server.URL + "/?k=0123456789", Log: slog.New(slog.NewTextHandler(&log, nil))})
			start := *now
			var at []int
			for f.Next().Sub(start) < 15*time.Minute {
				before := asked
				body, err := f.Get(t.Context())
				var failed *cta.ServiceError
				if body != nil || !errors.As(err, &failed) || !strings.Contains(err.Error(), c.hint) {
					t.Fatalf("Get returned %q, %v, want an error with %q", body, err, c.hint)
				}
				if asked > before {
					at = append(at, int(now.Sub(start)/time.Second))
				}
			}
			if fmt.Sprint(at) != fmt.Sprint(c.want) {
				t.Errorf("calls came at %v s, want %v", at, c.want)
			}
			healthy = true
			if body, err := f.Get(t.Context()); string(body) != "well" || err != nil {
				t.Errorf("Get returned %q, %v", body, err)
			}
			f.Get(t.Context())
			if text := log.String(); strings.Count(text, "waiting for the feed") != 1 || !strings.Contains(text, "answers again") || strings.Contains(text, "0123456789") {
				t.Errorf("log is\n%s", text)
			}
		})
	}
}

// Calls of a day are spread so that they last, and one that fails counts.
func TestFeedKeepsItsBudget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }))
	defer server.Close()
	zone := time.FixedZone("", -6*3600)
	var log bytes.Buffer
	f, now := newFeed(t, FeedConfig{Source: server.URL, Daily: 20, Zone: zone, Log: slog.New(slog.NewTextHandler(&log, nil))})
	*now = time.Date(2026, 10, 7, 20, 0, 0, 0, zone)
	calls := map[int]int{}
	for now.Day() < 9 {
		f.Get(t.Context())
		if calls[now.Day()]++; f.Left() != 20-calls[now.Day()] {
			t.Fatalf("at %v, %d calls are left after %d", now, f.Left(), calls[now.Day()])
		}
	}
	if calls[7] != 20 || calls[8] != 20 {
		t.Errorf("%v calls by day, want 20 each", calls)
	}
	if n := strings.Count(log.String(), "the daily budget"); n != 1 {
		t.Errorf("the budget is said %d times:\n%s", n, &log)
	}
}

// What can't be read, such as a page of HTML, is a failure like any other.
func TestFeedBacksOffOfWhatCannotBeRead(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		io.WriteString(w, "<html>")
	}))
	defer server.Close()
	var log bytes.Buffer
	f, now := newFeed(t, FeedConfig{Source: server.URL, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for start := *now; f.Next().Sub(start) < 15*time.Minute; {
		if body, _ := f.Get(t.Context()); body != nil {
			f.Reject(errors.New("not a list"))
		}
	}
	if text := log.String(); asked > 6 || strings.Count(text, "not a list") != 1 || strings.Contains(text, "again") {
		t.Errorf("%d calls; the log is\n%s", asked, text)
	}
}

func TestFeedIsBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.Copy(z, io.LimitReader(zeros{}, 1<<20)) // a kilobyte on the wire
		z.Close()
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(file, make([]byte, 1001), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{server.URL, file} {
		f, _ := newFeed(t, FeedConfig{Source: source, Limit: 1000})
		if source == file { // read once, when it was shorter
			if err := errors.Join(os.Truncate(file, 10), os.Chtimes(file, time.Time{}, time.Unix(1, 0))); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Get(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(file, 1001); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the failure doesn't pass by itself
			if body, err := f.Get(t.Context()); body != nil || err == nil || !strings.Contains(err.Error(), "over 1000 bytes") {
				t.Errorf("%s: Get returned %d bytes, %v", source, len(body), err)
			}
		}
	}
}

func TestFeedReadsAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "feed.pb")
	f, _ := newFeed(t, FeedConfig{Source: file})
	if _, err := f.Get(t.Context()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("Get returned %v, want that the file doesn't exist", err)
	}
	for i, content := range []string{"one", "one", "three"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		want := content
		if i == 1 {
			want = ""
		}
		if body, err := f.Get(t.Context()); string(body) != want || err != nil {
			t.Errorf("Get returned %q, %v, want %q", body, err, want)
		}
	}
}

// A URL without its scheme is taken for a path. It is not shown.
func TestFeedShowsNoPasswordOfAPath(t *testing.T) {
	for _, source := range []string{"u:s3cret@h:80/feed", "//u:s3cret@h/feed", "http//u:s3cret@h", "h/feed?key=s3cret"} {
		var log bytes.Buffer
		f, _ := newFeed(t, FeedConfig{Source: source, Log: slog.New(slog.NewTextHandler(&log, nil))})
		_, err := f.Get(t.Context())
		if err == nil || !strings.Contains(err.Error(), "a URL begins with") || strings.Contains(err.Error()+log.String()+f.Addr(), "s3cret") {
			t.Errorf("%s: %v, %s", source, err, log.String())
		}
	}
}

func TestFeedNamesWrongSettings(t *testing.T) {
	for _, c := range []struct {
		cfg  FeedConfig
		want string
	}{
		{FeedConfig{}, "found no source"},
		{FeedConfig{Source: "ftp://a/b"}, "want http://host:port"},
		{FeedConfig{Source: "http://a/b", Header: http.Header{"X Key": {"v"}}}, `header "X Key"`},
		{FeedConfig{Source: "http://a/b", Header: http.Header{"Key": {"secret\r\nHost: c"}}}, `header "Key"`},
		{FeedConfig{Source: "http://a/b?%zz"}, "query"},
		{FeedConfig{Source: "http://a/b?key=secret\x01"}, "query"},
		{FeedConfig{Source: "http://a/b?key=secret HTTP"}, "query"},
	} {
		c.cfg.Service, c.cfg.Every, c.cfg.Timeout = "feed", time.Minute, time.Second
		if _, err := NewFeed(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("NewFeed(%+v) returned %v, want %q", c.cfg, err, c.want)
		}
	}
}

func TestFeedEndsWithItsContext(t *testing.T) {
	f, _ := newFeed(t, FeedConfig{Source: "http://127.0.0.1:1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Get returned %v", err)
	}
}
