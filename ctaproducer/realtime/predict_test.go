package realtime

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
)

// A trip's expected times are passed on as the specification means them, and no others.
func TestPredictionsOfAnUpdate(t *testing.T) {
	net := village(t, 480)
	zone := newIndex(net).zone
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, zone) // trip-0 leaves s0, and comes to s1 at 8:02
	at := func(minutes int) time.Time { return eight.Add(time.Duration(minutes) * time.Minute) }
	timed := func(stop, minute int) expected {
		return expected{sequence: 10 * (stop + 1), stop: fmt.Sprintf("s%d", stop), arrival: event{at: at(minute)}}
	}
	late := func(stop int, by time.Duration) expected {
		return expected{sequence: 10 * (stop + 1), stop: fmt.Sprintf("s%d", stop), arrival: event{delay: by, delayed: true}}
	}
	without := func(stop int, change func(*expected)) expected {
		c := timed(stop, 0)
		c.arrival = event{}
		change(&c)
		return c
	}
	absurd := func(stop int, e event) expected { return without(stop, func(c *expected) { c.arrival = e }) }
	noData := func(c *expected) { c.noData = true }
	skipped := func(c *expected) { c.skipped = true }
	named := map[int]string{}
	for _, s := range net.Stations {
		named[s.ID] = strings.TrimPrefix(s.Name, "Stop ")
	}
	const none = "-" // no record
	for _, c := range []struct {
		name     string
		before   []expected
		calls    []expected
		relation pb.TripDescriptor_ScheduleRelationship
		vehicle  int // sequence of the stop at which its vehicle stands; 0: none
		want     string
	}{
		{name: "times of each stop", calls: []expected{timed(1, 3), timed(2, 5), timed(7, 20)}, want: "1@3 2@5 3@7 4@9 5@11 6@13 7@20"},
		{name: "a delay holds for the stops that follow", calls: []expected{late(1, 4*time.Minute)}, want: "1@6 2@8 3@10 4@12 5@14 6@16 7@18"},
		{name: "up to NO_DATA", calls: []expected{late(1, 4*time.Minute), without(3, noData)}, want: "1@6 2@8"},
		{name: "and again after it", calls: []expected{late(1, 4*time.Minute), without(3, noData), timed(6, 15)}, want: "1@6 2@8 6@15 7@17"},
		{name: "NO_DATA ends what was known", before: []expected{late(1, 4*time.Minute)}, calls: []expected{late(1, 4*time.Minute), without(3, noData)}, want: "1@6 2@8"},
		{name: "skipped stops", calls: []expected{late(1, 4*time.Minute), without(2, skipped)}, want: "1@6 3@10 4@12 5@14 6@16 7@18"},
		{name: "a stop that isn't skipped any more", before: []expected{late(0, 0), without(2, skipped)}, calls: []expected{late(0, 0)}, want: "1@2 2@4 3@6 4@8 5@10 6@12 7@14"},
		{name: "a stop skipped and then served, as for another platform", calls: []expected{late(1, 0), without(2, skipped), timed(2, 5)}, want: "1@2 2@5 3@7 4@9 5@11 6@13 7@15"},
		{name: "a stop served and then skipped", calls: []expected{late(1, 0), timed(2, 5), without(2, skipped)}, want: "1@2 2@5 3@7 4@9 5@11 6@13 7@15"},
		{name: "no stops any more", before: []expected{late(1, 4*time.Minute)}, calls: []expected{}, want: ""},
		{name: "a time of 1970", calls: []expected{late(1, 4*time.Minute), absurd(3, event{at: time.Unix(29, 0)})}, want: "1@6 2@8 3@10 4@12 5@14 6@16 7@18"},
		{name: "a time of 1970 with a delay", calls: []expected{late(1, 0), absurd(3, event{at: time.Unix(29, 0), delay: time.Minute, delayed: true})}, want: "1@2 2@4 3@7 4@9 5@11 6@13 7@15"},
		{name: "a time years ahead", calls: []expected{late(1, 0), absurd(3, event{at: at(10 * 525600)})}, want: "1@2 2@4 3@6 4@8 5@10 6@12 7@14"},
		{name: "a delay of -68 years", calls: []expected{late(1, 0), absurd(3, event{delay: math.MinInt32 * time.Second, delayed: true})}, want: "1@2 2@4 3@6 4@8 5@10 6@12 7@14"},
		{name: "times of the past", calls: []expected{timed(1, 0), timed(2, 4)}, want: "2@4 3@6 4@8 5@10 6@12 7@14"},
		{name: "more than half an hour ahead", calls: []expected{late(1, 20*time.Minute)}, want: "1@22 2@24 3@26 4@28 5@30"},
		{name: "stops that the vehicle has passed", calls: []expected{late(1, 4*time.Minute)}, vehicle: 40, want: "4@12 5@14 6@16 7@18"},
		{name: "unchanged", before: []expected{late(1, 4*time.Minute)}, calls: []expected{late(1, 4*time.Minute)}, want: none},
		{name: "a cancelled trip", before: []expected{late(1, 4*time.Minute)}, relation: pb.TripDescriptor_CANCELED, want: ""},
		{name: "a cancelled trip that nobody has predicted", relation: pb.TripDescriptor_CANCELED, want: none},
	} {
		in := newInference(net, 1, 15*time.Second, func(string) {}, func(string) {})
		feed := func(now time.Time, calls []expected, relation pb.TripDescriptor_ScheduleRelationship) string {
			a := &answer{at: now, updates: []update{{descriptor: descriptor{trip: "trip-0", start: -1, relation: relation}, at: now, calls: calls}}}
			_, told := in.apply(0, a, now)
			if len(told) == 0 {
				return none
			}
			var list []string
			for _, s := range told[0].Stops {
				list = append(list, fmt.Sprintf("%s@%v", named[s.StationID], time.UnixMilli(s.At).Sub(eight).Minutes()))
			}
			if p := told[0]; len(told) > 1 || p.TrainID != "trip-0" || p.Made != now.UnixMilli() || p.Check() != nil {
				t.Errorf("%s: %+v", c.name, told)
			}
			return strings.Join(list, " ")
		}
		if c.before != nil {
			feed(at(0), c.before, 0)
		}
		if c.vehicle > 0 {
			in.apply(0, &answer{at: at(0), vehicles: []vehicle{{descriptor: descriptor{trip: "trip-0", start: -1}, id: "bus", at: at(0), sequence: c.vehicle, stands: true}}}, at(0))
		}
		if got := feed(at(0).Add(time.Second), c.calls, c.relation); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The delay that travels down the line is that of the departure: a train that waits at a
// stop by its timetable may have made up for a late arrival, or lost time there.
func TestDelayOfDepartureHoldsForLaterStops(t *testing.T) {
	net := timetable(t, "1,1,1,1,1,1,1", "t 07:50:00 08:00:00 s0 1", "t 08:05:00 08:15:00 s1 2", "t 08:20:00 08:20:00 s2 3", "t 08:22:00 08:22:00 s3 4")
	named := map[int]string{}
	for _, s := range net.Stations {
		named[s.ID] = strings.TrimPrefix(s.Name, "Stop ")
	}
	zone := newIndex(net).zone
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, zone)
	at := func(minute int) event { return event{at: eight.Add(time.Duration(minute) * time.Minute)} }
	late := func(minutes int) event { return event{delay: time.Duration(minutes) * time.Minute, delayed: true} }
	for _, c := range []struct {
		name               string
		stop               string
		arrival, departure event
		want               string
	}{
		{"a departure alone, on time", "s1", event{}, at(15), "1@5 2@20 3@22"},
		{"a late departure alone", "s1", event{}, late(10), "1@15 2@30 3@32"},
		{"late arrival, departure on time, by delays", "s1", late(5), late(0), "1@10 2@20 3@22"},
		{"late arrival, departure on time, by times", "s1", at(10), at(15), "1@10 2@20 3@22"},
		{"arrival on time, late departure", "s1", late(0), late(10), "1@5 2@30 3@32"},
		{"an arrival alone", "s1", late(5), event{}, "1@10 2@25 3@27"},
		{"a departure before the arrival", "s2", at(30), at(20), "2@30 3@32"},
		{"the first stop is when the train leaves", "s0", at(-10), at(3), "0@3 1@8 2@23 3@25"},
		{"the first stop, by a delay", "s0", event{}, late(3), "0@3 1@8 2@23 3@25"},
	} {
		in := newInference(net, 1, 15*time.Second, func(string) {}, func(string) {})
		now := eight.Add(2 * time.Minute)
		_, told := in.apply(0, &answer{at: now, updates: []update{{descriptor: descriptor{trip: "t", start: -1}, at: now,
			calls: []expected{{sequence: -1, stop: c.stop, arrival: c.arrival, departure: c.departure}}}}}, now)
		var list []string
		for _, p := range told {
			for _, s := range p.Stops {
				list = append(list, fmt.Sprintf("%s@%v", named[s.StationID], time.UnixMilli(s.At).Sub(eight).Minutes()))
			}
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A train that has gone isn't predicted, even if an update still has its times.
func TestTrainsThatAreGoneAreNotPredicted(t *testing.T) {
	in := newInference(village(t, 480, 500), 1, 15*time.Second, func(string) {}, func(string) {})
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, in.zone)
	of := update{descriptor: descriptor{trip: "trip-0", start: -1}}
	for i := range 8 {
		of.calls = append(of.calls, expected{sequence: -1, stop: fmt.Sprintf("s%d", i), arrival: event{at: eight.Add(time.Duration(2*i) * time.Minute)}})
	}
	stops := -1                                                             // that were predicted last
	for i, trip := range []string{"trip-0", "trip-0", "trip-1", "trip-1"} { // the bus makes another run from the third answer on
		now := eight.Add(time.Duration(i+1) * time.Minute)
		of.at = now
		_, told := in.apply(0, &answer{at: now, updates: []update{of}, vehicles: []vehicle{
			{descriptor: descriptor{trip: trip, start: -1}, id: "bus", at: now, sequence: 10, stop: "s0", stands: false}}}, now)
		for _, p := range told {
			if p.TrainID == "trip-0" {
				stops = len(p.Stops)
			}
		}
		if want := i < 2; (stops > 0) != want {
			t.Errorf("answer %d: %d stops of trip-0 are predicted; the bus makes %s", i, stops, trip)
		}
	}
}
