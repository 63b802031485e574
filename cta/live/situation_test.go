package live

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/internal/incident"
)

// morning is the traffic of the 'L' from 7:00 to 9:30, without faults.
func morning(tb testing.TB) []ctaproducer.Event {
	tb.Helper()
	arrivals, err := mornings()
	if err != nil {
		tb.Fatal(err)
	}
	return slices.Clone(arrivals)
}

var mornings = sync.OnceValues(func() ([]ctaproducer.Event, error) {
	return incident.Arrivals(cta.Chicago(), ctaproducer.SimulationConfig{Seed: 2, Start: day(7), For: 150 * time.Minute, NoFaults: true})
})

// play feeds arrivals and shows what is said of a line's direction every
// fifteen seconds of some time.
func play(arrivals []ctaproducer.Event, line string, d cta.Direction, from, until time.Time, see func(now time.Time, ds DirectionStatus)) {
	tr := NewTracker(cta.Chicago())
	now := from
	for _, e := range arrivals {
		for e.At.After(now) && now.Before(until) {
			l, _ := tr.View(now).Line(line)
			see(now, l.Directions[dir(d)])
			now = now.Add(15 * time.Second)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
}

const loganSquare = 41020

// atLoganSquare is a platform of the Blue Line at eight.
var atLoganSquare = incident.Place{Line: "blue", Direction: cta.DirectionA, Station: loganSquare, After: day(8)}

func TestStandingTrainIsSaidAndForgotten(t *testing.T) {
	arrivals, began := incident.Stand(morning(t), atLoganSquare, 15*time.Minute, true)
	play(arrivals, "blue", cta.DirectionA, day(7).Add(50*time.Minute), day(8).Add(80*time.Minute), func(now time.Time, ds DirectionStatus) {
		switch since := now.Sub(began); {
		case since >= 30*time.Second && since < 15*time.Minute:
			if ds.Cause != TrainStuck || ds.Station != loganSquare {
				t.Errorf("%v into a breakdown: %+v", since, ds)
			}
			if want := since >= 5*time.Minute+time.Second; (ds.Level == Major) != want {
				t.Errorf("%v into a breakdown the level is %s", since, ds.Level)
			}
		case since >= 15*time.Minute+30*time.Second && ds.Cause == TrainStuck:
			t.Errorf("%v after the breakdown: %+v", since-15*time.Minute, ds)
		case since >= 65*time.Minute && ds.Level == Major:
			t.Errorf("%v after the breakdown: %+v", since-15*time.Minute, ds)
		}
	})
}

func TestTrainThatStandsWithoutAWordIsAGap(t *testing.T) {
	arrivals, began := incident.Stand(morning(t), atLoganSquare, 15*time.Minute, false)
	// It is due two minutes later at the next station, where trains come every four.
	play(arrivals, "blue", cta.DirectionA, day(8), day(8).Add(25*time.Minute), func(now time.Time, ds DirectionStatus) {
		if since := now.Sub(began); since > 6*time.Minute && since < 15*time.Minute && ds.Cause != LongGap {
			t.Errorf("%v after it stopped: %+v", since, ds)
		}
	})
}

func TestBunchedTrainsAreSaid(t *testing.T) {
	arrivals, came, next := incident.Bunch(morning(t), atLoganSquare, 100*time.Second)
	var said DirectionStatus
	play(arrivals, "blue", cta.DirectionA, day(8), day(8).Add(15*time.Minute), func(now time.Time, ds DirectionStatus) {
		if now.Sub(came) >= 0 && now.Before(next) && now.Sub(came) <= 30*time.Second {
			said = ds
		}
	})
	if said.Bunch.Station != loganSquare || said.Bunch.Apart.Round(time.Minute) != 2*time.Minute {
		t.Errorf("said %+v, want two trains two minutes apart at Logan Square", said)
	}
}

// However long a line is silent, what is said of it afterwards takes nothing for a
// gap that went unseen.
func TestSilentLineIsSaidAndRecovers(t *testing.T) {
	for line, within := range map[string]time.Duration{ // of its falling silent
		"blue": 30 * time.Second,
		"red":  30 * time.Second,
		// Where fewer trains run, it takes longer until three that should have come haven't.
		"brown":  time.Minute,
		"green":  time.Minute,
		"purple": time.Minute,
		"orange": 2 * time.Minute,
		"pink":   2 * time.Minute,
		"yellow": 8 * time.Minute, // two trains, each up to five minutes to the next station
	} {
		t.Run(line, func(t *testing.T) {
			begin := day(8)
			arrivals, _, back := incident.Silence(morning(t), line, begin, day(8).Add(12*time.Minute))
			play(arrivals, line, cta.DirectionB, day(7).Add(50*time.Minute), day(8).Add(30*time.Minute), func(now time.Time, ds DirectionStatus) {
				silent := ds.Cause == LineSilent && ds.Level == LevelUnknown
				switch {
				case now.Before(begin) && silent, now.After(back) && (silent || ds.Level == Major):
					t.Errorf("at %s: %+v", now.Format(time.TimeOnly), ds)
				case now.Sub(begin) >= within && now.Before(back) && !silent:
					t.Errorf("%v after the last event: %+v", now.Sub(begin), ds)
				}
			})
		})
	}
}
