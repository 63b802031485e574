// Package batch makes batches of records for a partition, and records of the batches
// that a broker returns.
package batch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

const (
	// maxBatchBytes ends a batch; a larger record is a batch by itself.
	maxBatchBytes = 256 << 10
	// recordOverhead bounds what a record takes beside key, value and headers.
	recordOverhead = 36
	slabRecords    = 64 // records allocated at a time

	// RequestBytes is how many bytes of batches a request may hold; one batch more makes
	// it full.
	RequestBytes = 4 << 20
	// ReplicaTimeout is how long a broker waits for its replicas.
	ReplicaTimeout = 5 * time.Second
)

// Box holds the records of one partition that are not settled yet, in order, as
// batches. One batch at a time goes out, so a retry can't overtake another batch. It is
// not safe for concurrent use.
type Box struct {
	record.Partition
	PID   int64 // the producer id of its batches; -1 for none yet
	Epoch int16
	seq   int32    // of the next batch
	queue []*Batch // the first may be under way
	limit int      // bytes of a batch, once the broker has refused more; else 0
}

// Own makes the batches those of a producer, whose numbers in the partition begin at 0.
func (o *Box) Own(pid int64, epoch int16) { o.PID, o.Epoch, o.seq = pid, epoch, 0 }

// Empty reports whether all is settled.
func (o *Box) Empty() bool { return len(o.queue) == 0 }

// Len returns the number of batches.
func (o *Box) Len() int { return len(o.queue) }

// Oldest returns the batch that goes out next, or is under way; nil when there is none.
func (o *Box) Oldest() *Batch {
	if len(o.queue) == 0 {
		return nil
	}
	return o.queue[0]
}

// Batch is what goes to a partition in one request. Once it is sent, its records
// and its sequence number stay as they are.
type Batch struct {
	First   uint64 // number of its first record, of all that were accepted
	Created time.Time
	Bytes   int
	Payload int // bytes of keys and values
	sealed  bool
	Records *sarama.RecordBatch
	slab    []sarama.Record
	Done    []func(error) // by record; shorter when the rest has none
}

// Add appends r, the number-th record accepted.
func (o *Box) Add(r record.Record, number uint64, done func(error)) {
	now := time.Now()
	at := r.Time
	if at.IsZero() {
		at = now
	}
	at = at.Truncate(time.Millisecond)
	size := Size(r)
	var b *Batch
	if n := len(o.queue); n > 0 && !o.queue[n-1].sealed && o.queue[n-1].Bytes+size <= cmp.Or(o.limit, maxBatchBytes) {
		b = o.queue[n-1]
	} else {
		b = &Batch{First: number, Created: now, Records: &sarama.RecordBatch{Version: 2, FirstTimestamp: at, MaxTimestamp: at}}
		o.queue = append(o.queue, b)
	}
	b.append(r, at, size)
	if done != nil {
		for len(b.Done) < len(b.Records.Records)-1 {
			b.Done = append(b.Done, nil)
		}
		b.Done = append(b.Done, done)
	}
}

func (b *Batch) append(r record.Record, at time.Time, size int) {
	if len(b.slab) == cap(b.slab) {
		// A batch of a quiet partition is small; a busy one's grows by slabs, which
		// never move, because the batch holds pointers.
		b.slab = make([]sarama.Record, 0, min(max(2*cap(b.slab), 4), slabRecords))
	}
	b.slab = append(b.slab, sarama.Record{
		Key: r.Key, Value: r.Value,
		OffsetDelta:    int64(len(b.Records.Records)),
		TimestampDelta: at.Sub(b.Records.FirstTimestamp),
	})
	rec := &b.slab[len(b.slab)-1]
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	b.Records.LastOffsetDelta = int32(len(b.Records.Records))
	b.Records.Records = append(b.Records.Records, rec)
	if at.After(b.Records.MaxTimestamp) {
		b.Records.MaxTimestamp = at
	}
	b.Bytes += size
	b.Payload += len(r.Key) + len(r.Value)
}

// Seal keeps further records out of the oldest batch, and returns it.
func (o *Box) Seal() *Batch {
	o.queue[0].sealed = true
	return o.queue[0]
}

// Request returns a request that sends the oldest batch of each box: again under the number
// that it had, or under the partition's next. transaction is empty outside of one.
func Request(transaction string, boxes []*Box) *sarama.ProduceRequest {
	req := &sarama.ProduceRequest{
		Version:      10, // sarama's newest; older brokers get what they know
		RequiredAcks: sarama.WaitForAll, Timeout: int32(ReplicaTimeout.Milliseconds()),
	}
	if transaction != "" {
		req.TransactionalID = &transaction
	}
	for _, o := range boxes {
		b := o.Seal().Records
		b.ProducerID, b.ProducerEpoch, b.FirstSequence, b.IsTransactional = o.PID, o.Epoch, o.seq, transaction != ""
		req.AddBatch(o.Topic, o.Partition.Partition, b)
	}
	return req
}

// Answered returns why the oldest batch of a box isn't written: nil when it is.
func (o *Box) Answered(resp *sarama.ProduceResponse) error {
	switch block := resp.GetBlock(o.Topic, o.Partition.Partition); {
	case block == nil:
		return sarama.ErrIncompleteResponse
	case block.Err == sarama.ErrNoError, block.Err == sarama.ErrDuplicateSequenceNumber:
		return nil
	case block.ErrorMessage != nil:
		return fmt.Errorf("%w (%s)", block.Err, *block.ErrorMessage)
	default:
		return block.Err
	}
}

// Pop removes the oldest batch. Delivered, its sequence numbers are used up;
// otherwise nobody knows whether they are, and the partition needs a producer id
// with numbers of its own.
func (o *Box) Pop(delivered bool) {
	b := o.queue[0]
	o.queue = slices.Delete(o.queue, 0, 1)
	if delivered {
		o.seq = int32((int64(o.seq) + int64(len(b.Records.Records))) & math.MaxInt32)
	} else {
		o.PID = -1
	}
}

// Split makes two batches of the oldest, which the broker has refused as too
// large, and reports whether it could.
func (o *Box) Split() bool {
	b := o.queue[0]
	n := len(b.Records.Records)
	if n < 2 {
		return false
	}
	o.queue = slices.Replace(o.queue, 0, 1, b.part(0, n/2), b.part(n/2, n))
	o.limit = b.Bytes / 2 // so that later ones needn't be
	return true
}

// part returns a batch of some of b's records.
func (b *Batch) part(from, to int) *Batch {
	all := b.Records
	first := all.FirstTimestamp.Add(all.Records[from].TimestampDelta)
	p := &Batch{
		First: b.First, Created: b.Created, sealed: true,
		Records: &sarama.RecordBatch{Version: 2, FirstTimestamp: first, MaxTimestamp: all.MaxTimestamp},
	}
	for i, r := range all.Records[from:to] {
		moved := *r
		moved.OffsetDelta = int64(i)
		moved.TimestampDelta = all.FirstTimestamp.Add(r.TimestampDelta).Sub(first)
		p.Records.Records = append(p.Records.Records, &moved)
		p.Payload += len(r.Key) + len(r.Value)
	}
	p.Records.LastOffsetDelta = int32(to - from - 1)
	p.Bytes = b.Bytes / 2
	if from > 0 {
		p.Bytes = b.Bytes - b.Bytes/2 // both together are what was counted
	}
	if from < len(b.Done) {
		p.Done = b.Done[from:min(to, len(b.Done))]
	}
	return p
}

// Size bounds the bytes of a record in a batch.
func Size(r record.Record) int {
	n := len(r.Key) + len(r.Value) + recordOverhead
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return n
}
