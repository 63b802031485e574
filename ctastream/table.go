package ctastream

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// stopsHeader names the stops from whose rows a record of stations.table is derived:
// their ids, ascending, with commas between. With it, the table suffices to restore the
// state.
const stopsHeader = "stops"

// stationTable is the table of stations by line, derived from the rows of stops. A
// station is on a line while one of its stops is.
type stationTable struct {
	network   *cta.Network
	entries   map[string]*tableEntry    // by tables.StationRecord.Key
	stops     map[int]map[string]bool   // keys of the entries that a stop supports
	published map[string]publishedEntry // by key
	strays    map[string][]string       // by key, the other keys of the entry in the output topic
	touched   map[string]bool
}

type tableEntry struct {
	tables.StationRecord
	stops map[int]bool
}

// publishedEntry is an entry as published in the output topic.
type publishedEntry struct {
	record tables.StationRecord
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

// restore adds a published entry; the last one of a key counts.
func (t *stationTable) restore(r tables.StationRecord, stops string) {
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

// remove removes an entry, for a published deletion.
func (t *stationTable) remove(key string) {
	if e := t.entries[key]; e != nil {
		for id := range e.stops {
			t.unsupport(key, id)
		}
	}
	delete(t.entries, key)
	delete(t.published, key)
}

// stray stores a key of the output topic that this package spells otherwise, such as
// one in quotes. When the entry is next published under its own key, the stray one is
// deleted. Otherwise it would return once the entry's own deletion is compacted away.
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

// upsert applies a row, and drops the entries that its stop no longer supports.
func (t *stationTable) upsert(row tables.StationRow) {
	var lines []string
	for _, f := range row.Lines {
		if f.Set {
			lines = append(lines, f.Line)
		}
	}
	now := make(map[string]bool, len(lines))
	for _, line := range lines {
		r := tables.StationRecord{
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

// order returns the station's place on the line. The row's order applies to all its
// lines, so for several lines the network's order takes precedence, if known.
func (t *stationTable) order(row tables.StationRow, line string, several bool) int {
	if several && t.network != nil {
		if l := t.network.Line(line); l != nil {
			if order, ok := l.Order(row.StationID); ok {
				return order
			}
		}
	}
	return row.Order
}

// drop ends the stop's support for all entries but keep.
func (t *stationTable) drop(stop int, keep map[string]bool) {
	for key := range maps.Clone(t.stops[stop]) {
		if !keep[key] {
			t.unsupport(key, stop)
			t.touched[key] = true
		}
	}
}

// publish returns the changes since the last call, by key: an entry's record, or a
// deletion if no stop supports the entry any more.
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
			Value:   encodeStation(e.StationRecord),
			Headers: []kafka.Header{{Key: stopsHeader, Value: []byte(now.stops)}},
		})
	}
	clear(t.touched)
	return out
}

func joinStops(stops map[int]bool) string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(stops)) {
		ids = append(ids, strconv.Itoa(id))
	}
	return strings.Join(ids, ",")
}
