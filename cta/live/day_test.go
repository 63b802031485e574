package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/incident"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// simulated returns the arrivals of a simulation of the 'L'.
func simulated(tb testing.TB, cfg ctaproducer.SimulationConfig) []ctaproducer.Event {
	tb.Helper()
	events, err := incident.Arrivals(cta.Chicago(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return events
}

// day is an hour of a Wednesday.
func day(hour int) time.Time {
	return time.Date(2026, time.October, 7, hour, 0, 0, 0, cta.Chicago().Location)
}

// A morning with faults, from before the rush hour until after it. BenchmarkPredictions
// runs whole days.
func TestPredictionsWithFaults(t *testing.T) {
	hours := int64(5)
	if race.Enabled {
		hours = 2
	}
	for _, s := range scoresOf(t, 1, day(6), time.Duration(hours)*time.Hour) {
		got := s.All
		t.Log(told(s))
		if got.Count < 4000*hours || got.Error >= got.PlainError/2 || got.InBand < 0.95 || got.InRange < 0.9 || got.Missed*1000 > got.Count {
			t.Errorf("%v to %v: %+v, want half the plain error, 95 %% in the band, 90 %% in range, one in 1000 missed", s.From, s.To, got)
		}
	}
}

func told(s Score) string {
	got := s.All
	return fmt.Sprintf("%2.0f-%2.0f min: %6d predictions, mean error %5.1f s, in band %.1f %%, in range %.1f %%, never came %d, took another branch than it might %d; distance over mean speed: %5.1f s, %.1f %%",
		s.From.Minutes(), s.To.Minutes(), got.Count, got.Error.Seconds(), 100*got.InBand, 100*got.InRange, got.Missed, got.Elsewhere,
		got.PlainError.Seconds(), 100*got.PlainInBand)
}

// scoresOf returns the scores of part of a day with faults, and checks the views on the
// way.
func scoresOf(tb testing.TB, seed uint64, from time.Time, length time.Duration) [horizons]Score {
	events := simulated(tb, ctaproducer.SimulationConfig{Seed: seed, Start: from, For: length})
	tr := NewTracker(cta.Chicago())
	at := from
	said := map[Cause]int{}
	for _, e := range events {
		for e.At.After(at) {
			tr.ScorePredictions(at)
			if at.Sub(from) > 90*time.Minute {
				for _, l := range tr.View(at).Lines {
					for _, d := range l.Directions {
						said[d.Cause]++
						switch d.Cause {
						case CauseNeverHeard:
							tb.Errorf("at %s: %s %+v", at.Format("15:04:05"), l.Line, d)
						case CauseSilent: // late at night the last train's report may be late
							tb.Logf("at %s: %s %+v", at.Format("15:04:05"), l.Line, d)
						}
					}
				}
			}
			at = at.Add(30 * time.Second)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	tb.Log("causes of what was said:", said)
	if said[CauseSilent] > 4 {
		tb.Errorf("lines are said to be silent %d times, though none was", said[CauseSilent])
	}
	return tr.View(at).Scores
}

// A system that has just started knows few of its trains, and tells of no gaps yet.
func TestFirstMinutesHaveNoGaps(t *testing.T) {
	start := day(7).Add(30 * time.Minute)
	tr, at := NewTracker(cta.Chicago()), start.Add(30*time.Second)
	causes := map[Cause]int{}
	for _, e := range simulated(t, ctaproducer.SimulationConfig{Seed: 1, Start: start, For: 20 * time.Minute, NoFaults: true}) {
		for ; e.At.After(at); at = at.Add(30 * time.Second) {
			for _, l := range tr.View(at).Lines {
				for _, d := range l.Directions {
					if at.Sub(start) < 5*time.Minute && (d.Cause == CauseGap || d.Cause == CauseBunched) {
						t.Errorf("after %v: %s %s: %v at %d", at.Sub(start), l.Line, d.Direction, d.Cause, d.Station)
					}
					causes[d.Cause]++
				}
			}
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	if causes[CauseTooEarly] == 0 || causes[CauseRegular] == 0 {
		t.Errorf("%v, want both the first minutes and those after", causes)
	}
}

// Where trains are less regular than running times tell, as real ones are, ranges become
// as wide as nine trains of ten need.
func TestRangesFollowTheErrors(t *testing.T) {
	net, err := cta.Chicago().Only("red")
	if err != nil {
		t.Fatal(err)
	}
	events, err := incident.Arrivals(net, ctaproducer.SimulationConfig{Seed: 1, Start: day(6), For: 3 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	late, last := map[string]float64{}, map[string]time.Time{}
	for i := range events { // each train's delay changes at each station, by up to a minute
		e := &events[i]
		late[e.Arrival.TrainID] += 120*r.Float64() - 60
		if e.At = e.At.Add(time.Duration(late[e.Arrival.TrainID] * float64(time.Second))); e.At.Before(last[e.Arrival.TrainID].Add(20 * time.Second)) {
			e.At = last[e.Arrival.TrainID].Add(20 * time.Second)
		}
		last[e.Arrival.TrainID] = e.At
	}
	slices.SortStableFunc(events, func(a, b ctaproducer.Event) int { return a.At.Compare(b.At) })
	tr, at := NewTracker(net), day(6)
	var early [horizons]Score
	for _, e := range events {
		for ; e.At.After(at) && at.Before(day(9)); at = at.Add(30 * time.Second) {
			if tr.ScorePredictions(at); at.Equal(day(6).Add(45 * time.Minute)) {
				early = tr.View(at).Scores
			}
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	for i, s := range tr.View(at).Scores {
		t.Logf("%v to %v: error %v, in range %.1f %%, in the first 45 minutes %.1f %%", s.From, s.To, s.Recent.Error, 100*s.Recent.InRange, 100*early[i].All.InRange)
		if early[i].All.InRange < 0.85 {
			t.Errorf("%v to %v: %.1f %% came in the ranges of the first 45 minutes", s.From, s.To, 100*early[i].All.InRange)
		}
		if s.Recent.InRange < 0.85 {
			t.Errorf("%v to %v: %.1f %% came in their range, want nine of ten", s.From, s.To, 100*s.Recent.InRange)
		}
	}
}

func TestScoresOfTheLastHourForgetEarlierOnes(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	at := day(7)
	for _, e := range simulated(t, ctaproducer.SimulationConfig{Seed: 1, Start: day(7), For: 40 * time.Minute, NoFaults: true}) {
		for ; e.At.After(at); at = at.Add(time.Minute) {
			tr.ScorePredictions(at)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	before := tr.View(at).Scores[0]
	if before.Recent.Count == 0 || before.Recent.Count != before.All.Count {
		t.Errorf("counts %d and %d after 40 minutes, want the same", before.Recent.Count, before.All.Count)
	}
	for range 90 { // no more events
		at = at.Add(time.Minute)
		tr.ScorePredictions(at)
	}
	after := tr.View(at).Scores[0]
	if after.Recent.Count != 0 || after.All.Count < before.All.Count {
		t.Errorf("counts %d and %d after 90 more, want none and no less", after.Recent.Count, after.All.Count)
	}
	if tr.score.waiting != 0 {
		t.Errorf("%d predictions wait for trains that won't come", tr.score.waiting)
	}
}
