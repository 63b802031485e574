package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// abort sends values in a transaction that it aborts.
func abort(tb testing.TB, cluster *kfake.Cluster, topic string, values ...string) {
	tb.Helper()
	w, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("tx-"+topic), kgo.DefaultProduceTopic(topic))
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close()
	if err := w.BeginTransaction(); err != nil {
		tb.Fatal(err)
	}
	for _, v := range values {
		if err := w.ProduceSync(tb.Context(), kgo.StringRecord(v)).FirstErr(); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.EndTransaction(tb.Context(), kgo.TryAbort); err != nil {
		tb.Fatal(err)
	}
}

// Compaction leaves gaps in the offsets, which are not waited for.
func TestReadCatchesUpOverCompaction(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, TableTopic("table", 1))
	for i := range 20 { // in batches of their own: one batch is not compacted
		send(t, c, Record{Topic: "table", Key: []byte(fmt.Sprint(i % 2)), Value: []byte(fmt.Sprint(i))})
	}
	abort(t, cluster, "table", "x")
	cluster.Compact()
	got := readAll(t, c, Names("table"))
	if len(got) >= 20 || len(got) < 2 || string(got[len(got)-1].Value) != "19" {
		t.Errorf("read %v after compaction", values(got))
	}
	last, err := c.Last(t.Context(), Names("table"))
	if err != nil || len(last) != 1 || string(last[0].Value) != "19" {
		t.Errorf("last is %v, %v", values(last), err)
	}
}

// Records of transactions that were aborted, or are open, are not read; nor are markers.
func TestReadReadsCommittedRecords(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	send(t, c, text("t", "1"))
	abort(t, cluster, "t", "x", "y")
	send(t, c, text("t", "2"))
	open, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("open"), kgo.DefaultProduceTopic("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := open.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := open.ProduceSync(t.Context(), kgo.StringRecord("z")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(values(readAll(t, c, Names("t")))); got != "[1 2]" {
		t.Errorf("read %s, want [1 2]", got)
	}
}

func TestReadReturnsTheHandlersError(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	send(t, c, text("t", "x"))
	want := errors.New("enough")
	if err := c.Read(t.Context(), ReadConfig{Match: Names("t")}, func(context.Context, Record) error { return want }); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
	if err := c.Read(t.Context(), ReadConfig{Refresh: -1}, nil); err == nil || !strings.Contains(err.Error(), "Match is nil") || !strings.Contains(err.Error(), "Refresh is -1ns") {
		t.Errorf("wrong settings: %v", err)
	}
}

// A leader may need seconds to find the offset of a time: Kafka looks through segments.
func TestReadBeginsAtATimeThatIsSlowToFind(t *testing.T) {
	t.Parallel()
	cluster, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	send(t, c, text("t", "x"))
	cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if r.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp >= 0 {
			cluster.SleepControl(func() { time.Sleep(2500 * time.Millisecond) })
		}
		return nil, nil, false
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	read := 0
	err := c.Read(ctx, ReadConfig{Match: Names("t"), StopAtEnd: true, Since: func(string) time.Time { return time.UnixMilli(1) }},
		func(context.Context, Record) error { read++; return nil })
	if err != nil || read != 1 {
		t.Errorf("read %d records, %v, want 1", read, err)
	}
}

func TestReadFollowsTheLeader(t *testing.T) {
	cluster, c := newPair(t, kfake.NumBrokers(3))
	ensure(t, c, EventTopic("t", 6))
	const keys, each = 12, 400
	p := newProducer(t, c, ProducerConfig{MaxBuffered: 200})
	go func() {
		for i := range each {
			if i%100 == 50 {
				cluster.ShufflePartitionLeaders()
			}
			for k := range keys {
				_ = p.Send(t.Context(), Record{Topic: "t", Key: []byte{byte(k)}, Value: []byte(fmt.Sprint(i))}, nil)
			}
		}
	}()
	var got []Record
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := c.Read(ctx, ReadConfig{Match: Names("t")}, func(_ context.Context, r Record) error {
		if got = append(got, r); len(got) == keys*each {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("%v after %d records, want %d", err, len(got), keys*each)
	}
	wantEach(t, got, keys, each)
}

func TestReadEndsWithItsContext(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	err := c.Read(ctx, ReadConfig{Match: Names("t"), CaughtUp: cancel}, func(context.Context, Record) error { return nil })
	if err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
