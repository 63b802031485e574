package traintracker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// The CTA's time at the next station is passed on while it holds.
func TestPredictionOfTheNextStation(t *testing.T) {
	net := cta.Chicago()
	in := newInference(net, func(string) {})
	start := time.Date(2026, 2, 6, 16, 8, 0, 0, net.Location)
	var got []string
	for _, c := range []struct {
		at, next, stop, due int // due in seconds after start; 0: unknown
	}{
		{0, 41300, 30251, 60},  // Loyola
		{15, 41300, 30251, 62}, // hardly another time
		{30, 41300, 30251, 75},
		{45, 41300, 30251, 0}, // withdrawn
		{60, 41300, 30251, 100},
		{90, 40100, 30020, 180}, // Morse: one answer doesn't suffice
		{105, 40100, 30020, 180},
		{120, 40100, 30020, 110}, // past
	} {
		now := start.Add(time.Duration(c.at) * time.Second)
		r := report{route: "red", run: "813", next: c.next, stop: c.stop, direction: 1, destination: 30173, destName: "Howard", predicted: now}
		if c.due > 0 {
			r.due = start.Add(time.Duration(c.due) * time.Second)
		}
		_, told := in.apply(&answer{at: now, trains: []report{r}}, now, 15*time.Second)
		for _, p := range told {
			text := fmt.Sprintf("%d:", c.at)
			for _, s := range p.Stops {
				text += fmt.Sprintf(" %d%s at %v", s.StationID, s.Direction, time.UnixMilli(s.At).Sub(start).Seconds())
			}
			got = append(got, text)
			if p.TrainID != "red-813-20260206" || p.Line != "red" || p.Made != now.UnixMilli() || p.Check() != nil {
				t.Errorf("%+v", p)
			}
		}
	}
	const want = "0: 41300b at 60; 30: 41300b at 75; 45:; 60: 41300b at 100; 90:; 105: 40100b at 180; 120:"
	if got := strings.Join(got, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
