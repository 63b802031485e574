package kafka

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A partition is told of once when its first open offset has stayed where it is for
// too long, and once more when it goes on. One that moves is never told of, however
// seldom all of it is committed.
func TestHeldTellsOfStandstillOnce(t *testing.T) {
	stuck, busy := Partition{"counts", 0}, Partition{"counts", 1}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	h := newHeld(nil)
	now := time.Unix(1_800_000_000, 0)
	told := make(map[Partition]int)
	for i := range int64(60) {
		stable := map[Partition]int64{stuck: 10, busy: 10 * i}
		ends := map[Partition]int64{stuck: 20 + i, busy: 10*i + 5}
		for _, p := range h.take(now, stable, ends, log) {
			told[p]++
			if d := time.Duration(i) * time.Second; d != heldTooLong {
				t.Errorf("%v is told of after %v, want %v", p, d, heldTooLong)
			}
		}
		now = now.Add(time.Second)
	}
	if d := cmp.Diff(map[Partition]int{stuck: 1}, told); d != "" {
		t.Errorf("told of (-want +got):\n%s", d)
	}
	if out.Len() > 0 {
		t.Errorf("logged while it stood still: %s", &out)
	}
	h.take(now, map[Partition]int64{stuck: 80}, map[Partition]int64{stuck: 80}, log)
	h.take(now, map[Partition]int64{stuck: 80}, map[Partition]int64{stuck: 80}, log)
	if n := strings.Count(out.String(), "after=1m0s"); n != 1 {
		t.Errorf("it is told %d times, want once, that the partition goes on after a minute: %s", n, &out)
	}
}

// Apache Kafka 4.3.1 keeps the positions of ctalive.turnstile-summary in partition 3
// of 4. The other is a name that Java hashes to the least number there is.
func TestGroupPartition(t *testing.T) {
	for group, want := range map[string]int32{"": 0, "ctalive.turnstile-summary": 3, "polygenelubricants": 0} {
		if got := groupPartition(group, 4); got != want {
			t.Errorf("positions of %q are in partition %d of 4, want %d", group, got, want)
		}
	}
}

// While a foreign transaction is open, the metric rises, and it can be said whose it is.
func TestHeldIsMeasured(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "counts"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	ctx := t.Context()
	reg := prometheus.NewRegistry()
	c, err := Connect(ctx, Config{Brokers: cluster.ListenAddrs(), Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	foreign, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("foreign"))
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close()
	if err := foreign.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := foreign.ProduceSync(ctx, &kgo.Record{Topic: "counts", Value: []byte("1")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	producer, _, err := foreign.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}

	settled := make(chan error, 1)
	go func() { settled <- c.Restore(ctx, "counts", func(Record) {}) }()
	seconds := func() float64 {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "ctalive_kafka_open_transaction_seconds" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return 0
	}
	lookUntil(t, c, func() bool { return seconds() > 0.01 })
	id, txn, state, err := c.openIn(Partition{"counts", 0}, 0)
	if err != nil || id != producer || txn != "foreign" || state != "Ongoing" {
		t.Errorf("transaction at offset 0 is %q of producer %d, %s (%v), want foreign, %d, Ongoing", txn, id, state, err, producer)
	}
	if err := foreign.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	lookUntil(t, c, func() bool { return seconds() == 0 })
	if err := <-settled; err != nil {
		t.Error(err)
	}
}

func lookUntil(t *testing.T, c *Client, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the metric has not changed within 20 s")
		}
		c.lookHeld(t.Context(), time.Millisecond)
	}
}
