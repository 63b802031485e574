package ctaweb

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
)

// One or few sensors with wrong clocks, in either time, change nothing for the others.
func TestWrongClocks(t *testing.T) {
	const lake = 40380
	start := time.Date(2026, 10, 7, 8, 0, 0, 0, cta.Chicago().Location)
	net := cta.Chicago()
	arrivals, err := incident.Arrivals(net, ctaproducer.SimulationConfig{Seed: 1, Start: start, For: 25 * time.Minute, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	type times func(i int, key, wall time.Time, station int) (time.Time, time.Time)
	at := func(station int, f func(key, wall time.Time) (time.Time, time.Time)) times {
		return func(_ int, k, w time.Time, s int) (time.Time, time.Time) {
			if s == station {
				return f(k, w)
			}
			return k, w
		}
	}
	least := 0
	for _, tt := range []struct {
		name string
		tell times
	}{
		{"honest", func(_ int, k, w time.Time, _ int) (time.Time, time.Time) { return k, w }},
		{"one key 10 min ahead", func(i int, k, w time.Time, _ int) (time.Time, time.Time) {
			if i == 700 {
				k = k.Add(10 * time.Minute)
			}
			return k, w
		}},
		{"one record time 50 min ahead", func(i int, k, w time.Time, _ int) (time.Time, time.Time) {
			if i == 700 {
				w = w.Add(50 * time.Minute)
			}
			return k, w
		}},
		{"a station's keys 6 min ahead", at(lake, func(k, w time.Time) (time.Time, time.Time) { return k.Add(6 * time.Minute), w })},
		{"a station 20 min ahead in both", at(lake, func(k, w time.Time) (time.Time, time.Time) {
			return k.Add(20 * time.Minute), w.Add(20 * time.Minute)
		})},
		{"a station an hour behind", at(lake, func(k, w time.Time) (time.Time, time.Time) { return k.Add(-time.Hour), w })},
		{"keys in microseconds, one station", at(lake, func(k, w time.Time) (time.Time, time.Time) { return time.UnixMilli(k.UnixMicro()), w })},
		{"keys in seconds, one station", at(lake, func(k, w time.Time) (time.Time, time.Time) { return time.UnixMilli(k.Unix()), w })},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewModel(net)
			m.SetReady()
			low, worst := 1<<30, time.Duration(0)
			next := start.Add(12 * time.Minute)
			for i, ev := range arrivals {
				k, w := tt.tell(i, ev.At, ev.At, ev.Arrival.StationID)
				m.ApplyArrival(cta.KeyAt(k), ev.Arrival, w)
				if !ev.At.After(next) {
					continue
				}
				next = next.Add(time.Minute)
				s := m.Status(ev.At)
				n := 0
				for _, l := range s.Lines {
					n += len(l.Trains)
				}
				low, worst = min(low, n), max(worst, s.AsOf.Sub(ev.At).Abs())
				if s.Stale || s.AgeSeconds > 10 {
					t.Fatalf("at %v the data is stale: %v, of an age of %d s", ev.At, s.Stale, s.AgeSeconds)
				}
			}
			if tt.name == "honest" {
				least = low
			}
			t.Logf("at least %d trains, clock off by up to %v", low, worst)
			if low < least-2 || worst > 2*time.Second {
				t.Errorf("at least %d trains are shown, want %d; the clock is off by up to %v, want 2 s", low, least, worst)
			}
		})
	}
}

// One sender of many stations that nobody has, all with wrong times, changes nothing: a
// station of the network has one vote, and others have none.
func TestStationsOfNobodyHaveNoVote(t *testing.T) {
	net := only(t, "red")
	m := NewModel(net)
	m.wrong = func(id int, wrong bool) { t.Errorf("the clock of %d is wrong: %v", id, wrong) }
	m.SetReady()
	stations := net.Line("red").Stations
	for i := range 300 {
		at := wall0.Add(time.Duration(i) * time.Second)
		a := cta.Arrival{StationID: stations[i%len(stations)].Station.ID, TrainID: fmt.Sprint(i % 9), Direction: cta.DirectionA, Line: "red", TrainStatus: cta.TrainInService}
		if err := m.ApplyArrival(cta.KeyAt(at), a, at); err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"red", "Red"} {
			for n := range 5 {
				a.StationID, a.Line = 90_000+5*i+n, line
				if err := m.ApplyArrival(cta.KeyAt(at.Add(2*time.Hour)), a, at); !errors.Is(err, live.ErrUnknown) {
					t.Fatalf("an arrival at %d: %v, want %v", a.StationID, err, live.ErrUnknown)
				}
			}
		}
		a.StationID = stations[0].Station.ID // a line of nobody
		if err := m.ApplyArrival(cta.KeyAt(at), a, at); !errors.Is(err, live.ErrUnknown) {
			t.Fatalf("an arrival of the line Red: %v, want %v", err, live.ErrUnknown)
		}
	}
	wall := wall0.Add(299 * time.Second)
	if now, ok := m.Now(wall); !ok || now.Sub(wall).Abs() > 2*time.Second {
		t.Errorf("it is %v, want %v", now, wall)
	}
	if n := len(m.Status(wall).Lines[0].Trains); n < 9 {
		t.Errorf("%d trains are shown, want 9 or more", n)
	}
}

// fault is what is wrong with a station's clocks.
type fault struct {
	event, wall time.Duration // ahead; event's in event time
	drift       float64       // of both, per time that passes
	once        bool          // one record of ten is wrong, and the others right
	random      bool          // another error each time, up to this one
}

// tell is what a record says that is sent at a wall time, of an event of that moment.
func (f fault) tell(event, wall, since time.Duration, n int, r *rand.Rand) (time.Duration, time.Duration) {
	if f.once && n%10 != 4 {
		return event, wall
	}
	by := 1 + f.drift*since.Minutes()
	if f.random {
		by = 2*r.Float64() - 1
	}
	return event + time.Duration(by*float64(f.event)), wall + time.Duration(by*float64(f.wall))
}

// A quarter of the stations, with whatever clocks, changes nothing for the others:
// live and after a restart, in real time, in an accelerated simulation and in a replay,
// also when records wait for a minute on their way.
func TestWrongClocksChangeNothing(t *testing.T) {
	net, err := cta.Chicago().Only("brown", "green", "pink")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 10, 7, 7, 45, 0, 0, net.Location)
	const length = 30 * time.Minute
	arrivals, err := incident.Arrivals(net, ctaproducer.SimulationConfig{Seed: 7, Start: start, For: length, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	// A check takes a fifth of a second, ten times that with the race detector: few are
	// made, and always the same, unless more are asked for by -rapid.checks.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		for name, value := range map[string]string{"rapid.checks": "5", "rapid.seed": "1"} {
			f := flag.Lookup(name)
			before := f.Value.String()
			if err := f.Value.Set(value); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Value.Set(before) }()
		}
	}
	var sum toll
	rapid.Check(t, func(rt *rapid.T) {
		tr := drawTrial(rt, net, start, arrivals)
		sum.runs++
		sum.wrong += len(tr.wrong)
		tr.run(&sum)
	})
	t.Logf("%+v", sum)
	// A train whose latest arrival was at a wrong sensor is known less well.
	if 500*sum.lost > sum.trains || 500*sum.added > sum.trains {
		t.Error("too many trains are lost or added")
	}
	if sum.apart.trains > sum.without.trains || sum.apart.headways > sum.without.headways {
		t.Error("predictions or headways are worse than without the wrong sensors")
	}
}

// toll sums up trials.
type toll struct {
	runs, wrong, found  int // sensors that are wrong, and found to be
	looks               int
	worst               time.Duration // error of the clock, in wall time
	trains, lost, added int
	boards              int    // of right sensors
	apart, without      differ // from what is right: what is shown, and what would be without the wrong sensors
}

// differ counts trains whose last stop is predicted over 90 s apart, and boards whose
// headway is.
type differ struct{ trains, headways int }

// trial is a run of arrivals of which some stations tell wrong times.
type trial struct {
	*rapid.T
	net     *cta.Network
	start   time.Time // event time at
	wall    time.Time // this wall time
	speed   float64
	wrong   map[int]fault
	records []sentArrival // in the order of sending
	shuffle *rand.Rand
	now     time.Time // the reader's clock
}

// sentArrival is what is told of an arrival, and what is true. Times are since the start.
type sentArrival struct {
	event, sent, got    time.Duration
	saysEvent, saysSent time.Duration
	arrival             cta.Arrival
}

func drawTrial(rt *rapid.T, net *cta.Network, start time.Time, arrivals []ctaproducer.Event) *trial {
	tr := &trial{T: rt, net: net, start: start, wall: start, wrong: map[int]fault{}}
	tr.speed = rapid.SampledFrom([]float64{1, 20, 300}).Draw(rt, "speed")
	if tr.speed > 1 || rapid.Bool().Draw(rt, "replay") {
		tr.wall = start.Add(400 * 24 * time.Hour)
	}
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
	tr.shuffle = r
	off := func(label string) time.Duration {
		of := rapid.SampledFrom([]time.Duration{0, 40 * time.Second, 3 * time.Minute, 20 * time.Minute, 5 * time.Hour, 50 * 24 * time.Hour}).Draw(rt, label)
		return time.Duration(rapid.SampledFrom([]float64{-1, 1}).Draw(rt, label+" sign") * float64(of) * (0.7 + 0.6*r.Float64()))
	}
	n := len(net.Stations)
	order := r.Perm(n)
	same := rapid.Bool().Draw(rt, "all alike")
	var f fault
	for i := range rapid.IntRange(1, n/4).Draw(rt, "wrong") {
		if i == 0 || !same {
			f = fault{event: off("event"), wall: off("wall"), drift: rapid.SampledFrom([]float64{0, 0, 0.02}).Draw(rt, "drift"),
				once: rapid.Bool().Draw(rt, "once"), random: rapid.IntRange(0, 3).Draw(rt, "random") == 0}
		}
		tr.wrong[net.Stations[order[i]].ID] = f
	}
	// Records wait somewhere for a minute or five of wall time: those of all stations, or
	// of one whose clock is right.
	delayed := rapid.SampledFrom([]string{"none", "all", "one"}).Draw(rt, "delayed")
	from := time.Duration(float64(10*time.Minute) / tr.speed)
	until := from + time.Duration(rapid.SampledFrom([]float64{1, 5}).Draw(rt, "minutes")*float64(time.Minute)/tr.speed)
	// A wrong sensor may be stuck, and repeat itself.
	repeat := rapid.SampledFrom([]int{0, 0, 20}).Draw(rt, "repeats")
	said := map[int]int{}
	for _, ev := range arrivals {
		id := ev.Arrival.StationID
		rec := sentArrival{event: ev.At.Sub(start), arrival: ev.Arrival}
		rec.sent = time.Duration(float64(max(0, rec.event)) / tr.speed)
		rec.got, rec.saysEvent, rec.saysSent = rec.sent, rec.event, rec.sent
		if f, ok := tr.wrong[id]; ok {
			rec.saysEvent, rec.saysSent = f.tell(rec.event, rec.sent, max(0, rec.event), said[id], r)
			said[id]++
		}
		if (delayed == "all" || delayed == "one" && id == net.Stations[order[n-1]].ID) && rec.sent >= from && rec.sent < until {
			rec.got = until
		}
		tr.records = append(tr.records, rec)
		if _, ok := tr.wrong[id]; ok {
			for range repeat {
				rec.saysEvent += 100 * time.Millisecond
				rec.saysSent += time.Duration(float64(100*time.Millisecond) / tr.speed)
				tr.records = append(tr.records, rec)
			}
		}
	}
	slices.SortStableFunc(tr.records, func(a, b sentArrival) int { return cmp.Compare(a.got, b.got) })
	return tr
}

// model returns a model that reads as records come, unless it has to catch up first.
func (tr *trial) model(catchUp bool) *Model {
	m := NewModel(tr.net)
	m.wrong = func(id int, wrong bool) {
		if _, ok := tr.wrong[id]; !ok && wrong {
			tr.Fatalf("at %v, speed %v: the clock of %d is wrong, says the model; really wrong: %+v", tr.now.Sub(tr.wall), tr.speed, id, tr.wrong)
		}
	}
	m.hold()
	if !catchUp {
		tr.release(m)
	}
	return m
}

func (tr *trial) release(m *Model) {
	m.release(func() time.Time { return tr.now })
}

func (tr *trial) run(sum *toll) {
	tr.now = tr.wall
	honest, live, deaf, again := tr.model(false), tr.model(false), tr.model(false), tr.model(true)
	for _, m := range []*Model{honest, live, again} {
		m.SetReady()
	}
	counted := time.Duration(0)
	next := 20 * time.Minute
	for _, rec := range tr.records {
		if rec.event > next {
			tr.compare("live", honest, live, deaf, sum)
			next += 4 * time.Minute
		}
		tr.now = tr.wall.Add(rec.got)
		for ; counted <= rec.event; counted += time.Minute {
			n := int64(counted / time.Minute)
			for i, st := range tr.net.Stations[:3] {
				for _, m := range []*Model{honest, live, deaf, again} {
					m.ApplyCount(tables.TurnstileCount{StationID: st.ID, Count: 1000 + int64(i+1)*10*n}, tr.now)
				}
			}
		}
		_, wrong := tr.wrong[rec.arrival.StationID]
		tr.apply(honest, rec.event, rec.sent, rec)
		tr.apply(live, rec.saysEvent, rec.saysSent, rec)
		if !wrong {
			tr.apply(deaf, rec.event, rec.sent, rec)
		}
	}
	tr.compare("live", honest, live, deaf, sum)
	for id := range tr.wrong {
		if live.state.clock.sensors[id] != nil && live.state.clock.sensors[id].wrong {
			sum.found++
		}
	}
	// Started again: partitions come in any order.
	for _, i := range tr.shuffle.Perm(len(tr.net.Stations)) {
		for _, rec := range tr.records {
			if rec.arrival.StationID == tr.net.Stations[i].ID {
				tr.apply(again, rec.saysEvent, rec.saysSent, rec)
			}
		}
	}
	tr.release(again)
	tr.compare("started again", honest, again, deaf, sum)
}

func (tr *trial) apply(m *Model, event, sent time.Duration, rec sentArrival) {
	m.ApplyArrival(cta.KeyAt(tr.start.Add(event)), rec.arrival, tr.wall.Add(sent))
}

// compare compares what a model shows with what one shows that hears right times only.
func (tr *trial) compare(name string, honest, m, deaf *Model, sum *toll) {
	sum.looks++
	at := time.Duration(float64(tr.now.Sub(tr.wall)) * tr.speed)
	want, got := honest.Status(tr.now), m.Status(tr.now)
	off := got.AsOf.Sub(tr.start.Add(at)).Abs()
	sum.worst = max(sum.worst, time.Duration(float64(off)/max(1, tr.speed)))
	fail := func(format string, args ...any) {
		tr.Helper()
		tr.Fatalf("%s at %v, speed %v: %s; wrong: %+v", name, at, tr.speed, fmt.Sprintf(format, args...), tr.wrong)
	}
	if off > 2*time.Second {
		fail("the clock is off by %v, want 2 s", off)
	}
	if got.Stale != want.Stale || got.Ready != want.Ready || got.AgeSeconds > want.AgeSeconds+60 {
		fail("stale %v, ready %v, age %d s; want %v, %v, %d s", got.Stale, got.Ready, got.AgeSeconds, want.Stale, want.Ready, want.AgeSeconds)
	}
	for _, st := range tr.net.Stations[:3] {
		a, b := honest.tracker.Day(st.ID, want.AsOf), m.tracker.Day(st.ID, got.AsOf)
		if d := a.Entries - b.Entries; d < -60 || d > 60 { // two minutes' of the third
			fail("%d entries of %d, want %d", b.Entries, st.ID, a.Entries)
		}
	}
	a, b, c := honest.View(tr.now), m.View(tr.now), deaf.View(tr.now)
	for _, t := range a.Trains {
		sum.trains++
		other, ok := b.Train(t.ID)
		if !ok {
			sum.lost++
			continue
		}
		if lastApart(t, other) {
			sum.apart.trains++
		}
		if other, ok := c.Train(t.ID); ok && lastApart(t, other) {
			sum.without.trains++
		}
	}
	for _, t := range b.Trains {
		if _, ok := a.Train(t.ID); !ok {
			sum.added++
		}
	}
	for i, board := range a.Boards {
		if _, wrong := tr.wrong[board.Station]; wrong {
			continue
		}
		sum.boards++
		if (board.Headway.Current - b.Boards[i].Headway.Current).Abs() > 90*time.Second {
			sum.apart.headways++
		}
		if (board.Headway.Current - c.Boards[i].Headway.Current).Abs() > 90*time.Second {
			sum.without.headways++
		}
	}
}

// lastApart reports whether a train's last stop is predicted at other times by two views.
func lastApart(a, b live.Train) bool {
	if len(a.Stops) == 0 || len(b.Stops) == 0 {
		return false
	}
	x, y := a.Stops[len(a.Stops)-1], b.Stops[len(b.Stops)-1]
	return x.Station == y.Station && x.Expected.Sub(y.Expected).Abs() > 90*time.Second
}

// Records that wait on their way make no clock a wrong one, and what they tell is right:
// all of them for some minutes, one station's, or more and more while a page falls behind.
func TestDelaysAreNoWrongClocks(t *testing.T) {
	const stations = 20
	net := cta.Chicago()
	line := net.Line("red")
	for name, delay := range map[string]func(station int, sent time.Duration) time.Duration{
		"all wait for eight minutes": func(_ int, sent time.Duration) time.Duration {
			return max(0, min(8*time.Minute, 20*time.Minute-sent)) * time.Duration(b2i(sent >= 12*time.Minute))
		},
		"one station's wait for eight minutes": func(station int, sent time.Duration) time.Duration {
			return max(0, min(8*time.Minute, 20*time.Minute-sent)) * time.Duration(b2i(sent >= 12*time.Minute && station == 3))
		},
		"the page falls behind": func(_ int, sent time.Duration) time.Duration { return max(0, sent-5*time.Minute) * 3 },
		"the page catches up":   func(_ int, sent time.Duration) time.Duration { return max(0, 30*time.Minute-sent) / 2 },
	} {
		t.Run(name, func(t *testing.T) {
			m := NewModel(net)
			m.wrong = func(id int, wrong bool) { t.Errorf("the clock of %d is wrong: %v", id, wrong) }
			var now time.Duration
			m.hold()
			m.release(func() time.Time { return wall0.Add(now) })
			type sent struct {
				station int
				at, got time.Duration
			}
			var records []sent
			for i := range 40 * 60 / 2 {
				at := time.Duration(i) * 2 * time.Second
				records = append(records, sent{i % stations, at, at + delay(i%stations, at)})
			}
			slices.SortStableFunc(records, func(a, b sent) int { return cmp.Compare(a.got, b.got) })
			for i, r := range records {
				now = r.got
				at := wall0.Add(r.at)
				m.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: line.Stations[r.station].Station.ID, TrainID: fmt.Sprint(i),
					Direction: cta.DirectionA, Line: "red", TrainStatus: cta.TrainInService}, at)
			}
			if got, ok := m.Now(wall0.Add(40 * time.Minute)); !ok || got.Sub(wall0.Add(40*time.Minute)).Abs() > 2*time.Second {
				t.Errorf("it is %v, want %v", got.Sub(wall0), 40*time.Minute)
			}
		})
	}
}

// An event that is told once as one of ten minutes later doesn't take its train back to
// that station when the ten minutes are over.
func TestOneEventAheadIsDropped(t *testing.T) {
	net := cta.Chicago()
	line := net.Line("red")
	m := NewModel(net)
	m.SetReady()
	arrive := func(at, event time.Duration, station int, id string) {
		m.ApplyArrival(cta.KeyAt(wall0.Add(event)), cta.Arrival{StationID: line.Stations[station].Station.ID, TrainID: id,
			Direction: cta.DirectionA, Line: "red", TrainStatus: cta.TrainInService}, wall0.Add(at))
	}
	const began, ahead = 5 * time.Minute, 10 * time.Minute
	for at := time.Duration(0); at < 17*time.Minute; at += 2 * time.Second {
		arrive(at, at, int(at/(2*time.Second))%20, fmt.Sprint(at))
		switch since := at - began; {
		case since == 0:
			arrive(at, at+ahead, 4, "T")
		case since > 0 && since <= ahead-time.Minute && since%(90*time.Second) == 0:
			arrive(at, at, 4+int(since/(90*time.Second)), "T")
		}
	}
	got, ok := m.View(wall0.Add(began + ahead + 30*time.Second)).Train("T")
	if want := line.Stations[10].Station.ID; !ok || got.Station != want {
		t.Errorf("the train is shown: %v, at %d; want %d", ok, got.Station, want)
	}
}

// What a station says that is behind in both times alike counts as of its receipt.
func TestStationBehindInBothTimes(t *testing.T) {
	net := cta.Chicago()
	line := net.Line("red")
	m := NewModel(net)
	var now time.Duration
	m.hold()
	m.release(func() time.Time { return wall0.Add(now) })
	for ; now <= 20*time.Minute; now += 2 * time.Second {
		i := int(now / (2 * time.Second))
		at := wall0.Add(now)
		if i%20 == 3 {
			at = at.Add(-20 * time.Minute)
		}
		m.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: line.Stations[i%20].Station.ID, TrainID: fmt.Sprint(i),
			Direction: cta.DirectionA, Line: "red", TrainStatus: cta.TrainInService}, at)
	}
	const last = 29*20 + 3 // of that station
	want := wall0.Add(last * 2 * time.Second)
	got, ok := m.View(wall0.Add(now)).Train(fmt.Sprint(last))
	if !ok || got.Arrived.Sub(want).Abs() > 2*time.Second || !m.state.clock.sensors[line.Stations[3].Station.ID].wrong {
		t.Errorf("the train is shown: %v, as of %v; want %v", ok, got.Arrived.Sub(wall0), want.Sub(wall0))
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Record times of long ago, or of later, don't take the day from a page that starts: of
// one record, of all that a quarter of the stations send, or of what these send over and
// over.
func TestWrongRecordTimesLeaveTheDay(t *testing.T) {
	net := cta.Chicago()
	line := net.Line("red")
	entries := func(off time.Duration, always bool, repeats int) [2]int64 {
		m := NewModel(net)
		m.hold()
		for i := range 1800 {
			at := wall0.Add(time.Duration(i) * time.Second)
			sent := at
			if i == 1000 && !always || always && i%4 == 3 {
				sent = at.Add(off)
			}
			st := line.Stations[i%20].Station.ID
			for k := range repeats {
				if k == 0 || sent != at {
					m.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: st, TrainID: fmt.Sprint(i % 40), Direction: cta.DirectionA, Line: "red", TrainStatus: cta.TrainInService}, sent.Add(time.Duration(k)*10*time.Millisecond))
				}
			}
			m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: 1000 + int64(i)}, at)
		}
		now := wall0.Add(30 * time.Minute)
		m.release(func() time.Time { return now })
		return [2]int64{m.tracker.Day(ohare, now.Add(-16*time.Minute)).Entries, m.tracker.Day(ohare, now).Entries}
	}
	right := entries(0, false, 1)
	if right[0] < 800 || right[1] < 1700 {
		t.Fatalf("%d entries, want one each second", right)
	}
	for _, off := range []time.Duration{-40 * 24 * time.Hour, -time.Hour, -10 * time.Minute, 10 * time.Minute, 40 * 24 * time.Hour} {
		for _, tt := range []struct {
			always  bool
			repeats int
		}{{false, 1}, {true, 1}, {true, 30}} {
			got := entries(off, tt.always, tt.repeats)
			for i := range got {
				if max(got[i]-right[i], right[i]-got[i]) > 60 {
					t.Errorf("with record times off by %v, %+v: %d entries, want %d", off, tt, got, right)
				}
			}
		}
	}
}

// What wrong clocks say in a burst doesn't take the day from a page that starts, nor what
// they say first of all from one that was there before its source.
func TestBurstOfWrongTimesLeavesTheDay(t *testing.T) {
	net := cta.Chicago()
	line := net.Line("red")
	for _, before := range []bool{false, true} {
		m, now := NewModel(net), wall0
		clock := func() time.Time { return now }
		m.hold()
		if before {
			m.release(clock)
		}
		for i := range 1800 {
			now = wall0.Add(time.Duration(i) * 50 * time.Millisecond) // at twenty times
			event, station := wall0.Add(time.Duration(i)*time.Second), i%20
			switch {
			case i < 30 && i%4 != 3: // where its trains are
				now, event = wall0, event.Add(-time.Duration(i)*20*time.Second)
			case i < 30:
				event, station = event.Add(5*time.Minute), i%5
			case i >= 1000 && i < 1008:
				event, station = event.Add(20*time.Minute), i%5
			}
			st := line.Stations[station].Station.ID
			m.ApplyArrival(cta.KeyAt(event), cta.Arrival{StationID: st, TrainID: fmt.Sprint(i % 40), Direction: cta.DirectionA, Line: "red", TrainStatus: cta.TrainInService}, now)
			m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: 1000 + int64(i)}, now)
		}
		if !before {
			m.release(clock)
		}
		for _, at := range []time.Duration{4 * time.Minute, 29 * time.Minute} {
			if got := m.tracker.Day(ohare, wall0.Add(at)).Entries; got < int64(at/time.Second)-100 {
				t.Errorf("read from the first record: %v; after %v %d entries, want one each second", before, at, got)
			}
		}
	}
}

// A source that really starts anew is followed within seconds, whatever a quarter of
// the stations say.
func TestRestartWithWrongClocks(t *testing.T) {
	net := cta.Chicago()
	for _, speed := range []float64{1, 20} {
		day := time.Date(2026, 10, 7, 9, 0, 0, 0, net.Location)
		anew, length := day.Add(-2*time.Hour), time.Duration(speed)*20*time.Second
		before, err := incident.Arrivals(net, ctaproducer.SimulationConfig{Seed: 3, Start: day, For: 5*time.Minute + 4*length, NoFaults: true})
		if err != nil {
			t.Fatal(err)
		}
		after, err := incident.Arrivals(net, ctaproducer.SimulationConfig{Seed: 3, Start: anew, For: length, NoFaults: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []bool{false, true} {
			m := NewModel(net)
			now := wall0
			m.hold()
			m.release(func() time.Time { return now })
			m.SetReady()
			feed := func(start time.Time, arrivals []ctaproducer.Event, every time.Duration) (off time.Duration) {
				began, looked := now, now
				for _, ev := range arrivals {
					since := max(0, ev.At.Sub(start))
					now = began.Add(time.Duration(float64(since) / speed))
					event, sent := ev.At, now
					switch id := ev.Arrival.StationID % 80; { // a quarter
					case wrong && id == 0:
						event = event.Add(25 * time.Minute)
					case wrong && id == 10:
						sent = sent.Add(-20 * time.Minute)
					}
					m.ApplyArrival(cta.KeyAt(event), ev.Arrival, sent)
					if now.Sub(looked) > every && now.Sub(began) > 12*time.Second {
						looked = now
						s := m.Status(now)
						off = max(off, s.AsOf.Sub(start.Add(time.Duration(float64(now.Sub(began))*speed))).Abs())
					}
				}
				return off
			}
			feed(day, before, 20*time.Second)
			if off := feed(anew, after, 2*time.Second); off > 2*time.Second {
				t.Errorf("at speed %v the clock is off by up to %v, 12 s after the restart; want 2 s", speed, off)
			}
			n := len(m.View(now).Trains)
			t.Logf("at speed %v, wrong clocks: %v, %d trains are shown after the restart", speed, wrong, n)
			if least := map[bool]int{false: 110, true: 80}[wrong]; n < least {
				t.Errorf("at speed %v %d trains are shown after the restart, want %d or more", speed, n, least)
			}
		}
	}
}

// Two senders of one station, of which one has a wrong clock, make it wrong once, not
// right and wrong by turns.
func TestStationOfTwoClocksIsNamedOnce(t *testing.T) {
	const lake = 40380
	net := cta.Chicago()
	m := NewModel(net)
	m.SetReady()
	var turns []bool
	m.wrong = func(id int, wrong bool) {
		if id != lake {
			t.Errorf("station %d is wrong: %v", id, wrong)
		}
		turns = append(turns, wrong)
	}
	start := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	now := start
	m.hold()
	m.release(func() time.Time { return now })
	say := func(station int, key, sent time.Time) {
		m.ApplyArrival(cta.KeyAt(key), cta.Arrival{
			StationID: station, TrainID: fmt.Sprint(station), Direction: "a", Line: "blue", TrainStatus: cta.TrainInService,
		}, sent)
	}
	for i := range 240 {
		now = start.Add(time.Duration(i) * 10 * time.Second)
		for _, s := range net.Line("red").Stations[:8] {
			say(s.ID, now, now)
		}
		off := time.Duration(0)
		if i > 60 && i < 180 && i%4 < 2 {
			off = 50 * time.Minute
		}
		say(lake, now.Add(off), now.Add(off))
		m.Status(now)
	}
	if !slices.Equal(turns, []bool{true, false}) {
		t.Errorf("the clock of the station turned wrong and right as %v, want once", turns)
	}
}
