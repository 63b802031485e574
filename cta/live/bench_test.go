package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// BenchmarkView derives a full view of the 'L' at 8:30, after two hours of events.
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

// BenchmarkGhosts runs whole days in which trains vanish: see troubled.
//
//	go test -run '^$' -bench Ghosts -benchtime 1x ./cta/live
func BenchmarkGhosts(b *testing.B) {
	for seed := uint64(1); seed <= 3; seed++ {
		b.Run(fmt.Sprint("seed ", seed), func(b *testing.B) {
			for b.Loop() {
				ghosts(b, seed, day(4), 22*time.Hour, nil)
			}
		})
	}
}

// BenchmarkPredictions runs whole weekdays with faults, each with another seed. It
// prints the errors of the predictions, next to those of distance over mean speed for
// the same trains. Simulated trains are held at stations by a rule that the predictions
// share (0.7 of the headway). Real trains are less regular.
//
//	go test -run '^$' -bench Predictions -benchtime 1x ./cta/live
func BenchmarkPredictions(b *testing.B) {
	for seed := uint64(1); seed <= 5; seed++ {
		b.Run(fmt.Sprint("seed ", seed), func(b *testing.B) {
			for b.Loop() {
				for i, s := range scoresOf(b, seed, day(4), 20*time.Hour) {
					b.Log(told(s))
					b.ReportMetric(s.All.Error.Seconds(), fmt.Sprintf("s-error-%d", i))
					b.ReportMetric(s.All.PlainError.Seconds(), fmt.Sprintf("s-plain-%d", i))
					b.ReportMetric(100*s.All.InBand, fmt.Sprintf("%%-in-band-%d", i))
					if s.All.Error >= s.All.PlainError || s.All.InBand < 0.9 {
						b.Errorf("worse than distance over mean speed, or than 90 %% in the band: %s", told(s))
					}
				}
			}
		})
	}
}
