package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/internal/logtest"
)

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
				var logs logtest.Buffer
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
				await(t, client, sent, time.Minute)
				gone := of(cl)
				addr := cl.ListenAddrs()[gone]
				told := func() int {
					return strings.Count(logs.String(), `msg="a Kafka broker doesn't answer" broker=`+addr)
				}
				if hangs {
					n.hang(addr)
				} else {
					n.kill(addr)
				}
				send()
				for end := time.Now().Add(time.Minute); hangs && told() == 0; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("not a word of the broker that hangs:\n%s", logs.String())
					}
				}
				if err := cl.RemoveNode(gone); err != nil { // others have its roles from now on
					t.Fatal(err)
				}
				await(t, client, sent, time.Minute)
				if err := p.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				if told() > 1 {
					t.Errorf("told %d times of one broker:\n%s", told(), logs.String())
				}
				if _, err := client.Topics(t.Context(), kafka.Names("in")); err != nil {
					t.Errorf("two brokers answer, but: %v", err)
				}
			})
		}
	}
}

// A member that joins waits for its group, and for no coordinator that hangs.
func TestJoiningFollowsTheCoordinator(t *testing.T) {
	t.Parallel()
	cl, n := three(t)
	client := connect(t, cl, testLog(t))
	cfg := config("g")
	cfg.SessionTimeout = 5 * time.Minute // for as long, others may be waited for
	gone := cl.CoordinatorFor("g")
	addr := cl.ListenAddrs()[gone]
	joins := make(chan struct{})
	hang := sync.OnceFunc(func() { n.hang(addr); close(joins) }) // before the answer
	cl.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		hang()
		return nil, nil, false
	})
	s := newSummer(client)
	start(t, client, cfg, s)
	<-joins
	if err := cl.RemoveNode(gone); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.begun:
	case <-time.After(time.Minute):
		t.Error("the member has not joined at the new coordinator after a minute")
	}
}

// A broker that ends may still answer what it was asked before. That isn't told as its
// being back.
func TestOneOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	c := newCluster(t, "in", kfake.ListenFn(n.listen))
	var logs logtest.Buffer
	client := connect(t, c, slog.New(slog.NewTextHandler(&logs, nil)))
	release, asked := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(asked) })
	c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		begin()
		c.SleepControl(func() { <-release })
		return nil, nil, false
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _, _ = client.Last(ctx, kafka.Names("in")) }()
	<-asked
	n.refuse(c.ListenAddrs()[0])
	look := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, _ = client.Topics(ctx, kafka.Names("in"))
	}
	for end := time.Now().Add(30 * time.Second); !strings.Contains(logs.String(), "a Kafka broker doesn't answer"); look() {
		if time.Now().After(end) {
			t.Fatalf("not a word of the broker that is gone:\n%s", logs.String())
		}
	}
	close(release)
	look()
	time.Sleep(300 * time.Millisecond) // in which that may be told
	if told := strings.Count(logs.String(), "a Kafka broker"); told != 1 {
		t.Errorf("told %d times of one outage:\n%s", told, logs.String())
	}
}

// A broker that keeps a request, as a coordinator does while its replicas don't follow, but
// answers others, isn't said to be away.
func TestBrokerThatWaitsForOthersIsNotAway(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	release := make(chan struct{})
	c.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() { <-release })
		return nil, nil, false
	})
	defer close(release)
	var logs logtest.Buffer
	client := connect(t, c, slog.New(slog.NewTextHandler(&logs, nil)))
	start(t, client, config("g"), newSummer(client))
	for end := time.Now().Add(30 * time.Second); !strings.Contains(logs.String(), "cannot reach the group's coordinator"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nobody says that heartbeats aren't answered:\n%s", logs.String())
		}
	}
	time.Sleep(500 * time.Millisecond) // in which that may be told
	if strings.Contains(logs.String(), "a Kafka broker") {
		t.Errorf("a broker that answers is said not to:\n%s", logs.String())
	}
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

// A topic is deleted and made anew, and holds more than was read of the old one before it is
// fetched again: readers and members begin at its first record.
func TestTopicMadeAnewIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	cl, _ := three(t)
	var logs logtest.Buffer
	client := connect(t, cl, slog.New(slog.NewTextHandler(&logs, nil)))
	var old, fresh atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	read := make(chan error, 1)
	go func() {
		read <- client.Read(ctx, kafka.ReadConfig{Match: kafka.Names("in"), Refresh: 50 * time.Millisecond}, func(_ context.Context, r kafka.Record) error {
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
	release := make(chan struct{})
	cl.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cl.KeepControl()
		cl.SleepControl(func() { <-release })
		return nil, nil, false
	})
	remake()
	send("new", 300)
	for end := time.Now().Add(30 * time.Second); !strings.Contains(logs.String(), "topic in was recreated"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			close(release)
			t.Fatalf("the reader doesn't see that the topic is another:\n%s", logs.String())
		}
	}
	close(release)
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

func (c *tally) Assign(context.Context, []kafka.Assigned) (func(), error) { return func() {}, nil }
func (c *tally) Needs(kafka.Assigned) []kafka.Partition                   { return nil }
func (c *tally) Revoke([]kafka.Partition)                                 {}
func (c *tally) Transform(_ context.Context, b []kafka.Record) ([]kafka.Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range b {
		c.seen[string(r.Value)]++
	}
	return nil, nil
}

// needy has the sums of half of the partitions in another topic, and reads those only.
type needy struct{ *summer }

func (s needy) Needs(g kafka.Assigned) []kafka.Partition {
	if g.Partition.Partition%2 == 1 {
		return []kafka.Partition{{Topic: "other"}}
	}
	return s.summer.Needs(g)
}

func (s needy) Assign(ctx context.Context, gained []kafka.Assigned) (func(), error) {
	for _, g := range gained {
		if err := s.client.Restore(ctx, s.Needs(g), func(kafka.Record) {}); err != nil {
			return nil, err
		}
	}
	return s.summer.Assign(ctx, gained)
}

// A partition of state that nobody leads costs those alone that need it, whether it has no
// leader from the start or loses it while it is read.
func TestStateWithoutALeaderCostsWhatNeedsItAlone(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "in", kfake.SeedTopics(1, "other"))
			produce(t, c, "other", 1)
			var begun atomic.Bool
			begun.Store(!late)
			read := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "other", Err: kerr.NotLeaderForPartition, Count: -1, When: func(kmsg.Request) bool {
				begun.Store(true)
				return true
			}})
			led := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: "other", Err: kerr.LeaderNotAvailable, Count: -1, When: func(kmsg.Request) bool { return begun.Load() }})
			client := connect(t, c, testLog(t))
			cfg := config("g")
			said := make(chan struct{})
			say := sync.OnceFunc(func() { close(said) })
			cfg.Progress = func(p kafka.Progress) {
				if p.Err != nil && strings.Contains(p.Err.Error(), "waiting to read in/1 in/3: the partition has no leader") {
					say()
				}
			}
			produce(t, c, "in", 100)
			start(t, client, cfg, needy{newSummer(client)})
			await(t, client, 50, 30*time.Second)
			select {
			case <-said:
			case <-time.After(30 * time.Second):
				t.Fatal("nobody says which partitions wait")
			}
			read.Remove()
			led.Remove()
			await(t, client, 100, 30*time.Second)
		})
	}
}
