package batch

import (
	"cmp"
	"slices"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Decode appends a block's committed records, from an offset on, to records. It returns
// the bytes of their keys and values too, and the offset after everything in the block,
// including other entries.
func Decode(p record.Partition, block *sarama.FetchResponseBlock, from int64, records []record.Record) (_ []record.Record, bytes int, next int64) {
	next = from
	aborted := slices.Clone(block.AbortedTransactions)
	slices.SortFunc(aborted, func(a, b *sarama.AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	inAborted := make(map[int64]bool) // producers inside an aborted transaction
	for _, set := range block.RecordsSet {
		batch := set.RecordBatch
		if batch == nil {
			break
		}
		if batch.PartialTrailingRecord { // the batches before it, if any, were empty
			next = max(next, batch.FirstOffset)
			break
		}
		for len(aborted) > 0 && aborted[0].FirstOffset <= batch.LastOffset() {
			inAborted[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		switch {
		case batch.Control:
			delete(inAborted, batch.ProducerID) // either marker ends the transaction
		case batch.IsTransactional && inAborted[batch.ProducerID]:
		default:
			var n int
			records, n = appendBatch(p, records, batch, next)
			bytes += n
		}
		next = max(next, batch.LastOffset()+1)
	}
	return records, bytes, next
}

func appendBatch(p record.Partition, records []record.Record, batch *sarama.RecordBatch, from int64) (_ []record.Record, bytes int) {
	records = slices.Grow(records, len(batch.Records))
	for _, r := range batch.Records {
		offset := batch.FirstOffset + r.OffsetDelta
		if offset < from {
			continue
		}
		at := batch.FirstTimestamp.Add(r.TimestampDelta)
		if batch.LogAppendTime {
			at = batch.MaxTimestamp
		}
		rec := decoded(r)
		rec.Topic, rec.Partition, rec.Offset, rec.Time = p.Topic, p.Partition, offset, at
		records = append(records, rec)
		bytes += len(rec.Key) + len(rec.Value)
	}
	return records, bytes
}

func decoded(r *sarama.Record) record.Record {
	rec := record.Record{Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, record.Header{Key: string(h.Key), Value: h.Value})
	}
	return rec
}

// Partitioner selects a partition by Java's murmur2, as other Kafka clients do.
type Partitioner struct {
	murmur2 sarama.Partitioner
	key     sarama.ByteEncoder
	message sarama.ProducerMessage // with a pointer to key: one for all records
}

// NewPartitioner returns a Partitioner. It is not safe for concurrent use.
func NewPartitioner() *Partitioner {
	p := &Partitioner{murmur2: sarama.NewMurmur2Partitioner("")}
	p.message.Key = &p.key
	return p
}

// Choose returns the partition, of n, for a record; ok is false when any may be used.
func (p *Partitioner) Choose(r *record.Record, n int32) (_ int32, ok bool) {
	by := r.PartitionBy
	if by == nil {
		by = r.Key
	}
	if by == nil || n < 1 {
		return 0, false
	}
	p.key = by
	chosen, err := p.murmur2.Partition(&p.message, n)
	return chosen, err == nil // encoding bytes never fails
}
