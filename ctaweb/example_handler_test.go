package ctaweb_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// The status as JSON, of a network cut down to one line.
func ExampleHandler() {
	yellow, err := cta.Chicago().Only("yellow")
	if err != nil {
		log.Fatal(err)
	}
	m := ctaweb.NewModel(yellow)
	sent := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	at := time.Date(2026, 10, 7, 8, 0, 0, 0, yellow.Location)
	m.ApplyWeather(cta.KeyAt(at), cta.Weather{Temperature: 61.5, Status: cta.WeatherWindy}, sent)
	if err := m.ApplyArrival(cta.KeyAt(at), cta.Arrival{
		StationID: 41680, TrainID: "Y7", Direction: cta.DirectionA, Line: "yellow", TrainStatus: cta.TrainInService,
	}, sent); err != nil {
		fmt.Println(err)
	}
	m.ApplyCount(tables.TurnstileCount{StationID: 41680, Count: 980}, sent)

	h, err := ctaweb.NewHandler(m, ctaweb.HandlerConfig{Now: func() time.Time { return sent.Add(5 * time.Second) }})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/status", nil))

	var status struct {
		AsOf    string `json:"as_of"`
		Weather struct {
			Temperature float32
			Status      string
		}
		Lines []struct {
			Name     string
			Stations []struct {
				Name    string
				Entries int
				Trains  json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		log.Fatal(err)
	}
	fmt.Println(status.AsOf, status.Weather.Temperature, status.Weather.Status)
	for _, s := range status.Lines[0].Stations {
		fmt.Println(s.Name, s.Entries, string(s.Trains))
	}
	// Output:
	// 2026-10-07T08:00:05-05:00 61.5 windy
	// Dempster-Skokie 0 []
	// Oakton-Skokie 980 ["Y7"]
	// Howard 0 []
}
