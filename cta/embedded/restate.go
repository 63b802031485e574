package embedded

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// restateAtMost bounds the restated rows of a partition, in bytes: they are one
	// batch, and brokers accept 1 MiB.
	restateAtMost = 512 << 10
	// restateTries is how often rows are sent before a compaction without it.
	restateTries = 10
	// restateFrom is how many markers of a partition are worth it.
	restateFrom = 100
	// markerSize is the size of a transaction's marker in a log, in bytes.
	markerSize = 78
)

// restate appends the newest rows of tables to them, as they are: with their times
// and headers, but without a transaction. The compaction that follows drops all that
// was before. kfake's alone keeps every marker of a transaction whose producer has
// one record left, so that a table which a living worker commits to each second
// would grow for ever.
//
// Only partitions in which markers outweigh rows are restated. Nothing is written
// between the reading of a partition and its restatement, or it isn't restated.
func (c *cleaner) restate(ctx context.Context, tables []string) error {
	parts := make(map[partition]*tableRows)
	from := make(map[string]map[int32]kgo.Offset)
	for t, numbers := range c.partitions(tables) {
		from[t] = make(map[int32]kgo.Offset)
		for _, n := range numbers {
			from[t][n] = kgo.NewOffset().AtStart()
			parts[partition{t, n}] = &tableRows{newest: make(map[string]*kgo.Record)}
		}
	}
	if len(parts) == 0 {
		return nil
	}
	reader, err := kgo.NewClient(append(c.client.Opts(), kgo.ConsumePartitions(from), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		return err
	}
	defer reader.Close()
	for range restateTries {
		if err := c.follow(ctx, reader, parts); err != nil {
			return err
		}
		maps.DeleteFunc(parts, func(_ partition, rows *tableRows) bool {
			return len(rows.newest) == 0 || rows.size > restateAtMost || rows.markers < restateFrom || rows.markers*markerSize <= rows.size
		})
		if len(parts) == 0 {
			return nil
		}
		if done, err := c.send(ctx, tables, parts); done || err != nil {
			return err
		}
	}
	return nil
}

type partition struct {
	topic  string
	number int32
}

// tableRows are the newest rows of a partition.
type tableRows struct {
	newest  map[string]*kgo.Record // by key
	size    int                    // of their keys and values, in bytes
	markers int
	next    int64 // offset after the last one read
}

func (t *tableRows) add(r *kgo.Record) {
	t.next = r.Offset + 1
	switch {
	case r.Attrs.IsControl():
		t.markers++
	case r.Key != nil: // else no row: compaction drops it
		if old := t.newest[string(r.Key)]; old != nil {
			t.size -= len(old.Key) + len(old.Value)
		}
		t.newest[string(r.Key)] = r
		t.size += len(r.Key) + len(r.Value)
	}
}

// follow reads partitions up to their ends.
func (c *cleaner) follow(ctx context.Context, reader *kgo.Client, parts map[partition]*tableRows) error {
	behind := func() bool {
		for p, rows := range parts {
			info := c.cluster.PartitionInfo(p.topic, p.number)
			if info != nil && max(rows.next, info.LogStartOffset) < info.LastStableOffset {
				return true
			}
		}
		return false
	}
	for behind() {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if rows := parts[partition{r.Topic, r.Partition}]; rows != nil {
				rows.add(r)
			}
		})
	}
	return nil
}

// send sends the rows of partitions, all in one request. kfake handles one at a time:
// partitions that have grown meanwhile, or have a transaction open, are taken out
// of it before kfake sees it. It reports whether any was left.
func (c *cleaner) send(ctx context.Context, tables []string, parts map[partition]*tableRows) (bool, error) {
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = 1, int32(cleanTimeout.Milliseconds())
	var leader int32
	var done atomic.Bool
	next := make(map[partition]int64)
	for _, p := range slices.SortedFunc(maps.Keys(parts), func(a, b partition) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.number, b.number))
	}) {
		info := c.cluster.TopicInfo(p.topic)
		if info == nil {
			continue
		}
		if n := len(req.Topics); n == 0 || req.Topics[n-1].Topic != p.topic {
			t := kmsg.NewProduceRequestTopic()
			t.Topic, t.TopicID = p.topic, info.TopicID
			req.Topics = append(req.Topics, t)
		}
		t := &req.Topics[len(req.Topics)-1]
		rows := parts[p].rows()
		// The last row follows once more: to kfake's compaction, the last batch of a
		// partition replaces nothing.
		for _, batch := range [][]*kgo.Record{rows, rows[len(rows)-1:]} {
			part := kmsg.NewProduceRequestTopicPartition()
			part.Partition, part.Records = p.number, recordBatch(batch)
			t.Partitions = append(t.Partitions, part)
		}
		next[p] = parts[p].next
		if i := c.cluster.PartitionInfo(p.topic, p.number); i != nil {
			leader = i.Leader
		}
	}
	if len(req.Topics) == 0 {
		return true, nil
	}
	first := req.Topics[0].Partitions[0].Records
	c.cluster.ControlKey(kmsg.Produce.Int16(), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		if ctx.Err() != nil {
			c.cluster.DropControl()
			return nil, nil, false
		}
		req := kreq.(*kmsg.ProduceRequest)
		if len(req.Topics) == 0 || len(req.Topics[0].Partitions) == 0 || !bytes.Equal(req.Topics[0].Partitions[0].Records, first) {
			return nil, nil, false
		}
		c.cluster.DropControl()
		req.Topics = slices.DeleteFunc(req.Topics, func(t kmsg.ProduceRequestTopic) bool {
			name := t.Topic
			if info := c.cluster.TopicIDInfo(t.TopicID); info != nil {
				name = info.Topic
			}
			t.Partitions = slices.DeleteFunc(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) bool {
				i := c.cluster.PartitionInfo(name, p.Partition)
				return i == nil || i.HighWatermark != next[partition{name, p.Partition}] || i.LastStableOffset != i.HighWatermark
			})
			return len(t.Partitions) == 0
		})
		if len(req.Topics) == 0 {
			return req.ResponseKind(), nil, true
		}
		done.Store(true)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.own = req
		c.compactWhenQuiet(tables) // ahead of the next request: before anybody adds to them
		return nil, nil, false
	})
	resp, err := c.client.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return false, err
	}
	for _, t := range resp.(*kmsg.ProduceResponse).Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return done.Load(), fmt.Errorf("partition %d of %s: restated rows refused with code %d", p.Partition, t.Topic, p.ErrorCode)
			}
		}
	}
	return done.Load(), nil
}

// rows returns the rows in their order.
func (t *tableRows) rows() []*kgo.Record {
	return slices.SortedFunc(maps.Values(t.newest), func(a, b *kgo.Record) int { return cmp.Compare(a.Offset, b.Offset) })
}

func recordBatch(rows []*kgo.Record) []byte {
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(len(rows)), LastOffsetDelta: int32(len(rows) - 1),
		FirstTimestamp: rows[0].Timestamp.UnixMilli(), MaxTimestamp: rows[0].Timestamp.UnixMilli(),
	}
	for i, r := range rows {
		at := r.Timestamp.UnixMilli()
		b.MaxTimestamp = max(b.MaxTimestamp, at)
		rec := kmsg.Record{TimestampDelta64: at - b.FirstTimestamp, OffsetDelta: int32(i), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			rec.Headers = append(rec.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		rec.Length = int32(len(rec.AppendTo(nil)) - 1) // a length of 0 took one byte
		b.Records = rec.AppendTo(b.Records)
	}
	return encodeBatch(b)
}
