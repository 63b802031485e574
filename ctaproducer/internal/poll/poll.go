// Package poll is what the sources of trains and alerts share: it calls their feeds, keeps
// the answers, and plays recordings back.
package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/restclient"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Config holds the settings that the sources have in common, as their users give them.
type Config struct {
	Source string // the package, which begins each error
	Feeds  []Feed
	Calls  string // metric that counts calls

	Least, Every time.Duration // Least is that of Every
	Timeout      time.Duration // default: 10s
	Record       *recording.Recorder
	Repeats      bool // Record keeps answers that are unchanged, too
	Replay       string
	Speed        float64 // default: 1
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Feed is a feed to call. One without a Source is not called. Every, Timeout and Log are
// those of Config.
type Feed struct {
	Code string // in recordings
	restclient.FeedConfig
}

// Poll calls feeds. Only its State is safe for concurrent use.
type Poll struct {
	Config
	Clock   retry.Clock // tests replace it
	State   State
	Trouble Trouble
	Called  []*restclient.Feed     // as Feeds; nil for one without a Source
	Results *prometheus.CounterVec // of calls

	codes []string
}

// New returns a Poll. The error lists every wrong setting. Nothing is contacted.
func New(cfg Config) (*Poll, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.Speed = cmp.Or(cfg.Speed, 1)
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	p := &Poll{Config: cfg, Clock: retry.System, Trouble: Trouble{Log: cfg.Log}, Called: make([]*restclient.Feed, len(cfg.Feeds))}
	p.State.Set(errors.New(cfg.Source + ": no answer yet"))
	var faults []error
	if cfg.Every < cfg.Least || cfg.Every > 10*time.Minute {
		faults = append(faults, fmt.Errorf("Every is %v, want %v to 10m", cfg.Every, cfg.Least))
	}
	if !(cfg.Speed > 0) {
		faults = append(faults, fmt.Errorf("Speed is %v, want more than 0", cfg.Speed))
	}
	for i, f := range cfg.Feeds {
		p.codes = append(p.codes, f.Code)
		if f.Source == "" {
			continue
		}
		f.Every, f.Timeout, f.Log = cfg.Every, cfg.Timeout, cfg.Log
		var err error
		p.Called[i], err = restclient.NewFeed(f.FeedConfig)
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	p.Results = metric.Counter(cfg.Metrics, cfg.Calls, "Calls of feeds, by result: ok, unchanged, refused (an error code), unreadable or failed.", "result")
	for _, result := range []string{"ok", "unchanged", "refused", "unreadable", "failed"} {
		p.Results.WithLabelValues(result)
	}
	return p, nil
}

// Run calls hear with each new answer, which returns why it can't read the answer. After
// each call it calls settle with the failures of all feeds. Run returns nil once ctx ends,
// or the recording; else the first error of settle, or [recording.ErrNoAnswer].
func (p *Poll) Run(ctx context.Context, hear func(feed int, body []byte, at time.Time) error, settle func(at time.Time, failed error) error) error {
	if p.Replay != "" {
		return p.ended(ctx, recording.Play(ctx, p.Replay, p.Speed, func(a recording.Answer) error {
			i := slices.Index(p.codes, a.Feed)
			err := hear(i, a.Body, a.Came)
			p.Trouble.Report("recorded "+a.Feed, err != nil, "an answer of the recording can't be read", "feed", p.Feeds[i].Service, "err", err)
			return settle(a.Came, err)
		}, p.codes...))
	}
	for _, f := range p.Called {
		if f != nil {
			f.Clock = p.Clock
			f.Forget()
			defer f.Close()
		}
	}
	failed, last := make([]error, len(p.Called)), make([][]byte, len(p.Called))
	for {
		i := p.due()
		body, err := p.Called[i].Get(ctx)
		if ctx.Err() != nil {
			return nil
		}
		at := p.Clock.Now().Truncate(time.Millisecond) // as recordings have it
		result := "ok"
		switch {
		case err != nil:
			result = "failed"
		case body == nil:
			if result = "unchanged"; p.Repeats {
				p.record(i, last[i], at)
			}
		default:
			last[i] = body
			if unread := hear(i, body, at); unread != nil {
				if result = "unreadable"; errors.As(unread, new(*rest.Error)) {
					result = "refused"
				}
				err = p.Called[i].Reject(unread)
				last[i] = []byte(p.Called[i].Scrub(string(body))) // it may repeat a key
			}
			p.record(i, last[i], at)
		}
		p.Results.WithLabelValues(result).Inc()
		failed[i] = err
		if err := settle(at, errors.Join(failed...)); err != nil {
			return p.ended(ctx, err)
		}
	}
}

// due returns the feed with the earliest next call.
func (p *Poll) due() (first int) {
	first = -1
	for i, f := range p.Called {
		if f != nil && (first < 0 || f.Next().Before(p.Called[first].Next())) {
			first = i
		}
	}
	return first
}

func (p *Poll) record(feed int, body []byte, came time.Time) {
	if p.Record != nil {
		err := p.Record.Add(recording.Answer{Feed: p.codes[feed], Came: came, Body: body})
		p.Trouble.Report("record", err != nil, "answers aren't recorded", "err", err)
	}
}

func (p *Poll) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.Source, err)
}
