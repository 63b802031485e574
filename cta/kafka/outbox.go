package kafka

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const (
	// maxBatchBytes ends a batch; a larger record is a batch by itself.
	maxBatchBytes = 256 << 10
	// recordOverhead bounds what a record takes beside key, value and headers.
	recordOverhead = 36
	slabRecords    = 64 // records allocated at a time
)

// outbox holds the records of one partition that are not settled yet, in order.
// One batch at a time is under way, so a retry can't overtake another batch. Its
// fields are guarded by Producer.mu.
type outbox struct {
	Partition
	leader  int32 // broker id; -1 when there is none
	queue   []*batch
	taken   bool // queue[0] is under way, or waits for its next try
	listed  bool // waits in its sender's list
	pid     int64
	epoch   int16
	seq     int32     // of the next batch
	lost    time.Time // since when the cluster has not known the topic; else zero
	backoff time.Duration
	limit   int // bytes of a batch, once the broker has refused more; else 0
}

// batch is what goes to a partition in one request. Once it is sent, its records
// and its sequence number stay as they are.
type batch struct {
	first   uint64 // number of its first record, of all that were accepted
	created time.Time
	bytes   int
	payload int // bytes of keys and values
	sealed  bool
	records *sarama.RecordBatch
	slab    []sarama.Record
	done    []func(error) // by record; shorter when the rest has none
}

// add appends r, the number-th record accepted.
func (o *outbox) add(r Record, number uint64, done func(error)) {
	now := time.Now()
	at := r.Time
	if at.IsZero() {
		at = now
	}
	at = at.Truncate(time.Millisecond)
	size := recordSize(r)
	var b *batch
	if n := len(o.queue); n > 0 && !o.queue[n-1].sealed && o.queue[n-1].bytes+size <= cmp.Or(o.limit, maxBatchBytes) {
		b = o.queue[n-1]
	} else {
		b = &batch{first: number, created: now, records: &sarama.RecordBatch{Version: 2, FirstTimestamp: at, MaxTimestamp: at}}
		o.queue = append(o.queue, b)
	}
	b.append(r, at, size)
	if done != nil {
		for len(b.done) < len(b.records.Records)-1 {
			b.done = append(b.done, nil)
		}
		b.done = append(b.done, done)
	}
}

func (b *batch) append(r Record, at time.Time, size int) {
	if len(b.slab) == cap(b.slab) {
		// A batch of a quiet partition is small; a busy one's grows by slabs, which
		// never move, because the batch holds pointers.
		b.slab = make([]sarama.Record, 0, min(max(2*cap(b.slab), 4), slabRecords))
	}
	b.slab = append(b.slab, sarama.Record{
		Key: r.Key, Value: r.Value,
		OffsetDelta:    int64(len(b.records.Records)),
		TimestampDelta: at.Sub(b.records.FirstTimestamp),
	})
	rec := &b.slab[len(b.slab)-1]
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	b.records.LastOffsetDelta = int32(len(b.records.Records))
	b.records.Records = append(b.records.Records, rec)
	if at.After(b.records.MaxTimestamp) {
		b.records.MaxTimestamp = at
	}
	b.bytes += size
	b.payload += len(r.Key) + len(r.Value)
}

// head returns the oldest batch, ready to be sent: again under the number it
// had, or under the partition's next.
func (o *outbox) head() *batch {
	b := o.queue[0]
	b.sealed = true
	b.records.ProducerID, b.records.ProducerEpoch, b.records.FirstSequence = o.pid, o.epoch, o.seq
	return b
}

// pop removes the oldest batch. Delivered, its sequence numbers are used up;
// otherwise nobody knows whether they are, and the partition needs a producer id
// with numbers of its own.
func (o *outbox) pop(delivered bool) {
	b := o.queue[0]
	o.queue = slices.Delete(o.queue, 0, 1)
	if delivered {
		o.seq = int32((int64(o.seq) + int64(len(b.records.Records))) & math.MaxInt32)
	} else {
		o.pid = -1
	}
}

// split makes two batches of the oldest, which the broker has refused as too
// large, and reports whether it could.
func (o *outbox) split() bool {
	b := o.queue[0]
	n := len(b.records.Records)
	if n < 2 {
		return false
	}
	o.queue = slices.Replace(o.queue, 0, 1, b.part(0, n/2), b.part(n/2, n))
	o.limit = b.bytes / 2 // so that later ones needn't be
	return true
}

// part returns a batch of some of b's records.
func (b *batch) part(from, to int) *batch {
	all := b.records
	first := all.FirstTimestamp.Add(all.Records[from].TimestampDelta)
	p := &batch{
		first: b.first, created: b.created, sealed: true,
		records: &sarama.RecordBatch{Version: 2, FirstTimestamp: first, MaxTimestamp: all.MaxTimestamp},
	}
	for i, r := range all.Records[from:to] {
		moved := *r
		moved.OffsetDelta = int64(i)
		moved.TimestampDelta = all.FirstTimestamp.Add(r.TimestampDelta).Sub(first)
		p.records.Records = append(p.records.Records, &moved)
		p.payload += len(r.Key) + len(r.Value)
	}
	p.records.LastOffsetDelta = int32(to - from - 1)
	p.bytes = b.bytes / 2
	if from > 0 {
		p.bytes = b.bytes - b.bytes/2 // both together are what was counted
	}
	if from < len(b.done) {
		p.done = b.done[from:min(to, len(b.done))]
	}
	return p
}

func recordSize(r Record) int {
	n := len(r.Key) + len(r.Value) + recordOverhead
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return n
}
