package cta

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-921eec07/ctalive/internal/topicname"
)

func TestTopicNames(t *testing.T) {
	lake := Chicago().Station(40380)
	for _, c := range []struct {
		name   string
		topics Topics
		want   []string // arrivals, turnstiles, weather, stations, table, dead letter, summary
	}{
		{"by default", Topics{}, []string{
			"org.chicago.cta.station.arrivals.40380-clark-lake", "org.chicago.cta.station.turnstiles.40380-clark-lake",
			"org.chicago.cta.weather", "org.chicago.cta.stations", "org.chicago.cta.stations.table",
			"org.chicago.cta.dead-letter", "TURNSTILE_SUMMARY"}},
		{"shared, of another agency", Topics{Prefix: "tram-", Layout: LayoutShared, Counts: "tram-counts"}, []string{
			"tram-station.arrivals", "tram-station.turnstiles", "tram-weather", "tram-stations", "tram-stations.table",
			"tram-dead-letter", "tram-counts"}},
		{"of another system on the cluster", Topics{Prefix: "b."}, []string{
			"b.station.arrivals.40380-clark-lake", "b.station.turnstiles.40380-clark-lake", "b.weather", "b.stations", "b.stations.table",
			"b.dead-letter", "b.TURNSTILE_SUMMARY"}},
	} {
		tp := c.topics
		got := []string{tp.Arrivals(lake), tp.Turnstiles(lake), tp.Weather(), tp.Stations(), tp.StationsTable(), tp.DeadLetter(), tp.TurnstileSummary()}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
		if err := tp.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestTopicsOfEitherLayoutAreKnown(t *testing.T) {
	lake := Chicago().Station(40380)
	for _, reader := range []Layout{"", LayoutPerStation, LayoutShared} {
		for _, writer := range []Layout{"", LayoutPerStation, LayoutShared} {
			r, w := Topics{Layout: reader}, Topics{Layout: writer}
			if !r.IsArrivals(w.Arrivals(lake)) || !r.IsTurnstiles(w.Turnstiles(lake)) {
				t.Errorf("a reader of layout %q does not know a topic of layout %q", reader, writer)
			}
			if id, ok := TopicStation(w.Arrivals(lake)); ok != (writer != LayoutShared) || ok && id != lake.ID {
				t.Errorf("%s is of station %d, %v", w.Arrivals(lake), id, ok)
			}
			for _, other := range []string{w.Turnstiles(lake), w.Weather(), w.Stations(), w.StationsTable(), w.TurnstileSummary(),
				"org.chicago.cta.station.arrivalsx", "station.arrivals.40380-clark-lake", "other." + w.Arrivals(lake)} {
				if r.IsArrivals(other) {
					t.Errorf("%s is taken for arrivals", other)
				}
			}
			if r.IsTurnstiles(w.Arrivals(lake)) {
				t.Error("arrivals are taken for entries")
			}
		}
	}
}

// Two systems never read each other's topics, whatever their prefixes.
func TestSystemsWithOtherPrefixesNeverMeet(t *testing.T) {
	lake := Chicago().Station(40380)
	prefixes := []string{"", "a.", "b.", "a.station."}
	for i, one := range prefixes {
		for j, other := range prefixes {
			for _, layout := range []Layout{LayoutPerStation, LayoutShared} {
				r, w := Topics{Prefix: one}, Topics{Prefix: other, Layout: layout}
				for _, name := range []string{w.Arrivals(lake), w.Turnstiles(lake), w.Weather(), w.Stations(), w.StationsTable(), w.DeadLetter(), w.TurnstileSummary(), w.Group("stations")} {
					read := r.IsArrivals(name) || r.IsTurnstiles(name) ||
						slices.Contains([]string{r.Weather(), r.Stations(), r.StationsTable(), r.DeadLetter(), r.TurnstileSummary(), r.Group("stations")}, name)
					if i != j && read {
						t.Errorf("prefix %q uses %s of prefix %q", one, name, other)
					}
				}
			}
		}
	}
}

func TestTopicsRefuseWrongSettings(t *testing.T) {
	for _, c := range []struct {
		name   string
		topics Topics
		want   string
	}{
		{"unknown layout", Topics{Layout: "one"}, `layout is "one", want per-station or shared`},
		{"illegal prefix", Topics{Prefix: "chicago/"}, `prefix is "chicago/", want up to 130 ASCII letters, digits, dots, hyphens or underscores`},
		{"long prefix", Topics{Prefix: strings.Repeat("p", 131)}, `prefix is "` + strings.Repeat("p", 40) + `"…, want up to 130 ASCII letters, digits, dots, hyphens or underscores`},
		{"prefix inside another system's", Topics{Prefix: "a.station.arrivals."}, `prefix is "a.station.arrivals.", want one without station.arrivals. and station.turnstiles.: another system would read its topics`},
		{"two faults", Topics{Layout: "one", Counts: "a b"}, `layout is "one", want per-station or shared` + "\n" +
			`summary topic is "a b", want up to 249 ASCII letters, digits, dots, hyphens or underscores`},
		{"one name for two topics", Topics{Prefix: "t.", Counts: "t.stations.table"}, `summary topic is "t.stations.table", want a name that no other topic has`},
		{"a name among the entries", Topics{Prefix: "t.", Counts: "t.station.turnstiles.all"}, `summary topic is "t.station.turnstiles.all", want a name that no other topic has`},
	} {
		if err := c.topics.Check(); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

func TestEveryTopicNameIsLegal(t *testing.T) {
	topics := Topics{Prefix: strings.Repeat("p", 130)}
	long := &Station{ID: 2147483647, Name: strings.Repeat("long name ", 50)}
	for _, s := range append(Chicago().Stations, long) {
		for _, name := range []string{topics.Arrivals(s), topics.Turnstiles(s)} {
			if len(name) > topicname.Max || !topicname.LegalPart(name) {
				t.Errorf("%s is no name of a topic", name)
			}
		}
	}
}

func TestPartitionKey(t *testing.T) {
	if got := string(PartitionKey(40380)); got != "40380" {
		t.Errorf("key is %s, want 40380", got)
	}
}

func TestKeyIsCutToMilliseconds(t *testing.T) {
	at := time.Date(2026, 10, 7, 7, 30, 0, 1_999_999, Chicago().Location)
	if got, want := KeyAt(at), (Key{1791376200001}); got != want {
		t.Errorf("key is %v, want %v", got, want)
	}
	if got := KeyAt(at).Time(); !got.Equal(at.Truncate(time.Millisecond)) || got.Location() != time.UTC {
		t.Errorf("time is %v, want %v in UTC", got, at)
	}
	if DirectionA.Opposite() != DirectionB || DirectionB.Opposite() != DirectionA {
		t.Error("directions are not opposite")
	}
}

func BenchmarkArrivals(b *testing.B) {
	lake, topics := Chicago().Station(40380), Topics{}
	b.ReportAllocs()
	for b.Loop() {
		_ = topics.Arrivals(lake)
	}
}
