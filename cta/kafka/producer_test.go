package kafka

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestSendBlocksWhenBufferIsFull(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	release := make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.SleepControl(func() { <-release })
		return nil, nil, false
	})
	p := newProducer(t, c, ProducerConfig{MaxBuffered: 10})
	for i := range 10 {
		if err := p.Send(t.Context(), text("t", strconv.Itoa(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Send(ctx, text("t", "one too many"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("11th record: %v, want to block until the context ends", err)
	}
	if err := p.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	close(release)
	if err := p.Send(t.Context(), text("t", "10"), nil); err != nil {
		t.Error(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	if got := values(readAll(t, c, Names("t"))); len(got) != 11 || got[10] != "10" {
		t.Errorf("read %v", got)
	}
}

func TestFailedDeliveryIsTold(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("good", 1), EventTopic("bad", 1))
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "bad", Err: kerr.TopicAuthorizationFailed, Count: -1})
	p := newProducer(t, c, ProducerConfig{})
	told := make(chan error, 2)
	for _, topic := range []string{"good", "bad"} {
		if err := p.Send(t.Context(), text(topic, "told"), func(err error) { told <- err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Errorf("flush returned %v, of which a callback was told", err)
	}
	failed := 0
	for range 2 {
		if err := <-told; err != nil {
			failed++
			if !strings.Contains(err.Error(), "bad/0") {
				t.Errorf("%v, want the partition in it", err)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d failures told, want 1", failed)
	}
	for range 3 {
		if err := p.Send(t.Context(), text("bad", "unreported"), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "3 records") {
		t.Errorf("flush returned %v, want 3 failures", err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Errorf("second flush returned %v again", err)
	}
	_ = p.Send(t.Context(), text("bad", "unreported"), nil)
	if err := p.Close(); err == nil {
		t.Error("close didn't return the failure")
	}
	if err := p.Send(t.Context(), text("good", "late"), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("send after close: %v", err)
	}
	if got := values(readAll(t, c, Names("good", "bad"))); len(got) != 1 {
		t.Errorf("read %v", got)
	}
}

// After a failure the partition goes on, and the other ones never stopped.
func TestPartitionGoesOnAfterAFailure(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("a", 1), EventTopic("b", 1))
	p := newProducer(t, c, ProducerConfig{})
	sendTo := func(values ...string) {
		for _, v := range values {
			for _, topic := range []string{"a", "b"} {
				if err := p.Send(t.Context(), text(topic, v), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	sendTo("1", "2")
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "a", Err: kerr.InvalidRecord, Count: 1})
	sendTo("3")
	if err := p.Flush(t.Context()); err == nil {
		t.Error("no failure")
	}
	sendTo("4", "5")
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	for topic, want := range map[string][]string{"a": {"1", "2", "4", "5"}, "b": {"1", "2", "3", "4", "5"}} {
		if d := cmp.Diff(want, values(readAll(t, c, Names(topic)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", topic, d)
		}
	}
}

// A topic may take less than our batches hold.
func TestBatchesShrinkToWhatTheBrokerTakes(t *testing.T) {
	_, c := newPair(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "4000"}))
	ensure(t, c, EventTopic("t", 1))
	p := newProducer(t, c, ProducerConfig{})
	const n = 1000
	day := time.UnixMilli(1_790_000_000_000)
	var told atomic.Int64
	for i := range n {
		done := func(err error) {
			if err != nil {
				t.Error(err)
			}
			told.Add(1)
		}
		if i%3 == 0 {
			done = nil
		}
		r := Record{Topic: "t", Key: []byte("k"), Value: []byte(strconv.Itoa(i)), Time: day.Add(time.Duration(i) * time.Second)}
		if err := p.Send(t.Context(), r, done); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if told.Load() != n-(n+2)/3 {
		t.Errorf("%d callbacks", told.Load())
	}
	records := readAll(t, c, Names("t"))
	wantEach(t, records, 1, n)
	for i, r := range records {
		if want := day.Add(time.Duration(i) * time.Second); !r.Time.Equal(want) {
			t.Fatalf("record %d has time %v, want %v", i, r.Time, want)
		}
	}
	err := p.Send(t.Context(), Record{Topic: "t", Value: make([]byte, 5000)}, nil)
	if err == nil {
		err = p.Flush(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "t/0") {
		t.Errorf("a record too large for the topic: %v", err)
	}
	if p.bytes != 0 || p.buffered != 0 {
		t.Errorf("%d records of %d bytes are still counted", p.buffered, p.bytes)
	}
}

func TestRetriesKeepOrder(t *testing.T) {
	for _, fault := range []*kerr.Error{
		kerr.NotEnoughReplicas,
		kerr.RequestTimedOut,          // written all the same
		kerr.OutOfOrderSequenceNumber, // goes on under a new producer id
	} {
		t.Run(fault.Message, func(t *testing.T) {
			t.Parallel()
			cluster, c := newPair(t)
			ensure(t, c, EventTopic("t", 3))
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "t", Err: fault, Count: 2})
			p := newProducer(t, c, ProducerConfig{})
			const each = 2000
			for i := range each {
				for part := range 3 {
					if err := p.Send(t.Context(), Record{Topic: "t", Key: []byte{byte(part)}, Value: []byte(strconv.Itoa(i))}, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := p.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantEach(t, readAll(t, c, Names("t")), 3, each)
		})
	}
}

// wantEach checks that each key has the values 0 to n-1, in order.
func wantEach(tb testing.TB, records []Record, keys, n int) {
	tb.Helper()
	next := make(map[string]int)
	for _, r := range records {
		if got := string(r.Value); got != strconv.Itoa(next[string(r.Key)]) {
			tb.Fatalf("key %x: value %s, want %d", r.Key, got, next[string(r.Key)])
		}
		next[string(r.Key)]++
	}
	for k, got := range next {
		if got != n {
			tb.Errorf("key %x: %d records, want %d", k, got, n)
		}
	}
	if len(next) != keys {
		tb.Errorf("%d keys, want %d", len(next), keys)
	}
}

// The broker goes away and comes back at the same address, while records come.
func TestRestartLosesAndDoublesNothing(t *testing.T) {
	addr := closedPort(t)
	_, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text)
	dir := t.TempDir()
	start := func() *kfake.Cluster {
		for {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir))
			if err == nil {
				return cluster
			}
			if !strings.Contains(err.Error(), "in use") {
				t.Fatal(err)
			}
		}
	}
	cluster := start()
	defer func() { cluster.Close() }()
	c, logs := newClient(t, Config{Brokers: []string{addr}})
	ensure(t, c, EventTopic("t", 4))

	// A reader lives through it as well.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var read atomic.Int64
	reading := make(chan error, 1)
	go func() {
		reading <- c.Read(ctx, ReadConfig{Match: Names("t")}, func(context.Context, Record) error {
			read.Add(1)
			return nil
		})
	}()

	p := newProducer(t, c, ProducerConfig{MaxBuffered: 500})
	const keys, each = 8, 3000
	sent := make(chan error, 1)
	go func() {
		for i := range each {
			for k := range keys {
				if err := p.Send(t.Context(), Record{Topic: "t", Key: []byte{byte(k)}, Value: []byte(strconv.Itoa(i))}, nil); err != nil {
					sent <- err
					return
				}
			}
			if i%100 == 0 {
				time.Sleep(10 * time.Millisecond) // so that restarts fall into it
			}
		}
		sent <- p.Flush(t.Context())
	}()
	for range 3 {
		time.Sleep(80 * time.Millisecond)
		cluster.Close()
		time.Sleep(50 * time.Millisecond)
		cluster = start()
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	wantEach(t, readAll(t, c, Names("t")), keys, each)
	for deadline := time.Now().Add(10 * time.Second); read.Load() < keys*each && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-reading; err != nil || read.Load() != keys*each {
		t.Errorf("the reader saw %d records, %v; want %d\n%s", read.Load(), err, keys*each, logs)
	}
}

func TestSendToAnUnknownTopicFails(t *testing.T) {
	_, c := newPair(t)
	p := newProducer(t, c, ProducerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Send(ctx, text("nowhere", "x"), nil); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v, want an error with the topic", err)
	}
	if err := p.Send(ctx, text("no where", "x"), nil); err == nil || !strings.Contains(err.Error(), `"no where"`) {
		t.Errorf("%v, want an error with the name", err)
	}
	if err := p.Send(ctx, Record{Topic: "t", Value: bytes.Repeat([]byte{1}, maxMessageBytes)}, nil); err == nil || !strings.Contains(err.Error(), "at most 1000000") {
		t.Errorf("%v, want the limit", err)
	}
}

// A broker that throttles a producer delays neither other requests nor Close.
func TestThrottledResponseDelaysNothingElse(t *testing.T) {
	t.Parallel()
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		resp := r.ResponseKind().(*kmsg.ProduceResponse)
		resp.ThrottleMillis = 60_000
		topic, partition := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
		topic.Topic, topic.TopicID = "t", r.(*kmsg.ProduceRequest).Topics[0].TopicID
		topic.Partitions = append(topic.Partitions, partition)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	p := newProducer(t, c, ProducerConfig{})
	delivered := make(chan error, 1)
	if err := p.Send(t.Context(), text("t", "x"), func(err error) { delivered <- err }); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 20 { // some of them after the response
			if _, err := c.Topics(t.Context(), Names("t")); err != nil {
				t.Error(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-delivered; err != nil {
			t.Errorf("the record that was written failed: %v", err)
		}
	}()
	select {
	case <-ended:
	case <-time.After(25 * time.Second):
		t.Fatal("what isn't throttled waits")
	}
}

func TestCloseIsBoundedWhileTheBrokerIsMute(t *testing.T) {
	t.Parallel()
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	release, woken := make(chan struct{}), make(chan struct{})
	wake := sync.OnceFunc(func() { close(woken) })
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() { <-release })
		wake()
		return nil, nil, false
	})
	defer func() {
		close(release)
		select { // kfake may hang where it's closed at the moment at which a request wakes
		case <-woken:
		case <-time.After(10 * time.Second):
		}
	}()
	p := newProducer(t, c, ProducerConfig{})
	told := make(chan error, 1)
	if err := p.Send(t.Context(), text("t", "x"), func(err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Close() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("close: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a program has five seconds to end, and Close has taken ten")
	}
	if closeTimeout >= 5*time.Second {
		t.Errorf("Close may take %v, want less than the 5 s of a program", closeTimeout)
	}
	if err := <-told; !errors.Is(err, ErrClosed) {
		t.Errorf("told %v, want ErrClosed", err)
	}
}
