package gtfs_test

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

// Read reads a feed from any file system; Load reads a zip or a folder by its name. The
// report summarizes what was loaded and what was left out.
func ExampleRead() {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	feed := fstest.MapFS{
		"agency.txt": file("agency_name,agency_url,agency_timezone\nValley Trams,https://example.org,America/Denver\n"),
		"stops.txt": file("stop_id,stop_name,stop_lat,stop_lon\n" +
			"mill,Mill,39.70,-105.20\npark,Park,39.71,-105.19\nmine,Mine,39.73,-105.17\n"),
		"routes.txt":   file("route_id,route_long_name,route_type\nV,Valley,0\n"),
		"calendar.txt": file("service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwd,1,1,1,1,1,0,0,20260101,20261231\n"),
		"trips.txt":    file("route_id,service_id,trip_id,direction_id\nV,wd,out,0\nV,wd,short,0\n"),
		"stop_times.txt": file("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" +
			"out,07:00:00,07:00:00,mill,1\nout,07:04:00,07:04:00,park,2\nout,07:10:00,07:10:00,mine,3\n" +
			"short,25:30:00,25:30:00,mill,1\nshort,25:34:00,25:34:00,park,2\n"), // half past one at night
	}
	net, report, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		fmt.Println(err) // every fault, with file, line and column
		return
	}
	fmt.Printf("%s: %d line, %d stations, %d trips in %d patterns\n",
		net.Name, report.Lines, report.Stations, report.Trips, report.Patterns)
	for _, p := range net.Lines[0].Patterns {
		var names []string
		for _, c := range p.Calls {
			names = append(names, c.Station.Name)
		}
		fmt.Println(strings.Join(names, ", "))
	}
	// Output:
	// Valley Trams: 1 line, 3 stations, 2 trips in 2 patterns
	// Mill, Park, Mine
	// Mill, Park
}
