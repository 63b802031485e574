package ctastream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// tally is the number of entries counted at a station.
type tally struct {
	station int
	count   int64
	changed bool            // since the last publication
	home    kafka.Partition // where its entries come from; zero before this member's first entry
}

// source is a partition whose entries this member counts.
type source struct {
	kafka.Partition
	position
	headers []kafka.Header // for the counts published now; nil until made
}

// position is the place up to which a partition is counted.
type position struct {
	next    int64  // all entries below are counted
	topicID string // tells topics of one name apart; may be empty
}

// said is the partition and position in a published count's headers.
type said struct {
	kafka.Partition
	position
}

// These headers of a published count name the entries that it includes: all of a
// partition below an offset, as "topic/partition/offset", and the topic's id.
const (
	positionHeader = "position"
	topicIDHeader  = "topic-id"
)

// tallies are the counts that one member knows: the published counts of all stations,
// and the counts in progress of its own stations.
//
// A station's entries all come from one partition, so one member at a time counts them.
// Tests check these invariants:
//   - A tally whose home is assigned is at least as new as the published count.
//   - A tally without a home is never published.
//   - Forgetting a partition forgets every tally that it has changed.
//   - A published count names the entries that it includes. The group's positions are
//     committed with it, but a broker that was killed has been seen to answer without
//     them for a while after its restart (Apache Kafka 4.3.1).
type tallies struct {
	stations map[int]*tally
	touched  []*tally // changed tallies, in the order of their first entry
	sources  map[kafka.Partition]*source
	said     map[int]said // by station, from the headers of its published count
}

func newTallies() *tallies {
	return &tallies{
		stations: make(map[int]*tally),
		sources:  make(map[kafka.Partition]*source),
		said:     make(map[int]said),
	}
}

// restore adds a published count and its position; the last one of a station counts. It
// returns false, and adds nothing, if there is no position: the count is another
// engine's.
func (t *tallies) restore(c tables.TurnstileCount, at, topicID string) bool {
	p, next, ok := parsePosition(at)
	if !ok {
		return false
	}
	t.stations[c.StationID] = &tally{station: c.StationID, count: c.Count}
	t.said[c.StationID] = said{p, position{next, topicID}}
	return true
}

// remove drops a station that has no published count.
func (t *tallies) remove(station int) {
	delete(t.stations, station)
	delete(t.said, station)
}

// counted returns the position up to which each partition is counted, according to its
// stations' counts.
func (t *tallies) counted() map[kafka.Partition]position {
	counted := make(map[kafka.Partition]position)
	for _, s := range t.said {
		if at, ok := counted[s.Partition]; !ok || s.next > at.next {
			counted[s.Partition] = s.position
		}
	}
	return counted
}

// adopt replaces the counts of stations that this member doesn't count by those in
// read, and starts on the gained partitions. It keeps the member's own counts, which
// may be newer.
func (t *tallies) adopt(read *tallies, gained map[kafka.Partition]position) {
	for id, tl := range t.stations {
		if tl.home != (kafka.Partition{}) {
			read.stations[id] = tl
		}
	}
	t.stations = read.stations
	for p, at := range gained {
		t.sources[p] = &source{Partition: p, position: at}
	}
}

// publishAll publishes the counts of all stations of a partition again, so that none
// names a position that no longer exists.
func (t *tallies) publishAll(p kafka.Partition, of func(station int) bool) {
	for id := range t.stations {
		if of(id) {
			t.touch(t.station(id, p))
		}
	}
}

// take reports whether the entry at an offset is not yet counted, and marks it as
// counted.
func (s *source) take(offset int64) bool {
	if offset < s.next {
		return false
	}
	s.next = offset + 1
	return true
}

func parsePosition(s string) (p kafka.Partition, next int64, ok bool) {
	parts := strings.Split(s, "/") // topic names contain no slash
	if len(parts) != 3 {
		return p, 0, false
	}
	n, err1 := strconv.ParseInt(parts[1], 10, 32)
	next, err2 := strconv.ParseInt(parts[2], 10, 64)
	return kafka.Partition{Topic: parts[0], Partition: int32(n)}, next, err1 == nil && err2 == nil
}

// station returns the tally of a station whose entries come from p.
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

func (t *tallies) enter(tl *tally) {
	tl.count++
	t.touch(tl)
}

// touch marks a count for publication.
func (t *tallies) touch(tl *tally) {
	if !tl.changed {
		tl.changed = true
		t.touched = append(t.touched, tl)
	}
}

// forget drops the counts of partitions. They may not be committed, or another member
// continues them.
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
	for p := range gone {
		delete(t.sources, p)
	}
	t.touched = slices.DeleteFunc(t.touched, func(tl *tally) bool { return gone[tl.home] })
}

// publish returns a record for each count that has changed since the last call.
func (t *tallies) publish(topic string, out []kafka.Record) []kafka.Record {
	for _, s := range t.sources {
		s.headers = nil
	}
	for _, tl := range t.touched {
		tl.changed = false
		out = append(out, kafka.Record{
			Topic: topic,
			Key:   cta.PartitionKey(tl.station),
			// As ksqlDB writes it: see [tables.TurnstileCount].
			Value:   fmt.Appendf(nil, `{"STATION_ID":%d,"COUNT":%d}`, tl.station, tl.count),
			Headers: t.sources[tl.home].says(),
		})
	}
	t.touched = t.touched[:0]
	return out
}

// says returns the headers with the position up to which the source is counted.
func (s *source) says() []kafka.Header {
	if s.headers == nil {
		value := append([]byte(s.Topic), '/')
		value = append(strconv.AppendInt(value, int64(s.Partition.Partition), 10), '/')
		s.headers = []kafka.Header{{Key: positionHeader, Value: strconv.AppendInt(value, s.next, 10)}}
		if s.topicID != "" {
			s.headers = append(s.headers, kafka.Header{Key: topicIDHeader, Value: []byte(s.topicID)})
		}
	}
	return s.headers
}
