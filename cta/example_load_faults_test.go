package cta_test

import (
	"errors"
	"fmt"
	"testing/fstest"

	"github.com/seed-921eec07/ctalive/cta"
)

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
