package cta

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestChicagoIsComplete(t *testing.T) {
	net := Chicago()
	if net.Name != "Chicago 'L'" || net.Location.String() != "America/Chicago" {
		t.Errorf("network is %q in %v", net.Name, net.Location)
	}
	if got := len(net.Stations); got != 144 {
		t.Errorf("%d stations, want 144", got)
	}
	stations, stops := make(map[string]int), make(map[string]int)
	pairs := 0
	for _, l := range net.Lines {
		stations[l.ID] = len(l.Stations)
		pairs += len(l.Stations)
		for _, s := range l.Stations {
			for _, p := range s.Stops {
				if slices.Contains(p.Lines, l.ID) {
					stops[l.ID]++
				}
			}
		}
	}
	if pairs != 191 {
		t.Errorf("%d pairs of line and station, want 191", pairs)
	}
	if d := cmp.Diff(map[string]int{"red": 33, "blue": 33, "brown": 27, "green": 31, "orange": 16, "pink": 22, "purple": 26, "yellow": 3}, stations); d != "" {
		t.Errorf("stations by line (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]int{"red": 66, "blue": 66, "green": 62, "purple": 44, "brown": 46, "pink": 36, "orange": 24, "yellow": 6}, stops); d != "" {
		t.Errorf("stops by line (-want +got):\n%s", d)
	}
	if net.Station(1) != nil || net.Line("silver") != nil {
		t.Error("found what is not there")
	}
}

func TestChicagoFiguresAddUp(t *testing.T) {
	net := Chicago()
	weekday, share := 0.0, 0.0
	for _, s := range net.Stations {
		weekday += s.Entries.Weekday
	}
	for _, h := range net.Hourly {
		share += h
	}
	// 655,361.6 of October 2018, and 1,090 of Damen (Green).
	if math.Abs(weekday-656_451.6) > 0.05 {
		t.Errorf("%.1f entries on a weekday, want 656451.6", weekday)
	}
	if math.Abs(share-1) > 1e-9 {
		t.Errorf("hourly shares sum to %v", share)
	}
}

func TestChicagoStationsAreDistinctAndInTheirPlace(t *testing.T) {
	slugs := make(map[string]bool)
	for _, s := range Chicago().Stations {
		if slugs[s.Slug()] {
			t.Errorf("slug %s twice", s.Slug())
		}
		slugs[s.Slug()] = true
		if s.Latitude < 41.70 || s.Latitude > 42.10 || s.Longitude < -87.92 || s.Longitude > -87.58 {
			t.Errorf("%s is at %v, %v", s.Slug(), s.Latitude, s.Longitude)
		}
	}
}

// TestChicagoPatternsAreContiguous follows every run. Neighbouring stations are between
// 0.2 and 6.3 km apart, the way out of a loop is no longer than the way in, and trains
// turn back at once.
func TestChicagoPatternsAreContiguous(t *testing.T) {
	for _, l := range Chicago().Lines {
		inLoop := 0
		for _, s := range l.Stations {
			if s.Loop {
				inLoop++
			}
		}
		if inLoop != 0 && inLoop != 8 {
			t.Errorf("%s: %d stations in the Loop, want 8", l.ID, inLoop)
		}
		for _, p := range l.Patterns {
			for i := 1; i < len(p.Calls); i++ {
				a, b := p.Calls[i-1], p.Calls[i]
				if d := a.Station.Distance(b.Station.Point); d < 200 || d > 6300 || a.Direction != b.Direction && d > 1600 {
					t.Errorf("%s: %s to %s is %.0f m", l.ID, a.Station.Name, b.Station.Name, d)
				}
				if order, ok := l.Order(b.Station.ID); !ok || p.Direction() == DirectionA && b.Direction == DirectionA && order != i {
					t.Errorf("%s: order of %s is %d, want %d", l.ID, b.Station.Name, order, i)
				}
				if b.Stop == 0 {
					t.Errorf("%s: no stop at %s", l.ID, b.Station.Name)
				}
			}
		}
	}
}

func TestChicagoTextIsLegible(t *testing.T) {
	luminance := func(hex string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatal(err)
			}
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	for _, l := range Chicago().Lines {
		a, b := luminance(l.Color), luminance(l.TextColor)
		if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 {
			t.Errorf("%s: contrast of %s on %s is %.1f, want 4.5", l.ID, l.TextColor, l.Color, ratio)
		}
	}
}

func TestEveryLineRunsInTheMorningRush(t *testing.T) {
	net := Chicago()
	rush := time.Date(2026, 10, 7, 7, 30, 0, 0, net.Location)
	night := time.Date(2026, 10, 7, 3, 0, 0, 0, net.Location)
	var running []string
	for _, l := range net.Lines {
		if h := l.HeadwayAt(rush, DirectionB); h < 4*time.Minute || h > 10*time.Minute || l.Patterns[0].HeadwayAt(rush) == 0 {
			t.Errorf("%s: every %v", l.ID, h)
		}
		if l.HeadwayAt(night, DirectionA) > 0 {
			running = append(running, l.ID)
		}
	}
	if d := cmp.Diff([]string{"red", "blue"}, running); d != "" {
		t.Errorf("lines at night (-want +got):\n%s", d)
	}
}

func TestOnlyCutsTheNetwork(t *testing.T) {
	whole := Chicago()
	net, err := whole.Only("yellow", "red")
	if err != nil {
		t.Fatal(err)
	}
	if len(net.Lines) != 2 || net.Lines[0].ID != "red" || len(net.Stations) != 35 {
		t.Errorf("%d lines, %d stations; want red and yellow, 35", len(net.Lines), len(net.Stations))
	}
	howard := net.Station(40900)
	if d := cmp.Diff([]string{"red", "yellow"}, howard.Lines); d != "" {
		t.Errorf("lines at Howard (-want +got):\n%s", d)
	}
	for _, l := range net.Lines {
		for _, s := range l.Stations {
			if net.Station(s.ID) != s.Station {
				t.Errorf("%s: %s is not the network's own", l.ID, s.Name)
			}
		}
		for _, p := range l.Patterns {
			for _, c := range p.Calls {
				if net.Station(c.Station.ID) != c.Station {
					t.Errorf("%s: %s in a pattern is not the network's own", l.ID, c.Station.Name)
				}
			}
		}
	}
	if d := cmp.Diff([]string{"red", "yellow"}, net.LineColumns()); d != "" {
		t.Errorf("columns (-want +got):\n%s", d)
	}
	for _, s := range net.Stations {
		for _, stop := range s.Stops {
			if len(stop.Lines) == 0 {
				t.Errorf("stop %d has no line", stop.ID)
			}
		}
	}
	if got := whole.Station(40900).Lines; len(got) != 3 {
		t.Errorf("the whole network has changed: %v at Howard", got)
	}
	if same, err := whole.Only(); same != whole || err != nil {
		t.Errorf("Only() = %v, %v", same, err)
	}
	_, err = whole.Only("red", "silver", "gold")
	want := `no line "silver", "gold" in Chicago 'L', want some of red, blue, brown, green, orange, purple, pink, yellow`
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestSlugsFitTopicNames(t *testing.T) {
	long := Station{ID: math.MaxInt32, Name: strings.Repeat("Llanfair pwll ", 20)}
	if n := len(long.Slug()); n > maxSlug {
		t.Errorf("slug of %d bytes, want up to %d", n, maxSlug)
	}
	for _, c := range []struct{ name, want string }{
		{"Clark/Lake", "7-clark-lake"},
		{"O'Hare", "7-ohare"},
		{"Hōʻaeʻae", "7-hoaeae"}, // with the letter of Hawaiian, and as keyboards have it
		{"Hō‘ae‘ae", "7-hoaeae"},
		{"95th/Dan Ryan", "7-95th-dan-ryan"},
		{"Grünau (Nord)", "7-grunau-nord"},
		{"Praça da Figueira", "7-praca-da-figueira"},
		{"Cafe\u0301 (NFD)", "7-cafe-nfd"},
		{"東京", "7"},
	} {
		if got := (&Station{ID: 7, Name: c.name}).Slug(); got != c.want {
			t.Errorf("slug of %s is %s, want %s", c.name, got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	quarter := Point{}.Distance(Point{Latitude: 90})
	if want := math.Pi / 2 * 6_371_008.8; math.Abs(quarter-want) > 1e-3 {
		t.Errorf("equator to pole is %v m, want %v", quarter, want)
	}
	if half := (Point{Longitude: -90}).Distance(Point{Longitude: 90}); math.Abs(half-2*quarter) > 1e-3 {
		t.Errorf("antipodes are %v m apart, want %v", half, 2*quarter)
	}
	lake, state := Chicago().Station(40380), Chicago().Station(40260)
	if d := lake.Distance(state.Point); math.Abs(d-250) > 10 || d != state.Distance(lake.Point) {
		t.Errorf("State/Lake to Clark/Lake is %v m, want about 250", d)
	}
}

// Lines are found by what riders or the agency call them.
func TestNames(t *testing.T) {
	net := Chicago()
	for _, name := range []string{"blue", "Blue Line", " BLUE line "} {
		if found := net.LinesNamed(name); len(found) != 1 || found[0].ID != "blue" {
			t.Errorf("%q is %v", name, found)
		}
	}
	for _, name := range []string{"Line", "", " "} {
		if found := net.LinesNamed(name); found != nil {
			t.Errorf("%q is %v, want no line", name, found)
		}
	}
}
