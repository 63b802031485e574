package kafka_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// stuck is a Transformer that waits as long as it is told to.
type stuck struct {
	kafka.Transformer
	gate atomic.Pointer[chan struct{}]
}

func (s *stuck) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	if gate := s.gate.Load(); gate != nil {
		select {
		case <-*gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Transformer.Transform(ctx, batch)
}

// A member tells how far behind it is whether records arrive or not, and that it
// has caught up, or can't know, when it is so.
func TestTransformTellsItsProgress(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	metrics := prometheus.NewRegistry()
	client, err := kafka.Connect(t.Context(), kafka.Config{Brokers: c.ListenAddrs(), Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })

	told := make(chan kafka.Progress, 1)
	cfg := config("g")
	cfg.Progress = func(p kafka.Progress) {
		select { // the latest
		case <-told:
		default:
		}
		told <- p
	}
	awaitProgress := func(what string, ok func(kafka.Progress) bool) {
		t.Helper()
		deadline := time.After(30 * time.Second)
		var last kafka.Progress
		for {
			select {
			case last = <-told:
				if ok(last) {
					return
				}
			case <-deadline:
				t.Fatalf("progress is %+v, want %s", last, what)
			}
		}
	}
	// Its partitions end with markers of transactions, of which nothing is committed.
	abort(t, c, "in")
	abort(t, c, "in")
	s := &stuck{Transformer: newSummer(client)}
	hold := make(chan struct{})
	s.gate.Store(&hold)
	start(t, client, cfg, s)
	awaitProgress("caught up with nothing", func(p kafka.Progress) bool { return p.CaughtUp && p.Behind == 0 && p.Partitions > 0 })

	produce(t, c, "in", 1)
	awaitProgress("1 behind", func(p kafka.Progress) bool { return !p.CaughtUp && p.Behind == 1 })
	produce(t, c, "in", 99)
	awaitProgress("100 behind", func(p kafka.Progress) bool { return !p.CaughtUp && p.Behind == 100 })
	produce(t, c, "in", 50) // nothing is read of these: the member is stuck
	awaitProgress("150 behind", func(p kafka.Progress) bool { return !p.CaughtUp && p.Behind == 150 })
	if n := gathered(t, metrics, "ctalive_stream_lag_records"); n != 150 {
		t.Errorf("ctalive_stream_lag_records is %v, want 150", n)
	}

	s.gate.Store(nil)
	close(hold)
	awaitProgress("caught up", func(p kafka.Progress) bool { return p.CaughtUp && p.Behind == 0 && p.Err == nil })
	if n := gathered(t, metrics, "ctalive_stream_caught_up"); n != 1 {
		t.Errorf("ctalive_stream_caught_up is %v, want 1", n)
	}
	awaitProgress("150 records committed", func(kafka.Progress) bool {
		return gathered(t, metrics, "ctalive_stream_records_committed_total") == 150
	})

	// Nobody knows how far a member is that is out of its group. What it last knew stays.
	hold = make(chan struct{})
	s.gate.Store(&hold)
	produce(t, c, "in", 7)
	awaitProgress("7 behind", func(p kafka.Progress) bool { return p.Behind == 7 })
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1})
	awaitProgress("out of its group", func(p kafka.Progress) bool {
		return !p.CaughtUp && p.Err != nil && strings.Contains(p.Err.Error(), "not a member of the group")
	})
	if n := gathered(t, metrics, "ctalive_stream_lag_records"); n != 7 {
		t.Errorf("out of its group, ctalive_stream_lag_records is %v, want 7 as before", n)
	}
}

// abort writes a record in a transaction that it aborts.
func abort(t *testing.T, c *kfake.Cluster, topic string) {
	t.Helper()
	w, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("aborts"), kgo.DefaultProduceTopic(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := w.ProduceSync(t.Context(), kgo.StringRecord("aborted")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := w.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// gathered returns the sum of a metric over its labels.
func gathered(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
