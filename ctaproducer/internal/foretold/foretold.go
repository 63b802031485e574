// Package foretold passes an agency's predictions of trains on, and decides which, so that
// their number is bounded.
package foretold

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
)

// The rules, which package documentation of the sources repeats.
const (
	// Ahead bounds what is passed on of a run.
	Ahead = 30 * time.Minute
	// moved is how far a time must have moved to be passed on.
	moved = 5 * time.Second
	// restated is how often unchanged predictions are repeated. Readers drop older ones.
	restated = 2 * time.Minute
)

// Pass passes predictions on to a source's sink, if that takes any, and counts them.
func Pass(ctx context.Context, sink any, of []cta.Prediction, passed prometheus.Counter) error {
	to, ok := sink.(interface { // the sources' PredictionSink
		Predict(ctx context.Context, p cta.Prediction) error
	})
	if !ok {
		return nil
	}
	for _, p := range of {
		if err := to.Predict(ctx, p); err != nil {
			return err
		}
		passed.Inc()
	}
	return nil
}

// Train is what was passed on of a train. The zero value is a train of which nothing was.
type Train struct {
	made  time.Time
	stops []cta.PredictedStop
}

// Stop adds an expected arrival to those of an answer made at a time, unless it is past,
// far ahead, or one too many. Times within a run don't go back.
func Stop(stops []cta.PredictedStop, made time.Time, station int, d cta.Direction, at time.Time) []cta.PredictedStop {
	if !at.After(made) || at.Sub(made) > Ahead || len(stops) == cta.MaxPredictedStops {
		return stops
	}
	s := cta.PredictedStop{StationID: station, Direction: d, At: at.UnixMilli()}
	if n := len(stops); n > 0 {
		s.At = max(s.At, stops[n-1].At)
	}
	return append(stops, s)
}

// News takes the stops of an answer, and reports whether they have to be passed on.
func (t *Train) News(made time.Time, stops []cta.PredictedStop) bool {
	if same(t.stops, stops, made) && (made.Sub(t.made) < restated || len(stops) == 0) {
		return false
	}
	t.made, t.stops = made, stops
	return true
}

// same reports whether stops are those of before without the ones that are past.
func same(before, stops []cta.PredictedStop, made time.Time) bool {
	for len(before) > len(stops) && before[0].At <= made.UnixMilli() {
		before = before[1:]
	}
	if len(before) != len(stops) {
		return false
	}
	for i, s := range stops {
		b := before[i]
		off := time.Duration(s.At-b.At) * time.Millisecond
		if s.StationID != b.StationID || s.Direction != b.Direction || off.Abs() >= moved {
			return false
		}
	}
	return true
}
