package ctaproducer

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Predictions are in their topic as they were given, in order, once the table is closed.
func TestPredictionTable(t *testing.T) {
	sys := ctatest.Start(t)
	table, err := NewPredictionTable(sys.Kafka, sys.Registry, sys.Topics)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []cta.Prediction{
		{TrainID: "blue-1", Made: 1, Line: "blue", Stops: []cta.PredictedStop{{StationID: 40380, Direction: cta.DirectionB, At: 5}, {StationID: 40890, Direction: cta.DirectionA, At: 7}}},
		{TrainID: "blue-2", Made: 2, Line: "blue"},
	}
	for _, p := range want {
		if err := table.Predict(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Predict(t.Context(), cta.Prediction{TrainID: "x", Stops: make([]cta.PredictedStop, 1000)}); err == nil || !strings.Contains(err.Error(), `train "x": found 1000 stops`) {
		t.Errorf("%v, want it to name the train and the fault", err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	var got []cta.Prediction
	err = sys.Kafka.Read(t.Context(), kafka.ReadConfig{Match: kafka.Names(sys.Topics.Predictions()), StopAtEnd: true}, func(ctx context.Context, r kafka.Record) error {
		k, p, err := table.codec.Decode(ctx, r)
		p.TrainID = k.TrainID
		if len(p.Stops) == 0 {
			p.Stops = nil
		}
		got = append(got, p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := NewPredictionTable(nil, sys.Registry, sys.Topics); err == nil {
		t.Error("a table without a client")
	}
}
