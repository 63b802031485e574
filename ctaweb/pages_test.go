package ctaweb

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

func TestSearch(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	link := regexp.MustCompile(`<li><a href="stations/\d+">([^<]*)</a>`)
	tests := []struct{ query, want string }{
		{"ohare", "O&#39;Hare, Harlem (O&#39;Hare), Western (O&#39;Hare)"},
		{"  Clark/L", "Clark/Lake"},
		{"18", "18th"},
		{"howard", "Howard"},
		{"lake", "Lake, Clark/Lake, Harlem/Lake, State/Lake"},
		{"state and lake", "State/Lake"},
		{"lake state", "State/Lake"},
		{"clarklake", "Clark/Lake"},
		{"blmont", "Belmont, Belmont"},
		{"befmont", "Belmont, Belmont"},
		{"bellmont", "Belmont, Belmont"},
		{"blemont", "Belmont, Belmont"},
		{"western blue", "Western (Forest Park), Western (O&#39;Hare)"},
		{"western and", "Western, Western, Western, Western (Forest Park), Western (O&#39;Hare)"},
		{"midway airport", "Midway"},
		{"airport", "Midway, O&#39;Hare"},
		{"wrigley", "Addison"},
		{"wrigly field", "Addison"},
		{"blue bxmxnt", ""},
		{"xyzzy", ""},
		{"Kédzie-H", "Kedzie-Homan"},
		{"/", ""},
		{" ", "all"},
		{strings.Repeat("x", 10_000), ""},
		{"\xff\xfe", "all"},
	}
	for _, tt := range tests {
		body := text(t, get(t, h, "GET", "/stations?q="+strings.NewReplacer(" ", "%20", "\xff", "%ff", "\xfe", "%fe").Replace(tt.query)))
		var names []string
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			names = append(names, m[1])
		}
		got := strings.Join(names, ", ")
		if len(names) > 100 {
			got = "all"
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%.20q (-want +got):\n%s", tt.query, d)
		}
	}
}

// What is on any keyboard finds names in every script with marks.
func TestSearchInPlainLetters(t *testing.T) {
	m := NewModel(cta.Chicago())
	names := []string{
		"Piața Unirii", "Ștefan cel Mare", "Bến Thành", "Ga Cát Linh", "Žirmūnai – Ąžuolas", "Ħamrun", "Σύνταγμα",
		"Ёлкино", "東京", "القاهرة", "O'Hare \"T5\"", "Łódź Widzew", "Ğ Çınar", "Cafe\u0301 (NFD)", "Ærø", "Þingvellir",
		"Ķemeri", "St. John’s", "A&B <i>", "Đống Đa", "Straße", "Λάρισας",
		"Hōʻaeʻae", "Keone‘ae",
	}
	for i, name := range names {
		m.ApplyStation(tables.StationRecord{StationID: 1 + i, StationName: name, Order: 50 + i, Line: "yellow"})
	}
	x := newSearchIndex(m.Status(time.Now()), m.Network())
	for query, want := range map[string]string{
		"piata": "Piața Unirii", "stefan": "Ștefan cel Mare", "ben thanh": "Bến Thành", "cat linh": "Ga Cát Linh",
		"zirmunai azuolas": "Žirmūnai – Ąžuolas", "hamrun": "Ħamrun", "συνταγμα": "Σύνταγμα", "ΣΎΝΤΑΓΜΑ": "Σύνταγμα",
		"елкино": "Ёлкино", "東京": "東京", "京": "東京", "القاهرة": "القاهرة", "ohare t5": "O'Hare \"T5\"", "lodz": "Łódź Widzew",
		"cinar": "Ğ Çınar", "cafe nfd": "Cafe\u0301 (NFD)", "café": "Cafe\u0301 (NFD)", "aero": "Ærø", "thingvellir": "Þingvellir",
		"kemeri": "Ķemeri", "st johns": "St. John’s", "a b i": "A&B <i>", "dong da": "Đống Đa", "đống đa": "Đống Đa",
		"strasse": "Straße", "ΛΑΡΙΣΑΣ": "Λάρισας", "hoaeae": "Hōʻaeʻae", "keone'ae": "Keone‘ae",
	} {
		found := x.find(query)
		if len(found) == 0 || found[0].name != want {
			t.Errorf("%q finds %v, want %q first", query, found, want)
		}
	}
}

// However many stations match, the page has their number and the best.
func TestSearchInLargeNetworks(t *testing.T) {
	m := NewModel(cta.Chicago())
	for i := range 5000 {
		m.ApplyStation(tables.StationRecord{StationID: 1 + i, StationName: fmt.Sprintf("Halt %04d", i), Order: 50 + i, Line: "yellow"})
	}
	m.ApplyStation(tables.StationRecord{StationID: 9999, StationName: "Zur Halt", Order: 9999, Line: "yellow"})
	h := newHandler(t, m, HandlerConfig{})
	for query, want := range map[string]string{
		"halt": "Stations for “halt”: 5,001 The first 300 are shown.", "halt+4711": "Stations for “halt 4711”: 1</p>",
	} {
		body := text(t, get(t, h, "GET", "/stations?q="+query))
		if !strings.Contains(body, want) {
			t.Errorf("the page for %s lacks %q:\n%.900s", query, want, body)
		}
	}
}

func TestPagesAreReplaced(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{
		Title: "Meine Bahn", Languages: []string{"en"},
		Files: fstest.MapFS{
			"words.en.json": {Data: []byte(`{"find-station": "Where to?"}`)},
			"icon.svg":      {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)},
			"train.html":    {Data: []byte(`{{template "top" .}}<main id="main">my {{.Train.ID}}</main>{{template "end" .}}`)},
			"unknown.txt":   {Data: []byte("not served")},
		},
	})
	for url, want := range map[string]string{
		"/":                   `<html lang="en">`,
		"/stations/40890":     "Where to?",
		"/trains/B1":          `<main id="main">my B1</main>`,
		"/" + h.assets.icon:   `<svg xmlns="http://www.w3.org/2000/svg"/>`,
		"/lines/blue":         "Meine Bahn",
		"/static/unknown.txt": "no such",
	} {
		if got := text(t, get(t, h, "GET", url)); !strings.Contains(got, want) {
			t.Errorf("%s lacks %q:\n%.800s", url, want, got)
		}
	}
	_, err := NewHandler(small(), HandlerConfig{Files: fstest.MapFS{"line.html": {Data: []byte("{{nothing")}}})
	if err == nil || !strings.Contains(err.Error(), "line.html") {
		t.Errorf("error is %v, want one that names line.html", err)
	}
}

// TEMPLATES.md names all fields of templates, and all elements that the script looks for.
func TestContractOfPagesIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("TEMPLATES.md")
	if err != nil {
		t.Fatal(err)
	}
	contract := string(doc)
	for _, data := range []any{common{}, pageData{}, linePageData{}, stationPageData{}, searchData{}, trainPageData{}, departuresData{}} {
		for f := range reflect.TypeOf(data).Fields() {
			if !f.Anonymous && f.IsExported() && !regexp.MustCompile(`\.`+f.Name+`\b`).MatchString(contract) {
				t.Errorf("TEMPLATES.md lacks %T's .%s", data, f.Name)
			}
		}
	}
	looked := regexp.MustCompile(`byId\("([a-z-]+)"\)|\[(data-[a-z]+)[\]=]`).FindAllStringSubmatch(read("live.js")+read("rider.js"), -1)
	if len(looked) < 15 {
		t.Errorf("the script looks for %d things: too few to tell", len(looked))
	}
	for _, m := range looked {
		if name := m[1] + m[2]; !regexp.MustCompile(`\b` + name + `\b`).MatchString(contract) {
			t.Errorf("TEMPLATES.md lacks %s, which the script looks for", name)
		}
	}
}

// inRush is a model of the morning's traffic, and when it is.
func inRush(t *testing.T) (*Model, time.Time) {
	t.Helper()
	m := NewModel(cta.Chicago())
	wall := func(event time.Time) time.Time { return wall0.Add(event.Sub(eight)) }
	for _, e := range rush(t) {
		if e.At.Before(eight) {
			e.Arrival.Destination = nil // so that some trains may take another branch
			m.ApplyArrival(cta.KeyAt(e.At), e.Arrival, wall(e.At))
		}
	}
	m.SetReady()
	return m, wall0
}

// What a line's page says of the trains to come is what the stations' pages say:
// with ranges, and with a mark where a train may take another branch.
func TestLineAndStationPagesAgree(t *testing.T) {
	m, now := inRush(t)
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	row := regexp.MustCompile(`(?s)<li data-s="(\d+)">.*?<span class="n">(.*?)</li>`)
	platform := regexp.MustCompile(`(?s)<section class="platform.*?</section>`)
	ranges := regexp.MustCompile(`(\d+–\d+ min)(?:<span aria-hidden="true" title="or another branch">\?|</span> <span class="note">or another branch)?`)
	read := func(part string) string {
		var list []string
		for _, r := range ranges.FindAllStringSubmatch(part, -1) {
			text := r[1]
			if r[0] != r[1] {
				text += "?"
			}
			list = append(list, text)
		}
		return strings.Join(list, ", ")
	}
	onLine, onStation := map[string]string{}, map[string]string{}
	maybe := 0
	for _, l := range m.Network().Lines {
		for _, r := range row.FindAllStringSubmatch(text(t, get(t, h, "GET", "/lines/"+l.ID)), -1) {
			down, up, _ := strings.Cut(r[2], "▲")
			onLine[l.ID+" a "+r[1]], onLine[l.ID+" b "+r[1]] = read(down), read(up)
		}
	}
	few := 250
	for i, st := range m.Network().Stations {
		if race.Enabled && i%4 > 0 && !slices.Contains(st.Lines, "green") { // each page is as another
			few = 50
			maps.DeleteFunc(onLine, func(platform, _ string) bool { return strings.HasSuffix(platform, " "+strconv.Itoa(st.ID)) })
			continue
		}
		parts := platform.FindAllString(text(t, get(t, h, "GET", "/stations/"+strconv.Itoa(st.ID))), -1)
		of := h.boards(h.pub.snapshot(), st.ID)
		if len(parts) != len(of) {
			t.Fatalf("%s has %d platforms on its page, want %d", st.Name, len(parts), len(of))
		}
		for i, b := range of {
			_, each, _ := strings.Cut(parts[i], "<details") // behind a summary of their times
			says := read(each)
			maybe += strings.Count(says, "?")
			onStation[fmt.Sprintf("%s %s %d", b.Line, b.Direction, st.ID)] = says
		}
	}
	for platform, says := range onLine { // the end of a line has one platform only
		if _, ok := onStation[platform]; !ok && says == "" {
			delete(onLine, platform)
		}
	}
	if d := cmp.Diff(onStation, onLine); d != "" {
		t.Errorf("trains to come (-station +line):\n%s", d)
	}
	if maybe == 0 || len(onStation) < few {
		t.Errorf("%d trains that may take another branch at %d platforms: too few to tell", maybe, len(onStation))
	}
}

// An overdue train is told of with the gap that it makes, and where that is.
func TestOverdueTrainsAreSaid(t *testing.T) {
	net := cta.Chicago()
	d := live.DirectionStatus{Towards: "Forest Park", Cause: live.CauseOverdue, Station: california, Lasts: 3*time.Minute + 50*time.Second}
	for _, tt := range []struct {
		gap         live.Spot
		says, habla string
	}{
		{live.Spot{}, "a train is 3 min overdue at California", "un tren lleva 3 min de retraso en llegar a California"},
		{live.Spot{Station: california, Apart: 9 * time.Minute}, "a train is 3 min overdue at California, with a gap of 9 min", "un tren lleva 3 min de retraso en llegar a California, un intervalo de 9 min"},
		{live.Spot{Station: loganSquare, Apart: 9 * time.Minute}, "a train is 3 min overdue at California, with a gap of 9 min at Logan Square", "un tren lleva 3 min de retraso en llegar a California, y hay un intervalo de 9 min en Logan Square"},
	} {
		d.Gap = tt.gap
		for l, want := range map[*language]string{english(): tt.says, mustSpeak(t, "es"): tt.habla} {
			if got := l.sentence(net, "Blue Line", d, wall0); !strings.HasSuffix(got, ": "+want) {
				t.Errorf("says %q, want %q", got, want)
			}
		}
	}
}

func TestTrainsCloseTogetherComeEveryMinute(t *testing.T) {
	d := live.DirectionStatus{Towards: "Forest Park", Level: live.LevelGood, Cause: live.CauseRegular, Every: 20 * time.Second}
	if got := english().sentence(cta.Chicago(), "Blue Line", d, wall0); !strings.HasSuffix(got, ": every 1 min") {
		t.Errorf("says %q", got)
	}
}

// A platform's page says how often trains come, beside what is intended.
func TestHeadwaysAreSaid(t *testing.T) {
	of := func(s live.Spacing, intended, observed, current int64) platformBoard {
		return platformBoard{Spacing: s, IntendedSeconds: intended, ObservedSeconds: observed, CurrentSeconds: current}
	}
	then := func(b platformBoard, minutes ...int) platformBoard {
		for _, n := range minutes {
			b.Next = append(b.Next, plannedArrival{Expected: wall0.Add(time.Duration(n) * time.Minute)})
		}
		return b
	}
	spanish := mustSpeak(t, "es")
	for _, tt := range []struct {
		of          platformBoard
		says, habla string
	}{
		{of(live.SpacingRegular, 360, 350, 0), "Every 6 min", "Cada 6 min"},
		{of(live.SpacingRegular, 600, 660, 0), "Every 11 min", "Cada 11 min"},  // nobody feels it
		{of(live.SpacingRegular, 900, 1080, 0), "Every 18 min", "Cada 18 min"}, // nor this, of so much
		{of(live.SpacingRegular, 360, 0, 0), "Planned every 6 min", "Previsto cada 6 min"},
		{then(of(live.SpacingRegular, 360, 350, 0), 2, 8), "Every 6 min", "Cada 6 min"},
		{then(of(live.SpacingRegular, 360, 350, 0), 2, 13), "Planned every 6 min", "Previsto cada 6 min"}, // the page has both times
		{platformBoard{Spacing: live.SpacingRegular, IntendedSeconds: 240, ObservedSeconds: 240, uneven: true}, "", ""},
		{of(live.SpacingRegular, 240, 350, 0), "Every 6 min, instead of 4 min", "Cada 6 min, en lugar de 4 min"},
		{of(live.SpacingBunched, 240, 120, 0), "The last two trains came 2 min apart, instead of 4 min", "Los dos últimos trenes pasaron con 2 min de diferencia, en lugar de 4 min"},
		{of(live.SpacingGap, 240, 0, 600), "A gap of 10 min, instead of 4 min", "Un intervalo de 10 min, en lugar de 4 min"},
		{of(live.SpacingUnknown, 240, 0, 0), "Planned every 4 min", "Previsto cada 4 min"},
		{of(live.SpacingNone, 0, 0, 0), "", ""},
	} {
		if got := english().spacing(tt.of, false); got != tt.says {
			t.Errorf("%+v: says %q, want %q", tt.of, got, tt.says)
		}
		if got := spanish.spacing(tt.of, false); got != tt.habla {
			t.Errorf("%+v: says %q, want %q", tt.of, got, tt.habla)
		}
	}
	// Where the line runs well, nothing is complained of.
	for _, b := range []platformBoard{of(live.SpacingRegular, 240, 350, 0), of(live.SpacingBunched, 240, 120, 0), of(live.SpacingGap, 240, 0, 600)} {
		if got := english().spacing(b, true); strings.Contains(got, "instead") {
			t.Errorf("of a line that runs well %+v says %q", b, got)
		}
	}
	m, now := inRush(t)
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	s := h.pub.snapshot()
	blue, _ := s.status.line("blue")
	for _, b := range h.boards(s, loganSquare) {
		if says := english().spacing(b, english().platform(m.net, blue, b.Direction, s.status.AsOf).Level == live.LevelGood); !strings.Contains(text(t, get(t, h, "GET", "/stations/41020")), says) || says == "" {
			t.Errorf("the page of Logan Square lacks %q", says)
		}
	}
}

// What falls from the sky goes by the temperature.
func TestWhatFalls(t *testing.T) {
	for degrees, want := range map[float32]string{-4: "Snow", 32: "Snow", 32.5: "Sleet", 37: "Sleet", 37.5: "Rain", 80: "Rain"} {
		w := &Weather{Temperature: degrees, Status: cta.WeatherPrecipitation}
		if got := english().weather(w, "F").Sky; got != want {
			t.Errorf("at %v °F falls %q, want %q", degrees, got, want)
		}
		w.Status = cta.WeatherCloudy
		if got := english().weather(w, "F").Sky; got != "Cloudy" {
			t.Errorf("at %v °F it is %q, want cloudy", degrees, got)
		}
	}
}

// The head of an answer is the same without its body, also of what there is none of.
func TestHeadIsAsGet(t *testing.T) {
	srv := serving(t, newHandler(t, small(), HandlerConfig{}), nil)
	for _, path := range []string{"/", "/lines/blue", "/lines/none", "/stations/40890", "/stations/1", "/api/v1/status", "/api/v1/trains/none", "/events?line=none", "/nowhere", "/readyz"} {
		got := map[string]string{}
		for _, method := range []string{"GET", "HEAD"} {
			req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || method == "HEAD" && len(body) > 0 {
				t.Errorf("%s %s: %d bytes, %v", method, path, len(body), err)
			}
			got[method] = fmt.Sprint(r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
		}
		if got["GET"] != got["HEAD"] {
			t.Errorf("%s: HEAD answers %s, GET %s", path, got["HEAD"], got["GET"])
		}
	}
}

// The map of a network has every line's track, every station and every train, all
// inside its frame.
func TestChart(t *testing.T) {
	net := cta.Chicago()
	c := newChart(net)
	if c.width < 300 || c.height < 300 || max(c.width, c.height) > 1300 {
		t.Errorf("the map is %.0f by %.0f", c.width, c.height)
	}
	for _, l := range net.Lines {
		for _, s := range l.Stations {
			p, ok := c.at[l.ID][s.ID]
			if !ok || p.x < 0 || p.y < 0 || p.x > c.width || p.y > c.height {
				t.Errorf("%s: %s is at %v", l.ID, s.Name, p)
			}
		}
		for _, e := range c.tracks[l.ID] {
			way, back := c.way(l.ID, e[0], e[1]), c.way(l.ID, e[1], e[0])
			if len(way) < 2 || len(way) != len(back) || way[0] != back[len(back)-1] {
				t.Errorf("%s: from %d to %d is %v, back %v", l.ID, e[0], e[1], way, back)
			}
		}
	}
	if way := c.way("purple", howard, wilson); len(way) < 5 {
		t.Errorf("the express passes %d places from Howard to Wilson, want it beside the Red Line", len(way))
	}
	// Lines that share track are side by side.
	const clark, state = 40380, 40260
	if a, b := c.at["brown"][clark], c.at["green"][clark]; a == b {
		t.Error("two lines are drawn over one another")
	}
	h := newHandler(t, busy(), HandlerConfig{})
	s := h.pub.snapshot()
	v := h.viewMap(s, english(), "", false)
	fixed := fixedMap(c, s.status)
	if len(v.Trains) < 70 || len(fixed.Stations) != len(net.Stations) || len(fixed.Lines) != 8 {
		t.Errorf("the map has %d trains, %d stations, %d lines", len(v.Trains), len(fixed.Stations), len(fixed.Lines))
	}
	if nowhere := newChart(&cta.Network{Location: time.UTC}); nowhere != nil {
		t.Error("a network without stations has a map")
	}
}

func TestAlong(t *testing.T) {
	way := []point{{0, 0}, {10, 0}, {10, 30}}
	for f, want := range map[float64]point{0: {0, 0}, 0.25: {10, 0}, 0.5: {10, 10}, 1: {10, 30}} {
		if got, _ := along(way, f); got != want {
			t.Errorf("at %v is %v, want %v", f, got, want)
		}
	}
	if _, angle := along(way, 0.9); angle != 90 {
		t.Errorf("the angle is %v, want 90, to the south", angle)
	}
}

// A stream of a line or a station tells of nothing else.
func TestStreamIsNarrowed(t *testing.T) {
	m := NewModel(cta.Chicago())
	arriveNow(m, "1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	line, _ := follow(t, srv.URL+"/events?line=red", "")
	station, _ := follow(t, srv.URL+"/events?station=40820", "")
	if s := line(); s.name != "snapshot" || len(s.update.Trains) != 0 || len(s.update.Lines) != 1 {
		t.Errorf("the Red Line's stream begins with %+v", s)
	}
	if s := station(); s.name != "snapshot" || len(s.update.Trains) != 0 {
		t.Errorf("Rosemont's stream begins with %+v", s)
	}
	at := time.Now().Add(time.Second)
	next := cta.Arrival{Line: "blue", TrainID: "1", StationID: rosemont, Direction: "a", TrainStatus: cta.TrainInService}
	m.ApplyArrival(cta.KeyAt(at), next, at)
	until(t, station, hasTrain("1", rosemont))
	for _, n := range []int64{0, 1} {
		m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: 5 * n}, time.Now())
		m.ApplyCount(tables.TurnstileCount{StationID: rosemont, Count: 7 * n}, time.Now())
	}
	for s := station(); ; s = station() {
		if s.update.EntriesToday["40890"] != 0 {
			t.Error("Rosemont's stream tells of O'Hare's entries")
		}
		if s.update.EntriesToday["40820"] == 7 {
			break
		}
	}
	at, next.StationID = at.Add(time.Second), cumberland
	m.ApplyArrival(cta.KeyAt(at), next, at)
	gone := until(t, station, func(s served) bool { return len(s.update.Gone) > 0 })
	if gone.update.Gone[0] != "1" {
		t.Errorf("gone is %v, want the train that left", gone.update.Gone)
	}
	now := time.Now()
	m.ApplyArrival(cta.KeyAt(now), cta.Arrival{Line: "red", TrainID: "R", StationID: jarvis, Direction: "a", TrainStatus: cta.TrainInService}, now)
	if s := until(t, line, hasTrain("R", jarvis)); len(s.update.Trains) != 1 {
		t.Errorf("the Red Line's stream tells of %+v", s.update.Trains)
	}
}

// On a day when clocks change, the page and the API show the hours that there were.
func TestHoursWhenClocksChange(t *testing.T) {
	for _, tt := range []struct {
		noon  time.Time
		names []string // of the first hours
		hours int
	}{
		{time.Date(2026, 11, 1, 12, 0, 0, 0, cta.Chicago().Location), []string{"0–1", "1–2 CDT", "1–2 CST", "2–3"}, 25},
		{time.Date(2027, 3, 14, 12, 0, 0, 0, cta.Chicago().Location), []string{"0–1", "1–2", "3–4", "4–5"}, 23},
	} {
		m := NewModel(cta.Chicago())
		for at := tt.noon.Add(-14 * time.Hour); !at.After(tt.noon); at = at.Add(time.Minute) {
			m.ApplyArrival(cta.KeyAt(at), cta.Arrival{Line: "blue", TrainID: "1", StationID: ohare, Direction: "a", TrainStatus: cta.TrainInService}, at)
			m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: int64(at.Sub(tt.noon)/time.Minute) + 10_000}, at)
		}
		day := m.tracker.Day(ohare, tt.noon)
		view := english().viewDay(day, tt.noon)
		var names []string
		for _, h := range view.Hours[:4] {
			names = append(names, h.Name)
		}
		if d := cmp.Diff(tt.names, names); d != "" || len(view.Hours) != tt.hours {
			t.Errorf("%d hours, want %d; the first (-want +got):\n%s", len(view.Hours), tt.hours, d)
		}
		for i, h := range today(day).Hours {
			begun := !h.From.After(tt.noon)
			if begun != (h.Entries != nil) || begun && h.From.Before(tt.noon.Add(-time.Hour)) && *h.Entries != 60 {
				t.Errorf("hour %d from %v: %v entries, want 60 of each that is over", i, h.From, h.Entries)
			}
			if now := view.Hours[i].Now; now != (h.Hour == 12) {
				t.Errorf("hour %d from %v is now: %v", i, h.From, now)
			}
		}
	}
}
