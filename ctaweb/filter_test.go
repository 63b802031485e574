package ctaweb

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

const clarkLake = 40380 // where six lines stop

// What a filter leaves of an update is all that concerns its reader, and no more.
func TestUpdatesAreNarrowed(t *testing.T) {
	m := small()
	for _, s := range []step{counted("08:00:05", clarkLake, 0), counted("08:00:05", jarvis, 0)} {
		s(m)
	}
	_, before := clockAt("08:00:10")
	_, wall := clockAt("08:00:30")
	from := m.Status(before)
	for _, l := range from.Lines {
		l.Level = "another" // so that how each line runs is news
	}
	for _, s := range []step{
		arrive("08:00:30", "blue B2 b", clarkLake), arrive("08:00:20", "blue B1 a", rosemont),
		arrive("08:00:30", "red R2 a", howard), counted("08:00:30", clarkLake, 7), counted("08:00:30", jarvis, 5),
		weatherAt("08:00:30", 40, cta.WeatherWindy),
	} {
		s(m)
	}
	to := m.Status(wall)
	of := layoutOf(to, "")
	trains := map[string]*Train{}
	for _, l := range to.Lines {
		for _, tr := range l.Trains {
			trains[tr.ID] = tr
		}
	}
	u := difference(from, to, of)
	run := func(ids ...string) []lineUpdate {
		var list []lineUpdate
		for _, l := range u.Lines {
			if slices.Contains(ids, l.ID) {
				list = append(list, l)
			}
		}
		return list
	}
	for name, tt := range map[string]struct {
		f    filter
		want update
	}{
		"a line": {filter{line: "blue"}, update{
			Trains: []*Train{trains["B1"], trains["B2"]}, Lines: run("blue"), EntriesToday: map[string]int64{"40380": 7},
		}},
		"another line": {filter{line: "red"}, update{
			Trains: []*Train{trains["R2"]}, Lines: run("red"), EntriesToday: map[string]int64{"41190": 5},
		}},
		"a station of several lines": {filter{station: clarkLake}, update{
			Trains: []*Train{trains["B2"]}, EntriesToday: map[string]int64{"40380": 7},
			Lines: run("blue", "brown", "green", "orange", "pink", "purple"),
		}},
		"a station that a train has left":    {filter{station: ohare}, update{Gone: []string{"B1"}, Lines: run("blue")}},
		"a line at a station of others":      {filter{line: "pink", station: clarkLake}, update{Lines: run("pink"), EntriesToday: map[string]int64{"40380": 7}}},
		"a line at a station where it isn't": {filter{line: "red", station: clarkLake}, update{}},
	} {
		tt.want.AsOf, tt.want.Speed, tt.want.AgeSeconds, tt.want.CountsAsOf, tt.want.CountsSince = to.AsOf, to.Speed, to.AgeSeconds, to.CountsAsOf, to.CountsSince
		tt.want.Ready, tt.want.Layout, tt.want.Weather = true, of.id, to.Weather
		if d := cmp.Diff(&tt.want, tt.f.narrow(m.Network(), u), cmpopts.IgnoreUnexported(update{}, lineUpdate{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(DirectionStatus{}, "Facts")); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Who follows narrowed updates knows the trains that a narrowed snapshot has, at
// any moment, and is told that one is gone only if it was told of.
func TestNarrowedUpdatesAddUp(t *testing.T) {
	m := NewModel(cta.Chicago())
	net := m.Network()
	at := func(event time.Time) time.Time { return wall0.Add(event.Sub(eight)) }
	arrivals := rush(t)
	of := layoutOf(m.Status(wall0), "")
	filters := []filter{{line: "green"}, {station: garfield}, {station: clarkLake}, {line: "brown", station: clarkLake}, {station: howard}}
	known := make([]map[string]*Train, len(filters))
	for i := range known {
		known[i] = map[string]*Train{}
	}
	var from *Status
	gone, few, length := 0, 50, 30*time.Minute
	if race.Enabled {
		few, length = 15, 10*time.Minute
	}
	for now := eight.Add(-length); now.Before(eight); now = now.Add(20 * time.Second) {
		for len(arrivals) > 0 && arrivals[0].At.Before(now) {
			m.ApplyArrival(cta.KeyAt(arrivals[0].At), arrivals[0].Arrival, at(arrivals[0].At))
			arrivals = arrivals[1:]
		}
		to := m.Status(at(now))
		u := difference(from, to, of)
		whole := difference(nil, to, of)
		from = to
		for i, f := range filters {
			part := f.narrow(net, u)
			for _, tr := range part.Trains {
				known[i][tr.ID] = tr
			}
			for _, id := range part.Gone {
				if known[i][id] == nil {
					t.Errorf("%s: %+v tells that %s is gone, of which it never told", now.Format(time.TimeOnly), f, id)
				}
				delete(known[i], id)
				gone++
			}
			want := map[string]*Train{}
			for _, tr := range f.narrow(net, whole).Trains {
				want[tr.ID] = tr
			}
			if d := cmp.Diff(want, known[i]); d != "" {
				t.Fatalf("%s: %+v (-snapshot +updates):\n%s", now.Format(time.TimeOnly), f, d)
			}
		}
	}
	if gone < few {
		t.Errorf("%d trains went, too few to tell", gone)
	}
}

// What a stream says of a line is what its page says, in any language and of any vehicle.
func TestStreamsSpeakAsPages(t *testing.T) {
	net := village(t)
	m := modelOf(net, time.Date(2026, 10, 7, 8, 4, 0, 0, net.Location))
	h := newHandler(t, m, HandlerConfig{})
	_, wall := clockAt("08:00:10")
	st, l := m.Status(wall), h.spoken("es")
	said := filter{in: l}.narrow(net, difference(nil, st, layoutOf(st, ""))).Lines
	if len(said) != len(net.Lines) {
		t.Fatalf("of %d lines, want %d", len(said), len(net.Lines))
	}
	for i, page := range l.translate(net, st).Lines {
		if d := cmp.Diff(page.Directions, said[i].Directions); d != "" {
			t.Errorf("%s (-page +stream):\n%s", page.ID, d)
		}
	}
}
