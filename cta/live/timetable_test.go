package live

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// complaints counts the faults reported, by cause, on lines whose trains all keep their
// timetable. It checks each minute of some hours, from an hour after the start.
func complaints(tb testing.TB, net *cta.Network, start time.Time, hours int) (looks int, list []string) {
	tb.Helper()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: time.Duration(hours) * time.Hour, NoFaults: true})
	if err != nil {
		tb.Fatal(err)
	}
	tr := NewTracker(net)
	next := start.Add(time.Hour)
	for ev := range sim.Events() {
		for ; !ev.At.Before(next); next = next.Add(time.Minute) {
			for _, l := range tr.View(next).Lines {
				for _, d := range l.Directions {
					looks++
					if d.Level != LevelGood && d.Level != LevelNotRunning && d.Cause != CauseNeverHeard {
						list = append(list, fmt.Sprintf("%s %s %s %v at %d for %v, intended %v, train %s", next.Format("15:04"), l.Line, d.Direction, d.Cause, d.Station, d.Lasts, d.Intended, d.Train))
					}
				}
			}
		}
		if ev.Kind == ctaproducer.EventArrival {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
		}
	}
	return looks, list
}

// valley is a feed of a railway with locals, expresses and short turns at irregular
// times, one of whose expresses overtake the locals, a bus every 90 minutes that waits at
// two stops of one station, and a bus that is timed to the minute: it calls at several
// stops in one, and at two of them again later. A commuter line runs to town in the
// morning and back in the afternoon. A town bus calls twice at the stop where it waits.
// Buses of line P come in pairs. Those of line O go round.
func valley(tb testing.TB) *cta.Network {
	tb.Helper()
	var trips, times strings.Builder
	trips.WriteString("route_id,service_id,trip_id,direction_id\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n")
	run := func(route string, depart int, stops, minutes []int) {
		id := fmt.Sprintf("%s-%d-%d", route, depart, len(stops))
		direction := 0
		if stops[0] > stops[len(stops)-1] {
			direction = 1
		}
		fmt.Fprintf(&trips, "%s,d,%s,%d\n", route, id, direction)
		for i, s := range stops {
			at := depart + minutes[i]
			fmt.Fprintf(&times, "%s,%02d:%02d:00,%02d:%02d:00,%d,%d\n", id, at/60, at%60, at/60, at%60, s, i)
		}
	}
	for hour := 5; hour < 11; hour++ {
		h := 60 * hour
		run("R", h, []int{1, 2, 3, 4, 5, 6}, []int{0, 4, 9, 16, 21, 30})
		run("R", h+12, []int{1, 4, 6}, []int{0, 11, 24})
		run("R", h+17, []int{1, 2, 3}, []int{0, 4, 9})
		run("R", h+51, []int{1, 2, 3, 4, 5, 6}, []int{0, 5, 11, 19, 25, 36})
		run("R", h+5, []int{6, 5, 4, 3, 2, 1}, []int{0, 8, 13, 20, 25, 30})
		run("R", h+20, []int{6, 1}, []int{0, 18})
		run("R", h+22, []int{6, 4, 1}, []int{0, 9, 21})
		run("X", h, []int{1, 2, 3}, []int{0, 10, 20})
		run("X", h+3, []int{1, 3}, []int{0, 9})
	}
	for at := 300; at < 660; at += 24 {
		run("M", at, []int{15, 16, 17, 18, 16, 19, 15, 12}, []int{0, 0, 0, 1, 1, 1, 3, 5})
	}
	for at := 330; at < 500; at += 25 {
		run("C", at, []int{1, 2, 3, 5, 6}, []int{0, 4, 9, 20, 28})
		run("C", at+630, []int{6, 5, 3, 2, 1}, []int{0, 8, 19, 24, 28})
	}
	run("C", 720, []int{6, 5, 3, 2, 1}, []int{0, 8, 19, 24, 28})
	run("C", 950, []int{1, 2, 3, 5, 6}, []int{0, 4, 9, 20, 28})
	for at := 300; at < 720; at += 60 {
		run("W", at, []int{11, 12, 16, 16, 17, 18}, []int{0, 7, 12, 24, 26, 29})
	}
	for at := 300; at < 720; at += 30 {
		run("P", at, []int{11, 12, 16, 17}, []int{0, 7, 12, 17})
		run("P", at+1, []int{11, 12, 16, 17, 18}, []int{0, 7, 12, 17, 19})
		run("O", at, []int{11, 16, 12, 18, 11}, []int{0, 7, 13, 20, 28})
	}
	for at := 300; at < 660; at += 90 {
		run("B", at, []int{11, 12, 13, 14, 15}, []int{0, 7, 12, 52, 63})
	}
	stops := "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n20,Hub,47.55,13.1,1,\n13,Hub,47.55,13.1,0,20\n14,Hub,47.55,13.1,0,20\n"
	for i := 1; i <= 6; i++ {
		stops += fmt.Sprintf("%d,Station %d,%.2f,13.00,,\n", i, i, 47.5+0.04*float64(i))
	}
	for _, i := range []int{11, 12, 15, 16, 17, 18, 19} {
		stops += fmt.Sprintf("%d,Stop %d,%.2f,13.10,,\n", i, i, 47.5+0.02*float64(i-10))
	}
	feed := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt": "agency_name,agency_timezone\nValley,Europe/Vienna\n", "routes.txt": "route_id,route_long_name,route_type\nR,Rail,2\nX,Express,2\nB,Bus,3\nM,Minute bus,3\nC,Commuters,2\nW,Town,3\nP,Pairs,3\nO,Circle,3\n", "stops.txt": stops,
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nd,1,1,1,1,1,1,1,20260101,20261231\n",
		"trips.txt":    trips.String(), "stop_times.txt": times.String(),
	} {
		feed[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, _, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// No fault is reported while all trains keep the timetable, even if they skip stations,
// run short, come at irregular times or wait for long.
func TestTimetableKeptIsGoodService(t *testing.T) {
	net := valley(t)
	looks, list := complaints(t, net, time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location), 7)
	if looks == 0 || len(list) > 0 {
		t.Errorf("%d complaints in %d looks:\n%s", len(list), looks, strings.Join(list[:min(len(list), 12)], "\n"))
	}
}

// What is said of trains that keep a timetable: buses that come in pairs come as often as
// they do on average; a train that closes a ring isn't listed beside the run that it
// begins; before a pause, the next departure is known.
func TestTimetableIsDescribed(t *testing.T) {
	net := valley(t)
	day := time.Date(2026, 10, 7, 0, 0, 0, 0, net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: day.Add(5 * time.Hour), For: 4 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTracker(net)
	now := day.Add(8*time.Hour + 25*time.Minute)
	for ev := range sim.Events() {
		if ev.At.After(now) {
			break
		}
		if ev.Kind == ctaproducer.EventArrival {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
		}
	}
	v := tr.View(now)
	if l, _ := v.Line("P"); l.Directions[0].Every < 10*time.Minute || l.Directions[0].Every > 20*time.Minute {
		t.Errorf("two buses each half hour come every %v", l.Directions[0].Every)
	}
	var leave []string
	for _, b := range v.BoardsAt(11) {
		for _, a := range b.Next {
			if b.Line == "O" {
				leave = append(leave, a.Expected.Format("15:04"))
			}
		}
	}
	if d := cmp.Diff([]string{"08:30", "09:00", "09:30"}, leave); d != "" {
		t.Errorf("departures where the ring closes (-want +got):\n%s", d)
	}
	if l, _ := v.Line("C"); l.Directions[0].Cause != CausePausing || !l.Directions[0].Resumes.Equal(day.Add(950*time.Minute)) {
		t.Errorf("before the afternoon %+v", l.Directions[0])
	}
}

// A timetabled train that doesn't come leaves a gap.
func TestTrainOfATimetableIsMissed(t *testing.T) {
	net := valley(t)
	start := time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: 4 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTracker(net)
	var at time.Time
	for ev := range sim.Events() {
		// The local of 7:00 and the express and the short run after it don't run.
		if a := ev.Arrival; ev.Kind == ctaproducer.EventArrival && !strings.HasPrefix(a.TrainID, "R-420-6") && !strings.HasPrefix(a.TrainID, "R-432") && !strings.HasPrefix(a.TrainID, "R-437") {
			if ev.At.After(start.Add(2*time.Hour + 45*time.Minute)) {
				break
			}
			tr.ApplyArrival(cta.KeyAt(ev.At), a)
			at = ev.At
		}
	}
	l, _ := tr.View(at).Line("R")
	if d := l.Directions[0]; d.Gaps == 0 || d.Level == LevelGood {
		t.Errorf("%+v, want a gap", d)
	}
}

// misses returns how far predictions were off on lines whose trains all keep their
// timetable, in ascending order: of trains on their way, and of runs still to begin. It
// looks every 5 minutes of the second hour.
func misses(tb testing.TB, net *cta.Network, start time.Time) (underway, coming []time.Duration) {
	tb.Helper()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: 4 * time.Hour, NoFaults: true})
	if err != nil {
		tb.Fatal(err)
	}
	type place struct {
		line    string
		station int
		train   string
	}
	type prediction struct {
		at, expected time.Time
	}
	predicted, came := map[place][]prediction{}, map[place][]time.Time{}
	tr, next := NewTracker(net), start.Add(time.Hour)
	for ev := range sim.Events() {
		for ; !ev.At.Before(next) && next.Before(start.Add(2*time.Hour)); next = next.Add(5 * time.Minute) {
			for _, b := range tr.View(next).Boards {
				for _, a := range slices.Concat(b.Next, b.Ending) {
					p := place{b.Line, b.Station, a.Train}
					if a.Basis == BasisTimetable {
						p.train = ""
					}
					if !a.Maybe {
						predicted[p] = append(predicted[p], prediction{next, a.Expected})
					}
				}
			}
		}
		if ev.Kind == ctaproducer.EventArrival {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
			for _, id := range []string{"", ev.Arrival.TrainID} {
				p := place{ev.Arrival.Line, ev.Arrival.StationID, id}
				came[p] = append(came[p], ev.At)
			}
		}
	}
	for p, list := range predicted {
		for _, q := range list {
			miss := time.Duration(math.MaxInt64)
			for _, at := range came[p] {
				if !at.Before(q.at) {
					miss = min(miss, at.Sub(q.expected).Abs())
				}
			}
			if p.train == "" {
				coming = append(coming, miss)
			} else {
				underway = append(underway, miss)
			}
		}
	}
	slices.Sort(underway)
	slices.Sort(coming)
	return underway, coming
}

// Trains that keep a timetable are predicted by it, wherever expresses and locals take
// different times between the same two stations.
func TestTimetableIsPredicted(t *testing.T) {
	net := valley(t)
	underway, coming := misses(t, net, time.Date(2026, 10, 7, 6, 0, 0, 0, net.Location))
	if len(underway) < 50 || len(coming) < 200 {
		t.Fatalf("%d and %d predictions", len(underway), len(coming))
	}
	if a, b := underway[len(underway)-1], coming[len(coming)-1]; a > 5*time.Second || b > 5*time.Second {
		t.Errorf("predictions are off by up to %v for trains on their way, %v for coming runs", a, b)
	}
}

// Predictions of a timetable's runs are scored by the trains that make them, even if the
// report of a departure is late, and other trains pass the place. Else ranges would widen
// without a reason.
func TestTimetableIsScored(t *testing.T) {
	net := valley(t)
	start := time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: 4 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	const delay = 2 * time.Second // of reports
	tr, next := NewTracker(net), start
	for ev := range sim.Events() {
		for ; ev.At.Add(delay).After(next); next = next.Add(30 * time.Second) {
			tr.ScorePredictions(next)
		}
		if ev.Kind == ctaproducer.EventArrival {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
		}
	}
	for _, s := range tr.View(next).Scores {
		if e := s.All; e.Count < 500 || e.Error > 5*time.Second || e.InRange < 0.99 {
			t.Errorf("%v to %v: %+v", s.From, s.To, e)
		}
	}
}

// Of a timetabled train are known its run, its way and its departures.
func TestRunOfATimetable(t *testing.T) {
	net := valley(t)
	start := time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location)
	at := func(minutes float64) time.Time { return start.Add(time.Duration(minutes * float64(time.Minute))) }
	local := []struct {
		station int
		minutes float64
	}{{1, 0}, {2, 4}, {3, 9}, {4, 16}, {5, 21}, {6, 30}}
	tracker := func(late float64) *Tracker { // three locals came; they were late from station 3 on
		tr := NewTracker(net)
		for hour := range 3 {
			for _, c := range local {
				by := 0.0
				if c.station > 2 {
					by = late
				}
				when := at(float64(60*hour) + c.minutes + by)
				tr.ApplyArrival(cta.KeyAt(when), cta.Arrival{Line: "R", TrainID: fmt.Sprint("L", hour), StationID: c.station, Direction: "a", TrainStatus: cta.TrainInService})
			}
		}
		return tr
	}
	come := func(tr *Tracker, train string, station int, minutes float64) {
		tr.ApplyArrival(cta.KeyAt(at(minutes)), cta.Arrival{Line: "R", TrainID: train, StationID: station, Direction: "a", TrainStatus: cta.TrainInService})
	}
	stop := func(tr *Tracker, train string, station int, minutes float64) float64 {
		t.Helper()
		for _, x := range tr.View(at(minutes)).Trains {
			for _, s := range x.Stops {
				if x.ID == train && s.Station == station && !s.Maybe {
					return s.Expected.Sub(start).Minutes()
				}
			}
		}
		t.Errorf("train %s isn't predicted at %d", train, station)
		return 0
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.3 {
			t.Errorf("%s: in %.1f min, want %.1f", what, got, want)
		}
	}

	tr := tracker(0)
	come(tr, "S", 1, 171) // the slower local
	come(tr, "S", 2, 176)
	near("a slower run", stop(tr, "S", 5, 177), 171+25)
	tr = tracker(2)
	come(tr, "L3", 1, 180)
	come(tr, "L3", 2, 184)
	near("where the last was 2 min late", stop(tr, "L3", 3, 185), 189+1.33) // one observation weighs two thirds
	tr = tracker(0)
	come(tr, "L3", 1, 180)
	come(tr, "L3", 2, 182.5)
	near("an early train, which waits", stop(tr, "L3", 3, 183), 189)
	tr = tracker(0)
	for i, minutes := range []float64{180, 184, 189, 202} { // 6 min late, so nearer to the express
		come(tr, "L3", i+1, minutes)
	}
	near("a late local", stop(tr, "L3", 6, 203), 180+30+6)

	board := func(line string, station int, d cta.Direction, want ...float64) {
		t.Helper()
		var got []float64
		for _, b := range tracker(0).View(at(178)).BoardsAt(station) {
			for _, a := range slices.Concat(b.Next, b.Ending) {
				if b.Line == line && b.Direction == d {
					got = append(got, a.Expected.Sub(start).Minutes())
				}
			}
		}
		if len(got) < len(want) {
			t.Fatalf("line %s at %d: the next runs call after %.1f min, want %v", line, station, got, want)
		}
		for i := range want {
			near(fmt.Sprintf("the next runs of line %s at %d", line, station), got[i], want[i])
		}
	}
	board("R", 4, "b", 198, 211) // the express at 200 goes another way
	board("X", 3, "a", 192, 200) // expresses overtake
}

// pauses compares what is reported of each line's directions on a day with its timetable,
// every few minutes: no service in a pause of more than an hour, until the next departure;
// service while a run is on its way. All trains keep the timetable.
func pauses(tb testing.TB, net *cta.Network, day cta.Date) (paused, served int, faults []string) {
	tb.Helper()
	start := day.Begin(net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: 24 * time.Hour, NoFaults: true})
	if err != nil {
		tb.Fatal(err)
	}
	type line struct {
		name string
		d    int
	}
	runs := map[line][][2]time.Time{}
	for _, l := range net.Lines {
		for d := day.Add(-1); d <= day.Add(8); d = d.Add(1) {
			for _, r := range l.Runs(d) {
				for i, direction := range directions {
					if slices.ContainsFunc(r.Calls, func(c cta.Call) bool { return c.Direction == direction }) {
						runs[line{l.ID, i}] = append(runs[line{l.ID, i}], [2]time.Time{r.Departure, r.Arrival(len(r.Calls) - 1)})
					}
				}
			}
		}
	}
	const near = 3 * time.Minute // of a run's end
	tr, next := NewTracker(net), start.Add(4*time.Minute)
	for ev := range sim.Events() {
		for ; !ev.At.Before(next); next = next.Add(5 * time.Minute) {
			for _, l := range tr.View(next).Lines {
				for i, d := range l.Directions {
					var before, after time.Time
					on, close := false, false
					for _, r := range runs[line{l.Line, i}] {
						on = on || !next.Before(r[0]) && !next.After(r[1])
						close = close || next.Sub(r[0]).Abs() < near || next.Sub(r[1]).Abs() < near
						if r[1].Before(next) && r[1].After(before) {
							before = r[1]
						}
						if r[0].After(next) && (after.IsZero() || r[0].Before(after)) {
							after = r[0]
						}
					}
					wrong := false
					switch {
					case close:
					case on:
						served++
						wrong = d.Level == LevelNotRunning || d.Cause == CauseNeverHeard
					case after.IsZero() || after.Sub(before) > time.Hour:
						paused++
						if !after.IsZero() && after.Sub(next) > 6*24*time.Hour {
							after = d.Resumes // beyond a week, nobody is told
						}
						wrong = d.Level != LevelNotRunning || d.Cause != CauseNoService || !d.Resumes.Equal(after)
					}
					if wrong {
						faults = append(faults, fmt.Sprintf("%s %s %s: %s, %s until %s; the last run ended at %s, the next begins at %s",
							next.Format("15:04"), l.Line, d.Direction, d.Level, d.Cause, d.Resumes.Format("Mon 15:04"), before.Format("Mon 15:04"), after.Format("Mon 15:04")))
					}
				}
			}
		}
		if ev.Kind == ctaproducer.EventArrival {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
		}
	}
	return paused, served, faults
}

// A line without a train for more than an hour has no service until its next departure:
// before the first train of the day, and between the rush hours.
func TestPausesOfATimetable(t *testing.T) {
	net := valley(t)
	for _, day := range []cta.Date{20261007, 20261025} { // clocks change on the second
		paused, served, faults := pauses(t, net, day)
		if paused == 0 || served == 0 || len(faults) > 0 {
			t.Errorf("%v, %d looks in pauses, %d in service: %s", day, paused, served, strings.Join(faults[:min(len(faults), 12)], "\n"))
		}
	}
	// A platform says when its next train comes, if that is hours away.
	noon := time.Date(2026, 10, 7, 12, 30, 0, 0, net.Location)
	for _, b := range NewTracker(net).View(noon).BoardsAt(3) {
		if want := time.Date(2026, 10, 7, 15, 59, 0, 0, net.Location); b.Line == "C" && b.Direction == cta.DirectionA && !b.Resumes.Equal(want) {
			t.Errorf("at half past twelve, the next train comes at %v, want %v", b.Resumes, want)
		}
	}
}

// The last train is that of the service day, not one before a pause; and a train that runs
// for some minutes and is never heard of is missed.
func TestPausesHaveNoLastTrains(t *testing.T) {
	net := valley(t)
	start := time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: 14 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	const commuters, minute = "C", time.Minute
	looks := []struct {
		after time.Duration
		d     int
		last  bool
	}{ // the last trains of the morning, of noon and of the day leave at 8:00, 12:00, 15:50 and 18:30
		{3*time.Hour + 10*minute, 0, false}, {7*time.Hour + 10*minute, 1, false}, {11*time.Hour + 2*minute, 0, true}, {14*time.Hour - 5*minute, 1, true},
	}
	tr := NewTracker(net)
	for ev := range sim.Events() {
		for len(looks) > 0 && ev.At.Sub(start) >= looks[0].after {
			l, _ := tr.View(start.Add(looks[0].after)).Line(commuters)
			if d := l.Directions[looks[0].d]; l.Level != LevelGood || (d.Cause == CauseEnding) != looks[0].last {
				t.Errorf("after %v, direction %s: %s for %s, last trains: want %v", looks[0].after, d.Direction, d.Level, d.Cause, looks[0].last)
			}
			looks = looks[1:]
		}
		if ev.Kind == ctaproducer.EventArrival {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
		}
	}
	if len(looks) > 1 {
		t.Errorf("%d looks are left", len(looks))
	}
	// A run of 12 minutes, of which nobody has heard.
	short := timetable(t, 10, 1)
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, short.Location)
	length := time.Duration(short.Lines[0].Patterns[0].Trips[0].Profile.Arrivals[len(short.Lines[0].Patterns[0].Calls)-1]) * time.Second
	for share, want := range map[float64]Cause{0.3: CauseBeginning, 0.7: CauseNeverHeard, 1.3: CauseNoService} {
		l, _ := NewTracker(short).View(eight.Add(time.Duration(share * float64(length)))).Line("t")
		if got := l.Directions[0].Cause; got != want {
			t.Errorf("%v of a run of %v, never heard of: %s, want %s", share, length, got, want)
		}
	}
}

// A train that has broken down or is overdue is told also when its timetable has ended.
func TestPauseHidesNoTrain(t *testing.T) {
	net := valley(t)
	line := net.Line("C")
	noon := time.Date(2026, 10, 7, 12, 0, 0, 0, net.Location)
	var last cta.Run
	for _, r := range line.Runs(20261007) {
		if r.Pattern.Direction() == cta.DirectionA && r.Departure.Before(noon) && r.Departure.After(last.Departure) {
			last = r
		}
	}
	calls := last.Pattern.Calls
	for name, status := range map[string]cta.TrainStatus{"stuck": cta.TrainBrokenDown, "overdue": cta.TrainInService} {
		tr := NewTracker(net)
		for i := range len(calls) - 1 {
			a := cta.Arrival{StationID: calls[i].Station.ID, TrainID: "C1", Line: line.ID, Direction: calls[i].Direction, TrainStatus: cta.TrainInService}
			if i == len(calls)-2 {
				a.TrainStatus = status
			}
			tr.ApplyArrival(cta.KeyAt(last.Arrival(i)), a)
		}
		after := last.Arrival(len(calls) - 1).Add(2 * time.Minute)
		l, _ := tr.View(after).Line(line.ID)
		if d := l.Directions[0]; d.Level == LevelNotRunning || d.Level == LevelGood {
			t.Errorf("%s: the line is said to be %v, for %v", name, d.Level, d.Cause)
		}
	}
}

// TestRealTimetablesKept checks the same for real feeds, if present: hardly any fault
// is reported, and predictions are about right.
func TestRealTimetablesKept(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	for _, feed := range []string{"gtfs/caltrain.zip", "gtfs/salem.zip", "oba-maglev/raba.zip", "validator-bullrunner/bullrunner-gtfs.zip"} {
		net, _, err := gtfs.Load(filepath.Join(samples, feed), gtfs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		looks, list := complaints(t, net, ctaproducer.DefaultStart(net), 4)
		t.Logf("%s: %d complaints in %d looks", feed, len(list), looks)
		if len(list) > looks/100 {
			t.Errorf("%s: %d complaints in %d looks, as %s", feed, len(list), looks, list[0])
		}
		paused, served, faults := pauses(t, net, net.Typical)
		t.Logf("%s: %d looks in pauses, %d in service, %d of them wrong", feed, paused, served, len(faults))
		if paused == 0 || served == 0 || len(faults) > 0 {
			t.Errorf("%s: %s", feed, strings.Join(faults[:min(len(faults), 12)], "\n"))
		}
		underway, coming := misses(t, net, ctaproducer.DefaultStart(net))
		for of, off := range map[string][]time.Duration{"trains on their way": underway, "coming runs": coming} {
			nine := off[len(off)*9/10]
			t.Logf("%s: %d predictions of %s are off by %v in the median, %v for nine of ten", feed, len(off), of, off[len(off)/2], nine)
			if nine > 10*time.Second {
				t.Errorf("%s: nine of ten predictions of %s are off by up to %v", feed, of, nine)
			}
		}
	}
}

// A headway describes trains that come about as far apart, or often; others have none.
func TestEvenTimes(t *testing.T) {
	for _, c := range []struct {
		times []int64 // min
		at    int64
		every int64 // 0 for none
	}{
		{[]int64{0, 60, 120, 180, 240, 300, 360}, 200, 60},
		{[]int64{0, 5, 14, 18, 30, 33, 40, 50}, 20, 7},
		{[]int64{0, 4, 60, 64, 120, 124, 180, 184}, 70, 0},   // pairs
		{[]int64{0, 130, 515, 630}, 200, 0},                  // a few a day
		{[]int64{0, 30, 60, 90, 510, 540, 570, 600}, 95, 30}, // a pause at noon
		{[]int64{0, 30, 60, 75, 90, 105, 120}, 10, 0},        // about to change
		{[]int64{0, 30, 60, 90, 510}, 80, 30},
		{[]int64{0, 60}, 10, 0},
		{nil, 10, 0},
	} {
		var times []int64
		for _, m := range c.times {
			times = append(times, m*minute)
		}
		if every, ok := even(times, c.at*minute); ok != (c.every > 0) || ok && every != c.every*minute {
			t.Errorf("%v at %d: every %d min, %v, want %d", c.times, c.at, every/minute, ok, c.every)
		}
	}
	net := valley(t)
	at := time.Date(2026, 10, 7, 8, 10, 0, 0, net.Location)
	v := NewTracker(net).View(at)
	for line, uneven := range map[string]bool{"R": true, "P": true, "B": false, "O": false, "W": false} {
		l, _ := v.Line(line)
		if d := l.Directions[0]; d.Uneven != uneven || uneven != (d.Intended == 0) {
			t.Errorf("line %s: uneven %v, every %v", line, d.Uneven, d.Intended)
		}
	}
}
