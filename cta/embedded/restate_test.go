package embedded

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestBounded shows that a table stays as small as its rows are, however often a
// living worker commits to it, and that its rows stay as they were.
func TestBounded(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		t.Run(map[bool]string{true: "memory", false: "disk"}[dir == ""], func(t *testing.T) {
			s := startIn(t, dir)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.TransactionalID("worker"), kgo.DefaultProduceTopic("table"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			createTopics(t, ctx, c, map[string]string{"table": "compact"})
			commit := func(rs ...*kgo.Record) {
				t.Helper()
				if err := c.BeginTransaction(); err != nil {
					t.Fatal(err)
				}
				if err := c.ProduceSync(ctx, rs...).FirstErr(); err != nil {
					t.Fatal(err)
				}
				if err := c.EndTransaction(ctx, kgo.TryCommit); err != nil {
					t.Fatal(err)
				}
			}
			begin := time.Now().Add(-time.Hour).Truncate(time.Second)
			commit(&kgo.Record{Key: []byte("idle"), Value: []byte("1"), Timestamp: begin,
				Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}})
			s.broker.cleaner.atLeast = 0
			var sizes []int64
			for round := range 3 {
				for i := range 100 {
					commit(&kgo.Record{Key: fmt.Append(nil, i%3), Value: fmt.Append(nil, round*100+i), Timestamp: begin.Add(time.Duration(i) * time.Second)})
				}
				if err := s.broker.cleaner.clean(ctx); err != nil {
					t.Fatal(err)
				}
				if err := c.Ping(ctx); err != nil { // a request, before which it compacts
					t.Fatal(err)
				}
				info := s.broker.cluster.PartitionInfos("table")[0]
				sizes = append(sizes, info.NumBytes)
				last := round*100 + 99
				want := []string{"idle=1", fmt.Sprintf("1=%d", last-2), fmt.Sprintf("2=%d", last-1), fmt.Sprintf("0=%d", last)}
				if got := slices.Compact(records(t, ctx, s, "table")); !cmp.Equal(got, want) {
					t.Errorf("round %d: %v, want %v", round, got, want)
				}
			}
			for _, size := range sizes {
				if size > 300 { // five rows and the heads of two batches; 100 markers are 7800 bytes
					t.Errorf("the table has %v bytes after 100, 200 and 300 commits, want no more than its rows take", sizes)
				}
			}
			r := oldest(t, ctx, s, "table")
			if string(r.Key) != "idle" || !r.Timestamp.Equal(begin) || len(r.Headers) != 1 || string(r.Headers[0].Value) != "v" {
				t.Errorf("the idle row became %+v, want it with its time and header", r)
			}
		})
	}
}

// TestRestateKeepsNewer has a worker commit between the reading of its table and the
// restatement, which must not put the older row after the newer one.
func TestRestateKeepsNewer(t *testing.T) {
	s := startIn(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	write(t, ctx, s, "a=1", "b=1")
	c := s.broker.cleaner
	rows := &tableRows{newest: make(map[string]*kgo.Record), markers: 1000}
	rows.add(&kgo.Record{Key: []byte("a"), Value: []byte("1"), Offset: 0})
	rows.add(&kgo.Record{Key: []byte("b"), Value: []byte("1"), Offset: 1})
	write(t, ctx, s, "a=2")
	done, err := c.send(ctx, []string{"table"}, map[partition]*tableRows{{"table", 0}: rows})
	if done || err != nil {
		t.Errorf("restated %t (%v), want it left out", done, err)
	}
	if got, want := records(t, ctx, s, "table"), []string{"a=1", "b=1", "a=2"}; !cmp.Equal(got, want) {
		t.Errorf("table: %v, want %v", got, want)
	}
}

// oldest returns the first record of partition 0 of a topic.
func oldest(t *testing.T, ctx context.Context, s *Services, topic string) *kgo.Record {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		if rs := fetches.Records(); len(rs) > 0 {
			return rs[0]
		}
	}
}
