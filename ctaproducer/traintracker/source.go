package traintracker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/foretold"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/trouble"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/retry"
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

func (c Config) withDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	if c.Every == 0 {
		c.Every = 15 * time.Second
	}
	if c.DailyBudget == 0 {
		c.DailyBudget = 50_000
	}
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	var faults []error
	if strings.TrimSpace(c.Key) == "" && c.Replay == "" {
		faults = append(faults, fmt.Errorf("Key is empty, want the Train Tracker key that the CTA sends: get one, free of charge, at %s", KeyURL))
	}
	if c.Every < 5*time.Second || c.Every > 10*time.Minute {
		faults = append(faults, fmt.Errorf("Every is %v, want 5s to 10m", c.Every))
	}
	if !(c.Speed > 0) {
		faults = append(faults, fmt.Errorf("Speed is %v, want more than 0", c.Speed))
	}
	if c.DailyBudget < 1 {
		faults = append(faults, fmt.Errorf("DailyBudget is %d, want 1 or more", c.DailyBudget))
	}
	return errors.Join(faults...)
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

// Source polls the Train Tracker and derives arrivals. It is safe for concurrent use,
// but each Run polls.
type Source struct {
	cfg    Config
	net    *cta.Network
	client *rest.Client
	query  string
	clock  retry.Clock // tests replace it
	budget budget

	calls       *prometheus.CounterVec
	arrivals    prometheus.Counter
	aside       *prometheus.CounterVec
	predictions prometheus.Counter
	trains      prometheus.Gauge
	left        prometheus.Gauge

	state trouble.State
}

// New returns a source of the trains of net, which is [cta.Chicago] or some of its
// lines. The error lists every wrong setting. Nothing is contacted before Run.
func New(net *cta.Network, cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	if net == nil {
		return nil, errors.New("traintracker: no network")
	}
	s := &Source{
		cfg: cfg, net: net, clock: retry.System,
		budget: budget{daily: cfg.DailyBudget, zone: net.Location},
	}
	s.state.Set(errors.New("Train Tracker: no answer yet"))
	faults := cfg.validate()
	codes := make([]string, 0, len(form.Lines))
	for code, line := range form.Lines {
		if net.Line(line) != nil {
			codes = append(codes, code)
		}
	}
	if len(codes) == 0 {
		faults = errors.Join(faults, fmt.Errorf("network %s has no line of the Chicago 'L'", net.Name))
	}
	slices.Sort(codes)
	var err error
	s.client, err = rest.New(rest.Config{
		Service: "Train Tracker", URL: cfg.URL, Timeout: cfg.Timeout, Idle: 1, Accept: "application/json", Hint: hint, Log: cfg.Log,
	})
	if err := errors.Join(faults, err); err != nil {
		return nil, fmt.Errorf("traintracker: %w", err)
	}
	key := strings.TrimSpace(cfg.Key)
	s.client.Hide(key)
	s.query = "?" + url.Values{"key": {key}, "rt": {strings.Join(codes, ",")}, "outputType": {"JSON"}}.Encode()

	s.calls = metric.Counter(cfg.Metrics, "ctalive_train_tracker_calls_total", "Calls of the Train Tracker, by result: ok, refused (an error code), unreadable (not JSON) or failed.", "result")
	for _, result := range []string{"ok", "refused", "unreadable", "failed"} {
		s.calls.WithLabelValues(result)
	}
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
func (s *Source) Ready() error { return s.state.Err() }

// Run polls until ctx ends, then returns nil. It returns an error of sink, and a
// [*cta.ServiceError] if the first answer is a lasting refusal, such as that of a wrong
// key. Other failures are retried, at growing intervals of up to five minutes.
func (s *Source) Run(ctx context.Context, sink Sink) error {
	defer s.client.Close()
	in := newInference(s.net, func(reason string) { s.aside.WithLabelValues(reason).Inc() })
	log := &trouble.Log{Log: s.cfg.Log.With("addr", s.client.Addr())}
	if s.cfg.Replay != "" {
		return s.replay(ctx, in, sink, log)
	}
	failures, good := 0, false
	for {
		begun := s.clock.Now()
		interval := s.budget.interval(begun, s.cfg.Every)
		if !s.budget.take(begun) {
			s.state.Set(fmt.Errorf("Train Tracker: the daily budget of %d calls is used up", s.cfg.DailyBudget))
			log.Begin("budget", "no calls left today: none is made until midnight in Chicago", "DailyBudget", s.cfg.DailyBudget)
			if s.clock.Pause(ctx, interval) != nil {
				return nil
			}
			continue
		}
		log.Report("budget", interval > 2*s.cfg.Every, "calls come less often, so that the daily budget lasts", "every", interval.Round(time.Second), "DailyBudget", s.cfg.DailyBudget)
		a, came, err := s.ask(ctx, log)
		calls, _ := s.budget.left(begun)
		s.left.Set(float64(calls))
		if ctx.Err() != nil {
			return nil
		}
		wait := interval - s.clock.Now().Sub(begun)
		if err != nil {
			lasting := lasting(err)
			if lasting && !good {
				return fmt.Errorf("traintracker: %w", s.client.Fail(err))
			}
			failures++
			wait = s.backOff(err, failures, interval)
			s.state.Set(s.client.Fail(err))
			log.Begin("call", "waiting for the Train Tracker", "err", s.client.Fail(err), "next try in", wait.Round(time.Second))
		} else {
			failures, good = 0, true
			log.End("call", "the Train Tracker answers again")
			if err := s.take(ctx, in, a, came, interval, sink, log); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("traintracker: %w", err)
			}
		}
		if s.clock.Pause(ctx, max(0, wait)) != nil {
			return nil
		}
	}
}

// feed names the Train Tracker in a recording.
const feed = "train-tracker"

// ask makes one call, and returns when the answer came.
func (s *Source) ask(ctx context.Context, log *trouble.Log) (a *answer, came time.Time, err error) {
	_, body, err := s.client.Do(ctx, http.MethodGet, s.query, nil)
	result := "failed"
	came = s.clock.Now().Truncate(time.Millisecond) // as recordings have it
	if err == nil {
		if s.cfg.Record != nil {
			kept := bytes.ReplaceAll(body, []byte(strings.TrimSpace(s.cfg.Key)), []byte("***")) // errors repeat it
			err := s.cfg.Record.Add(recording.Answer{Feed: feed, Came: came, Body: kept})
			log.Report("record", err != nil, "answers aren't recorded", "err", err)
		}
		a, err = parse(body, came, s.net.Location)
	}
	var refused *rest.Error
	switch {
	case err == nil:
		result = "ok"
	case errors.Is(err, errNotJSON):
		result = "unreadable"
	case errors.As(err, &refused):
		result = "refused"
		refused.Message = s.client.Scrub(refused.Message)
	}
	s.calls.WithLabelValues(result).Inc()
	return a, came, err
}

// replay takes the answers of a recording.
func (s *Source) replay(ctx context.Context, in *inference, sink Sink, log *trouble.Log) error {
	err := recording.Play(ctx, s.cfg.Replay, s.cfg.Speed, func(r recording.Answer) error {
		a, err := parse(r.Body, r.Came, s.net.Location)
		log.Report("call", err != nil, "an answer of the recording can't be read", "err", err)
		if err != nil {
			s.state.Set(s.client.Fail(err))
			return nil
		}
		return s.take(ctx, in, a, r.Came, s.cfg.Every, sink, log)
	}, feed)
	if errors.Is(err, recording.ErrNoAnswer) {
		err = fmt.Errorf("the recording in %s has no answer of the Train Tracker; perhaps it is one of GTFS-Realtime feeds, which need -network", s.cfg.Replay)
	}
	if err != nil {
		return fmt.Errorf("traintracker: %w", err)
	}
	return nil
}

// take passes on what an answer shows.
func (s *Source) take(ctx context.Context, in *inference, a *answer, now time.Time, interval time.Duration, sink Sink, log *trouble.Log) error {
	log.Report("clock", a.at.Sub(now) > maxAhead, "answers come from the future and are set aside: check this machine's clock", "answer", a.at, "now", now)
	arrivals, predictions := in.apply(a, now, interval)
	s.trains.Set(float64(len(in.trains)))
	since, frozen := in.frozen()
	frozen = frozen || now.Sub(in.latest) > frozenFor
	switch {
	case frozen:
		s.state.Set(fmt.Errorf("Train Tracker: no train has moved since %s", since.Format(time.TimeOnly)))
	default:
		s.state.Set(nil)
	}
	log.Report("frozen", frozen, "the Train Tracker answers, but no train moves in its answers", "since", since.In(s.net.Location))
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

// backOff returns how long to wait after a number of failures in a row.
func (s *Source) backOff(err error, failures int, interval time.Duration) time.Duration {
	const longest = 5 * time.Minute
	if code(err) == codeDailyLimit {
		_, rest := s.budget.left(s.clock.Now())
		return min(rest, 15*time.Minute)
	}
	wait := longest
	if !lasting(err) && failures < 8 {
		wait = min(interval<<(failures-1), longest)
	}
	return max(s.clock.Spread(wait), min(interval, longest))
}
