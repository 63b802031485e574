package restclient

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
	"github.com/seed-921eec07/ctalive/cta/rest"
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
	// Daily bounds the calls from midnight to midnight in Zone. If they would not last at
	// Every, calls become less frequent. 0: no bound.
	Daily int
	Zone  *time.Location
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
	next     time.Time     // no call before
	interval time.Duration // from the last call to the next, if it succeeds
	said     string        // trouble that was logged
	passed   bool          // the last call succeeded

	day  time.Time // its midnight
	used int       // calls of the day
}

// longestPause bounds the time between tries after failures.
const longestPause = 5 * time.Minute

// NewFeed returns a feed. The error lists every wrong setting. Nothing is contacted.
func NewFeed(cfg FeedConfig) (*Feed, error) {
	cfg.Limit = cmp.Or(cfg.Limit, 64<<20)
	if cfg.Hint == nil {
		cfg.Hint = func(error) string { return "" }
	}
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
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
		Service: cfg.Service, URL: base, Timeout: cfg.Timeout, Idle: 1, Accept: cfg.Accept, Limit: cfg.Limit, Log: cfg.Log,
	})
	values, badQuery := url.ParseQuery(query)
	if badQuery != nil || strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		badQuery = errors.New("the query of the URL can't be parsed")
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
	switch {
	case f.client != nil:
		return cta.Redacted(f.client.Addr())
	case strings.ContainsAny(f.cfg.Source, "@?"): // a URL without its scheme
		return cta.Redacted(f.cfg.Source)
	}
	return f.cfg.Source
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

// Next returns the time of the next call.
func (f *Feed) Next() time.Time { return f.next }

// Interval returns the time from the last call to the next, if the last one succeeds.
func (f *Feed) Interval() time.Duration { return f.interval }

// Left returns the calls left of the day of the last one.
func (f *Feed) Left() int { return f.cfg.Daily - f.used }

// Get waits until the next call is due, and makes it. It returns the feed's content; nil if
// it is the same as that of the last call. A failure is a [*cta.ServiceError]; the pause
// until the next call grows with each. If ctx ends, Get returns ctx's error.
func (f *Feed) Get(ctx context.Context) ([]byte, error) {
	if wait := f.next.Sub(f.Clock.Now()); wait > 0 {
		if err := f.Clock.Pause(ctx, wait); err != nil {
			return nil, err
		}
	}
	if f.passed { // the last answer wasn't rejected
		if f.said != "" {
			f.cfg.Log.Info("the feed answers again: "+f.cfg.Service, "addr", f.Addr())
		}
		f.failures, f.said, f.passed = 0, "", false
	}
	f.count(f.Clock.Now())
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
	f.passed = true
	return body, nil
}

// count counts a call, and sets the time of the next.
func (f *Feed) count(now time.Time) {
	scarce := f.interval > 2*f.cfg.Every
	f.interval = f.cfg.Every
	if f.cfg.Daily > 0 {
		local := now.In(f.cfg.Zone)
		day := func(n int) time.Time {
			return time.Date(local.Year(), local.Month(), local.Day()+n, 0, 0, 0, 0, f.cfg.Zone)
		}
		if !day(0).Equal(f.day) {
			f.day, f.used = day(0), 0
		}
		f.interval = max(f.interval, day(1).Sub(now)/time.Duration(max(1, f.Left())))
		f.used++
	}
	if is := f.interval > 2*f.cfg.Every; is != scarce {
		f.cfg.Log.Warn("calls are less frequent, to stay within the daily budget: "+f.cfg.Service, "interval", f.interval.Round(time.Second), "calls left", f.Left())
	}
	f.next = now.Add(f.interval)
}

// Forget makes the next answer new, even if it is the same as the last.
func (f *Feed) Forget() { f.tag, f.modified, f.read = "", "", false }

// Reject counts the last answer as a failure, such as one that can't be read. It returns
// the failure as Get would. The next call is for the whole content.
func (f *Feed) Reject(err error) error {
	f.Forget()
	return f.failed(err)
}

func (f *Feed) failed(err error) error {
	f.failures++
	f.passed = false
	wait := longestPause
	refused, _ := errors.AsType[*rest.Error](err)
	if !refused.Permanent() && f.failures < 8 {
		wait = min(f.cfg.Every<<(f.failures-1), longestPause)
	}
	wait = f.Clock.Spread(wait)
	if refused != nil {
		wait = max(wait, refused.After)
		refused.Message = f.Scrub(refused.Message) // a caller of Reject has read it
	}
	now := f.Clock.Now()
	if at := now.Add(wait); at.After(f.next) {
		f.next = at
	}
	failure := f.fail(err)
	if text := failure.Error(); text != f.said {
		f.said = text
		f.cfg.Log.Warn("waiting for the feed: "+f.cfg.Service, "addr", f.Addr(), "err", failure, "next try in", f.next.Sub(now).Round(time.Second))
	}
	return failure
}

func (f *Feed) fail(err error) error {
	hint := f.cfg.Hint(err)
	var refused *rest.Error
	switch {
	case hint != "":
	case f.client == nil:
		hint = "check the path of the file, and who may read it; a URL begins with https:// or http://"
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
		if of, ok := errors.AsType[*os.PathError](err); ok {
			err = of.Err
		}
		return &cta.ServiceError{Service: f.cfg.Service, Addr: f.Addr(), Hint: hint, Err: err}
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
	if refused := (*rest.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusNotModified && f.read {
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
		err = fmt.Errorf("the file has over %d bytes", f.cfg.Limit)
	}
	if err != nil {
		return nil, err
	}
	f.modified = state
	return body, nil
}
