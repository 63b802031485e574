package ctaweb

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/race"
	"github.com/seed-921eec07/ctalive/testdata/realtimerules"
)

// simulated is a page of a simulation whose events come in real time.
type simulated struct {
	h    *Handler
	m    *Model
	now  time.Time
	next func() (ctaproducer.Event, bool)
	wait *ctaproducer.Event
}

// simulate begins a page an hour after its simulation.
func simulate(t *testing.T, net *cta.Network, cfg ctaproducer.SimulationConfig) *simulated {
	t.Helper()
	sim, err := ctaproducer.NewSimulation(net, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &simulated{m: NewModel(net), now: cfg.Start}
	next, stop := pull(sim)
	t.Cleanup(stop)
	s.next = next
	s.h = newHandler(t, s.m, HandlerConfig{Now: func() time.Time { return s.now }})
	s.m.SetReady()
	s.advance(time.Hour)
	return s
}

// only is Chicago's network with some of its lines.
func only(t testing.TB, lines ...string) *cta.Network {
	t.Helper()
	net, err := cta.Chicago().Only(lines...)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func pull(sim *ctaproducer.Simulation) (func() (ctaproducer.Event, bool), func()) {
	ch, done := make(chan ctaproducer.Event), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(ch)
		for ev := range sim.Events() {
			if ev.Kind != ctaproducer.EventArrival {
				continue
			}
			select {
			case ch <- ev:
			case <-done:
				return
			}
		}
	}()
	return func() (ctaproducer.Event, bool) { ev, ok := <-ch; return ev, ok }, func() { close(done); <-ended }
}

// advance lets time pass.
func (s *simulated) advance(d time.Duration) {
	s.now = s.now.Add(d)
	for {
		if s.wait == nil {
			ev, ok := s.next()
			if !ok {
				return
			}
			s.wait = &ev
		}
		if s.wait.At.After(s.now) {
			return
		}
		s.m.ApplyArrival(cta.KeyAt(s.wait.At), s.wait.Arrival, s.wait.At)
		s.wait = nil
	}
}

// feed fetches a feed.
func feed(t testing.TB, h http.Handler, name string) *pb.FeedMessage {
	t.Helper()
	res := get(t, h, "GET", "/gtfs-rt/"+name, "Accept", "text/html, application/json")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/x-protobuf" {
		t.Fatalf("%s: HTTP %d, %s", name, res.StatusCode, res.Header.Get("Content-Type"))
	}
	m := &pb.FeedMessage{}
	if err := proto.Unmarshal([]byte(text(t, res)), m); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

func feedsOf(t testing.TB, h http.Handler) realtimerules.Feeds {
	t.Helper()
	return realtimerules.Feeds{VehiclePositions: feed(t, h, "vehicle-positions"), TripUpdates: feed(t, h, "trip-updates"), Alerts: feed(t, h, "alerts")}
}

// companion is the static feed that is written of a network, as the rules look at it.
func companion(t testing.TB, net *cta.Network) *realtimerules.Static {
	t.Helper()
	var buf bytes.Buffer
	if err := gtfs.Write(&buf, net); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return staticOf(t, z)
}

func staticOf(t testing.TB, fsys fs.FS) *realtimerules.Static {
	t.Helper()
	s, err := realtimerules.ReadStatic(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// coast is a small agency with what is awkward: trips past midnight, numbers of calls that
// begin at 0 and have holes, a way that bends, two stops of one station in a row, a way there and back, a
// ring, and headways, exact and not.
func coast() fstest.MapFS {
	var trips, calls strings.Builder
	trips.WriteString("route_id,service_id,trip_id,direction_id,shape_id\n")
	calls.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n")
	clock := func(m int) string { return fmt.Sprintf("%02d:%02d:00", m/60, m%60) }
	run := func(route, id, direction string, begin int, stops ...string) {
		shape := ""
		if route == "north" {
			shape = "shore" + direction
		}
		fmt.Fprintf(&trips, "%s,all,%s,%s,%s\n", route, id, direction, shape)
		for i, s := range stops {
			fmt.Fprintf(&calls, "%s,%s,%s,%s,%d\n", id, clock(begin+3*i), clock(begin+3*i), s, 5*i)
		}
	}
	for m := 5 * 60; m < 26*60; m += 12 {
		run("north", fmt.Sprintf("n%d", m), "1", m, "a1", "b", "c", "d")
		run("north", fmt.Sprintf("s%d", m), "0", m+5, "d", "c", "b", "a2")
		if m%24 == 0 {
			run("north", fmt.Sprintf("x%d", m), "1", m+6, "a1", "c", "d") // an express, on the same line
		}
		run("hook", fmt.Sprintf("h%d", m), "0", m, "a2", "a1", "e", "f", "e", "a2")
	}
	run("ring", "r", "0", 0, "a1", "g", "h", "a1")
	run("loose", "l", "1", 0, "f", "g", "h")
	return fstest.MapFS{
		"agency.txt": {Data: []byte("agency_id,agency_name,agency_url,agency_timezone\nC,Coast,https://example.org,Europe/Lisbon\n")},
		"routes.txt": {Data: []byte("route_id,route_short_name,route_type\nnorth,N,2\nhook,H,3\nring,R,3\nloose,L,3\n")},
		"stops.txt": {Data: []byte("stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n" +
			"A,Harbour,38.70,-9.15,1,\na1,Harbour,38.70,-9.15,0,A\na2,Harbour,38.701,-9.15,0,A\nb,Beach,38.71,-9.16,0,\nc,Cliff,38.72,-9.17,0,\n" +
			"d,Dune,38.73,-9.18,0,\ne,East,38.70,-9.13,0,\nf,Fort,38.70,-9.11,0,\ng,Gate,38.71,-9.14,0,\nh,Hill,38.715,-9.145,0,\n")},
		"calendar.txt": {Data: []byte("service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n" +
			"all,1,1,1,1,1,1,1,20260101,20261231\n")},
		// By a bridge, 600 m west of the straight line.
		"shapes.txt": {Data: []byte("shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n" +
			"shore1,38.73,-9.18,9\nshore1,38.725,-9.182,6\nshore1,38.70,-9.15,0\nshore1,38.72,-9.17,4\n" +
			"shore0,38.73,-9.18,0\nshore0,38.725,-9.182,1\nshore0,38.72,-9.17,2\nshore0,38.70,-9.15,3\n")},
		"trips.txt":      {Data: []byte(trips.String())},
		"stop_times.txt": {Data: []byte(calls.String())},
		"frequencies.txt": {Data: []byte("trip_id,start_time,end_time,headway_secs,exact_times\n" +
			"r,05:00:00,26:00:00,600,1\nl,05:00:00,26:00:00,420,0\n")},
	}
}

// TestRulesAreChecked breaks each rule once.
func TestRulesAreChecked(t *testing.T) {
	net, _, err := gtfs.Read(coast(), gtfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := simulate(t, net, ctaproducer.SimulationConfig{Seed: 3, Start: cta.Date(20261007).Begin(net.Location).Add(7 * time.Hour)})
	static := staticOf(t, coast())
	good := feedsOf(t, s.h)
	s.advance(15 * time.Second)
	type changed struct {
		*realtimerules.Feeds
		v  *pb.VehiclePosition
		u  *pb.TripUpdate // of the same trip, with three stops or more
		at []*pb.TripUpdate_StopTimeUpdate
	}
	const ms = 1000
	of := func(c changed, route string, change func(*pb.TripUpdate)) {
		for _, e := range c.TripUpdates.Entity {
			if e.TripUpdate.Trip.GetRouteId() == route {
				change(e.TripUpdate)
			}
		}
	}
	inform := func(c changed, informed ...*pb.EntitySelector) {
		c.Alerts.Entity = append(c.Alerts.Entity, &pb.FeedEntity{Id: proto.String("new"), Alert: &pb.Alert{InformedEntity: informed}})
	}
	for rule, change := range map[string]func(c changed){
		"E001": func(c changed) { c.v.Timestamp = proto.Uint64(c.v.GetTimestamp() * ms) },
		"E002": func(c changed) { c.at[0], c.at[1] = c.at[1], c.at[0] },
		"E003": func(c changed) { c.u.Trip.TripId = proto.String("none") },
		"E004": func(c changed) { c.u.Trip.RouteId = proto.String("none") },
		"E006": func(c changed) { of(c, "loose", func(u *pb.TripUpdate) { u.Trip.StartTime = nil }) },
		"E009": func(c changed) {
			for _, e := range c.VehiclePositions.Entity {
				if v := e.Vehicle; v.GetTrip().GetRouteId() == "ring" {
					v.StopId, v.CurrentStopSequence = proto.String("a1"), nil
				}
			}
		},
		"E011": func(c changed) { c.at[0].StopId = proto.String("none") },
		"E012": func(c changed) { c.v.Timestamp = proto.Uint64(c.VehiclePositions.Header.GetTimestamp() + 1) },
		"E013": func(c changed) {
			of(c, "loose", func(u *pb.TripUpdate) { u.Trip.ScheduleRelationship = pb.TripDescriptor_SCHEDULED.Enum() })
		},
		"E015": func(c changed) { c.at[0].StopId = proto.String("A") },
		"E016": func(c changed) { c.u.Trip.ScheduleRelationship = pb.TripDescriptor_ADDED.Enum() },
		"E017": func(c changed) { c.VehiclePositions.Header.Timestamp = good.VehiclePositions.Header.Timestamp },
		"E018": func(c changed) { *c.VehiclePositions.Header.Timestamp -= 20 },
		"E019": func(c changed) {
			of(c, "ring", func(u *pb.TripUpdate) { u.Trip.StartTime = proto.String("07:03:00") })
		},
		"E020": func(c changed) { c.u.Trip.StartTime = proto.String("7.30") },
		"E021": func(c changed) { c.u.Trip.StartDate = proto.String("2026-10-07") },
		"E022": func(c changed) { *c.at[2].Arrival.Time = c.at[1].Arrival.GetTime() },
		"E023": func(c changed) { c.u.Trip.StartTime = proto.String("03:00:00") },
		"E024": func(c changed) { c.u.Trip.DirectionId = proto.Uint32(1 - c.u.Trip.GetDirectionId()) },
		"E025": func(c changed) {
			c.at[2].Departure = &pb.TripUpdate_StopTimeEvent{Time: proto.Int64(c.at[2].Arrival.GetTime() - 1)}
		},
		"E026": func(c changed) { c.v.Position.Latitude = proto.Float32(91) },
		"E027": func(c changed) { c.v.Position.Bearing = proto.Float32(361) },
		"E028": func(c changed) { c.v.Position.Latitude = proto.Float32(40) },
		"E029": func(c changed) { *c.v.Position.Latitude += 0.004 },
		"E030": func(c changed) { inform(c, &pb.EntitySelector{Trip: c.u.Trip, RouteId: proto.String("ring")}) },
		"E031": func(c changed) { inform(c, &pb.EntitySelector{Trip: c.u.Trip, RouteId: proto.String("ring")}) },
		"E032": func(c changed) { inform(c) },
		"E033": func(c changed) { inform(c, &pb.EntitySelector{}) },
		"E034": func(c changed) { inform(c, &pb.EntitySelector{AgencyId: proto.String("none")}) },
		"E035": func(c changed) { c.u.Trip.RouteId = proto.String("ring") },
		"E036": func(c changed) { c.at[1].StopSequence = c.at[0].StopSequence },
		"E037": func(c changed) { c.at[1].StopId = c.at[0].StopId },
		"E038": func(c changed) { c.Alerts.Header.GtfsRealtimeVersion = proto.String("3.0") },
		"E039": func(c changed) { c.TripUpdates.Entity[0].IsDeleted = proto.Bool(true) },
		"E040": func(c changed) { c.at[0].StopSequence, c.at[0].StopId = nil, nil },
		"E041": func(c changed) { c.u.StopTimeUpdate = nil },
		"E042": func(c changed) { c.at[1].ScheduleRelationship = pb.TripUpdate_StopTimeUpdate_NO_DATA.Enum() },
		"E043": func(c changed) { c.at[1].Arrival = nil },
		"E044": func(c changed) { c.at[1].Arrival.Time = nil },
		"E045": func(c changed) { c.at[0].StopId = proto.String("g") },
		"E047": func(c changed) { c.v.Vehicle.Id = proto.String("other") },
		"E048": func(c changed) { c.Alerts.Header.Timestamp = nil },
		"E049": func(c changed) { c.Alerts.Header.Incrementality = nil },
		"E050": func(c changed) { *c.Alerts.Header.Timestamp += 90 },
		"E051": func(c changed) { c.at[2].StopSequence = proto.Uint32(99) },
		"E052": func(c changed) {
			all := c.VehiclePositions.Entity
			all[0].Vehicle.Vehicle.Id = proto.String(all[1].Vehicle.Vehicle.GetId())
		},
		"W001": func(c changed) { c.u.Timestamp = nil },
		"W002": func(c changed) { c.u.Vehicle = nil },
		"W003": func(c changed) { c.TripUpdates.Entity = c.TripUpdates.Entity[1:] },
		"W004": func(c changed) { c.v.Position.Speed = proto.Float32(30) },
		"W005": func(c changed) {
			of(c, "loose", func(u *pb.TripUpdate) { u.Vehicle = nil })
		},
		"W006": func(c changed) { c.u.Trip.TripId = nil },
		"W007": func(c changed) { *c.Alerts.Header.Timestamp += 40 },
		"W008": func(c changed) { *c.Alerts.Header.Timestamp -= 70 },
		"W009": func(c changed) { c.at[1].ScheduleRelationship = nil },
	} {
		rules := realtimerules.NewChecker(static)
		if broken := rules.Check(good, s.now.Add(-15*time.Second)); len(broken) > 0 {
			t.Fatal(broken)
		}
		f := feedsOf(t, s.h)
		c := changed{Feeds: &f}
		for _, e := range f.TripUpdates.Entity {
			if u := e.TripUpdate; u.Trip.GetRouteId() == "north" && len(u.StopTimeUpdate) > 2 {
				c.u, c.at = u, u.StopTimeUpdate
			}
		}
		for _, e := range f.VehiclePositions.Entity {
			if e.Vehicle.Trip.GetTripId() == c.u.GetTrip().GetTripId() {
				c.v = e.Vehicle
			}
		}
		if c.v == nil {
			t.Fatal("no trip has three stops to come")
		}
		change(c)
		if broken := rules.Check(f, s.now); !slices.ContainsFunc(broken, func(s string) bool { return strings.HasPrefix(s, rule+":") }) {
			t.Errorf("%s is broken, and the checker says %v", rule, broken)
		}
	}
}

// TestFeedsKeepTheRules reads the feeds of ten minutes every fifteen seconds, and again
// within the same second and in the next; with the race detector those of two minutes,
// without the traffic of a day in Chicago.
func TestFeedsKeepTheRules(t *testing.T) {
	small, _, err := gtfs.Read(coast(), gtfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	chicago := cta.Chicago()
	written := companion(t, chicago)
	at := func(net *cta.Network, day cta.Date, hour, minute int) time.Time {
		return day.Begin(net.Location).Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute - time.Hour)
	}
	type city struct {
		name   string
		net    *cta.Network
		static *realtimerules.Static
		start  time.Time
		trips  int // at least
	}
	cities := []city{
		{"Chicago", chicago, written, at(chicago, 20261007, 8, 0), 80},
		{"Chicago at midnight", chicago, written, at(chicago, 20261007, 23, 55), 15},
		{"a coast", small, staticOf(t, coast()), at(small, 20261007, 8, 0), 4},
		{"a coast, as written", small, companion(t, small), at(small, 20261007, 8, 0), 4},
		{"a coast past midnight", small, staticOf(t, coast()), at(small, 20261007, 24, 30), 2},
		{"a coast on the day of 25 hours", small, staticOf(t, coast()), at(small, 20261025, 12, 0), 4},
	}
	times := 10 * 4 * 3
	if race.Enabled {
		times, cities = 2*4*3, cities[1:]
	}
	if samples := os.Getenv("CTALIVE_GTFS_SAMPLES"); samples != "" {
		for _, c := range []struct {
			name, file string
			hour       int
		}{{"Redding", "oba-maglev/raba.zip", 8}, {"Bull Runner", "validator-bullrunner/bullrunner-gtfs.zip", 10}, {"Caltrain", "gtfs/caltrain.zip", 8}} {
			path := filepath.Join(samples, c.file)
			net, _, err := gtfs.Load(path, gtfs.Options{})
			if err != nil {
				t.Fatal(err)
			}
			z, err := zip.OpenReader(path)
			if err != nil {
				t.Fatal(err)
			}
			cities = append(cities,
				city{c.name, net, staticOf(t, z), at(net, net.Typical, c.hour, 0), 5},
				city{c.name + ", as written", net, companion(t, net), at(net, net.Typical, c.hour, 0), 5})
			z.Close()
		}
	}
	for _, c := range cities {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := simulate(t, c.net, ctaproducer.SimulationConfig{Seed: 3, Start: c.start})
			rules := realtimerules.NewChecker(c.static)
			told := map[string]int{}
			for i := range times {
				f := feedsOf(t, s.h)
				for _, broken := range rules.Check(f, s.now) {
					rule, _, _ := strings.Cut(broken, ":")
					if told[rule]++; told[rule] <= 3 {
						t.Errorf("%s: %s", s.now.Format(time.TimeOnly), broken)
					}
				}
				if n := len(f.TripUpdates.GetEntity()); n < c.trips {
					t.Fatalf("%s: %d trips, want %d or more", s.now.Format(time.TimeOnly), n, c.trips)
				}
				s.advance([]time.Duration{0, 1, 14}[i%3] * time.Second)
			}
			// What runs on the page is in the feeds.
			feeds := feedsOf(t, s.h)
			vehicles := map[string]bool{}
			for _, e := range feeds.VehiclePositions.GetEntity() {
				vehicles[e.GetVehicle().GetVehicle().GetId()] = true
			}
			running := 0
			for _, l := range s.m.Status(s.now).Lines {
				for _, tr := range l.Trains {
					if tr.Status == cta.TrainOutOfService || len(tr.Next) == 0 {
						continue
					}
					running++
					if !vehicles[tr.ID] {
						t.Errorf("train %s is on the page, not in the feed", tr.ID)
					}
				}
			}
			if running < c.trips {
				t.Errorf("%d trains run on the page, want %d or more", running, c.trips)
			}
		})
	}
}

// TestFeedsOverHTTP reads the feeds as trip planners do.
func TestFeedsOverHTTP(t *testing.T) {
	now := time.Date(2026, 10, 7, 8, 0, 10, 0, cta.Chicago().Location)
	m := NewModel(cta.Chicago())
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }, AllowOrigin: "*"})
	for _, name := range realtimeNames {
		if res := get(t, h, "GET", "/gtfs-rt/"+name); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s before anything is known: HTTP %d, want 503", name, res.StatusCode)
		}
	}
	m.ApplyArrival(cta.KeyAt(now.Add(-time.Minute)), arrivalOf("blue-7", 41280), now.Add(-time.Minute))
	if res := get(t, h, "GET", "/gtfs-rt/alerts"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("before all is read: HTTP %d, want 503", res.StatusCode)
	}
	m.SetReady()

	res := get(t, h, "GET", "/gtfs-rt/vehicle-positions", "Accept", "application/json")
	body := text(t, res)
	modified, tag := res.Header.Get("Last-Modified"), res.Header.Get("ETag")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/x-protobuf" || modified == "" || tag == "" ||
		res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("HTTP %d, headers %v", res.StatusCode, res.Header)
	}
	var binary, fromJSON pb.FeedMessage
	if err := proto.Unmarshal([]byte(body), &binary); err != nil || len(binary.GetEntity()) != 1 {
		t.Fatalf("%d entities, %v", len(binary.GetEntity()), err)
	}
	asJSON := get(t, h, "GET", "/gtfs-rt/vehicle-positions.json")
	if err := protojson.Unmarshal([]byte(text(t, asJSON)), &fromJSON); err != nil || !proto.Equal(&fromJSON, &binary) || asJSON.Header.Get("Content-Type") != "application/json" {
		t.Errorf("JSON: %v; %s, want the same as protobuf", err, asJSON.Header.Get("Content-Type"))
	}
	head := get(t, h, "HEAD", "/gtfs-rt/vehicle-positions")
	if head.StatusCode != 200 || head.Header.Get("Content-Length") != fmt.Sprint(len(body)) || text(t, head) != "" {
		t.Errorf("HEAD: HTTP %d, %v", head.StatusCode, head.Header)
	}
	if res := get(t, h, "POST", "/gtfs-rt/vehicle-positions"); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: HTTP %d", res.StatusCode)
	}
	for _, header := range [][]string{{"If-Modified-Since", modified}, {"If-None-Match", tag}} {
		if res := get(t, h, "GET", "/gtfs-rt/vehicle-positions", header...); res.StatusCode != http.StatusNotModified || text(t, res) != "" {
			t.Errorf("%v: HTTP %d, want 304", header, res.StatusCode)
		}
	}
	// Later: another time, another content.
	now = now.Add(2 * time.Second)
	if res := get(t, h, "GET", "/gtfs-rt/vehicle-positions", "If-Modified-Since", modified); res.StatusCode != 200 || res.Header.Get("Last-Modified") == modified {
		t.Errorf("later: HTTP %d, %s", res.StatusCode, res.Header.Get("Last-Modified"))
	}
}

// arrivalOf is a train's coming to a station of the Blue Line, on its way to Forest Park.
func arrivalOf(train string, station int) cta.Arrival {
	bound := 40390
	return cta.Arrival{StationID: station, TrainID: train, Direction: cta.DirectionA, Line: "blue", TrainStatus: cta.TrainInService, Destination: &bound}
}

// TestFeedsOfALateInput stops the events: the feeds stand still, and keep what they had.
func TestFeedsOfALateInput(t *testing.T) {
	s := simulate(t, only(t, "blue"), ctaproducer.SimulationConfig{Seed: 4, Start: time.Date(2026, 10, 7, 7, 0, 0, 0, cta.Chicago().Location), For: 70 * time.Minute})
	s.advance(10 * time.Minute) // to the last event
	before := feedsOf(t, s.h)
	s.now = s.now.Add(20 * time.Minute)
	s.m.SetNotReady("the broker is away")
	late := feedsOf(t, s.h)
	heard := int64(late.VehiclePositions.GetHeader().GetTimestamp())
	if age := s.now.Unix() - heard; age < 15*60 {
		t.Errorf("the header is %d s old, of an input that is 20 minutes late", age)
	}
	if len(late.VehiclePositions.GetEntity()) < len(before.VehiclePositions.GetEntity())/2 {
		t.Errorf("%d vehicles, before %d", len(late.VehiclePositions.GetEntity()), len(before.VehiclePositions.GetEntity()))
	}
	res := get(t, s.h, "GET", "/gtfs-rt/vehicle-positions")
	s.now = s.now.Add(time.Minute)
	if again := get(t, s.h, "GET", "/gtfs-rt/vehicle-positions", "If-Modified-Since", res.Header.Get("Last-Modified")); again.StatusCode != http.StatusNotModified {
		t.Errorf("a minute later: HTTP %d, want 304", again.StatusCode)
	}
}

// TestFindingsAreAlerts has a train break down, and a station closed.
func TestFindingsAreAlerts(t *testing.T) {
	net := only(t, "red", "blue", "green", "orange")
	s := simulate(t, net, ctaproducer.SimulationConfig{Seed: 4, Start: time.Date(2026, 10, 7, 7, 0, 0, 0, net.Location), NoFaults: true})
	static := companion(t, net)
	var stuck *Train
	for _, l := range s.m.Status(s.now).Lines {
		for _, tr := range l.Trains {
			if l.ID == "red" && len(tr.Next) == 1 {
				stuck = tr
			}
		}
	}
	if stuck == nil {
		t.Fatal("no train on the Red Line")
	}
	next := stuck.Next[0]
	s.m.ApplyArrival(cta.KeyAt(s.now), cta.Arrival{StationID: next.Station, TrainID: stuck.ID, Direction: next.Direction, Line: "red", TrainStatus: cta.TrainBrokenDown}, s.now)
	s.m.RemoveStation(40380, "blue")
	s.m.RemoveStation(40380, "green")
	s.now = s.now.Add(2 * time.Second)
	f := feedsOf(t, s.h)
	for _, broken := range realtimerules.NewChecker(static).Check(f, s.now) {
		t.Error(broken)
	}
	alerts := map[string]*pb.Alert{}
	for _, e := range f.Alerts.GetEntity() {
		alerts[e.GetId()] = e.GetAlert()
	}
	a := alerts["alert:red-"+string(next.Direction)+"-standing"]
	if a.GetCause() != pb.Alert_TECHNICAL_PROBLEM || a.GetEffect() != pb.Alert_SIGNIFICANT_DELAYS || a.GetSeverityLevel() != pb.Alert_WARNING {
		t.Errorf("a broken-down train: %v", a)
	}
	var languages []string
	for _, tr := range a.GetDescriptionText().GetTranslation() {
		languages = append(languages, tr.GetLanguage())
	}
	if !slices.Equal(languages, []string{"en", "es"}) || !strings.Contains(a.GetDescriptionText().GetTranslation()[1].GetText(), "detenido en") {
		t.Errorf("texts: %v", a.GetDescriptionText())
	}
	closed := alerts["alert:closed-40380-clark-lake"]
	var routes []string
	for _, i := range closed.GetInformedEntity() {
		routes = append(routes, i.GetRouteId()+" "+i.GetStopId())
	}
	slices.Sort(routes)
	if closed.GetEffect() != pb.Alert_NO_SERVICE || closed.GetSeverityLevel() != pb.Alert_SEVERE || len(routes) < 3 || !strings.HasPrefix(routes[0], "blue 30") {
		t.Errorf("a closed station: %v, of %v", closed, routes)
	}
	// Trains of the Blue Line skip it, others don't.
	skipped := map[string]bool{}
	for _, e := range f.TripUpdates.GetEntity() {
		for _, u := range e.GetTripUpdate().GetStopTimeUpdate() {
			if u.GetScheduleRelationship() == pb.TripUpdate_StopTimeUpdate_SKIPPED {
				skipped[e.GetTripUpdate().GetTrip().GetRouteId()] = true
			}
		}
	}
	if !skipped["blue"] || skipped["orange"] {
		t.Errorf("trains of these routes skip Clark/Lake: %v", skipped)
	}
}
