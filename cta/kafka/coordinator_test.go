package kafka_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/twmb/franz-go/pkg/kfake"
)

type deadcount struct{ n atomic.Int64 }

func (c *deadcount) Assign(context.Context, []kafka.Partition) (func(), error) { return func() {}, nil }
func (c *deadcount) Revoke([]kafka.Partition)                                  {}
func (c *deadcount) Transform(_ context.Context, b []kafka.Record) ([]kafka.Record, error) {
	c.n.Add(int64(len(b)))
	return nil, nil
}

var (
	mu    sync.Mutex
	conns = map[net.Conn]bool{}
)

type killable struct{ net.Listener }

func (k *killable) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	if err == nil {
		mu.Lock()
		conns[c] = true
		mu.Unlock()
	}
	return c, err
}

// One broker of three dies for good: the group's coordinator. Another is its coordinator from then on.
func TestCoordinatorDies(t *testing.T) {
	cl, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.ListenFn(func(network, addr string) (net.Listener, error) {
		l, err := net.Listen(network, addr)
		return &killable{Listener: l}, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	k, err := kafka.Connect(ctx, kafka.Config{Brokers: cl.ListenAddrs(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.EnsureTopics(ctx, kafka.EventTopic("in", 6)); err != nil {
		t.Fatal(err)
	}
	p, err := k.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var c deadcount
	done := make(chan error, 1)
	go func() {
		done <- k.Transform(ctx, kafka.TransformConfig{Group: "g", Match: kafka.Names("in"), SessionTimeout: 6 * time.Second}, &c)
	}()
	sent := int64(0)
	send := func(n int) {
		for range n {
			if err := p.Send(ctx, kafka.Record{Topic: "in", Value: []byte("x")}, nil); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	counted := func() {
		for limit := time.Now().Add(30 * time.Second); c.n.Load() < sent; {
			if time.Now().After(limit) {
				t.Fatalf("%d of %d records are transformed", c.n.Load(), sent)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	send(100)
	counted()
	at := cl.CoordinatorFor("g")
	addr := cl.ListenAddrs()[at]
	if err := cl.RemoveNode(at); err != nil {
		t.Fatal(err)
	}
	mu.Lock() // RemoveNode leaves connections open; a dead broker doesn't
	for c := range conns {
		if c.LocalAddr().String() == addr {
			_ = c.Close()
		}
	}
	mu.Unlock()
	send(100)
	counted()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
