package cta

import "testing"

func TestPredictionCheck(t *testing.T) {
	good := Prediction{TrainID: "t", Stops: []PredictedStop{{At: 1}, {At: 1}, {At: 2}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]Prediction{
		"no train":       {},
		"a long id":      {TrainID: string(make([]byte, 201))},
		"too many stops": {TrainID: "t", Stops: make([]PredictedStop, MaxPredictedStops+1)},
		"back in time":   {TrainID: "t", Stops: []PredictedStop{{At: 2}, {At: 1}}},
	} {
		if p.Check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
