package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/foretold"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/trouble"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Config holds the settings of a [Source]. One of Vehicles, Trips and Replay is required.
type Config struct {
	// Vehicles and Trips are the feeds of vehicle positions and of trip updates: an http
	// or https URL, or the path of a file. One feed may hold both. Default: none.
	Vehicles, Trips string
	// Header is sent with each request, such as one with a key. Default: none.
	Header http.Header
	// Every is the time from one call to the next, from 5s to 10m. Default: 15s.
	Every time.Duration
	// Timeout bounds one call, from 1ms to 5m. Default: 10s.
	Timeout time.Duration
	// Record keeps the answers. Default: none.
	Record *recording.Recorder
	// Replay is the folder of a recording, from which Run takes the answers instead of
	// feeds. It returns nil at the end. Default: none.
	Replay string
	// Speed is that of Replay: seconds of the recording a second, or math.Inf(1).
	// Default: 1.
	Speed float64
	// Log receives the beginning and the end of each kind of trouble. Default: silent.
	Log *slog.Logger
	// Metrics receives the counts of calls, arrivals and what was set aside, and the
	// trains that are known. Default: none.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	if c.Every == 0 {
		c.Every = 15 * time.Second
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

// Sink receives the arrivals. ctaproducer's Emitter is one. If it is a [PredictionSink]
// too, it also receives the agency's predictions.
type Sink interface {
	Arrive(ctx context.Context, at time.Time, a cta.Arrival) error
}

// PredictionSink receives the agency's predictions. ctaproducer's PredictionTable is one.
type PredictionSink interface {
	Predict(ctx context.Context, p cta.Prediction) error
}

// Source polls feeds and derives arrivals. It is safe for concurrent use, but each Run
// polls.
type Source struct {
	cfg   Config
	net   *cta.Network
	clock retry.Clock         // tests replace it
	names []string            // of feeds, by index
	feeds [2]*rest.FeedConfig // nil for one that isn't given

	calls       *prometheus.CounterVec
	arrivals    *prometheus.CounterVec
	aside       *prometheus.CounterVec
	predictions *prometheus.CounterVec
	trains      *prometheus.GaugeVec

	state trouble.State
}

// maxFeed bounds a feed, in bytes. Feeds of whole countries have 10 to 20 MB.
const maxFeed = 32 << 20

// New returns a source of the trains of net, which needs a timetable, as networks of
// package cta/gtfs have one. The error lists every wrong setting. Nothing is contacted
// before Run.
func New(net *cta.Network, cfg Config) (*Source, error) {
	cfg = cfg.withDefaults()
	if net == nil {
		return nil, errors.New("realtime: no network")
	}
	s := &Source{cfg: cfg, net: net, clock: retry.System}
	s.state.Set(errors.New("GTFS-Realtime: no answer yet"))
	var faults []error
	if cfg.Vehicles == "" && cfg.Trips == "" && cfg.Replay == "" {
		faults = append(faults, errors.New("Vehicles and Trips are empty, want the URL or the file of at least one feed; agencies name theirs on the pages for developers"))
	}
	if cfg.Every < 5*time.Second || cfg.Every > 10*time.Minute {
		faults = append(faults, fmt.Errorf("Every is %v, want 5s to 10m", cfg.Every))
	}
	if !(cfg.Speed > 0) {
		faults = append(faults, fmt.Errorf("Speed is %v, want more than 0", cfg.Speed))
	}
	if !timetabled(net) {
		faults = append(faults, fmt.Errorf("network %s has no timetable, which the trips of a feed belong to: load the agency's GTFS feed by package cta/gtfs", net.Name))
	}
	add := func(service, source string) {
		if s.names = append(s.names, service); source == "" {
			return
		}
		f := rest.FeedConfig{Service: service, Source: source, Header: cfg.Header, Accept: "application/x-protobuf, application/octet-stream, */*",
			Every: cfg.Every, Timeout: cfg.Timeout, Limit: maxFeed, Hint: hint, Log: cfg.Log}
		if _, err := rest.NewFeed(f); err != nil {
			faults = append(faults, err)
		}
		s.feeds[len(s.names)-1] = &f
	}
	add("vehicle positions", cfg.Vehicles)
	if cfg.Trips == cfg.Vehicles {
		cfg.Trips = "" // one feed for both
	}
	add("trip updates", cfg.Trips)
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	s.calls = metric.Counter(cfg.Metrics, "ctalive_realtime_calls_total", "Calls of the GTFS-Realtime feeds, by result: ok, unchanged, unreadable (not GTFS-Realtime) or failed.", "result")
	for _, result := range []string{"ok", "unchanged", "unreadable", "failed"} {
		s.calls.WithLabelValues(result)
	}
	s.arrivals = metric.Counter(cfg.Metrics, "ctalive_realtime_arrivals_total", "Arrivals derived from the GTFS-Realtime feeds.")
	s.aside = metric.Counter(cfg.Metrics, "ctalive_realtime_set_aside_total", "Observations from which nothing was derived, by reason.", "reason")
	s.predictions = metric.Counter(cfg.Metrics, "ctalive_realtime_predictions_total", "Predictions of trains passed on from the GTFS-Realtime feeds.")
	s.trains = metric.Gauge(cfg.Metrics, "ctalive_realtime_trains", "Trains in service by the latest answers.")
	return s, nil
}

func timetabled(net *cta.Network) bool {
	for _, l := range net.Lines {
		for _, p := range l.Patterns {
			if len(p.Trips) > 0 {
				return true
			}
		}
	}
	return false
}

func hint(err error) string {
	if errors.Is(err, errNotFeed) {
		return "usually it passes; if it doesn't, check that the URL is that of the feed as protobuf"
	}
	return ""
}

// Ready returns nil while answers arrive in which trains move, else an error with the
// reason.
func (s *Source) Ready() error { return s.state.Err() }

// Run polls until ctx ends, then returns nil. It returns an error of sink. Failures of
// feeds are retried, at growing intervals of up to five minutes.
func (s *Source) Run(ctx context.Context, sink Sink) error {
	if s.cfg.Replay != "" {
		return s.replay(ctx, sink)
	}
	var feeds [2]*rest.Feed
	for i, cfg := range s.feeds {
		if cfg == nil {
			continue
		}
		f, err := rest.NewFeed(*cfg)
		if err != nil {
			return fmt.Errorf("realtime: %w", err)
		}
		defer f.Close()
		f.Clock = s.clock
		feeds[i] = f
	}
	r := s.newReading()
	for {
		begun := s.clock.Now()
		failed := make([]error, len(feeds))
		for i, f := range feeds {
			if f == nil {
				continue
			}
			body, err := f.Get(ctx)
			if ctx.Err() != nil {
				return nil
			}
			switch {
			case err != nil:
				s.calls.WithLabelValues("failed").Inc()
				failed[i] = err
			case body == nil:
				s.calls.WithLabelValues("unchanged").Inc()
			default:
				came := s.clock.Now()
				err := r.take(ctx, i, body, came, sink)
				r.record(i, body, came, err == nil, f)
				if err != nil {
					if ctx.Err() != nil {
						return nil
					}
					if errors.As(err, new(*sinkError)) {
						return err
					}
					failed[i] = f.Reject(err)
				}
			}
		}
		s.state.Set(errors.Join(errors.Join(failed...), r.frozen(s.clock.Now())))
		if s.clock.Pause(ctx, max(0, s.cfg.Every-s.clock.Now().Sub(begun))) != nil {
			return nil
		}
	}
}

// codes name the feeds in a recording, by index.
var codes = [...]string{"vehicles", "trips"}

// record keeps an answer. What can't be read may be a page that repeats a key.
func (r *reading) record(feed int, body []byte, came time.Time, readable bool, f *rest.Feed) {
	if r.cfg.Record == nil {
		return
	}
	if !readable {
		body = []byte(f.Scrub(string(body)))
	}
	err := r.cfg.Record.Add(recording.Answer{Feed: codes[feed], Came: came, Body: body})
	r.log.Report("record", err != nil, "answers aren't recorded", "err", err)
}

// replay takes the answers of a recording.
func (s *Source) replay(ctx context.Context, sink Sink) error {
	r := s.newReading()
	err := recording.Play(ctx, s.cfg.Replay, s.cfg.Speed, func(a recording.Answer) error {
		i := slices.Index(codes[:], a.Feed)
		err := r.take(ctx, i, a.Body, a.Came, sink)
		if errors.As(err, new(*sinkError)) {
			return err
		}
		r.log.Report("call", err != nil, "an answer of the recording can't be read", "feed", r.names[i], "err", err)
		s.state.Set(errors.Join(err, r.frozen(a.Came)))
		return nil
	}, codes[:]...)
	if errors.Is(err, recording.ErrNoAnswer) {
		err = fmt.Errorf("realtime: the recording in %s has no GTFS-Realtime feed; perhaps it is one of the Train Tracker", s.cfg.Replay)
	}
	return err
}

// sinkError is a failure to pass an arrival on.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return "realtime: " + e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

// reading is what a run remembers.
type reading struct {
	*Source
	in     *inference
	log    *trouble.Log
	strays map[string]bool
}

func (s *Source) newReading() *reading {
	r := &reading{Source: s, log: &trouble.Log{Log: s.cfg.Log}, strays: map[string]bool{}}
	r.in = newInference(s.net, len(s.names), s.cfg.Every, func(reason string) { s.aside.WithLabelValues(reason).Inc() }, r.stray)
	return r
}

// stray is told of a trip that isn't in the network. The log says it once.
func (r *reading) stray(trip string) {
	if len(r.strays) == 0 {
		r.Source.cfg.Log.Warn("the feed has trips that the network doesn't have, and that match none of its trips for certain; they are left out: perhaps the GTFS feed is of another week", "first trip", trip)
	}
	r.strays[trip] = true
	if len(r.strays) >= maxTrains {
		clear(r.strays)
		r.strays[trip] = true
	}
}

// take passes on what an answer of a feed shows. An error that isn't a sinkError means
// that the answer can't be read.
func (r *reading) take(ctx context.Context, feed int, body []byte, now time.Time, sink Sink) error {
	a, err := parse(body)
	if err != nil {
		r.calls.WithLabelValues("unreadable").Inc()
		return err
	}
	r.calls.WithLabelValues("ok").Inc()
	name := r.names[feed]
	r.log.Report("clock"+name, a.at.Sub(now) > maxAhead, "answers come from the future and are set aside: check this machine's clock", "feed", name, "answer", a.at, "now", now)
	arrivals, predictions := r.in.apply(feed, a, now)
	r.trains.WithLabelValues().Set(float64(r.in.active()))
	r.log.Report("mute"+name, !r.in.feeds[feed].mute.IsZero(), "most trains are missing from the answers; they are kept for now", "feed", name)
	for _, arr := range arrivals {
		if err := sink.Arrive(ctx, arr.at, arr.Arrival); err != nil {
			return &sinkError{err}
		}
		r.arrivals.WithLabelValues().Inc()
	}
	if err := foretold.Pass(ctx, sink, predictions, r.predictions.WithLabelValues()); err != nil {
		return &sinkError{err}
	}
	return nil
}

// frozen reports the feeds that answer, but whose content is old.
func (r *reading) frozen(now time.Time) error {
	var all []error
	for i := range r.in.feeds {
		f := &r.in.feeds[i]
		patience := max(3*time.Minute, 4*r.cfg.Every)
		frozen := f.began && (now.Sub(f.latest) > patience || f.latest.Sub(f.since) > patience)
		name := r.names[i]
		r.log.Report("frozen"+name, frozen, "the feed answers, but its content doesn't change", "feed", name, "since", f.since.In(r.net.Location))
		if frozen {
			all = append(all, fmt.Errorf("%s: nothing has changed since %s", name, f.since.In(r.net.Location).Format(time.TimeOnly)))
		}
	}
	return errors.Join(all...)
}
