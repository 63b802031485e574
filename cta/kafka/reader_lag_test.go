package kafka

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The lag of a reader that is stuck in its handler grows with what is sent, and is
// gone when the reader has handled all, or has ended.
func TestReadLagMovesWhileTheReaderIsStuck(t *testing.T) {
	metrics := prometheus.NewRegistry()
	cluster := newBroker(t)
	c, _ := newClient(t, Config{Brokers: cluster.ListenAddrs(), Metrics: metrics})
	ensure(t, c, EventTopic("x", 2))
	want := func(lag float64) {
		t.Helper()
		got := -1.0
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			families, err := metrics.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "ctalive_kafka_read_lag_records" {
					got = f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			if got == lag {
				return
			}
		}
		t.Fatalf("lag is %v, want %v", got, lag)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	held, release := make(chan struct{}, 1), make(chan struct{})
	go func() {
		done <- c.Read(ctx, ReadConfig{Match: Names("x"), Refresh: 20 * time.Millisecond}, func(context.Context, Record) error {
			select {
			case held <- struct{}{}:
			default:
			}
			<-release
			return nil
		})
	}()
	send(t, c, text("x", "1"))
	<-held
	want(1)
	send(t, c, text("x", "2"), text("x", "3"))
	want(3)
	close(release)
	want(0)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	want(0)
}
