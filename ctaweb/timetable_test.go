package ctaweb

import (
	"html"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// village is a network from a feed: a railway that skips stops, runs short and has a
// night train on Fridays, and a bus that stops elsewhere on the way back.
func village(tb testing.TB) *cta.Network {
	tb.Helper()
	feed := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt": "agency_name,agency_timezone\nVillage,Europe/Vienna\n",
		"routes.txt": "route_id,route_short_name,route_long_name,route_type,route_color\nrail/1,R1,The Valley Railway of Upper and Lower Longname,2,112233\nB,7,Hill,3,\n",
		"stops.txt": "stop_id,stop_code,stop_name,stop_lat,stop_lon,location_type,parent_station,wheelchair_boarding,platform_code\n" +
			"1,,Alpha,47.80,13.00,1,,1,\n1a,,Alpha,47.80,13.00,0,1,,1\n1b,,Alpha,47.80,13.00,0,1,,2\n" +
			"2,,Beta,47.82,13.00,,,,\n3,,Gamma,47.84,13.00,,,,\n4,,Delta,47.86,13.00,,,,\n" +
			"h1,4711,Hill Road,47.81,13.02,,,,\nh2,,Hill Top,47.82,13.04,,,,\nh3,,Hill Back,47.81,13.03,,,,\n",
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwd,1,1,1,1,1,0,0,20260101,20261231\nfr,0,0,0,0,1,0,0,20260101,20261231\n",
		"trips.txt": "route_id,service_id,trip_id,direction_id\nrail/1,wd,all,0\nrail/1,wd,all2,0\nrail/1,wd,fast,0\nrail/1,wd,short,0\nrail/1,wd,back,1\nrail/1,fr,night,0\n" +
			"B,wd,up,0\nB,wd,down,1\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" +
			"all,8:00:00,8:00:00,1a,1\nall,8:05:00,8:06:00,2,2\nall,8:10:00,8:10:00,3,3\nall,8:15:00,8:15:00,4,4\n" +
			"all2,18:00:00,18:00:00,1a,1\nall2,18:05:00,18:06:00,2,2\nall2,18:10:00,18:10:00,3,3\nall2,18:15:00,18:15:00,4,4\n" +
			"fast,9:00:00,9:00:00,1a,1\nfast,9:10:00,9:10:00,4,2\n" +
			"short,10:00:00,10:00:00,1a,1\nshort,10:05:00,10:05:00,2,2\n" +
			"back,11:00:00,11:00:00,4,1\nback,11:05:00,11:05:00,3,2\nback,11:15:00,11:15:00,1b,3\n" +
			"night,25:30:00,25:30:00,1a,1\nnight,25:45:00,25:45:00,4,2\n" +
			"up,8:00:00,8:00:00,1b,1\nup,8:03:00,8:03:00,h1,2\nup,8:06:00,8:06:00,h2,3\n" +
			"down,8:20:00,8:20:00,h2,1\ndown,8:23:00,8:23:00,h3,2\ndown,8:26:00,8:26:00,1b,3\n",
	} {
		feed[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, _, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// modelOf is a model of a network at a moment, when only the weather is known. Its
// wall time is that of newHandler.
func modelOf(net *cta.Network, at time.Time) *Model {
	m := NewModel(net)
	m.SetReady()
	_, wall := clockAt("08:00:10")
	m.ApplyWeather(cta.KeyAt(at), cta.Weather{Temperature: 50, Status: cta.WeatherSunny}, wall)
	return m
}

// visited returns what a page of a network says at a moment, in one line.
func visited(t *testing.T, net *cta.Network, at time.Time, page string) string {
	t.Helper()
	h := newHandler(t, modelOf(net, at), HandlerConfig{})
	body := text(t, get(t, h, "GET", page))
	_, body, _ = strings.Cut(body, "<header>")
	return strings.Join(strings.Fields(html.UnescapeString(element.ReplaceAllString(body, " "))), " ")
}

func TestPagesOfATimetable(t *testing.T) {
	net := village(t)
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 10, day, hour, minute, 0, 0, net.Location)
	}
	rail, hill := "/lines/"+net.Lines[0].ID, "/stations/"+strconv.Itoa(stationNamed(t, net, "Hill Road").ID)
	for _, c := range []struct {
		name string
		at   time.Time
		page string
		want []string
		not  string
	}{
		{"a line on a Wednesday", at(7, 7, 0), rail, []string{
			"10 °C",
			"Where its trains run today Alpha to Delta 2 trips, 08:00 to 18:00 4 stops Alpha to Delta 1 trip, at 09:00 2 stops, not at Beta, Gamma " +
				"Alpha to Beta 1 trip, at 10:00 2 stops Delta to Alpha 1 trip, at 11:00 3 stops",
		}, "01:30"},
		{"a line on a Friday", at(9, 7, 0), rail, []string{"2 trips, 09:00 to 01:30 2 stops"}, ""},
		{"a station", at(7, 12, 0), "/stations/1", []string{
			"R1 towards Delta – Not running : no trains come here until about 18:00 By the timetable: 18:00 Today the first train leaves at 08:00, the last at 18:00 Platform 1",
		}, "Platform 1, 2"},
		{"no more than three departures, and of what leaves", at(7, 5, 0), "/stations/4", []string{"By the timetable: 11:00 Today the first train leaves at 11:00, the last at 11:00"}, "towards Delta By"},
		{"a station where some trains end", at(7, 5, 0), "/stations/2", []string{"By the timetable: 08:06, 18:06 Today the first train leaves at 08:06, the last at 18:06"}, "10:05"},
		{"a Friday night belongs to Friday", at(9, 22, 0), "/stations/1", []string{"By the timetable: 01:30 Today the first train leaves at 08:00, the last at 01:30"}, ""},
		{"and the hours after it to Friday", at(10, 3, 0), "/stations/1", []string{"Today the first train leaves at 08:00, the last at 01:30"}, "No service today"},
		{"no service on a Saturday", at(10, 9, 0), "/stations/1", []string{"towards Delta – Not running : no service today; it begins again on Monday at 08:00"}, "first leaves"},
		{"nor on the lines", at(10, 9, 0), "/", []string{"R1 towards Delta: no service today; it begins again on Monday at 08:00"}, ""},
		{"no service at this hour", at(7, 4, 30), "/", []string{"R1 towards Delta: no service at this hour; it begins again at 08:00"}, ""},
		{"a stop's code", at(7, 7, 0), hill, []string{"Hill Road", "Stop 4711"}, "Platform 4711"},
		{"a bus by direction", at(7, 5, 0), "/lines/B", []string{
			"Stops towards Hill Top Alpha ♿ R1 Hill Road Hill Top Stops towards Alpha Hill Top Hill Back Alpha ♿ R1 Where its buses run today",
		}, ""},
		{"by code", at(7, 7, 0), "/stations?q=4711", []string{"Stops for “4711”: 1 Hill Road Stop 4711 7"}, ""},
		{"in Spanish", at(10, 9, 0), "/stations/1?lang=es", []string{"hoy no hay servicio; se reanuda el lunes a las 08:00"}, ""},
	} {
		said := visited(t, net, c.at, c.page)
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s lacks %q:\n%s", c.name, want, said)
			}
		}
		if c.not != "" && strings.Contains(said, c.not) {
			t.Errorf("%s has %q:\n%s", c.name, c.not, said)
		}
	}
}

// The trains before a pause of the timetable aren't the day's last ones.
func TestTrainsBeforeAPause(t *testing.T) {
	net := village(t)
	at := time.Date(2026, 10, 7, 18, 0, 0, 0, net.Location)
	want := [2]string{"trains are on their way; the next ones leave at 18:00", "hay trenes en camino; los próximos salen a las 18:00"}
	for i, l := range Default(NewModel(cta.Chicago())).languages {
		if says := l.says(net, live.DirectionStatus{Cause: live.CausePausing, Resumes: at}, at.Add(-8*time.Hour)); says != want[i] {
			t.Errorf("%s: %q, want %q", l.code, says, want[i])
		}
	}
}

// The words for what runs and where it stops come from the mode, in every text.
func TestTextsNameNoVehicle(t *testing.T) {
	named := regexp.MustCompile(`(?i)\b(trains?|bus|buses|tren|trenes|stations?|turnstiles?|platforms?|estación|estaciones|torniquetes?|andén|andenes)\b[^}]`)
	for _, l := range Default(NewModel(cta.Chicago())).languages {
		for key, text := range l.words {
			if !strings.HasPrefix(key, "nouns-") && named.MatchString(text+" ") {
				t.Errorf("%s: %s is %q, want {vehicle}, {place} or the like", l.code, key, text)
			}
		}
	}
}

// What runs is called by the mode of its lines, and neither of those where several are.
func TestVehiclesHaveTheirNames(t *testing.T) {
	net := village(t)
	at := time.Date(2026, 10, 7, 12, 0, 0, 0, net.Location)
	only := func(line string, mode cta.Mode) *cta.Network {
		l := *net.Line(line)
		l.Mode, l.Stations = mode, nil
		cut, err := cta.NewNetwork(cta.Network{Name: net.Name, Location: net.Location, Stations: net.Stations, Lines: []*cta.Line{&l}})
		if err != nil {
			t.Fatal(err)
		}
		return cut
	}
	rail := net.Lines[0].ID
	for _, c := range []struct {
		net  *cta.Network
		page string
		want []string
	}{
		{net, "/", []string{"Vehicles running:", "The lines, stops and vehicles are all listed", "Find a stop", "All stops"}},
		{net, "/?lang=es", []string{"Vehículos en marcha:", "las paradas y los vehículos figuran", "Todas las paradas"}},
		{net, "/lines/B", []string{"Where its buses run today"}},
		{net, "/lines/" + rail, []string{"Where its trains run today"}},
		{only(rail, cta.ModeMetro), "/", []string{"Trains running:", "All stations"}},
		{only(rail, ""), "/?lang=es", []string{"Trenes en marcha:", "Buscar una estación"}},
		{only("B", cta.ModeBus), "/", []string{"Buses running:", "Buses are where they were last seen", "Find a stop", "All stops"}},
		{only("B", cta.ModeBus), "/?lang=es", []string{"Autobuses en marcha:", "Buscar una parada", "Todas las paradas"}},
		{only("B", cta.ModeTram), "/lines/B?lang=es", []string{"Por dónde circulan hoy sus tranvías"}},
		{only("B", cta.ModeBus), "/stations", []string{"Stops Type a part of a name above."}},
		{only("B", cta.ModeBus), "/nothing", []string{"no such page, line, stop or bus"}},
		{only("B", cta.ModeFerry), "/lines/B", []string{"Where its ferries run today"}},
		{only("B", cta.ModeFerry), "/board/1", []string{"Next ferries", "No ferries come here until Thursday at about 08:00"}},
		{only("B", cta.ModeFerry), "/board/1?lang=es", []string{"Próximos ferris"}},
	} {
		said := visited(t, c.net, at, c.page)
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s lacks %q:\n%s", c.page, want, said)
			}
		}
	}
	if got := kindOf("", cta.ModeRail, cta.ModeMetro); got != "train" {
		t.Errorf("on railways and metros runs %q", got)
	}
	m := modelOf(net, at)
	h := newHandler(t, m, HandlerConfig{})
	m.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: 1, TrainID: "up", Direction: cta.DirectionA, Line: "B", TrainStatus: cta.TrainBrokenDown}, wall0)
	for url, want := range map[string]string{
		"/":                       "7 Hill: a bus towards Hill Top has broken down at Alpha",
		"/?lang=es":               "7 Hill: un autobús con destino a Hill Top está averiado en Alpha",
		"/trains/up":              "Bus up towards Hill Top, at Alpha, broken down",
		"/trains/up?lang=es":      "Autobús up con destino a Hill Top, en Alpha",
		"/stations/1":             ">bus up</a>",
		"/" + h.assets.live["es"]: `"bus":{"Place":"Parada","Places":"Paradas","Platform":"Parada","Vehicle":"Autobús","Vehicles":"Autobuses","place":"parada","places":"paradas","platform":"parada","vehicle":"autobús","vehicles":"autobuses"}`,
	} {
		if body := html.UnescapeString(text(t, get(t, h, "GET", url))); !strings.Contains(body, want) {
			t.Errorf("%s lacks %q:\n%s", url, want, body)
		}
	}
}

// Of a line whose trains run one way only, nothing is said of the other.
func TestOneWayLine(t *testing.T) {
	net := village(t)
	l := net.Line("B")
	one := cta.Line{ID: l.ID, Name: l.Name, Color: l.Color, TextColor: l.TextColor, Patterns: []*cta.Pattern{l.Patterns[0]}}
	way, err := cta.NewNetwork(cta.Network{Name: "One way", Location: net.Location, Stations: net.Stations, Lines: []*cta.Line{&one}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location)
	for _, page := range []string{"/", "/lines/B"} {
		if said := visited(t, way, at, page); strings.Count(said, "no service at this hour") != 1 || strings.Contains(said, "towards :") || strings.Contains(said, "▲") {
			t.Errorf("%s: %s", page, said)
		}
	}
}

// The API has the agency's own ids and codes.
func TestAgencyIDsAreTold(t *testing.T) {
	net := village(t)
	m := NewModel(net)
	h := newHandler(t, m, HandlerConfig{})
	for url, want := range map[string]string{
		"/api/v1/lines": `"ref":"rail/1","code":"R1","mode":"rail","name":"R1 The Valley Railway of Upper and Lower Longname"`,
		"/api/v1/stations/" + strconv.Itoa(stationNamed(t, net, "Hill Road").ID): `"ref":"h1","code":"4711","name":"Hill Road"`,
		"/api/v1/stations/1": `"code":"2","name":"Alpha"`,
	} {
		if body := text(t, get(t, h, "GET", url)); !strings.Contains(body, want) {
			t.Errorf("%s lacks %s:\n%s", url, want, body)
		}
	}
}

func stationNamed(tb testing.TB, net *cta.Network, name string) *cta.Station {
	tb.Helper()
	for _, s := range net.Stations {
		if s.Name == name {
			return s
		}
	}
	tb.Fatalf("no station %q", name)
	return nil
}

// busyLine is a line on which many things are so: buses every ten minutes, an express that
// passes six stops and one that passes two, a branch, and a stop of two platforms.
func busyLine(tb testing.TB, kind string) *cta.Network {
	tb.Helper()
	trips, times := "route_id,service_id,trip_id,direction_id\n", "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
	run := func(id, direction string, begin int, stops ...int) {
		trips += "L,d," + id + "," + direction + "\n"
		for i, s := range stops {
			at := time.Unix(int64(begin*60+i*120), 0).UTC().Format("15:04:05")
			times += id + "," + at + "," + at + "," + strconv.Itoa(s) + "," + strconv.Itoa(i) + "\n"
		}
	}
	for i := range 6 {
		run("all"+strconv.Itoa(i), "0", 480+10*i, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		run("back"+strconv.Itoa(i), "1", 480+10*i, 9, 8, 7, 6, 5, 4, 3, 2, 1)
	}
	run("six", "0", 600, 1, 2, 9)
	run("two", "0", 610, 1, 2, 3, 4, 5, 6, 9)
	run("branch", "0", 620, 1, 2, 3, 20, 21)
	stops := "stop_id,stop_name,stop_lat,stop_lon\n20,Side,47.9,13.1\n21,Side End,47.95,13.15\n"
	for i := range 9 {
		stops += strconv.Itoa(i+1) + ",Stop " + strconv.Itoa(i+1) + ",47." + strconv.Itoa(80+i) + ",13.0\n"
	}
	feed := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt":   "agency_name,agency_timezone\nBusy,Europe/Vienna\n",
		"routes.txt":   "route_id,route_short_name,route_type\nL,L," + kind + "\n",
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nd,1,1,1,1,1,1,1,20260101,20261231\n",
		"stops.txt":    stops, "trips.txt": trips, "stop_times.txt": times,
	} {
		feed[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, _, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

func TestPagesOfABusyLine(t *testing.T) {
	at := time.Date(2026, 10, 7, 3, 0, 0, 0, time.UTC) // three hours before the first
	for _, c := range []struct {
		kind, page string
		want       []string
		not        []string
	}{
		{"2", "/lines/L", []string{
			"Stop 1 to Stop 9 6 trips, 08:00 to 08:50 9 stops Stop 9 to Stop 1 6 trips, 08:00 to 08:50 9 stops Stop 1 to Stop 9 1 trip, at 10:00 3 stops " +
				"Stop 1 to Stop 9 1 trip, at 10:10 7 stops, not at Stop 7, Stop 8 Stop 1 to Side End 1 trip, at 10:20 5 stops",
			"Stop 9 0 entries Side End branch Side",
		}, []string{"not at Stop 3", "not at Side", "Side End, Stop", "Stops towards"}},
		{"1", "/lines/L", nil, []string{"Stops towards"}},
		{"3", "/lines/L", []string{"Stops towards Stop 9", "Stop 9 Side End branch Side Side End Stops towards Stop 1 Stop 9 Stop 8"}, []string{"not at"}},
		{"3", "/stations/4", []string{"By the timetable: 08:06, 08:16, 08:26 Today"}, []string{"08:36"}},
		{"3", "/stations/9", []string{"By the timetable: 08:00, 08:10, 08:20 Today the first bus leaves at 08:00, the last at 08:50"}, []string{"towards Stop 9 By", "No service today"}},
	} {
		said := visited(t, busyLine(t, c.kind), at, c.page)
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s of type %s lacks %q:\n%s", c.page, c.kind, want, said)
			}
		}
		for _, not := range c.not {
			if strings.Contains(said, not) {
				t.Errorf("%s of type %s has %q:\n%s", c.page, c.kind, not, said)
			}
		}
	}
}

// After a platform's last bus of the day its page says when the next comes, once.
func TestAfterTheLastBus(t *testing.T) {
	at := time.Date(2026, 10, 7, 8, 45, 0, 0, time.UTC) // buses still run, elsewhere
	said := visited(t, busyLine(t, "3"), at, "/stations/1?line=L&direction=a")
	if want := "– Not running : no buses come here until Thursday at about 08:00 Today the first bus leaves at 08:00"; !strings.Contains(said, want) {
		t.Errorf("Stop 1 lacks %q:\n%s", want, said)
	}
}

// Where trains are expected, the timetable is silent, and a list runs down in either
// direction with the trains and the times of its own.
func TestBusesOnTheirWay(t *testing.T) {
	net := busyLine(t, "3")
	at := time.Date(2026, 10, 7, 8, 4, 0, 0, net.Location)
	m := modelOf(net, at)
	for id, a := range map[string]cta.Arrival{
		"all0":  {StationID: 3, Direction: cta.DirectionA},
		"back0": {StationID: 8, Direction: cta.DirectionB},
	} {
		a.TrainID, a.Line, a.TrainStatus = id, "L", cta.TrainInService
		_, wall := clockAt("08:00:10")
		m.ApplyArrival(cta.KeyAt(at), a, wall)
	}
	h := newHandler(t, m, HandlerConfig{})
	page := html.UnescapeString(text(t, get(t, h, "GET", "/stations/5")))
	if strings.Contains(page, "By the timetable") || !strings.Contains(page, ">bus all0</a>") || !strings.Contains(page, ">bus back0</a>") {
		t.Errorf("a station to which buses are on their way:\n%s", page)
	}
	page = text(t, get(t, h, "GET", "/lines/L"))
	way := strings.SplitAfter(page, `<p class="heads">`)
	if len(way) != 3 {
		t.Fatalf("%d lists", len(way)-1)
	}
	for i, want := range []string{"all0", "back0"} {
		list := way[i+1]
		if !strings.Contains(list, `data-t="`+want+`"`) || strings.Contains(list, `data-t="`+[]string{"back0", "all0"}[i]+`"`) {
			t.Errorf("list %d has other buses than %s:\n%s", i, want, list)
		}
		if strings.Contains(list, ` b"`) {
			t.Errorf("list %d has a bus that looks up:\n%s", i, list)
		}
	}
	// In the second list the times are those of the way back.
	next := func(list, station string) string {
		_, row, _ := strings.Cut(list, `data-s="`+station+`"`)
		row, _, _ = strings.Cut(row, "</li>")
		return strings.Join(strings.Fields(element.ReplaceAllString(row[strings.Index(row, `class="n"`):], " ")), " ")
	}
	if out, back := next(way[1], "5"), next(way[2], "5"); out == back || out == "" || back == "" {
		t.Errorf("at Stop 5 buses out come in %q, back in %q", out, back)
	}
}

// Far outskirts stand at the margin, each at its own distance, and leave the middle
// most of the map; a network without such is drawn as it is.
func TestOutskirtsDontCrushTheMiddle(t *testing.T) {
	town := func(stations int, far ...float64) *cta.Network {
		n := cta.Network{Name: "Town", Location: time.UTC}
		l := &cta.Line{ID: "L", Name: "L", Patterns: []*cta.Pattern{{}}}
		for i := range stations {
			n.Stations = append(n.Stations, &cta.Station{ID: i + 1, Name: "S", Point: cta.Point{Latitude: 45 + float64(i%10)/1000, Longitude: float64(i/10) / 1000}})
		}
		for i, d := range far {
			n.Stations = append(n.Stations, &cta.Station{ID: 1000 + i, Name: "F", Point: cta.Point{Latitude: 45 + d, Longitude: 0.005}})
		}
		for _, s := range n.Stations {
			l.Patterns[0].Calls = append(l.Patterns[0].Calls, cta.Call{Station: s, Direction: cta.DirectionA})
		}
		n.Lines = []*cta.Line{l}
		net, err := cta.NewNetwork(n)
		if err != nil {
			t.Fatal(err)
		}
		return net
	}
	middle := func(where map[int]point) float64 {
		low, high := bounds(maps.Values(where))
		return math.Abs(where[1].y-where[10].y) / (high.y - low.y)
	}
	where, larger := project(town(100, 0.5, 1))
	if share := middle(where); !larger || share < 0.6 {
		t.Errorf("the middle has %.2f of the map's height, larger: %v", share, larger)
	}
	if math.Abs(where[1000].y-where[1001].y) < 10 {
		t.Errorf("both outskirts are at %v", where[1000])
	}
	if where, larger = project(town(100)); larger || math.Abs(middle(where)-1) > 1e-9 {
		t.Errorf("without outskirts the middle has %.2f, larger: %v", middle(where), larger)
	}
	if where, larger = project(town(10, 1)); larger || middle(where) > 0.1 {
		t.Errorf("of a few stations the middle has %.2f, larger: %v", middle(where), larger)
	}
}

// Events of another time than the present are a simulation or a recording, and the page
// says so, with the year; those of the present aren't.
func TestOtherTimesAreSaid(t *testing.T) {
	net := village(t)
	_, wall := clockAt("08:00:10")
	for _, c := range []struct {
		at         time.Time
		says, date string
		query      string
	}{
		{time.Date(2015, 10, 7, 8, 0, 0, 0, net.Location), "simulation or recording", "Wed 7 Oct 2015", ""},
		{time.Date(2015, 10, 7, 8, 0, 0, 0, net.Location), "simulación o grabación", "mié 7 oct de 2015", "?lang=es"},
		{wall, "live", wall.In(net.Location).Format("Mon 2 Jan"), ""},
		{wall.Add(-time.Hour), "live", wall.In(net.Location).Format("Mon 2 Jan"), ""},
	} {
		h := newHandler(t, modelOf(net, c.at), HandlerConfig{})
		page := text(t, get(t, h, "GET", "/"+c.query))
		if !strings.Contains(page, `role="status">`+c.says+"</p>") || !strings.Contains(page, `<span id="date">`+c.date+"</span>") {
			t.Errorf("at %v the page lacks %q or %q", c.at, c.says, c.date)
		}
	}
}

// The search field finds all stations, and is called the same on every page.
func TestSearchHasOneName(t *testing.T) {
	net := village(t)
	at := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	for _, page := range []string{"/", "/lines/" + net.Lines[0].ID, "/stations/" + strconv.Itoa(stationNamed(t, net, "Beta").ID)} {
		h := newHandler(t, modelOf(net, at), HandlerConfig{})
		if !strings.Contains(text(t, get(t, h, "GET", page)), `placeholder="Find a stop"`) {
			t.Errorf("%s finds something else than a stop", page)
		}
	}
}

// A timetable without a headway isn't told one.
func TestUnevenServiceHasNoHeadway(t *testing.T) {
	d := live.DirectionStatus{Towards: "Far", Level: live.LevelGood, Uneven: true, Every: time.Hour}
	for cause, want := range map[live.Cause]string{
		live.CauseRegular: "trains run at uneven intervals", live.CauseTooEarly: "trains run at uneven intervals", live.CauseBeginning: "service begins; no reports from its trains yet",
	} {
		d.Cause = cause
		if got := english().sentence(cta.Chicago(), "Hill", d, wall0); got != "Hill towards Far: "+want {
			t.Errorf("%s says %q, want %q", cause, got, want)
		}
	}
}

// Where a line runs in many ways, those between the same stations are told as one.
func TestManyVariantsAreJoined(t *testing.T) {
	line := &cta.Line{Mode: cta.ModeRail}
	daily := &cta.Calendar{Days: 0x7f}
	stations := make([]*cta.Station, 10)
	for i := range stations {
		stations[i] = &cta.Station{ID: i + 1, Name: "S" + strconv.Itoa(i+1)}
	}
	for i := range 8 { // each leaves out other stations
		p := &cta.Pattern{Calls: []cta.Call{{Station: stations[0], Direction: "a"}}, Trips: []cta.Trip{{Calendar: daily, Departure: int32(3600 * (6 + i))}}}
		for j := 1; j < 9; j++ {
			if j < i || j == 8 {
				p.Calls = append(p.Calls, cta.Call{Station: stations[j], Direction: "a"})
			}
		}
		line.Patterns = append(line.Patterns, p)
	}
	line.Patterns = append(line.Patterns, &cta.Pattern{
		Calls: []cta.Call{{Station: stations[2], Direction: "a"}, {Station: stations[8], Direction: "a"}},
		Trips: []cta.Trip{{Calendar: daily, Departure: 3600}},
	})
	want := []variantView{{Ends: "S1 to S9", Stops: "2–8 stops", Trips: "8 trips, 06:00 to 13:00"}, {Ends: "S3 to S9", Stops: "2 stops", Trips: "1 trip, at 01:00"}}
	got := english().variants(line, 20261007)
	for i := range got {
		got[i].Skips = ""
	}
	if !slices.Equal(got, want) {
		t.Errorf("says %+v, want %+v", got, want)
	}
	line.Patterns = line.Patterns[1:]
	if n := len(english().variants(line, 20261007)); n != 8 {
		t.Errorf("of 8 ways %d are told", n)
	}
}

// A bus that ends its round where it began isn't offered there: the next round is, and after
// the last one the next day's. Buses that wait at a stop come when they leave.
func TestRoundsOfATimetable(t *testing.T) {
	feed := fstest.MapFS{}
	for name, text := range map[string]string{
		"agency.txt":   "agency_name,agency_timezone\nRound,Europe/Vienna\n",
		"routes.txt":   "route_id,route_short_name,route_type\nO,O,3\n",
		"calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nd,1,1,1,1,1,1,1,20260101,20261231\n",
		"stops.txt":    "stop_id,stop_name,stop_lat,stop_lon\n1,One,47.8,13.0\n2,Two,47.81,13.0\n3,Three,47.81,13.01\n",
		"trips.txt":    "route_id,service_id,trip_id\nO,d,first\nO,d,last\n",
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" +
			"first,8:00:00,8:00:00,1,1\nfirst,8:10:00,8:20:00,2,2\nfirst,8:30:00,8:30:00,3,3\nfirst,8:40:00,8:40:00,1,4\n" +
			"last,9:00:00,9:00:00,1,1\nlast,9:10:00,9:20:00,2,2\nlast,9:30:00,9:30:00,3,3\nlast,9:40:00,9:40:00,1,4\n",
	} {
		feed[name] = &fstest.MapFile{Data: []byte(text)}
	}
	net, _, err := gtfs.Read(feed, gtfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		run    string
		hour   int
		minute int
		want   string
	}{
		{"first", 8, 31, `^O towards One ✓ Good service (29|19–41) min `},
		{"last", 9, 31, `^O towards One No buses come here until Thursday at about 08:00\. `},
	} {
		now := time.Date(2026, 10, 7, c.hour, c.minute, 0, 0, net.Location)
		m := NewModel(net)
		m.SetReady()
		m.ApplyArrival(cta.KeyAt(now), cta.Arrival{StationID: stationNamed(t, net, "Three").ID, TrainID: c.run, Line: "O", Direction: cta.DirectionA, TrainStatus: cta.TrainInService}, now)
		h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
		page := text(t, get(t, h, "GET", "/stations/1"))
		if said := plainText(onePlatform.FindString(page)); !regexp.MustCompile(c.want).MatchString(said) {
			t.Errorf("at %d:%02d, One says %q, want %s", c.hour, c.minute, said, c.want)
		}
	}
	if said := visited(t, net, time.Date(2026, 10, 7, 5, 0, 0, 0, net.Location), "/stations/2"); !strings.Contains(said, "no buses come here until about 08:20 By the timetable: 08:20, 09:20") {
		t.Errorf("Two says two times: %s", said)
	}
}
