package kafka_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// A member whose transaction failed, and whose coordinator then is away for longer
// than it is asked in one go, ends that transaction before it asks for positions:
// they would have to wait for it until it times out, and the group for the member.
func TestTransformEndsItsOwnTransactionFirst(t *testing.T) {
	t.Parallel()
	for _, instance := range []string{"", "one"} {
		t.Run("instance "+instance, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "in")
			client := connect(t, c, testLog(t))
			cfg := config("g")
			cfg.InstanceID = instance
			s := newSummer(client)
			start(t, client, cfg, s)
			<-s.begun
			produce(t, c, "in", 100)
			await(t, client, 100, 30*time.Second)

			failed := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidTxnState})
			away := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.CoordinatorNotAvailable, Count: -1, When: func(r kmsg.Request) bool {
				return r.(*kmsg.InitProducerIDRequest).TransactionalID != nil
			}})
			positions := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Count: -1, Observe: true, When: func(r kmsg.Request) bool {
				return failed.Hits() > 0 && r.(*kmsg.OffsetFetchRequest).RequireStable // others ask for the lag
			}})
			produce(t, c, "in", 100)
			const enough = 50 // more than are made in one go
			for end := time.Now().Add(time.Minute); away.Hits() < enough && positions.Hits() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the coordinator was asked %d times in a minute, want %d", away.Hits(), enough)
				}
			}
			if n := positions.Hits(); n > 0 {
				t.Errorf("positions were asked for %d times while the member's own transaction was open", n)
			}
			away.Remove()
			await(t, client, 200, 30*time.Second)
		})
	}
}

// A member that takes long to restore its state holds up neither the members that
// come nor its place in the group.
func TestTransformRestoresWithoutHoldingUpItsGroup(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	produce(t, c, "in", 100)
	slow := &slowAssign{summer: newSummer(connect(t, c, testLog(t))), calls: make(chan []kafka.Assigned, 10), release: make(chan struct{})}
	start(t, slow.client, config("g"), slow)
	if n := len(<-slow.calls); n != 4 {
		t.Fatalf("the first member is given %d partitions, want 4", n)
	}
	first := c.GroupInfo("g").Members[0].MemberID

	quick := newSummer(connect(t, c, testLog(t)))
	start(t, quick.client, config("g"), quick)
	<-quick.begun
	await(t, quick.client, 50, 20*time.Second) // its half, while the other still restores
	members := make(map[string]bool)
	for _, m := range c.GroupInfo("g").Members {
		members[m.MemberID] = true
	}
	if !members[first] || len(members) != 2 {
		t.Errorf("members are %v, want two, %s among them", members, first)
	}
	close(slow.release)
	await(t, quick.client, 100, 30*time.Second)
	if n := slow.lost.Load(); n != 2 {
		t.Errorf("%d partitions were revoked that went while their state was read, want 2", n)
	}
}

// A member goes on with the partitions that it has while it restores the state of
// others, however long that takes.
func TestTransformGoesOnWhileItRestores(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	slow := &slowAssign{summer: newSummer(connect(t, c, testLog(t))), calls: make(chan []kafka.Assigned, 10), release: make(chan struct{}, 1)}
	cfg := config("g")
	start(t, slow.client, cfg, slow)
	<-slow.calls
	slow.release <- struct{}{}
	<-slow.begun
	quick := newSummer(connect(t, c, testLog(t)))
	stop := start(t, quick.client, cfg, quick)
	<-quick.begun
	stop()
	if n := len(<-slow.calls); n != 2 {
		t.Fatalf("the first member is given %d partitions, want the other's 2", n)
	}
	produce(t, c, "in", 100)
	await(t, slow.client, 50, 30*time.Second)
	slow.release <- struct{}{}
	await(t, slow.client, 100, 30*time.Second)
}

// slowAssign restores only when it is released.
type slowAssign struct {
	*summer
	calls   chan []kafka.Assigned
	release chan struct{}
	lost    atomic.Int32 // partitions revoked
}

func (s *slowAssign) Revoke(lost []kafka.Partition) {
	s.lost.Add(int32(len(lost)))
	s.summer.Revoke(lost)
}

func (s *slowAssign) Assign(ctx context.Context, gained []kafka.Assigned) (func(), error) {
	s.calls <- gained
	select {
	case <-s.release:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.summer.Assign(ctx, gained)
}

// A partition without a leader is given to a member, to another and back, and neither
// can read it before that. What the other has counted of it by then isn't forgotten.
func TestTransformRestoresWhatItNeverBegan(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	cfg := config("g")
	away := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "in", Partitions: []int32{1, 2, 3}, Err: kerr.NotLeaderForPartition, Count: -1})
	first := newSummer(connect(t, c, testLog(t)))
	start(t, first.client, cfg, first)
	<-first.begun // with partition 0
	other := newSummer(connect(t, c, testLog(t)))
	stop := start(t, other.client, cfg, other)
	awaitShares(t, c, 2, 2)
	away.Remove()
	produce(t, c, "in", 100)
	await(t, first.client, 100, 30*time.Second)
	stop()
	produce(t, c, "in", 100)
	await(t, first.client, 200, 30*time.Second)
}

// awaitShares waits until the group's members have so many partitions each.
func awaitShares(t *testing.T, c *kfake.Cluster, want ...int) {
	t.Helper()
	var shares []int
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		shares = nil
		for _, m := range c.GroupInfo("g").Members {
			shares = append(shares, m.NumAssigned())
		}
		if slices.Sort(shares); c.GroupInfo("g").State == "Stable" && slices.Equal(shares, want) {
			return
		}
	}
	t.Fatalf("members have %v partitions, want %v", shares, want)
}
