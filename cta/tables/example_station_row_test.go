package tables_test

import (
	"fmt"
	"log"

	"github.com/seed-921eec07/ctalive/cta/tables"
)

// A row of the stations table has the format of Kafka Connect.
func ExampleParseStationRow() {
	row, err := tables.ParseStationRow([]byte(`{"stop_id":1,"direction_id":"N","stop_name":"Hilltop","station_name":"Hilltop",` +
		`"station_descriptive_name":"Hilltop (T2)","station_id":7,"order":0,"T1":false,"T2":true}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, flag := range row.Lines {
		if flag.Set {
			fmt.Println(row.StationName, "is on", flag.Line)
		}
	}
	_, err = tables.ParseStationRow([]byte(`{"stop_id":"one","station_name":"Hilltop","station_id":7}`))
	fmt.Println(err)
	// Output:
	// Hilltop is on T2
	// station row: member "stop_id" is "\"one\"", want an integer from 1 to 2147483647; member "order" is missing
}
