package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
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
			const enough = 50 // sarama asks 41 times before it gives up
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
