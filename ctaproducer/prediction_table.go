package ctaproducer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// PredictionTable writes agencies' predictions to the topic [cta.Topics.Predictions]. It
// is safe for concurrent use.
type PredictionTable struct {
	*table[cta.PredictionKey, cta.Prediction]
}

// Predictions are repeated every few minutes while they hold, so the topic needs no
// history.
const predictionsKept, predictionsSegment = time.Hour, 10 * time.Minute

// NewPredictionTable returns a table that writes through client. Nothing is contacted
// before its first use. Close the table before the client.
func NewPredictionTable(client *kafka.Client, reg *wire.Registry, topics cta.Topics) (*PredictionTable, error) {
	spec := kafka.EventTopic(topics.Predictions(), 1)
	spec.Settings["retention.ms"] = strconv.FormatInt(predictionsKept.Milliseconds(), 10)
	spec.Settings["segment.ms"] = strconv.FormatInt(predictionsSegment.Milliseconds(), 10)
	t, err := newTable[cta.PredictionKey, cta.Prediction]("predictions", client, reg, spec, schemas.PredictionKey, schemas.PredictionValue)
	if err != nil {
		return nil, err
	}
	return &PredictionTable{t}, nil
}

// Prepare creates the topic if it is missing.
func (t *PredictionTable) Prepare(ctx context.Context) error { return t.prepare(ctx) }

// Predict accepts a train's predictions for delivery, in place of earlier ones. Close
// returns the failures of delivery.
func (t *PredictionTable) Predict(ctx context.Context, p cta.Prediction) error {
	err := p.Check()
	if err == nil {
		err = t.put(ctx, cta.PredictionKey{TrainID: p.TrainID}, &p)
	}
	if err != nil {
		return fmt.Errorf("ctaproducer: prediction of train %.80q: %w", p.TrainID, err)
	}
	return nil
}
