package ctastream

import (
	"slices"
	"strconv"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// tally is the number of entries counted at a station.
type tally struct {
	station int
	count   int64
	changed bool            // since the last publication
	home    kafka.Partition // where its entries come from; zero when none has come to this member
}

// tallies are the counts that one member knows. The published counts are known
// of every station; it goes on counting those whose entries it is given.
//
// A station's entries all come from one partition, so one member at a time
// counts them. Invariants that the tests hold it to:
//   - A tally whose home is assigned is newer than what is published, or equal.
//   - A tally without a home is never published.
//   - Forgetting a partition forgets every tally that it has changed.
type tallies struct {
	stations map[int]*tally
	touched  []*tally // those changed, in the order of their first entry
}

func newTallies() *tallies { return &tallies{stations: make(map[int]*tally)} }

// restore takes a published count, unless this member is counting the station.
func (t *tallies) restore(c cta.TurnstileCount) {
	tl := t.stations[c.StationID]
	if tl == nil {
		tl = &tally{station: c.StationID}
		t.stations[c.StationID] = tl
	}
	if tl.home == (kafka.Partition{}) {
		tl.count = c.Count
	}
}

// station returns the tally of a station, whose entries come from p.
func (t *tallies) station(id int, p kafka.Partition) *tally {
	tl := t.stations[id]
	if tl == nil {
		tl = &tally{station: id}
		t.stations[id] = tl
	}
	if tl.home == (kafka.Partition{}) {
		tl.home = p
	}
	return tl
}

// enter counts one entry.
func (t *tallies) enter(tl *tally) {
	tl.count++
	if !tl.changed {
		tl.changed = true
		t.touched = append(t.touched, tl)
	}
}

// forget drops what has been counted of partitions, as it may not be committed,
// or will be overtaken by another member.
func (t *tallies) forget(lost []kafka.Partition) {
	gone := make(map[kafka.Partition]bool, len(lost))
	for _, p := range lost {
		gone[p] = true
	}
	for id, tl := range t.stations {
		if gone[tl.home] {
			delete(t.stations, id)
		}
	}
	t.touched = slices.DeleteFunc(t.touched, func(tl *tally) bool { return gone[tl.home] })
}

// publish returns a record for each count that has changed since the last call.
func (t *tallies) publish(topic string, out []kafka.Record) []kafka.Record {
	for _, tl := range t.touched {
		tl.changed = false
		out = append(out, kafka.Record{Topic: topic, Key: cta.PartitionKey(tl.station), Value: appendCount(nil, tl)})
	}
	t.touched = t.touched[:0]
	return out
}

// appendCount appends a count as ksqlDB writes it: see [cta.TurnstileCount].
func appendCount(dst []byte, tl *tally) []byte {
	dst = strconv.AppendInt(append(dst, `{"STATION_ID":`...), int64(tl.station), 10)
	dst = strconv.AppendInt(append(dst, `,"COUNT":`...), tl.count, 10)
	return append(dst, '}')
}
