package realtime_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
)

// The timetable of an agency with one trip.
var feed = fstest.MapFS{
	"agency.txt":     file("agency_name,agency_url,agency_timezone\nValley Trams,https://example.org,America/Denver\n"),
	"stops.txt":      file("stop_id,stop_name,stop_lat,stop_lon\nmill,Mill,39.70,-105.20\npark,Park,39.71,-105.19\nmine,Mine,39.73,-105.17\n"),
	"routes.txt":     file("route_id,route_long_name,route_type\nV,Valley,0\n"),
	"calendar.txt":   file("service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwd,1,1,1,1,1,0,0,20260101,20261231\n"),
	"trips.txt":      file("route_id,service_id,trip_id,direction_id\nV,wd,out,0\n"),
	"stop_times.txt": file("trip_id,arrival_time,departure_time,stop_id,stop_sequence\nout,07:00:00,07:00:00,mill,1\nout,07:04:00,07:04:00,park,2\nout,07:10:00,07:10:00,mine,3\n"),
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// printer is a sink that prints. The usual one is ctaproducer's Emitter, which sends to
// Kafka.
type printer struct{ net *cta.Network }

func (p printer) Arrive(_ context.Context, at time.Time, a cta.Arrival) error {
	fmt.Println(at.In(p.net.Location).Format("15:04:05"), a.TrainID, "at", p.net.Station(a.StationID).Name)
	return nil
}

// Three answers of an agency show a tram at three stops. They are played from a recording
// here; with Config.Vehicles or Config.Trips, a source calls the agency's server.
func ExampleSource() {
	net, _, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "recording")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	recorder, err := recording.New(dir)
	if err != nil {
		log.Fatal(err)
	}
	for i, stop := range []string{"mill", "park", "mine"} {
		came := time.Date(2026, 10, 7, 7, 0, 20, 0, net.Location).Add(time.Duration(i) * time.Minute)
		answer := fmt.Sprintf(`{"header": {"gtfs_realtime_version": "2.0", "timestamp": %d}, "entity": [{"id": "1", "vehicle": {
			"trip": {"trip_id": "out", "start_date": "20261007"}, "vehicle": {"id": "tram 5"},
			"stop_id": %q, "current_status": "STOPPED_AT", "timestamp": %d}}]}`, came.Unix(), stop, came.Unix())
		if err := recorder.Add(recording.Answer{Feed: "vehicles", Came: came, Body: []byte(answer)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := recorder.Close(); err != nil {
		log.Fatal(err)
	}

	source, err := realtime.New(net, realtime.Config{Replay: dir, Speed: math.Inf(1)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ended:", source.Run(context.Background(), printer{net}))
	// Output:
	// 07:00:20 out at Mill
	// 07:01:20 out at Park
	// 07:02:20 out at Mine
	// ended: <nil>
}
