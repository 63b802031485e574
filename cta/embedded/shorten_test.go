package embedded

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestShorten shows that a broker in memory lets the oldest events go when they
// are too many, and neither tables nor what was written once.
func TestShorten(t *testing.T) {
	s := startIn(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	createTopics(t, ctx, c, map[string]string{"events": "delete", "rows": "delete", "table": "compact"})
	value := make([]byte, 64<<10)
	for _, topic := range []string{"events", "table"} {
		for range 64 {
			if err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Key: []byte("k"), Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "rows", Value: []byte("row")}).FirstErr(); err != nil {
		t.Fatal(err)
	}

	const limit = 2 << 20
	s.broker.cleaner.atMost = limit
	s.broker.cleaner.grown = map[partition]int64{{"events", 0}: 32, {"rows", 0}: 1, {"table", 0}: 1} // as before half of the events
	for range 2 {                                                                                    // the second time, nothing has to go
		if err := s.broker.cleaner.clean(ctx); err != nil {
			t.Fatal(err)
		}
		info := s.broker.cluster.PartitionInfos("events")[0]
		if info.NumBytes > limit || info.NumBytes < limit*3/4 {
			t.Errorf("events: %d bytes left, want a little less than %d", info.NumBytes, limit)
		}
		if info.HighWatermark != 64 || info.LogStartOffset < 33 || info.LogStartOffset > 40 {
			t.Errorf("events: offsets %d to %d, want the newest half", info.LogStartOffset, info.HighWatermark)
		}
		for _, topic := range []string{"rows", "table"} {
			if info := s.broker.cluster.PartitionInfos(topic)[0]; info.LogStartOffset != 0 {
				t.Errorf("%s begins at %d, want 0", topic, info.LogStartOffset)
			}
		}
	}
}

// What a group at work hasn't read is kept, up to four times the bound: its counts would
// lack it.
func TestShortenKeepsWhatGroupsHaveNotRead(t *testing.T) {
	s := startIn(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := func(options ...kgo.Opt) *kgo.Client {
		c, err := kgo.NewClient(append(options, kgo.SeedBrokers(s.Brokers()...), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := client()
	defer c.Close()
	createTopics(t, ctx, c, map[string]string{"events": "delete"})
	for range 64 {
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: "events", Value: make([]byte, 64<<10)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	group := client(kgo.ConsumerGroup("counts"), kgo.ConsumeTopics("events"), kgo.DisableAutoCommit())
	fetched := group.PollRecords(ctx, 10)
	if err := fetched.Err(); err != nil {
		t.Fatal(err)
	}
	start := func(atMost int64) int64 {
		s.broker.cleaner.atMost = atMost
		s.broker.cleaner.grown = map[partition]int64{{"events", 0}: 32}
		if err := s.broker.cleaner.clean(ctx); err != nil {
			t.Fatal(err)
		}
		return s.broker.cluster.PartitionInfos("events")[0].LogStartOffset
	}
	if at := start(2 << 20); at != 0 {
		t.Errorf("the log begins at %d; the group reads it, and has no position yet", at)
	}
	if err := group.CommitRecords(ctx, fetched.Records()...); err != nil {
		t.Fatal(err)
	}
	read := int64(len(fetched.Records()))
	if at := start(2 << 20); at != read {
		t.Errorf("the log begins at %d; the group has read up to %d", at, read)
	}
	at := start(512 << 10)
	if at <= read {
		t.Errorf("the log begins at %d, though it has over four times the bound", at)
	}
	group.Close() // the group has left
	if again := start(256 << 10); again <= at {
		t.Errorf("the log begins at %d as before, though nobody reads it", again)
	}
}
