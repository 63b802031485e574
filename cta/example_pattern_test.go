package cta_test

import (
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
)

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
