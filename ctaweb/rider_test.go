package ctaweb

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
)

// row is a line's times on a page of departures.
var departuresRowOf = regexp.MustCompile(`(?s)<li class="l\d+"><span class="pill">([^<]*)</span> <span class="to">([^<]*).*?<b class="min">([^<]*)</b>`)

// The next trains of the stations chosen, in their order, both ways, as times in a row.
func TestDepartures(t *testing.T) {
	m := NewModel(cta.Chicago())
	for _, s := range []step{
		arrive("08:00:00", "blue B1 a", ohare), arrive("07:57:00", "blue B2 a", rosemont), arrive("08:00:00", "blue B3 b", cumberland),
		arrive("08:00:00", "red R1 b", jarvis),
	} {
		s(m)
	}
	m.SetReady()
	h := newHandler(t, m, HandlerConfig{})
	body := text(t, get(t, h, "GET", fmt.Sprintf("/departures?part&station=%d&station=%d", cumberland, jarvis)))
	if strings.Contains(body, "<html") || strings.Index(body, fmt.Sprintf(`data-key="%d"`, cumberland)) > strings.Index(body, fmt.Sprintf(`data-key="%d"`, jarvis)) {
		t.Errorf("not a part of a page, or in another order:\n%s", body)
	}
	var got []string
	for _, row := range departuresRowOf.FindAllStringSubmatch(body, -1) {
		got = append(got, strings.Join(row[1:], " · "))
	}
	boards := map[string][]string{}
	for _, line := range got {
		line, times, _ := strings.Cut(line, " · ")
		boards[line] = append(boards[line], times)
	}
	if len(boards["Blue"]) != 2 || len(boards["Red"]) == 0 {
		t.Fatalf("the departures are %q, want the Blue Line's both ways, and the Red Line's", got)
	}
	for _, want := range []string{`^Forest Park · Due, [\d–]+, [\d–]+ min$`, `^O&#39;Hare · Here`} {
		found := false
		for _, got := range boards["Blue"] {
			found = found || regexp.MustCompile(want).MatchString(got)
		}
		if !found {
			t.Errorf("the Blue Line's departures are %q, want one like %s", boards["Blue"], want)
		}
	}

	// A station that is named twice is there once.
	again := text(t, get(t, h, "GET", fmt.Sprintf("/departures?part&station=%d&station=%d&station=%d", jarvis, cumberland, jarvis)))
	if n := strings.Count(again, `class="stop-card"`); n != 2 {
		t.Errorf("two stations, one of them twice, are %d cards", n)
	}

	// No more than a dozen stations a page.
	many := url.Values{}
	for _, s := range m.Network().Stations[:20] {
		many.Add("station", fmt.Sprint(s.ID))
	}
	if n := strings.Count(text(t, get(t, h, "GET", "/departures?"+many.Encode())), `class="stop-card"`); n != maxDepartures {
		t.Errorf("%d stations are shown, want %d", n, maxDepartures)
	}
}

func TestTimesInARow(t *testing.T) {
	now := eight
	in := func(minutes ...float64) (list []plannedArrival) {
		for _, m := range minutes {
			list = append(list, plannedArrival{Expected: now.Add(time.Duration(m * float64(time.Minute)))})
		}
		return list
	}
	maybe := in(2, 9)
	maybe[1].Maybe = true
	vague := in(2, 16, 0)
	vague[1].Earliest, vague[1].Latest = now.Add(14*time.Minute), now.Add(18*time.Minute+10*time.Second)
	vague[2].Earliest, vague[2].Latest = now.Add(-time.Minute), now.Add(4*time.Minute)
	for _, tt := range []struct {
		next []plannedArrival
		here int
		want string
	}{
		{in(2, 9, 16), 0, "2, 9, 16 min"}, {in(0.2, 9), 0, "Due, 9 min"}, {in(0.2), 0, "Due"},
		{in(4), 1, "Here, 4 min"}, {nil, 1, "Here"}, {nil, 0, ""}, {maybe, 0, "2, 9? min"},
		{vague, 0, "2, 14–19, 0–4 min"},
	} {
		if got := english().times(tt.next, tt.here, now); got != tt.want {
			t.Errorf("%v, %d here: %q, want %q", tt.next, tt.here, got, tt.want)
		}
	}
}

// What a device needs to install the pages leads to where the handler is mounted, and to
// icons that exist.
func TestManifest(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg   HandlerConfig
		title string
		types []string
	}{
		"ours":           {HandlerConfig{}, "Chicago 'L' live", []string{"image/svg+xml", "image/png"}},
		"another's icon": {HandlerConfig{Title: "Town", Files: fstest.MapFS{"icon.svg": {Data: []byte("<svg/>")}}}, "Town", []string{"image/svg+xml"}},
	} {
		h := newHandler(t, small(), tt.cfg)
		at := "/" + h.assets.manifest["en"]
		var got struct {
			Name, Scope, Display string
			Start                string `json:"start_url"`
			Icons                []struct{ Src, Sizes, Type string }
		}
		if err := json.Unmarshal([]byte(text(t, get(t, h, "GET", at))), &got); err != nil {
			t.Fatal(err)
		}
		if got.Name != tt.title || got.Display != "standalone" || path.Join(path.Dir(at), got.Start) != "/" || got.Start != got.Scope {
			t.Errorf("%s: the manifest is %+v", name, got)
		}
		var types []string
		for _, icon := range got.Icons {
			r := get(t, h, "GET", path.Join(path.Dir(at), icon.Src))
			if r.StatusCode != 200 || r.Header.Get("Content-Type") != icon.Type {
				t.Errorf("%s: the icon %s is %d, %s", name, icon.Src, r.StatusCode, r.Header.Get("Content-Type"))
			}
			types = append(types, icon.Type)
		}
		if d := cmp.Diff(tt.types, types); d != "" {
			t.Errorf("%s: icons (-want +got):\n%s", name, d)
		}
		if page := text(t, get(t, h, "GET", "/")); !strings.Contains(page, `<link rel="manifest" href="`+strings.TrimPrefix(at, "/")) {
			t.Errorf("%s: the page has no manifest", name)
		}
	}
}

// A browser asks for the service worker anew, and sees a new version of the pages by it.
func TestWorkerChangesWithThePages(t *testing.T) {
	worker := func(cfg HandlerConfig) string {
		r := get(t, newHandler(t, small(), cfg), "GET", "/worker.js")
		if got := r.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("Cache-Control is %q", got)
		}
		return text(t, r)
	}
	ours := worker(HandlerConfig{})
	other := worker(HandlerConfig{Files: fstest.MapFS{"style.css": {Data: []byte("body{}")}}})
	if ours == other {
		t.Error("the worker is the same with other pages")
	}
	if !strings.Contains(ours, `"es":"no en vivo`) {
		t.Errorf("the worker doesn't say in Spanish that a page is old:\n%.300s", ours)
	}
}

// A script comes with the texts that it names, and with no others.
func TestScriptsHaveTheirWords(t *testing.T) {
	script := english().script(`say("due"); say("level-" + level); words["days"]`)
	for word, want := range map[string]bool{"due": true, "level-good": true, "days": true, "days-short": false, "stations": false} {
		if got := strings.Contains(script, `"`+word+`":`); got != want {
			t.Errorf("%q is in the script's words: %v", word, got)
		}
	}
	for _, name := range []string{"live.js", "rider.js"} {
		source := source{}.read(name)
		words := english().script(source)
		for _, m := range regexp.MustCompile(`say\((?:[^"()]*\? )?"([a-z-]+)"`).FindAllStringSubmatch(source, -1) {
			if !strings.Contains(words, `"`+m[1]) {
				t.Errorf("%s says %q without having its text", name, m[1])
			}
		}
		if strings.Contains(regexp.MustCompile(`//.*`).ReplaceAllString(source, ""), "words.") {
			t.Errorf("%s names a text without quotes", name)
		}
	}
}

// Pages may ask where the device is, for the nearest stations; nobody else may.
func TestPermissions(t *testing.T) {
	r := get(t, newHandler(t, small(), HandlerConfig{}), "GET", "/")
	if got := r.Header.Get("Permissions-Policy"); !strings.Contains(got, "geolocation=(self)") || strings.Contains(got, "*") {
		t.Errorf("Permissions-Policy is %q", got)
	}
	csp := r.Header.Get("Content-Security-Policy")
	for _, want := range []string{"manifest-src 'self'", "worker-src 'self'", "default-src 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("Content-Security-Policy lacks %s: %s", want, csp)
		}
	}
}

// A closed station says so wherever it is listed, and nothing is expected there.
func TestClosedStationsSaySo(t *testing.T) {
	const state = 40260
	h := newHandler(t, small(), HandlerConfig{})
	for url, want := range map[string]string{
		"/":                         `href="stations/40260" tabindex="-1" class="shut"`,
		"/lines/green":              `State/Lake</a> <b class="closed">closed</b>`,
		"/stations/40260":           `This station is closed. Trains pass without a stop.`,
		"/board/40260":              `This station is closed.`,
		"/stations?q=state+lake":    `State/Lake</a> <b class="closed">closed</b>`,
		"/departures?station=40260": `State/Lake</a> <b class="closed">closed</b>`,
		"/api/v1/stations/40260":    `"closed":true`,
		"/api/v1/lines/green":       `"closed":true`,
		"/stations/40260?lang=es":   `Esta estación está cerrada. Los trenes pasan sin parar.`,
	} {
		if body := text(t, get(t, h, "GET", url)); !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", url, want)
		}
	}
	fresh := newHandler(t, NewModel(cta.Chicago()), HandlerConfig{})
	if said := plainText(text(t, get(t, fresh, "GET", "/stations/40380"))); strings.Contains(said, "Riders today") {
		t.Error("before the first event a station's page tells of riders")
	}
	said := plainText(text(t, get(t, h, "GET", "/stations/40260")))
	for _, not := range []string{"Riders today", "usual day", "Lines to change between here"} {
		if strings.Contains(said, not) {
			t.Errorf("of a closed station its page says %q", not)
		}
	}
	if body := text(t, get(t, h, "GET", "/")); strings.Count(body, `<b class="closed">`) != len(h.model.Network().Station(state).Lines) {
		t.Error("the list of all stations doesn't say on each line that the station is closed")
	}
	if body := text(t, get(t, h, "GET", "/api/v1/stations/40260/predictions")); !strings.Contains(body, `"predictions":[]`) {
		t.Errorf("trains are predicted at a closed station: %s", body)
	}
}

// A station's page names the stations that are near on foot, and no closed one.
func TestStationsNearOnFoot(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	walk := regexp.MustCompile(`<li><a href="\.\./stations/\d+">([^<]*)</a> <span class="note">(\d+) m</span>`)
	for id, want := range map[int][]string{
		40560: {"Jackson", "Library", "LaSalle"}, // Jackson (Red): Jackson (Blue) first
		40380: {},                                // Clark/Lake: State/Lake alone is near, and closed
	} {
		body := text(t, get(t, h, "GET", fmt.Sprintf("/stations/%d", id)))
		var got []string
		for _, m := range walk.FindAllStringSubmatch(body, -1) {
			got = append(got, m[1])
		}
		if len(want) == 0 && len(got) > 0 || len(want) > 0 && (len(got) == 0 || got[0] != want[0]) {
			t.Errorf("near %d are %q, want %q first", id, got, want)
		}
		if strings.Contains(strings.Join(got, ","), "State/Lake") {
			t.Errorf("a closed station is near %d: %q", id, got)
		}
	}
}

// The agency's own changes on foot count for more than distances.
func TestChangesOnFootOfTheAgency(t *testing.T) {
	net, err := cta.Chicago().Only("red", "blue", "green")
	if err != nil {
		t.Fatal(err)
	}
	net.Station(40560).Transfers = []cta.Transfer{ // Jackson (Red)
		{To: 40070, Impossible: true},           // Jackson (Blue) is near
		{To: 40170, Time: 11 * time.Minute / 2}, // Ashland isn't
	}
	body := text(t, get(t, newHandler(t, NewModel(net), HandlerConfig{}), "GET", "/stations/40560"))
	if !strings.Contains(body, `<a href="../stations/40170">Ashland</a> <span class="note">6 min</span>`) || strings.Contains(body, `href="../stations/40070"`) {
		t.Errorf("the page lacks a change of 6 minutes to Ashland, or has one to Jackson (Blue):\n%s", body)
	}
}
