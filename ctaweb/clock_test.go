package ctaweb

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// pair is an event time and the wall time of its record, both since the start of
// the run.
type pair struct{ event, wall time.Duration }

// run is a source that tells an event every step of wall time, at a speed.
func run(from time.Duration, speed float64, step, length time.Duration) []pair {
	var ps []pair
	for w := time.Duration(0); w <= length; w += step {
		ps = append(ps, pair{from + time.Duration(speed*float64(w)), w})
	}
	return ps
}

// later moves pairs on by a wall time.
func later(by time.Duration, ps []pair) []pair {
	for i := range ps {
		ps[i].wall += by
	}
	return ps
}

func TestClock(t *testing.T) {
	const (
		start = 1_800_000_000_000 // wall, ms
		epoch = 1_700_000_000_000 // event, ms
	)
	type check struct {
		at, want, within time.Duration
		speed            float64
	}
	hour := time.Hour
	tests := []struct {
		name  string
		pairs []pair
		check []check
	}{
		{"one event", []pair{{0, 0}}, []check{{0, 0, 0, 1}, {10 * time.Second, 10 * time.Second, 0, 1}}},
		{"real time", run(0, 1, time.Second, time.Minute), []check{
			{60 * time.Second, 60 * time.Second, 0, 1}, {65 * time.Second, 65 * time.Second, 0, 1},
		}},
		{"twenty times", run(0, 20, 50*time.Millisecond, 20*time.Second), []check{
			{20 * time.Second, 400 * time.Second, 2 * time.Second, 20}, {21 * time.Second, 420 * time.Second, 2 * time.Second, 20},
		}},
		{"as fast as it goes", run(0, 8640, time.Millisecond, 10*time.Second), []check{
			{10 * time.Second, 24 * hour, 3 * time.Minute, 8640},
			{hour, 24 * hour, 5 * time.Minute, 8640},
		}},
		{"no further than two minutes without events", run(0, 1, time.Second, time.Minute), []check{
			{hour, 3 * time.Minute, 0, 1},
		}},
		{"a late event changes nothing", append(run(0, 1, time.Second, time.Minute), pair{0, time.Minute}), []check{
			{time.Minute, time.Minute, time.Second, 1},
		}},
		{"a single wrong time changes nothing", append(run(0, 1, time.Second, time.Minute), pair{9000 * hour, 30 * time.Second}), []check{
			{time.Minute, time.Minute, time.Second, 1},
		}},
		{"starts anew at the earlier time", append(run(2*hour, 20, 100*time.Millisecond, 20*time.Second),
			later(30*time.Second, run(0, 20, 100*time.Millisecond, 10*time.Second))...), []check{
			{40 * time.Second, 200 * time.Second, 10 * time.Second, 20},
		}},
		{"goes on later after a pause", append(run(0, 20, 100*time.Millisecond, 20*time.Second),
			later(60*time.Second, run(5*hour, 20, 100*time.Millisecond, 10*time.Second))...), []check{
			{70 * time.Second, 5*hour + 200*time.Second, 10 * time.Second, 20},
		}},
	}
	judged := 10
	if race.Enabled {
		judged = 50
	}
	for _, tt := range tests {
		for _, stations := range []int{10, 50} {
			for _, order := range []string{"in order", "shuffled"} {
				t.Run(tt.name+" "+order, func(t *testing.T) {
					at := map[int][]pair{}
					for i, p := range tt.pairs {
						at[i%stations] = append(at[i%stations], p)
					}
					var c clock
					heard := func(id int, p pair) {
						c.hear(id, said{event: epoch + p.event.Milliseconds(), wall: start + p.wall.Milliseconds()})
					}
					if order == "in order" {
						for i, p := range tt.pairs {
							heard(i%stations, p)
							if i%judged == 0 {
								c.judge(start+p.wall.Milliseconds(), true)
							}
						}
					} else { // one station's after the other's, as of partitions
						for _, id := range rand.New(rand.NewPCG(1, 2)).Perm(stations) {
							for _, p := range at[id] {
								heard(id, p)
							}
						}
					}
					last := int64(0)
					for _, k := range tt.check {
						c.judge(start+k.at.Milliseconds(), true)
						now := c.now(start + k.at.Milliseconds())
						got := time.Duration(now-epoch) * time.Millisecond
						if d := (got - k.want).Abs(); d > k.within {
							t.Errorf("%d stations: at %v it is %v, want %v within %v", stations, k.at, got, k.want, k.within)
						}
						if s := c.speed; s < 0.97*k.speed || s > 1.03*k.speed {
							t.Errorf("%d stations: speed is %v, want %v", stations, s, k.speed)
						}
						if now < last {
							t.Errorf("at %v the clock goes back by %d ms", k.at, last-now)
						}
						last = now
					}
				})
			}
		}
	}
}

func TestClockNeverGoesBack(t *testing.T) {
	var c clock
	r := rand.New(rand.NewPCG(3, 4))
	var last int64
	for i := range int64(600) {
		wall := 1_800_000_000_000 + i*37
		c.hear(r.IntN(40), said{event: 1_700_000_000_000 + i*37*20 - r.Int64N(30_000), wall: wall})
		c.judge(wall, true)
		now := c.now(wall)
		if now < last {
			t.Fatalf("pair %d: the clock goes back by %d ms", i, last-now)
		}
		last = now
	}
	for id, s := range c.sensors {
		if len(s.said) > remembered {
			t.Errorf("%d records of %d are remembered, want %d or fewer", len(s.said), id, remembered)
		}
	}
}

// A small network's source starts: within a moment it sends the past of its trains, the
// oldest first, and then an event every few seconds, mostly from a stop not heard before.
// That is no source that runs at a thousand times real time.
func TestStartOfASmallNetwork(t *testing.T) {
	const start = 1_800_000_000_000
	for _, took := range []int64{0, 400, 900} { // ms
		var c clock
		past := []int64{600, 550, 300, 180, 120, 60, 60, 10, 6, 5, 0, 0}
		for i, ago := range past {
			w := start + took*int64(i)/int64(len(past)-1)
			c.hear(i, said{event: start - 1000*ago, wall: w, got: w})
		}
		for w, next := int64(start+took), int64(start+took+3_000); w < start+90_000; w += 500 {
			if w >= next {
				id := int((w - start) / 1000)
				c.hear(100+id, said{event: w, wall: w, got: w})
				next += 2_500 + int64(id*1711%5_000)
			}
			c.judge(w, true)
			if off := c.now(w) - w; off > 2_000 || off < -12_000 {
				t.Fatalf("%d ms after a start that took %d ms, the clock is off by %d ms, its speed is %.1f", w-start, took, off, c.speed)
			}
		}
	}
}

// A source whose speed was overestimated stops soon after its start, and time runs on.
// Later it goes on from where it was. Time stands still until then.
func TestClockStandsAfterAPause(t *testing.T) {
	const start, speed = 1_800_000_000_000, 20
	var c clock
	var last int64
	look := func(w int64) {
		c.judge(start+w, true)
		now := c.now(start + w)
		if now < last {
			t.Fatalf("after %d ms the clock goes back by %d ms", w, last-now)
		}
		last = now
	}
	for w := int64(0); w < 1_000; w += 50 {
		c.hear(int(w/50)%2, said{event: start + 10*speed*w, wall: start + w, got: start + w})
		look(w)
	}
	for w := int64(1_000); w < 30_000; w += 50 {
		if w >= 6_000 {
			c.hear(int(w/50)%40, said{event: start + speed*(w-6_000), wall: start + w, got: start + w})
		}
		look(w)
	}
	if off := last - start - speed*(29_950-6_000); max(off, -off) > 2_000 {
		t.Errorf("at the end the clock is off by %d ms", off)
	}
}

// Records that are received long after they were sent don't put the page's time ahead:
// only those who ask for a moment do.
func TestBacklogDoesNotMoveTheTime(t *testing.T) {
	net := cta.Chicago()
	m := NewModel(net)
	for i := range 300 {
		sent := wall0.Add(time.Duration(i) * time.Second)
		m.live = func() time.Time { return sent.Add(10 * time.Minute) }
		event := sent
		if i%9 == 0 {
			event = event.Add(10 * time.Second) // ahead, so that it waits for a judgement
		}
		st := net.Lines[0].Stations[i%12].Station
		m.ApplyArrival(cta.KeyAt(event), cta.Arrival{StationID: st.ID, TrainID: "T", Direction: "a", Line: net.Lines[0].ID, TrainStatus: cta.TrainInService}, sent)
		if now, ok := m.Now(sent); ok && i > 60 && now.Sub(sent).Abs() > 2*time.Second {
			t.Fatalf("%v after the start the model's time is %v after it", sent.Sub(wall0), now.Sub(wall0))
		}
	}
}

func TestPatience(t *testing.T) {
	tests := []struct {
		name string
		step time.Duration
		want time.Duration
	}{
		{"a busy network", time.Second, minStale},
		{"a train every half minute", 29 * time.Second, 116 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c clock
			for i, p := range run(0, 1, tt.step, 10*time.Minute) {
				c.hear(i%5, said{event: p.event.Milliseconds(), wall: p.wall.Milliseconds()})
			}
			c.judge((10 * time.Minute).Milliseconds(), true)
			if got := c.patient; got != tt.want {
				t.Errorf("patience is %v, want %v", got, tt.want)
			}
		})
	}
}

// Wrong clocks may be more than a quarter of the stations heard so far. Their records,
// newer than all others by far, are no jump while others are heard between them.
func TestClocksFarAheadAreNoJump(t *testing.T) {
	const speed, ahead = 1, 64 * 24 * 3_600_000
	var c clock
	event, wall := int64(1_791_000_000_000), int64(1_829_000_000_000)
	for step := range int64(600) {
		at := step * 1_000
		if step%10 == 7 { // nothing for seven seconds
			continue
		}
		id := int(step*7) % 60
		r := said{event: event + speed*at, wall: wall + at, got: wall + at}
		if id < 17 {
			r.event, r.wall = r.event-ahead, r.wall+ahead/300
		}
		c.hear(id, r)
		if c.judge(wall+at, true) {
			t.Fatalf("at %d s the source started anew", step)
		}
		if step > 120 {
			if off := c.carried(wall+at) - (event + speed*at); off > 2_000 || off < -10_000 {
				t.Fatalf("at %d s the clock is off by %d ms", step, off)
			}
		}
	}
}

// A clock that is ahead by little doesn't say how far its source has come, at any speed.
func TestClockAheadByLittle(t *testing.T) {
	const start = 1_800_000_000_000
	for _, speed := range []int64{1, 20, 300} {
		var c clock
		for w := int64(0); w < 8_000; w += 25 {
			id := int(w/25*7) % 40
			r := said{event: start + speed*w, wall: start + w, got: start + w}
			if id < 8 {
				r.wall += 300 + w%300
			}
			c.hear(id, r)
			c.judge(start+w, true)
			if off := c.now(start+w) - r.event; w > 3_000 && max(off, -off) > 2_000 {
				t.Fatalf("at speed %d, after %d ms, the clock is off by %d ms", speed, w, off)
			}
		}
	}
}

// Some wrong times within a moment of wall clock make no clock wrong, however far event
// time moves in it.
func TestMomentAtHighSpeed(t *testing.T) {
	const start, speed, wrong = 1_800_000_000_000, 300, 3
	var c clock
	for w := int64(0); w < 4_000; w += 10 {
		if id := int(w/10*7) % 40; id != wrong || w < 3_000 || w > 3_500 {
			c.hear(id, said{event: start + speed*w, wall: start + w, got: start + w})
		}
		if w >= 3_000 && w <= 3_500 && w%100 == 0 {
			c.hear(wrong, said{event: start + speed*w - 20*60_000, wall: start + w, got: start + w})
		}
		c.judge(start+w, true)
		if s := c.sensors[wrong]; s != nil && s.wrong {
			t.Fatalf("after %d ms the clock is wrong", w)
		}
	}
}

// An estimate that was wrong by seconds of wall clock, and is put right, is no restart.
func TestEstimatePutRightIsNoRestart(t *testing.T) {
	const start, speed = 1_800_000_000_000, 300
	var c clock
	for w := int64(0); w <= 4_000; w += 10 {
		if w == 4_000 {
			c.last += 4_000 * speed
			c.estimate.event += 4_000 * speed
		}
		c.hear(int(w/10*7)%40, said{event: start + speed*w, wall: start + w, got: start + w})
		if c.judge(start+w, true) {
			t.Errorf("after %d ms the source was found to have started anew", w)
		}
		c.now(start + w)
	}
	if off := c.last - (start + speed*4_000); max(off, -off) > 2_000 {
		t.Errorf("it is off by %d ms", off)
	}
}
