package ctaweb

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// newHandler returns a handler of m whose wall clock stands at 08:00:10 of the
// tests' day.
func newHandler(t testing.TB, m *Model, cfg HandlerConfig) *Handler {
	t.Helper()
	if cfg.Now == nil {
		_, wall := clockAt("08:00:10")
		cfg.Now = func() time.Time { return wall }
	}
	h, err := NewHandler(m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// small returns a model with a train at O'Hare, one broken down, weather and a count.
func small(before ...step) *Model {
	m := NewModel(cta.Chicago())
	for _, s := range append(before,
		weatherAt("08:00:00", 61.4, cta.WeatherPartlyCloudy),
		arrive("08:00:00", "blue B1 a", ohare),
		arrive("08:00:00", "red R1 b", jarvis, cta.TrainBrokenDown),
		counted("08:00:00", ohare, 0), counted("08:00:00", ohare, 1234567),
	) {
		s(m)
	}
	m.SetReady()
	return m
}

func get(t testing.TB, h http.Handler, method, url string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, url, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEveryRoute(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := newHandler(t, small(), HandlerConfig{Metrics: reg, Gatherer: reg})
	live, icon := "/"+h.assets.live["en"], "/"+h.assets.icon
	tests := []struct {
		method, url string
		code        int
		contentType string
		has         string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "Chicago &#39;L&#39; live</h1>"},
		{"HEAD", "/", 200, "text/html; charset=utf-8", ""},
		{"POST", "/", 405, "text/plain; charset=utf-8", "only GET and HEAD"},
		{"GET", "/api/v1/status", 200, "application/json", `"temperature":61.4`},
		{"HEAD", "/api/v1/status", 200, "application/json", ""},
		{"DELETE", "/api/v1/status", 405, "application/json", `{"error":"only GET and HEAD are allowed here"}`},
		{"GET", "/api/v1/nothing", 404, "application/json", `{"error":"there is no such resource"}`},
		{"HEAD", "/events", 200, "text/event-stream", ""},
		{"PUT", "/events", 405, "text/plain; charset=utf-8", "only GET and HEAD"},
		{"GET", "/lines/blue", 200, "text/html; charset=utf-8", "towards Forest Park"},
		{"GET", "/lines/violet", 404, "text/html; charset=utf-8", "There is no such page, line"},
		{"GET", "/stations/40890", 200, "text/html; charset=utf-8", "1,234,567"},
		{"GET", "/stations/040890", 404, "text/html; charset=utf-8", "no such page, line, station"},
		{"GET", "/stations/1", 404, "text/html; charset=utf-8", "no such page, line, station"},
		{"GET", "/board/40890", 200, "text/html; charset=utf-8", "Forest Park"},
		{"GET", "/trains/B1", 200, "text/html; charset=utf-8", "Train B1 towards Forest Park, at O&#39;Hare"},
		{"GET", "/trains/B9", 404, "text/html; charset=utf-8", "no longer shown"},
		{"GET", "/stations", 200, "text/html; charset=utf-8", "Wilson"},
		{"GET", "/departures", 200, "text/html; charset=utf-8", "No station selected."},
		{"GET", "/departures?station=40890&station=1&station=x", 200, "text/html; charset=utf-8", "O&#39;Hare</a></h3>"},
		{"GET", "/worker.js", 200, "text/javascript; charset=utf-8", "skipWaiting"},
		{"GET", "/stations?q=OHARE", 200, "text/html; charset=utf-8", "stations/40890"},
		{"GET", "/stations?q=%3Cscript%3E", 200, "text/html; charset=utf-8", "&lt;script&gt;"},
		{"GET", "/api/v1/lines", 200, "application/json", `"level":`},
		{"GET", "/api/v1/lines/blue", 200, "application/json", `"id":40890`},
		{"GET", "/api/v1/lines/violet", 404, "application/json", `{"error":"there is no such line"}`},
		{"GET", "/api/v1/stations", 200, "application/json", `"accessible":`},
		{"GET", "/api/v1/stations/40890", 200, "application/json", `"predictions":`},
		{"GET", "/api/v1/stations/x", 404, "application/json", `{"error":"there is no such station"}`},
		{"GET", "/api/v1/trains", 200, "application/json", `"latitude":`},
		{"GET", "/api/v1/trains/B1", 200, "application/json", `"stops":[{`},
		{"GET", "/api/v1/trains/B9", 404, "application/json", `{"error":"there is no such train"}`},
		{"GET", "/api/v1/openapi.json", 200, "application/json", `"openapi"`},
		{"GET", "/events?line=violet", 404, "text/plain; charset=utf-8", "no such line or station"},
		{"GET", "/events?station=1", 404, "text/plain; charset=utf-8", "no such line or station"},
		{"GET", "/healthz", 200, "application/json", `{"status":"alive"}`},
		{"GET", "/readyz", 200, "application/json", `{"ready":true,"age_seconds":10,"stale":false}`},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", `ctalive_web_requests_total{code="405",route="/"} 1`},
		{"GET", "/board/40890", 200, "text/html; charset=utf-8", ".l1{--line:#00a1de;--on:#000000"},
		{"GET", live, 200, "text/javascript; charset=utf-8", "EventSource"},
		{"GET", icon, 200, "image/svg+xml", "<svg"},
		{"GET", "/" + h.assets.picture, 200, "image/png", "\x89PNG"},
		{"GET", "/" + h.assets.manifest["es"], 200, "application/manifest+json", `"name":"Chicago 'L' en vivo"`},
		{"GET", "/static/", 404, "text/html; charset=utf-8", "There is no such page"},
		{"GET", "/static/style.css", 404, "text/plain; charset=utf-8", "no such"},
		{"GET", "/static/../handler.go", 404, "text/html; charset=utf-8", "There is no such page"},
		{"GET", "//", 404, "text/html; charset=utf-8", "There is no such page"},
		{"GET", "/nothing", 404, "text/html; charset=utf-8", "There is no such page"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.url, func(t *testing.T) {
			r := get(t, h, tt.method, tt.url)
			body := text(t, r)
			if r.StatusCode != tt.code || r.Header.Get("Content-Type") != tt.contentType || !strings.Contains(body, tt.has) {
				t.Errorf("%d, %s, %.300s\nwant %d, %s, with %s", r.StatusCode, r.Header.Get("Content-Type"), body, tt.code, tt.contentType, tt.has)
			}
			if tt.code == 405 && r.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("Allow is %q", r.Header.Get("Allow"))
			}
			if csp := r.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("Content-Security-Policy is %q", csp)
			}
			if r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Error("X-Content-Type-Options is missing")
			}
		})
	}
}

// What is asked for in part comes in part, and whole where it has changed since.
func TestPartsOfBodies(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	for _, url := range []string{"/", "/api/v1/openapi.json", "/" + h.assets.live["en"]} {
		first := get(t, h, "GET", url)
		whole := text(t, first)
		r := get(t, h, "GET", url, "Range", "bytes=10-19", "If-Range", first.Header.Get("ETag"))
		if got := text(t, r); r.StatusCode != 206 || got != whole[10:20] {
			t.Errorf("%s: %d, %q, want 206, %q", url, r.StatusCode, got, whole[10:20])
		}
		r = get(t, h, "GET", url, "Range", "bytes=10-19", "If-Range", `"of before"`)
		if got := text(t, r); r.StatusCode != 200 || got != whole {
			t.Errorf("%s, changed: %d, %d bytes, want 200, %d", url, r.StatusCode, len(got), len(whole))
		}
		r = get(t, h, "GET", url, "If-Match", `"of before"`, "If-Unmodified-Since", "Mon, 02 Jan 2006 15:04:05 GMT")
		if got := text(t, r); r.StatusCode != 200 || got != whole {
			t.Errorf("%s, on conditions of writes: %d, %d bytes, want 200, %d", url, r.StatusCode, len(got), len(whole))
		}
	}
}

// A browser applies the style sheet in a page if the policy has the hash of what it reads.
func TestPolicyHasTheStyleSheet(t *testing.T) {
	for name, cfg := range map[string]HandlerConfig{
		"ours":              {},
		"one of other ends": {Files: fstest.MapFS{"style.css": {Data: []byte("b {\r\n\tcontent: '<&>';\r\n}\r\n")}}},
	} {
		for _, url := range []string{"/", "/board/40890", "/no/such/page"} {
			r := get(t, newHandler(t, small(), cfg), "GET", url)
			_, style, _ := strings.Cut(text(t, r), "<style>")
			style, _, found := strings.Cut(style, "</style>")
			sum := sha256.Sum256([]byte(strings.ReplaceAll(style, "\r\n", "\n"))) // as browsers read
			want := "style-src 'self' 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"
			if got := r.Header.Get("Content-Security-Policy"); !found || !strings.Contains(got, want) {
				t.Errorf("%s, %s: Content-Security-Policy is %q, want %s", name, url, got, want)
			}
		}
	}
}

func TestReadiness(t *testing.T) {
	h := newHandler(t, NewModel(cta.Chicago()), HandlerConfig{})
	r := get(t, h, "GET", "/readyz")
	want := `{"ready":false,"reason":"starting","age_seconds":0,"stale":true}` + "\n"
	if got := text(t, r); r.StatusCode != 503 || got != want {
		t.Errorf("%d %s, want 503 %s", r.StatusCode, got, want)
	}
	if r := get(t, h, "GET", "/healthz"); r.StatusCode != 200 {
		t.Errorf("not ready is not dead: healthz answers %d", r.StatusCode)
	}
	if r := get(t, h, "GET", "/metrics"); r.StatusCode != 404 {
		t.Errorf("metrics without a gatherer answer %d, want 404", r.StatusCode)
	}
}

func TestUnchangedIsNotSentAgain(t *testing.T) {
	m := small()
	h := newHandler(t, m, HandlerConfig{})
	for _, url := range []string{"/", "/api/v1/status", "/" + h.assets.live["en"]} {
		first := get(t, h, "GET", url, "Accept-Encoding", "gzip")
		if first.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not compressed", url)
		}
		zipped, err := gzip.NewReader(first.Body)
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := io.ReadAll(zipped)
		if plain := text(t, get(t, h, "GET", url)); err != nil || plain != string(unzipped) {
			t.Errorf("%s differs when compressed (%v)", url, err)
		}
		tag := first.Header.Get("ETag")
		if r := get(t, h, "GET", url, "Accept-Encoding", "gzip", "If-None-Match", `"x", W/`+strings.TrimPrefix(tag, "W/")); r.StatusCode != 304 || text(t, r) != "" {
			t.Errorf("%s answers %d to its own tag %s, want 304", url, r.StatusCode, tag)
		}
		if r := get(t, h, "GET", url, "Accept-Encoding", "gzip;q=0", "If-None-Match", tag); r.StatusCode != 200 {
			t.Errorf("%s answers %d to the tag of another encoding, want 200", url, r.StatusCode)
		}
	}
}

// As time passes and nothing happens, pollers are told that nothing has changed;
// when something has, all that show it are sent anew.
func TestTagsAreOfContent(t *testing.T) {
	m := small(weatherAt("07:30:00", 60, cta.WeatherSunny), counted("07:30:00", ohare, 1234560))
	_, now := clockAt("08:00:40")
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return now }})
	urls := []string{
		"/api/v1/lines", "/api/v1/lines/blue", "/api/v1/stations", "/api/v1/status",
		"/stations/41450?part", "/board/41450?part", "/lines/yellow?part", // no train comes there
	}
	tags := map[string]string{}
	for _, url := range urls {
		tags[url] = get(t, h, "GET", url).Header.Get("ETag")
	}
	_, now = clockAt("08:00:41")
	for _, url := range urls {
		if r := get(t, h, "GET", url, "If-None-Match", tags[url]); tags[url] == "" || r.StatusCode != 304 {
			t.Errorf("a second later %s answers %d to its tag %s", url, r.StatusCode, tags[url])
		}
	}
	arrive("08:00:41", "yellow Y1 a", howard)(m)
	arrive("08:00:41", "red R2 b", 41450)(m)
	counted("08:00:41", 41450, 5)(m)
	_, now = clockAt("08:00:42")
	for _, url := range urls {
		r := get(t, h, "GET", url, "If-None-Match", tags[url])
		if want := 200; r.StatusCode != want && url != "/api/v1/lines/blue" {
			t.Errorf("after arrivals %s answers %d, want %d", url, r.StatusCode, want)
		}
		if body := text(t, r); strings.Contains(url, "?part") && (strings.Contains(body, "<html") || strings.Contains(body, "</body>") || !strings.Contains(body, "data-live")) {
			t.Errorf("%s isn't a part of a page:\n%.300s", url, body)
		}
	}
}

// everyPage are the pages of the model small.
var everyPage = []string{"", "lines/blue", "stations", "stations?q=lake", "stations/40890", "trains/B1", "board/40890"}

func TestMountedUnderAPrefix(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	mux := http.NewServeMux()
	mux.Handle("/transit/l/", http.StripPrefix("/transit/l", h))
	base := "/transit/l/"
	seen := map[string]bool{}
	for _, page := range everyPage {
		r := get(t, mux, "GET", base+page)
		body := text(t, r)
		if r.StatusCode != 200 {
			t.Fatalf("%s answers %d", page, r.StatusCode)
		}
		at, err := url.Parse(base + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:href|src|action)="([^#"][^"]*)"`).FindAllStringSubmatch(body, -1) {
			if strings.HasPrefix(m[1], "/") || strings.Contains(m[1], ":") {
				t.Errorf("%s: address %s isn't relative", page, m[1])
			}
			to, err := at.Parse(m[1])
			if err != nil {
				t.Fatal(err)
			}
			if seen[to.String()] || race.Enabled && len(seen)%4 > 0 && strings.Contains(to.Path, "/stations/") {
				seen[to.String()] = true
				continue
			}
			seen[to.String()] = true
			if r := get(t, mux, "GET", to.String()); r.StatusCode != 200 {
				t.Errorf("%s: address %s answers %d", page, m[1], r.StatusCode)
			}
		}
	}
	// Where a router passes the prefix without its slash, the page's addresses
	// need it.
	bare := http.StripPrefix("/transit/l", h)
	if r := get(t, bare, "GET", "/transit/l?x=1"); r.StatusCode != 308 || r.Header.Get("Location") != "./l/?x=1" {
		t.Errorf("%d to %q, want 308 to ./l/?x=1", r.StatusCode, r.Header.Get("Location"))
	}
}

// hostile is a network whose every text holds markup.
func hostile() *cta.Network {
	const mark = `<script>alert(1)</script>"'&`
	a := &cta.Station{ID: 1, Name: mark, Lines: []string{`x"y>`}, Point: cta.Point{Latitude: 41, Longitude: -87}}
	b := &cta.Station{ID: 2, Name: mark + "2", Lines: []string{`x"y>`}, Point: cta.Point{Latitude: 42, Longitude: -87.2}}
	return &cta.Network{
		Name: mark, Location: time.UTC, Stations: []*cta.Station{a, b},
		Lines: []*cta.Line{{
			ID: `x"y>`, Name: mark, Color: "red;}body{}", TextColor: "#000",
			Stations: []cta.LineStation{{Station: a, Order: 0, Branch: mark}, {Station: b, Order: 1, Branch: mark}},
			Patterns: []*cta.Pattern{{Calls: []cta.Call{{Station: a, Direction: cta.DirectionA}, {Station: b, Direction: cta.DirectionA}}}},
		}},
	}
}

// Every id that a train or a line may have has a page and an answer of the API, at
// the address that the pages link to.
func TestEveryIDIsReached(t *testing.T) {
	net := *cta.Chicago()
	ids := []string{"a//b", ".", "..", "a/", "/", "~", "~.", "%2e", "a b", "a?b#c", "ü", `a\b`, "predictions", "1/predictions"}
	for _, id := range ids {
		l := *net.Line("yellow") // short, so that all stations are on the front page
		l.ID, l.Name = id, "Line <"+id+">"
		net.Lines = append(slices.Clone(net.Lines), &l)
	}
	m := NewModel(&net)
	at := net.Line("yellow").Stations[0].ID
	for _, id := range ids {
		m.ApplyArrival(cta.KeyAt(wall0), cta.Arrival{StationID: at, TrainID: id, Direction: "a", Line: id, TrainStatus: cta.TrainInService}, wall0)
	}
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return wall0 }})
	server := httptest.NewServer(http.StripPrefix("/live", h))
	defer server.Close()
	href := regexp.MustCompile(`<a class="[^"]*" (?:data-t="[^"]*" )?href="((?:lines|trains)/[^"]*)"`)
	home := text(t, get(t, h, "GET", "/"))
	linked := map[string]bool{}
	for _, a := range href.FindAllStringSubmatch(home, -1) {
		linked[html.UnescapeString(a[1])] = true
	}
	for _, id := range ids {
		for kind, has := range map[string]string{"lines": "Line <" + id + ">", "trains": "Train " + id + " "} {
			address := kind + "/" + segment(id)
			if !linked[address] {
				t.Errorf("the front page has no link %s", address)
			}
			for _, base := range []string{"", "api/v1/"} {
				r, err := http.Get(resolve(t, server.URL+"/live/", base+address))
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				if base != "" {
					has = fmt.Sprintf(`"id":%q`, id)
				}
				if err != nil || r.StatusCode != http.StatusOK || !strings.Contains(html.UnescapeString(string(body)), has) {
					t.Errorf("%s%s of id %q: %s, lacks %s: %.300s %v", base, address, id, r.Status, has, body, err)
				}
			}
		}
	}
}

// resolve makes an address of a link as browsers do, which take escaped dots for
// dots.
func resolve(t *testing.T, base, link string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	dots := regexp.MustCompile(`(?i)(^|/)((?:\.|%2e){1,2})(/|$)`)
	u, err = u.Parse(dots.ReplaceAllStringFunc(link, func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "%2e", ".") }))
	if err != nil {
		t.Fatal(err)
	}
	return u.String()
}

// A slash too many leads to the page, under any prefix.
func TestTrailingSlash(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	server := httptest.NewServer(http.StripPrefix("/live", h))
	defer server.Close()
	for address, want := range map[string]string{
		"/lines/blue/": "/live/lines/blue", "/stations/": "/live/stations", "/stations/40890/?lang=es": "/live/stations/40890?lang=es",
		"/api/v1/lines/": "/live/api/v1/lines", "/events/?line=blue": "/live/events?line=blue",
	} {
		r, err := http.Head(server.URL + "/live" + address)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if got := r.Request.URL.RequestURI(); got != want || r.StatusCode != 200 {
			t.Errorf("%s leads to %s (%s), want %s", address, got, r.Status, want)
		}
	}
	// What isn't there is told as where it isn't.
	const page, object = "text/html; charset=utf-8", "application/json"
	for address, kind := range map[string]string{
		"/api": object, "/api/": object, "/api/v1/": object, "/api/v1//status": object, "/api/v1/nothing/": object,
		"/static/": page, "/lines/": page, "/lines//": page, "/nothing/": page, "/lines/blue//": page, "//": page, "/../x": page,
	} {
		r := get(t, h, "GET", address)
		if got := r.Header.Get("Content-Type"); r.StatusCode != 404 || got != kind {
			t.Errorf("%s: %s of type %s, want 404 of type %s", address, r.Status, got, kind)
		}
		if body := text(t, r); kind == page && !strings.Contains(body, `href="`+strings.Repeat("../", strings.Count(address, "/")-1)) {
			t.Errorf("%s: the page leads nowhere:\n%s", address, body)
		}
	}
}

func TestMarkupIsEscaped(t *testing.T) {
	m := NewModel(hostile())
	m.ApplyArrival(cta.KeyAt(wall0), cta.Arrival{StationID: 1, TrainID: `<script>t</script>"`, Direction: "a", Line: `x"y>`, TrainStatus: cta.TrainBrokenDown}, wall0)
	m.ApplyWeather(cta.KeyAt(wall0), cta.Weather{Status: "<script>"}, wall0)
	m.ApplyStation(tables.StationRecord{StationID: 2, Line: `x"y>`, StationName: "<script>renamed"})
	h := newHandler(t, m, HandlerConfig{Title: "<script>title", Now: func() time.Time { return wall0 }})
	for _, address := range []string{
		"/", "/lines/x%22y%3E", "/stations", "/stations?q=<script>", "/stations/2", "/trains/%3Cscript%3Et%3C%2Fscript%3E%22", "/board/2", "/trains/<script>",
		"/api/v1/status", "/api/v1/lines", "/api/v1/stations/2", "/api/v1/trains",
	} {
		body := text(t, get(t, h, "GET", address))
		api := strings.HasPrefix(address, "/api")
		if n := strings.Count(body, "<script"); !api && n != 1 || api && n != 0 {
			t.Errorf("%s has %d script elements:\n%s", address, n, body)
		}
		if strings.Contains(body, `href="javascript`) || strings.Contains(body, "onload") {
			t.Errorf("%s runs scripts", address)
		}
		if address == "/" && !strings.Contains(body, "&lt;script&gt;renamed") {
			t.Errorf("the page lacks the station's name:\n%s", body)
		}
	}
	if strings.Contains(string(h.assets.style), "red;}") {
		t.Error("a colour that isn't one is in the style sheet")
	}
}

// The golden page is the Yellow Line alone, which has three stations.
func TestPageIsAsItWas(t *testing.T) {
	net, err := cta.Chicago().Only("yellow")
	if err != nil {
		t.Fatal(err)
	}
	m := NewModel(net)
	for _, s := range []step{
		weatherAt("08:00:00", 61.4, cta.WeatherPartlyCloudy),
		arrive("08:00:00", "yellow Y1 a", 40140), arrive("07:58:00", "yellow Y2 b", 900_000),
		arrive("07:58:00", "yellow Y3 b", howard), arrive("08:00:00", "yellow Y4 a", 41680, cta.TrainBrokenDown),
		counted("08:00:00", howard, 0), counted("08:00:00", howard, 1234567),
	} {
		s(m)
	}
	m.SetReady()
	h := newHandler(t, m, HandlerConfig{})
	got := text(t, get(t, h, "GET", "/"))
	for _, vary := range []string{h.pub.epoch, h.pub.snapshot().layout.id, string(h.assets.style), h.assets.live["en"], h.assets.icon, h.assets.picture, h.assets.manifest["en"]} {
		got = strings.ReplaceAll(got, vary, "…")
	}
	const file = "testdata/yellow.html"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("page (-want +got); UPDATE_GOLDEN=1 accepts it:\n%s", d)
	}
}

func TestFirstLoadIsSmall(t *testing.T) {
	h := newHandler(t, busy(), HandlerConfig{})
	total := 0
	for _, url := range []string{"/", "/" + h.assets.live["en"], "/" + h.assets.icon, "/" + h.assets.manifest["en"]} {
		total += len(text(t, get(t, h, "GET", url, "Accept-Encoding", "gzip")))
	}
	// Before there is anything of the reader's own to show.
	if total > 40_000 {
		t.Errorf("the page and its files are %d bytes compressed, want 40000 or fewer", total)
	}
	t.Logf("the page and its files are %d bytes compressed", total)
	// The first event of the page's stream has everything.
	total += len(h.pub.snapshot().snapshotEvent(h.model.Network(), filter{}).bytes(true))
	if total > 60_000 {
		t.Errorf("the first load is %d bytes, want 60000 or fewer", total)
	}
	t.Logf("the first load is %d bytes compressed", total)
}

func TestStatusIsWhatTheModelShows(t *testing.T) {
	m := small()
	h := newHandler(t, m, HandlerConfig{})
	var got Status
	if err := json.NewDecoder(get(t, h, "GET", "/api/v1/status").Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	_, wall := clockAt("08:00:10")
	equalTimes := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
	if d := cmp.Diff(m.Status(wall), &got, equalTimes, cmpopts.IgnoreFields(DirectionStatus{}, "Facts")); d != "" {
		t.Errorf("status (-want +got):\n%s", d)
	}
}

func TestWrongSettingsAreAllNamed(t *testing.T) {
	_, err := NewHandler(small(), HandlerConfig{MaxStreams: -1, MaxClientStreams: -2, Interval: time.Hour, KeepAlive: time.Millisecond, WriteTimeout: -1})
	want := `ctaweb: handler: Interval is 1h0m0s, want 10ms to 10s
KeepAlive is 1ms, want 1s to 1m0s
WriteTimeout is -1ns, want 100ms to 5m0s
MaxStreams is -1, want 1 or more
MaxClientStreams is -2, want 1 or more`
	if err == nil || err.Error() != want {
		t.Errorf("error is\n%v\nwant\n%s", err, want)
	}
}

func TestTwoHandlersShareMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 {
		get(t, newHandler(t, small(), HandlerConfig{Metrics: reg}), "GET", "/")
	}
	if n := sum(t, reg, "ctalive_web_requests_total"); n != 2 {
		t.Errorf("%v requests were counted, want 2", n)
	}
}

func TestEveryColorIsLegible(t *testing.T) {
	for _, l := range NewModel(cta.Chicago()).Status(wall0).Lines {
		if c := contrast(l.Color, l.TextColor); c < minContrast {
			t.Errorf("%s: contrast of text is %.2f, want %v", l.ID, c, minContrast)
		}
		for _, surface := range []string{lightSurface, darkSurface} {
			if c := contrast(distinct(l.Color, surface), surface); c < 3 {
				t.Errorf("%s on %s: contrast of drawings is %.2f, want 3", l.ID, surface, c)
			}
		}
	}
	style := read("style.css")
	for _, surface := range []string{lightSurface, darkSurface} {
		if !strings.Contains(style, "--card: "+surface) {
			t.Errorf("style.css doesn't have the surface %s", surface)
		}
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := english().number(n); got != want {
			t.Errorf("number(%d) is %s, want %s", n, got, want)
		}
	}
}
