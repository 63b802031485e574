package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestReadStartsWhereItIsTold(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("t", 1), EventTopic("empty", 3))
	day := time.UnixMilli(1_790_000_000_000)
	var records []Record
	for i := range 10 {
		records = append(records, Record{Topic: "t", Value: []byte(fmt.Sprint(i)), Time: day.Add(time.Duration(i) * time.Minute)})
	}
	send(t, c, records...)
	for _, test := range []struct {
		name  string
		start Start
		want  []string
	}{
		{"from the start", FromStart(), []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{"the zero value is the start", Start{}, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{"from the end", FromEnd(), nil},
		{"from a record's time", FromTime(day.Add(7 * time.Minute)), []string{"7", "8", "9"}},
		{"from a time between two", FromTime(day.Add(7*time.Minute + time.Second)), []string{"8", "9"}},
		{"from before the first", FromTime(time.Time{}.Add(time.Hour)), []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{"from after the last", FromTime(day.Add(time.Hour)), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, values(readAll(t, c, Names("t", "empty"), test.start))); d != "" {
				t.Errorf("values (-want +got):\n%s", d)
			}
		})
	}
}

// transact sends values in one transaction, and commits or aborts it.
func transact(tb testing.TB, c *Client, topic string, commit bool, values ...string) {
	tb.Helper()
	sc, err := c.dial(tb.Context(), func(conf *sarama.Config) {
		conf.Producer.Idempotent = true
		conf.Producer.RequiredAcks = sarama.WaitForAll
		conf.Producer.Return.Successes = true
		conf.Producer.Transaction.ID = "tx-" + topic
		conf.Net.MaxOpenRequests = 1
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer sc.Close()
	p, err := sarama.NewSyncProducerFromClient(sc)
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	if err := p.BeginTxn(); err != nil {
		tb.Fatal(err)
	}
	for _, v := range values {
		if _, _, err := p.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(v)}); err != nil {
			tb.Fatal(err)
		}
	}
	end := p.AbortTxn
	if commit {
		end = p.CommitTxn
	}
	if err := end(); err != nil {
		tb.Fatal(err)
	}
}

func TestOnlyCommittedRecordsAreRead(t *testing.T) {
	_, c := newPair(t)
	for _, test := range []struct {
		name string
		fill func(topic string)
		want []string
		last string
	}{
		{"a marker at the end", func(topic string) { transact(t, c, topic, true, "a", "b") }, []string{"a", "b"}, "b"},
		{"aborted records at the end", func(topic string) {
			transact(t, c, topic, true, "a")
			transact(t, c, topic, false, "x", "y", "z")
		}, []string{"a"}, "a"},
		{"aborted records between", func(topic string) {
			transact(t, c, topic, false, "x")
			send(t, c, text(topic, "plain"))
			transact(t, c, topic, true, "a")
		}, []string{"plain", "a"}, "a"},
		{"nothing but aborted records", func(topic string) { transact(t, c, topic, false, "x", "y") }, nil, ""},
		{"many aborted after the last", func(topic string) {
			send(t, c, text(topic, "first"))
			for range 30 {
				transact(t, c, topic, false, "x", "y", "z", "z", "z")
			}
		}, []string{"first"}, "first"},
	} {
		t.Run(test.name, func(t *testing.T) {
			topic := strings.ReplaceAll(test.name, " ", "-")
			ensure(t, c, EventTopic(topic, 1))
			test.fill(topic)
			if d := cmp.Diff(test.want, values(readAll(t, c, Names(topic), FromStart()))); d != "" {
				t.Errorf("values (-want +got):\n%s", d)
			}
			last, err := c.Last(t.Context(), Names(topic))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(values(last), " "); got != test.last {
				t.Errorf("last is %q, want %q", got, test.last)
			}
		})
	}
}

// Compaction leaves gaps in the offsets, which are not waited for.
func TestReadCatchesUpOverCompaction(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, TableTopic("table", 1))
	for i := range 20 { // in batches of their own: one batch is not compacted
		send(t, c, Record{Topic: "table", Key: []byte(fmt.Sprint(i % 2)), Value: []byte(fmt.Sprint(i))})
	}
	transact(t, c, "table", false, "x")
	cluster.Compact()
	got := readAll(t, c, Names("table"), FromStart())
	if len(got) >= 20 || len(got) < 2 || string(got[len(got)-1].Value) != "19" {
		t.Errorf("read %v after compaction", values(got))
	}
	last, err := c.Last(t.Context(), Names("table"))
	if err != nil || len(last) != 1 || string(last[0].Value) != "19" {
		t.Errorf("last is %v, %v", values(last), err)
	}
}

// A batch that compaction has emptied is known only by sarama's private note of
// its end: this fails when sarama renames it.
func TestEmptyBatchesEnd(t *testing.T) {
	block := new(sarama.FetchResponseBlock)
	if got := emptyBatchesEnd(block); got != 0 {
		t.Errorf("without records: %d", got)
	}
	resp := &sarama.FetchResponse{Version: 4}
	resp.AddRecordBatch("t", 0, nil, sarama.StringEncoder("x"), 41, 7, false)
	broker := sarama.NewMockBroker(t, 1)
	defer broker.Close()
	resp.Blocks["t"][0].RecordsSet[0].RecordBatch.Records = nil
	resp.Blocks["t"][0].RecordsSet[0].RecordBatch.LastOffsetDelta = 8
	broker.Returns(new(sarama.ApiVersionsResponse))
	broker.Returns(resp)
	b := sarama.NewBroker(broker.Addr())
	conf := (&Client{cfg: Config{Brokers: []string{broker.Addr()}}.withDefaults()}).config()
	if err := b.Open(conf); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	req := &sarama.FetchRequest{Version: 4, MaxWaitTime: 100}
	silence("t")
	req.AddBlock("t", 0, 41, 1<<20, -1)
	got, err := b.Fetch(req)
	if err != nil {
		t.Fatal(err)
	}
	records, next := decodeBlock(Partition{"t", 0}, got.GetBlock("t", 0), 41, nil)
	if len(records) != 0 || next != 50 {
		t.Errorf("%d records, next is %d, want 50", len(records), next)
	}
}

// reading runs Read until the test ends, and gives what it reads.
func startReading(t *testing.T, c *Client, cfg ReaderConfig) <-chan Record {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	records, done := make(chan Record, 100), make(chan error, 1)
	go func() {
		done <- c.Read(ctx, cfg, func(_ context.Context, r Record) error {
			records <- r
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("read: %v", err)
		}
	})
	return records
}

func wantNext(t *testing.T, records <-chan Record, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case r := <-records:
			if string(r.Value) != w {
				t.Fatalf("read %s, want %s", r.Value, w)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing read, want %s", w)
		}
	}
}

func TestReadPicksUpNewTopics(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("x.1", 1))
	send(t, c, text("x.1", "old"))
	caughtUp := make(chan struct{})
	records := startReading(t, c, ReaderConfig{
		Match:    func(topic string) bool { return strings.HasPrefix(topic, "x.") },
		Start:    func(string) Start { return FromEnd() },
		CaughtUp: func() { close(caughtUp) },
		Refresh:  50 * time.Millisecond,
	})
	<-caughtUp
	send(t, c, text("x.1", "new"))
	wantNext(t, records, "new")
	ensure(t, c, EventTopic("x.2", 1), EventTopic("y", 1))
	send(t, c, text("y", "not meant"), text("x.2", "first"), text("x.2", "second"))
	wantNext(t, records, "first", "second") // a later topic is read from its oldest record
}

func TestReadSurvivesDeletedTopics(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("gone", 1), EventTopic("stays", 1))
	send(t, c, text("gone", "1"), text("gone", "2"))
	records := startReading(t, c, ReaderConfig{Match: Names("gone", "stays"), Refresh: 50 * time.Millisecond})
	wantNext(t, records, "1", "2")
	remove(t, c, "gone")
	send(t, c, text("stays", "3"))
	wantNext(t, records, "3")
	ensure(t, c, EventTopic("gone", 1))
	send(t, c, text("gone", "4"))
	wantNext(t, records, "4")
}

func remove(t *testing.T, c *Client, topic string) {
	t.Helper()
	controller, err := c.sc.Controller()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := controller.DeleteTopics(&sarama.DeleteTopicsRequest{Version: 1, Topics: []string{topic}, Timeout: time.Second})
	if err != nil || resp.TopicErrorCodes[topic] != sarama.ErrNoError {
		t.Fatalf("delete %s: %v, %v", topic, err, resp)
	}
}

// Retention overtakes a reader: it goes on at the oldest record, and says so.
func TestReadGoesOnAtTheOldest(t *testing.T) {
	cluster := newBroker(t)
	c, logs := newClient(t, Config{Brokers: cluster.ListenAddrs()})
	ensure(t, c, EventTopic("t", 1))
	send(t, c, text("t", "0"), text("t", "1"), text("t", "2"))
	controller, err := c.sc.Controller()
	if err != nil {
		t.Fatal(err)
	}
	caughtUp := false
	var got []string
	first := make(chan struct{})
	err = c.Read(t.Context(), ReaderConfig{Match: Names("t"), StopAtEnd: true, CaughtUp: func() { caughtUp = true },
		Start: func(string) Start {
			select {
			case <-first:
			default: // between the look-up of the position and the first fetch
				close(first)
				resp, err := controller.DeleteRecords(&sarama.DeleteRecordsRequest{Timeout: time.Second,
					Topics: map[string]*sarama.DeleteRecordsRequestTopic{"t": {PartitionOffsets: map[int32]int64{0: 2}}}})
				if err != nil || resp.Topics["t"].Partitions[0].Err != sarama.ErrNoError {
					t.Errorf("delete records: %v", err)
				}
			}
			return FromStart()
		}},
		func(_ context.Context, r Record) error {
			got = append(got, string(r.Value))
			return nil
		})
	if err != nil || !caughtUp {
		t.Errorf("%v, caught up: %v", err, caughtUp)
	}
	if d := cmp.Diff([]string{"2"}, got); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
	if logs.count("records were removed before they were read") != 1 {
		t.Errorf("not logged:\n%s", logs)
	}
}

func TestReadReturnsTheHandlersError(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("t", 1))
	send(t, c, text("t", "x"))
	want := errors.New("enough")
	if err := c.Read(t.Context(), ReaderConfig{Match: Names("t")}, func(context.Context, Record) error { return want }); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
	if err := c.Read(t.Context(), ReaderConfig{Refresh: -1}, nil); err == nil || !strings.Contains(err.Error(), "Match is not set") || !strings.Contains(err.Error(), "Refresh is -1ns") {
		t.Errorf("wrong settings: %v", err)
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
	err := c.Read(ctx, ReaderConfig{Match: Names("t")}, func(_ context.Context, r Record) error {
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
	err := c.Read(ctx, ReaderConfig{Match: Names("t"), CaughtUp: cancel}, func(context.Context, Record) error { return nil })
	if err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
