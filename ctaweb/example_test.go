package ctaweb_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// A train comes to Clark/Lake, where 42 riders have entered; half a minute later
// it is on its way to Washington.
func ExampleModel_Status() {
	m := ctaweb.NewModel(cta.Chicago())
	at := time.Date(2026, 10, 7, 8, 0, 0, 0, m.Network().Location)
	sent := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // by another clock
	m.ApplyArrival(cta.KeyAt(at), cta.Arrival{
		StationID: 40380, TrainID: "B101", Direction: cta.DirectionA,
		Line: "blue", TrainStatus: cta.InService,
	}, sent)
	m.ApplyCount(tables.TurnstileCount{StationID: 40380, Count: 42}, sent)

	for _, later := range []time.Duration{10 * time.Second, time.Minute} {
		st := m.Status(sent.Add(later))
		train := st.Lines[1].Trains[0]
		fmt.Println(st.AsOf.Format("15:04:05"), "towards", train.Towards, train.State, train.Station, "then", train.Next[0].Station)
	}
	// Output:
	// 08:00:10 towards Forest Park stopped 40380 then 40370
	// 08:01:00 towards Forest Park running 40380 then 40370
}

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
	m.ApplyArrival(cta.KeyAt(at), cta.Arrival{
		StationID: 41680, TrainID: "Y7", Direction: cta.DirectionA, Line: "yellow", TrainStatus: cta.InService,
	}, sent)
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

// The page inside somebody else's site.
func Example_mounted() {
	m := ctaweb.NewModel(cta.Chicago()) // to be fed by ctaweb.Consume
	trains := ctaweb.Default(m)
	defer trains.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "our own front page")
	})
	mux.Handle("/trains/", http.StripPrefix("/trains", trains))

	srv := httptest.NewServer(mux)
	defer srv.Close()
	for _, path := range []string{"/", "/trains/healthz", "/trains/readyz"} {
		r, err := http.Get(srv.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.StatusCode, string(body))
	}
	// Output:
	// 200 our own front page
	// 200 {"status":"alive"}
	//
	// 503 {"ready":false,"reason":"starting","age_seconds":0,"stale":true}
}
