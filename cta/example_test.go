package cta_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// The network of Chicago is embedded in the package.
func ExampleChicago() {
	net := cta.Chicago()
	lake := net.Station(40380)
	fmt.Println(lake.Name, lake.Lines)

	blue := net.Line("blue")
	fmt.Println("towards", blue.Towards(cta.DirectionA))
	for _, hop := range blue.Next(lake.ID, cta.DirectionA) {
		fmt.Println("next is", hop.Station.Name)
	}
	// Output:
	// Clark/Lake [blue brown green orange purple pink]
	// towards Forest Park
	// next is Washington
}

// Another agency's network is loaded from a directory of CSV files.
func ExampleLoad() {
	net, err := cta.Load(os.DirFS("testdata/smalltown"))
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range net.Lines {
		fmt.Printf("%s: %s - %s\n", line.Name, line.Stations[0].Name, line.Towards(cta.DirectionA))
	}
	// Output:
	// Lake Tram: Station - Lake, West Bank or Grünau
	// Hill Tram: Hilltop - Town Hall
}

// The error of Load lists every fault with its place and remedy.
func ExampleLoad_faults() {
	_, err := cta.Load(fstest.MapFS{
		"network.csv": {Data: []byte("name,timezone\nNowhere,Europe/Nowhere\n")},
		"hourly.csv":  {Data: []byte("hour,share\n0,all\n")},
	})
	var first *cta.DataError
	if errors.As(err, &first) {
		fmt.Println(first)
		fmt.Println(first.File, first.Line, first.Column)
	}
	// Output:
	// network.csv:2:9: timezone is "Europe/Nowhere", want a name of the IANA time zone database, as America/Chicago
	// network.csv 2 timezone
}

// Topics are per station, or shared by all stations.
func ExampleTopics() {
	lake := cta.Chicago().Station(40380)
	fmt.Println(cta.Topics{}.Arrivals(lake))
	fmt.Println(cta.Topics{Layout: cta.LayoutShared}.Arrivals(lake))
	fmt.Println(cta.Topics{Prefix: "tram."}.Weather())
	// Output:
	// org.chicago.cta.station.arrivals.40380-clark-lake
	// org.chicago.cta.station.arrivals
	// tram.weather
}

// A train runs round the Loop and leaves it the way it came.
func ExamplePattern() {
	calls := cta.Chicago().Line("orange").Patterns[0].Calls
	for _, call := range calls[len(calls)/2-3 : len(calls)/2+5] {
		fmt.Println(call.Direction, call.Station.Name)
	}
	// Output:
	// a LaSalle/Van Buren
	// a Quincy/Wells
	// a Washington/Wells
	// a Clark/Lake
	// a State/Lake
	// a Washington/Wabash
	// a Adams/Wabash
	// b Roosevelt
}

// Outside the rush hours, purple trains turn back at Howard.
func ExamplePattern_HeadwayAt() {
	net := cta.Chicago()
	for _, hour := range []int{7, 11, 2} {
		at := time.Date(2026, time.October, 7, hour, 30, 0, 0, net.Location)
		for _, pattern := range net.Line("purple").Patterns {
			if every := pattern.HeadwayAt(at); every > 0 {
				fmt.Println(at.Format("15:04"), "from", pattern.Calls[0].Station.Name, "towards", pattern.Towards(0), "every", every)
			}
		}
	}
	// Output:
	// 07:30 from Linden towards Loop every 7m0s
	// 11:30 from Linden towards Howard every 12m0s
	// 11:30 from Howard towards Linden every 12m0s
}
