package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// source is a partition of entries.
type source struct {
	topic     string
	partition int32
}

// published is a count as it stands in the topic of counts.
type published struct {
	station int
	count   int64
	source  source // of which
	upTo    int64  // all entries of the station below this offset are counted; 0: it doesn't say
}

// parsePublished reads a published count by the bytes alone, as a stranger would.
func parsePublished(r *kgo.Record) (published, error) {
	var v struct {
		Station *int   `json:"STATION_ID"`
		Count   *int64 `json:"COUNT"`
	}
	if err := json.Unmarshal(r.Value, &v); err != nil || v.Station == nil || v.Count == nil {
		return published{}, fmt.Errorf("count at offset %d is %q, want STATION_ID and COUNT (%v)", r.Offset, r.Value, err)
	}
	if string(r.Key) != strconv.Itoa(*v.Station) {
		return published{}, fmt.Errorf("count at offset %d has key %q and station %d", r.Offset, r.Key, *v.Station)
	}
	p := published{station: *v.Station, count: *v.Count}
	for _, h := range r.Headers {
		if h.Key != "position" {
			continue
		}
		rest, offset, ok1 := cutLast(string(h.Value))
		topic, partition, ok2 := cutLast(rest)
		upTo, err1 := strconv.ParseInt(offset, 10, 64)
		n, err2 := strconv.ParseInt(partition, 10, 32)
		if err := errors.Join(err1, err2); err != nil || !ok1 || !ok2 {
			return published{}, fmt.Errorf("count at offset %d has position %q", r.Offset, h.Value)
		}
		p.source, p.upTo = source{topic, int32(n)}, upTo
	}
	return p, nil
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// parseEntry reads the station and event time of an entry from its bytes: five of
// framing, then Avro, in which both come first.
func parseEntry(key, value []byte) (station int, ms int64, err error) {
	if len(key) < 6 || len(value) < 6 || key[0] != 0 || value[0] != 0 {
		return 0, 0, fmt.Errorf("entry %x, %x isn't framed Avro", key, value)
	}
	ms, n := binary.Varint(key[5:])
	id, m := binary.Varint(value[5:])
	if n <= 0 || m <= 0 {
		return 0, 0, fmt.Errorf("entry %x, %x isn't Avro of an entry", key, value)
	}
	return int(id), ms, nil
}

// claim is a published count that says which entries it counts.
type claim struct {
	station int
	count   int64
	upTo    int64
}

// watcher follows what is published while things break.
type watcher struct {
	client     *kgo.Client
	deadLetter string // topic
	strict     bool   // each count has to say which entries it counts
	restates   bool   // the broker's compaction writes rows again
	stalls     *stalls

	mu       sync.Mutex
	counts   map[int]int64
	times    map[int]time.Time // of the counts' records
	offset   int64
	read     int64 // counts read
	restated int64 // the same row again, by the broker
	repeated int64 // as high as the one before
	fell     int64 // below the one before
	letters  int64 // dead letters read
	claims   map[source][]claim
	highest  map[source]int64     // position claimed
	ends     map[source]int64     // of the entries, as last asked
	doubted  map[source]time.Time // ends that are too low, and since when
	faults   []string
}

// most is how many mismatches of a kind are shown.
const most = 20

func newWatcher(opts []kgo.Opt, s *settings, stalls *stalls) (*watcher, error) {
	topics := s.topics()
	start := map[int32]kgo.Offset{0: kgo.NewOffset().AtStart()}
	c, err := kgo.NewClient(append(opts,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topics.TurnstileSummary(): start, topics.DeadLetter(): start}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return nil, err
	}
	return &watcher{
		client: c, deadLetter: topics.DeadLetter(), strict: !s.careless, restates: s.broker == "embedded", stalls: stalls, offset: -1,
		counts: make(map[int]int64), times: make(map[int]time.Time),
		claims: make(map[source][]claim), highest: make(map[source]int64), ends: make(map[source]int64), doubted: make(map[source]time.Time),
	}, nil
}

// run follows until ctx ends.
func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.client.PollFetches(ctx).EachRecord(w.see)
	}
}

func (w *watcher) see(r *kgo.Record) {
	if r.Topic == w.deadLetter {
		w.mu.Lock()
		w.letters++
		w.mu.Unlock()
		return
	}
	p, err := parsePublished(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.fault("%v", err)
		return
	case r.Offset <= w.offset:
		w.fault("the topic of counts goes back from offset %d to %d: the broker has lost what it had committed", w.offset, r.Offset)
	case p.count < w.counts[p.station]:
		w.fell++
		w.fault("station %d: count falls from %d to %d at offset %d", p.station, w.counts[p.station], p.count, r.Offset)
	case p.count == w.counts[p.station] && w.restates && r.ProducerID < 0 && r.Timestamp.Equal(w.times[p.station]):
		w.restated++ // as it was, with its time; a worker's own would have another
	case p.count == w.counts[p.station]:
		w.repeated++
		w.fault("station %d: count %d again at offset %d, of producer %d, after %d", p.station, p.count, r.Offset, r.ProducerID, w.offset)
	default:
		w.stalls.progress(p.station, time.Now())
	}
	if p.upTo == 0 && w.strict {
		w.fault("station %d: count %d at offset %d doesn't say which entries it counts", p.station, p.count, r.Offset)
	}
	w.read++
	w.offset = r.Offset
	w.counts[p.station], w.times[p.station] = p.count, r.Timestamp
	if p.upTo > 0 {
		w.claims[p.source] = append(w.claims[p.source], claim{p.station, p.count, p.upTo})
		w.highest[p.source] = max(w.highest[p.source], p.upTo)
	}
}

func (w *watcher) fault(format string, a ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, a...))
}

// compare holds what was claimed against how many entries there are, as asked
// after the claims were read. It returns their sum.
func (w *watcher) compare(ctx context.Context, topics []string, limit time.Duration) (int64, error) {
	w.mu.Lock()
	claimed := make(map[source]int64, len(w.highest))
	for s, n := range w.highest {
		claimed[s] = n
	}
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ends, err := endOffsets(ctx, w.client, topics)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var sum int64
	for topic, partitions := range ends {
		for n, end := range partitions {
			s := source{topic, n}
			w.end(s, end, claimed[s], time.Now())
			sum += end
		}
	}
	return sum, nil
}

// doubt is how long an end may be too low: a broker that was hung answers as the leader
// that it was, until it has caught up.
const doubt = 10 * time.Second

// end takes the end of a partition of entries, of which those below claimed are published
// as counted. w.mu is held.
func (w *watcher) end(s source, end, claimed int64, now time.Time) {
	had := w.ends[s]
	if end >= claimed && end >= had {
		delete(w.doubted, s)
		w.ends[s] = end
		return
	}
	since, known := w.doubted[s]
	switch {
	case !known:
		w.doubted[s] = now
	case now.Sub(since) < doubt:
	case end < had:
		w.fault("%s/%d: had %d entries, now %d: the broker has lost some", s.topic, s.partition, had, end)
	default:
		w.fault("%s/%d: entries below offset %d are published as counted, but there are only %d", s.topic, s.partition, claimed, end)
	}
}

// settled returns how many records of the topics of entries are dealt with: counted,
// or put aside.
func (w *watcher) settled() int64 {
	sum, _ := w.total()
	w.mu.Lock()
	defer w.mu.Unlock()
	return sum + w.letters
}

// partitions returns of which partition each station's entries are counted.
func (w *watcher) partitions() map[int]source {
	w.mu.Lock()
	defer w.mu.Unlock()
	of := make(map[int]source)
	for s, claims := range w.claims {
		for _, c := range claims {
			of[c.station] = s
		}
	}
	return of
}

// total returns the sum of the counts, and how many were read.
func (w *watcher) total() (sum, read int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.counts {
		sum += n
	}
	return sum, w.read
}
