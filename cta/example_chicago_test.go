package cta_test

import (
	"fmt"

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
