package cta

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hops writes hops as "40380 a".
func hops(hs []Hop) string {
	var s []string
	for _, h := range hs {
		s = append(s, fmt.Sprintf("%d %s", h.Station.ID, h.Direction))
	}
	return strings.Join(s, ", ")
}

func TestNextStation(t *testing.T) {
	for _, c := range []struct {
		name, line string
		station    int
		direction  Direction
		want       string
	}{
		{"along the line", "blue", 40890, DirectionA, "40820 a"},
		{"back", "blue", 40820, DirectionB, "40890 b"},
		{"none at the end", "blue", 40390, DirectionA, ""},
		{"none at the first station, back", "blue", 40890, DirectionB, ""},
		{"not on the line", "blue", 40900, DirectionA, ""},
		{"where branches part", "green", 40510, DirectionA, "40940 a, 41140 a"},
		{"where branches meet", "green", 40940, DirectionB, "40510 b"},
		{"the trunk, back, once", "green", 40510, DirectionB, "40130 b"},
		{"the end of a branch", "green", 40290, DirectionA, ""},
		{"into the Loop", "brown", 40460, DirectionA, "40730 a"},
		{"round the Loop", "brown", 40730, DirectionA, "40040 a"},
		{"out of the Loop", "brown", 40380, DirectionA, "40460 b"},
		{"out of the Loop, orange", "orange", 40680, DirectionA, "41400 b"},
		{"no train passes the Loop in direction b", "brown", 40380, DirectionB, ""},
		{"back from the Loop", "brown", 40460, DirectionB, "40710 b"},
		{"on, or back at once", "purple", 40900, DirectionA, "40540 a, 40840 b"},
		{"through, coming from the Loop", "purple", 40900, DirectionB, "40840 b"},
	} {
		if got := hops(Chicago().Line(c.line).Next(c.station, c.direction)); got != c.want {
			t.Errorf("%s: %s after %d %s is %q, want %q", c.name, c.line, c.station, c.direction, got, c.want)
		}
	}
}

// TestNextFollowsRoutes holds Next and Hops against each other on every line.
func TestNextFollowsRoutes(t *testing.T) {
	for _, l := range Chicago().Lines {
		for _, r := range l.Routes {
			run := r.Hops(DirectionA)
			back := r.Hops(DirectionB)
			if !r.Terminates() {
				run, back = append(run, back...), nil // one run, there and back
			}
			for _, hs := range [][]Hop{run, back} {
				for i := 1; i < len(hs); i++ {
					next := l.Next(hs[i-1].Station.ID, hs[i-1].Direction)
					if !strings.Contains(hops(next), hops(hs[i:i+1])) {
						t.Errorf("%s: %s leads to %s, want %s", l.ID, hops(hs[i-1:i]), hops(next), hops(hs[i:i+1]))
					}
				}
			}
		}
	}
}

func TestTowards(t *testing.T) {
	got := make(map[string]string)
	for _, l := range Chicago().Lines {
		got[l.ID] = l.Towards(DirectionA) + " / " + l.Towards(DirectionB)
	}
	want := map[string]string{
		"red":    "95th/Dan Ryan / Howard",
		"blue":   "Forest Park / O'Hare",
		"brown":  "Loop / Kimball",
		"green":  "Ashland/63rd or Cottage Grove / Harlem/Lake",
		"orange": "Loop / Midway",
		"purple": "Loop / Linden",
		"pink":   "Loop / 54th/Cermak",
		"yellow": "Howard / Dempster-Skokie",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("riders' names of directions (-want +got):\n%s", d)
	}
}

func TestServiceAt(t *testing.T) {
	purple := Chicago().Line("purple")
	for _, c := range []struct {
		at   string
		want Service
	}{
		{"2026-10-07T05:59:59-05:00", Service{Weekdays, 4, 6, 12 * time.Minute, 40900}},
		{"2026-10-07T06:00:00-05:00", Service{Weekdays, 6, 9, 7 * time.Minute, 0}},
		{"2026-10-07T13:59:59Z", Service{Weekdays, 6, 9, 7 * time.Minute, 0}}, // 08:59:59 there
		{"2026-10-07T14:00:00Z", Service{Weekdays, 9, 15, 12 * time.Minute, 40900}},
		{"2026-10-10T08:00:00-05:00", Service{Weekends, 5, 24, 12 * time.Minute, 40900}},
		{"2026-10-07T02:00:00-05:00", Service{}},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := purple.ServiceAt(at)
		if got != c.want || ok != (c.want != Service{}) {
			t.Errorf("purple at %s: %+v, %v; want %+v", c.at, got, ok, c.want)
		}
	}
}

func TestEntriesOfADay(t *testing.T) {
	r := Ridership{Weekday: 3, Saturday: 2, Sunday: 1}
	for _, c := range []struct {
		day  int // of October 2026
		want float64
	}{{9, 3}, {10, 2}, {11, 1}, {12, 3}} {
		if got := r.On(time.Date(2026, 10, c.day, 23, 59, 0, 0, Chicago().Location)); got != c.want {
			t.Errorf("entries on %d October: %v, want %v", c.day, got, c.want)
		}
	}
}
