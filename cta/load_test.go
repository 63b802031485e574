package cta

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// files lists a network's files, in the order of reading.
var files = []string{
	networkFile, linesFile, stationsFile, lineStationsFile, stopsFile, ridershipFile, hourlyFile, transfersFile, serviceFile,
}

// smalltown returns the files of a tiny agency, modified.
func smalltown(tb testing.TB, edits ...edit) fstest.MapFS {
	tb.Helper()
	fsys := make(fstest.MapFS)
	for _, name := range files {
		data, err := os.ReadFile("testdata/smalltown/" + name)
		if err != nil {
			tb.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: data}
	}
	for _, e := range edits {
		e(tb, fsys)
	}
	return fsys
}

type edit func(testing.TB, fstest.MapFS)

// replace replaces the only occurrence of old in a file.
func replace(file, old, new string) edit {
	return func(tb testing.TB, fsys fstest.MapFS) {
		tb.Helper()
		text := string(fsys[file].Data)
		if n := strings.Count(text, old); n != 1 {
			tb.Fatalf("%s has %q %d times, want once", file, old, n)
		}
		fsys[file] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, new, 1))}
	}
}

// write replaces a file.
func write(file, text string) edit {
	return func(_ testing.TB, fsys fstest.MapFS) { fsys[file] = &fstest.MapFile{Data: []byte(text)} }
}

func remove(file string) edit {
	return func(_ testing.TB, fsys fstest.MapFS) { delete(fsys, file) }
}

func TestLoadAnotherAgency(t *testing.T) {
	net, err := Load(smalltown(t))
	if err != nil {
		t.Fatal(err)
	}
	if net.Name != "Smalltown Tram" || net.Location.String() != "Europe/Vienna" {
		t.Errorf("network is %q in %v", net.Name, net.Location)
	}
	t1, t2 := net.Line("T1"), net.Line("T2")
	var places []string
	for _, s := range t1.Stations {
		places = append(places, fmt.Sprintf("%d %s %s", s.Order, s.Name, s.Branch))
	}
	if d := cmp.Diff([]string{"0 Station ", "1 Market ", "2 Lake, West Bank West", "2 Grünau East"}, places); d != "" {
		t.Errorf("stations of T1 (-want +got):\n%s", d)
	}
	if got := calls(t1.Patterns[0].Calls) + "; " + calls(t1.Patterns[3].Calls); len(t1.Patterns) != 4 || got != "1 a, 2 a, 3 a; 5 b, 2 b, 1 b" {
		t.Errorf("%d patterns of T1, the first and the last are %s", len(t1.Patterns), got)
	}
	if got := t1.Towards(DirectionA); got != "Lake, West Bank or Grünau" {
		t.Errorf("T1 runs towards %s", got)
	}
	if got := calls(t2.Next(2, DirectionA)); got != "6 b" {
		t.Errorf("T2 leaves its loop to %s, want 6 b", got)
	}
	if d := cmp.Diff([]string{"T2", "T1"}, net.LineColumns()); d != "" {
		t.Errorf("columns, as in the header (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"T1", "T2"}, net.Station(2).Lines); d != "" {
		t.Errorf("lines at Market, in the network's order (-want +got):\n%s", d)
	}
	for id, want := range map[int][]Transfer{2: {{To: 4, Time: 4*time.Minute + 30*time.Second}}, 4: {{To: 2, Time: 4*time.Minute + 30*time.Second}, {To: 6}}, 6: {{To: 4}}} {
		if d := cmp.Diff(want, net.Station(id).Transfers); d != "" {
			t.Errorf("changes on foot at %d (-want +got):\n%s", id, d)
		}
	}
	if got := net.Station(2).Entries; got != (Ridership{900.5, 1500, 300}) {
		t.Errorf("entries at Market: %+v", got)
	}
	at := time.Date(2026, 10, 7, 6, 30, 0, 0, time.UTC)
	if got, want := t2.Patterns[0].HeadwayAt(at), 7*time.Minute+30*time.Second; got != want || t2.Patterns[1].HeadwayAt(at) != 0 {
		t.Errorf("T2 runs every %v at 08:30, want %v", got, want)
	}
}

func TestLoadTakesWhatSpreadsheetsWrite(t *testing.T) {
	for name, saved := range map[string]func(string) string{
		"Windows":       func(text string) string { return "\uFEFF" + strings.ReplaceAll(text, "\n", "\r\n") },
		"Macintosh":     func(text string) string { return strings.ReplaceAll(text, "\n", "\r") },
		"capitals":      strings.NewReplacer("true", "TRUE", "false", "FALSE").Replace,
		"1 and 0":       strings.NewReplacer("true", "1", "false", "0").Replace,
		"empty rows":    func(text string) string { return text + ",,,,\n , \n\n" },
		"empty columns": func(text string) string { return strings.ReplaceAll(text, "\n", ",,\n") },
		"spaces": func(text string) string {
			header, rows, _ := strings.Cut(text, "\n")
			return strings.ReplaceAll(header, ",", ", ") + "\n" + rows
		},
	} {
		fsys := smalltown(t)
		for file, f := range fsys {
			fsys[file] = &fstest.MapFile{Data: []byte(saved(string(f.Data)))}
		}
		if net, err := Load(fsys); err != nil || len(net.Stations) != 7 || net.Station(1).Access != AccessibilityStepFree {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoadNeedsLittle leaves out all optional parts: stops, ridership, hourly shares,
// compass points, notes.
func TestLoadNeedsLittle(t *testing.T) {
	net, err := Load(smalltown(t, remove(stopsFile), remove(ridershipFile), remove(hourlyFile),
		replace(linesFile, "#ffffff,\n", "#ffffff\n"), replace(linesFile, ",loop_from", ""), replace(linesFile, "#000000,4", "#000000"),
		write(networkFile, "name,timezone,temperature\nSmalltown Tram,Europe/Vienna,C\n"),
		replace(stationsFile, "Hilltop,false", "Hilltop,"), replace(stationsFile, "Station,true", "Station,TRUE")))
	if err != nil {
		t.Fatal(err)
	}
	market := net.Station(2)
	if d := cmp.Diff([]Stop{{ID: 2, Name: "Market", DescriptiveName: "Market", Lines: []string{"T1", "T2"}}}, market.Stops); d != "" {
		t.Errorf("stops of Market (-want +got):\n%s", d)
	}
	if !net.Celsius || net.Station(7).Access != AccessibilityUnknown || net.Station(1).Access != AccessibilityStepFree || net.Station(3).Access != AccessibilitySteps {
		t.Errorf("Celsius %v, access %v, %v, %v", net.Celsius, net.Station(7).Access, net.Station(1).Access, net.Station(3).Access)
	}
}

// A fault in one file isn't reported again for each reference to it.
func TestOneFaultIsToldOnce(t *testing.T) {
	all := func(file, old, new string) edit {
		return func(tb testing.TB, fsys fstest.MapFS) {
			write(file, strings.ReplaceAll(string(fsys[file].Data), old, new))(tb, fsys)
		}
	}
	for name, e := range map[string]edit{
		"line id":            replace(linesFile, "T2,Hill", "T/2,Hill"),
		"line twice":         replace(linesFile, "T2,Hill Tram,#ee9b00,#000000,4\n", "T1,Hill Tram,#ee9b00,#000000,4\n"),
		"another line":       replace(linesFile, "T2,Hill", "T3,Hill"),
		"station id":         replace(stationsFile, "2,Market", "two,Market"),
		"station twice":      replace(stationsFile, "2,Market", "1,Market"),
		"another station":    replace(stationsFile, "2,Market", "22,Market"),
		"a delimiter":        replace(stationsFile, "latitude,", "latitude;"),
		"all delimiters":     all(stationsFile, ",", ";"),
		"a spreadsheet's":    all(stationsFile, "station_id,", "sep=,\nstation_id,"),
		"a column's name":    replace(stationsFile, "station_id", "Station_ID"),
		"a quote":            replace(stationsFile, "2,Market", `2,"Market`),
		"a quote within":     replace(stationsFile, "2,Market", `2,Mar"ket`),
		"a language":         all(stopsFile, "true", "WAHR"),
		"no boolean in rows": all(stopsFile, "true", ""),
	} {
		if _, err := Load(smalltown(t, e)); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	const hourly = "hour,share\n"
	for _, c := range []struct {
		name string
		edit edit
		want string // lines of the error
	}{
		{"missing file", remove(stationsFile),
			"stations.csv: missing, want a file with columns station_id, station_name, accessible, latitude, longitude"},
		{"empty file", write(hourlyFile, ""),
			"hourly.csv: empty, want a header with columns hour, share"},
		{"missing column", replace(stationsFile, "accessible,latitude", "note,latitude"),
			`stations.csv:1: no column "accessible", want columns station_id, station_name, accessible, latitude, longitude`},
		{"unknown column", replace(serviceFile, "last_station_id", "last_station_id,bus"),
			`service.csv:1:51: unknown column "bus", want only line, days, from, to, headway_minutes, note, last_station_id`},
		{"column twice", replace(networkFile, "name,timezone", "name,name"),
			`network.csv:1: no column "timezone", want columns name, timezone
network.csv:1:6: second column "name", want each column once`},
		{"bad number", replace(stationsFile, "13.040000", "east"),
			`stations.csv:2:26: longitude is "east", want a number from -180 to 180`},
		{"not a number", replace(stationsFile, "13.040000", "NaN"),
			`stations.csv:2:26: longitude is "NaN", want a number from -180 to 180`},
		{"latitude out of range", replace(stationsFile, "47.803000", "90.01"),
			`stations.csv:3:15: latitude is "90.01", want a number from -90 to 90`},
		{"bad truth value", replace(stationsFile, "Station,true", "Station,yes"),
			`stations.csv:2:11: accessible is "yes", want true or false`},
		{"station id too large", replace(stopsFile, "T2),7,", "T2),2147483648,"),
			`stops.csv:11:27: station_id is "2147483648", want a whole number from 1 to 2147483647`},
		{"station twice", replace(stationsFile, "7,Hilltop", "6,Hilltop"),
			`stations.csv:8:1: station_id is "6", want each station once`},
		{"line twice", replace(linesFile, "T2,Hill", "T1,Hill"),
			`lines.csv:3:1: line is "T1", want each line once`},
		{"stop twice", replace(stopsFile, "62,S", "61,S"),
			`stops.csv:10:1: stop_id is "61", want each stop once`},
		{"a change to itself", replace(transfersFile, "4,6,", "4,4,"),
			`transfers.csv:3:3: to_station_id is "4", want another station, each pair once`},
		{"a change twice", replace(transfersFile, "4,6,", "4,2,3"),
			`transfers.csv:3:3: to_station_id is "2", want another station, each pair once`},
		{"a change to nowhere", replace(transfersFile, "4,6,", "4,60,"),
			`transfers.csv:3:3: to_station_id is "60", want a station of stations.csv`},
		{"line id that is a column", replace(linesFile, "T1,Lake", "order,Lake"), "*" +
			`lines.csv:2:1: line is "order", want another id than that of a column of stops.csv`},
		{"line id with a slash", replace(linesFile, "T1,Lake", "T/1,Lake"), "*" +
			`lines.csv:2:1: line is "T/1", want 1 to 32 letters a to z or A to Z, digits, hyphens, underscores and dots`},
		{"line without stations", replace(linesFile, "T1,Lake", "T3,Dale Tram,#000000,#ffffff,\nT1,Lake"),
			`lines.csv:2:1: line is "T3", want a line with two stations or more in line_stations.csv`},
		{"bad colour", replace(linesFile, "#005f73", "teal"),
			`lines.csv:2:14: color is "teal", want a colour as #c60c30`},
		{"loop on no station of the line", replace(linesFile, "#000000,4", "#000000,5"),
			`lines.csv:3:30: loop_from is "5", want a station of the line`},
		{"loop before the branches", replace(linesFile, "#ffffff,", "#ffffff,2"),
			`lines.csv:2:30: loop_from is "2", want a station of a branch, as the loop is the end of a run`},
		{"gap in the order", replace(lineStationsFile, "T2,3,2", "T2,4,2"),
			`line_stations.csv:9:4: order is "4", want 3, as orders have no gaps`},
		{"order twice", replace(lineStationsFile, "T2,3,2", "T2,2,2"),
			`line_stations.csv:9:4: order is "2", want each order once, and that of line 8 is the same`},
		{"branch away from the trunk", replace(lineStationsFile, "T1,2,5", "T1,3,5"),
			`line_stations.csv:5:4: order is "3", want 2, as a branch goes on where the trunk ends`},
		{"branches without a trunk", write(lineStationsFile, `line,order,station_id,branch
T1,0,1,x
T1,1,2,x
T1,0,3,y
T1,1,5,y
T2,0,7,
T2,1,6,
T2,2,4,
T2,3,2,
`), `line_stations.csv:2:8: branch is "x", want empty, as every line begins with a trunk`},
		{"station twice on a line", replace(lineStationsFile, "T2,3,2,Market", "T2,3,6,Museum"),
			`line_stations.csv:9:6: station_id is "6", want each station of a line once, but for the first at the end of a ring`},
		{"name of another station", replace(lineStationsFile, "T2,1,6,Museum", "T2,1,6,Market"),
			`line_stations.csv:7:8: station_name is "Market", want "Museum" as in stations.csv`},
		{"station without a line", replace(lineStationsFile, "T1,2,5,Grünau,East\n", ""),
			`stations.csv:6:1: station_id is "5", want a station with a line in line_stations.csv
stops.csv:8:35: T1 is "true", want false, as station 5 is not on the line in line_stations.csv`},
		{"station without a stop", replace(stopsFile, "51,S,Grünau,Grünau (T1),5,false,true\n", ""),
			`stations.csv:6:1: station_id is "5", want a station with a stop in stops.csv`},
		{"line without a stop at its station", replace(stopsFile, "23,S,Market (to Hilltop),Market (T2),2,true,false\n", ""),
			`line_stations.csv:9:6: station_id is "2", want a station with a stop whose column "T2" is true in stops.csv`},
		{"stop of a line elsewhere", replace(stopsFile, "(T1),1,false,true", "(T1),1,true,true"),
			`stops.csv:2:40: T2 is "true", want false, as station 1 is not on the line in line_stations.csv`},
		{"stop of no line", replace(stopsFile, "22,N,Market (to the lake),Market (T1),2,false,true", "22,N,Market (to the lake),Market (T1),2,false,false"),
			`stops.csv:4: a stop of no line, want true for one line or more`},
		{"unknown direction", replace(stopsFile, "71,N", "71,up"),
			`stops.csv:11:4: direction_id is "up", want N, E, S or W, or nothing`},
		{"negative ridership", replace(ridershipFile, "900.5", "-1"),
			`ridership.csv:3:10: weekday is "-1", want a number from 0 to 10000000`},
		{"station twice in the ridership", replace(ridershipFile, "7,Hilltop", "6,Museum"),
			`ridership.csv: without station 7 "Hilltop", want a row for each, of zeros if nothing is known
ridership.csv:8:1: station_id is "6", want each station once`},
		{"hour missing and twice", replace(hourlyFile, "\n5,0\n", "\n4,0\n"),
			`hourly.csv: without hours 5, want a row for each hour from 0 to 23
hourly.csv:7:1: hour is "4", want each hour once`},
		{"hour of another day", replace(hourlyFile, "\n23,0\n", "\n24,0\n"),
			`hourly.csv: without hours 23, want a row for each hour from 0 to 23
hourly.csv:25:1: hour is "24", want a whole number from 0 to 23`},
		{"shares that don't add up", replace(hourlyFile, "\n23,0\n", "\n23,0.1\n"),
			`hourly.csv: shares that sum to 1.100000, want 1, or 0 where nothing is known`},
		{"unknown days", replace(serviceFile, "T2,weekend", "T2,holiday"),
			`service.csv:5:4: days is "holiday", want daily, weekday, weekend, saturday or sunday`},
		{"service past midnight", replace(serviceFile, "T1,daily,6,23", "T1,daily,6,1"),
			`service.csv:2:12: to is "1", want a later hour than from; a service past midnight takes two rows`},
		{"overlapping hours", replace(serviceFile, "T2,weekday,9,20", "T2,daily,8,20"),
			`service.csv:4:10: from is "8", want hours apart from those of line 3
service.csv:5:12: from is "8", want hours apart from those of line 4`},
		{"no headway", replace(serviceFile, "8,20,20,", "8,20,0,"),
			`service.csv:5:17: headway_minutes is "0", want a number from 0.1 to 1440`},
		{"turn-back off the line", replace(serviceFile, "15,6", "15,1"),
			`service.csv:4:20: last_station_id is "1", want a station of the line`},
		{"turn-back in the loop", replace(serviceFile, "15,6", "15,4"),
			`service.csv:4:20: last_station_id is "4", want a station of the trunk, before the loop`},
		{"turn-back on a branch", replace(serviceFile, "T1,daily,6,23,10,", "T1,daily,6,23,10,5"),
			`service.csv:2:18: last_station_id is "5", want a station of the trunk, before the loop`},
		{"turn-back at the start", replace(serviceFile, "15,6", "15,7"),
			`service.csv:4:20: last_station_id is "7", want a later station than the first`},
		{"line that never runs", replace(serviceFile, "T1,daily,6,23,10,\n", ""),
			`service.csv: without line "T1", want a row or more for each`},
		{"unknown time zone", replace(networkFile, "Europe/Vienna", "Europe/Smalltown"),
			`network.csv:2:16: timezone is "Europe/Smalltown", want a name of the IANA time zone database, as America/Chicago`},
		{"the machine's own time zone", replace(networkFile, "Europe/Vienna", "Local"),
			`network.csv:2:16: timezone is "Local", want a name of the IANA time zone database, as America/Chicago`},
		{"no network", replace(networkFile, "Smalltown Tram,Europe/Vienna\n", ""),
			`network.csv: no row, want one`},
		{"two networks", replace(networkFile, "Vienna\n", "Vienna\nB,UTC\n"),
			`network.csv:3: a second row, want one`},
		{"row too short", replace(serviceFile, "20,20,", "20,20"),
			`service.csv:5: 5 fields, want 6 as in the header`},
		{"row too long", replace(serviceFile, "20,20,", "20,20,,x"),
			`service.csv:5: 7 fields, want 6 as in the header`},
		{"bytes that aren't UTF-8", replace(stationsFile, "7,Hilltop", "7,Hill\xfftop"),
			"stations.csv:8:3: station_name is \"Hill\uFFFDtop\", want a text of up to 200 bytes of UTF-8, without control characters"},
		{"control character", replace(networkFile, "Smalltown Tram", "Smalltown\aTram"),
			`network.csv:2:1: name is "Smalltown\aTram", want a text of up to 200 bytes of UTF-8, without control characters`},
		{"text too long", replace(networkFile, "Smalltown Tram", strings.Repeat("x", 201)),
			`network.csv:2:1: name is "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"…, want a text of up to 200 bytes of UTF-8, without control characters`},
		{"stray quote", replace(networkFile, "Smalltown Tram", `Smalltown "Tram"`),
			`network.csv:2:11: bare " in non-quoted-field, want fields as RFC 4180 has them`},
		{"file too large", write(hourlyFile, hourly+strings.Repeat(",\n", maxFileBytes/2)),
			"hourly.csv: larger than 8 MB, the limit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(smalltown(t, c.edit))
			if err == nil {
				t.Fatal("accepted")
			}
			if first, ok := strings.CutPrefix(c.want, "*"); ok { // the rest follows from it
				if got, _, _ := strings.Cut(err.Error(), "\n"); got != first {
					t.Errorf("first fault %s, want %s", got, first)
				}
				return
			}
			want := strings.Split(c.want, "\n")
			got := strings.Split(err.Error(), "\n")
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadListsEveryFault(t *testing.T) {
	_, err := Load(smalltown(t,
		replace(networkFile, "Europe/Vienna", "Vienna"),
		replace(linesFile, "#ee9b00", "orange"),
		replace(stationsFile, "true,47.800000,13.040000", "ja,47,8"),
		replace(lineStationsFile, "T2,3,2,Market,", "T2,5,2,Mercato,"),
		replace(stopsFile, "11,E,Station (outbound)", "0,X,"),
		replace(ridershipFile, "250,120,80", "many,-120,80"),
		write(hourlyFile, "hour,share\n0,1.5\n0,x\n"),
		remove(serviceFile),
	))
	var got []string
	for _, fault := range faults(t, err) {
		got = append(got, fmt.Sprintf("%s:%d %s", fault.File, fault.Line, fault.Column))
	}
	if d := cmp.Diff([]string{
		"network.csv:2 timezone",
		"lines.csv:3 color",
		"stations.csv:2 accessible",
		"line_stations.csv:9 order",
		"line_stations.csv:9 station_name",
		"stops.csv:2 stop_id",
		"stops.csv:2 direction_id",
		"stops.csv:2 stop_name",
		"ridership.csv:6 weekday",
		"ridership.csv:6 saturday",
		"hourly.csv:0 ",
		"hourly.csv:2 share",
		"hourly.csv:3 hour",
		"hourly.csv:3 share",
		"service.csv:0 ",
	}, got); d != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", d, err)
	}
}

// faults splits Load's error into faults.
func faults(t *testing.T, err error) []*DataError {
	t.Helper()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error %v, want a list", err)
	}
	var list []*DataError
	for _, e := range joined.Unwrap() {
		var fault *DataError
		if !errors.As(e, &fault) {
			t.Fatalf("%v is no DataError", e)
		}
		list = append(list, fault)
	}
	return list
}

func TestLoadKeepsTheCause(t *testing.T) {
	_, err := Load(smalltown(t, remove(linesFile)))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is no fs.ErrNotExist", err)
	}
	if _, err = Load(fstest.MapFS{}); len(faults(t, err)) != len(files)-4 {
		t.Errorf("an empty directory gives\n%v", err)
	}
}

func TestLoadBoundsItsReport(t *testing.T) {
	_, err := Load(smalltown(t, write(hourlyFile, "hour,share\n"+strings.Repeat("x,0\n", 5000))))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != sheet.MaxFaults+1 || lines[sheet.MaxFaults] != "and 4001 more faults" {
		t.Errorf("%d lines, the last one %q", len(lines), lines[len(lines)-1])
	}
}

// The stops' official names say whose trains use them: "Kedzie (Loop-bound)".
func TestCallsHaveTheStopOfTheirDirection(t *testing.T) {
	bound := map[string][2]string{ // the start of what names say, by line, of directions a and b
		"red": {"95th", "Howard"}, "blue": {"Forest Pk", "O'Hare"}, "brown": {"Loop", "Kimball"}, "green": {"63rd", "Harlem"},
		"orange": {"Loop", "Midway"}, "pink": {"Loop", "54th"}, "purple": {"Loop", "Linden"}, "yellow": {"Howard", "Dempster"},
	}
	for _, l := range Chicago().Lines {
		checked := 0
		for _, p := range l.Patterns {
			for i, c := range p.Calls {
				j := slices.IndexFunc(c.Station.Stops, func(s Stop) bool { return s.ID == c.Stop })
				if j < 0 {
					t.Fatalf("%s: call %d at %s has no stop", l.ID, i, c.Station.Name)
				}
				name, other := c.Station.Stops[j].Name, bound[l.ID][1]
				if c.Direction == DirectionB {
					other = bound[l.ID][0]
				}
				said := name[strings.LastIndex(name, "(")+1:]
				if strings.HasPrefix(said, other) {
					t.Errorf("%s: at %s in direction %s trains use %q", l.ID, c.Station.Name, c.Direction, name)
				}
				if i == 0 && strings.Contains(strings.ToLower(said), "arrival") {
					t.Errorf("%s: trains begin at %q", l.ID, name)
				}
				checked++
			}
		}
		if checked == 0 {
			t.Errorf("%s: nothing was checked", l.ID)
		}
	}
}
