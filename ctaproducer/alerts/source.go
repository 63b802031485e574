package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs/realtime"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/trouble"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// DefaultURL is the address of the CTA's alerts. It needs no key.
const DefaultURL = "https://lapi.transitchicago.com/api/1.0/alerts.aspx?outputType=JSON"

// When an alert that is missing from answers is over: both must be true.
const (
	missingFor     = 5 * time.Minute
	missingAnswers = 3
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 8 << 20

// Config holds the optional settings of a [Source]. The zero value reads the CTA's
// alerts.
type Config struct {
	// URL is the address of the CTA's alerts or of a GTFS-Realtime feed, with its query,
	// or the path of a file. Default: [DefaultURL].
	URL string
	// Header is sent with each call, such as an agency's key. Its values are treated as
	// secrets. Default: none.
	Header http.Header
	// Every is the time from one call to the next, from 10s to 10m. Default: 1m.
	Every time.Duration
	// Timeout bounds one call, from 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Record keeps the answers, those that are unchanged included: an alert is over by how
	// often it was missing. Default: none.
	Record *recording.Recorder
	// Replay is the folder of a recording, from which Run takes the answers instead of URL.
	// It returns nil at the end, also if the recording has no alerts. Default: none.
	Replay string
	// Speed is that of Replay: seconds of the recording a second, or math.Inf(1).
	// Default: 1.
	Speed float64
	// Log receives the beginning and the end of each kind of trouble. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of answers, of what was written and what was set
	// aside, and the number of alerts. Default: none.
	Metrics prometheus.Registerer
}

// Sink keeps alerts. ctaproducer's AlertTable is one.
type Sink interface {
	// Current returns the alerts that are kept, by id.
	Current(ctx context.Context) (map[string]alert.Alert, error)
	// Put adds an alert, or replaces the one with its id.
	Put(ctx context.Context, a alert.Alert) error
	// End removes an alert.
	End(ctx context.Context, id string) error
}

// Source reads alerts again and again. It is safe for concurrent use, but Run is for one
// goroutine.
type Source struct {
	cfg    Config
	net    *cta.Network
	reader *realtime.Reader
	feed   *rest.Feed
	clock  retry.Clock // tests replace it

	answers *prometheus.CounterVec
	written *prometheus.CounterVec
	aside   prometheus.Counter
	current prometheus.Gauge

	state trouble.State
}

// New returns a source of alerts about net. The error lists every wrong setting. Nothing
// is contacted before Run.
func New(net *cta.Network, cfg Config) (*Source, error) {
	if net == nil {
		return nil, errors.New("alerts: no network")
	}
	cfg.URL = cmp.Or(cfg.URL, DefaultURL)
	cfg.Every = cmp.Or(cfg.Every, time.Minute)
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.Speed = cmp.Or(cfg.Speed, 1)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	var fault error
	if cfg.Every < 10*time.Second || cfg.Every > 10*time.Minute {
		fault = fmt.Errorf("Every is %v, want 10s to 10m", cfg.Every)
	}
	if !(cfg.Speed > 0) {
		fault = errors.Join(fault, fmt.Errorf("Speed is %v, want more than 0", cfg.Speed))
	}
	feed, err := rest.NewFeed(rest.FeedConfig{
		Service: "alerts", Source: cfg.URL, Header: cfg.Header, Every: cfg.Every, Timeout: cfg.Timeout, Limit: maxAnswer, Log: cfg.Log,
	})
	if err := errors.Join(fault, err); err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	s := &Source{
		cfg: cfg, net: net, reader: realtime.NewReader(net), feed: feed, clock: retry.System,
	}
	s.state.Set(errors.New("alerts: no answer yet"))
	s.answers = metric.Counter(cfg.Metrics, "ctalive_alert_answers_total", "Answers of the feed of alerts, by result: ok or failed.", "result")
	s.written = metric.Counter(cfg.Metrics, "ctalive_alert_writes_total", "Alerts written, by kind: put (new or changed) or ended.", "kind")
	for _, result := range []string{"ok", "failed"} {
		s.answers.WithLabelValues(result)
	}
	for _, kind := range []string{"put", "ended"} {
		s.written.WithLabelValues(kind)
	}
	s.aside = metric.Counter(cfg.Metrics, "ctalive_alert_set_aside_total", "Alerts and selectors that concern nothing in the network, or can't be read, once per changed answer.").WithLabelValues()
	s.current = metric.Gauge(cfg.Metrics, "ctalive_alerts", "Alerts in the topic.").WithLabelValues()
	return s, nil
}

// Ready returns nil while answers arrive, else an error with the reason.
func (s *Source) Ready() error { return s.state.Err() }

// Run reads alerts until ctx ends, then returns nil. It returns an error of sink.
// Failures of the feed are retried, at growing intervals of up to five minutes.
func (s *Source) Run(ctx context.Context, sink Sink) error {
	defer s.feed.Close()
	known, err := sink.Current(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	r := &reading{Source: s, board: &board{known: make(map[string]alert.Alert), missing: map[string]absence{}}, sink: sink, log: trouble.Log{Log: s.cfg.Log}}
	maps.Copy(r.board.known, known) // which is the sink's, and may be nil
	if s.cfg.Replay != "" {
		return r.replay(ctx)
	}
	var last []byte // answer, to record
	for {
		body, err := s.feed.Get(ctx)
		came := s.clock.Now()
		if err == nil && body != nil {
			last = body
			if err = r.hear(body); err != nil {
				last = []byte(s.feed.Scrub(string(body))) // a page may repeat a key
				err = s.feed.Reject(err)
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if s.cfg.Record != nil && (err == nil || body != nil) {
			err := s.cfg.Record.Add(recording.Answer{Feed: code, Came: came, Body: last})
			r.log.Report("record", err != nil, "answers aren't recorded", "err", err)
		}
		if err := r.take(ctx, err, came); err != nil {
			return ended(ctx, err)
		}
		if s.clock.Pause(ctx, s.cfg.Every) != nil {
			return nil
		}
	}
}

// code names the feed in a recording.
const code = "alerts"

// reading is what a run remembers.
type reading struct {
	*Source
	board  *board
	sink   Sink
	log    trouble.Log
	latest []alert.Alert // of the last answer that could be read
	said   int           // set aside, when it was last logged
}

// replay takes the answers of a recording.
func (r *reading) replay(ctx context.Context) error {
	err := recording.Play(ctx, r.cfg.Replay, r.cfg.Speed, func(a recording.Answer) error {
		err := r.hear(a.Body)
		r.log.Report("call", err != nil, "an answer of the recording can't be read", "err", err)
		return r.take(ctx, err, a.Came)
	}, code)
	if errors.Is(err, recording.ErrNoAnswer) {
		r.cfg.Log.Info("the recording has no alerts", "folder", r.cfg.Replay)
		return nil
	}
	if err != nil {
		return ended(ctx, err)
	}
	return nil
}

// hear reads the alerts of an answer.
func (r *reading) hear(body []byte) error {
	alerts, aside, err := r.read(body)
	if err != nil {
		return err
	}
	r.latest = alerts
	r.aside.Add(float64(aside))
	if aside != r.said {
		r.said = aside
		r.cfg.Log.Info("alerts, or parts of them, concern nothing in the network and are left out", "addr", r.feed.Addr(), "network", r.net.Name, "parts", aside, "alerts kept", len(alerts))
	}
	return nil
}

// take writes what a call has changed. failure is the call's; the result is an error of
// the sink.
func (r *reading) take(ctx context.Context, failure error, now time.Time) error {
	r.state.Set(failure)
	if failure != nil {
		r.answers.WithLabelValues("failed").Inc()
		return nil
	}
	r.answers.WithLabelValues("ok").Inc()
	return r.apply(ctx, r.board, r.latest, r.sink, now)
}

// ended returns the result of Run after an error of its sink: nil if ctx has ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("alerts: %w", err)
}

// read returns the alerts of an answer, each id once and within bounds, and how many
// alerts and parts of them were set aside.
func (s *Source) read(body []byte) (alerts []alert.Alert, aside int, err error) {
	all, aside, err := s.parse(body)
	seen := map[string]bool{}
	for _, a := range all {
		a, ok := tidy(a)
		if !ok || seen[a.ID] || len(alerts) == maxAlerts {
			aside++
			continue
		}
		seen[a.ID] = true
		alerts = append(alerts, a)
	}
	return alerts, aside, err
}

// board is what the sink keeps, and how long each alert has been missing.
type board struct {
	known   map[string]alert.Alert
	missing map[string]absence
}

type absence struct {
	since   time.Time
	answers int
}

// apply writes what an answer changes.
func (s *Source) apply(ctx context.Context, b *board, latest []alert.Alert, sink Sink, now time.Time) error {
	there := map[string]bool{}
	for _, a := range latest {
		if a.Over(now) {
			continue
		}
		there[a.ID] = true
		delete(b.missing, a.ID)
		old, known := b.known[a.ID]
		if known && same(old, a) || !known && len(b.known) >= 2*maxAlerts {
			continue
		}
		if err := sink.Put(ctx, a); err != nil {
			return err
		}
		b.known[a.ID] = a
		s.written.WithLabelValues("put").Inc()
	}
	for _, id := range slices.Sorted(maps.Keys(b.known)) {
		if there[id] {
			continue
		}
		gone, ok := b.missing[id]
		if !ok {
			gone.since = now
		}
		gone.answers++
		b.missing[id] = gone
		if !b.known[id].Over(now) && (gone.answers < missingAnswers || now.Sub(gone.since) < missingFor) {
			continue
		}
		if err := sink.End(ctx, id); err != nil {
			return err
		}
		delete(b.known, id)
		delete(b.missing, id)
		s.written.WithLabelValues("ended").Inc()
	}
	s.current.Set(float64(len(b.known)))
	return nil
}

// same reports whether two alerts say the same. An empty list is none.
func same(a, b alert.Alert) bool {
	return a.ID == b.ID && a.Cause == b.Cause && a.Effect == b.Effect && a.Severity == b.Severity &&
		slices.Equal(a.Active, b.Active) && slices.Equal(a.Informed, b.Informed) &&
		slices.Equal(a.Header, b.Header) && slices.Equal(a.Description, b.Description) && slices.Equal(a.URL, b.URL)
}
