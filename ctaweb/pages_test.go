package ctaweb

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-921eec07/ctalive/cta"
)

func TestSearch(t *testing.T) {
	h := newHandler(t, small(), HandlerConfig{})
	link := regexp.MustCompile(`<li><a href="stations/\d+">([^<]*)</a>`)
	tests := []struct{ query, want string }{
		{"ohare", "O&#39;Hare"},
		{"  Clark/L", "Clark/Lake"},
		{"18", "18th"},
		{"howard", "Howard"},
		{"lake", "Lake, Clark/Lake, Harlem/Lake, State/Lake"},
		{"xyzzy", ""},
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
	v := h.viewMap(s, english(), "")
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
	next := cta.Arrival{Line: "blue", TrainID: "1", StationID: rosemont, Direction: "a", TrainStatus: cta.InService}
	m.ApplyArrival(cta.KeyAt(at), next, at)
	until(t, station, hasTrain("1", rosemont))
	m.ApplyCount(cta.TurnstileCount{StationID: ohare, Count: 5}, time.Now())
	m.ApplyCount(cta.TurnstileCount{StationID: rosemont, Count: 7}, time.Now())
	for s := station(); ; s = station() {
		if s.update.Entries["40890"] != 0 {
			t.Error("Rosemont's stream tells of O'Hare's entries")
		}
		if s.update.Entries["40820"] == 7 {
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
	m.ApplyArrival(cta.KeyAt(now), cta.Arrival{Line: "red", TrainID: "R", StationID: jarvis, Direction: "a", TrainStatus: cta.InService}, now)
	if s := until(t, line, hasTrain("R", jarvis)); len(s.update.Trains) != 1 {
		t.Errorf("the Red Line's stream tells of %+v", s.update.Trains)
	}
}
