package realtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/foretold"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/poll"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/internal/gtfsrt"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/restclient"
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
	// trains in service. Default: none.
	Metrics prometheus.Registerer
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

// Source polls feeds and derives arrivals. It is safe for concurrent use, but Run is for
// one goroutine.
type Source struct {
	cfg  Config
	net  *cta.Network
	poll *poll.Poll

	arrivals    prometheus.Counter
	aside       *prometheus.CounterVec
	predictions prometheus.Counter
	trains      prometheus.Gauge
}

// maxFeed bounds a feed, in bytes. Feeds of whole countries have 10 to 20 MB.
const maxFeed = 32 << 20

// New returns a source of the trains of net, which needs a timetable, as networks of
// package cta/gtfs have one. The error lists every wrong setting. Nothing is contacted
// before Run.
func New(net *cta.Network, cfg Config) (*Source, error) {
	if net == nil {
		return nil, errors.New("realtime: no network")
	}
	var faults []error
	if cfg.Vehicles == "" && cfg.Trips == "" && cfg.Replay == "" {
		faults = append(faults, errors.New("Vehicles and Trips are empty, want the URL or the file of at least one feed; agencies name theirs on the pages for developers"))
	}
	if !slices.ContainsFunc(net.Lines, (*cta.Line).Scheduled) {
		faults = append(faults, fmt.Errorf("network %s has no timetable, which the trips of a feed belong to: load the agency's GTFS feed by package cta/gtfs", net.Name))
	}
	if cfg.Trips == cfg.Vehicles {
		cfg.Trips = "" // one feed for both
	}
	feed := func(code, service, source string) poll.Feed {
		return poll.Feed{Code: code, FeedConfig: restclient.FeedConfig{Service: service, Source: source, Header: cfg.Header,
			Accept: "application/x-protobuf, application/octet-stream, */*", Limit: maxFeed, Hint: hint}}
	}
	p, err := poll.New(poll.Config{
		Source: "realtime", Calls: "ctalive_realtime_calls_total", Least: 5 * time.Second, Every: cmp.Or(cfg.Every, 15*time.Second),
		Timeout: cfg.Timeout, Record: cfg.Record, Replay: cfg.Replay, Speed: cfg.Speed, Log: cfg.Log, Metrics: cfg.Metrics,
		Feeds: []poll.Feed{feed("vehicles", "vehicle positions", cfg.Vehicles), feed("trips", "trip updates", cfg.Trips)},
	})
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	s := &Source{cfg: cfg, net: net, poll: p}
	s.arrivals = metric.Counter(cfg.Metrics, "ctalive_realtime_arrivals_total", "Arrivals derived from the GTFS-Realtime feeds.").WithLabelValues()
	s.aside = metric.Counter(cfg.Metrics, "ctalive_realtime_set_aside_total", "Observations from which nothing was derived, by reason.", "reason")
	s.predictions = metric.Counter(cfg.Metrics, "ctalive_realtime_predictions_total", "Predictions of trains passed on from the GTFS-Realtime feeds.").WithLabelValues()
	s.trains = metric.Gauge(cfg.Metrics, "ctalive_realtime_trains", "Trains in service by the latest answers.").WithLabelValues()
	return s, nil
}

func hint(err error) string {
	if errors.Is(err, gtfsrt.ErrNotFeed) {
		return "usually it passes; if it doesn't, check that the URL is that of the feed, as protobuf or JSON"
	}
	return ""
}

// Ready returns nil while answers arrive in which trains move, else an error with the
// reason.
func (s *Source) Ready() error { return s.poll.State.Err() }

// Run polls until ctx ends, then returns nil. It returns an error of sink. Failures of
// feeds are retried, at growing intervals of up to five minutes.
func (s *Source) Run(ctx context.Context, sink Sink) error {
	r := &reading{Source: s}
	r.in = newInference(s.net, len(s.poll.Feeds), s.poll.Every, func(reason string) { s.aside.WithLabelValues(reason).Inc() }, r.stray)
	var heard *answer
	of := 0
	hear := func(feed int, body []byte, _ time.Time) (err error) {
		of = feed
		heard, err = parse(body)
		return err
	}
	err := s.poll.Run(ctx, hear, func(at time.Time, failed error) error {
		a := heard
		heard = nil
		if a != nil {
			if err := r.take(ctx, of, a, at, sink); err != nil {
				return err
			}
		}
		s.poll.State.Set(errors.Join(failed, r.frozen(at)))
		return nil
	})
	if errors.Is(err, recording.ErrNoAnswer) {
		return fmt.Errorf("realtime: the recording in %s has no GTFS-Realtime feed; perhaps it is one of the Train Tracker", s.cfg.Replay)
	}
	return err
}

// reading is what a run remembers.
type reading struct {
	*Source
	in      *inference
	strayed bool // said already
}

// stray is told of a trip that isn't in the network. The log says it once.
func (r *reading) stray(trip string) {
	if !r.strayed {
		r.strayed = true
		r.poll.Log.Warn("skipped trips that are not in the network; the GTFS feed may be of another week", "first trip", trip)
	}
}

// take passes on what an answer of a feed shows.
func (r *reading) take(ctx context.Context, feed int, a *answer, now time.Time, sink Sink) error {
	name, log := r.poll.Feeds[feed].Service, &r.poll.Trouble
	log.Report("clock"+name, a.at.Sub(now) > maxAhead, "answers come from the future and are set aside: check this machine's clock", "feed", name, "answer", a.at, "now", now)
	arrivals, predictions := r.in.apply(feed, a, now)
	r.trains.Set(float64(r.in.active()))
	log.Report("mute"+name, !r.in.feeds[feed].mute.IsZero(), "most trains are missing from the answers; they are kept for now", "feed", name)
	for _, arr := range arrivals {
		if err := sink.Arrive(ctx, arr.at, arr.Arrival); err != nil {
			return err
		}
		r.arrivals.Inc()
	}
	return foretold.Pass(ctx, sink, predictions, r.predictions)
}

// frozen reports the feeds that answer, but whose content is old, or from the future since
// the start.
func (r *reading) frozen(now time.Time) error {
	if !slices.ContainsFunc(r.in.feeds, func(f feedState) bool { return !f.latest.IsZero() }) {
		return errors.New("GTFS-Realtime: no answer so far can be used")
	}
	var all []error
	for i := range r.in.feeds {
		f := &r.in.feeds[i]
		patience := max(3*time.Minute, 4*r.poll.Every)
		frozen := !f.latest.IsZero() && (now.Sub(f.latest) > patience || f.latest.Sub(f.since) > patience)
		name := r.poll.Feeds[i].Service
		r.poll.Trouble.Report("frozen"+name, frozen, "the feed answers, but its content doesn't change", "feed", name, "since", f.since.In(r.net.Location))
		if frozen {
			all = append(all, fmt.Errorf("%s: nothing has changed since %s", name, f.since.In(r.net.Location).Format(time.TimeOnly)))
		}
	}
	return errors.Join(all...)
}
