package live

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// said is an arrival, and the truth about its train.
type said struct {
	ctaproducer.Event
	comes time.Time // when the tracker gets it; zero if lost
	due   time.Time // at the next station without a fault; zero at the end of a run
	last  bool      // the last report before the train vanishes
}

// troubled returns traffic with these faults:
//
//   - One run in fifty ends on the way without a report.
//   - In another one in fifty, the train's id also reappears elsewhere up to forty
//     minutes later.
//   - One event in twenty is lost.
//   - One event in twenty is up to ten minutes late.
func troubled(tb testing.TB, seed uint64, from time.Time, length time.Duration) (all []*said, runs, vanished, again int) {
	tb.Helper()
	random := rand.New(rand.NewPCG(seed, 10))
	within := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	g := newGraph(cta.Chicago())
	events := simulated(tb, ctaproducer.SimulationConfig{Seed: seed, Start: from, For: length})
	node := func(i int) int32 {
		a := events[i].Arrival
		return g.at[platform{a.Line, a.StationID, a.Direction}]
	}
	of := map[string][]int{} // a train's events
	for i, e := range events {
		of[e.Arrival.TrainID] = append(of[e.Arrival.TrainID], i)
	}
	due, gone, ending := make([]time.Time, len(events)), make([]bool, len(events)), make([]int, len(events))
	for _, id := range slices.Sorted(maps.Keys(of)) {
		var run []int
		for k, i := range of[id] {
			run = append(run, i)
			next := k + 1
			for next < len(of[id]) && node(of[id][next]) == node(i) && events[of[id][next]].Arrival.TrainStatus != cta.TrainOutOfService {
				next++
			}
			if next < len(of[id]) && g.edge(node(i), node(of[id][next])) >= 0 {
				due[i] = events[of[id][next]].At
				continue
			}
			runs++
			if fate := random.IntN(50); fate < 2 && len(run) > 2 {
				end := random.IntN(len(run) - 2)
				ending[run[end]] = fate + 1
				for _, j := range run[end+1:] {
					gone[j] = true
				}
			}
			run = nil
		}
	}
	names, latest := map[string]string{}, map[string]*said{}
	type free struct {
		id string
		at time.Time
	}
	var ids []free // ids to reuse
	for i, e := range events {
		if gone[i] {
			continue
		}
		sim := e.Arrival.TrainID
		if len(ids) > 0 && e.At.After(ids[0].at) && latest[sim] != nil && ending[i] == 0 && !latest[sim].last {
			latest[sim].last = true
			names[sim], ids = ids[0].id, ids[1:]
			again++
		}
		if n := names[sim]; n != "" {
			e.Arrival.TrainID = n
		}
		s := &said{Event: e, due: due[i], last: ending[i] > 0}
		switch random.IntN(20) {
		case 0: // lost
		case 1:
			s.comes = e.At.Add(within(10 * time.Minute))
		default:
			s.comes = e.At.Add(within(2 * time.Second))
		}
		all = append(all, s)
		latest[sim] = s
		if ending[i] > 0 {
			vanished++
			names[sim] = fmt.Sprintf("%s-%d", sim, vanished)
			if ending[i] == 2 {
				ids = append(ids, free{e.Arrival.TrainID, e.At.Add(within(40 * time.Minute))})
			}
		}
	}
	return all, runs, vanished, again
}

// wrong counts errors during a troubled time, in train minutes.
type wrong struct{ ghosts, predicted, missed, elsewhere int }

// watch checks a troubled time every minute. A train exists from its first report until
// it vanishes or leaves service. Once heard of, it must be shown during that time, and
// afterwards only as long as the package comment allows.
func watch(tb testing.TB, all []*said, each func(now time.Time, tr *Tracker, heard []*said)) (w wrong, trains, looks int) {
	tb.Helper()
	const held = 5 * time.Minute // tolerance: due times are not more exact
	coming := slices.DeleteFunc(slices.Clone(all), func(s *said) bool { return s.comes.IsZero() })
	slices.SortStableFunc(coming, func(a, b *said) int { return a.comes.Compare(b.comes) })
	of := map[string][]*said{}
	for _, s := range all {
		of[s.Arrival.TrainID] = append(of[s.Arrival.TrainID], s)
	}
	net := cta.Chicago()
	tr := NewTracker(net)
	fed := 0
	for now := all[0].At; now.Before(all[len(all)-1].At); now = now.Add(time.Minute) {
		for ; fed < len(coming) && !coming[fed].comes.After(now); fed++ {
			tr.ApplyArrival(cta.KeyAt(coming[fed].At), coming[fed].Arrival)
		}
		if each != nil {
			each(now, tr, coming[:fed])
		}
		v := tr.View(now)
		for _, shown := range v.Trains {
			if of[shown.ID] == nil {
				w.ghosts++
				tb.Logf("at %s there is a %s", now.Format(time.TimeOnly), shown.ID)
			}
		}
		for id, events := range of {
			var heard *said
			there, known := false, false // since it last vanished
			i := 0
			for ; i < len(events) && !events[i].At.After(now); i++ {
				e := events[i]
				if !e.comes.IsZero() && !e.comes.After(now) {
					heard, known = e, true
				}
				there = !e.last && e.Arrival.TrainStatus != cta.TrainOutOfService
				known = known && there && (heard == e || !e.due.IsZero()) // a waiting train at the end of its run is unknown
			}
			if heard == nil || there && i == len(events) { // the time after the end is unknown
				continue
			}
			until, quiet := heard.due.Add(15*time.Minute), heard.due.Add(max(3*time.Minute, heard.due.Sub(heard.At)+held))
			switch {
			case heard.Arrival.TrainStatus == cta.TrainOutOfService:
				until = heard.At.Add(2 * time.Minute)
			case heard.Arrival.TrainStatus == cta.TrainBrokenDown, heard.due.IsZero():
				until = heard.At.Add(time.Hour)
				quiet = until
			}
			fault := func(n *int, what string) {
				*n++
				tb.Logf("at %s %s %s, heard of at %s", now.Format(time.TimeOnly), id, what, heard.At.Format(time.TimeOnly))
			}
			shown, ok := v.Train(id)
			there = there && known
			switch {
			case ok:
				looks++
				passed := net.Station(shown.Station).Closed && slices.ContainsFunc(net.Line(shown.Line).Next(heard.Arrival.StationID, heard.Arrival.Direction),
					func(c cta.Call) bool { return c.Station.ID == shown.Station })
				if shown.Station != heard.Arrival.StationID && !passed || shown.Line != heard.Arrival.Line {
					fault(&w.elsewhere, "is elsewhere")
				}
				if !there && now.After(until.Add(held)) {
					fault(&w.ghosts, "is still shown")
				}
				if !there && now.After(quiet.Add(held)) && len(shown.Stops) > 0 {
					fault(&w.predicted, "is still predicted")
				}
			case there && now.Before(until):
				fault(&w.missed, "isn't shown")
			}
		}
	}
	return w, len(of), looks
}

// ghosts watches a troubled time, and fails on any error.
func ghosts(tb testing.TB, seed uint64, from time.Time, length time.Duration, each func(now time.Time, tr *Tracker, heard []*said)) {
	tb.Helper()
	all, runs, vanished, again := troubled(tb, seed, from, length)
	w, trains, looks := watch(tb, all, each)
	tb.Logf("%d events of %d trains on %d runs, %d of which vanished, with %d ids that turned up elsewhere; in %d minutes of trains: %+v",
		len(all), trains, runs, vanished, again, looks, w)
	if w != (wrong{}) || vanished < runs/50 || again == 0 {
		tb.Errorf("%+v of %d vanished, %d again", w, vanished, again)
	}
}

// BenchmarkGhosts runs the whole day. A tracker that restarts in the middle must give
// the same result.
func TestTrainsVanishAndTurnUpElsewhere(t *testing.T) {
	restarts, length := 0, 150*time.Minute
	if race.Enabled {
		length = 75 * time.Minute
	}
	ghosts(t, 1, day(6), length, func(now time.Time, tr *Tracker, heard []*said) {
		if restarts++; restarts%20 != 0 {
			return
		}
		anew := NewTracker(cta.Chicago())
		for _, s := range slices.Backward(heard) {
			anew.ApplyArrival(cta.KeyAt(s.At), s.Arrival)
		}
		before := tr.View(now)
		copy(anew.scratch.trouble, tr.scratch.trouble) // recoveries alone follow from the views so far
		if d := cmp.Diff(before, anew.View(now), whole); d != "" {
			t.Errorf("after a restart at %s (-before +after):\n%s", now, d)
		}
	})
}

// A train falls silent on the way while others pass it.
func TestVanishedTrainIsSilentThenGone(t *testing.T) {
	net := cta.Chicago()
	stations := net.Line("brown").Stations
	at := func(m float64) time.Time { return day(12).Add(time.Duration(m * float64(time.Minute))) }
	tr := NewTracker(net)
	arrive := func(m float64, id string, s int) {
		tr.ApplyArrival(cta.KeyAt(at(m)), cta.Arrival{
			StationID: stations[s].Station.ID, TrainID: id, Direction: cta.DirectionA, Line: "brown", TrainStatus: cta.TrainInService,
		})
	}
	for k := range 40 {
		for s := range 8 {
			arrive(float64(6*k-30+2*s), fmt.Sprintf("BR%03d", k), s)
		}
	}
	arrive(1, "BR999", 1)
	for m := 2.0; m < 120; m += 0.5 { // it is due at three, or when the train ahead is far enough away
		v := tr.View(at(m))
		got, ok := v.Train("BR999")
		if m <= 6 && got.State != StateRunning || m >= 8 && m <= 18 && got.State != StateSilent || m > 20 && ok {
			t.Errorf("after %v minutes: %v, %s", m, ok, got.State)
		}
		if m > 4 && len(got.Stops) > 0 {
			t.Errorf("after %v minutes, when another has passed it, it is predicted", m)
		}
		if l, _ := v.Line("brown"); m > 4 && l.Directions[0].Cause == CauseOverdue {
			t.Errorf("after %v minutes it is said to be overdue", m)
		}
	}
}

// along runs a train along the Blue Line towards Forest Park, at two minutes per
// station.
func along(tr *Tracker, id string, from, until int, start time.Time) {
	for i := from; i <= until; i++ {
		a := arrived(id, cta.Chicago().Line("blue").Stations[i].Station.ID, cta.DirectionA, cta.TrainInService)
		tr.ApplyArrival(cta.KeyAt(start.Add(time.Duration(i-from)*2*time.Minute)), a)
	}
}

// A train that vanishes at the end of its run is shown there for an hour, but other
// trains are expected to depart.
func TestTrainThatVanishesAtTheEndDepartsNoMore(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	tr.ApplyArrival(cta.KeyAt(day(8)), arrived("BL999", forestPark, cta.DirectionA, cta.TrainInService))
	for k := range 20 {
		id, comes := fmt.Sprintf("BL%03d", k), day(8).Add(time.Duration(4*k+4)*time.Minute)
		tr.ApplyArrival(cta.KeyAt(comes), arrived(id, forestPark, cta.DirectionA, cta.TrainInService))
		tr.ApplyArrival(cta.KeyAt(comes.Add(5*time.Minute)), arrived(id, forestPark, cta.DirectionB, cta.TrainInService))
	}
	for m := 1; m < 75; m++ {
		v := tr.View(day(8).Add(time.Duration(m) * time.Minute))
		if _, ok := v.Train("BL999"); ok != (m <= 60) {
			t.Errorf("after %d minutes it is shown: %v", m, ok)
		}
		for _, b := range v.BoardsAt(forestPark) {
			if m >= 9 && slices.ContainsFunc(b.Next, func(a Arrival) bool { return a.Train == "BL999" }) {
				t.Errorf("after %d minutes, when a later one has left, it is predicted to depart", m)
			}
		}
	}
}

// A train that broke down and was removed without a report neither holds up others nor
// counts as standing once others have passed.
func TestPassedBreakdownIsInNobodysWay(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	const at = 6 // the station where it broke down
	broken := cta.Chicago().Line("blue").Stations[at].Station.ID
	for k := range 5 {
		along(tr, fmt.Sprintf("BL%03d", k), 0, 20, day(7).Add(time.Duration(4*k)*time.Minute))
	}
	along(tr, "BL999", 0, at, day(8).Add(-12*time.Minute))
	along(tr, "BL100", at+2, 20, day(8))
	tr.ApplyArrival(cta.KeyAt(day(8)), arrived("BL999", broken, cta.DirectionA, cta.TrainBrokenDown))
	see := func(m int) (Cause, Train) {
		v := tr.View(day(8).Add(time.Duration(m) * time.Minute))
		l, _ := v.Line("blue")
		behind, _ := v.Train("BL102")
		return l.Directions[0].Cause, behind
	}
	if c, _ := see(9); c != CauseStanding {
		t.Errorf("before another has passed: %s", c)
	}
	along(tr, "BL101", at-1, 20, day(8).Add(9*time.Minute))
	along(tr, "BL102", at-1, at-1, day(8).Add(19*time.Minute))
	c, behind := see(20)
	if c == CauseStanding || len(behind.Stops) < 2 || behind.Stops[1].Expected.After(day(8).Add(25*time.Minute)) {
		t.Errorf("after another has passed: %s, the one behind %+v", c, behind.Stops)
	}
	if shown, ok := tr.View(day(8).Add(20 * time.Minute)).Train("BL999"); !ok || shown.State != StateStanding || len(shown.Stops) > 0 {
		t.Errorf("it is shown: %v, %+v", ok, shown)
	}
}

// A breakdown is reported, even though another one was dropped after an hour.
func TestForgottenBreakdownHidesNone(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	tr.ApplyArrival(cta.KeyAt(day(8)), arrived("BL001", rosemont, cta.DirectionA, cta.TrainBrokenDown))
	tr.ApplyArrival(cta.KeyAt(day(9).Add(4*time.Minute)), arrived("BL002", cumberland, cta.DirectionA, cta.TrainBrokenDown))
	l, _ := tr.View(day(9).Add(5 * time.Minute)).Line("blue")
	if ds := l.Directions[0]; ds.Cause != CauseStanding || ds.Train != "BL002" {
		t.Errorf("said %+v, want BL002", ds)
	}
}

// A train moved while out of service left service at its first such report.
func TestTrainMovedOutOfServiceIsGone(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	for m := range 10 {
		id := cta.Chicago().Line("blue").Stations[m].Station.ID
		tr.ApplyArrival(cta.KeyAt(day(8).Add(time.Duration(m)*time.Minute)), arrived("BL001", id, cta.DirectionA, cta.TrainOutOfService))
		if _, ok := tr.View(day(8).Add(time.Duration(m) * time.Minute)).Train("BL001"); ok != (m <= 2) {
			t.Errorf("after %d minutes it is shown: %v", m, ok)
		}
	}
	tr.ApplyArrival(cta.KeyAt(day(8).Add(11*time.Minute)), arrived("BL001", cumberland, cta.DirectionA, cta.TrainInService))
	if _, ok := tr.View(day(8).Add(11 * time.Minute)).Train("BL001"); !ok {
		t.Error("back in service it isn't shown")
	}
}

// Dropped trains don't affect a line's status.
func TestDroppedTrainsDontSilenceALine(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	for k := range 3 {
		along(tr, fmt.Sprintf("BL99%d", k), 8, 8, day(8).Add(time.Duration(4*k)*time.Minute))
	}
	along(tr, "BL001", 0, 20, day(8).Add(-time.Minute))
	along(tr, "BL002", 0, 0, day(8).Add(38*time.Minute))
	for _, now := range []time.Time{day(8).Add(34 * time.Minute), day(8).Add(40*time.Minute + 10*time.Second)} {
		l, _ := tr.View(now).Line("blue")
		if ds := l.Directions[0]; ds.Cause == CauseSilent || ds.Cause == CauseOverdue {
			t.Errorf("at %s: %+v", now.Format(time.TimeOnly), ds)
		}
	}
}

// Without events, trains become silent and are then dropped, and lines become silent.
func TestOutage(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	for _, e := range morning(t) {
		if e.At.Before(day(8)) {
			tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
		}
	}
	ran := 0
	for m := 0; m < 70; m++ {
		v := tr.View(day(8).Add(time.Duration(m) * time.Minute))
		states, next := map[State]int{}, 0
		for _, train := range v.Trains {
			states[train.State]++
		}
		for _, b := range v.Boards {
			next += len(b.Next)
		}
		if m == 0 {
			ran = states[StateRunning] + states[StateStopped]
		}
		switch {
		case m >= 8 && m < 15 && states[StateSilent] < ran*9/10, m >= 20 && states[StateRunning] > 0, m >= 30 && states[StateSilent] > 0, m > 60 && len(v.Trains) > 0, m >= 25 && next > 0:
			t.Errorf("after %d minutes: %v of %d that ran, %d predictions", m, states, ran, next)
		}
		for _, l := range v.Lines {
			if ds := l.Directions[0]; m >= 5 && ds.Cause != CauseSilent && ds.Cause != CauseNoService {
				t.Errorf("after %d minutes: %s %+v", m, l.Line, ds)
			}
		}
	}
}

// A late report of a dropped train counts from its event time.
func TestLateWordDoesntBringATrainBack(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	along(tr, "BL001", 0, 0, day(8))
	now := day(8).Add(25 * time.Minute)
	if _, ok := tr.View(now).Train("BL001"); ok {
		t.Fatal("it is shown after 25 minutes")
	}
	along(tr, "BL001", 1, 1, day(8).Add(2*time.Minute))
	if train, ok := tr.View(now).Train("BL001"); ok {
		t.Errorf("it is back: %+v", train)
	}
}

// A train that reports where it was before is back, or still there, whatever its state.
func TestReportFromTheSamePlatformIsAReport(t *testing.T) {
	const last = 32 // Forest Park, where runs end
	for _, c := range []struct {
		name   string
		at     int
		status cta.TrainStatus
		state  State // at the end
		alone  time.Duration
	}{
		{"on its way", 8, cta.TrainInService, StateRunning, 20 * time.Minute},
		{"broken down", 8, cta.TrainBrokenDown, StateStanding, 62 * time.Minute},
		{"at the end of its run", last, cta.TrainInService, StateTurning, 62 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := NewTracker(cta.Chicago())
			report := arrived("BL001", cta.Chicago().Line("blue").Stations[c.at].Station.ID, cta.DirectionA, c.status)
			tr.ApplyArrival(cta.KeyAt(day(8)), report)
			now := day(8).Add(c.alone)
			if train, ok := tr.View(now).Train("BL001"); ok {
				t.Fatalf("it is shown after %v without a report: %s", c.alone, train.State)
			}
			tr.ApplyArrival(cta.KeyAt(now), report)
			train, ok := tr.View(now.Add(time.Second)).Train("BL001")
			if !ok || train.State != c.state || !train.Since.Equal(day(8)) {
				t.Errorf("after a report it is shown: %v, %s since %v; want %s since %v", ok, train.State, train.Since, c.state, day(8))
			}
			if predicted := len(train.Stops) > 0; predicted == (c.at == last) {
				t.Errorf("it is predicted: %v", predicted)
			}
			if _, ok := tr.View(now.Add(c.alone)).Train("BL001"); ok {
				t.Errorf("it is shown %v after that report", c.alone)
			}
		})
	}
}

// A train behind a broken-down one is held up, not silent.
func TestHeldUpTrainIsntSilent(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	for k := range 5 {
		along(tr, fmt.Sprintf("BL%03d", k), 0, 20, day(7).Add(time.Duration(4*k)*time.Minute))
	}
	along(tr, "BL100", 0, 6, day(8).Add(-12*time.Minute))
	broken := arrived("BL100", cta.Chicago().Line("blue").Stations[6].Station.ID, cta.DirectionA, cta.TrainBrokenDown)
	tr.ApplyArrival(cta.KeyAt(day(8)), broken)
	along(tr, "BL101", 0, 5, day(8).Add(-9*time.Minute))
	for s := 0; s < 16*60; s += 20 {
		now := day(8).Add(time.Duration(s) * time.Second)
		if s == 12*60 {
			broken.TrainStatus = cta.TrainInService
			tr.ApplyArrival(cta.KeyAt(now), broken)
		}
		if s == 14*60 {
			along(tr, "BL100", 7, 7, now)
		}
		if train, _ := tr.View(now).Train("BL101"); s > 2*60 && (train.State != StateRunning || len(train.Stops) == 0) {
			t.Errorf("after %d s: %s, predicted at %d stations", s, train.State, len(train.Stops))
		}
	}
}

// A dropped train is no longer overdue. Trains that fell silent while others reported
// don't make a line silent.
func TestVanishedTrainsDontSpeakForALine(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	for k := range 5 {
		along(tr, fmt.Sprintf("BL%03d", k), 0, 20, day(7).Add(time.Duration(4*k)*time.Minute))
	}
	along(tr, "BL999", 0, 8, day(8)) // due at 8:18
	for m := range 60 {              // the other way trains run
		id := cta.Chicago().Line("blue").Stations[20-m%20].Station.ID
		tr.ApplyArrival(cta.KeyAt(day(8).Add(time.Duration(m)*time.Minute)), arrived("BL500", id, cta.DirectionB, cta.TrainInService))
	}
	cause := func(tr *Tracker, now time.Time) Cause {
		l, _ := tr.View(now).Line("blue")
		return l.Directions[0].Cause
	}
	if c := cause(tr, day(8).Add(20*time.Minute)); c != CauseOverdue {
		t.Errorf("before it is dropped: %s, want %s", c, CauseOverdue)
	}
	if c := cause(tr, day(8).Add(36*time.Minute)); c == CauseOverdue {
		t.Error("it is dropped, and said to be overdue")
	}

	tr = NewTracker(cta.Chicago())
	for k := range 4 {
		along(tr, fmt.Sprintf("BL99%d", k), 8, 8, day(8).Add(time.Duration(k)*time.Second))
	}
	along(tr, "BL001", 12, 17, day(8)) // until 8:10; due at 8:12
	along(tr, "BL002", 0, 0, day(8).Add(10*time.Minute))
	if c := cause(tr, day(8).Add(12*time.Minute+20*time.Second)); c == CauseSilent {
		t.Error("trains that fell silent before others were heard of make the line silent")
	}
}

// A train isn't overdue while a late train that left the same station earlier has not
// reached the next.
func TestTrainBehindALateOneIsNotOverdue(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	stations := cta.Chicago().Line("brown").Stations
	arrive := func(minute int, id string, station int, status cta.TrainStatus) {
		a := arrived(id, stations[station].Station.ID, cta.DirectionA, status)
		a.Line = "brown"
		tr.ApplyArrival(cta.KeyAt(day(2).Add(time.Duration(minute)*time.Minute)), a)
	}
	for k := range 5 { // twenty minutes from station to station, at night, when none is intended
		id := fmt.Sprint(k)
		arrive(4*k-60, id, 0, cta.TrainInService)
		arrive(4*k-40, id, 1, cta.TrainInService)
		arrive(4*k-20, id, 2, cta.TrainInService)
		arrive(4*k-19, id, 2, cta.TrainOutOfService)
	}
	arrive(0, "ahead", 1, cta.TrainInService)
	arrive(6, "behind", 1, cta.TrainInService)
	for minute := 10; minute <= 18; minute += 4 {
		arrive(minute, fmt.Sprint("after", minute), 0, cta.TrainInService)
	}
	l, _ := tr.View(day(2).Add(22 * time.Minute)).Line("brown")
	if ds := l.Directions[0]; ds.Cause == CauseOverdue {
		t.Errorf("said: %s of %q, though nothing was heard since it was due", ds.Cause, ds.Train)
	}
	for minute := 22; minute <= 30; minute += 4 { // the source lives
		arrive(minute, fmt.Sprint("after", minute), 0, cta.TrainInService)
	}
	l, _ = tr.View(day(2).Add(31 * time.Minute)).Line("brown")
	if ds := l.Directions[0]; ds.Cause != CauseOverdue || ds.Train != "ahead" {
		t.Errorf("said: %s of %q, want %s of the train ahead alone", ds.Cause, ds.Train, CauseOverdue)
	}
}

// A train that passes out of service is not offered to riders.
func TestTrainsOutOfServiceAreNoService(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	along(tr, "BL001", 0, 6, day(8))
	for i := range 4 { // nine minutes later
		id := cta.Chicago().Line("blue").Stations[i].Station.ID
		tr.ApplyArrival(cta.KeyAt(day(8).Add(time.Duration(9+2*i)*time.Minute)), arrived("BL002", id, cta.DirectionA, cta.TrainOutOfService))
	}
	third := cta.Chicago().Line("blue").Stations[2].Station.ID
	for _, b := range tr.View(day(8).Add(14 * time.Minute)).BoardsAt(third) {
		if want := day(8).Add(4 * time.Minute); b.Direction == cta.DirectionA && !b.Headway.Last.Equal(want) {
			t.Errorf("the last train came at %s, want %s", b.Headway.Last.Format(time.TimeOnly), want.Format(time.TimeOnly))
		}
	}
}

// A train that vanished behind another isn't held up by the other's next round.
func TestNextRoundHoldsNobodyUp(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	stations := cta.Chicago().Line("yellow").Stations
	arrive := func(minute int, id string, station int, d cta.Direction) {
		a := arrived(id, stations[station].Station.ID, d, cta.TrainInService)
		a.Line = "yellow"
		tr.ApplyArrival(cta.KeyAt(day(8).Add(time.Duration(minute)*time.Minute)), a)
	}
	for _, round := range []int{0, 20} {
		for i := range 3 {
			arrive(round+2*i, "ahead", i, cta.DirectionA)
			arrive(round+8+2*i, "ahead", 2-i, cta.DirectionB)
		}
	}
	arrive(1, "behind", 0, cta.DirectionA)
	if train, ok := tr.View(day(8).Add(25 * time.Minute)).Train("behind"); ok {
		t.Errorf("it is shown, after 24 minutes without a word: %+v", train)
	}
}
