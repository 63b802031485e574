package ctaproducer

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
)

// tally is a sink that counts, and may fail or take its time.
type tally struct {
	sum  SimulationSummary
	each func(at time.Time) error
}

func (k *tally) take(ev Event) error {
	k.sum.count(&ev)
	if k.each != nil {
		return k.each(ev.At)
	}
	return nil
}

func (k *tally) Arrive(_ context.Context, at time.Time, a cta.Arrival) error {
	return k.take(Event{At: at, Kind: EventArrival, Arrival: a})
}

func (k *tally) Enter(_ context.Context, at time.Time, e cta.TurnstileEntry) error {
	return k.take(Event{At: at, Kind: EventEntry, Entry: e})
}

func (k *tally) Observe(_ context.Context, at time.Time, w cta.Weather) error {
	return k.take(Event{At: at, Kind: EventWeather, Weather: w})
}

func newTestSimulation(tb testing.TB, net *cta.Network, cfg SimulationConfig) *Simulation {
	tb.Helper()
	s, err := NewSimulation(net, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func smallTown(tb testing.TB) *cta.Network {
	tb.Helper()
	net, err := cta.Load(os.DirFS("../cta/testdata/smalltown"))
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// hourOfSeed1 is the digest of the first hour of seed 1, on every platform. A
// change to the model changes it; nothing else may.
const hourOfSeed1 = "447f70190ae8da810a80f0246f424469df6c7181ef078b8ece1dfa6da357b37c"

func TestSameSeedSameEventsAtAnySpeed(t *testing.T) {
	digest := func(seed uint64, speed float64, length time.Duration) string {
		s := newTestSimulation(t, cta.Chicago(), SimulationConfig{Seed: seed, For: length, Speed: speed})
		sink := &tally{}
		sum, err := s.Run(t.Context(), sink)
		if err != nil {
			t.Fatal(err)
		}
		if sum.Total() != sink.sum.Total() || sum.To != s.Begin().Add(length) {
			t.Errorf("the summary has %d events until %v, the sink %d", sum.Total(), sum.To, sink.sum.Total())
		}
		return sum.Digest
	}
	if got := digest(1, math.Inf(1), time.Hour); got != hourOfSeed1 {
		t.Errorf("seed 1: digest %s, want %s", got, hourOfSeed1)
	}
	const short = 10 * time.Minute
	of := digest(1, math.Inf(1), short)
	if got := digest(1, 20_000, short); got != of {
		t.Errorf("seed 1 at speed 20,000: digest %s, want %s", got, of)
	}
	if got := digest(2, math.Inf(1), short); got == of {
		t.Error("seed 2 has the digest of seed 1")
	}
}

func TestRunGoesOnAfterAnEarlierOne(t *testing.T) {
	net := cta.Chicago()
	all := slices.Collect(newTestSimulation(t, net, SimulationConfig{Seed: 3, For: 20 * time.Minute}).Events())
	cut := DefaultStart(net).Add(11*time.Minute + 7*time.Second)
	s := newTestSimulation(t, net, SimulationConfig{Seed: 3, After: cut, For: 20*time.Minute - cut.Sub(DefaultStart(net))})
	rest := slices.Collect(s.Events())
	i := slices.IndexFunc(all, func(ev Event) bool { return ev.At.After(cut) })
	if d := cmp.Diff(all[i:], rest, cmp.Comparer(time.Time.Equal)); d != "" {
		t.Errorf("events after %v (-one run +second run):\n%s", cut, d)
	}

	late := newTestSimulation(t, net, SimulationConfig{After: DefaultStart(net).Add(100 * day), For: time.Minute})
	if got, want := late.Begin(), DefaultStart(net).Add(100*day); !got.Equal(want) {
		t.Errorf("begins at %v, want %v", got, want)
	}
}

func TestEventsAreInOrder(t *testing.T) {
	s := newTestSimulation(t, cta.Chicago(), SimulationConfig{Seed: 4, For: 2 * time.Hour})
	last, readings, standing := time.Time{}, 0, true
	for ev := range s.Events() {
		if ev.At.Before(last) {
			t.Fatalf("%v after %v", ev.At, last)
		}
		last = ev.At
		if before := ev.At.Before(s.Begin()); before && (!standing || ev.Kind != EventArrival) {
			t.Fatalf("%s at %v, before the start", ev.Kind, ev.At)
		} else if !before {
			standing = false
		}
		if ev.Kind == EventWeather {
			if want := s.Begin().Add(time.Duration(readings) * 5 * time.Minute); !ev.At.Equal(want) {
				t.Errorf("reading %d at %v, want %v", readings, ev.At, want)
			}
			readings++
		}
	}
	if readings != 24 {
		t.Errorf("%d readings in two hours", readings)
	}
}

func TestPacedRunTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []SimulationProgress
		s := newTestSimulation(t, cta.Chicago(), SimulationConfig{
			For: 5 * time.Minute, Speed: 20,
			Progress: func(p SimulationProgress) { told = append(told, p) },
		})
		began := time.Now()
		lag := time.Duration(0)
		sink := &tally{each: func(at time.Time) error {
			due := began.Add(max(0, at.Sub(s.Begin())) / 20)
			lag = max(lag, time.Since(due).Abs())
			return nil
		}}
		sum, err := s.Run(t.Context(), sink)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Since(began); got < 15*time.Second || got > 15*time.Second+grain {
			t.Errorf("five minutes at speed 20 took %v", got)
		}
		if sum.Wall < 15*time.Second || lag > grain {
			t.Errorf("wall time %v, events up to %v late", sum.Wall, lag)
		}
		if n := len(told); n < 14 || n > 16 {
			t.Errorf("progress was told %d times in 15 s", n)
		} else if p := told[n-1]; p.Done < 0.9 || p.Done > 1 || p.Entries == 0 {
			t.Errorf("last progress: %+v", p)
		}
	})
}

func TestClockWaitsForASlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestSimulation(t, cta.Chicago(), SimulationConfig{For: 2 * time.Minute, Speed: 1})
		began := time.Now()
		stalled := false
		var after []time.Duration // wall time since the stall, and simulated
		var stalledAt time.Time
		sink := &tally{each: func(at time.Time) error {
			switch {
			case !stalled && at.After(s.Begin().Add(time.Minute)):
				stalled, stalledAt = true, at
				time.Sleep(time.Hour)
			case stalled:
				after = append(after, at.Sub(stalledAt))
			}
			return nil
		}}
		sum, err := s.Run(t.Context(), sink)
		if err != nil {
			t.Fatal(err)
		}
		if len(after) == 0 || sum.Total() != sink.sum.Total() {
			t.Error("events were left out")
		}
		if got, want := time.Since(began), time.Hour+2*time.Minute; got < want-2*time.Second || got > want+2*time.Second {
			t.Errorf("two minutes with an hour's stall took %v: the clock should have waited", got)
		}
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	for name, speed := range map[string]float64{"real time": 1, "as fast as can be": math.Inf(1)} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			sink := &tally{each: func(time.Time) error {
				if n++; n == 50 {
					cancel()
				}
				return ctx.Err()
			}}
			began := time.Now()
			sum, err := newTestSimulation(t, cta.Chicago(), SimulationConfig{Speed: speed}).Run(ctx, sink)
			if err != nil || sum.Total() != 49 || len(sum.Digest) != 64 {
				t.Errorf("%d events, digest %q, error %v; want 49, a digest and none", sum.Total(), sum.Digest, err)
			}
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestRunReturnsTheSinksError(t *testing.T) {
	full := errors.New("disk full")
	sink := &tally{each: func(time.Time) error { return full }}
	sum, err := newTestSimulation(t, cta.Chicago(), SimulationConfig{}).Run(t.Context(), sink)
	if !errors.Is(err, full) || sum.Total() != 0 {
		t.Errorf("%d events, error %v", sum.Total(), err)
	}
}

func TestWrongSimulationSettingsAreAllNamed(t *testing.T) {
	_, err := NewSimulation(cta.Chicago(), SimulationConfig{
		Start: time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC),
		For:   -time.Second,
		Speed: math.NaN(),
	})
	for _, want := range []string{"Start is 1850", "For is -1s", "Speed is NaN"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v doesn't say %q", err, want)
		}
	}
	if _, err := NewSimulation(nil, SimulationConfig{}); err == nil {
		t.Error("no network is no error")
	}
}

func TestSmallNetworkLives(t *testing.T) {
	net := smallTown(t)
	s := newTestSimulation(t, net, SimulationConfig{For: 24 * time.Hour})
	trains := make(map[string]bool)
	var sum SimulationSummary
	for ev := range s.Events() {
		sum.count(&ev)
		if ev.Kind == EventArrival {
			trains[ev.Arrival.Line] = true
		}
	}
	if len(trains) != len(net.Lines) || sum.Readings != 288 || sum.Entries == 0 {
		t.Errorf("trains on lines %v of %d, %d entries, %d readings", trains, len(net.Lines), sum.Entries, sum.Readings)
	}
}

func TestNetworkWithoutRidersOrService(t *testing.T) {
	net := *smallTown(t)
	net.Hourly = [24]float64{}
	var lines []*cta.Line
	for _, l := range net.Lines {
		c := *l
		c.Patterns = nil
		lines = append(lines, &c)
	}
	net.Lines = lines
	var sum SimulationSummary
	for ev := range newTestSimulation(t, &net, SimulationConfig{For: 3 * time.Hour}).Events() {
		sum.count(&ev)
	}
	if sum.Arrivals != 0 || sum.Entries != 0 || sum.Readings != 36 {
		t.Errorf("%+v, want nothing but weather", sum)
	}
}
