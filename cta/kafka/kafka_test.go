package kafka

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Parallel tests here wait more than they compute.
	_ = flag.Set("test.parallel", "8")
	goleak.VerifyTestMain(m,
		// Sarama's group consumer counts its fetches in the default registry of
		// go-metrics too, whose one goroutine a process never ends.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// newBroker starts a broker that speaks the protocol. It ends with the test.
func newBroker(tb testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	tb.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cluster.Close)
	return cluster
}

// newClient returns a client of a broker, with the log of its warnings.
func newClient(tb testing.TB, cfg Config) (*Client, *logged) {
	tb.Helper()
	logs := &logged{tb: tb}
	if cfg.Log == nil {
		cfg.Log = slog.New(logs)
	}
	c, err := Connect(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return c, logs
}

func newPair(tb testing.TB, opts ...kfake.Opt) (*kfake.Cluster, *Client) {
	tb.Helper()
	cluster := newBroker(tb, opts...)
	c, _ := newClient(tb, Config{Brokers: cluster.ListenAddrs()})
	return cluster, c
}

// logged keeps warnings.
type logged struct {
	tb    testing.TB
	mu    sync.Mutex
	lines []string
}

func (l *logged) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *logged) WithGroup(string) slog.Handler                    { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Level.String() + " " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, b.String())
	return nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *logged) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.lines {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func newProducer(tb testing.TB, c *Client, cfg ProducerConfig) *Producer {
	tb.Helper()
	p, err := c.NewProducer(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return p
}

func ensure(tb testing.TB, c *Client, topics ...TopicSpec) {
	tb.Helper()
	if err := c.EnsureTopics(tb.Context(), topics...); err != nil {
		tb.Fatal(err)
	}
}

// send sends and flushes.
func send(tb testing.TB, c *Client, records ...Record) {
	tb.Helper()
	p := newProducer(tb, c, ProducerConfig{})
	for _, r := range records {
		if err := p.Send(tb.Context(), r, nil); err != nil {
			tb.Fatal(err)
		}
	}
	if err := p.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	if err := p.Close(); err != nil {
		tb.Fatal(err)
	}
}

func text(topic, value string) Record { return Record{Topic: topic, Value: []byte(value)} }

// readAll reads until the end.
func readAll(tb testing.TB, c *Client, match Match) []Record {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	var all []Record
	err := c.Read(ctx, ReadConfig{Match: match, StopAtEnd: true},
		func(_ context.Context, r Record) error {
			all = append(all, r)
			return nil
		})
	if err != nil {
		tb.Fatal(err)
	}
	if ctx.Err() != nil {
		tb.Fatal("read did not reach the end")
	}
	return all
}

func values(records []Record) []string {
	var v []string
	for _, r := range records {
		v = append(v, string(r.Value))
	}
	return v
}
