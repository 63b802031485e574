package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// simulated returns the arrivals of a simulation of the 'L'.
func simulated(tb testing.TB, cfg ctaproducer.SimulationConfig) []ctaproducer.Event {
	tb.Helper()
	sim, err := ctaproducer.NewSimulation(cta.Chicago(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	var events []ctaproducer.Event
	for e := range sim.Events() {
		if e.Kind == ctaproducer.ArrivalEvent {
			events = append(events, e)
		}
	}
	return events
}

func day(hour int) time.Time {
	return time.Date(2026, time.October, 7, hour, 0, 0, 0, cta.Chicago().Location)
}

func TestPredictionsOfADay(t *testing.T) {
	events := simulated(t, ctaproducer.SimulationConfig{Seed: 1, Start: day(4), For: 20 * time.Hour})
	tr := NewTracker(cta.Chicago())
	at := day(4)
	levels := map[string]int{}
	for _, e := range events {
		for e.At.After(at) {
			tr.Record(at)
			if at.Sub(day(4)) > 30*time.Minute {
				for _, l := range tr.View(at).Lines {
					for _, d := range l.Directions {
						levels[string(d.Cause)+"/"+string(d.Level)]++
					}
				}
			}
			at = at.Add(30 * time.Second)
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	t.Log(levels)
	for _, s := range tr.View(at).Scores {
		a := s.All
		t.Log(fmt.Sprintf("%2.0f-%2.0f min: %7d predictions, mean error %5.1f s (plain %5.1f s), bias %5.1f, in band %.1f %% (plain %.1f %%), in range %.1f %%, missed %d",
			s.From.Minutes(), s.To.Minutes(), a.Count, a.Error.Seconds(), a.PlainError.Seconds(), a.Bias.Seconds(), 100*a.InBand, 100*a.PlainInBand, 100*a.InRange, a.Missed))
	}
}
