package realtime

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/polltest"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime/realtimetest"
)

// fake serves GTFS-Realtime feeds of simulated trains, at /vehicle-positions and /trip-updates. A test
// changes its answers by edit, or replaces them.
type fake struct {
	net *cta.Network // with a timetable

	feed  *realtimetest.Feed
	truth []arrival // in order of time

	polltest.Clock
	requests int
	edit     func(now time.Time, m *pb.FeedMessage)
	replace  func(now time.Time, w http.ResponseWriter, r *http.Request) bool
}

// newFake returns feeds of a simulation from a time on, for some time. source is the
// network that is simulated, net the same with a timetable.
func newFake(tb testing.TB, source, net *cta.Network, start time.Time, length time.Duration) *fake {
	tb.Helper()
	sim, err := ctaproducer.NewSimulation(source, ctaproducer.SimulationConfig{Seed: 3, NoFaults: true, Start: start, For: length + time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	f := &fake{net: net}
	f.Now, f.Ends = start.Add(time.Minute), start.Add(length)
	for ev := range sim.Events() {
		if ev.Kind == ctaproducer.EventArrival {
			f.truth = append(f.truth, arrival{ev.At, ev.Arrival})
		}
	}
	arrivals := func(yield func(time.Time, cta.Arrival) bool) {
		for _, a := range f.truth {
			if !yield(a.at, a.Arrival) {
				return
			}
		}
	}
	if f.feed, err = realtimetest.New(net, arrivals, func() time.Time { return f.Now }); err != nil {
		tb.Fatal(err)
	}
	return f
}

// message returns the feed of a moment.
func (f *fake) message(tb testing.TB, path string) *pb.FeedMessage {
	m := f.feed.Message(path)
	if m == nil {
		tb.Fatal("no feed")
	}
	return m
}

// handler serves the feeds.
func (f *fake) handler(tb testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		f.requests++
		if f.replace != nil && f.replace(f.Now, w, r) {
			return
		}
		if f.edit == nil {
			f.feed.ServeHTTP(w, r)
			return
		}
		m := f.message(tb, r.URL.Path)
		f.edit(f.Now, m)
		body, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
		if err != nil {
			tb.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(body)
	})
}

// collected is a sink that keeps what it gets.
type collected struct {
	f   *fake
	tb  testing.TB
	all []arrival
}

func (c *collected) Arrive(_ context.Context, at time.Time, a cta.Arrival) error {
	c.f.Mu.Lock()
	defer c.f.Mu.Unlock()
	if at.After(c.f.Now) {
		c.tb.Errorf("%s arrives at %d at %v, after now, %v", a.TrainID, a.StationID, at, c.f.Now)
	}
	c.all = append(c.all, arrival{at, a})
	return nil
}

// run runs a source against the fake until its time is over, in the fake's time. feeds
// are v, t or both.
func (f *fake) run(tb testing.TB, feeds string, cfg Config) (*collected, *Source) {
	tb.Helper()
	s, sink := f.start(tb, feeds, cfg, nil)
	return sink, s
}

// start is run, which calls each after each round of calls, unless it is nil.
func (f *fake) start(tb testing.TB, feeds string, cfg Config, each func(now time.Time, s *Source)) (*Source, *collected) {
	tb.Helper()
	sink := &collected{f: f, tb: tb}
	s, err := f.drive(tb, feeds, cfg, each, sink)
	if err != nil {
		tb.Fatal(err)
	}
	return s, sink
}

// drive is start with another sink.
func (f *fake) drive(tb testing.TB, feeds string, cfg Config, each func(now time.Time, s *Source), sink Sink) (*Source, error) {
	tb.Helper()
	server := httptest.NewServer(f.handler(tb))
	defer server.Close()
	if strings.Contains(feeds, "v") {
		cfg.Vehicles = server.URL + "/vehicle-positions"
	}
	if strings.Contains(feeds, "t") {
		cfg.Trips = server.URL + "/trip-updates"
	}
	s, err := New(f.net, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	var before func(time.Time)
	if each != nil {
		before = func(now time.Time) { each(now, s) }
	}
	return s, f.Drive(tb, s.poll, before, func(ctx context.Context) error { return s.Run(ctx, sink) })
}

// judged is how arrivals compare with the truth.
type judged struct {
	wanted, found, false_ int
	errors                []time.Duration // absolute, of what was found
	misses                []arrival
	extra                 []arrival
}

func (j judged) quantile(q float64) time.Duration { return polltest.Quantile(j.errors, q) }

func (j judged) share() float64 { return float64(j.found) / float64(max(1, j.wanted)) }

// judge compares the arrivals with the truth from one time to another. The first call
// of a run is left out: it is emitted as a train leaves.
func (f *fake) judge(tb testing.TB, got []arrival, from, to time.Time) (j judged) {
	tb.Helper()
	type place struct {
		line    string
		station int
		d       cta.Direction
	}
	at := func(a arrival) place { return place{a.Line, a.StationID, a.Direction} }
	left := map[place][]arrival{}
	times := map[string]time.Time{}
	for _, a := range got {
		if a.at.Before(times[a.TrainID]) {
			tb.Errorf("%s goes back in time", a.TrainID)
		}
		times[a.TrainID] = a.at
		if a.TrainStatus == cta.TrainInService {
			left[at(a)] = append(left[at(a)], a)
		}
	}
	for _, c := range f.truth {
		if c.TrainStatus != cta.TrainInService {
			continue
		}
		list := left[at(c)]
		best, off := -1, 2*time.Minute
		for i, a := range list {
			if d := a.at.Sub(c.at).Abs(); d < off {
				best, off = i, d
			}
		}
		inside := !c.at.Before(from) && c.at.Before(to) && c.PrevStationID != nil && *c.PrevStationID != c.StationID
		if best >= 0 {
			left[at(c)] = slices.Delete(list, best, best+1)
		}
		switch {
		case !inside:
		case best < 0:
			j.wanted++
			j.misses = append(j.misses, c)
		default:
			j.wanted++
			j.found++
			j.errors = append(j.errors, off)
		}
	}
	for _, list := range left {
		for _, a := range list {
			if a.PrevStationID != nil && a.at.Before(to) {
				j.false_++
				j.extra = append(j.extra, a)
			}
		}
	}
	slices.SortFunc(j.extra, func(a, b arrival) int { return cmp.Compare(a.at.Unix(), b.at.Unix()) })
	return j
}
