package ctaweb

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// wall0 is the wall clock of the tests' first record.
var wall0 = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Stations of the Blue, Red and other lines, by their riders' names.
const (
	ohare, rosemont, cumberland = 40890, 40820, 40230
	howard, jarvis              = 40900, 41190
	wilson, southBlvd           = 40540, 40840
	garfield, halsted, kingDr   = 40510, 40940, 41140
	clinton, washingtonWells    = 41160, 40730
	forestPark                  = 40390
)

// step is something that happens to a model; tests are lists of them.
type step func(m *Model)

// clockAt is the time of day at which a step's event happens. Wall time runs
// with it, in real time.
func clockAt(at string) (event, wall time.Time) {
	day := time.Date(2026, 10, 7, 0, 0, 0, 0, cta.Chicago().Location)
	t, err := time.Parse("15:04:05", at)
	if err != nil {
		panic(err)
	}
	since := t.Sub(time.Date(0, 1, 1, 8, 0, 0, 0, time.UTC))
	return day.Add(8*time.Hour + since), wall0.Add(since)
}

// arrive is a train's arrival, as "blue 1 a".
func arrive(at, train string, station int, status ...cta.TrainStatus) step {
	return func(m *Model) {
		f := strings.Fields(train)
		a := cta.Arrival{Line: f[0], TrainID: f[1], Direction: cta.Direction(f[2]), StationID: station, TrainStatus: cta.TrainInService}
		if len(status) > 0 {
			a.TrainStatus = status[0]
		}
		event, wall := clockAt(at)
		m.ApplyArrival(cta.KeyAt(event), a, wall)
	}
}

func weatherAt(at string, temperature float32, status cta.WeatherStatus) step {
	return func(m *Model) {
		event, wall := clockAt(at)
		m.ApplyWeather(cta.KeyAt(event), cta.Weather{Temperature: temperature, Status: status}, wall)
	}
}

func counted(at string, station int, n int64) step {
	return func(m *Model) {
		_, wall := clockAt(at)
		m.ApplyCount(tables.TurnstileCount{StationID: station, Count: n}, wall)
	}
}

// where says where the trains are, one a line: "1 a at 40890".
func where(st *Status) string {
	var lines []string
	for _, l := range st.Lines {
		for _, t := range l.Trains {
			if !t.Moving() {
				lines = append(lines, fmt.Sprintf("%s %s at %d", t.ID, t.Direction, t.Station))
				continue
			}
			for _, n := range t.Next {
				lines = append(lines, fmt.Sprintf("%s %s approaching %d", t.ID, n.Direction, n.Station))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}

func TestTrains(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
		at    string
		want  string
	}{
		{"nothing", nil, "08:00:00", ""},
		{"a train stands where it came to", []step{arrive("08:00:00", "blue 1 a", ohare)}, "08:00:10", "1 a at 40890"},
		{"then it goes on", []step{arrive("08:00:00", "blue 1 a", ohare)}, "08:01:00", "1 a approaching 40820"},
		{"the latest event holds", []step{arrive("08:00:00", "blue 1 a", ohare), arrive("08:03:00", "blue 1 a", rosemont)}, "08:03:00", "1 a at 40820"},
		{"a late event changes nothing", []step{arrive("08:03:00", "blue 1 a", rosemont), arrive("08:00:00", "blue 1 a", ohare)}, "08:03:00", "1 a at 40820"},
		{"a repeated event changes nothing", []step{arrive("08:03:00", "blue 1 a", rosemont), arrive("08:03:00", "blue 1 a", rosemont)}, "08:03:00", "1 a at 40820"},
		{"a broken train stays", []step{arrive("08:00:00", "blue 1 a", ohare), arrive("08:01:00", "blue 1 a", ohare, cta.TrainBrokenDown)}, "08:03:00", "1 a at 40890"},
		{"until it runs again", []step{arrive("08:00:00", "blue 1 a", ohare, cta.TrainBrokenDown), arrive("08:01:00", "blue 1 a", ohare)}, "08:02:00", "1 a approaching 40820"},
		{"the end of the line has no next station", []step{arrive("08:00:00", "blue 1 a", forestPark)}, "08:05:00", "1 a at 40390"},
		{"where branches part it may go to either", []step{arrive("08:00:00", "green 1 a", garfield)}, "08:01:00", "1 a approaching 40940, 1 a approaching 41140"},
		{"after the Loop it runs back", []step{arrive("08:00:00", "pink 1 a", washingtonWells)}, "08:01:00", "1 b approaching 41160"},
		{"an express goes through in the rush hour", []step{arrive("08:00:00", "purple 1 a", howard)}, "08:01:00", "1 a approaching 40540"},
		{"and ends its run there at noon", []step{arrive("12:00:00", "purple 1 a", howard)}, "12:01:00", "1 a at 40900"},
		{"a silent train is dropped", []step{arrive("08:00:00", "blue 1 a", rosemont), arrive("08:40:00", "blue 2 a", ohare)}, "08:40:00", "2 a at 40890"},
		{"a train that left service is dropped sooner", []step{arrive("08:00:00", "blue 1 a", forestPark, cta.TrainOutOfService), arrive("08:05:00", "blue 2 a", ohare)}, "08:05:00", "2 a at 40890"},
		{"a line that isn't ours is not shown", []step{arrive("08:00:00", "violet 1 a", ohare)}, "08:00:00", ""},
		{"a station that isn't on the line is not shown", []step{arrive("08:00:00", "blue 1 a", jarvis)}, "08:00:00", ""},
		{"a direction that isn't one is not shown", []step{arrive("08:00:00", "blue 1 x", ohare)}, "08:00:00", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewModel(cta.Chicago())
			for _, s := range tt.steps {
				s(m)
			}
			_, wall := clockAt(tt.at)
			if d := cmp.Diff(tt.want, where(m.Status(wall))); d != "" {
				t.Errorf("trains (-want +got):\n%s", d)
			}
		})
	}
}

func TestWeatherAndCounts(t *testing.T) {
	m := NewModel(cta.Chicago())
	for _, s := range []step{
		weatherAt("08:00:00", 61.5, cta.WeatherWindy), weatherAt("07:00:00", 50, cta.WeatherCloudy),
		weatherAt("08:10:00", float32(nan()), cta.WeatherCloudy),
		// As after a fail-over: the newest of the log is from a machine whose clock is behind.
		counted("08:00:00", ohare, 10), counted("08:05:00", ohare, 11), counted("08:00:01", ohare, 12),
		counted("08:00:02", rosemont, 5),
		func(m *Model) {
			_, wall := clockAt("08:00:03")
			m.RemoveCount(rosemont, wall)
		},
	} {
		s(m)
	}
	_, wall := clockAt("08:00:00")
	st := m.Status(wall)
	event, _ := clockAt("08:00:00")
	if d := cmp.Diff(&Weather{61.5, cta.WeatherWindy, event}, st.Weather); d != "" {
		t.Errorf("weather (-want +got):\n%s", d)
	}
	blue := st.Lines[1]
	got := map[string]int64{"line": blue.Entries, "O'Hare": blue.Stations[0].Entries, "Rosemont": blue.Stations[1].Entries}
	if d := cmp.Diff(map[string]int64{"line": 12, "O'Hare": 12, "Rosemont": 0}, got); d != "" {
		t.Errorf("entries (-want +got):\n%s", d)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestStations(t *testing.T) {
	record := func(id, order int, name, line string) step {
		return func(m *Model) {
			m.ApplyStation(tables.StationRecord{StationID: id, StationName: name, Order: order, Line: line})
		}
	}
	remove := func(id int, line string) step { return func(m *Model) { m.RemoveStation(id, line) } }
	tests := []struct {
		name  string
		steps []step
		want  string
	}{
		{"the network's", nil, "Dempster-Skokie, Oakton-Skokie, Howard"},
		{"the same record changes nothing", []step{record(41680, 1, "Oakton-Skokie", "yellow")}, "Dempster-Skokie, Oakton-Skokie, Howard"},
		{"a new name", []step{record(41680, 1, "Oakton <b>&", "yellow")}, "Dempster-Skokie, Oakton <b>&, Howard"},
		{"another station, by its order", []step{record(1, 1, "Asbury", "yellow")}, "Dempster-Skokie, Oakton-Skokie, Asbury, Howard"},
		{"a tombstone removes", []step{remove(41680, "yellow")}, "Dempster-Skokie, Howard"},
		{"and a record brings back", []step{remove(41680, "yellow"), record(41680, 1, "Oakton-Skokie", "yellow")}, "Dempster-Skokie, Oakton-Skokie, Howard"},
		{"a tombstone of another line is of no matter", []step{remove(41680, "red")}, "Dempster-Skokie, Oakton-Skokie, Howard"},
		{"the network's order holds", []step{record(howard, 0, "Howard", "yellow")}, "Dempster-Skokie, Oakton-Skokie, Howard"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewModel(cta.Chicago())
			for _, s := range tt.steps {
				s(m)
			}
			var names []string
			for _, s := range m.Status(wall0).Lines[7].Stations {
				names = append(names, s.Name)
			}
			if d := cmp.Diff(tt.want, strings.Join(names, ", ")); d != "" {
				t.Errorf("stations (-want +got):\n%s", d)
			}
		})
	}
}

func TestEveryLineIsWhole(t *testing.T) {
	for i, l := range NewModel(cta.Chicago()).Status(wall0).Lines {
		want := cta.Chicago().Lines[i].Stations
		for j, s := range l.Stations {
			if s.ID != want[j].ID || s.Branch != want[j].Branch {
				t.Errorf("%s: station %d is %d (%s), want %d (%s)", l.ID, j, s.ID, s.Branch, want[j].ID, want[j].Branch)
			}
		}
	}
}

func TestStaleAndSilentBeforeAndAfter(t *testing.T) {
	m := NewModel(cta.Chicago())
	if st := m.Status(wall0); !st.Stale || !st.AsOf.IsZero() || st.Ready {
		t.Errorf("before the first event: stale %v, as of %v, ready %v", st.Stale, st.AsOf, st.Ready)
	}
	arrive("08:00:00", "blue 1 a", ohare)(m)
	m.SetReady()
	if st := m.Status(wall0.Add(20 * time.Second)); st.Stale || st.AgeSeconds != 20 || !st.Ready {
		t.Errorf("20 s on: stale %v, age %d, ready %v", st.Stale, st.AgeSeconds, st.Ready)
	}
	if st := m.Status(wall0.Add(2 * time.Hour)); !st.Stale || st.AgeSeconds != 7200 {
		t.Errorf("2 h on: stale %v, age %d", st.Stale, st.AgeSeconds)
	}
}

// A source that begins again at an earlier time, as a simulation does that is
// started twice, is believed, and its trains of before don't hold new ones up.
func TestRestartedSource(t *testing.T) {
	m := NewModel(cta.Chicago())
	day := time.Date(2026, 10, 7, 0, 0, 0, 0, cta.Chicago().Location)
	feed := func(from time.Time, wall time.Time, n int, station int) {
		for i := range n {
			d := time.Duration(i) * 100 * time.Millisecond
			a := cta.Arrival{StationID: station, TrainID: fmt.Sprint(i % 7), Direction: "a", Line: "blue", TrainStatus: cta.TrainInService}
			m.ApplyArrival(cta.KeyAt(from.Add(20*d)), a, wall.Add(d))
		}
	}
	feed(day.Add(9*time.Hour), wall0, 200, ohare)
	feed(day.Add(7*time.Hour), wall0.Add(time.Minute), 100, rosemont)
	st := m.Status(wall0.Add(70 * time.Second))
	if got := st.AsOf.Format("15:04"); got != "07:03" {
		t.Errorf("as of %s, want 07:03", got)
	}
	for _, tr := range st.Lines[1].Trains {
		if tr.Station != rosemont {
			t.Errorf("train %s is at %d, want %d", tr.ID, tr.Station, rosemont)
		}
	}
	if n := len(st.Lines[1].Trains); n != 7 {
		t.Errorf("%d trains, want 7", n)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := NewModel(cta.Chicago())
	event, wall := clockAt("08:00:00")
	for i := range maxEntries + 1000 {
		m.ApplyArrival(cta.KeyAt(event), cta.Arrival{StationID: ohare, TrainID: fmt.Sprint(i), Direction: "a", Line: "blue"}, wall)
		m.ApplyCount(tables.TurnstileCount{StationID: i + 1, Count: 1}, wall)
		m.ApplyStation(tables.StationRecord{StationID: i + 1, Line: "blue", StationName: "x"})
	}
	m.ApplyArrival(cta.KeyAt(event), cta.Arrival{StationID: ohare, TrainID: strings.Repeat("x", 1000), Direction: "a", Line: "blue"}, wall)
	m.ApplyArrival(cta.KeyAt(event.Add(time.Hour)), cta.Arrival{StationID: ohare, TrainID: "late", Direction: "a", Line: "blue"}, wall.Add(time.Hour))
	for i := range maxEntries {
		m.ApplyArrival(cta.KeyAt(event), cta.Arrival{StationID: i + 1, TrainID: "1", Direction: "a", Line: "blue"}, wall)
	}
	if n := len(m.state.clock.sensors); n != 1 {
		t.Errorf("%d stations are remembered, want O'Hare alone", n)
	}
	if err := m.ApplyCount(tables.TurnstileCount{StationID: maxEntries + 1}, wall); !errors.Is(err, live.ErrFull) {
		t.Errorf("one more count: %v, want %v", err, live.ErrFull)
	}
	if err := m.ApplyStation(tables.StationRecord{StationID: maxEntries + 1, Line: "blue"}); !errors.Is(err, live.ErrFull) {
		t.Errorf("one more station: %v, want %v", err, live.ErrFull)
	}
	if n := max(len(m.state.counts), len(m.state.records)); n > maxEntries {
		t.Errorf("%d entries, want %d or fewer", n, maxEntries)
	}
}

// A count says whether it changes what is known. A first one does, even of nothing.
func TestCountsSayWhatTheyChange(t *testing.T) {
	m := NewModel(cta.Chicago())
	_, wall := clockAt("08:00:00")
	for _, c := range []struct {
		entries int64
		want    error
	}{{0, nil}, {0, live.ErrKnown}, {5, nil}, {5, live.ErrKnown}, {0, nil}} {
		if err := m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: c.entries}, wall); !errors.Is(err, c.want) {
			t.Errorf("a count of %d: %v, want %v", c.entries, err, c.want)
		}
	}
	if m.RemoveCount(rosemont, wall) {
		t.Error("a count that was never there is removed")
	}
}

// In whatever order events come, and however often, the outcome is the same.
func TestOrderOfDeliveryIsOfNoMatter(t *testing.T) {
	net := only(t, "red", "blue") // what others do is as much of the work, and shows nothing
	rapid.Check(t, func(rt *rapid.T) {
		type delivery struct {
			event, wall time.Time
			arrival     *cta.Arrival
			weather     *cta.Weather
		}
		var ds []delivery
		var counts []tables.TurnstileCount // in their order: that of the log matters
		base, _ := clockAt("08:00:00")
		for range rapid.IntRange(1, 60).Draw(rt, "events") {
			// Coarse, so that equal times are common.
			at := time.Duration(rapid.IntRange(0, 40).Draw(rt, "at")) * 10 * time.Second
			d := delivery{event: base.Add(at), wall: wall0.Add(at)}
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0:
				d.weather = &cta.Weather{Temperature: float32(rapid.IntRange(-10, 90).Draw(rt, "f")), Status: cta.WeatherSunny}
			case 1:
				counts = append(counts, tables.TurnstileCount{StationID: ohare, Count: int64(rapid.IntRange(0, 100).Draw(rt, "n"))})
				continue
			default:
				l := net.Lines[rapid.IntRange(0, 1).Draw(rt, "line")]
				d.arrival = &cta.Arrival{
					StationID: l.Stations[rapid.IntRange(0, 5).Draw(rt, "station")].ID,
					TrainID:   fmt.Sprint(rapid.IntRange(1, 4).Draw(rt, "train")),
					Direction: rapid.SampledFrom([]cta.Direction{"a", "b"}).Draw(rt, "direction"),
					Line:      l.ID, TrainStatus: rapid.SampledFrom([]cta.TrainStatus{cta.TrainInService, cta.TrainBrokenDown}).Draw(rt, "status"),
				}
			}
			ds = append(ds, d)
		}
		feed := func(ds []delivery) *Status {
			m := NewModel(net)
			for _, d := range ds {
				if d.arrival != nil {
					m.ApplyArrival(cta.KeyAt(d.event), *d.arrival, d.wall)
				} else {
					m.ApplyWeather(cta.KeyAt(d.event), *d.weather, d.wall)
				}
			}
			for _, c := range counts {
				m.ApplyCount(c, wall0)
			}
			st := m.Status(wall0.Add(7 * time.Minute))
			for _, l := range st.Lines {
				for _, s := range l.Stations {
					s.Crowding = "" // counts have no event time but that of their delivery
				}
			}
			return st
		}
		want := feed(ds)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		again := slices.Concat(ds, ds[:len(ds)/2])
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		if d := cmp.Diff(want, feed(again)); d != "" {
			rt.Fatalf("status after another order of delivery (-want +got):\n%s", d)
		}
	})
}
