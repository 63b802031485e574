package live

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// complaints counts the faults reported, by cause, on lines whose trains all keep their
// timetable. It checks each minute of some hours, from an hour after the start.
func complaints(tb testing.TB, net *cta.Network, start time.Time, hours int) (looks int, list []string) {
	tb.Helper()
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: time.Duration(hours) * time.Hour, NoFaults: true})
	if err != nil {
		tb.Fatal(err)
	}
	tr := NewTracker(net)
	next := start.Add(time.Hour)
	for ev := range sim.Events() {
		for ; !ev.At.Before(next); next = next.Add(time.Minute) {
			for _, l := range tr.View(next).Lines {
				for _, d := range l.Directions {
					looks++
					if d.Level != Good && d.Level != NotRunning && d.Cause != NeverHeard {
						list = append(list, fmt.Sprintf("%s %s %s %v at %d for %v, intended %v, train %s", next.Format("15:04"), l.Line, d.Direction, d.Cause, d.Station, d.Lasts, d.Intended, d.Train))
					}
				}
			}
		}
		if ev.Kind == ctaproducer.ArrivalEvent {
			tr.ApplyArrival(cta.KeyAt(ev.At), ev.Arrival)
		}
	}
	return looks, list
}

// valley is a feed of a railway with locals, expresses and short turns at irregular
// times, and a bus every 90 minutes that waits at two stops of one station.
func valley(tb testing.TB) *cta.Network {
	tb.Helper()
	var trips, times strings.Builder
	trips.WriteString("route_id,service_id,trip_id,direction_id\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n")
	run := func(route string, depart int, stops, minutes []int) {
		id := fmt.Sprintf("%s-%d-%d", route, depart, len(stops))
		direction := 0
		if stops[0] > stops[len(stops)-1] {
			direction = 1
		}
		fmt.Fprintf(&trips, "%s,d,%s,%d\n", route, id, direction)
		for i, s := range stops {
			at := depart + minutes[i]
			fmt.Fprintf(&times, "%s,%02d:%02d:00,%02d:%02d:00,%d,%d\n", id, at/60, at%60, at/60, at%60, s, i)
		}
	}
	for hour := 5; hour < 11; hour++ {
		h := 60 * hour
		run("R", h, []int{1, 2, 3, 4, 5, 6}, []int{0, 4, 9, 16, 21, 30})
		run("R", h+12, []int{1, 4, 6}, []int{0, 11, 24})
		run("R", h+17, []int{1, 2, 3}, []int{0, 4, 9})
		run("R", h+51, []int{1, 2, 3, 4, 5, 6}, []int{0, 5, 11, 19, 25, 36})
		run("R", h+5, []int{6, 5, 4, 3, 2, 1}, []int{0, 8, 13, 20, 25, 30})
		run("R", h+20, []int{6, 1}, []int{0, 18})
		run("R", h+22, []int{6, 4, 1}, []int{0, 9, 21})
	}
	for at := 300; at < 660; at += 90 {
		run("B", at, []int{11, 12, 13, 14, 15}, []int{0, 7, 12, 52, 63})
	}
	stops := "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n20,Hub,47.55,13.1,1,\n13,Hub,47.55,13.1,0,20\n14,Hub,47.55,13.1,0,20\n"
	for i := 1; i <= 6; i++ {
		stops += fmt.Sprintf("%d,Station %d,%.2f,13.00,,\n", i, i, 47.5+0.04*float64(i))
	}
	for _, i := range []int{11, 12, 15} {
		stops += fmt.Sprintf("%d,Stop %d,%.2f,13.10,,\n", i, i, 47.5+0.02*float64(i-10))
	}
	feed := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt": "agency_name,agency_timezone\nValley,Europe/Vienna\n", "routes.txt": "route_id,route_long_name,route_type\nR,Rail,2\nB,Bus,3\n", "stops.txt": stops,
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nd,1,1,1,1,1,1,1,20260101,20261231\n",
		"trips.txt":    trips.String(), "stop_times.txt": times.String(),
	} {
		feed[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, _, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// No fault is reported while all trains keep the timetable, even if they skip stations,
// run short, come at irregular times or wait for long.
func TestTimetableKeptIsGoodService(t *testing.T) {
	net := valley(t)
	looks, list := complaints(t, net, time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location), 7)
	if looks == 0 || len(list) > 0 {
		t.Errorf("%d complaints in %d looks:\n%s", len(list), looks, strings.Join(list[:min(len(list), 12)], "\n"))
	}
}

// A timetabled train that doesn't come leaves a gap.
func TestTrainOfATimetableIsMissed(t *testing.T) {
	net := valley(t)
	start := time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: start, For: 4 * time.Hour, NoFaults: true})
	if err != nil {
		t.Fatal(err)
	}
	tr := NewTracker(net)
	var at time.Time
	for ev := range sim.Events() {
		// The local of 7:00 and the express and the short run after it don't run.
		if a := ev.Arrival; ev.Kind == ctaproducer.ArrivalEvent && !strings.HasPrefix(a.TrainID, "R-420-6") && !strings.HasPrefix(a.TrainID, "R-432") && !strings.HasPrefix(a.TrainID, "R-437") {
			if ev.At.After(start.Add(2*time.Hour + 45*time.Minute)) {
				break
			}
			tr.ApplyArrival(cta.KeyAt(ev.At), a)
			at = ev.At
		}
	}
	l, _ := tr.View(at).Line("R")
	if d := l.Directions[0]; d.Gaps == 0 || d.Level == Good {
		t.Errorf("%+v, want a gap", d)
	}
}

// TestRealTimetablesKept checks the same for real feeds, if present: hardly any fault
// is reported.
func TestRealTimetablesKept(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	for _, feed := range []string{"gtfs/caltrain.zip", "gtfs/salem.zip", "oba-maglev/raba.zip", "validator-bullrunner/bullrunner-gtfs.zip"} {
		net, _, err := gtfs.Load(filepath.Join(samples, feed), gtfs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		looks, list := complaints(t, net, ctaproducer.DefaultStart(net), 4)
		t.Logf("%s: %d complaints in %d looks", feed, len(list), looks)
		if len(list) > looks/100 {
			t.Errorf("%s: %d complaints in %d looks, as %s", feed, len(list), looks, list[0])
		}
	}
}
