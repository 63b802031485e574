package live

import (
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
