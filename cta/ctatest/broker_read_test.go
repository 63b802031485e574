package ctatest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// stranger returns a client that isn't ours, for what ours don't do.
func stranger(t *testing.T, sys *ctatest.System, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(sys.Brokers...))
	if sys.Config.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(sys.Config.TLS))
	}
	if s := sys.Config.SASL; s.Mechanism != "" {
		hashed := scram.Auth{User: s.User, Pass: s.Password}
		opts = append(opts, kgo.SASL(map[string]sasl.Mechanism{
			"PLAIN":         plain.Auth{User: s.User, Pass: s.Password}.AsMechanism(),
			"SCRAM-SHA-256": hashed.AsSha256Mechanism(),
			"SCRAM-SHA-512": hashed.AsSha512Mechanism(),
		}[s.Mechanism]))
	}
	c, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func text(topic, value string) kafka.Record { return kafka.Record{Topic: topic, Value: []byte(value)} }

func values(records []kafka.Record) (texts []string) {
	for _, r := range records {
		texts = append(texts, string(r.Value))
	}
	return texts
}

// A reader begins where it is told: at the start, at a time of the wall clock, at
// the end. A topic without records holds it up nowhere.
func TestBrokerFindsRecordsByTime(t *testing.T) {
	sys := ctatest.Start(t)
	topic, empty := sys.Topics.Prefix+"times", sys.Topics.Prefix+"empty"
	ensure(t, sys.Kafka, kafka.EventTopic(topic, 1), kafka.EventTopic(empty, 3))
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 10 {
		sys.Send(kafka.Record{Topic: topic, Value: fmt.Append(nil, i), Time: begin.Add(time.Duration(i) * time.Minute)})
	}
	all := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}
	for _, test := range []struct {
		name  string
		since time.Time
		want  []string
	}{
		{"from the start", time.Time{}, all},
		{"from before the first", time.Time{}.Add(time.Hour), all},
		{"from a record's own time", begin.Add(8 * time.Minute), all[8:]},
		{"from between two", begin.Add(8*time.Minute + time.Second), all[9:]},
		{"from after the last", begin.Add(time.Hour), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := sys.Kafka.Read(t.Context(), kafka.ReadConfig{
				Match: kafka.Names(topic, empty), StopAtEnd: true, Since: func(string) time.Time { return test.since },
			}, func(_ context.Context, r kafka.Record) error {
				got = append(got, string(r.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("read (-want +got):\n%s", d)
			}
		})
	}
}

// Records of aborted transactions are not read, and neither they nor the markers
// of transactions, which leave gaps in the offsets, are waited for.
func TestBrokerShowsCommittedRecordsOnly(t *testing.T) {
	sys := ctatest.Start(t)
	topic := ""
	transact := func(end kgo.TransactionEndTry, values ...string) {
		t.Helper()
		c := stranger(t, sys, kgo.TransactionalID(topic), kgo.DefaultProduceTopic(topic))
		defer c.Close()
		if err := c.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if err := c.ProduceSync(t.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		fill func()
		want []string
	}{
		{"a marker at the end", func() { transact(kgo.TryCommit, "a", "b") }, []string{"a", "b"}},
		{"aborted records at the end", func() {
			transact(kgo.TryCommit, "a")
			transact(kgo.TryAbort, "x", "y", "z")
		}, []string{"a"}},
		{"aborted records between", func() {
			transact(kgo.TryAbort, "x")
			sys.Send(text(topic, "plain"))
			transact(kgo.TryCommit, "a")
		}, []string{"plain", "a"}},
		{"nothing but aborted records", func() { transact(kgo.TryAbort, "x", "y") }, nil},
		{"many aborted after the last", func() {
			sys.Send(text(topic, "first"))
			for range 10 {
				transact(kgo.TryAbort, "x", "y", "z")
			}
		}, []string{"first"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			topic = sys.Topics.Prefix + strings.ReplaceAll(test.name, " ", "-")
			ensure(t, sys.Kafka, kafka.EventTopic(topic, 1))
			test.fill()
			// Kafka says that a transaction has ended when that is decided, a moment
			// before its partitions know it.
			sys.Await("the committed records alone", func(ctx context.Context) (string, bool, error) {
				last, err := sys.Kafka.Last(ctx, kafka.Names(topic))
				d := cmp.Diff(test.want, values(sys.Read(topic))) + cmp.Diff(test.want[max(0, len(test.want)-1):], values(last))
				return "a difference of all and the last (-want +got):\n" + d, d == "", err
			})
		})
	}
}

// follow runs a reader until the test ends, and returns what waits for the next
// values that it reads.
func follow(t *testing.T, c *kafka.Client, cfg kafka.ReadConfig) (next func(want ...string)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cfg.Refresh = 50 * time.Millisecond
	records, done := make(chan kafka.Record, 100), make(chan error, 1)
	go func() {
		done <- c.Read(ctx, cfg, func(_ context.Context, r kafka.Record) error {
			records <- r
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("read: %v", err)
		}
	})
	return func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case r := <-records:
				if string(r.Value) != w {
					t.Fatalf("read %s, want %s", r.Value, w)
				}
			case <-time.After(ctatest.Patience):
				t.Fatalf("nothing read, want %s", w)
			}
		}
	}
}

// A topic that comes later is read from its oldest record, whatever the start.
func TestBrokersNewTopicsAreRead(t *testing.T) {
	sys := ctatest.Start(t)
	x1, x2, y := sys.Topics.Prefix+"x.1", sys.Topics.Prefix+"x.2", sys.Topics.Prefix+"y"
	ensure(t, sys.Kafka, kafka.EventTopic(x1, 1))
	sys.Send(text(x1, "old"))
	caughtUp := make(chan struct{})
	next := follow(t, sys.Kafka, kafka.ReadConfig{
		Match:    func(topic string) bool { return strings.HasPrefix(topic, sys.Topics.Prefix+"x.") },
		Since:    func(string) time.Time { return time.Now().Add(time.Hour) },
		CaughtUp: func() { close(caughtUp) },
	})
	<-caughtUp
	sys.Send(text(x1, "new"))
	next("new")
	ensure(t, sys.Kafka, kafka.EventTopic(x2, 1), kafka.EventTopic(y, 1))
	sys.Send(text(y, "not meant"))
	sys.Send(text(x2, "first"), text(x2, "second"))
	next("first", "second")
}

// A topic that is deleted holds up the others nowhere, and is read when it is back.
func TestBrokersDeletedTopicsAreLetGo(t *testing.T) {
	sys := ctatest.Start(t)
	gone, stays := sys.Topics.Prefix+"gone", sys.Topics.Prefix+"stays"
	ensure(t, sys.Kafka, kafka.EventTopic(gone, 1), kafka.EventTopic(stays, 1))
	sys.Send(text(gone, "1"), text(gone, "2"))
	next := follow(t, sys.Kafka, kafka.ReadConfig{Match: kafka.Names(gone, stays)})
	next("1", "2")
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.TimeoutMillis = []string{gone}, 10_000
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr(gone)
	req.Topics = append(req.Topics, topic)
	if resp, err := req.RequestWith(t.Context(), stranger(t, sys)); err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Fatal(err, resp)
	}
	sys.Send(text(stays, "3"))
	next("3")
	sys.Await("the topic to be gone", func(ctx context.Context) (string, bool, error) {
		names, err := sys.Kafka.Topics(ctx, kafka.Names(gone))
		return fmt.Sprint(names), len(names) == 0, err
	})
	ensure(t, sys.Kafka, kafka.EventTopic(gone, 1))
	sys.Send(text(gone, "4"))
	next("4")
}

// Retention overtakes a reader: it goes on at the oldest record, and says so.
func TestBrokersOldestIsGoneOnFrom(t *testing.T) {
	sys := ctatest.Start(t)
	c, said := talkative(t, sys)
	topic := sys.Topics.Prefix + "short"
	ensure(t, c, kafka.EventTopic(topic, 1))
	sys.Send(text(topic, "0"), text(topic, "1"), text(topic, "2"))
	other := stranger(t, sys)
	remove := func() {
		req := kmsg.NewPtrDeleteRecordsRequest()
		rt, rp := kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
		rp.Offset = 2
		rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
		req.Topics, req.TimeoutMillis = append(req.Topics, rt), 10_000
		for _, shard := range other.RequestSharded(t.Context(), req) {
			if shard.Err != nil {
				t.Error(shard.Err)
			}
		}
	}
	caughtUp := false
	var got []string
	err := c.Read(t.Context(), kafka.ReadConfig{
		Match: kafka.Names(topic), StopAtEnd: true, CaughtUp: func() { caughtUp = true },
		Since: func(string) time.Time { // asked for between the look-up of the position and the first fetch
			remove()
			return time.Time{}
		},
	}, func(_ context.Context, r kafka.Record) error {
		got = append(got, string(r.Value))
		return nil
	})
	if err != nil || !caughtUp || !slices.Equal(got, []string{"2"}) {
		t.Errorf("read %q, %v, caught up %t, want the record that is left", got, err, caughtUp)
	}
	if n := strings.Count(said.String(), "continuing at the oldest"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, said)
	}
}
