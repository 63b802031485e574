package live

import (
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/internal/incident"
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

// A whole weekday with faults, from the first trains to the last.
func TestPredictionsOfAWeekdayWithFaults(t *testing.T) {
	for _, s := range scoresOf(t, 1, false) {
		got := s.All
		t.Logf("%2.0f-%2.0f min: %6d predictions, mean error %5.1f s, in band %.1f %%, in range %.1f %%, never came %d; distance over mean speed: %5.1f s, %.1f %%",
			s.From.Minutes(), s.To.Minutes(), got.Count, got.Error.Seconds(), 100*got.InBand, 100*got.InRange, got.Missed,
			got.PlainError.Seconds(), 100*got.PlainInBand)
		if got.Count < 100_000 || got.Error >= got.PlainError/2 || got.InBand < 0.95 || got.InRange < 0.85 || got.Missed*1000 > got.Count {
			t.Errorf("%v to %v: %+v, want half the plain error, 95 %% in the band, 85 %% in range, one in 1000 missed", s.From, s.To, got)
		}
	}
}

// scoresOf are the scores of a day, with a check of what was said meanwhile.
func scoresOf(t *testing.T, seed uint64, calm bool) [horizons]Score {
	events := simulated(t, ctaproducer.SimulationConfig{Seed: seed, Start: day(4), For: 20 * time.Hour, NoFaults: calm})
	tr := NewTracker(cta.Chicago())
	at := day(4)
	said := map[Cause]int{}
	for _, e := range events {
		for e.At.After(at) {
			tr.Record(at)
			if at.Sub(day(4)) > 90*time.Minute {
				for _, l := range tr.View(at).Lines {
					for _, d := range l.Directions {
						said[d.Cause]++
						if d.Cause == LineSilent || d.Cause == NeverHeard {
							t.Errorf("at %s: %s", at.Format("15:04:05"), d.Sentence)
						}
					}
				}
			}
			at = at.Add(30 * time.Second)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	t.Log("causes of what was said:", said)
	return tr.View(at).Scores
}

func TestScoresOfTheLastHourForgetEarlierOnes(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	at := day(7)
	for _, e := range simulated(t, ctaproducer.SimulationConfig{Seed: 1, Start: day(7), For: 40 * time.Minute, NoFaults: true}) {
		for ; e.At.After(at); at = at.Add(time.Minute) {
			tr.Record(at)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	before := tr.View(at).Scores[0]
	if before.Recent.Count == 0 || before.Recent.Count != before.All.Count {
		t.Errorf("counts %d and %d after 40 minutes, want the same", before.Recent.Count, before.All.Count)
	}
	for range 90 { // and nothing comes any more
		at = at.Add(time.Minute)
		tr.Record(at)
	}
	after := tr.View(at).Scores[0]
	if after.Recent.Count != 0 || after.All.Count < before.All.Count {
		t.Errorf("counts %d and %d after 90 more, want none and no less", after.Recent.Count, after.All.Count)
	}
	if tr.score.waiting != 0 {
		t.Errorf("%d predictions wait for trains that won't come", tr.score.waiting)
	}
}
