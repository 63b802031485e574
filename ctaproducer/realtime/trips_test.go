package realtime

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

// village has a line of eight stops, two minutes apart, with a trip for each departure.
func village(t *testing.T, departures ...int) *cta.Network {
	t.Helper()
	stops, trips, times := "", "", ""
	for i := range 8 {
		stops += fmt.Sprintf("s%d,Stop %d,50.%02d,8.0\n", i, i, i)
	}
	for k, at := range departures { // minutes of the service day
		trips += fmt.Sprintf("7,daily,trip-%d\n", k)
		for i := range 8 {
			clock := fmt.Sprintf("%02d:%02d:00", (at+2*i)/60, (at+2*i)%60)
			times += fmt.Sprintf("trip-%d,%s,%s,s%d,%d\n", k, clock, clock, i, 10*(i+1))
		}
	}
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt":     "agency_id,agency_name,agency_url,agency_timezone\n1,Village Bus,https://bus.example,Europe/Berlin\n",
		"stops.txt":      "stop_id,stop_name,stop_lat,stop_lon\n" + stops,
		"routes.txt":     "route_id,agency_id,route_short_name,route_type\n7,1,7,3\n",
		"trips.txt":      "route_id,service_id,trip_id\n" + trips,
		"calendar.txt":   "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\ndaily,1,1,1,1,1,1,1,20200101,20991231\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + times,
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, _, err := gtfs.Read(files, gtfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// A trip without a date belongs to the service day on which it runs nearest to now.
func TestServiceDays(t *testing.T) {
	x := newIndex(village(t, 24*60+30, 23*60+50, 8*60))
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 10, day, hour, minute, 0, 0, x.zone) }
	for _, c := range []struct {
		trip string
		now  time.Time
		date cta.Date
		want cta.Date
	}{
		{"trip-0", at(8, 0, 40), 0, 20261007},
		{"trip-1", at(8, 0, 5), 0, 20261007},
		{"trip-1", at(7, 23, 55), 0, 20261007},
		{"trip-2", at(8, 8, 5), 0, 20261008},
		{"trip-2", at(8, 8, 5), 20261005, 20261005}, // as the feed has it
	} {
		d := descriptor{trip: c.trip, start: -1, date: c.date}
		if r := x.named(&d, "", nil, c.now); r == nil || r.date != c.want {
			t.Errorf("%s at %v is %+v, want the service day %v", c.trip, c.now, r, c.want)
		}
	}
}

// A trip with an unknown id is matched if exactly one fits.
func TestSimilarTrips(t *testing.T) {
	x := newIndex(village(t, 480, 490, 600)) // 08:00, 08:10, 10:00
	at := func(minutes int) time.Time { return time.Date(2026, 10, 7, 0, minutes, 0, 0, x.zone) }
	late := func(stop string, minutes int, late time.Duration) []evidence {
		return []evidence{{stop, -1, at(minutes), late, true}}
	}
	for _, c := range []struct {
		name string
		d    descriptor
		seen []evidence
		want string
	}{
		{"between two", descriptor{start: -1}, []evidence{{"s1", -1, at(486), 0, false}}, ""},
		{"near one of two", descriptor{start: -1}, []evidence{{"s1", -1, at(482), 0, false}}, ""},
		{"alone", descriptor{start: -1}, []evidence{{"s2", -1, at(606), 0, false}}, "trip-2"},
		{"alone, but too late", descriptor{start: -1}, []evidence{{"s2", -1, at(614), 0, false}}, ""},
		{"by its delay", descriptor{start: -1}, late("s1", 495, 3*time.Minute), "trip-1"},
		{"by its departure", descriptor{start: 490 * 60}, []evidence{{"s1", -1, at(500), 0, false}}, "trip-1"},
		{"of another route", descriptor{start: 490 * 60, route: "8"}, []evidence{{"s1", -1, at(500), 0, false}}, ""},
		{"of other stops", descriptor{start: 490 * 60}, []evidence{{"s9", -1, at(500), 0, false}}, ""},
	} {
		c.d.trip = "old"
		got := ""
		if r := x.similar(&c.d, c.seen, at(500), func(*run) bool { return false }); r != nil {
			got = r.trip.ID
		}
		if got != c.want {
			t.Errorf("%s: found %q, want %q", c.name, got, c.want)
		}
	}
	if r := x.similar(&descriptor{trip: "old", start: 490 * 60}, late("s1", 500, 0), at(500), func(*run) bool { return true }); r != nil {
		t.Errorf("found %s, which another train makes", r.trip.ID)
	}
}

// A train that is shown further back for a while doesn't arrive a second time.
func TestNothingIsSaidTwice(t *testing.T) {
	in := newInference(village(t, 480), 1, 15*time.Second, func(string) {}, func(string) {})
	now := time.Date(2026, 10, 7, 8, 0, 0, 0, in.zone)
	said := map[int]int{}
	for _, sequence := range []int{10, 20, 30, 40, 50, 20, 20, 20, 20, 30, 40, 50, 60, 70, 80} {
		now = now.Add(time.Minute)
		a := &answer{at: now, vehicles: []vehicle{{descriptor: descriptor{trip: "trip-0", start: -1}, id: "bus", at: now, sequence: sequence, stands: true}}}
		arrivals, _ := in.apply(0, a, now)
		for _, arr := range arrivals {
			if arr.TrainStatus == cta.InService {
				said[arr.StationID]++
			}
		}
	}
	for id, n := range said {
		if n != 1 {
			t.Errorf("%d arrivals at %d", n, id)
		}
	}
	if len(said) != 8 {
		t.Errorf("arrivals at %d stations, want 8", len(said))
	}
}

// An added trip is one train, whether a feed dates it or not, also after midnight.
func TestAddedTripIsOneTrain(t *testing.T) {
	for _, c := range []struct {
		now   time.Duration // of 7 October
		start time.Duration // -1s: unknown
	}{
		{8 * time.Hour, -time.Second}, {8 * time.Hour, 8 * time.Hour}, {24*time.Hour + 20*time.Minute, -time.Second},
		{24*time.Hour + 20*time.Minute, 24*time.Hour + 10*time.Minute}, {24*time.Hour + 20*time.Minute, 23*time.Hour + 50*time.Minute}, {28*time.Hour + 10*time.Minute, 27 * time.Hour},
	} {
		addedOnce(t, c.now, int32(c.start/time.Second))
	}
}

func addedOnce(t *testing.T, from time.Duration, start int32) {
	t.Helper()
	in := newInference(village(t, 480), 1, 15*time.Second, func(string) {}, func(string) {})
	now := cta.Date(20261007).Begin(in.zone).Add(from)
	for _, date := range []cta.Date{0, 20261007, 0} {
		now = now.Add(time.Minute)
		u := update{descriptor: descriptor{trip: "extra", route: "7", date: date, start: start, relation: fresh}, at: now}
		for i := range 8 {
			u.calls = append(u.calls, expected{sequence: -1, stop: fmt.Sprintf("s%d", i), at: now.Add(time.Duration(i) * time.Minute)})
		}
		in.apply(0, &answer{at: now, updates: []update{u}}, now)
	}
	trains := map[*train]bool{}
	for _, tr := range in.trains {
		trains[tr] = true
	}
	if len(trains) != 1 {
		t.Errorf("at %v, departure %d: %d trains, want one", from, start, len(trains))
	}
}
