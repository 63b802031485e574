package realtime

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

// village has a line of eight stops, two minutes apart, with a daily trip for each
// departure.
func village(t *testing.T, departures ...int) *cta.Network {
	t.Helper()
	var times []string
	for k, at := range departures { // minutes of the service day
		for i := range 8 {
			times = append(times, fmt.Sprintf("trip-%d %s %s s%d %d", k, minutes(at+2*i), minutes(at+2*i), i, 10*(i+1)))
		}
	}
	return timetable(t, "1,1,1,1,1,1,1", times...)
}

func minutes(m int) string { return fmt.Sprintf("%02d:%02d:00", m/60, m%60) }

// timetable has a line of up to eight stops. times are the rows of stop_times.txt, days
// those of the week, from Monday on.
func timetable(t *testing.T, days string, times ...string) *cta.Network {
	t.Helper()
	stops, trips, rows := "", "", ""
	for i := range 8 {
		stops += fmt.Sprintf("s%d,Stop %d,50.%02d,8.0\n", i, i, i)
	}
	for _, row := range times {
		trip, _, _ := strings.Cut(row, " ")
		if line := "7,daily," + trip + "\n"; !strings.Contains(trips, line) {
			trips += line
		}
		rows += strings.ReplaceAll(row, " ", ",") + "\n"
	}
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt":     "agency_id,agency_name,agency_url,agency_timezone\n1,Village Bus,https://bus.example,Europe/Berlin\n",
		"stops.txt":      "stop_id,stop_name,stop_lat,stop_lon\n" + stops,
		"routes.txt":     "route_id,agency_id,route_short_name,route_type\n7,1,7,3\n",
		"trips.txt":      "route_id,service_id,trip_id\n" + trips,
		"calendar.txt":   "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\ndaily," + days + ",20200101,20991231\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + rows,
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

// Some feeds date a trip after midnight by the calendar. Where the trip doesn't run on that
// service day, but on the one before, it is that.
func TestCalendarDayOfTripAfterMidnight(t *testing.T) {
	x := newIndex(timetable(t, "0,0,0,0,0,0,1", // Sundays
		"night 28:10:00 28:10:00 s0 1", "night 28:12:00 28:12:00 s1 2", "day 08:00:00 08:00:00 s0 1", "day 08:10:00 08:10:00 s1 2"))
	for _, c := range []struct {
		trip       string
		date, want cta.Date
	}{
		{"night", 20261004, 20261004}, {"night", 20261005, 20261004}, {"night", 20261006, 20261006}, {"day", 20261005, 20261005},
	} {
		now := c.date.Begin(x.zone).Add(4 * time.Hour)
		if r := x.named(&descriptor{trip: c.trip, start: -1, date: c.date}, "", nil, now); r == nil || r.date != c.want {
			t.Errorf("%s of %v is %+v, want the service day %v", c.trip, c.date, r, c.want)
		}
		seen := []evidence{{stop: "s0", sequence: -1, at: c.want.Begin(x.zone).Add(28*time.Hour + 10*time.Minute)}}
		r := x.similar(&descriptor{trip: "old", start: -1, date: c.date}, seen, now, func(*run) bool { return false })
		if found := c.trip == "night" && c.want == 20261004; found != (r != nil && r.date == c.want) {
			t.Errorf("a trip like %s of %v is %+v", c.trip, c.date, r)
		}
	}
}

// A trip with an unknown id is matched if exactly one fits.
func TestSimilarTrips(t *testing.T) {
	x := newIndex(village(t, 480, 490, 600)) // 08:00, 08:10, 10:00
	at := func(minutes int) time.Time { return time.Date(2026, 10, 7, 0, minutes, 0, 0, x.zone) }
	late := func(stop string, minutes int, late time.Duration) []evidence {
		return []evidence{{stop, -1, at(minutes), late, false}}
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
			if arr.TrainStatus == cta.TrainInService {
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

// A train arrives at a stop that is skipped no more, and not at one that is, also after
// the feed has dropped the stop as passed.
func TestSkippedNoMore(t *testing.T) {
	for _, c := range []struct {
		name   string
		skips  int // answers that have the stop as skipped
		passed bool
		want   int // arrivals at s2
	}{
		{"never skipped", 0, false, 1}, {"skipped no more", 3, false, 1}, {"skipped", 100, false, 0}, {"skipped and dropped", 100, true, 0},
	} {
		net := village(t, 480)
		in := newInference(net, 1, 15*time.Second, func(string) {}, func(string) {})
		eight := time.Date(2026, 10, 7, 8, 0, 0, 0, in.zone)
		found := 0
		for i := range 24 {
			now := eight.Add(time.Duration(i-2) * 30 * time.Second)
			u := update{descriptor: descriptor{trip: "trip-0", start: -1}, at: now}
			for stop := range 8 {
				call := expected{sequence: 10 * (stop + 1), arrival: event{at: eight.Add(time.Duration(2*stop) * time.Minute)}}
				if c.passed && stop <= 2 && !now.Before(eight.Add(4*time.Minute)) {
					continue
				}
				if stop == 2 {
					if call.arrival, call.skipped = (event{}), true; i >= c.skips {
						continue
					}
				}
				u.calls = append(u.calls, call)
			}
			arrivals, _ := in.apply(0, &answer{at: now, updates: []update{u}}, now)
			for _, a := range arrivals {
				if a.TrainStatus == cta.TrainInService && net.Station(a.StationID).Name == "Stop 2" {
					found++
				}
			}
		}
		if found != c.want {
			t.Errorf("%s: %d arrivals at the stop, want %d", c.name, found, c.want)
		}
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
			u.calls = append(u.calls, expected{sequence: -1, stop: fmt.Sprintf("s%d", i), arrival: event{at: now.Add(time.Duration(i) * time.Minute)}})
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

// The last stop of a round trip is that of its end, not of its begin.
func TestEndOfRoundTrip(t *testing.T) {
	in := newInference(timetable(t, "1,1,1,1,1,1,1", "round 08:00:00 08:00:00 s0 1", "round 08:02:00 08:02:00 s1 2",
		"round 08:04:00 08:04:00 s2 3", "round 08:06:00 08:06:00 s1 4", "round 08:08:00 08:08:00 s0 5"), 1, 15*time.Second, func(string) {}, func(string) {})
	begin := time.Date(2026, 10, 7, 8, 0, 0, 0, in.zone)
	var at []string
	for minute := -1; minute < 12; minute++ {
		now := begin.Add(time.Duration(minute)*time.Minute + 30*time.Second)
		u := update{descriptor: descriptor{trip: "round", start: -1}, at: now}
		for i, stop := range []string{"s0", "s1", "s2", "s1", "s0"} {
			if due := begin.Add(time.Duration(2*i+1) * time.Minute); due.After(now) {
				u.calls = append(u.calls, expected{sequence: -1, stop: stop, arrival: event{at: due}})
			}
		}
		a := &answer{at: now}
		if len(u.calls) > 0 {
			a.updates = append(a.updates, u)
		}
		arrivals, _ := in.apply(0, a, now)
		for _, arr := range arrivals {
			if arr.TrainStatus == cta.TrainInService {
				at = append(at, arr.at.Format("4"))
			}
		}
	}
	if got := strings.Join(at, " "); got != "1 3 5 7 9" {
		t.Errorf("arrivals at minutes %s, want 1 3 5 7 9", got)
	}
}

// A feed whose content changes more rarely than it is called loses no trains later for it.
func TestLostTrainOfSlowFeedLeaves(t *testing.T) {
	in := newInference(village(t, 480, 490), 1, 15*time.Second, func(string) {}, func(string) {})
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, in.zone)
	var left []time.Duration
	for i := range 60 {
		after := time.Duration(i) * 15 * time.Second
		changed := eight.Add(after.Truncate(time.Minute))
		a := &answer{at: eight.Add(after)}
		for k := range 2 {
			if k == 0 && after >= 4*time.Minute {
				continue // lost after its third stop
			}
			a.vehicles = append(a.vehicles, vehicle{descriptor: descriptor{trip: fmt.Sprintf("trip-%d", k), start: -1}, id: fmt.Sprintf("bus-%d", k),
				at: changed, sequence: 10 * (1 + int(after/(2*time.Minute))), stands: true})
		}
		arrivals, _ := in.apply(0, a, a.at)
		for _, e := range arrivals {
			if e.TrainID == "trip-0" && e.TrainStatus == cta.TrainOutOfService {
				left = append(left, after)
			}
		}
	}
	if len(left) != 1 || left[0] < 4*time.Minute+lostAfter-time.Minute || left[0] > 4*time.Minute+lostAfter+time.Minute {
		t.Errorf("the train that was lost after 4 minutes left after %v, want once, %v later", left, lostAfter)
	}
	if n := in.active(); n != 1 {
		t.Errorf("%d trains are in service, want the other one", n)
	}
}

// A vehicle whose clock was ahead in one answer is followed by the next ones.
func TestVehicleAheadOnceIsFollowed(t *testing.T) {
	in := newInference(village(t, 480), 1, 15*time.Second, func(string) {}, func(string) {})
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, in.zone)
	stops := 0
	for minute := range 13 {
		now := eight.Add(time.Duration(minute) * time.Minute)
		v := vehicle{descriptor: descriptor{trip: "trip-0", start: -1}, id: "bus", at: now, sequence: 10 * (1 + minute/2), stands: true}
		if minute == 3 {
			v.at = now.Add(time.Hour)
		}
		arrivals, _ := in.apply(0, &answer{at: now, vehicles: []vehicle{v}}, now)
		stops += len(arrivals)
	}
	if stops != 7 {
		t.Errorf("%d stops, want 7", stops)
	}
}
