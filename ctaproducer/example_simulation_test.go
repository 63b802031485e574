package ctaproducer_test

import (
	"fmt"
	"log"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// The first arrivals at Clark/Lake on a simulated morning, and how many riders
// enter there in its first hour.
func ExampleSimulation_Events() {
	net := cta.Chicago()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 1, For: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	lake := net.Station(40380)
	trains, riders := 0, 0
	for ev := range sim.Events() {
		switch {
		case ev.Kind == ctaproducer.EventEntry && ev.Entry.StationID == lake.ID:
			riders++
		case ev.Kind != ctaproducer.EventArrival || ev.Arrival.StationID != lake.ID:
		case ev.At.Before(sim.Begin()): // a train that was there already
		default:
			if trains++; trains <= 4 {
				line := net.Line(ev.Arrival.Line)
				fmt.Printf("%s %s %s towards %s\n", ev.At.Format("15:04:05"), ev.Arrival.TrainID, line.Name, line.Towards(ev.Arrival.Direction))
			}
		}
	}
	fmt.Println(trains, "trains,", riders, "riders")

	// Output:
	// 07:30:14 PU009 Purple Line towards Loop
	// 07:30:25 BL031 Blue Line towards Forest Park
	// 07:30:31 BL007 Blue Line towards O'Hare
	// 07:30:56 BR012 Brown Line towards Loop
	// 87 trains, 2255 riders
}
