package ctaproducer

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
)

func TestQueueIsInOrderOfTimeThenOfComing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		type item struct {
			at  time.Duration
			seq uint64
		}
		var want, got []item
		pop := func() {
			h := q.pop()
			got = append(got, item{h.at, h.seq})
			slices.SortFunc(want, func(a, b item) int {
				if a.at != b.at {
					return int(a.at - b.at)
				}
				return int(a.seq) - int(b.seq)
			})
			if got[len(got)-1] != want[0] {
				t.Fatalf("popped %v, want %v", got[len(got)-1], want[0])
			}
			want = want[1:]
		}
		for _, at := range rapid.SliceOf(rapid.IntRange(-5, 20)).Draw(t, "times, negative: pop") {
			if at >= 0 {
				q.push(happening{at: time.Duration(at)})
				want = append(want, item{time.Duration(at), q.seq})
			} else if len(want) > 0 {
				pop()
			}
		}
		for len(want) > 0 {
			pop()
		}
		if q.top() != never {
			t.Fatalf("an empty queue has %v on top", q.top())
		}
	})
}

func TestDistributions(t *testing.T) {
	const n = 200_000
	s := newSource(7, 9)
	var sum, squares float64
	var dice [6]int
	for range n {
		x := float64(s.exponential()) / (1 << 32)
		sum += x
		squares += x * x
		dice[s.below(6)]++
	}
	mean := sum / n
	variance := squares/n - mean*mean
	if math.Abs(mean-1) > 0.01 || math.Abs(variance-1) > 0.03 {
		t.Errorf("exponential: mean %v and variance %v, want 1 and 1", mean, variance)
	}
	for i, c := range dice {
		if math.Abs(float64(c)-n/6) > 5*math.Sqrt(n/6) {
			t.Errorf("%d came %d times in %d throws", i, c, n)
		}
	}
	for range 1000 {
		if d := s.between(-3*time.Millisecond, 3*time.Millisecond); d.Abs() > 3*time.Millisecond || d%time.Millisecond != 0 {
			t.Fatalf("between gave %v", d)
		}
	}
}

func TestRunningTimesAreThoseOfTrains(t *testing.T) {
	net := cta.Chicago()
	for _, c := range []struct {
		line     string
		from, to time.Duration
	}{
		// One way, dwells included; for the Loop lines there and back.
		{"red", 55 * time.Minute, 75 * time.Minute},
		{"blue", 70 * time.Minute, 95 * time.Minute},
		{"brown", 75 * time.Minute, 100 * time.Minute},
		{"yellow", 7 * time.Minute, 12 * time.Minute},
	} {
		p := newTrack(net.Line(c.line), "", newRiders(net, 0)).paths[0]
		d := p.nominal()
		if d < c.from || d > c.to {
			t.Errorf("%s takes %v, want %v to %v", c.line, d, c.from, c.to)
		}
	}
}

func TestLongerWaysTakeLonger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(0, 20_000).Draw(t, "metres")
		b := rapid.Float64Range(0, 20_000).Draw(t, "more metres")
		loop := rapid.Bool().Draw(t, "loop")
		if a > b {
			a, b = b, a
		}
		if x, y := runningTime(a, loop), runningTime(b, loop); x > y || x < shortest {
			t.Fatalf("%v m take %v, %v m take %v", a, x, b, y)
		}
	})
}

// The engine alone, without any sink: what a simulated day costs.
func BenchmarkDay(b *testing.B) {
	net := cta.Chicago()
	b.ReportAllocs()
	var events int64
	for b.Loop() {
		s, err := NewSimulation(net, SimulationConfig{Seed: 1, For: 24 * time.Hour})
		if err != nil {
			b.Fatal(err)
		}
		for range s.events() {
			events++
		}
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}
