package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// Everything there is to say about the 'L' at 8:30, after two hours of events.
func BenchmarkView(b *testing.B) {
	tr := NewTracker(cta.Chicago())
	for _, e := range simulated(b, ctaproducer.SimulationConfig{Seed: 1, Start: day(6).Add(30 * time.Minute), For: 2 * time.Hour}) {
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	at := day(8).Add(30 * time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Millisecond)
		tr.View(at)
	}
	b.ReportMetric(float64(len(tr.View(at).Trains)), "trains")
	b.ReportMetric(float64(len(tr.View(at).Boards)), "platforms")
}

func BenchmarkApplyArrival(b *testing.B) {
	events := simulated(b, ctaproducer.SimulationConfig{Seed: 1, Start: day(6), For: 2 * time.Hour})
	b.ReportAllocs()
	for b.Loop() {
		tr := NewTracker(cta.Chicago())
		for _, e := range events {
			tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

// BenchmarkPredictions is a whole weekday with faults, from the first trains to
// the last. It prints how good the predictions were.
func BenchmarkPredictions(b *testing.B) {
	for b.Loop() {
		for i, s := range scoresOf(b, 1, day(4), 20*time.Hour) {
			b.Log(told(s))
			b.ReportMetric(s.All.Error.Seconds(), fmt.Sprintf("s-error-%d", i))
			b.ReportMetric(s.All.PlainError.Seconds(), fmt.Sprintf("s-plain-%d", i))
			b.ReportMetric(100*s.All.InBand, fmt.Sprintf("%%-in-band-%d", i))
		}
	}
}
