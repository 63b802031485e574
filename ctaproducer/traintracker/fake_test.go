package traintracker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/retry"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
)

// call is one arrival of a simulated train.
type call struct {
	node
	at  time.Time
	out bool // out of service: it is gone from then on
}

// fakeTrain is a simulated train as the Train Tracker would know it.
type fakeTrain struct {
	route string // such as "brn"
	line  *cta.Line
	run   string
	calls []call // in order of time
}

// fake is a Train Tracker of simulated trains: the shape, the delay and the circuits are
// those of the real one. A test changes its answers by edit, or replaces them.
type fake struct {
	net    *cta.Network
	trains []*fakeTrain
	key    string

	mu       sync.Mutex
	now      time.Time
	requests int
	edit     func(now time.Time, root *fakeRoot)
	replace  func(now time.Time, w http.ResponseWriter) bool
	ends     time.Time
	leaves   bool // next stations move on as trains leave, not as they come
}

const (
	fakeDelay   = 10 * time.Second // of positions
	fakeDwell   = 25 * time.Second
	fakeCircuit = 280.0 // metres
)

type fakeRoot struct {
	Tmst  string       `json:"tmst"`
	ErrCd string       `json:"errCd"`
	ErrNm *string      `json:"errNm"`
	Route []*fakeRoute `json:"route"`
}

type fakeRoute struct {
	Name  string `json:"@name"`
	Train any    `json:"train,omitempty"` // []*fakeEntry, as edits find it
}

type fakeEntry struct {
	Rn        string  `json:"rn"`
	DestSt    string  `json:"destSt"`
	DestNm    string  `json:"destNm"`
	TrDr      string  `json:"trDr"`
	NextStaID string  `json:"nextStaId"`
	NextStpID string  `json:"nextStpId"`
	NextStaNm string  `json:"nextStaNm"`
	Prdt      string  `json:"prdt"`
	ArrT      string  `json:"arrT"`
	IsApp     string  `json:"isApp"`
	IsDly     string  `json:"isDly"`
	Flags     *string `json:"flags"`
	Lat       string  `json:"lat"`
	Lon       string  `json:"lon"`
	Heading   string  `json:"heading"`
}

// newFake returns a Train Tracker of some hours of the simulation.
func newFake(tb testing.TB, hours int, lines ...string) *fake {
	tb.Helper()
	net, err := cta.Chicago().Only(lines...)
	if err != nil {
		tb.Fatal(err)
	}
	start := ctaproducer.DefaultStart(net)
	return &fake{net: net, trains: simulated(tb, net, hours), key: "0123456789abcdef",
		now: start.Add(5 * time.Minute), ends: start.Add(time.Duration(hours) * time.Hour)}
}

var (
	simulations sync.Mutex
	known       = map[string][]*fakeTrain{} // by lines and hours: they only are read
)

// simulated returns the trains of some hours of a simulation.
func simulated(tb testing.TB, net *cta.Network, hours int) (trains []*fakeTrain) {
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
	codes := map[string]string{}
	for code, line := range form.Lines {
		codes[line] = code
	}
	byID := map[string]*fakeTrain{}
	count := map[string]int{}
	for ev := range sim.Events() {
		if ev.Kind != ctaproducer.ArrivalEvent {
			continue
		}
		a := ev.Arrival
		t := byID[a.TrainID]
		if t == nil {
			// Purple and Yellow share run numbers, and some begin with zeros.
			count[a.Line]++
			t = &fakeTrain{route: codes[a.Line], line: net.Line(a.Line), run: fmt.Sprintf("%03d", count[a.Line])}
			byID[a.TrainID] = t
			trains = append(trains, t)
		}
		n := node{a.StationID, a.Direction}
		if l := len(t.calls); l > 0 && t.calls[l-1].node == n && !t.calls[l-1].out && a.TrainStatus == cta.OutOfService {
			t.calls[l-1].out = true
			continue
		}
		t.calls = append(t.calls, call{node: n, at: ev.At, out: a.TrainStatus == cta.OutOfService})
	}
	known[name] = trains
	return trains
}

// stopOf returns the platform of a call.
func stopOf(l *cta.Line, n node) int {
	for _, p := range l.Patterns {
		for _, c := range p.Calls {
			if c.Station.ID == n.station && c.Direction == n.d {
				return c.Stop
			}
		}
	}
	return 0
}

// entry is what the Train Tracker knows of a train at a time; nil when it doesn't have
// it: before its first call, and between the end of a run and the next.
func (f *fake) entry(t *fakeTrain, now time.Time) *fakeEntry {
	seen := now.Add(-fakeDelay)
	i, found := slices.BinarySearchFunc(t.calls, seen, func(c call, t time.Time) int { return c.at.Compare(t) })
	if !found {
		i--
	}
	if i < 0 || i+1 >= len(t.calls) || t.calls[i].out {
		return nil
	}
	if leaves := t.calls[i].at.Add(fakeDwell); f.leaves && i > 0 && seen.Before(leaves) && t.calls[i-1].station != t.calls[i].station {
		i-- // it stands in the last circuit before
		seen = t.calls[i+1].at.Add(-time.Millisecond)
	}
	from, to := t.calls[i], t.calls[i+1]
	if from.station == to.station {
		return nil // it turns
	}
	a, b := f.net.Station(from.station), f.net.Station(to.station)
	length := cta.Distance(a, b)
	left := from.at.Add(min(fakeDwell, to.at.Sub(from.at)/2))
	run := to.at.Sub(left)
	// The circuit that it is on, and when it came there.
	part, entered := 0.0, from.at
	if seen.After(left) {
		circuits := max(1, math.Floor(length/fakeCircuit))
		k := math.Floor(float64(seen.Sub(left)) / float64(run) * circuits)
		if k > 0 {
			part = k / circuits
			entered = left.Add(time.Duration(part * float64(run)))
		}
	}
	away := to.at.Sub(entered).Round(time.Minute)
	if away < time.Minute {
		away = time.Minute
	}
	e := &fakeEntry{
		Rn: t.run, NextStaID: fmt.Sprint(to.station), NextStpID: fmt.Sprint(stopOf(t.line, to.node)), NextStaNm: b.Name,
		Prdt: f.clock(entered), ArrT: f.clock(entered.Add(away)), IsApp: "0", IsDly: "0",
		Lat: fmt.Sprintf("%.5f", a.Latitude+part*(b.Latitude-a.Latitude)), Lon: fmt.Sprintf("%.5f", a.Longitude+part*(b.Longitude-a.Longitude)), Heading: "0",
	}
	if away <= time.Minute {
		e.IsApp = "1"
	}
	f.direct(e, t, i)
	return e
}

// direct fills in direction and destination.
func (f *fake) direct(e *fakeEntry, t *fakeTrain, i int) {
	end := i + 1
	for end+1 < len(t.calls) && t.calls[end].station != t.calls[end+1].station && !t.calls[end].out {
		end++
	}
	last, to := t.calls[end], t.calls[i+1]
	inLoop := slices.ContainsFunc(t.line.Stations, func(s cta.LineStation) bool { return s.ID == to.station && s.Loop })
	switch in := to.d == cta.DirectionA; t.route {
	case "y":
		e.TrDr = "1"
	case "org", "pink": // they change direction as they enter the Loop
		e.TrDr = map[bool]string{true: "1", false: "5"}[in && !inLoop]
	default:
		e.TrDr = map[bool]string{true: "5", false: "1"}[in]
	}
	e.DestSt, e.DestNm = fmt.Sprint(stopOf(t.line, last.node)), f.net.Station(last.station).Name
	if t.line.Loop != "" && to.d != last.d && !inLoop {
		e.DestSt, e.DestNm = "0", "Loop"
	}
}

// clock writes a time as the Train Tracker does: local, without an offset.
func (f *fake) clock(t time.Time) string {
	return t.In(f.net.Location).Format("2006-01-02T15:04:05")
}

func (f *fake) root(now time.Time) *fakeRoot {
	root := &fakeRoot{Tmst: f.clock(now), ErrCd: "0"}
	routes := map[string][]*fakeEntry{}
	for _, t := range f.trains {
		if e := f.entry(t, now); e != nil {
			routes[t.route] = append(routes[t.route], e)
		}
	}
	for code, entries := range routes {
		slices.SortFunc(entries, func(a, b *fakeEntry) int { return cmp.Compare(a.Rn, b.Rn) })
		root.Route = append(root.Route, &fakeRoute{Name: code, Train: entries})
	}
	slices.SortFunc(root.Route, func(a, b *fakeRoute) int { return cmp.Compare(a.Name, b.Name) })
	return root
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	if f.replace != nil && f.replace(f.now, w) {
		return
	}
	root := f.root(f.now)
	if q := r.URL.Query(); q.Get("key") != f.key {
		name := "Invalid API key " + q.Get("key")
		root = &fakeRoot{Tmst: root.Tmst, ErrCd: "101", ErrNm: &name}
	} else if q.Get("outputType") != "JSON" || q.Get("rt") == "" {
		name := "Missing parameter"
		root = &fakeRoot{Tmst: root.Tmst, ErrCd: "100", ErrNm: &name}
	}
	if f.edit != nil {
		f.edit(f.now, root)
	}
	for _, route := range root.Route { // the list of one train is that train
		if l, ok := route.Train.([]*fakeEntry); ok && len(l) == 1 {
			route.Train = l[0]
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"ctatt": root})
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
	server := httptest.NewServer(f)
	defer server.Close()
	cfg.Key, cfg.URL = cmp.Or(cfg.Key, f.key), server.URL+"/api/1.0/ttpositions.aspx"
	s, err := New(f.net, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	s.clock = retry.Clock{
		Now: func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now },
		Pause: func(ctx context.Context, d time.Duration) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.now = f.now.Add(d); f.now.After(f.ends) {
				cancel()
			}
			return ctx.Err()
		},
		Spread: func(d time.Duration) time.Duration { return d },
	}
	sink := &collected{}
	err = s.Run(ctx, sink)
	return sink, s, err
}

// judged is how arrivals compare with the truth.
type judged struct {
	wanted, found, false_ int
	errors                []time.Duration // absolute, of what was found
}

func (j judged) quantile(q float64) time.Duration {
	if len(j.errors) == 0 {
		return 0
	}
	slices.Sort(j.errors)
	return j.errors[int(q*float64(len(j.errors)-1))]
}

// judge compares by line and direction what was emitted with what happened from one
// time to another. The first call of a run is left out: it is emitted as a train leaves.
func (f *fake) judge(got []arrival, from, to time.Time) map[string]*judged {
	type key struct{ line, run string }
	events := map[key][]arrival{}
	for _, a := range got {
		if a.TrainStatus == cta.InService {
			run := strings.Split(a.TrainID, "-")[1]
			events[key{a.Line, run}] = append(events[key{a.Line, run}], a)
		}
	}
	all := map[string]*judged{}
	of := func(line string, d cta.Direction) *judged {
		k := line + " " + string(d)
		if all[k] == nil {
			all[k] = &judged{}
		}
		return all[k]
	}
	for _, t := range f.trains {
		left := events[key{t.line.ID, t.run}]
		for i, c := range t.calls {
			if f.net.Station(c.station).Closed {
				continue // trains pass
			}
			first := i == 0 || t.calls[i-1].station == c.station
			best, off := -1, 3*time.Minute
			for j, a := range left {
				if a.StationID == c.station && a.Direction == c.d && a.at.Sub(c.at).Abs() < off {
					best, off = j, a.at.Sub(c.at).Abs()
				}
			}
			j := of(t.line.ID, c.d)
			inside := !c.at.Before(from) && c.at.Before(to) && !(c.out && i+1 == len(t.calls) && first)
			if best < 0 {
				if inside && !first {
					j.wanted++
				}
				continue
			}
			left = slices.Delete(left, best, best+1)
			if inside && !first {
				j.wanted++
				j.found++
				j.errors = append(j.errors, off)
			}
		}
		for _, a := range left {
			of(t.line.ID, a.Direction).false_++
		}
	}
	return all
}
