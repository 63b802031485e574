package traintracker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/foretold"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/poll"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/restclient"
)

const (
	// DefaultURL is the address of the CTA's Train Tracker.
	DefaultURL = "https://lapi.transitchicago.com/api/1.0/ttpositions.aspx"
	// KeyURL is where the CTA gives keys, free of charge.
	KeyURL = "https://www.transitchicago.com/developers/traintrackerapply/"
)

// Config holds the settings of a [Source]. Key is required, or Replay.
type Config struct {
	// Key is the key that the CTA has sent you; see [KeyURL].
	Key string
	// URL is the address of ttpositions. Default: [DefaultURL].
	URL string
	// Every is the time from one call to the next, from 5s to 10m. The Train Tracker
	// has new data every 15 to 20 seconds. Default: 15s.
	Every time.Duration
	// DailyBudget is the number of calls from midnight to midnight in Chicago, retries
	// included. If they would not last at Every, calls become less frequent. A new
	// Source begins at 0. Default: 50,000, the lower of the limits that the CTA names.
	DailyBudget int
	// Timeout bounds one call, from 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Record keeps the answers, without the key. Default: none.
	Record *recording.Recorder
	// Replay is the folder of a recording, from which Run takes the answers instead of
	// the Train Tracker. It returns nil at the end. Default: none.
	Replay string
	// Speed is that of Replay: seconds of the recording a second, or math.Inf(1).
	// Default: 1.
	Speed float64
	// Log receives the beginning and the end of each kind of trouble. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of calls, arrivals and what was set aside, the
	// trains that are known, and the calls left. Default: none.
	Metrics prometheus.Registerer
}

// Sink receives the arrivals. ctaproducer's Emitter is one. If it is a [PredictionSink]
// too, it also receives the CTA's predictions.
type Sink interface {
	Arrive(ctx context.Context, at time.Time, a cta.Arrival) error
}

// PredictionSink receives the CTA's predictions. ctaproducer's PredictionTable is one.
type PredictionSink interface {
	Predict(ctx context.Context, p cta.Prediction) error
}

// Source polls the Train Tracker and derives arrivals. It is safe for concurrent use, but
// Run is for one goroutine.
type Source struct {
	cfg  Config
	net  *cta.Network
	poll *poll.Poll

	arrivals    prometheus.Counter
	aside       *prometheus.CounterVec
	predictions prometheus.Counter
	trains      prometheus.Gauge
	left        prometheus.Gauge
}

// New returns a source of the trains of net, which is [cta.Chicago] or some of its
// lines. The error lists every wrong setting. Nothing is contacted before Run.
func New(net *cta.Network, cfg Config) (*Source, error) {
	if net == nil {
		return nil, errors.New("traintracker: no network")
	}
	cfg.URL, cfg.Key = cmp.Or(cfg.URL, DefaultURL), strings.TrimSpace(cfg.Key)
	cfg.DailyBudget = cmp.Or(cfg.DailyBudget, 50_000)
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if cfg.Key == "" && cfg.Replay == "" {
		fault("Key is empty, want the Train Tracker key that the CTA sends: get one, free of charge, at %s", KeyURL)
	}
	if cfg.DailyBudget < 1 {
		fault("DailyBudget is %d, want 1 or more", cfg.DailyBudget)
	}
	if !strings.Contains(cfg.URL, "://") || strings.Contains(cfg.URL, "?") {
		fault("URL is %q, want that of ttpositions, without a query", cta.Redacted(cfg.URL))
	}
	var codes []string
	for code, line := range form.Lines {
		if net.Line(line) != nil {
			codes = append(codes, code)
		}
	}
	if len(codes) == 0 {
		fault("network %s has no line of the Chicago 'L'", net.Name)
	}
	slices.Sort(codes)
	query := url.Values{"key": {cfg.Key}, "rt": {strings.Join(codes, ",")}, "outputType": {"JSON"}}
	p, err := poll.New(poll.Config{
		Source: "traintracker", Calls: "ctalive_train_tracker_calls_total", Least: 5 * time.Second, Every: cmp.Or(cfg.Every, 15*time.Second),
		Timeout: cfg.Timeout, Record: cfg.Record, Replay: cfg.Replay, Speed: cfg.Speed, Log: cfg.Log, Metrics: cfg.Metrics,
		Feeds: []poll.Feed{{Code: "train-tracker", FeedConfig: restclient.FeedConfig{Service: "Train Tracker", Source: cfg.URL + "?" + query.Encode(),
			Accept: "application/json", Limit: 4 << 20, Daily: cfg.DailyBudget, Zone: net.Location, Hint: hint}}},
	})
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("traintracker: %w", err)
	}
	s := &Source{cfg: cfg, net: net, poll: p}
	s.arrivals = metric.Counter(cfg.Metrics, "ctalive_train_tracker_arrivals_total", "Arrivals derived from the Train Tracker's positions.").WithLabelValues()
	s.aside = metric.Counter(cfg.Metrics, "ctalive_train_tracker_set_aside_total", "Observations from which nothing was derived, by reason.", "reason")
	s.predictions = metric.Counter(cfg.Metrics, "ctalive_train_tracker_predictions_total", "Predictions of trains passed on from the Train Tracker.").WithLabelValues()
	s.trains = metric.Gauge(cfg.Metrics, "ctalive_train_tracker_trains", "Trains in the latest answers.").WithLabelValues()
	s.left = metric.Gauge(cfg.Metrics, "ctalive_train_tracker_calls_left", "Calls left of today's budget.").WithLabelValues()
	s.left.Set(float64(cfg.DailyBudget))
	return s, nil
}

// Ready returns nil while answers arrive in which trains move, else an error with the
// reason.
func (s *Source) Ready() error { return s.poll.State.Err() }

// Run polls until ctx ends, then returns nil. It returns an error of sink, and a
// [*cta.ServiceError] if the first answer is a lasting refusal, such as that of a wrong
// key. Other failures are retried, at growing intervals of up to five minutes.
func (s *Source) Run(ctx context.Context, sink Sink) error {
	in := newInference(s.net, func(reason string) { s.aside.WithLabelValues(reason).Inc() })
	var heard *answer
	good, feed := s.cfg.Replay != "", s.poll.Called[0]
	hear := func(_ int, body []byte, at time.Time) (err error) {
		heard, err = parse(body, at, s.net.Location)
		return err
	}
	err := s.poll.Run(ctx, hear, func(at time.Time, failed error) error {
		a := heard
		heard = nil
		s.left.Set(float64(feed.Left()))
		if failed != nil {
			if refused, ok := errors.AsType[*rest.Error](failed); ok && !good && refused.Permanent() {
				return failed
			}
			s.poll.State.Set(failed)
			return nil
		}
		good = true
		return s.take(ctx, in, a, at, cmp.Or(feed.Interval(), s.poll.Every), sink)
	})
	if errors.Is(err, recording.ErrNoAnswer) {
		return fmt.Errorf("traintracker: the recording in %s has no answers of the Train Tracker; one of GTFS-Realtime feeds is replayed with its network by package realtime", s.cfg.Replay)
	}
	return err
}

// take passes on what an answer shows; nil is one that is unchanged.
func (s *Source) take(ctx context.Context, in *inference, a *answer, now time.Time, interval time.Duration, sink Sink) error {
	var arrivals []arrival
	var predictions []cta.Prediction
	log := &s.poll.Trouble
	if a == nil {
		in.aside(asideRepeated)
	} else {
		log.Report("clock", a.at.Sub(now) > maxAhead, "answers come from the future and are set aside: check this machine's clock", "answer", a.at, "now", now)
		arrivals, predictions = in.apply(a, now, interval)
	}
	s.trains.Set(float64(len(in.trains)))
	var wait error
	frozen := in.frozen(now)
	switch {
	case in.latest.IsZero():
		wait = errors.New("Train Tracker: no answer so far can be used")
	case frozen:
		wait = fmt.Errorf("Train Tracker: no train has moved since %s", in.since.Format(time.TimeOnly))
	}
	s.poll.State.Set(wait)
	log.Report("frozen", frozen, "the Train Tracker answers, but no train moves in its answers", "since", in.since)
	for code, r := range in.routes {
		log.Report("line "+code, !in.mute[r].IsZero(), "most trains of a line are missing from the answers; they are kept for now", "line", r.line.ID)
	}
	for _, arr := range arrivals {
		if err := sink.Arrive(ctx, arr.at, arr.Arrival); err != nil {
			return err
		}
		s.arrivals.Inc()
	}
	return foretold.Pass(ctx, sink, predictions, s.predictions)
}
