package ctaweb

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// The part of a map that is drawn once more is the one where most lines meet, in any network.
// It covers no line, and names its stations.
func TestInset(t *testing.T) {
	c := newChart(cta.Chicago())
	in := c.inset
	if in == nil {
		t.Fatal("no inset of the Loop")
	}
	inside := func(p point, low, high point) bool {
		return p.x >= low.x && p.x <= high.x && p.y >= low.y && p.y <= high.y
	}
	for _, l := range cta.Chicago().Lines {
		for _, s := range l.Stations {
			if p := c.at[l.ID][s.ID]; s.Loop && !inside(p, in.low, in.high) {
				t.Errorf("%s of %s at %v isn't in the inset, %v to %v", s.Name, l.ID, p, in.low, in.high)
			}
		}
	}
	size := in.size()
	corner := point{in.at.x + size.x, in.at.y + size.y}
	if in.larger < 2 || in.at.x < 0 || in.at.y < 0 || corner.x > c.width || corner.y > c.height {
		t.Errorf("the inset is %.1f times larger, from %v to %v of %v by %v", in.larger, in.at, corner, c.width, c.height)
	}
	for line, edges := range c.tracks {
		for _, e := range edges {
			way := c.way(line, e[0], e[1])
			for f := 0.0; f <= 1; f += 0.02 {
				if p, _ := along(way, f); inside(p, in.at, corner) {
					t.Fatalf("the inset covers the %s line at %v", line, p)
				}
			}
		}
	}
	h := newHandler(t, small(arrive("08:00:00", "blue B2 b", clarkLake)), HandlerConfig{})
	page := text(t, get(t, h, "GET", "/"))
	twins := regexp.MustCompile(`<g id="moving-near">(.*?)</g></svg>`).FindStringSubmatch(page)
	if len(twins) < 2 || !strings.Contains(twins[1], `data-key="B2" class="m l1"`) || strings.Contains(twins[1], "B1") {
		t.Errorf("the trains of the inset are %q, want the one at Clark/Lake alone", twins)
	}
	drawn := page[strings.Index(page, `<svg class="inset"`):]
	drawn = drawn[:strings.Index(drawn, "</svg>")]
	for _, want := range []string{`<use href="#tracks"/>`, ">Clark/Lake<", ">Adams/Wabash<", ">Washington/Wells<", ">Monroe<"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("the inset lacks %s", want)
		}
	}
	// Names don't lie upon one another.
	font, _ := strconv.ParseFloat(regexp.MustCompile(`font-size="([\d.]+)"`).FindStringSubmatch(drawn)[1], 64)
	var names []box
	for _, m := range regexp.MustCompile(`<text x="([\d.]+)" y="([\d.]+)">([^<]*)<`).FindAllStringSubmatch(drawn, -1) {
		x, _ := strconv.ParseFloat(m[1], 64)
		y, _ := strconv.ParseFloat(m[2], 64)
		b := box{point{x, y - 0.7*font}, point{x + 0.5*font*float64(len(m[3])), y}}
		if slices.ContainsFunc(names, b.meets) {
			t.Errorf("the name %s lies upon another", m[3])
		}
		names = append(names, b)
	}
	if len(names) < 10 {
		t.Errorf("%d names in the inset", len(names))
	}

	if c := newChart(metropolis(t).net); c.inset == nil || c.inset.larger < insetLarger {
		t.Errorf("inset of a large network: %+v", c.inset)
	}
	// A line without a dense part has none.
	spread := cta.Network{Name: "Spread", Location: time.UTC}
	l := &cta.Line{ID: "L", Name: "L", Color: "#336699", TextColor: "#ffffff"}
	var calls []cta.Call
	for i := range 12 {
		s := &cta.Station{ID: i + 1, Name: fmt.Sprint(i), Point: cta.Point{Latitude: 40 + float64(i)/10, Longitude: 10 + float64(i%3)/10}}
		spread.Stations = append(spread.Stations, s)
		calls = append(calls, cta.Call{Station: s, Direction: cta.DirectionA})
	}
	l.Patterns = []*cta.Pattern{{Calls: calls}}
	spread.Lines = []*cta.Line{l}
	net, err := cta.NewNetwork(spread)
	if err != nil {
		t.Fatal(err)
	}
	if c := newChart(net); c.inset != nil {
		t.Errorf("inset of a network that is spread out: %+v", c.inset)
	}
}

// Trains are drawn to the right of their line, so that those of both directions are told
// apart, by the server as by the script.
func TestTrainsOfBothDirectionsAreApart(t *testing.T) {
	page := text(t, get(t, newHandler(t, small(), HandlerConfig{}), "GET", "/"))
	shape := regexp.MustCompile(`data-m="B1".*?<path d="([^"]*)"/>`).FindStringSubmatch(page)
	if shape == nil {
		t.Fatal("the map has no train B1")
	}
	if !strings.Contains(read("live.js"), `"`+shape[1]+`"`) {
		t.Errorf("the script draws trains otherwise than %s", shape[1])
	}
	// The tip is right of the way, which is the axis of x, as y grows to the right of it.
	tip := regexp.MustCompile(`^M([\d.]+) ([\d.]+)`).FindStringSubmatch(shape[1])
	if y, _ := strconv.ParseFloat(tip[2], 64); y < 3 {
		t.Errorf("the tip of a train is %v beside its line, want 3 or more", y)
	}
}
