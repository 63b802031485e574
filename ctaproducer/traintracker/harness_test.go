package traintracker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/polltest"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
)

// fake is a Train Tracker of simulated trains. A test sets its faults, changes its answers
// by edit, or replaces them.
type fake struct {
	*traintrackertest.Tracker
	polltest.Clock
	net   *cta.Network
	truth []arrival

	requests int
	edit     func(now time.Time, root *traintrackertest.Answer)
	replace  func(now time.Time, w http.ResponseWriter) bool
	each     func(now time.Time, s *Source) // before each pause
}

// newFake returns a Train Tracker of some hours of the simulation.
func newFake(tb testing.TB, hours int, lines ...string) *fake {
	tb.Helper()
	net, err := cta.Chicago().Only(lines...)
	if err != nil {
		tb.Fatal(err)
	}
	start := ctaproducer.DefaultStart(net)
	f := &fake{net: net, truth: simulated(tb, net, hours)}
	f.Now, f.Ends = start.Add(5*time.Minute), start.Add(time.Duration(hours)*time.Hour)
	var arrivals iter.Seq2[time.Time, cta.Arrival] = func(yield func(time.Time, cta.Arrival) bool) {
		for _, a := range f.truth {
			if !yield(a.at, a.Arrival) {
				return
			}
		}
	}
	f.Tracker = traintrackertest.New(net, arrivals, func() time.Time { return f.Now }) // with mu held
	return f
}

var (
	simulations sync.Mutex
	known       = map[string][]arrival{} // by lines and hours: they only are read
)

// simulated returns the arrivals of some hours of a simulation, without closed stations.
func simulated(tb testing.TB, net *cta.Network, hours int) []arrival {
	tb.Helper()
	simulations.Lock()
	defer simulations.Unlock()
	name := fmt.Sprint(net.LineColumns(), hours)
	if known[name] != nil {
		return known[name]
	}
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 3, NoFaults: true, For: time.Duration(hours)*time.Hour + 30*time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	for ev := range sim.Events() {
		if ev.Kind == ctaproducer.EventArrival && !net.Station(ev.Arrival.StationID).Closed {
			known[name] = append(known[name], arrival{ev.At, ev.Arrival})
		}
	}
	return known[name]
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.requests++
	switch {
	case f.replace != nil && f.replace(f.Now, w):
	case f.edit != nil:
		root := f.Positions(f.Now)
		f.edit(f.Now, root)
		json.NewEncoder(w).Encode(map[string]any{"ctatt": root})
	default:
		f.Tracker.ServeHTTP(w, r)
	}
}

// collected is a sink that keeps what it gets.
type collected struct{ all []arrival }

func (c *collected) Arrive(_ context.Context, at time.Time, a cta.Arrival) error {
	c.all = append(c.all, arrival{at, a})
	return nil
}

// run runs a source against the fake until its hours are over, in the fake's time.
func (f *fake) run(tb testing.TB, cfg Config) (*collected, *Source, error) {
	tb.Helper()
	sink := &collected{}
	s, err := f.feed(tb, cfg, sink)
	return sink, s, err
}

// feed is run with another sink.
func (f *fake) feed(tb testing.TB, cfg Config, sink Sink) (*Source, error) {
	tb.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	cfg.Key, cfg.URL = cmp.Or(cfg.Key, traintrackertest.Key), server.URL+"/api/1.0/ttpositions.aspx"
	s, err := New(f.net, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	var each func(time.Time)
	if f.each != nil {
		each = func(now time.Time) { f.each(now, s) }
	}
	return s, f.Drive(tb, s.poll, each, func(ctx context.Context) error { return s.Run(ctx, sink) })
}

// judged is how arrivals compare with the truth.
type judged struct {
	wanted, found, false_ int
	errors                []time.Duration // absolute, of what was found
}

func (j judged) quantile(q float64) time.Duration { return polltest.Quantile(j.errors, q) }

// judge compares by line and direction what was emitted with what happened from one
// time to another. The first call of a run is left out: it is emitted as a train leaves.
func (f *fake) judge(got []arrival, from, to time.Time) map[string]*judged {
	type key struct{ line, run string }
	events, truth := map[key][]arrival{}, map[key][]arrival{}
	for _, a := range got {
		if a.TrainStatus == cta.TrainInService {
			events[key{a.Line, runOf(a)}] = append(events[key{a.Line, runOf(a)}], a)
		}
	}
	for _, a := range f.truth {
		k := key{a.Line, f.RunNumber(a.TrainID)}
		truth[k] = append(truth[k], a)
	}
	all := map[string]*judged{}
	of := func(line string, d cta.Direction) *judged {
		k := line + " " + string(d)
		if all[k] == nil {
			all[k] = &judged{}
		}
		return all[k]
	}
	for k, calls := range truth {
		left := events[k]
		for i, c := range calls {
			first := i == 0 || calls[i-1].StationID == c.StationID
			best, off := -1, 3*time.Minute
			for j, a := range left {
				if a.StationID == c.StationID && a.Direction == c.Direction && a.at.Sub(c.at).Abs() < off {
					best, off = j, a.at.Sub(c.at).Abs()
				}
			}
			inside := !c.at.Before(from) && c.at.Before(to) && !first && c.TrainStatus == cta.TrainInService
			if best >= 0 {
				left = slices.Delete(left, best, best+1)
			}
			if j := of(k.line, c.Direction); inside {
				if j.wanted++; best >= 0 {
					j.found++
					j.errors = append(j.errors, off)
				}
			}
		}
		for _, a := range left {
			of(k.line, a.Direction).false_++
		}
	}
	return all
}

// runOf returns the run number of an arrival's train.
func runOf(a arrival) string { return strings.Split(a.TrainID, "-")[1] }
