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
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/poll"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/restclient"
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
	// Replay is the folder of a recording to read answers from, instead of URL. Run
	// returns nil at the end, also if the recording has no alerts. Default: none.
	Replay string
	// Speed is the speed of Replay: seconds of the recording a second, or math.Inf(1).
	// Default: 1.
	Speed float64
	// Log receives the beginning and the end of each kind of trouble. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of answers, of alerts written and set aside, and the
	// number of alerts. Default: none.
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
	net    *cta.Network
	reader *realtime.Reader
	poll   *poll.Poll

	written *prometheus.CounterVec
	aside   prometheus.Counter
	current prometheus.Gauge
}

// New returns a source of alerts about net. The error lists every wrong setting. Nothing
// is contacted before Run.
func New(net *cta.Network, cfg Config) (*Source, error) {
	if net == nil {
		return nil, errors.New("alerts: the network is nil")
	}
	p, err := poll.New(poll.Config{
		Source: "alerts", Calls: "ctalive_alert_calls_total", Least: 10 * time.Second, Every: cmp.Or(cfg.Every, time.Minute),
		Timeout: cfg.Timeout, Record: cfg.Record, Repeats: true, Replay: cfg.Replay, Speed: cfg.Speed, Log: cfg.Log, Metrics: cfg.Metrics,
		Feeds: []poll.Feed{{Code: "alerts", FeedConfig: restclient.FeedConfig{Service: "alerts", Source: cmp.Or(cfg.URL, DefaultURL), Header: cfg.Header, Limit: maxAnswer}}},
	})
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	s := &Source{net: net, reader: realtime.NewReader(net), poll: p}
	s.written = metric.Counter(cfg.Metrics, "ctalive_alert_writes_total", "Alerts written, by kind: put (new or changed) or ended.", "kind")
	for _, kind := range []string{"put", "ended"} {
		s.written.WithLabelValues(kind)
	}
	s.aside = metric.Counter(cfg.Metrics, "ctalive_alert_set_aside_total", "Alerts and selectors that concern nothing in the network, or can't be read, once per changed answer.").WithLabelValues()
	s.current = metric.Gauge(cfg.Metrics, "ctalive_alerts", "Alerts in the topic.").WithLabelValues()
	return s, nil
}

// Run reads alerts until ctx ends, then returns nil. It returns an error of sink.
// Failures of the feed are retried, at growing intervals of up to five minutes.
func (s *Source) Run(ctx context.Context, sink Sink) error {
	known, err := sink.Current(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	r := &reading{Source: s, known: make(map[string]alert.Alert), missing: map[string]absence{}}
	maps.Copy(r.known, known) // which is the sink's, and may be nil
	err = s.poll.Run(ctx, r.hear, func(at time.Time, failed error) error {
		s.poll.State.Set(failed)
		if failed != nil {
			return nil
		}
		return r.apply(ctx, sink, at)
	})
	if errors.Is(err, recording.ErrNoAnswer) {
		s.poll.Log.Info("the recording has no alerts", "folder", s.poll.Replay)
		return nil
	}
	return err
}

// reading is what a run remembers.
type reading struct {
	*Source
	known   map[string]alert.Alert // the sink's
	missing map[string]absence
	latest  []alert.Alert // of the last answer that could be read
	said    int           // set aside, when it was last logged
}

func (r *reading) hear(_ int, body []byte, _ time.Time) error {
	alerts, aside, err := r.read(body)
	if err != nil {
		return err
	}
	r.latest = alerts
	r.aside.Add(float64(aside))
	if aside != r.said {
		r.said = aside
		r.poll.Log.Info("left out alerts, or parts of alerts, that concern nothing in the network", "network", r.net.Name, "parts", aside, "alerts kept", len(alerts))
	}
	return nil
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

// absence is how long an alert has been missing.
type absence struct {
	since   time.Time
	answers int
}

func (r *reading) apply(ctx context.Context, sink Sink, now time.Time) error {
	there := map[string]bool{}
	for _, a := range r.latest {
		if a.Over(now) {
			continue
		}
		there[a.ID] = true
		delete(r.missing, a.ID)
		old, known := r.known[a.ID]
		if known && same(old, a) || !known && len(r.known) >= 2*maxAlerts {
			continue
		}
		if err := sink.Put(ctx, a); err != nil {
			return err
		}
		r.known[a.ID] = a
		r.written.WithLabelValues("put").Inc()
	}
	for _, id := range slices.Sorted(maps.Keys(r.known)) {
		if there[id] {
			continue
		}
		gone, ok := r.missing[id]
		if !ok {
			gone.since = now
		}
		gone.answers++
		r.missing[id] = gone
		if !r.known[id].Over(now) && (gone.answers < missingAnswers || now.Sub(gone.since) < missingFor) {
			continue
		}
		if err := sink.End(ctx, id); err != nil {
			return err
		}
		delete(r.known, id)
		delete(r.missing, id)
		r.written.WithLabelValues("ended").Inc()
	}
	r.current.Set(float64(len(r.known)))
	return nil
}

// same reports whether two alerts have equal content. An empty list equals a missing
// one.
func same(a, b alert.Alert) bool {
	return a.ID == b.ID && a.Cause == b.Cause && a.Effect == b.Effect && a.Severity == b.Severity &&
		slices.Equal(a.Active, b.Active) && slices.Equal(a.Informed, b.Informed) &&
		slices.Equal(a.Header, b.Header) && slices.Equal(a.Description, b.Description) && slices.Equal(a.URL, b.URL)
}
