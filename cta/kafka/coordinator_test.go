package kafka_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// network is how the brokers of a cluster are reached: some may be cut off.
type network struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
	mute  map[string]bool // addresses of brokers that hang
}

func (n *network) listen(network, addr string) (net.Listener, error) {
	l, err := net.Listen(network, addr)
	return &brokerListener{l, n}, err
}

type brokerListener struct {
	net.Listener
	n *network
}

func (l *brokerListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.conns[c] = true
	return &brokerConn{c, l.n}, nil
}

type brokerConn struct {
	net.Conn
	n *network
}

// Read reads what has come, unless the broker hangs: then, never.
func (c *brokerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.n.hangs(c.LocalAddr().String()) {
		if _, err = c.Conn.Read(p); err != nil {
			return 0, err
		}
	}
	return n, err
}

func (n *network) hangs(addr string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mute[addr]
}

// away takes a broker out of the cluster. Others have its roles. Its connections end, or
// hang as those of a process that was stopped.
func (n *network) away(t *testing.T, cl *kfake.Cluster, id int32, hangs bool) {
	t.Helper()
	addr := cl.ListenAddrs()[id]
	n.mu.Lock()
	n.mute[addr] = true
	n.mu.Unlock()
	if err := cl.RemoveNode(id); err != nil {
		t.Fatal(err)
	}
	if hangs {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		if c.LocalAddr().String() == addr {
			_ = c.Close()
		}
	}
}

// three starts a cluster of three brokers.
func three(t *testing.T, opts ...kfake.Opt) (*kfake.Cluster, *network) {
	t.Helper()
	n := &network{conns: make(map[net.Conn]bool), mute: make(map[string]bool)}
	cl, err := kfake.NewCluster(append(opts, kfake.NumBrokers(3), kfake.ListenFn(n.listen), kfake.SeedTopics(6, "in"), kfake.SeedTopics(3, "sums"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl, n
}

// One broker of three dies for good or hangs, whatever its role: all goes on.
func TestOneBrokerOfThreeIsGone(t *testing.T) {
	roles := map[string]func(cl *kfake.Cluster) int32{
		"group coordinator": func(cl *kfake.Cluster) int32 { return cl.CoordinatorFor("g") },
		"transaction coordinator": func(cl *kfake.Cluster) int32 {
			return cl.CoordinatorFor("g.member:" + cl.GroupInfo("g").Members[0].MemberID)
		},
		"leader of what is read":    func(cl *kfake.Cluster) int32 { return cl.LeaderFor("in", 0) },
		"leader of what is written": func(cl *kfake.Cluster) int32 { return cl.LeaderFor("sums", 0) },
	}
	for role, of := range roles {
		for _, hangs := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s hangs=%v", role, hangs), func(t *testing.T) {
				t.Parallel()
				cl, n := three(t)
				var logs syncBuffer
				client := connect(t, cl, slog.New(slog.NewTextHandler(&logs, nil)))
				cfg := config("g")
				cfg.SessionTimeout = 6 * time.Second
				s := newSummer(client)
				start(t, client, cfg, s)
				<-s.begun
				p, err := client.NewProducer(kafka.ProducerConfig{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = p.Close() })
				sent := uint64(0)
				send := func() {
					for range 60 {
						sent++
						if err := p.Send(t.Context(), kafka.Record{Topic: "in", Value: []byte("x")}, nil); err != nil {
							t.Fatal(err)
						}
					}
				}
				send()
				await(t, client, sent, 30*time.Second)
				n.away(t, cl, of(cl), hangs)
				send()
				await(t, client, sent, 25*time.Second)
				if err := p.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				if told := strings.Count(logs.String(), "a Kafka broker doesn't answer"); told > 1 {
					t.Errorf("told %d times of one broker:\n%s", told, logs.String())
				}
				if hangs && !strings.Contains(logs.String(), "a Kafka broker doesn't answer") {
					t.Errorf("not a word of the broker that hangs:\n%s", logs.String())
				}
				if _, err := client.Topics(t.Context(), kafka.Names("in")); err != nil {
					t.Errorf("two brokers answer, but: %v", err)
				}
			})
		}
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// A partition that nobody leads costs that partition alone, and the progress names it.
func TestPartitionWithoutALeaderCostsItselfAlone(t *testing.T) {
	t.Parallel()
	cl, _ := three(t)
	client := connect(t, cl, testLog(t))
	cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets, kmsg.Fetch, kmsg.Produce}, Topic: "in", Partitions: []int32{2}, Err: kerr.NotLeaderForPartition, Count: -1})
	cfg := config("g")
	var said atomic.Pointer[string]
	cfg.Progress = func(p kafka.Progress) {
		if p.Err != nil && strings.Contains(p.Err.Error(), "in/2") {
			text := p.Err.Error()
			said.Store(&text)
		}
	}
	start(t, client, cfg, newSummer(client))
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		key := binary.BigEndian.AppendUint32(nil, uint32(i))
		if kafka.PartitionOf(key, 6) == 2 {
			continue
		}
		if err := p.Send(t.Context(), kafka.Record{Topic: "in", Key: key}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, client, p.Report().Delivered, 30*time.Second)
	for end := time.Now().Add(30 * time.Second); said.Load() == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody says which partition waits")
		}
	}
}

// A topic is deleted and made anew, and soon holds more than was read of the old one:
// readers and members begin at its first record.
func TestTopicMadeAnewIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	cl, _ := three(t)
	client := connect(t, cl, testLog(t))
	var old, fresh atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() {
		read <- client.Read(ctx, kafka.ReaderConfig{Match: kafka.Names("in"), Refresh: 50 * time.Millisecond}, func(_ context.Context, r kafka.Record) error {
			if string(r.Value) == "old" {
				old.Add(1)
			} else {
				fresh.Add(1)
			}
			return nil
		})
	}()
	defer func() {
		cancel()
		if err := <-read; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	kept := &tally{seen: make(map[string]int)}
	stop := start(t, client, config("g"), kept)
	send := func(value string, n int) {
		t.Helper()
		p, err := client.NewProducer(kafka.ProducerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if err := p.Send(t.Context(), kafka.Record{Topic: "in", Value: []byte(value)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	reached := func(what string, got func() int64, want int64) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); got() != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d, want %d", what, got(), want)
			}
		}
	}
	send("old", 120)
	reached("old records read", old.Load, 120)
	reached("old records transformed", kept.of("old"), 120)
	stop() // the member is away meanwhile
	remake := func() {
		if err := cl.DeleteTopic("in"); err != nil {
			t.Fatal(err)
		}
		if err := cl.CreateTopic("in", 6, nil); err != nil {
			t.Fatal(err)
		}
	}
	remake()
	send("new", 300)
	start(t, client, config("g"), kept)
	reached("new records read", fresh.Load, 300)
	reached("new records transformed", kept.of("new"), 300)
}

// tally counts records by value.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *tally) of(value string) func() int64 {
	return func() int64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return int64(c.seen[value])
	}
}

func (c *tally) Assign(context.Context, []kafka.Partition) (func(), error) { return func() {}, nil }
func (c *tally) Revoke([]kafka.Partition)                                  {}
func (c *tally) Transform(_ context.Context, b []kafka.Record) ([]kafka.Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range b {
		c.seen[string(r.Value)]++
	}
	return nil, nil
}
