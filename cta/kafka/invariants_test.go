package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/internal/logtest"
)

// A group refuses the positions of a member that it no longer has, by the generation and
// the member's id that come with them. And the id of a transaction names its member.
// Positions are asked for once no transaction can change them.
func TestPositionsNameGenerationAndMember(t *testing.T) {
	for _, instance := range []string{"", "one"} {
		t.Run("instance "+instance, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "in")
			sent := make(chan *kmsg.TxnOffsetCommitRequest, 100)
			c.ControlKey(int16(kmsg.TxnOffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				sent <- r.(*kmsg.TxnOffsetCommitRequest)
				return nil, nil, false
			})
			c.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				if !r.(*kmsg.OffsetFetchRequest).RequireStable {
					t.Error("positions are asked for that an open transaction may change")
				}
				return nil, nil, false
			})
			client := connect(t, c, testLog(t))
			cfg := config("g")
			cfg.InstanceID = instance
			start(t, client, cfg, newSummer(client))
			produce(t, c, "in", 100)
			await(t, client, 100, 30*time.Second)
			group, got := c.GroupInfo("g"), <-sent
			id := group.Members[0].MemberID
			if got.MemberID != id || got.Generation != int32(group.Epoch) {
				t.Errorf("positions of member %q, generation %d; want %q, %d", got.MemberID, got.Generation, id, group.Epoch)
			}
			want := "g.member:" + id
			if instance != "" {
				want = "g.instance:" + instance
				if got.InstanceID == nil || *got.InstanceID != instance {
					t.Errorf("positions of instance %v, want %q", got.InstanceID, instance)
				}
			}
			if got.TransactionalID != want {
				t.Errorf("transactional id is %q, want %q", got.TransactionalID, want)
			}
		})
	}
}

// A batch that was given up may be in the log or not: so its partition goes on under
// another producer id, with numbers from 0 on.
func TestGivenUpBatchEndsItsProducerID(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	type numbers struct {
		pid int64
		seq int32
	}
	sent := make(chan numbers, 10)
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		var b kmsg.RecordBatch
		if err := b.ReadFrom(r.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records); err != nil {
			t.Error(err)
		}
		sent <- numbers{b.ProducerID, b.FirstSequence}
		return nil, nil, false
	})
	client := connect(t, c, testLog(t))
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	send := func() (numbers, error) {
		t.Helper()
		if err := p.Send(t.Context(), kafka.Record{Topic: "in", Key: []byte("k")}, nil); err != nil {
			t.Fatal(err)
		}
		err := p.Flush(t.Context())
		return <-sent, err
	}
	first, err := send()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := send(); err != nil || second.pid != first.pid || second.seq != first.seq+1 {
		t.Errorf("%+v follows %+v (%v), want the same id and the next number", second, first, err)
	}
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord, Count: 1})
	if _, err := send(); err == nil {
		t.Fatal("nothing failed")
	}
	if next, err := send(); err != nil || next.pid == first.pid || next.seq != 0 {
		t.Errorf("after a batch that was given up: %+v (%v), want another id than %d, and 0", next, err, first.pid)
	}
	// A broker that has lost what it knew of the producer can't tell a repeated batch.
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.OutOfOrderSequenceNumber, Count: 1})
	lost, err := send()
	if again := <-sent; err != nil || again.pid == lost.pid || again.seq != 0 {
		t.Errorf("after a lost sequence: %+v (%v), want another id than %d, and 0", again, err, lost.pid)
	}
	want := kafka.Report{Accepted: 5, Delivered: 4, GivenUp: 1}
	got := p.Report()
	if got.Accepted != want.Accepted || got.Delivered != want.Delivered || got.GivenUp != want.GivenUp || len(got.Reasons) != 1 {
		t.Errorf("report is %+v, want %+v and a reason", got, want)
	}
}

// A topic is deleted under a busy producer, and made anew after its records were given
// up: what is in the new one is in order.
func TestOrderIsKeptOverADeletedTopic(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		pad := bytes.Repeat([]byte("x"), 2000)
		for i := 0; ctx.Err() == nil; i++ {
			_ = p.Send(ctx, kafka.Record{Topic: "in", Key: []byte("k"), Value: fmt.Appendf(nil, "%07d%s", i, pad)}, nil)
			time.Sleep(time.Millisecond)
		}
	}()
	awaitReport(t, p, func(r kafka.Report) bool { return r.Delivered > 100 })
	if err := c.DeleteTopic("in"); err != nil {
		t.Fatal(err)
	}
	awaitReport(t, p, func(r kafka.Report) bool { return r.GivenUp > 0 })
	awaitReport(t, p, func(r kafka.Report) bool { return r.Accepted-r.Delivered-r.GivenUp < 200 }) // all that waits, not one batch
	if err := c.CreateTopic("in", 4, nil); err != nil {
		t.Fatal(err)
	}
	before := p.Report().Delivered
	awaitReport(t, p, func(r kafka.Report) bool { return r.Delivered > before+500 })
	stop()
	<-sent
	_ = p.Close()
	last := ""
	err = client.Read(t.Context(), kafka.ReadConfig{Match: kafka.Names("in"), StopAtEnd: true}, func(_ context.Context, r kafka.Record) error {
		if now := string(r.Value[:7]); now > last {
			last = now
			return nil
		}
		return fmt.Errorf("record %s comes after %s", r.Value[:7], last)
	})
	if err != nil || last == "" {
		t.Errorf("last record read is %q: %v", last, err)
	}
}

func awaitReport(t *testing.T, p *kafka.Producer, ok func(kafka.Report) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(p.Report()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after 30 s, the report is %+v", p.Report())
		}
	}
}

// Sending that waits is told once, with its reason, where one partition refuses and where
// reasons alternate; and that it goes on.
func TestSendingThatWaitsIsToldOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	var logs logtest.Buffer
	client := connect(t, c, slog.New(slog.NewTextHandler(&logs, nil)))
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	few := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "in", Partitions: []int32{1}, Err: kerr.NotEnoughReplicas, Count: 6})
	for i := range 40 {
		if err := p.Send(t.Context(), kafka.Record{Topic: "in", Value: fmt.Append(nil, i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := few.Wait(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	other := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "in", Partitions: []int32{1}, Err: kerr.NotLeaderForPartition, Count: 2})
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	_ = other
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	toldOnce(t, logs.String(), "waiting to send to the Kafka cluster", "fewer in-sync replicas than required", "sending to the Kafka cluster again")
	if !strings.Contains(logs.String(), `msg="producer closed" accepted=40 delivered=40 "given up"=0`) {
		t.Errorf("the end doesn't say what became of the records:\n%s", logs.String())
	}
}

// toldOnce checks that a log has each text once.
func toldOnce(t *testing.T, logs string, texts ...string) {
	t.Helper()
	for _, want := range texts {
		if n := strings.Count(logs, want); n != 1 {
			t.Errorf("%q is told %d times, want once:\n%s", want, n, logs)
		}
	}
}

// A search for a topic's leaders waits as sending does, and is logged once too, though
// callers give up.
func TestSearchThatWaitsIsToldOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	var logs logtest.Buffer
	client := connect(t, c, slog.New(slog.NewTextHandler(&logs, nil)))
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	away := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "in", Err: kerr.LeaderNotAvailable, Count: -1})
	told := func() int { return strings.Count(logs.String(), "waiting to send") }
	for more := 3; more > 0; {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := p.Send(ctx, kafka.Record{Topic: "in", Value: []byte("given up")}, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("sent with %v", err)
		}
		cancel()
		if told() > 0 {
			more--
		}
	}
	away.Remove()
	if err := p.Send(t.Context(), kafka.Record{Topic: "in", Value: []byte("found")}, nil); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	toldOnce(t, logs.String(), `msg="waiting to send to the Kafka cluster" reason=`, "topic=in", "sending to the Kafka cluster again")
}

// A topic that the metadata still shows, though it was just deleted, is created again.
func TestTopicThatWasJustDeletedIsCreated(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	admin, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	gone := kmsg.NewPtrDeleteTopicsRequest()
	gone.TopicNames, gone.TimeoutMillis = []string{"in"}, 10_000
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &gone.TopicNames[0]
	gone.Topics = append(gone.Topics, topic)
	asked := 0
	c.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if asked++; asked == 2 { // the first answer has shown the topic
			c.SleepControl(func() {
				if _, err := gone.RequestWith(t.Context(), admin); err != nil {
					t.Error(err)
				}
			})
		}
		return nil, nil, false
	})
	if err := client.EnsureTopics(t.Context(), kafka.EventTopic("in", 1)); err != nil {
		t.Error(err)
	}
	if asked < 3 {
		t.Errorf("the metadata was asked for %d times", asked)
	}
}

// A batch is bounded in records and in bytes, also where a fetched block holds much more:
// these large records are compressed.
func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DefaultProduceTopic("in"), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	const large, small = 120, 120_000
	for range large {
		other.Produce(t.Context(), kgo.SliceRecord(bytes.Repeat([]byte("x"), 500_000)), nil)
	}
	if err := other.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range small {
		if err := p.Send(t.Context(), kafka.Record{Topic: "in", Value: []byte("small")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	s := &sizes{}
	start(t, client, config("g"), s)
	for end := time.Now().Add(60 * time.Second); s.total() < large+small; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d records, want %d", s.total(), large+small)
		}
	}
	if s.records > 8<<10 || s.bytes > 8<<20+500_000 {
		t.Errorf("a batch of %d records, one of %d bytes; want at most 8192, and 8 MB and a record", s.records, s.bytes)
	}
}

// sizes notes the largest batches.
type sizes struct {
	mu                  sync.Mutex
	all, records, bytes int
}

func (s *sizes) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

func (s *sizes) Assign(context.Context, []kafka.Assigned) (func(), error) { return func() {}, nil }
func (s *sizes) Needs(kafka.Assigned) []kafka.Partition                   { return nil }
func (s *sizes) Revoke([]kafka.Partition)                                 {}
func (s *sizes) Transform(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes := 0
	for i := range batch {
		bytes += len(batch[i].Value)
	}
	s.all += len(batch)
	s.records, s.bytes = max(s.records, len(batch)), max(s.bytes, bytes)
	if s.all == len(batch) {
		time.Sleep(time.Second) // so that more gather
	}
	return nil, nil
}

// A position that the topic doesn't hold is none, and neither is one in another topic
// that had the name before: reading begins at the oldest record.
func TestPositionOfAnotherLogIsNone(t *testing.T) {
	for name, position := range map[string]struct {
		offset  int64
		topicID string
	}{"outside": {1000, ""}, "another topic": {10, "AAAAAAAAAAAAAAAAAAAAAQ"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "in")
			produce(t, c, "in", 100)
			cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			commit := kmsg.NewPtrOffsetCommitRequest()
			commit.Group, commit.Generation = "g", -1
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic, topic.TopicID = "in", c.TopicInfo("in").TopicID
			for n := range int32(4) {
				p := kmsg.NewOffsetCommitRequestTopicPartition()
				p.Partition, p.Offset, p.Metadata = n, position.offset, &position.topicID
				topic.Partitions = append(topic.Partitions, p)
			}
			commit.Topics = append(commit.Topics, topic)
			resp, err := commit.RequestWith(t.Context(), cl)
			if err != nil || resp.Topics[0].Partitions[0].ErrorCode != 0 {
				t.Fatalf("commit: %v, %+v", err, resp)
			}
			client := connect(t, c, testLog(t))
			start(t, client, config("g"), newSummer(client))
			await(t, client, 100, 30*time.Second)
		})
	}
}

// A partition that the group wants back is given up once what is under way of it is
// committed, and not before. The others go on meanwhile.
func TestLeavingPartitionsAreCommittedFirst(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	first := &restorer{summer: newSummer(client)}
	start(t, client, config("g"), first)
	<-first.begun
	ending, release := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(ending) })
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		begin()
		c.SleepControl(func() { <-release })
		return nil, nil, false
	})
	time.AfterFunc(3*time.Second, func() { close(release) })
	produce(t, c, "in", 100)
	<-ending
	produce(t, c, "in", 100) // these are gathered meanwhile
	other := newSummer(client)
	start(t, client, config("g"), other)
	select {
	case <-other.begun:
		t.Error("another member has partitions of which records are under way")
	case <-release:
	}
	<-other.begun
	produce(t, c, "in", 100)
	await(t, client, 300, 30*time.Second)
	if n := first.times.Load(); n != 1 {
		t.Errorf("the first member was given partitions %d times, want once", n)
	}
}

// While a member still commits what is under way of partitions that it gives up, the group
// may share them anew: the member joins when it has given them up, and not before.
func TestLeavingPartitionsOutlastAnotherRebalance(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	first := newSummer(client)
	start(t, client, config("g"), first)
	<-first.begun
	held, release := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(held) })
	c.ControlKey(int16(kmsg.TxnOffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		hold()
		c.SleepControl(func() { <-release })
		return nil, nil, false
	})
	produce(t, c, "in", 100)
	<-held
	second, third := newSummer(client), newSummer(client)
	epoch, id := c.GroupInfo("g").Epoch, c.GroupInfo("g").Members[0].MemberID
	start(t, client, config("g"), second)
	for end := time.Now().Add(30 * time.Second); c.GroupInfo("g").Epoch == epoch || c.GroupInfo("g").State != "Stable"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the group has not shared its partitions anew: %+v", c.GroupInfo("g"))
		}
	}
	var released atomic.Bool
	c.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if r.(*kmsg.JoinGroupRequest).MemberID == id && !released.Load() {
			t.Error("the member joins without partitions of which records are under way")
		}
		return nil, nil, false
	})
	start(t, client, config("g"), third)
	time.Sleep(3 * time.Second) // it would hear of the third in half a second
	released.Store(true)
	close(release)
	produce(t, c, "in", 100)
	await(t, client, 200, 30*time.Second)
}

// A member whose commit hangs gives it up in time to leave its group: the others needn't
// wait for its session to time out.
func TestTransformLeavesItsGroupThoughACommitHangs(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	cfg := config("g")
	cfg.SessionTimeout = time.Minute
	s := newSummer(client)
	stop := start(t, client, cfg, s)
	<-s.begun
	held, release := make(chan struct{}), make(chan struct{})
	hold := sync.OnceFunc(func() { close(held) })
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		hold()
		c.SleepControl(func() { <-release })
		return nil, nil, false
	})
	defer close(release)
	produce(t, c, "in", 100)
	<-held
	stop()
	if left := c.GroupInfo("g").Members; len(left) > 0 {
		t.Errorf("the group still has %d members", len(left))
	}
}

// A coordinator refuses what is added to a transaction while it still adds something else.
func TestTransactionAddsOneThingAtATime(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	s := newSummer(client)
	start(t, client, config("g"), s)
	<-s.begun
	var added, adding atomic.Int32
	for _, key := range []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.AddOffsetsToTxn} {
		c.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			added.Add(1)
			if adding.Add(1) > 1 {
				t.Error("partitions and positions are added at the same time")
			}
			c.SleepControl(func() { time.Sleep(10 * time.Millisecond) }) // of the coordinator's write to its log
			adding.Add(-1)
			return nil, nil, false
		})
	}
	produce(t, c, "in", 100)
	await(t, client, 100, 30*time.Second)
	if added.Load() < 2 {
		t.Errorf("%d requests added to a transaction, want two at least", added.Load())
	}
}

// A batch that waited transformed for its transaction would delay the records after it by
// another transaction.
func TestBatchAndItsTransactionFollowEachOther(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	s := &slow{summer: newSummer(client)}
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		s.ended.Add(1)
		return nil, nil, false
	})
	start(t, client, config("g"), s)
	<-s.begun
	const n = 60
	for range n { // one after the other, so that some come while Transform works
		produce(t, c, "in", 1)
	}
	await(t, client, n, 30*time.Second)
	if s.early.Load() > 0 {
		t.Errorf("%d of %d batches were transformed before the last one's transaction", s.early.Load(), s.calls.Load())
	}
}

// slow is a summer that works longer than records take to come.
type slow struct {
	*summer
	calls, ended, early atomic.Int32
}

func (s *slow) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	if s.calls.Add(1)-1 > s.ended.Load() {
		s.early.Add(1)
	}
	time.Sleep(5 * time.Millisecond) // the work
	return s.summer.Transform(ctx, batch)
}

// failing is a summer whose first call of Transform fails, once it may.
type failing struct {
	*summer
	calls atomic.Int32
	first chan struct{} // closed when the first call begins
	fail  chan struct{} // closed when it may fail
}

func (f *failing) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	if f.calls.Add(1) > 1 {
		return f.summer.Transform(ctx, batch)
	}
	close(f.first)
	<-f.fail
	return nil, errTransform
}

var errTransform = errors.New("no sum today")

// What follows records that could not be transformed isn't committed, nor when the member is
// ending: the records would be skipped.
func TestNothingIsCommittedAfterAFailure(t *testing.T) {
	for _, ending := range []bool{false, true} {
		t.Run(fmt.Sprintf("ending=%t", ending), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "in")
			client := connect(t, c, testLog(t))
			f := &failing{newSummer(client), atomic.Int32{}, make(chan struct{}), make(chan struct{})}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- client.Transform(ctx, config("g"), f) }()
			<-f.begun
			produce(t, c, "in", 4)
			<-f.first
			fetched := fetches(c, 6)
			produce(t, c, "in", 100)
			<-fetched
			if ending {
				cancel()
			}
			close(f.fail)
			if err := <-done; !errors.Is(err, errTransform) {
				t.Errorf("Transform returned %v, want the transformer's error", err)
			}
			cancel()
			if last, err := client.Last(t.Context(), kafka.Names("sums")); err != nil || len(last) > 0 {
				t.Errorf("published %v (%v), want nothing", last, err)
			}
		})
	}
}

// fetches returns a channel that is closed when the cluster has been asked for records n
// times more.
func fetches(c *kfake.Cluster, n int32) <-chan struct{} {
	done := make(chan struct{})
	var seen atomic.Int32
	c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if seen.Add(1) == n {
			close(done)
		}
		return nil, nil, false
	})
	return done
}

// A topic that is deleted while it is read isn't waited for.
func TestTopicThatIsGoneIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	produce(t, c, "in", 100)
	stuck := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "in", Err: kerr.KafkaStorageError, Count: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	read := make(chan error, 1)
	go func() {
		read <- client.Read(ctx, kafka.ReadConfig{Match: kafka.Names("in", "sums"), StopAtEnd: true, Refresh: 50 * time.Millisecond},
			func(context.Context, kafka.Record) error { return nil })
	}()
	if err := stuck.Wait(ctx, 3); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteTopic("in"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil || ctx.Err() != nil {
		t.Errorf("the end was not reached without the topic that is gone: %v, %v", err, ctx.Err())
	}
}

// Batches that compaction has emptied are passed, alone in an answer or before a part of
// the next batch, which then has no room.
func TestEmptiedBatchesArePassed(t *testing.T) {
	for _, part := range []int{0, 5, 500} { // bytes of the next batch's records
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			produce(t, c, "in", 30)
			empty := kmsg.RecordBatch{Magic: 2, LastOffsetDelta: 19, ProducerID: 7, FirstTimestamp: 1, MaxTimestamp: 1}
			raw := empty.AppendTo(nil)
			empty.Length = int32(len(raw) - 12)
			raw = empty.AppendTo(nil)
			empty.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
			raw = empty.AppendTo(nil)
			if part > 0 {
				next := kmsg.RecordBatch{FirstOffset: 20, Length: 300_000, Magic: 2, LastOffsetDelta: 9, NumRecords: 10, Records: make([]byte, part)}
				raw = next.AppendTo(raw)
			}
			c.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				req := r.(*kmsg.FetchRequest)
				if len(req.Topics) != 1 || req.Topics[0].Topic != "in" || req.Topics[0].Partitions[0].FetchOffset >= 20 {
					return nil, nil, false
				}
				resp := r.ResponseKind().(*kmsg.FetchResponse)
				topic, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
				p.HighWatermark, p.LastStableOffset, p.RecordBatches = 30, 30, raw
				topic.Topic, topic.Partitions = "in", append(topic.Partitions, p)
				resp.Topics = append(resp.Topics, topic)
				return resp, nil, true
			})
			client := connect(t, c, testLog(t))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var first, n int64
			err = client.Read(ctx, kafka.ReadConfig{Match: kafka.Names("in"), StopAtEnd: true}, func(_ context.Context, r kafka.Record) error {
				if n++; n == 1 {
					first = r.Offset
				}
				return nil
			})
			if err != nil || first != 20 || n != 10 {
				t.Errorf("%d records from offset %d on (%v), want 10 from 20 on", n, first, err)
			}
		})
	}
}

// A transaction that waits for its coordinator is logged once, with the reason.
func TestTransactionThatWaitsIsLoggedOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	busy := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ConcurrentTransactions, Count: -1})
	var logs logtest.Buffer
	client := connect(t, c, slog.New(slog.NewTextHandler(&logs, nil)))
	s := newSummer(client)
	start(t, client, config("g"), s)
	const want = `msg="a transaction waits" group=g reason="the previous transaction is still being ended"`
	for end := time.Now().Add(30 * time.Second); !strings.Contains(logs.String(), want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nobody says why no transaction begins:\n%s", logs.String())
		}
	}
	busy.Remove()
	<-s.begun
	if n := strings.Count(logs.String(), "a transaction waits"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, logs.String())
	}
}

// A static member joins, and hears before its assignment that the group shares its partitions
// once more. It has missed no generation: nobody else can have its partitions.
func TestStaticMemberThatJoinsTwiceKeepsItsPartitions(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	cfg := config("g")
	cfg.InstanceID = "one"
	first := &restorer{summer: newSummer(client)}
	start(t, client, cfg, first)
	<-first.begun
	epoch, id := int32(c.GroupInfo("g").Epoch), c.GroupInfo("g").Members[0].MemberID
	syncing := make(chan struct{})
	begin := sync.OnceFunc(func() { close(syncing) })
	c.ControlKey(int16(kmsg.SyncGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if req := r.(*kmsg.SyncGroupRequest); req.MemberID != id || req.Generation != epoch+1 {
			return nil, nil, false
		}
		begin()
		c.SleepControl(func() {
			for end := time.Now().Add(20 * time.Second); c.GroupInfo("g").State != "PreparingRebalance" && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		})
		return nil, nil, false
	})
	second, third := newSummer(client), newSummer(client)
	start(t, client, config("g"), second)
	<-syncing
	start(t, client, config("g"), third)
	<-second.begun
	<-third.begun
	produce(t, c, "in", 100)
	await(t, client, 100, 30*time.Second)
	if n := first.times.Load(); n != 1 {
		t.Errorf("the first member was given partitions %d times, want once", n)
	}
}

// Topics that have gone are told once, not at every look.
func TestTopicsThatHaveGoneAreToldOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	var logs logtest.Buffer
	client := connect(t, c, slog.New(slog.NewTextHandler(&logs, nil)))
	s := newSummer(client)
	start(t, client, config("g"), s)
	<-s.begun
	if err := c.DeleteTopic("in"); err != nil {
		t.Fatal(err)
	}
	looks := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Observe: true, Count: -1})
	if err := looks.Wait(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(logs.String(), "topics changed"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, logs.String())
	}
}

// A member that the group no longer has hears it from the first request that is refused, and
// joins anew at once: its partitions are others'.
func TestMemberThatIsRefusedJoinsAnew(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	cfg := config("g")
	cfg.SessionTimeout = time.Second // until the group forgets who is not refused in truth
	s := newSummer(client)
	start(t, client, cfg, s)
	<-s.begun
	joins := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1, When: func(r kmsg.Request) bool {
		return r.(*kmsg.JoinGroupRequest).MemberID == ""
	}})
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.UnknownMemberID, Count: 1})
	produce(t, c, "in", 100)
	await(t, client, 100, 30*time.Second)
	if joins.Hits() == 0 {
		t.Error("the member goes on under an id that the group has refused")
	}
}

// Another process may have a static member's identity by now, and with it the transactional
// id. The group knows: it is asked before the id is taken over.
func TestFencedInstanceLeavesTransactionsAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	cfg := config("g")
	cfg.InstanceID = "one"
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.FencedInstanceID, Count: -1})
	taken := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Observe: true, Count: -1})
	if err := client.Transform(t.Context(), cfg, newSummer(client)); !errors.Is(err, kafka.ErrFenced) {
		t.Errorf("error %v, want %v", err, kafka.ErrFenced)
	}
	if taken.Hits() > 0 {
		t.Error("the transactional id was taken over from the newer process")
	}
}
