package traintrackertest_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
)

// A fake Train Tracker has the trains of a simulation. Then it refuses calls, as the CTA's
// does for an invalid key.
func ExampleNew() {
	net := cta.Chicago()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 1, For: 30 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	arrivals := func(yield func(time.Time, cta.Arrival) bool) {
		for e := range sim.Events() {
			if e.Kind == ctaproducer.EventArrival && !yield(e.At, e.Arrival) {
				return
			}
		}
	}
	tracker := traintrackertest.New(net, arrivals, func() time.Time { return sim.Begin().Add(20 * time.Minute) })
	server := httptest.NewServer(tracker)
	defer server.Close()

	ask := func() (answer struct {
		Body struct {
			ErrCd string `json:"errCd"`
			Route any    `json:"route"`
		} `json:"ctatt"`
	}) {
		res, err := http.Get(server.URL + "/api/1.0/ttpositions.aspx?rt=red,blue&outputType=JSON&key=" + traintrackertest.Key)
		if err != nil {
			log.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
			log.Fatal(err)
		}
		return answer
	}
	a := ask()
	fmt.Println("error", a.Body.ErrCd, "lines:", len(a.Body.Route.([]any)))
	tracker.Refuse(101)
	fmt.Println("error", ask().Body.ErrCd)

	// Output:
	// error 0 lines: 2
	// error 101
}
