package gtfs

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// describe formats the whole content of a network, for comparison.
func describe(net *cta.Network) []string {
	var s []string
	say := func(format string, a ...any) { s = append(s, fmt.Sprintf(format, a...)) }
	say("%s %v %v %v %v", net.Name, net.Location, net.Celsius, net.Typical, net.Hourly)
	for _, s := range net.Stations {
		say("station %d %s %s %q %d %v %v lines %v entries %v, closed %v, also %q, on foot %v", s.ID, s.Ref, s.Code, s.Name, s.Access, s.Latitude, s.Longitude, s.Lines, s.Entries, s.Closed, s.Also, s.Transfers)
		for _, p := range s.Stops {
			say("  stop %+v", p)
		}
	}
	for _, l := range net.Lines {
		say("line %s %s %q %s %s %s loop %q", l.ID, l.Ref, l.Name, l.Color, l.TextColor, l.Mode, l.Loop)
		for _, st := range l.Stations {
			say("  %d %d %q %v", st.ID, st.Order, st.Branch, st.Loop)
		}
		for _, p := range l.Patterns {
			say("  pattern %s %q", way(p), p.Headsign)
			for _, c := range p.Calls {
				say("    at %d", c.Stop)
			}
			for _, t := range p.Trips {
				say("    trip %s %+v %s %v %q %q %q every %d until %d %v direction %q", t.ID, *t.Calendar, clock(t.Departure), *t.Profile, t.Block, t.Headsign, t.Number, t.Every, t.Until, t.Exact, t.DirectionID)
				if t.Shape != nil {
					say("    along a shape of %d calls", len(t.Shape.Calls))
				}
			}
		}
	}
	return s
}

// again writes a network as a feed, and reads it.
func again(tb testing.TB, net *cta.Network) *cta.Network {
	tb.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, net); err != nil {
		tb.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range z.File {
		if file.Modified.Year() < 1980 {
			tb.Fatalf("%s has the date %v, which tools take for broken", file.Name, file.Modified)
		}
	}
	back, _, err := Read(z, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// inMemory writes a network as files in memory, and reads it.
func inMemory(tb testing.TB, net *cta.Network) *cta.Network {
	tb.Helper()
	buffers := make(map[string]*bytes.Buffer)
	if err := write(net, func(name string) (io.Writer, error) {
		buffers[name] = new(bytes.Buffer)
		return buffers[name], nil
	}); err != nil {
		tb.Fatal(err)
	}
	texts := make(map[string]string)
	for name, b := range buffers {
		texts[name] = b.String()
	}
	back, _, err := Read(files(texts), Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// foldered writes a network as a folder, and reads it.
func foldered(tb testing.TB, net *cta.Network) *cta.Network {
	tb.Helper()
	dir := tb.TempDir()
	if err := WriteFolder(dir, net); err != nil {
		tb.Fatal(err)
	}
	back, _, err := Load(dir, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// A feed, the folder written from it and the feed written from that folder hold the
// same network, including our extensions: ridership, units, compass points, longer
// names.
func TestRoundTrip(t *testing.T) {
	for name, edit := range map[string]func(*cta.Network){
		"as it is": func(*cta.Network) {},
		"riders":   func(n *cta.Network) { n.Stations[1].Entries = cta.Ridership{Weekday: 7.25, Sunday: 1e6} },
		"hours":    func(n *cta.Network) { n.Hourly = [24]float64{7: 0.25, 8: 0.75} },
		"nobody": func(n *cta.Network) {
			n.Hourly = [24]float64{}
			for _, s := range n.Stations {
				s.Entries = cta.Ridership{}
			}
		},
		"unit": func(n *cta.Network) { n.Celsius = false },
		"stops": func(n *cta.Network) {
			stops := n.Station(10).Stops
			stops[0].Compass, stops[0].DescriptiveName = "N", "Centre (Metro, to \"North\")"
			n.Station(20).Stops[0].DescriptiveName = "North, in the park"
		},
		"a closed station": func(n *cta.Network) { n.Station(20).Closed = true },
		"places":           func(n *cta.Network) { n.Station(10).Also = []string{"Town hall, old", "Café"} },
		"changes on foot": func(n *cta.Network) {
			n.Station(10).Transfers = []cta.Transfer{{To: 20, Time: 90 * time.Second}, {To: 40}}
			n.Station(20).Transfers = []cta.Transfer{{To: 10, Impossible: true}}
		},
		"calls at a station": func(n *cta.Network) {
			centre := n.Station(10)
			own := centre.Stops[0]
			own.ID, own.Code, own.Compass, own.Lines = 10, "C", "E", []string{"M"}
			centre.Stops = slices.Insert(centre.Stops, 0, own)
			n.Line("M").Patterns[0].Calls[0].Stop = 10
		},
	} {
		net, _, err := Read(files(town()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		edit(net)
		want := describe(net)
		if d := cmp.Diff(want, describe(again(t, net))); d != "" {
			t.Errorf("%s (-written +read as a zip):\n%s", name, d)
		}
		folder := foldered(t, net)
		if d := cmp.Diff(want, describe(folder)); d != "" {
			t.Errorf("%s (-written +read as a folder):\n%s", name, d)
		}
		if d := cmp.Diff(want, describe(again(t, folder))); d != "" {
			t.Errorf("%s (-the folder +a feed of it):\n%s", name, d)
		}
	}
}

// Estimated ridership is not written.
func TestEstimatesArentWritten(t *testing.T) {
	net, _, err := Read(files(town()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := WriteFolder(dir, net); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ridershipFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v", ridershipFile, err)
	}
	if err := WriteFolder(dir, net); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("written over another network: %v", err)
	}
}

// seen returns the 'L' with the timetable of a simulated day.
func seenChicago(tb testing.TB) *cta.Network {
	tb.Helper()
	net, day := cta.Chicago(), cta.Date(20261007)
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: day.Begin(net.Location).Add(-3 * time.Hour), For: 31 * time.Hour, NoFaults: true})
	if err != nil {
		tb.Fatal(err)
	}
	seen, err := WithTimetable(net, day, func(yield func(time.Time, cta.Arrival) bool) {
		for ev := range sim.Events() {
			if ev.Kind == ctaproducer.EventArrival && !yield(ev.At, ev.Arrival) {
				return
			}
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	return seen
}

// The simulated day of a network without a timetable becomes one. Each run of a train
// is a trip, and the feed has the network's lines, stations, order and patterns.
func TestSimulatedDayIsATimetable(t *testing.T) {
	net := cta.Chicago()
	seen := seenChicago(t)
	back := again(t, seen)
	if d := cmp.Diff(describe(back), describe(again(t, back))); d != "" {
		t.Errorf("the feed read and written again (-written +read):\n%s", d)
	}
	for _, l := range net.Lines {
		o := back.Line(l.ID)
		if o == nil || o.Name != l.Name || o.Color != l.Color || o.Mode != l.Mode || len(o.Patterns) != len(l.Patterns) {
			t.Errorf("%s is %+v", l.ID, o)
			continue
		}
		ways := func(l *cta.Line) (w []string) {
			for _, p := range l.Patterns {
				w = append(w, way(p))
			}
			return slices.Sorted(slices.Values(w))
		}
		if d := cmp.Diff(ways(l), ways(o)); d != "" {
			t.Errorf("%s: patterns (-Chicago +feed):\n%s", l.ID, d)
		}
		for _, s := range l.Stations {
			if !slices.ContainsFunc(o.Stations, func(p cta.LineStation) bool { return p.ID == s.ID && p.Name == s.Name && p.Loop == s.Loop }) {
				t.Errorf("%s lacks %d %s", l.ID, s.ID, s.Name)
			}
		}
		// The number of trips matches the headways.
		var intended float64
		for h := range 24 {
			if every := l.HeadwayAt(time.Date(2026, 10, 7, h, 30, 0, 0, net.Location), l.Patterns[0].Direction()); every > 0 {
				intended += float64(time.Hour) / float64(every)
			}
		}
		trips := 0
		for _, p := range o.Patterns {
			if p.Direction() == cta.DirectionA {
				trips += len(p.Trips)
			}
		}
		if float64(trips) < intended-4 || float64(trips) > intended+4 {
			t.Errorf("%s: %d trips out, the headways ask for %.0f", l.ID, trips, intended)
		}
	}
}

// TestAnyFeedComesBack generates feeds. Writing and reading a feed must preserve its
// network, and runs must depart and call at their times on every day.
func TestAnyFeedComesBack(t *testing.T) {
	zones := []string{"Europe/Vienna", "America/Santiago", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Chicago", "Pacific/Apia"}
	temp := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		feed := map[string]string{"agency.txt": "agency_name,agency_timezone\nAny," + rapid.SampledFrom(zones).Draw(t, "zone") + "\n"}
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[1-9][0-9]{0,4}|[a-z:é]{1,4}`), 3, 12, rapid.ID).Draw(t, "stops")
		feed["stops.txt"] = "stop_id,stop_name,stop_lat,stop_lon\n"
		for i, id := range ids {
			feed["stops.txt"] += fmt.Sprintf("%s,Stop %d,%d.5,%d.25\n", id, i, i%80, i)
		}
		feed["routes.txt"] = "route_id,route_long_name,route_type\n1,One,3\ntwo/2,Two,1\n"
		feed["calendar.txt"] = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
		feed["calendar_dates.txt"] = "service_id,date,exception_type\n"
		for s := range 3 {
			feed["calendar.txt"] += fmt.Sprintf("s%d", s)
			for range 7 {
				feed["calendar.txt"] += "," + rapid.SampledFrom([]string{"0", "1"}).Draw(t, "day")
			}
			feed["calendar.txt"] += ",20260301,20261130\n"
			for range rapid.IntRange(0, 3).Draw(t, "exceptions") {
				feed["calendar_dates.txt"] += fmt.Sprintf("s%d,202610%02d,%d\n", s, rapid.IntRange(1, 31).Draw(t, "date"), rapid.IntRange(1, 2).Draw(t, "exception"))
			}
		}
		feed["trips.txt"] = "route_id,service_id,trip_id,direction_id\n"
		feed["stop_times.txt"] = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
		for i := range rapid.IntRange(1, 12).Draw(t, "trips") {
			feed["trips.txt"] += fmt.Sprintf("%s,s%d,t%d,%s\n", rapid.SampledFrom([]string{"1", "two/2"}).Draw(t, "route"), i%3, i, rapid.SampledFrom([]string{"0", "1"}).Draw(t, "direction"))
			at := rapid.IntRange(0, 30*3600).Draw(t, "departure")
			for seq := range rapid.IntRange(2, 8).Draw(t, "calls") {
				arrival := at
				at += rapid.IntRange(0, 90).Draw(t, "wait")
				feed["stop_times.txt"] += fmt.Sprintf("t%d,%s,%s,%s,%d\n", i, clock(int32(arrival)), clock(int32(at)), rapid.SampledFrom(ids).Draw(t, "stop"), seq)
				at += rapid.IntRange(0, 900).Draw(t, "run")
			}
		}
		if rapid.Bool().Draw(t, "frequencies") {
			feed["frequencies.txt"] = "trip_id,start_time,end_time,headway_secs,exact_times\n"
			for i := range rapid.IntRange(1, 3).Draw(t, "spans") {
				feed["frequencies.txt"] += fmt.Sprintf("t0,%02d:00:00,%02d:30:00,%d,%d\n", 6*i, 6*i+4, rapid.IntRange(60, 3600).Draw(t, "every"), rapid.IntRange(0, 1).Draw(t, "exact"))
			}
		}
		if rapid.Bool().Draw(t, "transfers") {
			feed["transfers.txt"] = "from_stop_id,to_stop_id,transfer_type,min_transfer_time\n"
			for range rapid.IntRange(0, 6).Draw(t, "rows") {
				feed["transfers.txt"] += fmt.Sprintf("%s,%s,%d,%d\n", rapid.SampledFrom(ids).Draw(t, "from"), rapid.SampledFrom(ids).Draw(t, "to"), rapid.IntRange(0, 4).Draw(t, "kind"), rapid.IntRange(0, 300).Draw(t, "least"))
			}
		}
		net, _, err := Read(files(feed), Options{})
		if err != nil {
			t.Fatalf("%v in %v", err, feed)
		}
		if rapid.Bool().Draw(t, "riders") {
			for _, s := range net.Stations {
				s.Entries.Saturday = rapid.Float64Range(0, 1e7).Draw(t, "entries")
			}
		}
		var buf bytes.Buffer
		if err := Write(&buf, net); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := Read(z, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(describe(net), describe(back)); d != "" {
			t.Fatalf("(-written +read):\n%s", d)
		}
		dir, err := os.MkdirTemp(temp, "any")
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteFolder(dir, net); err != nil {
			t.Fatal(err)
		}
		if back, _, err = Load(dir, Options{}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(describe(net), describe(back)); d != "" {
			t.Fatalf("(-written +read as a folder):\n%s", d)
		}
		for _, l := range net.Lines {
			for _, day := range []cta.Date{20260329, 20261007, 20261025} {
				noon := time.Date(int(day/10000), time.Month(day/100%100), int(day%100), 12, 0, 0, 0, net.Location)
				for _, r := range l.Runs(day) {
					if got := r.Departure.Sub(noon) + 12*time.Hour; got != time.Duration(r.Trip.Departure)*time.Second && (r.Every == 0 || (got-time.Duration(r.Trip.Departure)*time.Second)%(time.Duration(r.Every)*time.Second) != 0) {
						t.Fatalf("trip %s of %v leaves %v after the day began", r.ID(), day, got)
					}
				}
			}
		}
	})
}

// FuzzRead checks that the reader refuses arbitrary bytes with an error, or returns a
// working network.
func FuzzRead(f *testing.F) {
	names := []string{"agency.txt", "routes.txt", "stops.txt", "calendar.txt", "calendar_dates.txt", "trips.txt", "stop_times.txt", "frequencies.txt", "transfers.txt"}
	for i, name := range names {
		f.Add(uint8(i), []byte(town()[name]))
	}
	f.Add(uint8(len(names)-1), []byte("from_stop_id,to_stop_id,transfer_type,min_transfer_time\n11,20,2,90\n20,10,3,\n10,20,0,\nh:1,nowhere,0,\n"))
	feed := town()
	feed["calendar.txt"] = strings.NewReplacer("20260101", "20261001", "20261231", "20261031").Replace(feed["calendar.txt"]) // short, for many runs
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		fsys := files(feed)
		fsys[names[int(which)%len(names)]] = &fstest.MapFile{Data: data}
		net, _, err := Read(fsys, Options{})
		if err != nil {
			if net != nil || err.Error() == "" {
				t.Errorf("refused with %q and a network: %v", err, net != nil)
			}
			return
		}
		for _, l := range net.Lines {
			l.Towards(cta.DirectionA)
			l.Runs(20261007)
		}
		if written, read := describe(net), describe(inMemory(t, net)); !slices.Equal(written, read) {
			t.Errorf("(-written +read):\n%s", cmp.Diff(written, read))
		}
	})
}

// FuzzZip checks the same for the archive itself.
func FuzzZip(f *testing.F) {
	net, _, err := Read(files(town()), Options{})
	if err != nil {
		f.Fatal(err)
	}
	var buf bytes.Buffer
	if err := Write(&buf, net); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		if net, _, err := Read(z, Options{}); (net == nil) == (err == nil) {
			t.Errorf("a network: %v, and %v", net != nil, err)
		}
	})
}

// TestRealFeeds simulates the trips of real feeds, if present, and prints how many
// there are and how many keep their times.
func TestRealFeeds(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	var table strings.Builder
	for _, c := range []struct {
		file    string
		holiday cta.Date
	}{
		{"gtfs/caltrain.zip", 20160704},
		{"gtfs/salem.zip", 20160905},
		{"oba-maglev/raba.zip", 20250704},
		{"validator-bullrunner/bullrunner-gtfs.zip", 20151225},
	} {
		net, report, err := Load(filepath.Join(samples, c.file), Options{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if d := cmp.Diff(describe(net), describe(again(t, net))); d != "" {
			t.Errorf("%s (-written +read):\n%s", c.file, d)
		}
		if n := sameShapes(t, net, again(t, net)); n > 0 != (c.file != "gtfs/salem.zip") { // which has no shapes.txt
			t.Errorf("%s: %d patterns have a shape", c.file, n)
		}
		if d := cmp.Diff(describe(net), describe(foldered(t, net))); d != "" {
			t.Errorf("%s (-written +read as a folder):\n%s", c.file, d)
		}
		saturday := net.Typical
		for saturday.Weekday() != time.Saturday {
			saturday = saturday.Add(1)
		}
		fmt.Fprintf(&table, "\n%s: %d trips in the feed", c.file, report.Trips)
		for _, day := range []cta.Date{net.Typical, saturday, c.holiday} {
			trips, asTimed, calls, inTime := follow(t, net, day)
			fmt.Fprintf(&table, "\n  %s %v: %d trips, %d simulated as timed; %d calls, %d in order at their minute", day.Weekday().String()[:3], day, trips, asTimed, calls, inTime)
			if asTimed != trips || inTime != calls {
				t.Errorf("%s on %v: %d of %d trips, %d of %d calls", c.file, day, asTimed, trips, inTime, calls)
			}
		}
	}
	t.Log(table.String())
}

// TestCTAsOwnFeed compares the Chicago data with the CTA's feed of November 2023, as far
// as a sample without stop_times.txt goes. Three stations were closed, or not open yet.
func TestCTAsOwnFeed(t *testing.T) {
	samples := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if samples == "" {
		t.Skip("CTALIVE_GTFS_SAMPLES doesn't name a folder with feeds of agencies")
	}
	rows := func(name string) (rows []map[string]string) {
		text, err := os.ReadFile(filepath.Join(samples, "transitlab-gtfs", name))
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, cells := range all[1:] {
			row := map[string]string{}
			for i, c := range cells {
				row[all[0][i]] = c
			}
			rows = append(rows, row)
		}
		return rows
	}
	net := cta.Chicago()
	stations := make(map[string]*cta.Station)
	owner := make(map[string]*cta.Station)
	for _, s := range net.Stations {
		stations[StationID(s)] = s
		for _, stop := range s.Stops {
			owner[PlatformID(stop)] = s
		}
	}
	var lacks []string
	seen := make(map[*cta.Station]bool)
	parents, platforms := 0, 0
	for _, r := range rows("stops.txt") {
		if r["location_type"] == "1" {
			parents++
			s := stations[r["stop_id"]]
			name, _, _ := strings.Cut(r["stop_name"], " (")
			if s == nil || !strings.HasPrefix(s.Name, name) && !strings.HasPrefix(name, s.Name) {
				lacks = append(lacks, r["stop_id"]+" "+r["stop_name"])
			}
			seen[s] = true
			continue
		}
		platforms++
		if s := owner[r["stop_id"]]; s == nil || StationID(s) != r["parent_station"] {
			lacks = append(lacks, r["stop_id"]+" "+r["stop_name"])
		}
	}
	var others []string
	for _, s := range net.Stations {
		if !seen[s] {
			others = append(others, s.Name)
		}
	}
	if len(lacks) > 0 || parents != 141 || platforms != 293 {
		t.Errorf("of %d stations and %d platforms the network lacks or has elsewhere %v", parents, platforms, lacks)
	}
	slices.Sort(others)
	if d := cmp.Diff([]string{"Berwyn", "Damen", "Lawrence"}, others); d != "" {
		t.Errorf("stations that the feed lacks (-want +got):\n%s", d)
	}
	between := func(from, to *cta.Station) string { return StationID(from) + " to " + StationID(to) }
	feeds, ours := map[string]bool{}, map[string]bool{}
	for _, r := range rows("transfers.txt") {
		if from, to := owner[r["from_stop_id"]], owner[r["to_stop_id"]]; from != to {
			feeds[between(from, to)] = true
		}
	}
	for _, s := range net.Stations {
		for _, change := range s.Transfers {
			ours[between(s, net.Station(change.To))] = true
		}
	}
	if d := cmp.Diff(feeds, ours); d != "" || len(ours) != 10 {
		t.Errorf("changes between two stations (-feed +network):\n%s", d)
	}
	for _, r := range rows("routes.txt") {
		i := slices.IndexFunc(net.Lines, func(l *cta.Line) bool { return l.Name == r["route_long_name"] })
		if i < 0 || !strings.EqualFold(net.Lines[i].Color, "#"+r["route_color"]) {
			t.Errorf("the network has no line like %v", r)
		}
	}
}

// follow simulates a service day, and counts its trips and those that call at all their
// stations in order, to the minute.
func follow(tb testing.TB, net *cta.Network, day cta.Date) (trips, asTimed, calls, inTime int) {
	tb.Helper()
	begin, last := day.Begin(net.Location), 24*time.Hour
	for _, l := range net.Lines {
		for _, r := range l.Runs(day) {
			last = max(last, r.Arrival(len(r.Calls)-1).Sub(begin))
		}
	}
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Start: begin, For: last + time.Minute, NoFaults: true})
	if err != nil {
		tb.Fatal(err)
	}
	seen := make(map[string][]ctaproducer.Event)
	for ev := range sim.Events() {
		if ev.Kind == ctaproducer.EventArrival && ev.Arrival.TrainStatus == cta.TrainInService {
			seen[ev.Arrival.TrainID] = append(seen[ev.Arrival.TrainID], ev)
		}
	}
	for _, l := range net.Lines {
		for _, r := range l.Runs(day) {
			trips++
			of := seen[r.ID()]
			first := slices.IndexFunc(of, func(ev ctaproducer.Event) bool { return !ev.At.Before(r.Departure.Truncate(time.Minute)) })
			good := 0
			for i, c := range r.Calls {
				calls++
				at := r.Departure
				if i > 0 {
					at = r.Arrival(i)
				}
				if first >= 0 && first+i < len(of) && of[first+i].Arrival.StationID == c.Station.ID &&
					of[first+i].At.Truncate(time.Minute).Equal(at.Truncate(time.Minute)) {
					good++
				}
			}
			inTime += good
			if good == len(r.Calls) {
				asTimed++
			}
		}
	}
	return trips, asTimed, calls, inTime
}

// TestTimetableIsSimulated checks the same for the small feed, on every day.
func TestTimetableIsSimulated(t *testing.T) {
	net, _, err := Read(files(town()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []cta.Date{20261007, 20261010, 20261026, 20260330} {
		if trips, asTimed, calls, inTime := follow(t, net, day); trips == 0 || asTimed != trips || inTime != calls {
			t.Errorf("%v: %d of %d trips, %d of %d calls", day, asTimed, trips, inTime, calls)
		}
	}
}

// metro is a line of 24 stations. In every hour, full runs, runs that turn short of either
// end, and runs between two stations in the middle follow one another.
func metro() map[string]string {
	const stations = 24
	feed := map[string]string{
		"agency.txt":         "agency_name,agency_timezone\nMetro,Europe/Lisbon\n",
		"routes.txt":         "route_id,route_short_name,route_type,route_color\nA,A,1,0077C8\n",
		"stops.txt":          "stop_id,stop_name,stop_lat,stop_lon\n",
		"calendar.txt":       "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nw,1,1,1,1,1,0,0,20260101,20261231\ns,0,0,0,0,0,1,1,20260101,20261231\n",
		"calendar_dates.txt": "service_id,date,exception_type\nw,20261201,2\ns,20261201,1\n",
		"trips.txt":          "route_id,service_id,trip_id,direction_id\n",
		"stop_times.txt":     "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n",
	}
	for i := range stations {
		feed["stops.txt"] += fmt.Sprintf("M%d,Station %d,41.%03d,-8.6\n", i, i, 100+9*i)
	}
	var trips, times strings.Builder
	for _, service := range []string{"w", "s"} {
		every := int32(300)
		if service == "s" {
			every = 720
		}
		for n, at := 0, int32(6*3600); at < 25*3600; n, at = n+1, at+every {
			ends := [][2]int{{0, 23}, {0, 15}, {6, 23}, {6, 15}}[n/2%4]
			from, step := ends[0], 1
			if n%2 == 1 {
				from, step = ends[1], -1
			}
			id := fmt.Sprintf("%s%d", service, n)
			fmt.Fprintf(&trips, "A,%s,%s,%d\n", service, id, n%2)
			for i := range ends[1] - ends[0] + 1 {
				t := clock(at + int32(i)*110)
				fmt.Fprintf(&times, "%s,%s,%s,M%d,%d\n", id, t, t, from+step*i, i+1)
			}
		}
	}
	feed["trips.txt"] += trips.String()
	feed["stop_times.txt"] += times.String()
	return feed
}

// A metro with short turns in every hour, and a railway with text ids and services by
// dates alone, lose no trip either, on any kind of day.
func TestGeneratedFeedsLoseNoTrip(t *testing.T) {
	for name, c := range map[string]struct {
		feed map[string]string
		days []cta.Date
		want []int
	}{
		"metro":   {metro(), []cta.Date{20261007, 20261010, 20261201}, []int{228, 95, 95}},
		"railway": {railway(454), []cta.Date{20260603, 20260606, 20260610}, []int{133, 133, 133}},
	} {
		net, report, err := Read(files(c.feed), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(describe(net), describe(again(t, net))); d != "" {
			t.Errorf("%s (-written +read):\n%s", name, d)
		}
		if race.Enabled {
			c.days = c.days[:1]
		}
		for i, day := range c.days {
			trips, asTimed, calls, inTime := follow(t, net, day)
			t.Logf("%s, %d trips in the feed: %v: %d trips, %d simulated as timed; %d calls, %d in order at their minute", name, report.Trips, day, trips, asTimed, calls, inTime)
			if asTimed != trips || inTime != calls || trips != c.want[i] {
				t.Errorf("%s on %v: %d of %d trips, %d of %d calls", name, day, asTimed, trips, inTime, calls)
			}
		}
	}
}

// BenchmarkRead reads a large feed: 5,000 stops, 120 routes, a million calls.
func BenchmarkRead(b *testing.B) {
	feed := files(large())
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Read(feed, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func large() map[string]string {
	var stops, routes, trips, times strings.Builder
	stops.WriteString("stop_id,stop_name,stop_lat,stop_lon\n")
	for i := range 5000 {
		fmt.Fprintf(&stops, "S%d,Stop %d,%.4f,%.4f\n", i, i, 40+float64(i%100)/100, -80+float64(i/100)/100)
	}
	routes.WriteString("route_id,route_long_name,route_type\n")
	trips.WriteString("route_id,service_id,trip_id,direction_id\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n")
	for r := range 120 {
		fmt.Fprintf(&routes, "R%d,Route %d,3\n", r, r)
		for n := range 208 {
			id := fmt.Sprintf("T%d-%d", r, n)
			fmt.Fprintf(&trips, "R%d,wd,%s,%d\n", r, id, n%2)
			at := 5*3600 + n*300
			for c := range 40 {
				stop := (r*41 + c) % 5000
				if n%2 == 1 {
					stop = (r*41 + 39 - c) % 5000
				}
				fmt.Fprintf(&times, "%s,%s,%s,S%d,%d\n", id, clock(int32(at)), clock(int32(at)), stop, c)
				at += 60 + (c*7+n/20)%50
			}
		}
	}
	return map[string]string{
		"agency.txt": "agency_name,agency_timezone\nLarge,America/New_York\n", "stops.txt": stops.String(), "routes.txt": routes.String(),
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwd,1,1,1,1,1,0,0,20260101,20261231\n",
		"trips.txt":    trips.String(), "stop_times.txt": times.String(),
	}
}

// TestHeadwaysAreFrequencies writes the 'L', which has only headways.
func TestHeadwaysAreFrequencies(t *testing.T) {
	net := cta.Chicago()
	headways, err := WithFrequencies(net)
	if err != nil {
		t.Fatal(err)
	}
	back := again(t, net)
	trips := func(net *cta.Network) (list []string) {
		for _, l := range net.Lines {
			for _, p := range l.Patterns {
				for _, tr := range p.Trips {
					list = append(list, fmt.Sprintf("%s %s %s %d-%d every %d %v, %s, %v, days %d from %v to %v", l.ID, way(p), tr.ID, tr.Departure, tr.Until, tr.Every, tr.Exact,
						tr.DirectionID, tr.Profile.Arrivals, tr.Calendar.Days, tr.Calendar.From, tr.Calendar.To))
				}
			}
		}
		slices.Sort(list)
		return list
	}
	if d := cmp.Diff(trips(headways), trips(back)); d != "" {
		t.Errorf("(-written +read):\n%s", d)
	}
	// The number of trains matches the headways, on any day.
	day := cta.Date(20261010)
	for i, l := range net.Lines {
		want := 0.0
		for _, p := range l.Patterns {
			for _, h := range p.Headways {
				if h.Calendar.Includes(day) {
					want += float64(h.ToHour-h.FromHour) * float64(time.Hour) / float64(h.Every)
				}
			}
		}
		if n := len(back.Lines[i].Runs(day)); float64(n) < want-1 || float64(n) > want+float64(2*len(l.Patterns)+20) {
			t.Errorf("%s: %d runs on %v, the headways promise %.0f", l.ID, n, day, want)
		}
	}
}

// oddities is a feed with what real ones have, and few readers expect: see the comments in
// it.
func oddities() map[string]string {
	feed := map[string]string{
		// Several agencies, of which one has routes without an id; columns that nobody knows.
		"agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nA,\"Verkehr, Nord\",,Europe/Lisbon\n,Süd,,Europe/Lisbon\n",
		// Extended types, no color, one color for both.
		"routes.txt": "route_id,agency_id,route_short_name,route_long_name,route_type,route_color,route_text_color,\n" +
			"N-1,A,N1,Night,109,,,\nRing,,,Ring,900,FFFF00,FFFF00,\nL ,A,L, Lake ,1200,,,\nIv,A,,Intervals,704,,,\nX,A,,Nobody,1700,,,\n",
		// A station with platforms, entrances and a boarding area; one at which trips call
		// themselves; a stop without a place, and one in the sea; quotes, spaces, too many and
		// too few commas.
		"stops.txt": "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,wheelchair_boarding,stop_code\n" +
			"S,\"Central \"\"Hall\"\"\",41.1,-8.6,1,,1,\nS1,,,,0,S,,1\nS2,,41.1,-8.6,0,S,2,2,,,\nE,Door,41.1,-8.6,2,S\nB,,,,4,S1,,\nnode,,,,3,S,,\n" +
			"T ,Town, 41.12 , -8.61 ,1\nU,Unplaced,,\nV,Sea,0,0\nW,West,41.15,-8.65,,\nP,Pier,41.11,-8.7,0,\nalone,Never,41,-8,1,,,\n",
		// Dates alone, with services that run on one day.
		"calendar_dates.txt": "service_id,date,exception_type\nd,20261007,1\nd,20261008,1\nd,20261009,2\nx,20261006,1\nsu,20261025,1\nwi,20260329,1\n",
		"trips.txt": "route_id,service_id,trip_id,direction_id,block_id,trip_headsign\n" +
			"N-1,d,24h,0,b,\nN-1,d,48h,0,b,\nN-1,x,day3,1,,\nN-1,x,long,,,\nN-1,su,autumn,0,,\nN-1,wi,spring,0,,\n" +
			"Ring,d,round,0,,\nRing,d,round2,0,,\nRing,d,lolly,0,,\nL,d,boat,,,Sea\nIv,d,exact,0,,\nIv,d,about,1,,\nX,d,one,0,,\n",
		// Sequences with gaps, calls of one minute, no times between, seconds without a leading
		// zero, pick-up and drop-off, rows of trips mixed.
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type,timepoint\n" +
			"24h,23:50:00,23:50:00,S1,10,0,1,1\n24h,,,U,20,,,0\n24h,,,V,25,,,0\n24h,24:20:00,24:21:00,W,400,1,0,1\n" +
			"48h,47:59:00,47:59:00,S1,1,,,\n48h,48:30:00,48:30:00,W,2,,,\n" +
			"day3,99:00:00,99:00:00,W,1,,,\nday3,100:10:00,100:10:00,S2,2,,,\n" +
			"long,10:00:00,10:00:00,S1,1,,,\nlong,40:00:00,41:00:00,T,2,3,3,\nlong,70:00:00,70:00:00,W,3,,,\n" +
			"autumn,0:30:00,0:30:00,S1,1,,,\nautumn,2:30:00,2:30:00,T,2,,,\nautumn,4:30:00,4:30:00,W,3,,,\n" +
			"spring,0:30:00,0:30:00,S1,1,,,\nspring,2:30:00,2:30:00,T,2,,,\nspring,4:30:00,4:30:00,W,3,,,\n" +
			"round,7:00:00,7:00:00,T,1,,,\nround,7:00:00,7:00:00,S1,2,,,\nround,7:00:00,7:00:00,W,3,,,\nround,7:09:00,7:09:00,T,4,,,\n" +
			"lolly,9:00:00,9:00:00,P,1,,,\nround2,7:09:00,7:09:00,T,1,,,\nlolly,9:05:00,9:05:00,T,2,,,\nround2,7:12:00,7:12:00,S1,2,,,\n" +
			"lolly,9:06:00,9:06:00,S2,3,,,\nlolly,9:09:00,9:09:00,W,4,,,\nlolly,9:12:00,9:12:00,T,5,,,\nlolly,9:20:00,9:20:00,P,6,,,\n" +
			"round2,7:15:00,7:15:00,W,3,,,\nround2,7:18:00,7:18:00,T,4,,,\n" +
			"boat, 8:00:00,08:00:00,P,0,,,\nboat,8:30:00,8:30:00,W,7,,,\n" +
			"exact,0:00:00,0:00:00,S1,1,,,\nexact,0:04:00,0:05:00,T,2,,,\nexact,0:10:00,0:10:00,W,3,,,\n" +
			"about,5:00:00,5:00:00,W,1,,,\nabout,5:10:00,5:10:00,S2,2,,,\none,8:00:00,8:00:00,S1,1,,,\n",
		"frequencies.txt":  "trip_id,start_time,end_time,headway_secs,exact_times\nexact,6:00:00,8:00:00,900,1\nexact,23:00:00,26:00:00,1800,1\nabout,6:00:00,7:00:00,1200,0\n",
		"feed_info.txt":    "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date\nP,,pt,20200101,20200131\n",
		"translations.txt": "table_name,field_name,language,translation\nstops,stop_name,en,Hall\n", "shapes.txt": "broken \"file",
	}
	for name, text := range feed {
		feed[name] = "\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n")
	}
	return feed
}

// A feed of oddities loses no trip, on any day: not past midnight, nor days later, nor when
// clocks change.
func TestOddFeedLosesNoTrip(t *testing.T) {
	net, report, err := Read(files(oddities()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(describe(net), describe(again(t, net))); d != "" {
		t.Errorf("(-written +read):\n%s", d)
	}
	if report.Trips != 12 || report.Repeating != 2 || len(net.Lines) != 4 {
		t.Errorf("%v", report)
	}
	for day, want := range map[cta.Date]int{20261006: 2, 20261007: 2 + 3 + 1 + 8 + 6 + 3, 20261008: 23, 20261009: 0, 20261025: 1, 20260329: 1} {
		trips, asTimed, calls, inTime := follow(t, net, day)
		if trips != want || asTimed != trips || inTime != calls {
			t.Errorf("%v: %d trips, want %d; %d as timed; %d of %d calls", day, trips, want, asTimed, inTime, calls)
		}
	}
}
