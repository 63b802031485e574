package ctastream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctastream"
)

func startStations(tb testing.TB, sys *ctatest.System) (stop func()) {
	tb.Helper()
	s, err := ctastream.NewStationTransformer(sys.Kafka, cta.Chicago(), testConfig(sys))
	return start(tb, s, err)
}

// table reads stations.table as a reader of a compacted topic does.
func table(t *testing.T, sys *ctatest.System) map[string]tables.StationRecord {
	t.Helper()
	got := make(map[string]tables.StationRecord)
	for _, r := range sys.Read(sys.Topics.StationsTable()) {
		if r.Value == nil {
			delete(got, string(r.Key))
			continue
		}
		var v tables.StationRecord
		if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Fatal(err)
		}
		got[string(r.Key)] = v
	}
	return got
}

// row returns the row of a stop at Clark/Lake or another station.
func row(stop, station, order int, lines ...string) tables.StationRow {
	r := tables.StationRow{StopID: stop, StationID: station, StationName: "Station " + fmt.Sprint(station), Order: order}
	for _, l := range []string{"red", "blue", "brown"} {
		r.Lines = append(r.Lines, tables.LineFlag{Line: l})
		for _, set := range lines {
			if l == set {
				r.Lines[len(r.Lines)-1].Set = true
			}
		}
	}
	return r
}

func TestStationsFollowTheirRows(t *testing.T) {
	sys := ctatest.Start(t)
	deletion := func(stop int) func() { // with key and value as they are, or as some transforms leave them
		key := []string{`{"stop_id":%d}`, `%d`}[stop%2]
		value := [][]byte{nil, []byte("null"), []byte(`{"schema":null,"payload":null}`)}[stop%3]
		return func() {
			sys.Send(kafka.Record{Topic: sys.Topics.Stations(), Key: fmt.Appendf(nil, key, stop), Value: value})
		}
	}
	rows := func(rows ...tables.StationRow) func() { return func() { sys.SendRows(rows...) } }
	blue, _ := cta.Chicago().Line("blue").Order(40380)
	brown, _ := cta.Chicago().Line("brown").Order(40380)
	record := func(station, order int, line string) tables.StationRecord {
		return tables.StationRecord{StationID: station, StationName: fmt.Sprintf("Station %d", station), Order: order, Line: line}
	}
	steps := []struct {
		name string
		do   func()
		want []tables.StationRecord
	}{
		{"a row of one line has its own order", rows(row(1, 40380, 7, "blue")), []tables.StationRecord{record(40380, 7, "blue")}},
		{"a row of two lines has the network's orders", rows(row(2, 40380, 7, "blue", "brown")),
			[]tables.StationRecord{record(40380, blue, "blue"), record(40380, brown, "brown")}},
		{"a station that the network doesn't know keeps its row's", rows(row(9, 1, 3, "red", "blue")),
			[]tables.StationRecord{record(40380, blue, "blue"), record(40380, brown, "brown"), record(1, 3, "red"), record(1, 3, "blue")}},
		{"a stop that leaves a line takes it along", rows(row(2, 40380, 7, "blue"), row(9, 1, 3, "red")),
			[]tables.StationRecord{record(40380, 7, "blue"), record(1, 3, "red")}},
		{"a deleted stop that isn't the last changes nothing", deletion(2),
			[]tables.StationRecord{record(40380, 7, "blue"), record(1, 3, "red")}},
		{"the last one's deletion ends the record", deletion(1), []tables.StationRecord{record(1, 3, "red")}},
		{"a stop that moves takes its record along", rows(row(9, 2, 4, "red")), []tables.StationRecord{record(2, 4, "red")}},
		{"a deletion of nothing changes nothing", deletion(77), []tables.StationRecord{record(2, 4, "red")}},
		{"a deletion that Debezium rewrites is one", func() {
			sys.Send(kafka.Record{Topic: sys.Topics.Stations(), Value: []byte(`{"stop_id":9,"station_id":null,"station_name":null,"order":null,"__deleted":"true"}`)})
		}, nil},
	}
	for i, step := range steps {
		// A worker of its own for each step: state comes from the topic alone. The
		// marker is what tells that the step is done.
		marker := row(1000+i, 1000+i, 0, "red")
		stop := startStations(t, sys)
		step.do()
		sys.SendRows(marker)
		want := make(map[string]tables.StationRecord)
		for _, r := range step.want {
			want[r.Key()] = r
		}
		key := record(1000+i, 0, "red").Key()
		want[key] = record(1000+i, 0, "red")
		sys.AwaitRecords(sys.Topics.StationsTable(), 1)
		var got map[string]tables.StationRecord
		for got = table(t, sys); ; got = table(t, sys) {
			if _, ok := got[key]; ok {
				break
			}
			if t.Context().Err() != nil {
				return
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, d)
		}
		sys.Send(kafka.Record{Topic: sys.Topics.Stations(), Key: fmt.Appendf(nil, `{"schema":{},"payload":{"stop_id":%d}}`, 1000+i)})
		stop()
	}
}

func TestStationsAreIdempotentAndSurvivePoison(t *testing.T) {
	sys := ctatest.Start(t)
	sys.SendRows(tables.Rows(cta.Chicago())...)
	enveloped := append(row(1, 1, 0, "red").AppendJSON([]byte(`{"schema":{"type":"struct"},"payload":`)), '}')
	sys.Send(
		kafka.Record{Topic: sys.Topics.Stations(), Value: []byte("not JSON")},
		kafka.Record{Topic: sys.Topics.Stations(), Value: []byte(`{"stop_id":1}`)},
		kafka.Record{Topic: sys.Topics.Stations(), Value: []byte{0xff, 0, 1}},
		kafka.Record{Topic: sys.Topics.Stations()},
		kafka.Record{Topic: sys.Topics.Stations(), Key: []byte("x")},
		kafka.Record{Topic: sys.Topics.Stations(), Value: enveloped},
	)
	var want int
	for _, l := range cta.Chicago().Lines {
		want += len(l.Stations)
	}
	want++ // the enveloped one
	stop := startStations(t, sys)
	sys.AwaitRecords(sys.Topics.StationsTable(), want)
	got, _ := letters(t, sys.AwaitRecords(sys.Topics.DeadLetter(), 5))
	if d := cmp.Diff([]string{"not a station row", "not a station row", "not a station row", "not the key of a row", "not the key of a row"}, got); d != "" {
		t.Errorf("reasons (-want +got):\n%s", d)
	}
	before := table(t, sys)
	for _, l := range cta.Chicago().Lines {
		for _, s := range l.Stations {
			r, ok := before[tables.StationRecord{StationID: s.ID, Line: l.ID}.Key()]
			if !ok || r.StationName != s.Name {
				t.Errorf("%s on %s: %+v", s.Name, l.ID, r)
			}
		}
	}
	stop()

	startStations(t, sys)
	sys.SendRows(tables.Rows(cta.Chicago())...)
	sys.SendRows(row(2, 2, 0, "red"))
	sys.AwaitRecords(sys.Topics.StationsTable(), want+1)
	if n := len(sys.Read(sys.Topics.StationsTable())); n != want+1 {
		t.Errorf("%d records after the rows came again, want %d", n, want+1)
	}
}

// Flags as other databases have them, and columns that are no lines.
func TestLinesAreTheNetworks(t *testing.T) {
	sys := ctatest.Start(t)
	var rows []kafka.Record
	for i, flags := range []string{`"blue":1`, `"blue":"true"`, `"blue":"t"`, `"blue":true,"ada":true`, `"blue":2`, `"blue":"x"`, `"ada":true`} {
		rows = append(rows, kafka.Record{Topic: sys.Topics.Stations(), Value: fmt.Appendf(nil,
			`{"stop_id":%d,"direction_id":"S","stop_name":"n","station_name":"S","station_descriptive_name":"d","station_id":%d,"order":3,%s}`, 109+i, 50109+i, flags)})
	}
	sys.SendRows(row(1, 1, 0, "red"))
	sys.Send(rows...)
	startStations(t, sys)
	sys.AwaitRecords(sys.Topics.StationsTable(), 5)
	var got []string
	for key := range table(t, sys) {
		got = append(got, key)
	}
	slices.Sort(got)
	if d := cmp.Diff([]string{"1/red", "50109/blue", "50110/blue", "50111/blue", "50112/blue"}, got); d != "" {
		t.Errorf("keys (-want +got):\n%s", d)
	}
	bad := sys.AwaitRecords(sys.Topics.DeadLetter(), 2)
	reasons, _ := letters(t, bad)
	if d := cmp.Diff([]string{"not a station row", "not a station row"}, reasons); d != "" {
		t.Errorf("reasons (-want +got):\n%s", d)
	}
	for _, h := range bad[0].Headers {
		if h.Key == "error" && !strings.Contains(string(h.Value), `member "blue" is "2", want true or false`) {
			t.Errorf("error is %s", h.Value)
		}
	}
}

// A null that is a text deletes from the table as a tombstone does.
func TestTableWithTextualNulls(t *testing.T) {
	sys := ctatest.Start(t)
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(sys.Topics.StationsTable(), 1)); err != nil {
		t.Fatal(err)
	}
	value := func(line string) []byte {
		return fmt.Appendf(nil, `{"station_id":40380,"station_name":"Station 40380","order":7,"line":%q}`, line)
	}
	record := func(line string, value []byte) kafka.Record {
		return kafka.Record{Topic: sys.Topics.StationsTable(), Key: []byte("40380/" + line), Value: value}
	}
	sys.Send(record("blue", value("blue")), record("red", value("red")), record("blue", []byte("null")))
	startStations(t, sys)
	sys.SendRows(row(1, 40380, 7, "red")) // one stop supports red, and blue is no more: only red is published
	records := sys.AwaitRecords(sys.Topics.StationsTable(), 4)
	if len(records) != 4 || string(records[3].Key) != "40380/red" {
		t.Errorf("%d records, the last %q", len(records), records[len(records)-1].Key)
	}
	sys.SendRows(row(1, 40380, 7, "red", "blue"))
	if records = sys.AwaitRecords(sys.Topics.StationsTable(), 5); string(records[4].Key) != "40380/blue" {
		t.Errorf("the last of %d records is %q, want blue again", len(records), records[4].Key)
	}
}

// A Faust app may have written the table before: it has a member of its own in
// the values, no headers, and quotes around keys that are of type str.
func TestStationsTakeOverWhatFaustWrote(t *testing.T) {
	sys := ctatest.Start(t)
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(sys.Topics.StationsTable(), 1)); err != nil {
		t.Fatal(err)
	}
	faust := func(key string, order int, line string) kafka.Record {
		return kafka.Record{Topic: sys.Topics.StationsTable(), Key: []byte(key), Value: fmt.Appendf(nil,
			`{"station_id":40380,"station_name":"Station 40380","order":%d,"line":%q,"__faust":{"ns":"stations.Station"}}`, order, line)}
	}
	sys.Send(faust(`"40380/blue"`, 7, "blue"), faust("40380/red", 7, "red"), faust(`"40380/brown"`, 7, "brown"),
		kafka.Record{Topic: sys.Topics.StationsTable(), Key: []byte(`"40380/brown"`)})
	startStations(t, sys)
	blue := tables.StationRecord{StationID: 40380, StationName: "Station 40380", Order: 7, Line: "blue"}
	red := blue
	red.Line = "red"
	want := map[string]tables.StationRecord{"40380/red": red, "40380/blue": blue}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"a row of the same content moves the record to its own key", func() { sys.SendRows(row(1, 40380, 7, "blue")) }},
		{"a deletion leaves nothing behind", func() {
			sys.Send(kafka.Record{Topic: sys.Topics.Stations(), Key: []byte(`1`)})
			delete(want, "40380/blue")
		}},
	} {
		step.do()
		sys.Await(step.name, func(context.Context) (string, bool, error) {
			d := cmp.Diff(want, table(t, sys))
			return "a difference (-want +got):\n" + d, d == "", nil
		})
	}
}
