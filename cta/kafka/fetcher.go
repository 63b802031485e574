package kafka

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

const (
	// fetchWait is how long a broker holds a fetch for which it has no records.
	// Partitions found meanwhile join the next one.
	fetchWait = 100 * time.Millisecond
	// A response holds up to fetchBytes, fetchPartitionBytes of each partition (which
	// is a batch of our producers), or one batch if that is more. Decoded records
	// take seven times that: of larger responses the memory grows, and not the rate.
	fetchBytes          = 1 << 20
	fetchPartitionBytes = 256 << 10
	// unreadableTooLong is when a partition is told of that can't be read: after the
	// cluster has had time to find it another leader.
	unreadableTooLong = 30 * time.Second
	// prefetched is how many responses of a broker may be under way or wait to be
	// handled.
	prefetched = 2
)

// fetcher gets records from one broker.
type fetcher struct {
	r      *reader
	broker int32
	wake   chan struct{} // partitions have come
	// room holds the memory of each response that may be fetched: its records are
	// the next one's once they are handled.
	room chan []Record
}

// fetcherOf starts the fetcher of a broker, if there is none. r.mu is held.
func (r *reader) fetcherOf(ctx context.Context, broker int32) {
	if r.fetchers[broker] != nil {
		return
	}
	f := &fetcher{r: r, broker: broker, wake: make(chan struct{}, 1), room: make(chan []Record, prefetched)}
	for range prefetched {
		f.room <- nil
	}
	r.fetchers[broker] = f
	r.wg.Add(1)
	go f.run(ctx)
}

func (f *fetcher) run(ctx context.Context) {
	defer f.r.wg.Done()
	backoff := 50 * time.Millisecond
	for {
		var room []Record
		select {
		case room = <-f.room:
		case <-ctx.Done():
			return
		}
		ok, idle := f.fetch(room)
		if ok {
			backoff = 50 * time.Millisecond
			continue // what was queued gives the room back
		}
		f.room <- room
		switch {
		case ctx.Err() != nil:
			return
		case idle:
			select {
			case <-f.wake:
			case <-time.After(fetchWait): // a partition's pause may have ended
			case <-ctx.Done():
				return
			}
		default:
			f.r.client.stats.readErrors.Inc()
			f.r.signal(f.r.stale)
			if retry.Pause(ctx, backoff) != nil {
				return
			}
			backoff = min(2*backoff, time.Second)
		}
	}
}

// fetch makes one request. ok means that it was answered; idle, that this broker
// leads no partition now.
func (f *fetcher) fetch(room []Record) (ok, idle bool) {
	r := f.r
	req := &sarama.FetchRequest{
		Version:      12, // sarama's newest; brokers of before 2.7 get what they know
		MinBytes:     1,
		MaxWaitTime:  int32(fetchWait.Milliseconds()),
		MaxBytes:     fetchBytes,
		Isolation:    sarama.ReadCommitted,
		SessionEpoch: -1, // no session: every request names all its partitions
	}
	asked := make(map[*cursor]int64)
	now := time.Now()
	r.mu.Lock()
	for _, cur := range r.cursors {
		if cur.leader == f.broker && !now.Before(cur.paused) {
			asked[cur] = cur.next
			req.AddBlock(cur.Topic, cur.Partition.Partition, cur.next, fetchPartitionBytes, -1)
		}
	}
	r.mu.Unlock()
	if len(asked) == 0 {
		return false, true
	}
	var resp *sarama.FetchResponse
	broker, err := r.sc.Broker(f.broker)
	if err == nil {
		if resp, err = broker.Fetch(req); err != nil {
			_ = broker.Close()
		}
	}
	if err != nil {
		r.client.cfg.Log.Debug("fetch failed", "broker", f.broker, "err", err)
		r.note(time.Now(), asked, func(*cursor) error { return err })
		return false, false
	}
	f.take(resp, asked, room)
	return true, false
}

// take queues what a response holds. The positions move and the queue grows
// under one lock, so that a partition's records stay in order when its leader
// changes.
func (f *fetcher) take(resp *sarama.FetchResponse, asked map[*cursor]int64, room []Record) {
	r := f.r
	got := make([]fetched, 0, len(asked))
	failed := make(map[*cursor]sarama.KError)
	for cur, from := range asked {
		block := resp.GetBlock(cur.Topic, cur.Partition.Partition)
		if block == nil {
			continue // left out for want of room
		}
		if block.Err != sarama.ErrNoError {
			failed[cur] = block.Err
			continue
		}
		n := len(room)
		var next int64
		room, next = decodeBlock(cur.Partition, block, from, room)
		if next > from {
			got = append(got, fetched{cur: cur, records: room[n:], next: next})
		}
	}
	if len(got) > 0 {
		got[len(got)-1].done = func() { f.room <- room[:0] }
	} else {
		f.room <- room[:0]
	}
	r.mu.Lock()
	for i, g := range got {
		if g.cur.next != asked[g.cur] {
			// Another broker's fetcher was there first, as the new leader.
			got[i].records, got[i].next = nil, 0
			continue
		}
		g.cur.next = g.next
	}
	r.queue = append(r.queue, got...)
	r.mu.Unlock()
	if len(got) > 0 {
		r.signal(r.work)
	}
	r.note(time.Now(), asked, func(cur *cursor) error { return refusal(failed[cur]) })
	for cur, kerr := range failed {
		f.fail(cur, asked[cur], kerr)
	}
}

// note takes what became of a fetch, by partition. It tells of the first partition
// that can't be read for long, and when all can be again.
func (r *reader) note(now time.Time, asked map[*cursor]int64, failed func(*cursor) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for cur := range asked {
		err := failed(cur)
		switch {
		case err == nil:
			cur.failing = time.Time{}
		case cur.failing.IsZero():
			cur.failing = now
		case now.Sub(cur.failing) >= unreadableTooLong && !r.told:
			r.told = true
			r.client.cfg.Log.Warn("a partition can't be read, nor may others; still trying", "topic", cur.Topic,
				"partition", cur.Partition.Partition, "broker", cur.leader, "for", now.Sub(cur.failing).Round(time.Second), "err", err)
		}
	}
	if !r.told {
		return
	}
	for _, cur := range r.cursors {
		if !cur.failing.IsZero() {
			return
		}
	}
	r.told = false
	r.client.cfg.Log.Info("all partitions can be read again")
}

// fail deals with a partition that can't be read at the moment.
func (f *fetcher) fail(cur *cursor, from int64, kerr sarama.KError) {
	r := f.r
	log := r.client.cfg.Log
	r.client.stats.readErrors.Inc()
	hold := func() {
		r.mu.Lock()
		cur.paused = time.Now().Add(100 * time.Millisecond)
		r.mu.Unlock()
	}
	switch kerr {
	case sarama.ErrOffsetOutOfRange:
		if r.exact {
			r.cancel(fmt.Errorf("offset %d of topic %s, partition %d: %w", from, cur.Topic, cur.Partition.Partition, kerr))
		} else if !f.restart(cur, from) {
			hold()
		}
	case sarama.ErrTopicAuthorizationFailed:
		r.cancel(fmt.Errorf("kafka: read: topic %s: %w", cur.Topic, kerr))
	default: // the leader has moved, or the topic is gone: scout finds out
		log.Debug("partition can't be read now", "topic", cur.Topic, "partition", cur.Partition.Partition, "err", kerr)
		hold()
		r.signal(r.stale)
	}
}

// restart sets a partition to its oldest record, because its position is outside
// of what the cluster holds.
func (f *fetcher) restart(cur *cursor, from int64) bool {
	r := f.r
	leader := map[Partition]int32{cur.Partition: f.broker}
	oldest, err := offsets(r.sc, leader, func(Partition) int64 { return sarama.OffsetOldest })
	if err != nil {
		return false
	}
	ends, err := offsets(r.sc, leader, func(Partition) int64 { return sarama.OffsetNewest })
	at, ok := oldest[cur.Partition]
	if err != nil || !ok {
		return false
	}
	r.client.cfg.Log.Warn("records were removed before they were read; going on at the oldest",
		"topic", cur.Topic, "partition", cur.Partition.Partition, "from", from, "oldest", at)
	r.mu.Lock()
	if cur.next == from {
		cur.next = at
		// In a new topic of the old name there is less to catch up with.
		cur.target = min(cur.target, ends[cur.Partition])
		r.queue = append(r.queue, fetched{cur: cur, next: at})
	}
	r.mu.Unlock()
	r.signal(r.work)
	return true
}

// decodeBlock appends the committed records of a block from an offset on to records,
// and returns the offset after everything that it holds, records or not.
func decodeBlock(p Partition, block *sarama.FetchResponseBlock, from int64, records []Record) (_ []Record, next int64) {
	next = from
	aborted := slices.Clone(block.AbortedTransactions)
	slices.SortFunc(aborted, func(a, b *sarama.AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	inAborted := make(map[int64]bool) // producers inside an aborted transaction
	for _, set := range block.RecordsSet {
		batch := set.RecordBatch
		if batch == nil { // a message set, of before Kafka 0.11
			records, next = appendLegacy(p, records, set.MsgSet, next)
			continue
		}
		if batch.PartialTrailingRecord {
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
			records = appendBatch(p, records, batch, next)
		}
		next = max(next, batch.LastOffset()+1)
	}
	if len(block.RecordsSet) == 0 && !block.Partial {
		next = max(next, emptyBatchesEnd(block))
	}
	return records, next
}

func appendBatch(p Partition, records []Record, batch *sarama.RecordBatch, from int64) []Record {
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
		rec := Record{Topic: p.Topic, Partition: p.Partition, Offset: offset, Key: r.Key, Value: r.Value, Time: at}
		for _, h := range r.Headers {
			rec.Headers = append(rec.Headers, Header{Key: string(h.Key), Value: h.Value})
		}
		records = append(records, rec)
	}
	return records
}

func appendLegacy(p Partition, records []Record, set *sarama.MessageSet, next int64) ([]Record, int64) {
	if set == nil {
		return records, next
	}
	for _, outer := range set.Messages {
		inner := outer.Messages()
		for _, m := range inner {
			offset := m.Offset
			if m.Msg.Version >= 1 { // relative to the wrapper's, which is the last one's
				offset += outer.Offset - inner[len(inner)-1].Offset
			}
			if offset < next {
				continue
			}
			records = append(records, Record{Topic: p.Topic, Partition: p.Partition, Offset: offset,
				Key: m.Msg.Key, Value: m.Msg.Value, Time: m.Msg.Timestamp})
			next = offset + 1
		}
	}
	return records, next
}

// emptyBatchesEnd returns the offset after batches that compaction has emptied
// and kept for their producer's sequence. Sarama leaves them out of RecordsSet,
// and notes where they end in a field for its own consumer. Without that, a
// reader would ask for the same offset for ever.
func emptyBatchesEnd(block *sarama.FetchResponseBlock) int64 {
	f := reflect.ValueOf(block).Elem().FieldByName("recordsNextOffset")
	if !f.IsValid() || f.Kind() != reflect.Pointer || f.IsNil() {
		return 0
	}
	return f.Elem().Int()
}
