package ctaweb

import (
	"math/rand/v2"
	"testing"
	"time"
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
			{20 * time.Second, 400 * time.Second, 5 * time.Second, 20}, {21 * time.Second, 420 * time.Second, 5 * time.Second, 20},
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
	for _, tt := range tests {
		for _, order := range []string{"in order", "shuffled"} {
			if order == "shuffled" && tt.name == "starts anew at the earlier time" {
				continue // a restart is known by what comes after
			}
			t.Run(tt.name+" "+order, func(t *testing.T) {
				ps := tt.pairs
				if order == "shuffled" {
					ps = append([]pair(nil), ps...)
					r := rand.New(rand.NewPCG(1, 2))
					r.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
				}
				var c clock
				for _, p := range ps {
					c.observe(epoch+p.event.Milliseconds(), start+p.wall.Milliseconds())
				}
				last := int64(0)
				for _, k := range tt.check {
					now := c.now(start + k.at.Milliseconds())
					got := time.Duration(now-epoch) * time.Millisecond
					if d := (got - k.want).Abs(); d > k.within {
						t.Errorf("at %v it is %v, want %v within %v", k.at, got, k.want, k.within)
					}
					if s := c.speed(); s < 0.97*k.speed || s > 1.03*k.speed {
						t.Errorf("speed is %v, want %v", s, k.speed)
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

func TestClockNeverGoesBack(t *testing.T) {
	var c clock
	r := rand.New(rand.NewPCG(3, 4))
	var last int64
	for i := range int64(2000) {
		wall := 1_800_000_000_000 + i*37
		c.observe(1_700_000_000_000+i*37*20-r.Int64N(60_000), wall)
		now := c.now(wall)
		if now < last {
			t.Fatalf("pair %d: the clock goes back by %d ms", i, last-now)
		}
		last = now
	}
	if len(c.buckets) > clockSize {
		t.Errorf("it remembers %d buckets, want %d or fewer", len(c.buckets), clockSize)
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
			for _, p := range run(0, 1, tt.step, 10*time.Minute) {
				c.observe(p.event.Milliseconds(), p.wall.Milliseconds())
			}
			if got := c.patience(); got != tt.want {
				t.Errorf("patience is %v, want %v", got, tt.want)
			}
		})
	}
}
