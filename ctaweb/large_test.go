package ctaweb

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// metropolis is a model of 5,000 stations and 120 lines, on which 1,200 trains run.
func metropolis(tb testing.TB) *Model { return large(tb, 120, 5000) }

// large is a model of so many lines and stations, with ten trains on each line.
func large(tb testing.TB, lines, stations int) *Model {
	tb.Helper()
	const each = 45
	n := cta.Network{Name: "Metropolis", Location: time.UTC}
	for i := range stations {
		n.Stations = append(n.Stations, &cta.Station{
			ID: i + 1, Name: fmt.Sprintf("Station of Some Length %d", i), Point: cta.Point{Latitude: 40 + float64(i%100)/100, Longitude: 10 + float64(i/100)/100},
		})
	}
	daily := &cta.Calendar{ID: "daily", Days: 0x7F}
	for i := range lines {
		l := &cta.Line{ID: fmt.Sprint("L", i), Name: fmt.Sprintf("%d Central Terminal and Eastern Suburbs", i), Color: "#336699", TextColor: "#ffffff", Mode: cta.ModeMetro}
		var calls, back []cta.Call
		for c := range each {
			calls = append(calls, cta.Call{Station: n.Stations[(i*42+c)%stations], Direction: cta.DirectionA})
		}
		for c := range each {
			back = append(back, cta.Call{Station: calls[each-1-c].Station, Direction: cta.DirectionB})
		}
		often := []cta.Headway{{Calendar: daily, FromHour: 0, ToHour: 24, Every: 5 * time.Minute}}
		l.Patterns = []*cta.Pattern{{Calls: calls, Headways: often}, {Calls: back, Headways: often}}
		n.Lines = append(n.Lines, l)
	}
	net, err := cta.NewNetwork(n)
	if err != nil {
		tb.Fatal(err)
	}
	m := NewModel(net)
	event, wall := clockAt("08:00:00")
	for _, l := range net.Lines {
		for i := range 10 {
			s := l.Stations[i*4]
			m.ApplyArrival(cta.KeyAt(event.Add(-time.Duration(i)*time.Second)), cta.Arrival{StationID: s.ID, TrainID: fmt.Sprint(l.ID, "-", i), Direction: []cta.Direction{"a", "b"}[i%2], Line: l.ID, TrainStatus: cta.TrainInService}, wall)
		}
	}
	m.ApplyArrival(cta.KeyAt(event.Add(time.Second)), cta.Arrival{StationID: 7, TrainID: "L0-1", Direction: "b", Line: "L0", TrainStatus: cta.TrainBrokenDown}, wall)
	m.SetReady()
	return m
}

// The first page of a large network is no larger than that of a small one: the map
// comes behind it, and each line's stations are on its own page.
func TestFrontPageOfALargeNetwork(t *testing.T) {
	lines, stations := 120, 5000
	if race.Enabled {
		lines, stations = 40, 1600
	}
	m := large(t, lines, stations)
	h := newHandler(t, m, HandlerConfig{})
	page := text(t, get(t, h, "GET", "/"))
	const most = 150_000
	if len(page) > most {
		t.Errorf("the page has %d bytes, want %d at most", len(page), most)
	}
	for _, want := range []string{
		fmt.Sprintf(`data-status="L%[1]d" data-line="L%[1]d"><h3><a class="pill" href="lines/L%[1]d">%[1]d Central Terminal and Eastern Suburbs</a>`, lines-1),
		`a train towards Station of Some Length 0 has broken down at Station of Some Length 6`, `<g id="chart" data-src="map?`, `<a href="stations">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	chart := get(t, h, "GET", "/map")
	if svg := text(t, chart); chart.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg, `data-k="L0/1-2"`) || len(svg) > 1_500_000 {
		t.Errorf("the map has %d bytes of %s", len(svg), chart.Header.Get("Content-Type"))
	}
	for _, url := range []string{"/lines/L7", "/stations/300", fmt.Sprint("/stations?q=length+", stations-1), "/stations"} {
		if body := text(t, get(t, h, "GET", url)); len(body) > most {
			t.Errorf("%s has %d bytes, want %d at most", url, len(body), most)
		}
	}
	// A small network has all of it on the page.
	if page := text(t, get(t, newHandler(t, small(), HandlerConfig{}), "GET", "/")); strings.Contains(page, "data-src") || !strings.Contains(page, `<li data-s="40890">`) {
		t.Error("the page of Chicago lacks its stations")
	}
}

func BenchmarkLargePage(b *testing.B) {
	m := metropolis(b)
	h := newHandler(b, m, HandlerConfig{})
	_, wall := clockAt("08:00:10")
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			newHandler(b, m, HandlerConfig{})
		}
	})
	b.Run("model", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			m.Status(wall.Add(time.Duration(i) * time.Second))
		}
	})
	s := h.pub.snapshot()
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			data, err := h.execute(english(), "page.html", h.systemPage(s, english()))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(data)), "bytes")
			b.ReportMetric(float64(len(compress(data))), "compressed")
		}
	})
	b.Run("line", func(b *testing.B) {
		for b.Loop() {
			r := get(b, h, "GET", "/lines/L7?part&x")
			if r.StatusCode != 200 {
				b.Fatal(r.Status)
			}
			s.answers.forget("/lines/L7?part")
		}
	})
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			h.searchPage(s, english(), "length 4999")
		}
	})
}
