package ctastream

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// stopsHeader names the stops from whose rows a record of stations.table comes:
// their ids, ascending, with commas between. It is what makes the table enough
// to restore the state from.
const stopsHeader = "stops"

// stationTable is the table of stations by line, as it follows from the rows of
// stops. A station is on a line while one of its stops is.
type stationTable struct {
	network   *cta.Network
	entries   map[string]*tableEntry    // by cta.StationRecord.Key
	stops     map[int]map[string]bool   // keys of the entries that a stop supports
	published map[string]publishedEntry // by key
	strays    map[string][]string       // by key, what else the output topic has the entry under
	touched   map[string]bool
}

type tableEntry struct {
	cta.StationRecord
	stops map[int]bool
}

// publishedEntry is an entry as the output topic has it.
type publishedEntry struct {
	record cta.StationRecord
	stops  string
}

func newStationTable(network *cta.Network) *stationTable {
	return &stationTable{
		network:   network,
		entries:   make(map[string]*tableEntry),
		stops:     make(map[int]map[string]bool),
		published: make(map[string]publishedEntry),
		strays:    make(map[string][]string),
		touched:   make(map[string]bool),
	}
}

// restore takes an entry as it was published; the last one of a key counts.
func (t *stationTable) restore(r cta.StationRecord, stops string) {
	key := r.Key()
	t.remove(key)
	e := &tableEntry{StationRecord: r, stops: make(map[int]bool)}
	t.entries[key] = e
	for s := range strings.SplitSeq(stops, ",") {
		if id, err := strconv.Atoi(s); err == nil {
			t.support(e, id)
		}
	}
	t.published[key] = publishedEntry{r, stops}
}

// remove takes an entry out, as a published deletion does.
func (t *stationTable) remove(key string) {
	if e := t.entries[key]; e != nil {
		for id := range e.stops {
			t.unsupport(key, id)
		}
	}
	delete(t.entries, key)
	delete(t.published, key)
}

// stray takes note of a key of the output topic that is not as this package spells
// it, such as one in quotes. When the entry is next published, under its own key,
// it goes from there: else it would be back once the entry's own deletion is
// compacted away.
func (t *stationTable) stray(key, found string, deleted bool) {
	rest := slices.DeleteFunc(t.strays[key], func(s string) bool { return s == found })
	if !deleted {
		rest = append(rest, found)
	}
	if t.strays[key] = rest; len(rest) == 0 {
		delete(t.strays, key)
	}
}

func (t *stationTable) support(e *tableEntry, stop int) {
	e.stops[stop] = true
	if t.stops[stop] == nil {
		t.stops[stop] = make(map[string]bool)
	}
	t.stops[stop][e.Key()] = true
}

func (t *stationTable) unsupport(key string, stop int) {
	if e := t.entries[key]; e != nil {
		delete(e.stops, stop)
	}
	delete(t.stops[stop], key)
	if len(t.stops[stop]) == 0 {
		delete(t.stops, stop)
	}
}

// upsert takes a row: what its stop supported before and doesn't now is dropped.
func (t *stationTable) upsert(row cta.StationRow) {
	var lines []string
	for _, f := range row.Lines {
		if f.Set {
			lines = append(lines, f.Line)
		}
	}
	now := make(map[string]bool, len(lines))
	for _, line := range lines {
		r := cta.StationRecord{
			StationID:   row.StationID,
			StationName: row.StationName,
			Order:       t.order(row, line, len(lines) > 1),
			Line:        line,
		}
		key := r.Key()
		now[key] = true
		e := t.entries[key]
		if e == nil {
			e = &tableEntry{stops: make(map[int]bool)}
			t.entries[key] = e
		}
		e.StationRecord = r
		t.support(e, row.StopID)
		t.touched[key] = true
	}
	t.drop(row.StopID, now)
}

// order is the station's place on the line: the row's own, which is one for all
// its lines, unless there are several and the network knows better.
func (t *stationTable) order(row cta.StationRow, line string, several bool) int {
	if several && t.network != nil {
		if l := t.network.Line(line); l != nil {
			if order, ok := l.Order(row.StationID); ok {
				return order
			}
		}
	}
	return row.Order
}

// delete takes a row out.
func (t *stationTable) delete(stop int) { t.drop(stop, nil) }

// drop ends the stop's support for all entries but keep.
func (t *stationTable) drop(stop int, keep map[string]bool) {
	for key := range maps.Clone(t.stops[stop]) {
		if !keep[key] {
			t.unsupport(key, stop)
			t.touched[key] = true
		}
	}
}

// publish returns what has changed since the last call, by key: an entry's record,
// or a deletion when no stop supports it any more.
func (t *stationTable) publish(topic string, out []kafka.Record) []kafka.Record {
	for _, key := range slices.Sorted(maps.Keys(t.touched)) {
		was, known := t.published[key]
		e := t.entries[key]
		strays := t.strays[key]
		delete(t.strays, key)
		for _, stray := range strays {
			out = append(out, kafka.Record{Topic: topic, Key: []byte(stray)})
		}
		if e == nil || len(e.stops) == 0 {
			delete(t.entries, key)
			if known {
				delete(t.published, key)
				out = append(out, kafka.Record{Topic: topic, Key: []byte(key)})
			}
			continue
		}
		now := publishedEntry{e.StationRecord, joinStops(e.stops)}
		if known && now == was && strays == nil {
			continue
		}
		t.published[key] = now
		out = append(out, kafka.Record{
			Topic:   topic,
			Key:     []byte(key),
			Value:   appendStation(nil, e.StationRecord),
			Headers: []kafka.Header{{Key: stopsHeader, Value: []byte(now.stops)}},
		})
	}
	clear(t.touched)
	return out
}

func joinStops(stops map[int]bool) string {
	var b []byte
	for i, id := range slices.Sorted(maps.Keys(stops)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return string(b)
}
