package ctaproducer

import (
	"fmt"
	"time"
)

// SimulationSummary counts the events of a run of a [Simulation].
type SimulationSummary struct {
	Arrivals int64 // of trains, and changes of their status
	Entries  int64
	Readings int64 // of the weather

	From, To time.Time     // simulated
	Wall     time.Duration // that it took

	// Digest is a hash of the events, in hex: the same for the same settings, whatever
	// the speed and the sink. Empty during the run.
	Digest string
}

// SimulationProgress is the progress of a run.
type SimulationProgress struct {
	SimulationSummary         // so far; To is the simulated time
	Done              float64 // part of For, 0 to 1; 0 when the run has no end
}

// Total is the number of all events.
func (s SimulationSummary) Total() int64 { return s.Arrivals + s.Entries + s.Readings }

// Rate is events a second of wall time.
func (s SimulationSummary) Rate() float64 {
	if s.Wall <= 0 {
		return 0
	}
	return float64(s.Total()) / s.Wall.Seconds()
}

// String is the summary as lines for people, the last one "digest: <hex>".
func (s SimulationSummary) String() string {
	return fmt.Sprintf(`simulated: %s to %s (%s)
events: %d (arrivals %d, entries %d, weather %d)
wall time: %.2f s (%.0f events/s)
digest: %s`,
		s.From.Format("Mon 2006-01-02 15:04:05 MST"), s.To.Format("Mon 2006-01-02 15:04:05 MST"), s.To.Sub(s.From).Round(time.Second),
		s.Total(), s.Arrivals, s.Entries, s.Readings,
		s.Wall.Seconds(), s.Rate(), s.Digest)
}

func (s *SimulationSummary) count(ev *Event) {
	switch ev.Kind {
	case EventArrival:
		s.Arrivals++
	case EventEntry:
		s.Entries++
	case EventWeather:
		s.Readings++
	}
	if ev.At.After(s.To) {
		s.To = ev.At
	}
}
