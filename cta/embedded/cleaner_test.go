package embedded

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestClean shows that cleaning drops what Kafka would drop and nothing else:
// old events, and repetitions in tables, but neither old rows of tables nor
// rows that an open transaction would replace.
func TestClean(t *testing.T) {
	s, err := Start(t.Context(), Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.TransactionalID("writer"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	createTopics(t, ctx, c, map[string]string{"events": "delete", "table": "compact"})

	write := func(topic, key, value string, age time.Duration) {
		t.Helper()
		r := &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value), Timestamp: time.Now().Add(-age)}
		if err := c.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	transaction := func(end kgo.TransactionEndTry, work func()) {
		t.Helper()
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		work()
		if err := c.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	const old = 30 * 24 * time.Hour
	transaction(kgo.TryCommit, func() {
		write("events", "", "old", old)
		write("events", "", "new", 0)
		write("table", "a", "1", old)
		write("table", "b", "1", old)
		write("table", "a", "2", 0)
	})
	clean := func() {
		t.Helper()
		s.broker.cleaner.atLeast = 0
		if err := s.broker.cleaner.clean(ctx); err != nil {
			t.Fatal(err)
		}
		if err := c.Ping(ctx); err != nil { // a request, before which it compacts
			t.Fatal(err)
		}
	}
	transaction(kgo.TryAbort, func() {
		write("table", "a", "aborted", 0)
		write("table", "b", "aborted", 0)
		write("table", "c", "aborted", 0)
		clean()
		if got, want := records(t, ctx, s, "table"), []string{"a=1", "b=1", "a=2"}; !cmp.Equal(got, want) {
			t.Errorf("table during the transaction: %v, want %v", got, want)
		}
	})
	clean()
	if got, want := records(t, ctx, s, "table"), []string{"b=1", "a=2"}; !cmp.Equal(got, want) {
		t.Errorf("table afterwards: %v, want %v", got, want)
	}
	if got, want := records(t, ctx, s, "events"), []string{"=new"}; !cmp.Equal(got, want) {
		t.Errorf("events afterwards: %v, want %v", got, want)
	}
}

func createTopics(t *testing.T, ctx context.Context, c *kgo.Client, policies map[string]string) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	for name, policy := range policies {
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, 1, 1
		rc := kmsg.NewCreateTopicsRequestTopicConfig()
		rc.Name, rc.Value = "cleanup.policy", &policy
		rt.Configs = append(rt.Configs, rc)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, rt := range resp.Topics {
		if err := kerr.ErrorForCode(rt.ErrorCode); err != nil {
			t.Fatal(rt.Topic, err)
		}
	}
}

// records returns the committed records of partition 0 of a topic.
func records(t *testing.T, ctx context.Context, s *Services, topic string) []string {
	t.Helper()
	infos := s.broker.cluster.PartitionInfos(topic)
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got []string
	for at := infos[0].LogStartOffset; at < infos[0].LastStableOffset; {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%s after %v: %v", topic, got, err)
		}
		for _, r := range fetches.Records() {
			at = r.Offset + 1
			if !r.Attrs.IsControl() {
				got = append(got, string(r.Key)+"="+string(r.Value))
			}
		}
	}
	return got
}
