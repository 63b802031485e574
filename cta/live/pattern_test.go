package live

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// A train with a reported destination is predicted only for its own branch.
func TestBoundTrainTakesOneBranch(t *testing.T) {
	const garfield, king, halsted, cottage, ashland = 40510, 41140, 40940, 40720, 40290
	for _, c := range []struct{ bound, there, elsewhere int }{{cottage, king, halsted}, {ashland, halsted, king}} {
		tr := NewTracker(cta.Chicago())
		tr.ApplyArrival(cta.KeyAt(day(8)), cta.Arrival{
			StationID: garfield, TrainID: "GR001", Line: "green", Direction: cta.DirectionA, TrainStatus: cta.TrainInService, Destination: &c.bound,
		})
		v := tr.View(day(8).Add(20 * time.Second))
		train, _ := v.Train("GR001")
		if len(train.Next) != 1 || train.Next[0].Station != c.there || train.Bound != c.bound {
			t.Errorf("bound for %d it goes on to %v", c.bound, train.Next)
		}
		for _, a := range train.Stops {
			if a.Station == c.elsewhere || a.Maybe {
				t.Errorf("bound for %d: %+v", c.bound, a)
			}
		}
	}
}

// Trains run round a ring in both directions, past its closing point.
func TestRing(t *testing.T) {
	net := ring(t)
	tr := NewTracker(net)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{For: 2 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	rounds, last := 0, map[string]int{}
	var at time.Time
	for ev := range sim.Events() {
		if ev.Kind != ctaproducer.EventArrival {
			continue
		}
		at = ev.At
		a := ev.Arrival
		if a.StationID == 1 && last[a.TrainID] != 0 && last[a.TrainID] != 1 {
			rounds++
		}
		last[a.TrainID] = a.StationID
		tr.ApplyArrival(cta.KeyAt(ev.At), a)
	}
	v := tr.View(at)
	if rounds < 20 {
		t.Errorf("%d rounds in two hours, of a train each six minutes both ways", rounds)
	}
	boards := v.BoardsAt(1)
	if len(boards) != 2 {
		t.Fatalf("%d platforms where the ring closes, want 2", len(boards))
	}
	for _, b := range boards {
		if len(b.Next) == 0 || b.Headway.Intended != 6*time.Minute {
			t.Errorf("direction %s: %+v", b.Direction, b)
		}
	}
	for _, l := range v.Lines {
		for _, d := range l.Directions {
			if d.Level != LevelGood {
				t.Errorf("%+v", d)
			}
		}
	}
}

// ring returns a circular line of four stations.
func ring(tb testing.TB) *cta.Network {
	tb.Helper()
	fsys := fstest.MapFS{}
	for name, text := range map[string]string{
		"network.csv":       "name,timezone\nCircle,Europe/Berlin\n",
		"lines.csv":         "line,name,color,text_color\nc,Circle,#008800,#ffffff\n",
		"stations.csv":      "station_id,station_name,accessible,latitude,longitude\n1,North,true,50.02,8.0\n2,East,true,50.0,8.03\n3,South,true,49.98,8.0\n4,West,true,50.0,7.97\n",
		"line_stations.csv": "line,order,station_id,branch\nc,0,1,\nc,1,2,\nc,2,3,\nc,3,4,\nc,4,1,\n",
		"service.csv":       "line,days,from,to,headway_minutes\nc,daily,0,24,6\n",
	} {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, err := cta.Load(fsys)
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// Timetabled trips are predicted at their times, including those that skip stations.
func TestScheduledDepartures(t *testing.T) {
	net := ring(t)
	stations := net.Lines[0].Stations
	call := func(i int) cta.Call { return cta.Call{Station: stations[i].Station, Direction: cta.DirectionA} }
	daily := &cta.Calendar{ID: "daily", Days: 0x7F}
	l := &cta.Line{ID: "t", Name: "Timed", Color: "#000000", TextColor: "#ffffff"}
	l.Patterns = []*cta.Pattern{
		{Calls: []cta.Call{call(0), call(1), call(2), call(3)}, Trips: []cta.Trip{
			{ID: "local", Calendar: daily, Departure: 8 * 3600, Profile: &cta.Profile{Arrivals: []int32{0, 300, 600, 900}, Departures: []int32{0, 300, 600, 900}}},
		}},
		{Calls: []cta.Call{call(0), call(3)}, Trips: []cta.Trip{
			{ID: "express", Calendar: daily, Departure: 8*3600 + 600, Profile: &cta.Profile{Arrivals: []int32{0, 500}, Departures: []int32{0, 500}}},
		}},
	}
	timed, err := cta.NewNetwork(cta.Network{Name: "Timed", Location: net.Location, Lines: []*cta.Line{l}, Stations: net.Stations})
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTracker(timed)
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	v := tr.View(eight.Add(-10 * time.Minute))
	var due []time.Duration
	for _, a := range v.BoardsAt(stations[0].ID)[0].Next {
		due = append(due, a.Expected.Sub(eight))
	}
	if len(due) != 2 || due[0] != 0 || due[1] != 10*time.Minute {
		t.Errorf("before eight, departures are due %v after it; want 0 and 10 min", due)
	}
	if next := v.BoardsAt(stations[1].ID)[0].Next; len(next) != 1 {
		t.Errorf("where only the local stops: %+v", next)
	}
	tr.ApplyArrival(cta.KeyAt(eight), cta.Arrival{StationID: 1, TrainID: "local", Line: "t", Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	// Without observations, the timetable gives the running time.
	local, _ := tr.View(eight.Add(time.Minute)).Train("local")
	if len(local.Stops) != 3 || local.Stops[0].Expected.Sub(eight.Add(5*time.Minute)).Abs() > 2*time.Second {
		t.Errorf("the local is expected at %v, want 8:05 first", local.Stops)
	}
	tr.ApplyArrival(cta.KeyAt(eight.Add(10*time.Minute)), cta.Arrival{StationID: 1, TrainID: "express", Line: "t", Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	v = tr.View(eight.Add(10*time.Minute + 30*time.Second))
	if train, _ := v.Train("express"); len(train.Next) != 1 || train.Next[0].Station != 4 {
		t.Errorf("the express goes on to %v, want the last station", train.Next)
	}
	for _, d := range tr.View(eight.Add(5 * time.Hour)).Lines[0].Directions {
		if want := eight.AddDate(0, 0, 1); d.Cause != CauseNoService || d.Direction == cta.DirectionA && !d.Resumes.Equal(want) {
			t.Errorf("in the afternoon %+v, want no service until tomorrow", d)
		}
	}
}

// A line without known service shows only what its trains report.
func TestLineWithoutService(t *testing.T) {
	net := ring(t)
	l := *net.Lines[0]
	l.Patterns = []*cta.Pattern{{Calls: l.Patterns[0].Calls}}
	own, err := cta.NewNetwork(cta.Network{Name: "Own", Location: net.Location, Lines: []*cta.Line{&l}, Stations: net.Stations})
	if err != nil {
		t.Fatal(err)
	}
	tr, noon := NewTracker(own), time.Date(2026, 10, 7, 12, 0, 0, 0, net.Location)
	if s := tr.View(noon).Lines[0]; s.Level != LevelUnknown {
		t.Errorf("before anything is heard it is %+v, want unknown", s)
	}
	tr.ApplyArrival(cta.KeyAt(noon), cta.Arrival{StationID: 1, TrainID: "x", Line: l.ID, Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	if s := tr.View(noon.Add(30 * time.Second)).Lines[0]; s.Level != LevelGood || s.Directions[0].Cause != CauseTooEarly {
		t.Errorf("with a train it is %+v, want good, too early to say more", s)
	}
}

// A hop is drawn by a shape, also if a pattern before the one with the shape has none.
func TestHopsHaveTheShapeOfAnyPattern(t *testing.T) {
	net := ring(t)
	l := &cta.Line{ID: "t", Name: "Timed", Color: "#000000", TextColor: "#ffffff"}
	shape := &cta.Shape{Calls: []int32{0, 2}}
	for n := 3; n >= 2; n-- {
		p := &cta.Pattern{Trips: []cta.Trip{{ID: fmt.Sprint(n), Calendar: &cta.Calendar{ID: "daily", Days: 0x7F}, Departure: 8 * 3600,
			Profile: &cta.Profile{Arrivals: []int32{0, 300, 600}[:n], Departures: []int32{0, 300, 600}[:n]}}}}
		for _, s := range net.Lines[0].Stations[:n] {
			p.Calls = append(p.Calls, cta.Call{Station: s.Station, Direction: cta.DirectionA})
			if n == 2 {
				at := cta.Point{Latitude: s.Latitude, Longitude: s.Longitude}
				shape.Points = append(shape.Points, at, cta.Point{Latitude: at.Latitude + 0.001, Longitude: at.Longitude})
				p.Trips[0].Shape = shape
			}
		}
		l.Patterns = append(l.Patterns, p)
	}
	timed, err := cta.NewNetwork(cta.Network{Name: "Timed", Location: net.Location, Lines: []*cta.Line{l}, Stations: net.Stations})
	if err != nil {
		t.Fatal(err)
	}
	var points []int
	for _, e := range newGraph(timed).edges {
		points = append(points, len(e.path))
	}
	if !slices.Equal(points, []int{3, 2}) {
		t.Errorf("hops of %v points, want 3 and 2", points)
	}
}
