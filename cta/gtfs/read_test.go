package gtfs

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/sheet"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// town is a small feed: a metro with a parent station, a short turn and a loop; a bus
// without directions, whose stops have text ids; and a boat at headways.
func town() map[string]string {
	return map[string]string{
		"agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nT,Town,https://example.org,Europe/Vienna\n",
		"routes.txt": "route_id,route_short_name,route_long_name,route_type,route_color,surprise\n" +
			"M,,Metro,1,C60C30,x\nbus/7,7,Hill Bus,3,,\nF,F,Ferry,4,FFFFFF,\n",
		"stops.txt": "stop_id,stop_code,stop_name,stop_lat,stop_lon,location_type,parent_station,wheelchair_boarding,platform_code\n" +
			"10,,Centre,47.80,13.04,1,,1,\n11,,Centre,47.80,13.04,0,10,0,1\n12,,Centre,47.80,13.04,0,10,0,2\n" +
			"20,,North,47.81,13.04,,,2,\n30,,East,47.82,13.06,,,,\n40,,Far,47.83,13.08,,,,\n" +
			"h:1,A1,Hill,47.79,13.05,,,,\nh:2,,Top,47.78,13.06,,,,\n90,,Pier,47.80,13.00,,,,\n91,,Island,47.80,12.98,,,,\n99,,Nobody,47.0,13.0,,,,\n",
		"calendar.txt":       "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwd,1,1,1,1,1,0,0,20260101,20261231\nsa,0,0,0,0,0,1,0,20260101,20261231\n",
		"calendar_dates.txt": "service_id,date,exception_type\nwd,20261026,2\nsa,20261026,1\n",
		"trips.txt": "route_id,service_id,trip_id,direction_id,trip_headsign,block_id\n" +
			"M,wd,m1,0,Far,b1\nM,wd,m2,0,Far,\nM,wd,m3,0,East,\nM,wd,m4,1,Centre,\nM,sa,m5,0,Far,\n" +
			"bus/7,wd,7-1,,,\nbus/7,wd,7-2,,,\nF,wd,f1,0,,\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" +
			"m1,07:00:00,07:00:30,11,1\nm1,07:04:00,07:04:30,20,5\nm1,,,30,6\nm1,07:12:00,07:12:00,40,9\n" +
			"m2,25:10:00,25:10:00,11,1\nm2,25:14:00,25:14:30,20,2\nm2,25:17:00,25:17:00,30,3\nm2,25:22:00,25:22:00,40,4\n" +
			"m3, 8:00:00,8:00:00,11,1\nm3,8:04:00,8:04:00,20,2\nm3,8:07:00,8:07:00,30,3\n" +
			"m4,9:00:00,9:00:00,40,1\nm4,9:05:00,9:05:00,30,2\nm4,9:08:00,9:08:00,20,3\nm4,9:12:00,9:12:00,12,4\n" +
			"m5,10:00:00,10:00:00,11,1\nm5,10:12:00,10:12:00,40,2\n" +
			"7-1,6:00:00,6:00:00,11,1\n7-1,6:01:00,6:01:00,h:1,2\n7-1,6:01:00,6:01:00,h:2,3\n" +
			"7-2,6:30:00,6:30:00,h:2,1\n7-2,6:33:00,6:33:00,h:1,2\n7-2,6:35:00,6:35:00,11,3\n" +
			"f1,0:00:00,0:00:00,90,1\nf1,0:20:00,0:20:00,91,2\n",
		"frequencies.txt": "trip_id,start_time,end_time,headway_secs\nf1,08:00:00,10:00:00,1800\n",
		"unknown.txt":     "whatever\n",
	}
}

func files(texts map[string]string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for name, text := range texts {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// zipped writes files as a zip, and returns its path.
func zipped(tb testing.TB, texts map[string]string) string {
	tb.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for name, text := range texts {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "feed.zip")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// way formats a pattern's calls as "10 a, 20 a".
func way(p *cta.Pattern) string {
	var s []string
	for _, c := range p.Calls {
		s = append(s, fmt.Sprintf("%d %s", c.Station.ID, c.Direction))
	}
	return strings.Join(s, ", ")
}

func TestReadTown(t *testing.T) {
	net, report, err := Load(zipped(t, town()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if net.Name != "Town" || net.Location.String() != "Europe/Vienna" || !net.Celsius || len(net.Lines) != 3 {
		t.Errorf("%s in %v, Celsius %v, %d lines", net.Name, net.Location, net.Celsius, len(net.Lines))
	}
	m := net.Line("M")
	var ways []string
	for _, p := range m.Patterns {
		ways = append(ways, way(p))
	}
	if d := cmp.Diff([]string{"10 a, 20 a, 30 a, 40 a", "10 a, 20 a, 30 a", "40 b, 30 b, 20 b, 10 b", "10 a, 40 a"}, ways); d != "" {
		t.Errorf("patterns of the metro (-want +got):\n%s", d)
	}
	if got := m.Towards(cta.DirectionA) + " / " + m.Towards(cta.DirectionB); got != "Far / Centre" || m.Color != "#c60c30" || m.TextColor != "#ffffff" || m.Mode != cta.ModeMetro {
		t.Errorf("towards %s, %s on %s, %s", got, m.TextColor, m.Color, m.Mode)
	}
	centre := net.Station(10)
	if centre.Access != cta.AccessibilityStepFree || len(centre.Stops) != 2 || centre.Stops[1].Code != "2" || net.Station(20).Access != cta.AccessibilitySteps || net.Station(30).Access != cta.AccessibilityUnknown {
		t.Errorf("Centre is %+v", centre)
	}
	// The missing time is interpolated by distance, and East is a bit nearer to North.
	p := m.Patterns[0]
	if got := p.Trips[0].Profile; got.Arrivals[2] < 390 || got.Arrivals[2] > 480 || got.Arrivals[0] != -30 || got.Departures[1] != 240 || p.Trips[0].Block != "b1" {
		t.Errorf("profile %+v, block %q", got, p.Trips[0].Block)
	}
	var bus *cta.Line
	for _, l := range net.Lines {
		if l.Ref == "bus/7" {
			bus = l
		}
	}
	if bus == nil || bus.Name != "7 Hill Bus" || !strings.HasPrefix(bus.ID, "bus-7-") || len(bus.Patterns) != 2 {
		t.Fatalf("the bus is %+v", bus)
	}
	if a, b := bus.Patterns[0].Direction(), bus.Patterns[1].Direction(); a != cta.DirectionA || b != cta.DirectionB {
		t.Errorf("the bus runs in directions %s and %s", a, b)
	}
	hill := bus.Patterns[0].Calls[1].Station
	if hill.Ref != "h:1" || hill.Code != "A1" || hill.ID < 1<<30 || net.Station(hill.ID) != hill {
		t.Errorf("Hill is %+v", hill)
	}
	if d := cmp.Diff([]string{"1 stop at which no trip calls"}, report.LeftOut); d != "" || report.Trips != 8 {
		t.Errorf("%d trips, left out (-want +got):\n%s", report.Trips, d)
	}
	ferry := net.Line("F").Runs(20261007)
	var ids []string
	for _, r := range ferry {
		ids = append(ids, r.ID())
	}
	if d := cmp.Diff([]string{"f1@08:00:00", "f1@08:30:00", "f1@09:00:00", "f1@09:30:00"}, ids); d != "" {
		t.Errorf("the ferry's runs (-want +got):\n%s", d)
	}
	if net.Typical == 0 || net.Typical.Weekday() == time.Sunday || net.Station(10).Entries.Weekday == 0 {
		t.Errorf("a usual day is %v, entries %+v", net.Typical, net.Station(10).Entries)
	}
}

// TestServiceDays checks calendars, exceptions, times past midnight, and the two days
// when clocks change.
// A calendar that ends on the day that stands for no end has none, and nor has the report.
func TestTimetableWithoutAnEnd(t *testing.T) {
	open := town()
	open["calendar.txt"] = strings.Replace(open["calendar.txt"], ",20261231", ",20991231", 1)
	net, report, err := Read(files(open), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.From != 20260101 || report.To != 0 || !strings.Contains(report.String(), "from 2026-01-01") {
		t.Errorf("%v to %v, want from 2026-01-01 without an end: %v", report.From, report.To, report)
	}
	if n := len(net.Line("M").Runs(20300109)); n == 0 { // a Wednesday
		t.Error("nothing runs in 2030")
	}
}

func TestServiceDays(t *testing.T) {
	net, _, err := Read(files(town()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	runs := func(d cta.Date) map[string]string {
		at := make(map[string]string)
		for _, r := range net.Line("M").Runs(d) {
			at[r.ID()] = r.Departure.Format("02 15:04:05 MST")
		}
		return at
	}
	for d, want := range map[cta.Date]map[string]string{
		20261007: {"m1": "07 07:00:30 CEST", "m2": "08 01:10:00 CEST", "m3": "07 08:00:00 CEST", "m4": "07 09:00:00 CEST"},
		20261010: {"m5": "10 10:00:00 CEST"},
		20261011: {},
		20261026: {"m5": "26 10:00:00 CET"}, // a holiday
		20251231: {},                        // before the first day, a Wednesday
		20270101: {},
	} {
		if diff := cmp.Diff(want, runs(d)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", d, diff)
		}
	}
	for day, want := range map[cta.Date][2]string{
		20260329: {"29 01:30:00 CET", "29 07:00:30 CEST"}, // clocks go forward: the day is counted from noon
		20261025: {"25 02:30:00 CET", "25 07:00:30 CET"},
	} {
		cut := town()
		cut["calendar.txt"] = strings.ReplaceAll(cut["calendar.txt"], "wd,1,1,1,1,1,0,0", "wd,1,1,1,1,1,1,1")
		cut["stop_times.txt"] = strings.Replace(cut["stop_times.txt"], "m3, 8:00:00,8:00:00", "m3,02:30:00,02:30:00", 1)
		net, _, err := Read(files(cut), Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := [2]string{}
		for _, r := range net.Line("M").Runs(day) {
			switch r.ID() {
			case "m3":
				got[0] = r.Departure.Format("02 15:04:05 MST")
			case "m1":
				got[1] = r.Departure.Format("02 15:04:05 MST")
			}
		}
		if got != want {
			t.Errorf("%v: %v, want %v", day, got, want)
		}
	}
}

// A trip that returns the way it came turns; a ring doesn't.
func TestTurnsAndRings(t *testing.T) {
	feed := town()
	feed["trips.txt"] = "route_id,service_id,trip_id,direction_id,trip_headsign\nM,wd,loop,1,Loop\nM,wd,short,0,Back\nF,wd,ring,0,Round\n"
	feed["stop_times.txt"] = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
	at := func(trip string, stops ...string) {
		for i, s := range stops {
			feed["stop_times.txt"] += fmt.Sprintf("%s,7:%02d:00,7:%02d:00,%s,%d\n", trip, i, i, s, i)
		}
	}
	at("loop", "20", "11", "30", "40", "91", "12", "20")
	at("short", "11", "20")
	at("ring", "90", "91", "11", "90")
	delete(feed, "frequencies.txt")
	net, _, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := net.Line("M")
	got := []string{way(m.Patterns[0]), way(m.Patterns[1]), way(net.Line("F").Patterns[0])}
	if d := cmp.Diff([]string{"20 a, 10 a, 30 a, 40 a, 91 a, 10 b, 20 b", "10 b, 20 b", "90 a, 91 a, 10 a, 90 a"}, got); d != "" {
		t.Errorf("patterns (-want +got):\n%s", d)
	}
	if m.Loop != "Loop" || m.Towards(cta.DirectionA) != "Loop" || !net.Line("F").Patterns[0].Ring() {
		t.Errorf("the loop is %q, towards %q", m.Loop, m.Towards(cta.DirectionA))
	}
	var inLoop []int
	for _, s := range m.Stations {
		if s.Loop {
			inLoop = append(inLoop, s.ID)
		}
	}
	if d := cmp.Diff([]int{30, 40, 91}, inLoop); d != "" {
		t.Errorf("stations of the loop (-want +got):\n%s", d)
	}
}

// Trips with the same stops are one pattern, whatever directions the feed gives them. A
// pattern that turns determines its own directions.
func TestSameStopsAreOnePattern(t *testing.T) {
	feed := town()
	feed["trips.txt"] += "M,wd,m6,1,,\nM,wd,m7,0,,\nM,wd,m8,1,,\n"
	feed["stop_times.txt"] += "m6,11:00:00,11:00:00,12,1\nm6,11:01:00,11:01:00,20,2\nm6,11:02:00,11:02:00,30,3\nm6,11:03:00,11:03:00,20,4\nm6,11:04:00,11:04:00,12,5\n" +
		"m7,12:00:00,12:00:00,12,1\nm7,12:01:00,12:01:00,20,2\nm8,12:00:00,12:00:00,12,1\nm8,12:01:00,12:01:00,20,2\n"
	net, _, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, p := range net.Line("M").Patterns {
		if way(p) == "10 a, 20 a" {
			found++
			if len(p.Trips) != 2 {
				t.Errorf("%d trips, want 2", len(p.Trips))
			}
		}
	}
	if found != 1 {
		t.Errorf("%d patterns of the same stops, want 1", found)
	}
	if d := cmp.Diff(describe(net), describe(again(t, net))); d != "" {
		t.Errorf("round trip (-written +read):\n%s", d)
	}
}

// The rows of a trip's calls may be in any order, and mixed with those of other trips.
func TestCallsInAnyOrder(t *testing.T) {
	feed := town()
	want, _, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(feed["stop_times.txt"]), "\n")
	slices.Reverse(rows[1:])
	feed["stop_times.txt"] = strings.Join(rows, "\n")
	got, _, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(describe(want), describe(got)); d != "" {
		t.Errorf("(-in order +reversed):\n%s", d)
	}
}

// Missing times are interpolated by the feed's distances, if given throughout.
func TestTimesByDistanceTravelled(t *testing.T) {
	for travelled, want := range map[[3]string]int32{
		{"0", "1", "10"}: 60, {"5", "14", "15"}: 540, {"0", "", "10"}: 300, {"9", "1", "10"}: 300, {"0", "0", "0"}: 300, {"x", "1", "10"}: 300,
	} {
		feed := town()
		feed["stops.txt"] += "a,,A,10,20,,,,\nb,,B,10,21,,,,\nc,,C,10,22,,,,\n"
		feed["trips.txt"] = "route_id,service_id,trip_id\nM,wd,x\n"
		feed["stop_times.txt"] = fmt.Sprintf("trip_id,arrival_time,departure_time,stop_id,stop_sequence,timepoint,shape_dist_traveled\n"+
			"x,7:00:00,7:00:00,a,1,1,%s\nx,,,b,2,0,%s\nx,7:10:00,7:10:00,c,3,1,%s\n", travelled[0], travelled[1], travelled[2])
		delete(feed, "frequencies.txt")
		net, _, err := Read(files(feed), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := net.Line("M").Patterns[0].Trips[0].Profile.Arrivals[1]; got != want {
			t.Errorf("travelled %q: %d s after the start, want %d", travelled, got, want)
		}
	}
}

// Times where nobody gets on or off count for the calls between, and are left out then.
func TestPassesHaveTimes(t *testing.T) {
	feed := town()
	feed["stop_times.txt"] = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type\n" +
		"m1,07:00:00,07:00:00,40,1,1,1\nm1,,,30,2,,\nm1,07:10:00,07:10:00,20,3,1,1\nm1,,,20,4,,\nm1,07:20:00,07:20:00,12,5,0,0\n" +
		"m2,8:00:00,8:00:00,11,1,,\nm2,8:09:00,8:09:00,20,2,1,\n"
	net, report, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range net.Line("M").Patterns {
		r := p.Trips[0]
		got = append(got, fmt.Sprintf("%s from %s %v", way(p), clock(r.Departure), r.Profile.Arrivals))
	}
	slices.Sort(got)
	// Between 7:10 and 7:20 the call at the same place comes at once.
	if d := cmp.Diff([]string{"10 a, 20 a from 08:00:00 [0 540]", "30 a, 20 a, 10 a from 07:04:59 [0 301 901]"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !slices.Contains(report.LeftOut, "2 calls at which nobody gets on or off") {
		t.Errorf("%v", report)
	}
}

// A line of weekends that runs on one holiday has no usual weekday.
func TestUsualDayOfAWeekendLine(t *testing.T) {
	texts := town()
	texts["calendar.txt"] = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
	texts["calendar_dates.txt"] = "service_id,date,exception_type\n"
	for _, service := range []string{"wd", "sa"} {
		texts["calendar.txt"] += service + ",0,0,0,0,0,1,0,20261003,20261231\n"
		texts["calendar_dates.txt"] += service + ",20261012,1\n" // a Monday
	}
	net, _, err := Read(files(texts), Options{})
	if err != nil || net.Typical.Weekday() != time.Saturday {
		t.Errorf("the usual day is %v (%v), want a Saturday", net.Typical, err)
	}
}

func TestOptionsNarrow(t *testing.T) {
	net, report, err := Read(files(town()), Options{Modes: []cta.Mode{cta.ModeBus, cta.ModeFerry}})
	if err != nil || len(net.Lines) != 2 || net.Line("M") != nil || !slices.Contains(report.LeftOut, "1 route not asked for") {
		t.Errorf("%v, %v", err, report)
	}
	net, _, err = Read(files(town()), Options{Lines: []string{"F"}})
	if err != nil || len(net.Stations) != 2 {
		t.Errorf("%v: %d stations, want those of the ferry", err, len(net.Stations))
	}
	if _, _, err = Read(files(town()), Options{Lines: []string{"X"}}); err == nil || !strings.Contains(err.Error(), `no route "X", want some of M (`) {
		t.Errorf("error %v", err)
	}
	texts := town()
	texts["routes.txt"] = strings.Replace(texts["routes.txt"], "bus/7,7,", "bus/7,7X,", 1)
	bus := files(texts)
	for _, name := range []string{"bus/7", "BUS/7", "7x"} { // riders know its short name
		if net, _, err = Read(bus, Options{Lines: []string{name}}); err != nil || len(net.Lines) != 1 || net.Lines[0].Mode != cta.ModeBus {
			t.Errorf("line %q: %v", name, err)
		}
	}
	if net, err = Narrow(cta.Chicago(), Options{Lines: []string{"Blue Line", "RED"}}); err != nil || len(net.Lines) != 2 {
		t.Errorf("lines by name: %v", err)
	}
	if _, _, err = Read(files(town()), Options{Modes: []cta.Mode{cta.ModeTram}}); err == nil || err.Error() != "routes.txt: no route that is tram, want some of metro, bus, ferry" {
		t.Errorf("error %v", err)
	}
}

func TestReadTakesWhatSpreadsheetsWrite(t *testing.T) {
	feed := make(map[string]string)
	for name, text := range town() {
		feed["feed/"+name] = "\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n")
	}
	if _, report, err := Load(zipped(t, feed), Options{}); err != nil || report.Trips != 8 {
		t.Errorf("%v, %v", err, report)
	}
}

// Zips and files with peculiarities of other programs.
func TestReadTakesWhatAgenciesPublish(t *testing.T) {
	for name, edit := range map[string]func(feed map[string]string){
		"places": func(feed map[string]string) { // of a station with platforms, and a stop alone
			feed["stops.txt"] = strings.NewReplacer("47.80,13.04,", ",,", "47.82,13.06", ",", "47.78,13.06", "0,0").Replace(feed["stops.txt"])
		},
		"zipped by macOS": func(feed map[string]string) {
			for file, text := range town() {
				delete(feed, file)
				feed["feed/"+file], feed["__MACOSX/feed/._"+file] = text, "\x00\x05\x16\x07"
			}
		},
		"two folders": func(feed map[string]string) {
			for file, text := range town() {
				delete(feed, file)
				feed["feed/winter/"+file] = text
			}
		},
		"empty rows": func(feed map[string]string) { feed["stops.txt"] += ",,,,,,,,\n"; feed["trips.txt"] += "  " },
		"DOS":        func(feed map[string]string) { feed["stops.txt"] += "\x1a" },
		"on demand": func(feed map[string]string) {
			feed["trips.txt"] += "bus/7,wd,call,,,\n"
			feed["stop_times.txt"] = strings.Replace(feed["stop_times.txt"], "sequence\n", "sequence,location_id,location_group_id\n", 1) +
				"call,,,,1,hills,\ncall,,,,2,,valley\n"
		},
		"dates alone": func(feed map[string]string) {
			delete(feed, "calendar.txt")
			feed["calendar_dates.txt"] += "wd,20261027,1\n"
		},
	} {
		feed := town()
		edit(feed)
		_, report, err := Load(zipped(t, feed), Options{})
		if err != nil || report.Trips != 8 {
			t.Errorf("%s: %v, %v", name, err, report)
		}
		if name == "on demand" && err == nil && !slices.Contains(report.LeftOut, "2 calls on demand, in an area rather than at a stop") {
			t.Errorf("%s: %v", name, report)
		}
	}
}

// Faults in optional data don't make a feed unreadable.
func TestOddValuesAreNotices(t *testing.T) {
	feed := town()
	for _, c := range []struct{ file, old, new string }{
		{"routes.txt", "C60C30", "red"},
		{"routes.txt", "surprise", "route_sort_order"},
		{"routes.txt", "FFFFFF", "#12345G"},
		{"stops.txt", ",,,2,\n30", ",,,yes,\n30"},
		{"stops.txt", "stop_code", "stop_timezone"},
		{"agency.txt", "https://example.org", "not a url"},
		{"trips.txt", "m4,1", "m4,back"},
	} {
		if strings.Count(feed[c.file], c.old) != 1 {
			t.Fatalf("%q isn't in %s once", c.old, c.file)
		}
		feed[c.file] = strings.Replace(feed[c.file], c.old, c.new, 1)
	}
	net, report, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`routes.txt: 1 odd value of route_sort_order, taken for unknown; the first is "x" in line 2`,
		`routes.txt: 2 odd values of route_color, taken for unknown; the first is "red" in line 2`,
		`stops.txt: 1 odd value of wheelchair_boarding, taken for unknown; the first is "yes" in line 5`,
		`trips.txt: 1 odd value of direction_id, taken for unknown; the first is "back" in line 5`,
	}
	if d := cmp.Diff(want, report.Notices); d != "" {
		t.Errorf("notices (-want +got):\n%s", d)
	}
	if m := net.Line("M"); m.Color != unknownColor || net.Station(20).Access != cta.AccessibilityUnknown || report.Trips != 8 {
		t.Errorf("colour %s, access %v, %d trips", m.Color, net.Station(20).Access, report.Trips)
	}
}

// railway is a national railway with the given number of stations. It has text ids,
// services by dates alone, platforms with the name and place of their station, two
// stations of one name, night trains, trains that pass, and extended types, in a
// spreadsheet's format.
func railway(stations int) map[string]string {
	var stops, trips, times, dates strings.Builder
	stops.WriteString("STOP_ID, Stop_Name ,stop_lat,stop_lon,location_type,parent_station\n")
	for i := range stations {
		fmt.Fprintf(&stops, "\"st:%d\",\"Vila %d,\nNova\", %f , %f ,1,\nst:%d:1,,,,0,st:%d\n", i, i/2, 38+float64(i)/100, -8-float64(i%7)/100, i, i)
	}
	trips.WriteString("route_id,service_id,trip_id,trip_headsign,shape_id\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type\n")
	dates.WriteString("service_id,date,exception_type\n")
	day := cta.Date(20260601)
	for s := range 200 {
		for d := range 200 {
			if (s+d)%3 > 0 {
				fmt.Fprintf(&dates, "S%d,%d,1\n", s, day.Add(d))
			}
		}
		fmt.Fprintf(&trips, "%s,S%d,T-%d,\"Vila, toda\",none\n", []string{"IC", "R", "U"}[s%3], s, s)
		at, step := 5*3600+s*300, 1+s%3
		for i := s % 2; i < stations; i += step {
			pass := 0
			if s%3 == 0 && i%5 == 1 {
				pass = 1
			}
			fmt.Fprintf(&times, "T-%d,%s,%s,st:%d:1,%d,%d,%d\n", s, clock(int32(at)), clock(int32(at+30)), i, i, pass, pass)
			at += 180
		}
	}
	feed := map[string]string{
		"agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,Comboios,,Europe/Lisbon\n",
		"routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_desc,route_type\nIC,1,IC,Intercidades,\"a\nb\",102\nR,1,R,Regional,,106\nU,1,U,Urbano,,109\n",
		"stops.txt":  stops.String(), "trips.txt": trips.String(), "stop_times.txt": times.String(), "calendar_dates.txt": dates.String(),
	}
	for name, text := range feed {
		feed[name] = "\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n")
	}
	return feed
}

func TestReadRailway(t *testing.T) {
	net, report, err := Read(files(railway(60)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if report.Trips != 200 || report.Stations != 60 || report.Stops != 60 || len(report.Notices) > 0 {
		t.Errorf("%v", report)
	}
	if len(report.LeftOut) != 1 || !strings.HasSuffix(report.LeftOut[0], " calls at which nobody gets on or off") {
		t.Errorf("left out %q", report.LeftOut)
	}
	for _, s := range net.Stations {
		if s.Name == "" || strings.ContainsAny(s.Name, "\r\n") || s.Latitude < 38 || s.Stops[0].Name != s.Name || s.ID < 1<<30 || !strings.HasPrefix(s.Ref, "st:") {
			t.Fatalf("station %+v", s)
		}
	}
	modes := map[cta.Mode]int{}
	trips := 0
	day := cta.Date(20260610)
	for _, l := range net.Lines {
		modes[l.Mode]++
		trips += len(l.Runs(day))
	}
	if want := 200 - 67; modes[cta.ModeRail] != 3 || trips != want && trips != want+1 {
		t.Errorf("modes %v; %d trips on %s, want %d", modes, trips, day, want)
	}
	all, asTimed, calls, inTime := follow(t, net, day)
	if all != trips || asTimed != trips || calls == 0 || inTime != calls {
		t.Errorf("simulated %d of %d trips, %d as timed; %d of %d calls in time", all, trips, asTimed, inTime, calls)
	}
}

// Broken names and impossible places of stops are reported, but don't make the feed
// unreadable.
func TestLostLettersAndPlaces(t *testing.T) {
	feed := town()
	feed["stops.txt"] = strings.NewReplacer("Hill,47.79", "H\xfcgel,47.79", "Top", "T\uFFFDp", "47.80,13.04,0,10,0,1", "0,0,0,10,0,1", "47.80,12.98", "0.0,0.0").Replace(feed["stops.txt"])
	delete(feed, "calendar.txt")
	feed["calendar_dates.txt"] = "service_id,date,exception_type\nwd,20261026,2\nsa,20261026,2\n"
	net, report, err := Read(files(feed), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"1 stop without a place, drawn between the neighbours: want stop_lat and stop_lon",
		`stops.txt: 2 odd values of stop_name, with letters that are lost, for want of UTF-8; the first is "H�gel" in line 8`,
		"no service runs on any day",
	}
	if d := cmp.Diff(want, report.Notices); d != "" {
		t.Errorf("notices (-want +got):\n%s", d)
	}
	if s := net.Station(10); s.Latitude != 47.80 || s.Stops[0].ID != 11 {
		t.Errorf("a platform without a place moved its station: %+v", s)
	}
	if text := report.String(); !strings.Contains(text, " calls, no first or last day\n") {
		t.Errorf("the report tells of days that aren't:\n%s", text)
	}
}

// An object missing in one file isn't reported for each row that refers to it.
func TestOneFaultIsToldOnce(t *testing.T) {
	for _, c := range []struct{ file, old, new string }{
		{"routes.txt", "M,,Metro", "N,,Metro"},
		{"routes.txt", "M,,Metro", `M, "" x, "Metro"`},
		{"stops.txt", "\n20,,North", "\n21,,North"},
		{"stops.txt", "\n20,,North", "\n20,,\"North"},
		{"calendar.txt", "\nwd,", "\nweekday,"},
		{"calendar.txt", ",", ";"},
		{"trips.txt", "M,wd,m1", "M,wd,m0"},
		{"stops.txt", "20,,North", "20,,"},
		{"stop_times.txt", "40,9", "40,9.0"},
	} {
		feed := town()
		delete(feed, "calendar_dates.txt")
		feed[c.file] = strings.ReplaceAll(feed[c.file], c.old, c.new)
		if _, _, err := Read(files(feed), Options{}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q in %s: %v", c.new, c.file, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, file, old, new, want string
	}{
		{"time zone", "agency.txt", "Europe/Vienna", "Vienna", `agency.txt:2:28: agency_timezone is "Vienna", want a name of the IANA time zone database, as America/Chicago`},
		{"column", "stop_times.txt", "stop_sequence", "sequence", `stop_times.txt:1: no column "stop_sequence", want columns trip_id, stop_id, stop_sequence`},
		{"route", "trips.txt", "F,wd,f1", "G,wd,f1", `trips.txt:9:1: route_id is "G", want a route of routes.txt`},
		{"service", "trips.txt", "M,sa,m5", "M,su,m5", `trips.txt:6:3: service_id is "su", want a service of calendar.txt or calendar_dates.txt`},
		{"stop", "stop_times.txt", "m1,07:12:00,07:12:00,40,9", "m1,07:12:00,07:12:00,41,9", `stop_times.txt:5:22: stop_id is "41", want a stop of stops.txt`},
		{"time", "stop_times.txt", "07:04:30", "07:64:30", `stop_times.txt:3:13: departure_time is "07:64:30", want a time as 07:30:00, of up to a week`},
		{"time back", "stop_times.txt", "8:04:00,8:04:00", "7:04:00,7:04:00", `stop_times.txt:11: arrival_time is 07:04:00, want a time not before that of the call before, 08:00:00`},
		{"past midnight", "stop_times.txt", "25:14:00,25:14:30", "1:14:00,1:14:30", `stop_times.txt:7: arrival_time is 01:14:00, want a time not before that of the call before, 25:10:00; past midnight, hours go on from 24`},
		{"sequence", "stop_times.txt", "m1,07:12:00,07:12:00,40,9", "m1,07:12:00,07:12:00,40,9.5", `stop_times.txt:5:25: stop_sequence is "9.5", want a whole number from 0 to 1073741824`},
		{"no last time", "stop_times.txt", "m1,07:12:00,07:12:00", "m1,,", `stop_times.txt:5: arrival_time is empty, want a time, as at the first and the last call of each trip`},
		{"date", "calendar_dates.txt", "wd,20261026", "wd,20260230", `calendar_dates.txt:2:4: date is "20260230", want a date as 20261007`},
		{"latitude", "stops.txt", "47.83", "x", `stops.txt:7:9: stop_lat is "x", want a number from -90 to 90`},
		{"semicolons", "agency.txt", "agency_id,agency_name,agency_url,agency_timezone", "agency_id;agency_name;agency_url;agency_timezone", `agency.txt:1: a header with semicolons between its fields, want columns agency_name, agency_timezone, in UTF-8, with commas between`},
		{"route type", "routes.txt", "Metro,1", "Metro,metro", `routes.txt:2:10: route_type is "metro", want a whole number from 0 to 2147483647`},
		{"no name", "stops.txt", "North,47.81,13.04,,,2", ",47.81,13.04,,11,2", `stops.txt: stop "20" without a name or a station that has one, want a stop_name`},
		{"quote", "routes.txt", "Metro", `"Metro`, `routes.txt:4:21: extraneous or missing " in quoted-field, want fields as RFC 4180 has them`},
		{"twice", "trips.txt", "M,wd,m2", "M,wd,m1", `trips.txt:3:6: trip_id is "m1", want each trip once`},
		{"headway", "frequencies.txt", "1800", "0", `frequencies.txt:2:22: headway_secs is "0", want a whole number from 1 to 604800`},
	} {
		t.Run(c.name, func(t *testing.T) {
			feed := town()
			if strings.Count(feed[c.file], c.old) != 1 {
				t.Fatalf("%s has %q %d times", c.file, c.old, strings.Count(feed[c.file], c.old))
			}
			feed[c.file] = strings.Replace(feed[c.file], c.old, c.new, 1)
			_, _, err := Read(files(feed), Options{})
			if err == nil {
				t.Fatal("accepted")
			}
			var fault *cta.DataError
			if first, _, _ := strings.Cut(err.Error(), "\n"); !errors.As(err, &fault) || first != c.want {
				t.Errorf("got  %s\nwant %s", first, c.want)
			}
		})
	}
	for want, names := range map[string][]string{
		"stops.txt: missing, want the files of one feed, in the zip or in a folder of it":                                       nil,
		"stops.txt: missing among google_transit.zip, readme.html, want the files of one feed, in the zip or in a folder of it": {"readme.html", "google_transit.zip"},
		"stops.txt: in each of bus, ferry, want the files of one feed, in the zip or in a folder of it":                         {"bus/stops.txt", "bus/trips.txt", "ferry/stops.txt"},
		"stops.txt: missing, want a file with columns stop_id, stop_name, stop_lat, stop_lon":                                   {"agency.txt"},
	} {
		texts := make(map[string]string)
		for _, name := range names {
			texts[name] = "PK"
		}
		_, _, err := Read(files(texts), Options{})
		if err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), want) {
			t.Errorf("%v: %v, want %s", names, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(path, []byte("PK\x03\x04 no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(path, Options{}); err == nil || !strings.Contains(err.Error(), "want a GTFS feed as a zip") {
		t.Errorf("a broken zip: %v", err)
	}
}

// A file with more rows than a limit is refused, and not read to its end.
func TestRowsAreBounded(t *testing.T) {
	for _, file := range []string{"stops.txt", "routes.txt", "trips.txt", "calendar_dates.txt", "frequencies.txt"} {
		feed := files(town())
		before := maxRows[file]
		maxRows[file] = strings.Count(string(feed[file].Data), "\n") - 1
		if _, _, err := Read(feed, Options{}); err != nil {
			t.Errorf("%s: as many rows as may be: %v", file, err)
		}
		feed[file].Data = append(feed[file].Data, "one,more,that,is,not,correct\n"...)
		_, _, err := Read(feed, Options{})
		if want := fmt.Sprintf("%s: more than %d rows, want fewer", file, maxRows[file]); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if maxRows[file] = before; before == 0 {
			delete(maxRows, file)
		}
	}
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A file that unpacks to far more than a feed's size is refused, with little memory.
func TestZipBombIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bomb.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(200 << 20)
	if race.Enabled {
		size = 40 << 20
	}
	z := zip.NewWriter(f)
	for name, text := range town() {
		w, err := z.Create(name)
		if err == nil && name == "stops.txt" {
			_, err = io.CopyN(w, zeros{}, size)
		} else if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	allocated := testing.Benchmark(func(b *testing.B) {
		if b.N > 1 {
			b.Skip()
		}
		b.ReportAllocs()
		_, _, err = Load(path, Options{})
	}).MemBytes
	if err == nil || !strings.Contains(err.Error(), "stops.txt") || !errors.Is(err, sheet.ErrLongRow) {
		t.Errorf("error %.200v", err)
	}
	if allocated > 20<<20 {
		t.Errorf("%d MB were allocated", allocated>>20)
	}
}

func TestIDsStay(t *testing.T) {
	a := assign([]string{"40380", "abc", "x:1", "007"})
	b := assign([]string{"x:1", "zzz", "40380", "abc", "1", "007", "new"})
	for id, n := range a {
		if b[id] != n {
			t.Errorf("%q was %d and is %d", id, n, b[id])
		}
	}
	if a["40380"] != 40380 || a["007"] < 1<<30 {
		t.Errorf("%v", a)
	}
	// The number of a text id may be another id, as text.
	taken := fmt.Sprint(hashed("abc", 0))
	c := assign([]string{"abc", taken})
	if fmt.Sprint(c[taken]) != taken || c["abc"] == c[taken] || c["abc"] != hashed("abc", 1) {
		t.Errorf("%v, want another number for abc", c)
	}
	// Of two text ids with one number the same one keeps it, whatever their order.
	seen := map[int]string{}
	for i := 0; ; i++ {
		id := fmt.Sprint("s", i)
		n := hashed(id, 0)
		if other, ok := seen[n]; ok {
			if d := cmp.Diff(assign([]string{id, other}), assign([]string{other, id})); d != "" {
				t.Errorf("%s and %s by order (-one +other):\n%s", id, other, d)
			}
			break
		}
		seen[n] = id
	}
}

// Stops without a place stand between their neighbours; without any, they are a fault.
func TestStopsWithoutAPlace(t *testing.T) {
	texts := town()
	texts["stops.txt"] = strings.NewReplacer("47.82,13.06", ",", "47.83,13.08", "0,0").Replace(texts["stops.txt"])
	net, report, err := Read(files(texts), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// East is between North and Far, which has the place of East's neighbour.
	if east, far := net.Station(30), net.Station(40); east.Latitude != 47.81 || far.Latitude != 47.81 || far.Longitude != 13.04 {
		t.Errorf("East is at %v, %v, Far at %v, %v", east.Latitude, east.Longitude, far.Latitude, far.Longitude)
	}
	if want := "2 stops without a place, drawn between the neighbours: want stop_lat and stop_lon"; !slices.Contains(report.Notices, want) {
		t.Errorf("%v, want %s", report, want)
	}
	texts["stops.txt"] = strings.NewReplacer("47.80,13.00", ",", "47.80,12.98", ",").Replace(texts["stops.txt"]) // both piers of the boat
	want := "stops.txt: stop \"90\" without a place, want a stop_lat and a stop_lon\nstops.txt: stop \"91\" without a place, want a stop_lat and a stop_lon"
	if _, _, err := Read(files(texts), Options{}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A missing calendar is one fault, whatever else refers to it.
func TestMissingCalendarIsOneFault(t *testing.T) {
	for want, missing := range map[string][]string{
		"calendar.txt: missing, want it, or calendar_dates.txt":                                         {"calendar.txt", "calendar_dates.txt"},
		`calendar.txt: missing, want it: calendar_dates.txt lacks service "su", of line 7 of trips.txt`: {"calendar.txt"},
	} {
		texts := map[string]string{}
		for name, text := range town() {
			if !slices.Contains(missing, name) {
				texts["2026/"+name] = strings.NewReplacer("bus/7,wd,", "bus/7,su,").Replace(text)
			}
		}
		want = "2026/" + want // the folder in which the feed is
		if _, _, err := Load(zipped(t, texts), Options{}); err == nil || err.Error() != want {
			t.Errorf("without %v: %v, want %s", missing, err, want)
		}
	}
}

// A report says which trips are several, and counts as people do.
func TestReportIsInWords(t *testing.T) {
	_, report, err := Read(files(town()), Options{Lines: []string{"F"}})
	if want := "Town: 1 line, 2 stations with 2 stops, 1 pattern, 1 trip (1 at intervals) with 2 calls, 2026-01-01 to 2026-12-31"; err != nil || !strings.HasPrefix(report.String(), want+"\n") {
		t.Errorf("%v: %v, want %s", err, report, want)
	}
}

// Of headsigns equally often on the trips of a pattern, the same one is the pattern's
// each time the feed is read. The other trips keep theirs.
func TestHeadsignsInATie(t *testing.T) {
	feed := town()
	feed["trips.txt"] = strings.NewReplacer("m1,0,Far", "m1,0,Bar", "m2,0,Far", "m2,0,").Replace(feed["trips.txt"])
	for range 20 {
		net, _, err := Read(files(feed), Options{})
		if err != nil {
			t.Fatal(err)
		}
		p := net.Line("M").Patterns[0]
		if p.Headsign != "" || p.Trips[0].Headsign != "Bar" || p.Trips[1].Headsign != "" {
			t.Fatalf("pattern %q, trips %q and %q", p.Headsign, p.Trips[0].Headsign, p.Trips[1].Headsign)
		}
	}
}

// A line with one headsign in both directions names its ends as well.
func TestOneHeadsignBothWays(t *testing.T) {
	texts := town()
	texts["trips.txt"] = strings.NewReplacer("0,Far,b1", "0,Metropolis,b1", "0,Far,", "0,Metropolis,", "1,Centre,", "1,Metropolis,").Replace(texts["trips.txt"])
	net, _, err := Read(files(texts), Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := net.Line("M")
	if a, b := m.Towards(cta.DirectionA), m.Towards(cta.DirectionB); a != "Metropolis (Far)" || b != "Metropolis (Centre)" {
		t.Errorf("towards %q and %q", a, b)
	}
	if r := m.Runs(20261007)[0]; r.Profile.Departures[1] != 240 || !r.Arrival(1).Equal(r.Departure.Add(210*time.Second)) {
		t.Errorf("%s reaches North at %v and leaves it %d s after %v", r.Trip.ID, r.Arrival(1), r.Profile.Departures[1], r.Departure)
	}
}
