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
	"github.com/seed-921eec07/ctalive/internal/logtest"
)

// While the broker is away, the producer keeps as many events as it may, then the
// simulated clock waits. The log shows the outage. When the broker is back, everything
// comes, once and in its order.
func TestClockWaitsWhileTheBrokerIsAway(t *testing.T) {
	const buffered = 100
	dir, net := t.TempDir(), cta.Chicago()
	services, err := embedded.Start(t.Context(), embedded.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = services.Close() }) // the last ones
	var logs logtest.Buffer
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
	p := newTestProducer(t, sys, net, ProducerConfig{Log: log, MaxBuffered: buffered})
	emitter := NewEmitter(p, nil)
	sink := &held{Sink: emitter, after: 50, reached: make(chan struct{}), away: make(chan struct{})}
	sim := newTestSimulation(t, net, SimulationConfig{For: 90 * time.Second, Speed: 45, Log: log})
	done := make(chan error, 1)
	var sum SimulationSummary
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
	select {
	case <-sink.reached:
	case err := <-done:
		t.Fatalf("the simulation ended before the outage: %v", err)
	}
	addr, before := services.Brokers()[0], len(logs.String())
	if err := services.Close(); err != nil {
		t.Fatal(err)
	}
	close(sink.away)
	logged := func(text string) func() bool {
		return func() bool { return strings.Contains(logs.String()[before:], text) }
	}
	until("warning", logged("waiting to send to the Kafka cluster"))
	until("clock that waits", func() bool {
		before := sink.n.Load()
		time.Sleep(300 * time.Millisecond) // 13 seconds of simulated time
		return sink.n.Load() == before
	})
	if n := gauge(t, metrics, "ctalive_kafka_buffered_records"); n > buffered {
		t.Errorf("%v events wait, want at most %d", n, buffered)
	}
	if services, err = embedded.Start(t.Context(), embedded.Config{DataDir: dir, Kafka: addr}); err != nil {
		t.Fatal(err)
	}
	until("end of the wait", logged("sending to the Kafka cluster again"))
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
	reader, err := NewProducer(sys.Kafka, sys.Registry, net, ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	var got SimulationSummary
	latest := make(map[string]int64) // by topic
	order := func(r kafka.Record, k cta.Key) {
		if k.Timestamp < latest[r.Topic] {
			t.Errorf("topic %s is out of order at offset %d", r.Topic, r.Offset)
		}
		latest[r.Topic] = k.Timestamp
	}
	read(t, sys, sys.Topics.IsArrivals, reader.arrivals, func(r kafka.Record, k cta.Key, a cta.Arrival) {
		order(r, k)
		got.count(&Event{At: k.Time(), Kind: EventArrival, Arrival: a})
	})
	read(t, sys, sys.Topics.IsTurnstiles, reader.turnstiles, func(r kafka.Record, k cta.Key, e cta.TurnstileEntry) {
		order(r, k)
		got.count(&Event{At: k.Time(), Kind: EventEntry, Entry: e})
	})
	got.To = time.Time{}
	if d := cmp.Diff(SimulationSummary{Arrivals: sum.Arrivals, Entries: sum.Entries}, got); d != "" {
		t.Errorf("events in the topics (-summary +topics):\n%s", d)
	}
}

// held counts the events that a sink has taken. The simulation has more of them
// than the test lets through before the broker is away, however slow that goes.
type held struct {
	Sink
	after   int64         // this many events are taken at first
	reached chan struct{} // closed when they are
	away    chan struct{} // closed by the test: more may be taken
	n       atomic.Int64
}

func (h *held) count() {
	if h.n.Add(1) == h.after {
		close(h.reached)
		<-h.away
	}
}

func (h *held) Arrive(ctx context.Context, at time.Time, a cta.Arrival) error {
	defer h.count()
	return h.Sink.Arrive(ctx, at, a)
}

func (h *held) Enter(ctx context.Context, at time.Time, e cta.TurnstileEntry) error {
	defer h.count()
	return h.Sink.Enter(ctx, at, e)
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
