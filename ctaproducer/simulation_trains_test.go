package ctaproducer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// simulatedDay is what trains and riders do on a weekday of seed 1, from midnight.
type simulatedDay struct {
	*Simulation
	arrivals []Event
	entries  map[int]*[24]float64 // by station and hour
	riders   map[rider]bool
}

// rider is where, for which line and in which hour somebody enters.
type rider struct {
	station int
	line    string
	hour    time.Time
}

// chicagoDay and its twin without faults are simulated once, for all tests that look at
// them: a day is half a million events.
var (
	chicagoDay   = sync.OnceValue(func() *simulatedDay { return simulateDay(false) })
	faultlessDay = sync.OnceValue(func() *simulatedDay { return simulateDay(true) })
)

func simulateDay(noFaults bool) *simulatedDay {
	net := cta.Chicago()
	s, err := NewSimulation(net, SimulationConfig{
		Seed:     1,
		Start:    time.Date(2026, time.October, 7, 0, 0, 0, 0, net.Location),
		For:      24 * time.Hour,
		NoFaults: noFaults,
	})
	if err != nil {
		panic(err)
	}
	d := &simulatedDay{Simulation: s, entries: map[int]*[24]float64{}, riders: map[rider]bool{}}
	for _, st := range net.Stations {
		d.entries[st.ID] = new([24]float64)
	}
	for ev := range s.events() {
		switch ev.Kind {
		case EventArrival:
			d.arrivals = append(d.arrivals, *ev)
		case EventEntry:
			d.entries[ev.Entry.StationID][ev.At.Hour()]++
			d.riders[rider{ev.Entry.StationID, ev.Entry.Line, ev.At.Truncate(time.Hour)}] = true
		}
	}
	return d
}

func arrivals(s *Simulation) []Event {
	var events []Event
	for ev := range s.Events() {
		if ev.Kind == EventArrival {
			events = append(events, ev)
		}
	}
	return events
}

// place is where an arrival is, on its line.
type place struct {
	line      string
	station   int
	direction cta.Direction
}

func placeOf(a cta.Arrival) place { return place{a.Line, a.StationID, a.Direction} }

func (p place) String() string { return fmt.Sprintf("%s %d %s", p.line, p.station, p.direction) }

// move says what an arrival is after the train's one before.
type move int

const (
	runs    move = iota // to the next station
	turns               // at the end of a run, to the other platform
	stands              // and its status has changed
	appears             // from the depot
	jumps
)

func moveOf(net *cta.Network, last *cta.Arrival, a cta.Arrival) move {
	switch {
	case a.PrevStationID == nil || a.PrevDirection == nil:
		if last != nil && (last.TrainStatus != cta.TrainOutOfService || last.StationID != a.StationID) {
			if placeOf(*last) == placeOf(a) && last.PrevStationID == nil {
				return stands
			}
			return jumps
		}
		return appears
	case last == nil:
		return appears // under way when the simulation began
	case placeOf(*last) == placeOf(a):
		if last.TrainStatus == a.TrainStatus {
			return jumps
		}
		return stands
	case *a.PrevStationID != last.StationID || *a.PrevDirection != last.Direction:
		return jumps
	case a.StationID == last.StationID:
		return turns
	}
	if next(net.Line(a.Line), place{a.Line, last.StationID, last.Direction}, placeOf(a)) {
		return runs
	}
	return jumps
}

// next reports whether trains of a line that stop at one place may stop at another next.
func next(l *cta.Line, from, to place) bool {
	return slices.ContainsFunc(l.Next(from.station, from.direction), func(c cta.Call) bool {
		at := place{from.line, c.Station.ID, c.Direction}
		return at == to || c.Station.Closed && next(l, at, to)
	})
}

// Trains pass a closed station without a stop, a breakdown or a word of it, and nobody
// enters there: on a day of headways, and of a timetable.
func TestClosedStationsAreQuiet(t *testing.T) {
	const state = 40260
	net := cta.Chicago()
	passing := map[string]bool{}
	for ev := range newTestSimulation(t, net, SimulationConfig{For: 3 * time.Hour}).Events() {
		if ev.Arrival.StationID == state || ev.Entry.StationID == state {
			t.Fatalf("an event of a closed station: %+v", ev)
		}
		if ev.Kind == EventArrival && slices.Contains(net.Station(state).Lines, ev.Arrival.Line) && ev.Arrival.PrevStationID != nil {
			line := net.Line(ev.Arrival.Line)
			from := place{line.ID, *ev.Arrival.PrevStationID, *ev.Arrival.PrevDirection}
			for _, c := range line.Next(from.station, from.direction) {
				if c.Station.ID == state && ev.Arrival.StationID != from.station {
					passing[line.ID] = true
				}
			}
		}
	}
	if len(passing) != len(net.Station(state).Lines) {
		t.Errorf("trains of %v pass, want those of %q", passing, net.Station(state).Lines)
	}
}

func TestTripsPassClosedStations(t *testing.T) {
	net := smallTown(t)
	line := net.Line("T2")
	calls := line.Patterns[0].Calls
	calls[1].Station.Closed = true
	line.Patterns = []*cta.Pattern{{Calls: calls, Trips: []cta.Trip{{ID: "t", Calendar: &cta.Calendar{ID: "daily", Days: 0x7F}, Departure: 8 * 3600,
		Profile: &cta.Profile{Arrivals: []int32{0, 300, 600, 900}, Departures: []int32{0, 300, 600, 900}}}}}}
	var got []int
	for ev := range newTestSimulation(t, net, SimulationConfig{For: 3 * time.Hour, NoFaults: true}).Events() {
		if ev.Arrival.Line == "T2" {
			got = append(got, ev.Arrival.StationID)
			if ev.Arrival.StationID == calls[2].Station.ID && *ev.Arrival.PrevStationID != calls[0].Station.ID {
				t.Errorf("the train came from %d, want from where it stopped last", *ev.Arrival.PrevStationID)
			}
		}
		if ev.Entry.StationID == calls[1].Station.ID {
			t.Error("a rider enters a closed station")
		}
	}
	if want := []int{calls[0].Station.ID, calls[2].Station.ID, calls[3].Station.ID, calls[3].Station.ID}; !slices.Equal(got, want) {
		t.Errorf("the train stops at %d, want %d", got, want)
	}
}

// Ints of 32 bits don't hold the time between two departures.
func TestTripsThatLeaveAtOneTimeFollowTheNetworksOrder(t *testing.T) {
	net := smallTown(t)
	line := net.Line("T2")
	calls := line.Patterns[0].Calls
	line.Patterns = nil
	var want []string
	for p := range 8 {
		pattern := &cta.Pattern{Calls: calls}
		for minute := range 30 {
			id := fmt.Sprintf("%02d-%d", minute, p)
			want = append(want, id)
			pattern.Trips = append(pattern.Trips, cta.Trip{ID: id, Calendar: &cta.Calendar{ID: "daily", Days: 0x7F}, Departure: int32(8*3600 + 60*minute),
				Profile: &cta.Profile{Arrivals: []int32{0, 300, 600, 900}, Departures: []int32{0, 300, 600, 900}}})
		}
		line.Patterns = append(line.Patterns, pattern)
	}
	slices.Sort(want)
	var got []string
	for ev := range newTestSimulation(t, net, SimulationConfig{For: 3 * time.Hour, NoFaults: true}).Events() {
		if ev.Arrival.Line == "T2" && ev.Arrival.StationID == calls[0].Station.ID {
			got = append(got, strings.SplitN(ev.Arrival.TrainID, "@", 2)[0])
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("trips leave (-want +got):\n%s", d)
	}
}

func TestTrainsNeverJumpNorRunBackwards(t *testing.T) {
	s := chicagoDay()
	last := make(map[string]*cta.Arrival)
	moves := make(map[move]int)
	for _, ev := range s.arrivals {
		a := ev.Arrival
		before := last[a.TrainID]
		m := moveOf(s.net, before, a)
		moves[m]++
		if m == jumps {
			t.Fatalf("%v: %+v after %+v", ev.At, a, before)
		}
		if m == turns {
			line := s.net.Line(a.Line)
			ends := slices.ContainsFunc(line.Patterns, func(p *cta.Pattern) bool { return p.Last().Station.ID == a.StationID })
			if !ends {
				t.Fatalf("%v: %s turns at %d, in the middle of its line", ev.At, a.TrainID, a.StationID)
			}
		}
		if before != nil && before.Line != a.Line {
			t.Fatalf("%v: %s changes from %s to %s", ev.At, a.TrainID, before.Line, a.Line)
		}
		last[a.TrainID] = &a
	}
	if moves[runs] < 40_000 || moves[turns] < 1000 || moves[stands] < 10 || moves[appears] < 50 {
		t.Errorf("moves by kind: %v", moves)
	}
}

func TestOneTrainAtAPlatformAndNoneOvertakes(t *testing.T) {
	s := chicagoDay()
	type visit struct {
		train string
		place place
		at    time.Time
		n     int
	}
	standing := make(map[place]visit) // the latest at each platform
	broken := make(map[place]string)  // trains
	visits := make(map[string]visit)  // the latest of each train
	order := make(map[[2]place]int)   // the visit to a platform of the latest train that went on to another
	seen := make(map[place]int)
	for _, ev := range s.arrivals {
		a := ev.Arrival
		p := placeOf(a)
		if before := standing[p]; before.train == a.TrainID && a.TrainStatus != cta.TrainOutOfService {
			delete(broken, p)
		}
		if a.TrainStatus == cta.TrainOutOfService {
			continue
		}
		if before, ok := standing[p]; ok && before.train != a.TrainID {
			if gap := ev.At.Sub(before.at); gap < clearance+minDwell && !before.at.Before(s.Begin()) {
				t.Fatalf("%v: %s comes to %v %v after %s", ev.At, a.TrainID, p, gap, before.train)
			}
			if b := broken[p]; b != "" {
				t.Fatalf("%v: %s comes to %v, where %s stands broken down", ev.At, a.TrainID, p, b)
			}
		}
		if a.TrainStatus == cta.TrainBrokenDown {
			broken[p] = a.TrainID
		}
		if visits[a.TrainID].place != p || a.PrevStationID == nil {
			seen[p]++
			if prev, ok := visits[a.TrainID]; ok && a.PrevStationID != nil {
				from := place{a.Line, *a.PrevStationID, *a.PrevDirection}
				link := [2]place{from, p}
				if prev.n <= order[link] && from.station != p.station {
					t.Fatalf("%v: %s has overtaken on its way from %v to %v", ev.At, a.TrainID, from, p)
				}
				order[link] = prev.n
			}
			visits[a.TrainID] = visit{a.TrainID, p, ev.At, seen[p]}
		}
		standing[p] = visit{a.TrainID, p, ev.At, seen[p]}
	}
}

func TestHeadwaysStayInTheirBand(t *testing.T) {
	s := faultlessDay()
	last := make(map[place]Event)
	intended := make(services)
	checked, least, most := 0, 1.0, 1.0
	for _, ev := range s.arrivals {
		p := placeOf(ev.Arrival)
		before, ok := last[p]
		if ev.Arrival.TrainStatus == cta.TrainOutOfService || ok && before.Arrival.TrainID == ev.Arrival.TrainID {
			continue
		}
		last[p] = ev
		shortest, longest, steady := intended.over(s.net.Line(p.line), p, ev.At.Add(-150*time.Minute), ev.At)
		if !ok || !steady || before.At.Before(s.Begin()) {
			continue
		}
		gap := ev.At.Sub(before.At)
		least = min(least, float64(gap)/float64(shortest))
		most = max(most, float64(gap)/float64(longest))
		checked++
		if float64(gap) < minHeadway*float64(shortest) || float64(gap) > maxHeadway*float64(longest) {
			t.Errorf("%v: %v after %v at %v, intended every %v to %v", ev.At, gap, before.At, p, shortest, longest)
		}
	}
	t.Logf("%d headways, from %.2f to %.2f of the intended one", checked, least, most)
	if checked < 40_000 {
		t.Errorf("%d headways checked", checked)
	}
}

// service is what is intended at a platform at a moment.
type service struct {
	here  time.Duration // headway
	which int           // patterns, by bit
}

// services keeps what was found of each platform's: looking is most of the work.
type services map[serviceAt]service

type serviceAt struct {
	place
	unix int64
}

func (all services) look(l *cta.Line, at place, t time.Time) service {
	key := serviceAt{at, t.Unix()}
	if s, ok := all[key]; ok {
		return s
	}
	var s service
	for i, p := range l.Patterns {
		h := p.HeadwayAt(t)
		if h > 0 {
			s.which |= 1 << i
		}
		if slices.ContainsFunc(p.Calls, func(c cta.Call) bool { return c.Station.ID == at.station && c.Direction == at.direction }) {
			s.here = cta.CombinedHeadway(s.here, h)
		}
	}
	all[key] = s
	return s
}

// over returns the shortest and the longest headway intended at a platform
// in a span of time; steady is false when the line didn't run in part of it, or not
// by the same patterns. It looks every ten minutes.
func (all services) over(l *cta.Line, at place, from, to time.Time) (shortest, longest time.Duration, steady bool) {
	const every = 10 * time.Minute
	now := all.look(l, at, to)
	shortest, longest, steady = now.here, now.here, now.here > 0
	for t := from.Truncate(every); t.Before(to); t = t.Add(every) {
		then := all.look(l, at, t)
		steady = steady && then.which == now.which
		shortest, longest = min(shortest, then.here), max(longest, then.here)
	}
	return shortest, longest, steady
}

func TestAllLinesRunAtTheDefaultStart(t *testing.T) {
	net := cta.Chicago()
	s := newTestSimulation(t, net, SimulationConfig{For: 40 * time.Minute})
	atOnce := make(map[string]map[string]bool)
	branches := make(map[string]bool)
	for _, ev := range arrivals(s) {
		a := ev.Arrival
		if ev.At.Before(s.Begin()) {
			if atOnce[a.Line] == nil {
				atOnce[a.Line] = make(map[string]bool)
			}
			atOnce[a.Line][a.TrainID] = true
			if ev.At.Before(s.Begin().Add(-25 * time.Minute)) {
				t.Errorf("%s was last seen at %v", a.TrainID, ev.At)
			}
		}
		for _, ls := range net.Line(a.Line).Stations {
			if ls.ID == a.StationID && ls.Branch != "" {
				branches[ls.Branch] = true
			}
		}
	}
	for _, l := range net.Lines {
		round := 2 * newTrack(l, "", newRiders(net, 0)).paths[0].nominal()
		t.Logf("%s: %d trains", l.ID, len(atOnce[l.ID]))
		if h := l.HeadwayAt(s.Begin(), cta.DirectionA); len(atOnce[l.ID]) < int(round/h/3) || len(atOnce[l.ID]) == 0 {
			t.Errorf("%s: %d trains stand or run at the start", l.ID, len(atOnce[l.ID]))
		}
	}
	if got := slices.Sorted(maps.Keys(branches)); !slices.Equal(got, []string{"Ashland/63rd", "Cottage Grove"}) {
		t.Errorf("trains on branches %q", got)
	}
}

func TestPurpleRunsToTheLoopInRushHoursOnly(t *testing.T) {
	const howard = 40900
	s := chicagoDay()
	purple := s.net.Line("purple")
	last, _ := purple.Order(howard)
	express, turned := make(map[int]int), 0
	for _, ev := range s.arrivals {
		if ev.Arrival.Line != purple.ID {
			continue
		}
		if order, _ := purple.Order(ev.Arrival.StationID); order > last {
			express[ev.At.Hour()]++
		}
		if p := ev.Arrival.PrevStationID; ev.Arrival.StationID == howard && p != nil && *p == howard {
			turned++
		}
	}
	for _, h := range []int{7, 8, 16, 17} {
		if express[h] < 50 {
			t.Errorf("%d express arrivals in hour %d", express[h], h)
		}
	}
	for _, h := range []int{0, 1, 2, 5, 12, 13, 14, 21, 23} {
		if express[h] != 0 {
			t.Errorf("%d express arrivals in hour %d", express[h], h)
		}
	}
	if turned < 20 {
		t.Errorf("%d trains turned at Howard", turned)
	}
}

func TestBreakdownDelaysThoseBehind(t *testing.T) {
	s := chicagoDay()
	type fault struct {
		train string
		at    time.Time
		until time.Time
	}
	faults := make(map[place]*fault)
	n, delayed := 0, 0
	for _, ev := range s.arrivals {
		a := ev.Arrival
		p := placeOf(a)
		f := faults[p]
		switch {
		case a.TrainStatus == cta.TrainBrokenDown:
			faults[p] = &fault{train: a.TrainID, at: ev.At}
			n++
		case f == nil:
		case a.TrainID == f.train && f.until.IsZero():
			f.until = ev.At
			if d := f.until.Sub(f.at); d < 3*time.Minute || d > 10*time.Minute {
				t.Errorf("%s was broken down for %v", f.train, d)
			}
		case a.TrainID != f.train:
			if h := s.net.Line(p.line).HeadwayAt(f.at, p.direction); h > 0 && f.until.Sub(f.at) > h {
				if ev.At.Before(f.until) {
					t.Errorf("%s came to %v at %v, before %s was repaired", a.TrainID, p, ev.At, f.train)
				}
				if float64(ev.At.Sub(f.at)) > maxHeadway*float64(h) {
					delayed++
				}
			}
			delete(faults, p)
		}
	}
	if n < 5 || delayed == 0 {
		t.Errorf("%d breakdowns, of which %d delayed the next train", n, delayed)
	}
}

func TestTrainPrefixesTellLinesApart(t *testing.T) {
	for _, c := range []struct{ ids, want []string }{
		{[]string{"red", "blue", "brown"}, []string{"RE", "BL", "BR"}},
		{[]string{"blue", "black"}, []string{"BLU", "BLA"}},
		{[]string{"a", "b"}, []string{"A-", "B-"}},
		{[]string{"10", "100"}, []string{"10", "100"}},
		{[]string{"é-1", "-"}, []string{"É-1-", "--"}},
	} {
		var lines []*cta.Line
		for _, id := range c.ids {
			lines = append(lines, &cta.Line{ID: id})
		}
		if got := trainPrefixes(lines); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.ids, got, c.want)
		}
	}
}

// Trains go home as often as they go out: no depot fills while another one takes
// ever more trains into service.
func TestFleetsDoNotGrow(t *testing.T) {
	net := cta.Chicago()
	if race.Enabled {
		var err error
		if net, err = net.Only("purple", "yellow"); err != nil {
			t.Fatal(err)
		}
	}
	e := newEngine(net, 1, DefaultStart(net), true)
	fleets := func() map[string]int {
		n := make(map[string]int)
		for _, k := range e.tracks {
			n[k.line.ID] = len(k.fleet)
		}
		return n
	}
	e.skip(2 * day)
	before := fleets()
	e.skip(9 * day)
	for line, n := range fleets() {
		t.Logf("%s: %d trains after two days, %d after nine", line, before[line], n)
		if n > before[line]*5/4+2 {
			t.Errorf("%s: %d trains after two days, %d after nine", line, before[line], n)
		}
	}
}
