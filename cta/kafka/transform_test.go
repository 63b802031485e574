package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// newCluster starts a broker whose sessions may be short.
func newCluster(tb testing.TB, topic string, opts ...kfake.Opt) *kfake.Cluster {
	tb.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(4, topic), kfake.SeedTopics(1, "sums"),
		kfake.GroupMinSessionTimeout(200*time.Millisecond))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func connect(tb testing.TB, c *kfake.Cluster, log *slog.Logger) *kafka.Client {
	tb.Helper()
	client, err := kafka.Connect(context.Background(), kafka.Config{Brokers: c.ListenAddrs(), Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// summer counts records by partition. Its counts are in topic sums.
type summer struct {
	client *kafka.Client
	state  []kafka.Partition
	sums   map[kafka.Partition]uint64
	begun  chan struct{}
	once   sync.Once
}

func newSummer(client *kafka.Client) *summer {
	state, _ := client.Partitions(context.Background(), "sums") // no error: the context doesn't end
	return &summer{client: client, state: state, sums: make(map[kafka.Partition]uint64), begun: make(chan struct{})}
}

func sumKey(p kafka.Partition) string { return p.Topic + "/" + strconv.Itoa(int(p.Partition)) }

func (s *summer) Needs(kafka.Assigned) []kafka.Partition {
	return s.state
}

func (s *summer) Assign(ctx context.Context, gained []kafka.Assigned) (func(), error) {
	sums := make(map[string]uint64)
	err := s.client.Restore(ctx, s.state, func(r kafka.Record) { sums[string(r.Key)] = binary.BigEndian.Uint64(r.Value) })
	return func() {
		for _, p := range gained {
			s.sums[p.Partition] = sums[sumKey(p.Partition)]
		}
		s.once.Do(func() { close(s.begun) })
	}, err
}

func (s *summer) Revoke(lost []kafka.Partition) {
	for _, p := range lost {
		delete(s.sums, p)
	}
}

func (s *summer) Transform(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	changed := make(map[kafka.Partition]bool)
	for i := range batch {
		p := kafka.Partition{Topic: batch[i].Topic, Partition: batch[i].Partition}
		if _, ok := s.sums[p]; !ok {
			return nil, fmt.Errorf("record of %v, which is not assigned", p)
		}
		s.sums[p]++
		changed[p] = true
	}
	var out []kafka.Record
	for p := range changed {
		out = append(out, kafka.Record{Topic: "sums", Key: []byte(sumKey(p)), Value: binary.BigEndian.AppendUint64(nil, s.sums[p])})
	}
	return out, nil
}

// start runs a member until the returned function is called, which fails the
// test if the member ended otherwise than it should.
func start(tb testing.TB, client *kafka.Client, cfg kafka.TransformConfig, t kafka.Transformer) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- client.Transform(ctx, cfg, t) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					tb.Errorf("Transform: %v", err)
				}
			case <-time.After(30 * time.Second):
				tb.Errorf("Transform has not returned 30 s after its context ended")
			}
		})
	}
	tb.Cleanup(stop)
	return stop
}

// produce sends n records over the partitions of a topic, not in a transaction.
func produce(tb testing.TB, c *kfake.Cluster, topic string, n int) {
	tb.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		tb.Fatal(err)
	}
	defer cl.Close()
	for i := range n {
		cl.Produce(context.Background(), &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}, func(_ *kgo.Record, err error) {
			if err != nil {
				tb.Errorf("produce: %v", err)
			}
		})
	}
	if err := cl.Flush(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

// await reads the sums until they are want in all. It fails when a sum falls, or
// when the total goes beyond want.
func await(tb testing.TB, client *kafka.Client, want uint64, within time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	sums := make(map[string]uint64)
	var total uint64
	reached := errors.New("reached")
	err := client.Read(ctx, kafka.ReadConfig{Match: kafka.Names("sums")}, func(_ context.Context, r kafka.Record) error {
		v, k := binary.BigEndian.Uint64(r.Value), string(r.Key)
		if v < sums[k] {
			return fmt.Errorf("sum of %s falls from %d to %d", k, sums[k], v)
		}
		total += v - sums[k]
		sums[k] = v
		if total > want {
			return fmt.Errorf("total is %d, want %d: %v", total, want, sums)
		}
		if total == want {
			return reached
		}
		return nil
	})
	if !errors.Is(err, reached) {
		tb.Fatalf("total is %d after %v, want %d (%v): %v", total, within, want, err, sums)
	}
}

func testLog(tb testing.TB) *slog.Logger {
	if os.Getenv("VERBOSE") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}

func config(group string) kafka.TransformConfig {
	return kafka.TransformConfig{Group: group, Match: kafka.Names("in"), Refresh: 50 * time.Millisecond}
}

func TestTransformCountsAcrossRestarts(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	var want uint64
	for range 3 {
		produce(t, c, "in", 1000)
		want += 1000
		stop := start(t, client, config("g"), newSummer(client))
		await(t, client, want, 30*time.Second)
		stop()
	}
}

// Members come and go while records arrive. Two goroutines check each other:
// readers of sums never see one fall, and in the end all are counted once.
func TestTransformSharesAndMovesPartitions(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var want uint64
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		for ctx.Err() == nil {
			produce(t, c, "in", 200)
			want += 200
		}
	}()
	member := func() (*summer, func()) {
		s := newSummer(client)
		stop := start(t, client, config("g"), s)
		select {
		case <-s.begun:
		case <-time.After(30 * time.Second):
			t.Fatal("no partitions after 30 s")
		}
		return s, stop
	}
	_, stop1 := member()
	_, stop2 := member()
	_, stop3 := member()
	stop1()
	_, stop4 := member()
	stop2()
	stop3()
	cancel()
	<-produced
	await(t, client, want, 30*time.Second)
	stop4()
}

func BenchmarkTransformDrain(b *testing.B) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(12, "in"), kfake.SeedTopics(1, "sums"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	client := connect(b, c, nil)
	const n = 1_000_000
	produce(b, c, "in", n)
	var draining time.Duration
	var calls int
	b.ResetTimer()
	for i := range b.N {
		cfg := config("bench" + strconv.Itoa(i))
		s := &counter{want: n, done: make(chan struct{})}
		stop := start(b, client, cfg, s)
		<-s.done
		draining += time.Since(s.first)
		calls += s.calls
		stop()
	}
	b.ReportMetric(n*float64(b.N)/draining.Seconds(), "records/s") // without joining and leaving
	b.ReportMetric(float64(calls)/float64(b.N), "batches/op")
}

// counter only counts.
type counter struct {
	n, want, calls int
	first          time.Time
	done           chan struct{}
}

func (c *counter) Assign(context.Context, []kafka.Assigned) (func(), error) { return func() {}, nil }
func (c *counter) Needs(kafka.Assigned) []kafka.Partition                   { return nil }
func (c *counter) Revoke([]kafka.Partition)                                 {}
func (c *counter) Transform(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	if c.n == 0 {
		c.first = time.Now()
	}
	c.n += len(batch)
	c.calls++
	if c.n == c.want {
		close(c.done)
	}
	return []kafka.Record{{Topic: "sums", Key: []byte("k"), Value: []byte("v")}}, nil
}
