package cta

import (
	"math"
	"testing"
)

func TestPredictionCheck(t *testing.T) {
	good := Prediction{TrainID: "t", Stops: []PredictedStop{{At: 1}, {At: 1}, {At: 2}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]Prediction{
		"no train":            {},
		"a long id":           {TrainID: string(make([]byte, 201))},
		"too many stops":      {TrainID: "t", Stops: make([]PredictedStop, MaxPredictedStops+1)},
		"made before 1970":    {TrainID: "t", Made: -1},
		"made in nanoseconds": {TrainID: "t", Made: 1_800_000_000_000_000_000},
		"two days ahead":      {TrainID: "t", Made: 1, Stops: []PredictedStop{{At: 2 * 86_400_000}}},
		"at the end of time":  {TrainID: "t", Made: 1, Stops: []PredictedStop{{At: math.MaxInt64}}},
		"back in time":        {TrainID: "t", Stops: []PredictedStop{{At: 2}, {At: 1}}},
	} {
		if p.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
