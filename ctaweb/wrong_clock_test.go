package ctaweb

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"pgregory.net/rapid"
)

// One or few sensors with wrong clocks, in either time, change nothing for the others.
func TestWrongClocks(t *testing.T) {
	const lake = 40380
	start := time.Date(2026, 10, 7, 8, 0, 0, 0, cta.Chicago().Location)
	net := cta.Chicago()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 1, Start: start, For: 25 * time.Minute, NoFaults: true})
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
			i, low, worst := 0, 1<<30, time.Duration(0)
			next := start.Add(12 * time.Minute)
			for ev := range sim.Events() {
				if ev.Kind != ctaproducer.ArrivalEvent {
					continue
				}
				i++
				k, w := tt.tell(i, ev.At, ev.At, ev.Arrival.StationID)
				m.ApplyArrival(cta.KeyAt(k), ev.Arrival, w)
				if !ev.At.After(next) {
					continue
				}
				next = next.Add(15 * time.Second)
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

// fault is what is wrong with a station's clocks.
type fault struct {
	event, wall time.Duration // ahead; event's in event time
	drift       float64       // of both, per time that passes
	once        bool          // one record of ten is wrong, and the others right
	random      bool          // another error each time, up to this one
}

// tell is what a record says that is sent at a wall time, of an event of that moment.
func (f fault) tell(event, wall, since time.Duration, speed float64, n int, r *rand.Rand) (time.Duration, time.Duration) {
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
// live and after a restart, in real time, in an accelerated simulation and in a replay.
func TestWrongClocksChangeNothing(t *testing.T) {
	net, err := cta.Chicago().Only("brown", "green", "pink")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	const length = 30 * time.Minute
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 7, Start: start, For: length, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	var events []ctaproducer.Event
	for ev := range sim.Events() {
		if ev.Kind == ctaproducer.ArrivalEvent {
			events = append(events, ev)
		}
	}
	var stations []int
	for _, s := range net.Stations {
		stations = append(stations, s.ID)
	}
	var runs, sensors, looks, lost, added, shifted, predicted int
	var worst time.Duration
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		speed := rapid.SampledFrom([]float64{1, 20, 300}).Draw(rt, "speed")
		wall := start
		if speed > 1 || rapid.Bool().Draw(rt, "replay") {
			wall = start.Add(400 * 24 * time.Hour)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		wrong := map[int]fault{}
		error := func(label string) time.Duration {
			of := rapid.SampledFrom([]time.Duration{0, 40 * time.Second, 3 * time.Minute, 20 * time.Minute, 5 * time.Hour, 50 * 24 * time.Hour}).Draw(rt, label)
			return time.Duration(rapid.SampledFrom([]float64{-1, 1}).Draw(rt, label+" sign") * float64(of) * (0.7 + 0.6*r.Float64()))
		}
		order := r.Perm(len(stations))
		same := rapid.Bool().Draw(rt, "all alike")
		var f fault
		for i := range rapid.IntRange(1, len(stations)/4).Draw(rt, "wrong") {
			if i == 0 || !same {
				f = fault{event: error("event"), wall: error("wall"), drift: rapid.SampledFrom([]float64{0, 0, 0.02}).Draw(rt, "drift"),
					once: rapid.Bool().Draw(rt, "once"), random: rapid.IntRange(0, 3).Draw(rt, "random") == 0}
			}
			wrong[stations[order[i]]] = f
		}
		sensors += len(wrong)
		// What is said, in the order of sending; walls since the start.
		type record struct {
			at          time.Duration // when it was sent
			event, wall time.Duration
			arrival     cta.Arrival
		}
		var records []record
		said := map[int]int{}
		for _, ev := range events {
			event := ev.At.Sub(start)
			rec := record{at: time.Duration(float64(max(0, event)) / speed), event: event, arrival: ev.Arrival}
			rec.wall = rec.at
			if f, ok := wrong[ev.Arrival.StationID]; ok {
				rec.event, rec.wall = f.tell(event, rec.at, max(0, event), speed, said[ev.Arrival.StationID], r)
				said[ev.Arrival.StationID]++
			}
			records = append(records, rec)
		}
		now := wall
		clock := func() time.Time { return now }
		honest, live, again := NewModel(net), NewModel(net), NewModel(net)
		for _, m := range []*Model{honest, live, again} {
			m.hold()
		}
		honest.release(clock)
		live.release(clock)
		honest.SetReady()
		live.SetReady()
		apply := func(m *Model, rec record) {
			m.ApplyArrival(cta.KeyAt(start.Add(rec.event)), rec.arrival, wall.Add(rec.wall))
		}
		compare := func(name string, m *Model) {
			looks++
			at := time.Duration(float64(now.Sub(wall)) * speed)
			want, got := honest.Status(now), m.Status(now)
			off := got.AsOf.Sub(start.Add(at)).Abs()
			worst = max(worst, off)
			if limit := max(2*time.Second, time.Duration(speed*float64(200*time.Millisecond))); off > limit {
				rt.Fatalf("%s at %v, speed %v: it is %v, want %v within %v; wrong: %+v", name, at, speed, got.AsOf.Sub(start), at, limit, wrong)
			}
			if got.Stale != want.Stale || got.AgeSeconds > want.AgeSeconds+60 {
				rt.Fatalf("%s at %v, speed %v: stale is %v at an age of %d s, want %v, %d; wrong: %+v", name, at, speed, got.Stale, got.AgeSeconds, want.Stale, want.AgeSeconds, wrong)
			}
			a, b := honest.View(now), m.View(now)
			for _, tr := range a.Trains {
				other, ok := b.Train(tr.ID)
				if !ok {
					lost++
					continue
				}
				predicted++
				if len(tr.Stops) > 0 && len(other.Stops) > 0 {
					last, lastOther := tr.Stops[len(tr.Stops)-1], other.Stops[len(other.Stops)-1]
					if last.Station == lastOther.Station && last.Expected.Sub(lastOther.Expected).Abs() > 90*time.Second {
						shifted++
					}
				}
			}
			for _, tr := range b.Trains {
				if _, ok := a.Train(tr.ID); !ok {
					added++
				}
			}
		}
		next := 20 * time.Minute
		for i, rec := range records {
			if events[i].At.Sub(start) > next || i == len(records)-1 {
				compare("live", live)
				next += 5 * time.Minute
			}
			now = wall.Add(rec.at)
			apply(honest, record{at: rec.at, event: events[i].At.Sub(start), wall: rec.at, arrival: rec.arrival})
			apply(live, rec)
		}
		// Started again: partitions come in any order.
		for _, i := range r.Perm(len(stations)) {
			for _, rec := range records {
				if rec.arrival.StationID == stations[i] {
					apply(again, rec)
				}
			}
		}
		again.release(clock)
		compare("started again", again)
	})
	t.Logf("%d runs, %d sensors wrong, %d looks: clock off by up to %v; of %d trains %d not shown, %d too many, %d predicted over 90 s apart",
		runs, sensors, looks, worst, predicted+lost, lost, added, shifted)
	if 50*lost > predicted || 50*added > predicted || 20*shifted > predicted {
		t.Errorf("too many trains are wrong")
	}
}

// A source that really starts anew is followed within seconds, whatever a quarter of
// the stations say.
func TestRestartWithWrongClocks(t *testing.T) {
	net := cta.Chicago()
	for _, speed := range []float64{1, 20} {
		for _, wrong := range []bool{false, true} {
			m := NewModel(net)
			now := wall0
			m.hold()
			m.release(func() time.Time { return now })
			m.SetReady()
			feed := func(start time.Time, length time.Duration) (off time.Duration) {
				sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 3, Start: start, For: length, NoFaults: true})
				if err != nil {
					t.Fatal(err)
				}
				began, looked := now, now
				for ev := range sim.Events() {
					if ev.Kind != ctaproducer.ArrivalEvent {
						continue
					}
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
					if now.Sub(looked) > 2*time.Second && now.Sub(began) > 12*time.Second {
						looked = now
						s := m.Status(now)
						off = max(off, s.AsOf.Sub(start.Add(time.Duration(float64(now.Sub(began))*speed))).Abs())
					}
				}
				return off
			}
			day := time.Date(2026, 10, 7, 9, 0, 0, 0, net.Location)
			length := time.Duration(speed) * 20 * time.Second
			feed(day, 5*time.Minute+4*length)
			if off := feed(day.Add(-2*time.Hour), length); off > 2*time.Second {
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
