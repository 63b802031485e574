package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// restorer counts how often its state is restored.
type restorer struct {
	*summer
	times, revoked atomic.Int32
}

func (r *restorer) Revoke(lost []kafka.Partition) {
	r.revoked.Add(int32(len(lost)))
	r.summer.Revoke(lost)
}

func (r *restorer) Assign(ctx context.Context, gained []kafka.Assigned) (func(), error) {
	r.times.Add(1)
	return r.summer.Assign(ctx, gained)
}

// When the cluster no longer holds a position, as when retention has overtaken it
// or a new topic has its name, the state is restored before reading goes on. A
// leader that has moved is looked for, and nothing is restored.
func TestTransformRestoresWhereAPositionIsGone(t *testing.T) {
	for _, test := range []struct {
		fault    *kerr.Error
		restored bool
	}{{kerr.OffsetOutOfRange, true}, {kerr.NotLeaderForPartition, false}} {
		t.Run(test.fault.Message, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t, "in")
			client := connect(t, c, testLog(t))
			s := &restorer{summer: newSummer(client)}
			start(t, client, config("g"), s)
			produce(t, c, "in", 100)
			await(t, client, 100, 30*time.Second)
			before := s.times.Load()
			f := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "in", Err: test.fault, Count: 1})
			for deadline := time.Now().Add(30 * time.Second); f.Hits() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("no fetch met the fault")
				}
			}
			produce(t, c, "in", 100)
			await(t, client, 200, 30*time.Second)
			if restored := s.times.Load() > before; restored != test.restored {
				t.Errorf("state restored after the fault: %t, want %t", restored, test.restored)
			}
			if dropped := s.revoked.Load() > 0; dropped != test.restored {
				t.Errorf("state dropped before that: %t, want %t", dropped, test.restored)
			}
		})
	}
}
