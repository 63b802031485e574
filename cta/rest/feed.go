package rest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// FeedConfig holds the settings of a [Feed]. Service, Source, Every and Timeout are
// required.
type FeedConfig struct {
	Service string // name in errors, such as "vehicle positions"
	// Source is an http or https URL, with its query, or the path of a file.
	Source string
	// Header is sent with each request. Its values, and long ones of the URL's query,
	// are treated as secrets.
	Header  http.Header
	Accept  string        // media types of answers
	Every   time.Duration // usual time between calls, doubled by each failure up to 5m
	Timeout time.Duration // of one request, from 1ms to 5m
	Limit   int           // bytes of an answer, uncompressed; 0: 64 MB
	// Hint returns the remedy for a failure, or "" for the usual one.
	Hint func(error) string
	// Log receives the beginning and the end of each trouble. Default: silent.
	Log *slog.Logger
}

// Feed reads a document that changes, such as a list of vehicles, again and again. An
// unchanged document isn't transferred again if the server supports ETag or
// Last-Modified. It is for one goroutine.
type Feed struct {
	Clock retry.Clock // tests replace it

	cfg    FeedConfig
	client *Client // nil for a file
	query  string

	tag, modified string            // of the last answer, for conditional requests
	sum           [sha256.Size]byte // of the last content
	read          bool              // sum is set

	failures int
	next     time.Time // no request before
	err      error     // of the last request
	said     string    // trouble that was logged
	passed   bool      // the last request succeeded
}

// longestPause bounds the time between tries after failures.
const longestPause = 5 * time.Minute

// NewFeed returns a feed. The error lists every wrong setting. Nothing is contacted.
func NewFeed(cfg FeedConfig) (*Feed, error) {
	cfg.Limit = cmp.Or(cfg.Limit, 64<<20)
	if cfg.Hint == nil {
		cfg.Hint = func(error) string { return "" }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Feed{Clock: retry.System, cfg: cfg}
	if !strings.Contains(cfg.Source, "://") {
		if cfg.Source == "" {
			return nil, fmt.Errorf("%s: found no source, want a URL or the path of a file", cfg.Service)
		}
		return f, nil
	}
	base, query, _ := strings.Cut(cfg.Source, "?")
	if query != "" {
		f.query = "?" + query
	}
	client, err := New(Config{
		Service: cfg.Service, URL: base, Timeout: cfg.Timeout, Idle: 1, Accept: cfg.Accept, Limit: cfg.Limit, Hint: cfg.Hint, Log: cfg.Log,
	})
	values, badQuery := url.ParseQuery(query)
	if badQuery != nil || strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		badQuery = errors.New("the query of URL can't be read")
	}
	faults := errors.Join(err, badQuery)
	for name, list := range cfg.Header {
		for _, v := range list {
			if !token(name) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				faults = errors.Join(faults, fmt.Errorf("header %q can't be sent, want a name and a value in one line", name))
			}
		}
	}
	if faults != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Service, faults)
	}
	for _, list := range cfg.Header {
		for _, v := range list {
			client.Hide(v)
		}
	}
	const long = 8 // shorter ones are words, such as json
	for _, list := range values {
		for _, v := range list {
			if len(v) >= long {
				client.Hide(v)
			}
		}
	}
	f.client = client
	return f, nil
}

// token reports whether a text can be the name of a header.
func token(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// Addr returns the address without credentials and query, or the path of the file.
func (f *Feed) Addr() string {
	if f.client == nil {
		return f.cfg.Source
	}
	return cta.Redacted(f.client.Addr())
}

// Close closes idle connections. The feed can still be used.
func (f *Feed) Close() {
	if f.client != nil {
		f.client.Close()
	}
}

// Scrub returns text without the feed's secrets.
func (f *Feed) Scrub(text string) string {
	if f.client == nil {
		return text
	}
	return f.client.Scrub(text)
}

// Get returns the feed's content; nil if it is the same as that of the last call. After
// a failure it makes no request until a growing pause is over, and returns the failure
// again, a [*cta.ServiceError]. If ctx ends, it returns ctx's error.
func (f *Feed) Get(ctx context.Context) ([]byte, error) {
	if f.Clock.Now().Before(f.next) {
		return nil, f.err
	}
	if f.passed { // the last answer wasn't rejected
		if f.said != "" {
			f.cfg.Log.Info("the feed answers again: "+f.cfg.Service, "addr", f.Addr())
		}
		f.failures, f.said, f.passed = 0, "", false
	}
	body, err := f.get(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, f.failed(err)
	}
	if sum := sha256.Sum256(body); body == nil || f.read && sum == f.sum {
		body = nil
	} else {
		f.sum, f.read = sum, true
	}
	f.next, f.err, f.passed = time.Time{}, nil, true
	return body, nil
}

// Reject counts the last answer as a failure, such as one that can't be read. It
// returns the error that Get returns until the next request, which is for the whole
// content.
func (f *Feed) Reject(err error) error {
	f.tag, f.modified, f.read = "", "", false
	return f.failed(err)
}

func (f *Feed) failed(err error) error {
	f.failures++
	f.passed = false
	wait := longestPause
	var refused *Error
	errors.As(err, &refused)
	if !lasting(refused) && f.failures < 8 {
		wait = min(f.cfg.Every<<(f.failures-1), longestPause)
	}
	wait = f.Clock.Spread(wait)
	if refused != nil {
		wait = max(wait, refused.after)
	}
	// A source calls about every Every, so a bit less is the next call.
	f.next = f.Clock.Now().Add(max(wait, f.cfg.Every) - f.cfg.Every/2)
	f.err = f.fail(err)
	if text := f.err.Error(); text != f.said {
		f.said = text
		f.cfg.Log.Warn("waiting for the feed: "+f.cfg.Service, "addr", f.Addr(), "err", f.err, "next try in", f.next.Sub(f.Clock.Now()).Round(time.Second))
	}
	return f.err
}

// lasting reports whether the next try can't go better, as with a wrong key.
func lasting(refused *Error) bool {
	if refused == nil {
		return false
	}
	switch refused.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return refused.Status/100 == 3
}

func (f *Feed) fail(err error) error {
	hint := f.cfg.Hint(err)
	var refused *Error
	switch {
	case hint != "":
	case f.client == nil:
		hint = "check the path of the file, and who may read it"
	case !errors.As(err, &refused):
		hint = usualHint(err)
	case refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden:
		hint = "check the key, and whether it goes in a header or in the URL"
	case refused.Status == http.StatusNotFound || refused.Status == http.StatusGone:
		hint = "check the URL"
	case refused.Status/100 == 3:
		hint = "use the new address, if you trust it with your key"
	default:
		hint = "nothing to do: the server has trouble of its own"
	}
	if f.client == nil {
		return &cta.ServiceError{Service: f.cfg.Service, Addr: f.cfg.Source, Hint: hint, Err: err}
	}
	return f.client.FailWith(err, hint)
}

// get returns the content, nil if the server or the file's time says that it is
// unchanged.
func (f *Feed) get(ctx context.Context) ([]byte, error) {
	if f.client == nil {
		return f.file()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.client.base+f.query, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range f.cfg.Header {
		for _, v := range values {
			req.Header.Add(name, v)
		}
	}
	if f.tag != "" {
		req.Header.Set("If-None-Match", f.tag)
	}
	if f.modified != "" {
		req.Header.Set("If-Modified-Since", f.modified)
	}
	res, err := f.client.RoundTrip(req)
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotModified && f.read {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f.tag, f.modified = res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	return io.ReadAll(res.Body) // in memory already
}

func (f *Feed) file() ([]byte, error) {
	file, err := os.Open(f.cfg.Source)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	state := fmt.Sprint(info.ModTime().UnixNano(), info.Size())
	if f.read && state == f.modified {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(file, int64(f.cfg.Limit)+1))
	if err == nil && len(body) > f.cfg.Limit {
		err = fmt.Errorf("the file is over %d bytes", f.cfg.Limit)
	}
	if err != nil {
		return nil, err
	}
	f.modified = state
	return body, nil
}
