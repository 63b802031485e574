package cta

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// calls formats calls as "40380 a".
func calls(cs []Call) string {
	var s []string
	for _, h := range cs {
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
		{"on, where some trains end", "purple", 40900, DirectionA, "40540 a"},
		{"through, coming from the Loop", "purple", 40900, DirectionB, "40840 b"},
	} {
		if got := calls(Chicago().Line(c.line).Next(c.station, c.direction)); got != c.want {
			t.Errorf("%s: %s after %d %s is %q, want %q", c.name, c.line, c.station, c.direction, got, c.want)
		}
	}
}

// TestNextFollowsPatterns checks Next against the patterns of every line.
func TestNextFollowsPatterns(t *testing.T) {
	for _, l := range Chicago().Lines {
		for _, p := range l.Patterns {
			for i := 1; i < len(p.Calls); i++ {
				next := l.Next(p.Calls[i-1].Station.ID, p.Calls[i-1].Direction)
				if !strings.Contains(calls(next), calls(p.Calls[i:i+1])) {
					t.Errorf("%s: %s leads to %s, want %s", l.ID, calls(p.Calls[i-1:i]), calls(next), calls(p.Calls[i:i+1]))
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

// Nothing runs "towards Northbound".
func TestTowardsADirection(t *testing.T) {
	red := *Chicago().Line("red")
	for headsign, want := range map[string]string{"": "95th/Dan Ryan", "Southbound": "95th/Dan Ryan (Southbound)", "The South Side": "The South Side"} {
		p := *red.Patterns[0]
		p.Headsign = headsign
		if got := p.Towards(0); got != want {
			t.Errorf("of headsign %q trains run towards %q, want %q", headsign, got, want)
		}
		p.apart = "via Lake"
		if got, want := p.Towards(0), strings.TrimSuffix(want, " (Southbound)")+" (via Lake)"; got != want {
			t.Errorf("of headsign %q trains run towards %q, want %q", headsign, got, want)
		}
	}
}

// Trains of both directions that show one place are told apart, once.
func TestTowardsOnePlace(t *testing.T) {
	red := *Chicago().Line("red")
	south, north := *red.Patterns[0], *red.Patterns[1]
	north.Headsign = south.Last().Station.Name
	red.Patterns = []*Pattern{&south, &north}
	red.index(time.UTC)
	if got, want := south.Towards(0), "95th/Dan Ryan (via Jarvis)"; got != want {
		t.Errorf("trains run towards %q, want %q", got, want)
	}
	if got, want := north.Towards(0), "95th/Dan Ryan (Howard)"; got != want {
		t.Errorf("trains of the other direction run towards %q, want %q", got, want)
	}
}

func TestHeadwayAt(t *testing.T) {
	purple := Chicago().Line("purple")
	const toLoop, toHoward, fromHoward = 0, 1, 2
	for _, c := range []struct {
		at   string
		want [3]time.Duration // of those patterns
	}{
		{"2026-10-07T05:59:59-05:00", [3]time.Duration{0, 12 * time.Minute, 12 * time.Minute}},
		{"2026-10-07T06:00:00-05:00", [3]time.Duration{7 * time.Minute, 0, 0}},
		{"2026-10-07T13:59:59Z", [3]time.Duration{7 * time.Minute, 0, 0}}, // 08:59:59 there
		{"2026-10-07T14:00:00Z", [3]time.Duration{0, 12 * time.Minute, 12 * time.Minute}},
		{"2026-10-10T08:00:00-05:00", [3]time.Duration{0, 12 * time.Minute, 12 * time.Minute}},
		{"2026-10-07T02:00:00-05:00", [3]time.Duration{}},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got := [3]time.Duration{}
		for i := range got {
			got[i] = purple.Patterns[[3]int{toLoop, toHoward, fromHoward}[i]].HeadwayAt(at)
		}
		if got != c.want || len(purple.Patterns) != 3 {
			t.Errorf("purple at %s: %v of %d patterns, want %v", c.at, got, len(purple.Patterns), c.want)
		}
	}
	green := Chicago().Line("green")
	rush := time.Date(2026, 10, 7, 8, 0, 0, 0, Chicago().Location)
	if got := green.HeadwayAt(rush, DirectionA); got != 7*time.Minute || green.Patterns[0].HeadwayAt(rush) != 14*time.Minute {
		t.Errorf("green on its trunk every %v, on a branch every %v", got, green.Patterns[0].HeadwayAt(rush))
	}
}

// TestRings checks that a line that ends where it began is a ring in both directions.
// Its first station may be repeated, or loop_from may name it.
func TestRings(t *testing.T) {
	for _, edits := range [][]edit{
		{replace(lineStationsFile, "T2,3,2,Market,\n", "T2,3,2,Market,\nT2,4,7,Hilltop,\n"), replace(linesFile, "#000000,4", "#000000,")},
		{replace(linesFile, "#000000,4", "#000000,7")},
	} {
		edits = append(edits, replace(serviceFile, "15,6", "15,"))
		net, err := Load(smalltown(t, edits...))
		if err != nil {
			t.Fatal(err)
		}
		l := net.Line("T2")
		if len(l.Patterns) != 2 || len(l.Stations) != 4 {
			t.Fatalf("%d patterns, %d stations; want 2 and 4", len(l.Patterns), len(l.Stations))
		}
		for i, want := range []string{"7 a, 6 a, 4 a, 2 a, 7 a", "7 b, 2 b, 4 b, 6 b, 7 b"} {
			p := l.Patterns[i]
			for j := range p.Calls {
				p.Calls[j].Stop = 0
			}
			if got := calls(p.Calls); got != want || !p.Ring() {
				t.Errorf("pattern %d is %s, want %s, a ring", i, got, want)
			}
		}
		if got := calls(l.Next(2, DirectionA)); got != "7 a" {
			t.Errorf("after Market comes %s, want the first station", got)
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

// Two stations of a line with one name get different labels; others keep their names.
func TestLabels(t *testing.T) {
	labels := map[string]int{}
	for _, l := range Chicago().Lines {
		of := map[string]bool{}
		for _, s := range l.Stations {
			if of[s.Label()] {
				t.Errorf("%s has two stations that are called %q", l.ID, s.Label())
			}
			of[s.Label()] = true
			if s.Label() != s.Name {
				labels[s.Label()] = s.ID
			}
		}
	}
	want := map[string]int{"Western (O'Hare)": 40670, "Western (Forest Park)": 40220, "Harlem (O'Hare)": 40750, "Harlem (Forest Park)": 40980}
	if d := cmp.Diff(want, labels); d != "" {
		t.Errorf("labels (-want +got):\n%s", d)
	}
}

// Calls of one minute are spread over it, in order, and end before the next call.
func TestTimesWithinAMinute(t *testing.T) {
	for _, tt := range []struct {
		name     string
		arrivals []int32
		want     []float64
	}{
		{"apart", []int32{0, 90, 180}, []float64{0, 90, 180}},
		{"a wait before the first departure", []int32{-300, 60}, []float64{0, 60}},
		{"three in a minute", []int32{0, 60, 60, 60, 180}, []float64{0, 60, 80, 100, 180}},
		{"at the end", []int32{0, 120, 120}, []float64{0, 120, 150}},
		{"two in a second, before the next", []int32{0, 70, 70, 90}, []float64{0, 70, 80, 90}},
		{"all", []int32{0, 0, 0}, []float64{0, 20, 40}},
	} {
		got := (&Profile{Arrivals: tt.arrivals}).AppendTimes(nil)
		for i, at := range got {
			if len(got) != len(tt.want) || at.Seconds() != tt.want[i] {
				t.Errorf("%s: %v, want %v s", tt.name, got, tt.want)
				break
			}
		}
	}
}
