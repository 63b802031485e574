package realtime

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// follows runs a simulation, and calls see every half minute after an hour. rename
// changes the trains' ids.
func follows(t *testing.T, net *cta.Network, cfg ctaproducer.SimulationConfig, rename func(string) string, see func(now time.Time, tracker *live.Tracker)) {
	t.Helper()
	sim, err := ctaproducer.NewSimulation(net, cfg)
	if err != nil {
		t.Fatal(err)
	}
	tracker, next := live.NewTracker(net), cfg.Start.Add(time.Hour)
	for ev := range sim.Events() {
		if ev.Kind != ctaproducer.EventArrival {
			continue
		}
		for ev.At.After(next) {
			see(next, tracker)
			next = next.Add(30 * time.Second)
		}
		ev.Arrival.TrainID = rename(ev.Arrival.TrainID)
		tracker.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
	}
}

// TestRunsAreFoundByPatternAndTime uses trains that keep the timetable, with ids that
// don't name runs. No train may be given another's run.
func TestRunsAreFoundByPatternAndTime(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	for _, c := range []struct {
		file  string
		found float64 // at least
	}{{"oba-maglev/raba.zip", 0.95}, {"gtfs/caltrain.zip", 0.95}} {
		net, _, err := gtfs.Load(filepath.Join(samples, c.file), gtfs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := publisher(t, net)
		names := map[string]string{}
		rename := func(id string) string {
			for n, of := range names {
				if of == id {
					return n
				}
			}
			n := fmt.Sprintf("vehicle-%d", len(names))
			names[n] = id
			return n
		}
		right, wrong, none := 0, 0, 0
		follows(t, net, ctaproducer.SimulationConfig{Start: net.Typical.Begin(net.Location).Add(7 * time.Hour), For: 3 * time.Hour}, rename, func(now time.Time, tracker *live.Tracker) {
			for _, e := range feed(t, p.Publish(State{View: tracker.View(now), Reports: tracker.Reports}).VehiclePositions).GetEntity() {
				switch v := e.GetVehicle(); v.GetTrip().GetTripId() {
				case "":
					none++
				case strings.SplitN(names[v.GetVehicle().GetId()], "@", 2)[0]:
					right++
				default:
					wrong++
				}
			}
		})
		share := float64(right) / float64(right+wrong+none)
		t.Logf("%s: %d right, %d wrong, %d without a trip", c.file, right, wrong, none)
		if wrong > 0 || share < c.found {
			t.Errorf("%s: %d right, %d wrong, %d without a trip", c.file, right, wrong, none)
		}
	}
}

func feed(t testing.TB, f *Feed) *pb.FeedMessage {
	t.Helper()
	m := &pb.FeedMessage{}
	if err := proto.Unmarshal(f.Protobuf, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestRunsOfTheL compares the runs of trains at headways with what the trains did. A
// run stays the same from its first call to its last, and changes there.
func TestRunsOfTheL(t *testing.T) {
	net := cta.Chicago()
	p := publisher(t, net)
	last := map[string]string{} // run by train
	calls := map[string]uint32{}
	changes, steps, unsaid := 0, 0, 0
	follows(t, net, ctaproducer.SimulationConfig{Seed: 5, Start: time.Date(2026, 10, 7, 22, 15, 0, 0, net.Location), For: 150 * time.Minute}, func(id string) string { return id }, func(now time.Time, tracker *live.Tracker) {
		for _, e := range feed(t, p.Publish(State{View: tracker.View(now), Reports: tracker.Reports}).VehiclePositions).GetEntity() {
			v := e.GetVehicle()
			train, trip := v.GetVehicle().GetId(), v.GetTrip()
			if trip == nil {
				unsaid++
				continue
			}
			run := trip.GetTripId() + " " + trip.GetStartDate() + " " + trip.GetStartTime()
			steps++
			if before := last[train]; before != run {
				if before != "" && strings.HasPrefix(before, strings.Fields(run)[0]) && calls[train] < 8 {
					t.Errorf("%v: train %s turned from run %s at call %d into %s", now, train, before, calls[train], run)
				}
				changes++
			} else if v.GetCurrentStopSequence() < calls[train] {
				t.Errorf("%v: train %s went back from call %d to %d", now, train, calls[train], v.GetCurrentStopSequence())
			}
			last[train], calls[train] = run, v.GetCurrentStopSequence()
		}
	})
	t.Logf("%d positions, %d runs, %d without one", steps, changes, unsaid)
	if steps < 3000 || changes > steps/20 || unsaid > steps/1000 {
		t.Errorf("%d positions, %d runs, %d without one", steps, changes, unsaid)
	}
}

// TestServiceDays checks trips around midnight: the service day is the trip's, not the
// clock's.
func TestServiceDays(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Lisbon")
	if err != nil {
		t.Fatal(err)
	}
	a, b := &cta.Station{ID: 1, Name: "A", Point: cta.Point{Latitude: 38.7, Longitude: -9.1}}, &cta.Station{ID: 2, Name: "B", Point: cta.Point{Latitude: 38.8, Longitude: -9.2}}
	daily := &cta.Calendar{ID: "d", Days: 0x7F}
	profile := &cta.Profile{Arrivals: []int32{0, 1800}, Departures: []int32{0, 1800}, Sequences: []int32{3, 7}}
	pattern := &cta.Pattern{
		Calls: []cta.Call{{Station: a, Direction: cta.DirectionA}, {Station: b, Direction: cta.DirectionA}},
		Trips: []cta.Trip{{ID: "night", Calendar: daily, Departure: 25 * 3600, Profile: profile, DirectionID: "1"}},
	}
	net, err := cta.NewNetwork(cta.Network{Name: "N", Location: zone, Stations: []*cta.Station{a, b}, Lines: []*cta.Line{{ID: "l", Name: "L", Patterns: []*cta.Pattern{pattern}}}})
	if err != nil {
		t.Fatal(err)
	}
	p := publisher(t, net)
	now := time.Date(2026, 10, 8, 1, 4, 0, 0, zone)
	tracker := live.NewTracker(net)
	tracker.ApplyArrival(cta.KeyAt(now.Add(-2*time.Minute)), cta.Arrival{StationID: 1, TrainID: "bus", Direction: cta.DirectionA, Line: "l", TrainStatus: cta.TrainInService})
	updates := feed(t, p.Publish(State{View: tracker.View(now), Reports: tracker.Reports}).TripUpdates).GetEntity()
	if len(updates) != 1 {
		t.Fatalf("%d trip updates, want one", len(updates))
	}
	u := updates[0].GetTripUpdate()
	if d := u.GetTrip(); d.GetTripId() != "night" || d.GetStartDate() != "20261007" || d.GetDirectionId() != 1 || d.GetRouteId() != "l" {
		t.Errorf("the trip is %v", d)
	}
	if s := u.GetStopTimeUpdate(); len(s) != 2 || s[0].GetStopSequence() != 3 || s[1].GetStopSequence() != 7 || s[1].GetStopId() != "2" {
		t.Errorf("the calls are %v", s)
	}
	// The run is published until a minute after its end.
	end := now.Add(20 * time.Minute)
	tracker.ApplyArrival(cta.KeyAt(end), cta.Arrival{StationID: 2, TrainID: "bus", Direction: cta.DirectionA, Line: "l", TrainStatus: cta.TrainInService})
	for want, after := range []time.Duration{70 * time.Second, 50 * time.Second} {
		f := p.Publish(State{View: tracker.View(end.Add(after)), Reports: tracker.Reports})
		if v, u := len(feed(t, f.VehiclePositions).GetEntity()), len(feed(t, f.TripUpdates).GetEntity()); v != want || u != want {
			t.Errorf("%v after the end: %d vehicles, %d updates, want %d", after, v, u, want)
		}
	}
}

// TestTwoRunsThatFitAlike uses a train that may make either of two runs: it gets none.
func TestTwoRunsThatFitAlike(t *testing.T) {
	chicago := cta.Chicago()
	calendar := &cta.Calendar{ID: "d", Days: 0x7F}
	day := cta.Date(20261007)
	at := func(seconds int) time.Time {
		return day.Begin(chicago.Location).Add(time.Duration(seconds) * time.Second)
	}
	for apart, want := range map[int32]string{30: "", 600: "t0"} {
		a, b := &cta.Station{ID: 1, Name: "A", Point: cta.Point{Latitude: 41.7, Longitude: -87.6}}, &cta.Station{ID: 2, Name: "B", Point: cta.Point{Latitude: 41.8, Longitude: -87.7}}
		pattern := &cta.Pattern{Calls: []cta.Call{{Station: a, Direction: cta.DirectionA}, {Station: b, Direction: cta.DirectionA}}}
		for i := range int32(2) {
			pattern.Trips = append(pattern.Trips, cta.Trip{ID: fmt.Sprint("t", i), Calendar: calendar, Departure: 8*3600 + i*apart,
				Profile: &cta.Profile{Arrivals: []int32{0, 900}, Departures: []int32{0, 900}}})
		}
		net, err := cta.NewNetwork(cta.Network{Name: "N", Location: chicago.Location, Stations: []*cta.Station{a, b}, Lines: []*cta.Line{{ID: "l", Name: "L", Patterns: []*cta.Pattern{pattern}}}})
		if err != nil {
			t.Fatal(err)
		}
		p := publisher(t, net)
		tracker := live.NewTracker(net)
		tracker.ApplyArrival(cta.KeyAt(at(8*3600+20)), cta.Arrival{StationID: 1, TrainID: "bus", Direction: cta.DirectionA, Line: "l", TrainStatus: cta.TrainInService})
		now := at(8*3600 + 60)
		f := p.Publish(State{View: tracker.View(now), Reports: tracker.Reports})
		vehicles, updates := feed(t, f.VehiclePositions).GetEntity(), feed(t, f.TripUpdates).GetEntity()
		if len(vehicles) != 1 || vehicles[0].GetVehicle().GetTrip().GetTripId() != want || len(updates) != min(1, len(want)) {
			t.Errorf("%d s apart: %v, %v, want trip %q", apart, vehicles, updates, want)
		}
	}
}

func publisher(tb testing.TB, net *cta.Network) *Publisher {
	tb.Helper()
	p, err := NewPublisher(net)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestHeaderTimesGrow publishes changes within one second of event time.
func TestHeaderTimesGrow(t *testing.T) {
	net := cta.Chicago()
	p := publisher(t, net)
	now := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	tracker := live.NewTracker(net)
	publish := func() *Feed {
		return p.Publish(State{View: tracker.View(now), Reports: tracker.Reports}).VehiclePositions
	}
	first := publish()
	if again := publish(); again != first {
		t.Error("the same content at the same time isn't the same feed")
	}
	tracker.ApplyArrival(cta.KeyAt(now.Add(-time.Second)), cta.Arrival{StationID: 41280, TrainID: "x", Direction: cta.DirectionA, Line: "blue", TrainStatus: cta.TrainInService})
	second := publish()
	if !second.Time.After(first.Time) {
		t.Errorf("a change within the second: %v, then %v", first.Time, second.Time)
	}
	if third := publish(); third != second {
		t.Error("the feed after the change changes again")
	}
	now = now.Add(-time.Hour) // the source has restarted
	tracker.Reset()
	if back := publish(); !back.Time.Equal(now) {
		t.Errorf("after a new start: %v, want %v", back.Time, now)
	}
}

// TestWhatIsSaidOfATrain holds what feeds say of a train in each state against its reports.
func TestWhatIsSaidOfATrain(t *testing.T) {
	zone := cta.Chicago().Location
	day := cta.Date(20261007)
	var stations []*cta.Station
	for i := range 3 {
		stations = append(stations, &cta.Station{ID: i + 1, Name: fmt.Sprint("S", i), Point: cta.Point{Latitude: 41.7 + float64(i)/50, Longitude: -87.6}})
	}
	pattern := &cta.Pattern{Trips: []cta.Trip{{ID: "t", Calendar: &cta.Calendar{ID: "d", Days: 0x7F}, Departure: 8 * 3600,
		Profile: &cta.Profile{Arrivals: []int32{0, 300, 600}, Departures: []int32{0, 300, 600}}}}}
	for _, s := range stations {
		pattern.Calls = append(pattern.Calls, cta.Call{Station: s, Direction: cta.DirectionA})
	}
	net, err := cta.NewNetwork(cta.Network{Name: "N", Location: zone, Stations: stations, Lines: []*cta.Line{{ID: "l", Name: "L", Patterns: []*cta.Pattern{pattern}}}})
	if err != nil {
		t.Fatal(err)
	}
	eight := day.Begin(zone).Add(8 * time.Hour)
	at := func(seconds int) time.Time { return eight.Add(time.Duration(seconds) * time.Second) }
	// come has a train report at its first stations, and returns the feeds of a moment,
	// whose view is changed.
	come := func(now int, change func(*live.Train), reports ...int) (*pb.VehiclePosition, *pb.TripUpdate) {
		tracker := live.NewTracker(net)
		for i, seconds := range reports {
			tracker.ApplyArrival(cta.KeyAt(at(seconds)), cta.Arrival{StationID: i + 1, TrainID: "t", Direction: cta.DirectionA, Line: "l", TrainStatus: cta.TrainInService})
		}
		v := *tracker.View(at(now))
		v.Trains = slices.Clone(v.Trains)
		for i := range v.Trains {
			change(&v.Trains[i])
		}
		f := publisher(t, net).Publish(State{View: &v, Reports: tracker.Reports})
		vehicles, trips := feed(t, f.VehiclePositions).GetEntity(), feed(t, f.TripUpdates).GetEntity()
		if len(vehicles) != 1 || len(trips) != 1 {
			return nil, nil
		}
		return vehicles[0].GetVehicle(), trips[0].GetTripUpdate()
	}
	asItIs := func(*live.Train) {}

	// A silent train's data are those of its last report: it is nowhere else for sure.
	v, u := come(400, func(tr *live.Train) { tr.State, tr.Latitude, tr.Longitude = live.StateSilent, 41.715, -87.61 }, 0)
	if v.GetTimestamp() != uint64(eight.Unix()) || u.GetTimestamp() != uint64(eight.Unix()) {
		t.Errorf("a silent train is as of %d and %d, want %d", v.GetTimestamp(), u.GetTimestamp(), eight.Unix())
	}
	if p := v.GetPosition(); p.GetLatitude() != float32(stations[0].Latitude) || p.GetLongitude() != float32(stations[0].Longitude) {
		t.Errorf("a silent train is at %v, want its last station", p)
	}
	v, u = come(30, asItIs, 0)
	if v.GetTimestamp() != uint64(at(30).Unix()) || u.GetTimestamp() != uint64(at(30).Unix()) {
		t.Errorf("a running train is as of %d and %d, want now, %d", v.GetTimestamp(), u.GetTimestamp(), at(30).Unix())
	}

	times := func(u *pb.TripUpdate) (list []int64) {
		for _, s := range u.GetStopTimeUpdate() {
			list = append(list, int64(s.GetStopSequence()), s.GetArrival().GetTime()-eight.Unix())
		}
		return list
	}
	first := int64(pattern.Trips[0].Profile.Sequence(0))
	// Ahead of its timetable, a train's past calls are told, or a reader expects it there.
	_, u = come(100, asItIs, -60, 90)
	if got := times(u); len(got) < 4 || got[0] != first+1 || got[1] != 90 {
		t.Errorf("a train whose first call is over by the timetable: %v, want it from its second call at 90 s on", got)
	}
	_, u = come(-30, asItIs, -120, -60)
	if got := times(u); len(got) < 4 || got[0] != first || got[1] != -120 || got[2] != first+1 || got[3] != -60 {
		t.Errorf("a train that is early: %v, want its first call at -120 s, too", got)
	}
	// No arrival to come is in the past.
	_, u = come(100, func(tr *live.Train) { tr.Stops[0].Expected = at(40) }, 0)
	if got := times(u); len(got) < 4 || got[3] != 100 {
		t.Errorf("a train that is due since 60 s: %v, want it at 100 s", got)
	}
	// Nor do two stops have one time: trains don't jump.
	_, u = come(100, func(tr *live.Train) { tr.Stops[0].Expected, tr.Stops[1].Expected = at(310), at(305) }, 0)
	if got := times(u); len(got) != 6 || got[3] != 310 || got[5] != 311 {
		t.Errorf("a train that comes to two stations at once: %v, want 310 s and 311 s", got)
	}
	for fraction, want := range map[float64]pb.VehiclePosition_VehicleStopStatus{
		0.2: pb.VehiclePosition_IN_TRANSIT_TO, 0.95: pb.VehiclePosition_INCOMING_AT,
	} {
		v, _ = come(100, func(tr *live.Train) { tr.Fraction = fraction }, 0)
		if v.GetCurrentStatus() != want || v.GetCurrentStopSequence() != uint32(first+1) {
			t.Errorf("after %v of the way: %v at stop_sequence %d, want %v", fraction, v.GetCurrentStatus(), v.GetCurrentStopSequence(), want)
		}
	}
	// Where its run has ended and no other is known, a train is in no feed.
	if v, u = come(620, asItIs, 0, 300, 600); v == nil || u == nil {
		t.Error("a train at the end of its run isn't told of")
	}
	if v, u = come(670, asItIs, 0, 300, 600); v != nil || u != nil {
		t.Errorf("a train is told of a minute after its run: %v, %v", v, u)
	}
	tracker := live.NewTracker(net)
	tracker.ApplyArrival(cta.KeyAt(at(5*3600)), cta.Arrival{StationID: 3, TrainID: "another", Direction: cta.DirectionA, Line: "l", TrainStatus: cta.TrainInService})
	f := publisher(t, net).Publish(State{View: tracker.View(at(5*3600 + 30)), Reports: tracker.Reports})
	if got := feed(t, f.VehiclePositions).GetEntity(); len(got) > 0 {
		t.Errorf("a train at the end of an unknown run: %v", got)
	}
}

// TestRunsStay has a train fall behind until another run fits better. Another train
// begins a run where its last one ended, in the same direction.
func TestRunsStay(t *testing.T) {
	zone := cta.Chicago().Location
	day := cta.Date(20261007)
	var stations []*cta.Station
	for i := range 4 {
		stations = append(stations, &cta.Station{ID: i + 1, Name: fmt.Sprint("S", i), Point: cta.Point{Latitude: 41.7 + float64(i)/50, Longitude: -87.6}})
	}
	calendar := &cta.Calendar{ID: "d", Days: 0x7F}
	pattern := func(from, to int, trips ...cta.Trip) *cta.Pattern {
		p := &cta.Pattern{}
		profile := &cta.Profile{}
		for i := from; i <= to; i++ {
			p.Calls = append(p.Calls, cta.Call{Station: stations[i], Direction: cta.DirectionA})
			profile.Arrivals = append(profile.Arrivals, int32(300*(i-from)))
		}
		profile.Departures = profile.Arrivals
		for _, tr := range trips {
			tr.Calendar, tr.Profile = calendar, profile
			p.Trips = append(p.Trips, tr)
		}
		return p
	}
	net, err := cta.NewNetwork(cta.Network{Name: "N", Location: zone, Stations: stations, Lines: []*cta.Line{{ID: "l", Name: "L", Patterns: []*cta.Pattern{
		pattern(0, 3, cta.Trip{ID: "t0", Departure: 8 * 3600}, cta.Trip{ID: "t1", Departure: 8*3600 + 600}),
		pattern(0, 1, cta.Trip{ID: "short", Departure: 9 * 3600}),
		pattern(1, 3, cta.Trip{ID: "onward", Departure: 9*3600 + 900}),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	p := publisher(t, net)
	tracker := live.NewTracker(net)
	come := func(seconds, station int, train string, bound int) (trip string) {
		at := day.Begin(zone).Add(time.Duration(seconds) * time.Second)
		tracker.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: station, TrainID: train, Direction: cta.DirectionA, Line: "l", TrainStatus: cta.TrainInService, Destination: &bound})
		now := at.Add(5 * time.Second)
		for _, e := range feed(t, p.Publish(State{View: tracker.View(now), Reports: tracker.Reports}).VehiclePositions).GetEntity() {
			if e.GetVehicle().GetVehicle().GetId() == train {
				trip = e.GetVehicle().GetTrip().GetTripId()
			}
		}
		return trip
	}
	for i, late := range []int{0, 120, 570, 600} {
		if trip := come(8*3600+300*i+late, i+1, "late", 4); trip != "t0" {
			t.Errorf("at call %d, %d s late: trip %q, want t0", i, late, trip)
		}
	}
	for _, c := range []struct {
		train                   string
		seconds, station, bound int
		want                    string
	}{
		{"two", 9 * 3600, 1, 2, "short"}, {"two", 9*3600 + 300, 2, 2, "short"},
		{"two", 9*3600 + 905, 2, 4, "onward"}, {"two", 9*3600 + 1200, 3, 4, "onward"},
	} {
		if trip := come(c.seconds, c.station, c.train, c.bound); trip != c.want {
			t.Errorf("%s at station %d after %d s, bound for %d: trip %q, want %q", c.train, c.station, c.seconds-9*3600, c.bound, trip, c.want)
		}
	}
	// Another train's next run is first reported at its second call.
	come(9*3600, 1, "unheard", 2)
	come(9*3600+300, 2, "unheard", 2)
	if trip := come(9*3600+1200, 3, "unheard", 4); trip == "short" || trip == "t1" {
		t.Errorf("behind the end of its run: trip %q", trip)
	}
	if ways := follow(p.net.Line("l"), tracker.Reports("unheard", day.Begin(zone).Add(10*time.Hour))); len(ways) == 0 || slices.ContainsFunc(ways, func(w way) bool { return !w.made[0].IsZero() && len(w.made) == 4 }) {
		t.Errorf("the run behind the end began before it: %v", ways)
	}
}

// BenchmarkPublish makes the feeds of the 'L' in the rush hour.
func BenchmarkPublish(b *testing.B) {
	net := cta.Chicago()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: time.Date(2026, 10, 7, 7, 0, 0, 0, net.Location), For: 70 * time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	tracker := live.NewTracker(net)
	var now time.Time
	for ev := range sim.Events() {
		if ev.Kind == ctaproducer.EventArrival {
			tracker.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
			now = ev.At
		}
	}
	p := publisher(b, net)
	view := tracker.View(now)
	b.ReportAllocs()
	for b.Loop() {
		p.Publish(State{View: view, Reports: tracker.Reports})
	}
	b.ReportMetric(float64(len(view.Trains)), "trains")
}
