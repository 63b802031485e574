package cta

import "fmt"

// Prediction holds the times at which an agency expects a train. The latest one of a
// train replaces all before it.
type Prediction struct {
	// TrainID is the train's id in its arrivals. It is the key on the wire.
	TrainID string `json:"train_id"`
	// Made is the time of the agency's answer, in milliseconds since 1970-01-01 UTC.
	Made int64  `avro:"made" json:"made"`
	Line string `avro:"line" json:"line"` // a Line.ID
	// Stops are the next ones of the run, in order; empty: the agency predicts none.
	Stops []PredictedStop `avro:"stops" json:"stops"`
}

// PredictedStop is an expected arrival.
type PredictedStop struct {
	StationID int       `avro:"station_id" json:"station_id"`
	Direction Direction `avro:"direction" json:"direction"`
	At        int64     `avro:"at" json:"at"` // milliseconds since 1970-01-01 UTC
}

// PredictionKey is the Avro key of a prediction.
type PredictionKey struct {
	TrainID string `avro:"train_id" json:"train_id"`
}

// MaxPredictedStops bounds the stops of a [Prediction].
const MaxPredictedStops = 100

// Check returns an error when p is not a plausible prediction: no train id, an impossible
// time, more than a day ahead, or stops that are not in order.
func (p Prediction) Check() error {
	const longest = 200 // bytes of an id
	switch {
	case p.TrainID == "" || len(p.TrainID) > longest:
		return fmt.Errorf("train_id has %d bytes, want 1 to %d", len(p.TrainID), longest)
	case len(p.Stops) > MaxPredictedStops:
		return fmt.Errorf("found %d stops, want up to %d", len(p.Stops), MaxPredictedStops)
	case !imaginable(p.Made):
		return fmt.Errorf("made is %d, want milliseconds from 1970 to 9999", p.Made)
	}
	const day = 24 * 60 * 60 * 1000
	for i, s := range p.Stops {
		switch {
		case s.At < p.Made-day || s.At > p.Made+day:
			return fmt.Errorf("stop %d is expected at %d, want milliseconds within a day of %d, when it was predicted", i+1, s.At, p.Made)
		case i > 0 && s.At < p.Stops[i-1].At:
			return fmt.Errorf("stop %d is expected before the one ahead of it", i+1)
		}
	}
	return nil
}
