package cta_test

import (
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
)

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
