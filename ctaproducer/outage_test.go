package ctaproducer

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// While the broker is away, the producer keeps as many events as it may, then the
// simulated clock waits, and the log says so. When the broker is back, everything
// comes, once and in its order.
func TestClockWaitsWhileTheBrokerIsAway(t *testing.T) {
	const buffered = 100
	dir, net := t.TempDir(), cta.Chicago()
	services, err := embedded.Start(t.Context(), embedded.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Close() }) // the last ones
	var logs lockedBuffer
	log := slog.New(slog.NewTextHandler(&logs, nil))
	metrics := prometheus.NewRegistry()
	sys := &ctatest.System{Topics: cta.Topics{}}
	if sys.Kafka, err = kafka.Connect(t.Context(), kafka.Config{Brokers: services.Brokers(), Log: log, Metrics: metrics}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Kafka.Close() })
	if sys.Registry, err = wire.NewRegistry(wire.RegistryConfig{URL: services.RegistryURL()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.Registry.Close)
	p := newTestProducer(t, sys, net, Config{Log: log, MaxBuffered: buffered})
	emitter := NewEmitter(p, nil, log)
	sink := &counted{Sink: emitter}
	sim := newTestSimulation(t, net, SimulationConfig{For: 90 * time.Second, Speed: 45, Log: log})
	done := make(chan error, 1)
	var sum Summary
	go func() {
		var err error
		sum, err = sim.Run(t.Context(), sink)
		done <- err
	}()

	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(ctatest.Patience); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no %s; the log:\n%s", what, logs.String())
			}
		}
	}
	until("events", func() bool { return sink.n.Load() > 50 })
	addr := services.Brokers()[0]
	if err := services.Close(); err != nil {
		t.Fatal(err)
	}
	until("clock that waits", func() bool { return strings.Contains(logs.String(), "the simulated clock waits") })
	if n := gauge(t, metrics, "ctalive_kafka_buffered_records"); n > buffered {
		t.Errorf("%v events wait, want at most %d", n, buffered)
	}
	stood := sink.n.Load()
	time.Sleep(300 * time.Millisecond) // 13 seconds of simulated time
	if n := sink.n.Load(); n != stood {
		t.Errorf("%d events were taken while the clock waited", n-stood)
	}
	if services, err = embedded.Start(t.Context(), embedded.Config{DataDir: dir, Kafka: addr}); err != nil {
		t.Fatal(err)
	}
	until("clock that goes on", func() bool { return strings.Contains(logs.String(), "the simulated clock goes on") })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := emitter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	if sys.Registry, err = wire.NewRegistry(wire.RegistryConfig{URL: services.RegistryURL()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sys.Registry.Close)
	reader, err := New(sys.Kafka, sys.Registry, net, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	var got Summary
	latest := make(map[string]int64) // by topic
	order := func(r kafka.Record, k cta.Key) {
		if k.Timestamp < latest[r.Topic] {
			t.Errorf("topic %s is out of order at offset %d", r.Topic, r.Offset)
		}
		latest[r.Topic] = k.Timestamp
	}
	read(t, sys, sys.Topics.IsArrivals, reader.arrivals.kafka(), func(r kafka.Record, k cta.Key, a cta.Arrival) {
		order(r, k)
		got.count(&Event{At: k.Time(), Kind: ArrivalEvent, Arrival: a})
	})
	read(t, sys, sys.Topics.IsTurnstiles, reader.turnstiles.kafka(), func(r kafka.Record, k cta.Key, e cta.TurnstileEntry) {
		order(r, k)
		got.count(&Event{At: k.Time(), Kind: EntryEvent, Entry: e})
	})
	got.To = time.Time{}
	if d := cmp.Diff(Summary{Arrivals: sum.Arrivals, Entries: sum.Entries}, got); d != "" {
		t.Errorf("events in the topics (-summary +topics):\n%s", d)
	}
}

// counted counts the events that a sink has taken.
type counted struct {
	Sink
	n atomic.Int64
}

func (c *counted) Arrive(ctx context.Context, at time.Time, a cta.Arrival) error {
	defer c.n.Add(1)
	return c.Sink.Arrive(ctx, at, a)
}

func (c *counted) Enter(ctx context.Context, at time.Time, e cta.TurnstileEntry) error {
	defer c.n.Add(1)
	return c.Sink.Enter(ctx, at, e)
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
