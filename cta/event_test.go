package cta

import (
	"math"
	"strings"
	"testing"
)

func TestCheckWeather(t *testing.T) {
	for temperature, ok := range map[float32]bool{
		-128.6: true, 0: true, 61.5: true, 134: true,
		185: false, 255: false, 32767: false, 65535: false, -999: false, -5572.77: false,
		float32(math.NaN()): false, float32(math.Inf(1)): false, float32(math.Inf(-1)): false,
	} {
		err := Weather{Temperature: temperature, Status: WeatherSunny}.Check()
		if (err == nil) != ok || err != nil && !strings.HasPrefix(err.Error(), "temperature is ") {
			t.Errorf("%v °F: %v, want accepted: %v", temperature, err, ok)
		}
	}
}

func TestCheckArrival(t *testing.T) {
	good := Arrival{TrainID: "BL001", Line: "blue", Direction: DirectionA}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for field, spoil := range map[string]func(*Arrival){
		"train_id":  func(a *Arrival) { a.TrainID = "" },
		"train_id ": func(a *Arrival) { a.TrainID = strings.Repeat("Z", 201) },
		"line":      func(a *Arrival) { a.Line = strings.Repeat("z", 201) },
		"direction": func(a *Arrival) { a.Direction = "sideways" },
	} {
		a := good
		spoil(&a)
		if err := a.Check(); err == nil || !strings.HasPrefix(err.Error(), strings.TrimSpace(field)+" ") {
			t.Errorf("a bad %s: %v", field, err)
		}
	}
}
