package live

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// morning returns the traffic of the 'L' from 7:00 to 9:30, without faults.
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

// play feeds arrivals to a tracker and passes on a direction's status at each time step.
// Of the other lines the tracker knows the Blue and the Red one alone, which show that
// time goes on: all of them are several times the work.
func play(t *testing.T, arrivals []ctaproducer.Event, line string, d cta.Direction, from, until time.Time, step time.Duration, see func(now time.Time, ds DirectionStatus)) {
	t.Helper()
	net := only(t, slices.Compact(slices.Sorted(slices.Values([]string{line, "blue", "red"})))...)
	tr := NewTracker(net)
	now := from
	for _, e := range arrivals {
		if net.Line(e.Arrival.Line) == nil {
			continue
		}
		for e.At.After(now) && now.Before(until) {
			l, _ := tr.View(now).Line(line)
			see(now, l.Directions[dir(d)])
			now = now.Add(step)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
}

const loganSquare = 41020

// atLoganSquare is a platform of the Blue Line at eight o'clock.
var atLoganSquare = incident.Place{Line: "blue", Direction: cta.DirectionA, Station: loganSquare, After: day(8)}

func TestStandingTrainIsSaidAndForgotten(t *testing.T) {
	arrivals, began := incident.Stand(morning(t), atLoganSquare, 15*time.Minute, true)
	play(t, arrivals, "blue", cta.DirectionA, day(7).Add(50*time.Minute), day(8).Add(80*time.Minute), 15*time.Second, func(now time.Time, ds DirectionStatus) {
		switch since := now.Sub(began); {
		case since >= 30*time.Second && since < 15*time.Minute:
			if ds.Cause != CauseStanding || ds.Station != loganSquare {
				t.Errorf("%v into a breakdown: %+v", since, ds)
			}
			if want := since >= 5*time.Minute+time.Second; (ds.Level == LevelMajor) != want {
				t.Errorf("%v into a breakdown the level is %s", since, ds.Level)
			}
		case since >= 15*time.Minute+30*time.Second && ds.Cause == CauseStanding:
			t.Errorf("%v after the breakdown: %+v", since-15*time.Minute, ds)
		case since >= 65*time.Minute && ds.Level == LevelMajor:
			t.Errorf("%v after the breakdown: %+v", since-15*time.Minute, ds)
		}
	})
}

// soon is the limit on reporting a fault, from when it can be known.
const soon = 30 * time.Second

// A train that stands without a report looks like a running one until it is due at the
// next station.
func TestTrainThatStandsWithoutAWordIsOverdue(t *testing.T) {
	all := morning(t)
	arrivals, began := incident.Stand(all, atLoganSquare, 15*time.Minute, false)
	const california = 40570
	var due time.Time // at the next station
	for _, e := range all {
		if a := e.Arrival; due.IsZero() && a.Line == "blue" && a.Direction == cta.DirectionA && a.StationID == california && e.At.After(began) {
			due = e.At
		}
	}
	play(t, arrivals, "blue", cta.DirectionA, day(8), due.Add(14*time.Minute), 5*time.Second, func(now time.Time, ds DirectionStatus) {
		switch late := now.Sub(due); {
		case late < 0 && ds.Cause == CauseOverdue:
			t.Errorf("%v before it is due: %+v", -late, ds)
		case late > soon && (ds.Cause != CauseOverdue || ds.Station != california || ds.Lasts > late+10*time.Second || ds.Lasts < late-10*time.Second):
			t.Errorf("%v after it was due: %+v", late, ds)
		case late > 4*time.Minute && ds.Gap.Station == 0: // trains come every four minutes
			t.Errorf("%v after it was due there is no gap: %+v", late, ds)
		case late > 6*time.Minute && ds.Level != LevelMajor:
			t.Errorf("%v after it was due the level is %s", late, ds.Level)
		}
	})
}

func TestBunchedTrainsAreSaid(t *testing.T) {
	arrivals, came, next := incident.Bunch(morning(t), atLoganSquare, 100*time.Second)
	var said DirectionStatus
	play(t, arrivals, "blue", cta.DirectionA, day(8), day(8).Add(15*time.Minute), 15*time.Second, func(now time.Time, ds DirectionStatus) {
		if now.Sub(came) >= 0 && now.Before(next) && now.Sub(came) <= 30*time.Second {
			said = ds
		}
	})
	if said.Bunch.Station != loganSquare || said.Bunch.Apart.Round(time.Minute) != 2*time.Minute {
		t.Errorf("said %+v, want two trains two minutes apart at Logan Square", said)
	}
}

// A line's silence is reported within half a minute of when two of its trains should
// have reported, or one if at most two are on their way. That time depends on the
// number of trains. After a silence of any length, unseen trains are not reported as a
// gap, nor the first that are seen as bunched, or as all that run.
func TestSilentLineIsSaidAndRecovers(t *testing.T) {
	for line, within := range map[string]time.Duration{ // of its falling silent
		"blue":   30 * time.Second,
		"red":    30 * time.Second,
		"brown":  45 * time.Second,
		"green":  time.Minute,
		"purple": time.Minute,
		"orange": 90 * time.Second,
		"pink":   90 * time.Second,
		"yellow": 4 * time.Minute, // two trains, each up to five minutes to the next station
	} {
		t.Run(line, func(t *testing.T) {
			if race.Enabled && line != "blue" && line != "yellow" {
				t.Skip("without -race: the morning of three lines is ten times slower with it")
			}
			begin, end := day(8), day(8).Add(12*time.Minute)
			all := morning(t)
			arrivals, _, back := incident.Silence(all, line, begin, end)
			known := knowable(all, line, begin)
			var told time.Time
			play(t, arrivals, line, cta.DirectionB, day(7).Add(50*time.Minute), day(8).Add(30*time.Minute), 10*time.Second, func(now time.Time, ds DirectionStatus) {
				silent := ds.Cause == CauseSilent && ds.Level == LevelUnknown
				if silent && told.IsZero() {
					told = now
				}
				switch {
				case now.Before(begin) && silent, now.After(back) && (silent || ds.Level == LevelMajor):
					t.Errorf("at %s: %+v", now.Format(time.TimeOnly), ds)
				case now.After(back) && now.Before(back.Add(7*time.Minute)) && (ds.Cause != CauseTooEarly || ds.Every > 0):
					t.Errorf("at %s, soon after the silence: %+v", now.Format(time.TimeOnly), ds)
				case now.Sub(known) >= soon && now.Before(back) && !silent:
					t.Errorf("%v after it could be known: %+v", now.Sub(known), ds)
				}
			})
			t.Logf("told %v after the last event, and %v after it could be known", told.Sub(begin), told.Sub(known))
			if told.Sub(begin) > within {
				t.Errorf("told %v after the last event, want within %v", told.Sub(begin), within)
			}
		})
	}
}

// knowable returns when a line's silence can be known: when two of its trains should
// have reported, or one of two.
func knowable(arrivals []ctaproducer.Event, line string, begin time.Time) time.Time {
	lately, due := map[string]bool{}, map[string]bool{}
	for _, e := range arrivals {
		switch a := e.Arrival; {
		case a.Line != line || e.At.Before(begin.Add(-10*time.Minute)):
		case e.At.Before(begin):
			lately[a.TrainID] = true
		default:
			due[a.TrainID] = true
			if len(due) == min(2, len(lately)-1) {
				return e.At
			}
		}
	}
	return time.Time{}
}

// In a morning without faults, no line is reported silent, and hardly any train
// overdue.
func TestNoFalseAlarms(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	now := day(7).Add(15 * time.Minute)
	alarms := map[Cause]int{}
	looks, step := 0, 10*time.Second
	if race.Enabled {
		step = time.Minute
	}
	for _, e := range morning(t) {
		for ; e.At.After(now); now = now.Add(step) {
			for _, l := range tr.View(now).Lines {
				for _, ds := range l.Directions {
					looks++
					alarms[ds.Cause]++
				}
			}
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	if alarms[CauseSilent] > 0 || alarms[CauseOverdue] > looks/500 {
		t.Errorf("of %d sentences, these are of each cause: %v", looks, alarms)
	}
}
