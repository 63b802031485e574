package cta_test

import (
	"fmt"
	"log"
	"os"

	"github.com/seed-921eec07/ctalive/cta"
)

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
