package kafka_test

import (
	"context"
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
			await(t, client, 100, 20*time.Second)

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
			await(t, client, 200, 20*time.Second)
		})
	}
}

// A member that takes long to restore its state holds up neither the members that
// come nor its place in the group.
func TestTransformRestoresWithoutHoldingUpItsGroup(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	produce(t, c, "in", 100)
	slow := &slowAssign{summer: newSummer(connect(t, c, testLog(t))), calls: make(chan []kafka.Partition, 10), release: make(chan struct{})}
	start(t, slow.client, config("g"), slow)
	if n := len(<-slow.calls); n != 4 {
		t.Fatalf("the first member is given %d partitions, want 4", n)
	}
	first := c.GroupInfo("g").Members[0].MemberID

	quick := newSummer(connect(t, c, testLog(t)))
	start(t, quick.client, config("g"), quick)
	<-quick.begun
	await(t, quick.client, 50, 20*time.Second) // its half, while the other still restores
	for n := 4; n != 2; {                      // they may go one by one
		select {
		case gained := <-slow.calls:
			n = len(gained)
		case <-time.After(20 * time.Second):
			t.Fatalf("the first member goes on restoring %d partitions, want 2", n)
		}
	}
	members := make(map[string]bool)
	for _, m := range c.GroupInfo("g").Members {
		members[m.MemberID] = true
	}
	if !members[first] || len(members) != 2 {
		t.Errorf("members are %v, want two, %s among them", members, first)
	}
	close(slow.release)
	await(t, quick.client, 100, 20*time.Second)
}

// slowAssign restores only when it is released.
type slowAssign struct {
	*summer
	calls   chan []kafka.Partition
	release chan struct{}
}

func (s *slowAssign) Assign(ctx context.Context, gained []kafka.Partition) error {
	s.calls <- gained
	select {
	case <-s.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.summer.Assign(ctx, gained)
}
