package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// said is an arrival at a time.
type said struct {
	at time.Time
	a  cta.Arrival
}

// runs is the traffic of one line, cut into runs: each a train of its own.
type runs map[cta.Direction][][]said

// morning is the traffic of the 'L' from 7:00 to 9:30, without faults.
func morning(tb testing.TB) []said {
	tb.Helper()
	return slices.Clone(mornings())
}

var mornings = sync.OnceValue(func() []said {
	sim, err := ctaproducer.NewSimulation(cta.Chicago(), ctaproducer.SimulationConfig{Seed: 2, Start: day(7), For: 150 * time.Minute, NoFaults: true})
	if err != nil {
		panic(err)
	}
	var all []said
	for e := range sim.Events() {
		if e.Kind == ctaproducer.ArrivalEvent {
			all = append(all, said{e.At, e.Arrival})
		}
	}
	return all
})

// cut splits a line's events into runs, in the order in which they begin.
func cut(events []said, line string) (of runs, others []said) {
	of = runs{}
	open := map[string]int{}
	for _, e := range events {
		if e.a.Line != line {
			others = append(others, e)
			continue
		}
		key := e.a.TrainID + string(e.a.Direction)
		i, ok := open[key]
		if !ok || e.at.Sub(last(of[e.a.Direction][i]).at) > 25*time.Minute {
			i = len(of[e.a.Direction])
			of[e.a.Direction] = append(of[e.a.Direction], nil)
			open[key] = i
		}
		e.a.TrainID = fmt.Sprintf("%s%s%d", e.a.TrainID, e.a.Direction, i)
		of[e.a.Direction][i] = append(of[e.a.Direction][i], e)
	}
	return of, others
}

func last(events []said) said { return events[len(events)-1] }

// hold delays a run from an event on, and those behind it so that none comes
// within a minute and a half of the one ahead.
func hold(of [][]said, run, event int, delay time.Duration) {
	for i := event + 1; i < len(of[run]); i++ {
		of[run][i].at = of[run][i].at.Add(delay)
	}
	came := map[int]time.Time{}
	for _, r := range of[run:] {
		var late time.Duration
		for i := range r {
			r[i].at = r[i].at.Add(late)
			if c, ok := came[r[i].a.StationID]; ok && r[i].at.Before(c.Add(90*time.Second)) {
				late += c.Add(90 * time.Second).Sub(r[i].at)
				r[i].at = c.Add(90 * time.Second)
			}
			came[r[i].a.StationID] = r[i].at
		}
	}
}

// at finds the first run that comes to a station after a time, and the event.
func at(of [][]said, station int, after time.Time) (run, event int) {
	best := time.Time{}
	for i, r := range of {
		for j, e := range r {
			if e.a.StationID == station && e.at.After(after) && (best.IsZero() || e.at.Before(best)) {
				run, event, best = i, j, e.at
			}
		}
	}
	return run, event
}

func (r runs) all() []said {
	var all []said
	for _, of := range r {
		all = append(all, slices.Concat(of...)...)
	}
	return all
}

// play feeds events and shows what is said of a line's direction every ten
// seconds of some time.
func play(events []said, line string, d cta.Direction, from, until time.Time, see func(now time.Time, ds DirectionStatus)) {
	slices.SortStableFunc(events, func(a, b said) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.a.TrainID, b.a.TrainID))
	})
	tr := NewTracker(cta.Chicago())
	now := from
	for _, e := range events {
		for e.at.After(now) && now.Before(until) {
			l, _ := tr.View(now).Line(line)
			see(now, l.Directions[dir(d)])
			now = now.Add(10 * time.Second)
		}
		tr.ApplyArrival(cta.KeyAt(e.at), e.a)
	}
}

const loganSquare = 41020

func TestStandingTrainIsSaidAndForgotten(t *testing.T) {
	of, others := cut(morning(t), "blue")
	a := of[cta.DirectionA]
	run, event := at(a, loganSquare, day(8))
	began := a[run][event].at
	hold(a, run, event, 15*time.Minute)
	broken, mended := a[run][event], a[run][event]
	broken.at, broken.a.TrainStatus = began.Add(time.Second), cta.BrokenDown
	mended.at = began.Add(15 * time.Minute)
	events := append(append(of.all(), others...), broken, mended)

	play(events, "blue", cta.DirectionA, day(7).Add(50*time.Minute), day(8).Add(80*time.Minute), func(now time.Time, ds DirectionStatus) {
		switch since := now.Sub(began); {
		case since >= 30*time.Second && since < 15*time.Minute:
			if ds.Cause != TrainStuck || !strings.Contains(ds.Sentence, "a train has been standing at Logan Square for ") || ds.Station != loganSquare {
				t.Errorf("%v into a breakdown: %s", since, ds.Sentence)
			}
			if want := since >= 5*time.Minute+time.Second; (ds.Level == Major) != want {
				t.Errorf("%v into a breakdown the level is %s", since, ds.Level)
			}
		case since >= 15*time.Minute+30*time.Second && ds.Cause == TrainStuck:
			t.Errorf("%v after the breakdown: %s", since-15*time.Minute, ds.Sentence)
		case since >= 65*time.Minute && ds.Level == Major:
			t.Errorf("%v after the breakdown: %s", since-15*time.Minute, ds.Sentence)
		}
	})
}

func TestTrainThatStandsWithoutAWordIsAGap(t *testing.T) {
	of, others := cut(morning(t), "blue")
	a := of[cta.DirectionA]
	run, event := at(a, loganSquare, day(8))
	began := a[run][event].at
	hold(a, run, event, 15*time.Minute)
	// It is due two minutes later at the next station, where trains come every four.
	play(append(of.all(), others...), "blue", cta.DirectionA, day(8), day(8).Add(25*time.Minute), func(now time.Time, ds DirectionStatus) {
		if since := now.Sub(began); since > 6*time.Minute && since < 15*time.Minute && ds.Cause != LongGap {
			t.Errorf("%v after it stopped: %s", since, ds.Sentence)
		}
	})
}

func TestBunchedTrainsAreSaid(t *testing.T) {
	of, others := cut(morning(t), "blue")
	a := of[cta.DirectionA]
	run, event := at(a, loganSquare, day(8))
	ahead := a[run][event].at
	run, event = at(a, loganSquare, ahead)
	early := a[run][event].at.Sub(ahead) - 100*time.Second
	for i := range a[run] {
		if i >= event-3 {
			a[run][i].at = a[run][i].at.Add(-early * time.Duration(min(4, i-event+4)) / 4)
		}
	}
	came, next := a[run][event].at, a[run][event+1].at
	said := ""
	play(append(of.all(), others...), "blue", cta.DirectionA, day(8), day(8).Add(15*time.Minute), func(now time.Time, ds DirectionStatus) {
		if now.Sub(came) >= 0 && now.Before(next) && now.Sub(came) <= 30*time.Second {
			said = ds.Sentence
		}
	})
	if want := "two trains 2 min apart at Logan Square"; !strings.Contains(said, want) {
		t.Errorf("said %q, want %q in it", said, want)
	}
}

func TestSilentLineIsSaidAndRecovers(t *testing.T) {
	for _, tt := range []struct {
		line  string
		after time.Duration // since the last event
	}{
		{"blue", 30 * time.Second},
		{"red", 30 * time.Second},
		{"yellow", 7 * time.Minute}, // two trains, each up to five minutes to the next station
	} {
		t.Run(tt.line, func(t *testing.T) {
			begin, end := day(8), day(8).Add(12*time.Minute)
			var heard time.Time
			events := slices.DeleteFunc(morning(t), func(e said) bool {
				if e.a.Line == tt.line && e.at.Before(begin) && e.at.After(heard) {
					heard = e.at
				}
				return e.a.Line == tt.line && !e.at.Before(begin) && e.at.Before(end)
			})
			back := events[slices.IndexFunc(events, func(e said) bool { return e.a.Line == tt.line && !e.at.Before(end) })].at
			play(events, tt.line, cta.DirectionB, day(7).Add(50*time.Minute), day(8).Add(20*time.Minute), func(now time.Time, ds DirectionStatus) {
				silent := ds.Cause == LineSilent && ds.Level == LevelUnknown && strings.Contains(ds.Sentence, "nothing heard of its trains for ")
				switch {
				case now.Before(begin) && silent, now.Sub(back) > 30*time.Second && silent:
					t.Errorf("at %s: %s", now.Format("15:04:05"), ds.Sentence)
				case now.Sub(heard) >= tt.after && now.Before(back) && !silent:
					t.Errorf("%v after the last event: %s", now.Sub(heard), ds.Sentence)
				}
			})
		})
	}
}
