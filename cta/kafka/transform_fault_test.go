package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// The steps of a transaction as they appear on the wire.
var transactionSteps = []kmsg.Key{kmsg.AddPartitionsToTxn, kmsg.Produce, kmsg.AddOffsetsToTxn, kmsg.TxnOffsetCommit, kmsg.EndTxn}

// Whatever a step of a transaction fails with, every record is counted once.
func TestTransformSurvivesRefusedSteps(t *testing.T) {
	refusals := map[kmsg.Key][]*kerr.Error{
		kmsg.AddPartitionsToTxn: {kerr.ConcurrentTransactions, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ProducerFenced, kerr.InvalidProducerIDMapping},
		kmsg.Produce:            {kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.InvalidProducerEpoch, kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID},
		kmsg.AddOffsetsToTxn:    {kerr.ConcurrentTransactions, kerr.NotCoordinator, kerr.ProducerFenced},
		kmsg.TxnOffsetCommit: {kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.IllegalGeneration, kerr.UnknownMemberID,
			kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.RequestTimedOut},
		kmsg.EndTxn: {kerr.ConcurrentTransactions, kerr.NotCoordinator, kerr.ProducerFenced, kerr.InvalidTxnState, kerr.TransactionAbortable},
	}
	for _, step := range transactionSteps {
		for _, refusal := range refusals[step] {
			t.Run(step.Name()+" "+refusal.Message, func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, "in")
				f := c.Fault(kfake.Fault{Keys: []kmsg.Key{step}, Err: refusal, Count: 2, Observe: false, When: transactional})
				countUnder(t, c, func() {}, func() bool { return f.Hits() > 0 })
			})
		}
	}
}

// transactional leaves alone what the test itself produces.
func transactional(r kmsg.Request) bool {
	p, ok := r.(*kmsg.ProduceRequest)
	return !ok || p.TransactionID != nil
}

// A request or its answer may be lost with the connection. Then the client can't
// know whether the step was done.
func TestTransformSurvivesLostConnections(t *testing.T) {
	for _, step := range transactionSteps {
		for _, answered := range []bool{false, true} {
			name := step.Name() + " request"
			if answered {
				name = step.Name() + " answer"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				n := newNetwork()
				c := newCluster(t, "in", kfake.ListenFn(n.listen))
				countUnder(t, c, func() { n.cut(step, answered, 2) }, func() bool { return n.cutsLeft() < 2 })
			})
		}
	}
}

// A request whose answer was lost may be handled again, and late. It can't be taken
// for one of the transaction that is open then, as that has another epoch.
func TestTransformChangesItsEpochAfterALostAnswer(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	c := newCluster(t, "in", kfake.ListenFn(n.listen))
	epochs := make(chan int16, 100)
	c.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		epochs <- r.(*kmsg.EndTxnRequest).ProducerEpoch
		return nil, nil, false
	})
	client := connect(t, c, testLog(t))
	s := newSummer(client)
	start(t, client, config("g"), s)
	<-s.begun
	n.cut(kmsg.EndTxn, true, 1)
	produce(t, c, "in", 1)
	lost := <-epochs
	if again := <-epochs; again != lost {
		t.Errorf("sent again with epoch %d, want %d, that of the transaction", again, lost)
	}
	await(t, client, 1, 30*time.Second)
	produce(t, c, "in", 1)
	if next := <-epochs; next == lost {
		t.Errorf("the next transaction has epoch %d, as the one whose answer was lost", next)
	}
	await(t, client, 2, 30*time.Second)
}

// countUnder counts records with a member that meets a fault on the way.
func countUnder(t *testing.T, c *kfake.Cluster, arm func(), met func() bool) {
	client := connect(t, c, testLog(t))
	s := newSummer(client)
	cfg := config("g")
	cfg.SessionTimeout = time.Second // for as long, another generation is waited for
	stop := start(t, client, cfg, s)
	<-s.begun
	arm()
	var want uint64
	for i := 0; i < 5 || !met() && i < 50; i++ {
		produce(t, c, "in", 50)
		want += 50

	}
	await(t, client, want, 30*time.Second)
	stop()
	sums := make(map[string]uint64)
	err := client.Read(t.Context(), kafka.ReadConfig{Match: kafka.Names("sums"), StopAtEnd: true}, func(_ context.Context, r kafka.Record) error {
		sums[string(r.Key)] = binary.BigEndian.Uint64(r.Value)
		return nil
	})
	var total uint64
	for _, n := range sums {
		total += n
	}
	if err != nil || total != want {
		t.Errorf("in the end the total is %d (%v), want %d", total, err, want)
	}
	if !met() {
		t.Error("the fault was not met")
	}
}

// A member that hangs in its work beyond the session's time-out is a zombie: what
// it then publishes must not count.
func TestTransformFencesZombies(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	slow := connect(t, c, testLog(t))
	quick := connect(t, c, testLog(t))
	zombie := &zombie{summer: newSummer(slow), asleep: make(chan struct{}), wake: make(chan struct{})}

	// The zombie's heartbeats are lost, as if its whole process were stopped.
	var dead atomic.Bool
	var id atomic.Pointer[string]
	c.ControlKey(int16(kmsg.Heartbeat), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if hb := r.(*kmsg.HeartbeatRequest); dead.Load() && hb.MemberID == *id.Load() {
			return nil, errCut, true
		}
		return nil, nil, false
	})
	cfg := config("g")
	cfg.SessionTimeout = 3 * time.Second
	start(t, slow, cfg, zombie)
	<-zombie.begun
	produce(t, c, "in", 100)
	<-zombie.asleep
	info := c.GroupInfo("g")
	for i := range info.Members {
		id.Store(&info.Members[i].MemberID)
	}
	dead.Store(true)

	other := newSummer(quick)
	stop := start(t, quick, cfg, other)
	await(t, quick, 100, 30*time.Second)
	close(zombie.wake)
	produce(t, c, "in", 100)
	await(t, quick, 200, 30*time.Second)

	dead.Store(false) // it joins again
	stop()
	produce(t, c, "in", 100)
	await(t, quick, 300, 30*time.Second)
}

// zombie sleeps in its first batch.
type zombie struct {
	*summer
	once         sync.Once
	asleep, wake chan struct{}
}

func (z *zombie) Transform(ctx context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	out, err := z.summer.Transform(ctx, batch)
	z.once.Do(func() {
		close(z.asleep)
		<-z.wake
	})
	return out, err
}

// A process that takes over the identity of another ends it, and counts on.
func TestTransformOfTheSameInstanceIsFenced(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	cfg := config("g")
	cfg.InstanceID = "one"
	old := newSummer(connect(t, c, testLog(t)))
	done := make(chan error, 1)
	go func() { done <- old.client.Transform(context.Background(), cfg, old) }()
	<-old.begun
	produce(t, c, "in", 100)
	await(t, old.client, 100, 30*time.Second)

	next := newSummer(connect(t, c, testLog(t)))
	start(t, next.client, cfg, next)
	<-next.begun
	produce(t, c, "in", 100)
	await(t, next.client, 200, 30*time.Second)
	select {
	case err := <-done:
		if !errors.Is(err, kafka.ErrFenced) {
			t.Errorf("error %v, want %v", err, kafka.ErrFenced)
		}
	case <-time.After(30 * time.Second):
		t.Error("the older one still runs")
	}
}

// A coordinator that moves before the first generation of a new process is complete knows
// only the process before. The new one isn't fenced by that, but joins again.
func TestInstanceThatItsCoordinatorForgotJoinsAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	moved, fenced := false, 0
	c.ControlKey(int16(kmsg.SyncGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if moved {
			return nil, nil, false
		}
		moved = true
		resp := r.ResponseKind().(*kmsg.SyncGroupResponse)
		resp.ErrorCode = kerr.NotCoordinator.Code
		return resp, nil, true
	})
	c.ControlKey(int16(kmsg.JoinGroup), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if !moved || fenced > 0 || r.(*kmsg.JoinGroupRequest).MemberID == "" {
			return nil, nil, false
		}
		fenced++
		resp := r.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode = kerr.FencedInstanceID.Code
		return resp, nil, true
	})
	cfg := config("g")
	cfg.InstanceID = "one"
	s := newSummer(connect(t, c, testLog(t)))
	start(t, s.client, cfg, s)
	<-s.begun
	produce(t, c, "in", 100)
	await(t, s.client, 100, 30*time.Second)
	if fenced != 1 {
		t.Errorf("the member was fenced %d times, want once", fenced)
	}
}

// A static member that is back soon has its partitions at once, without its group
// noticing.
func TestTransformOfAnInstanceIsBackAtOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	cfg := config("g")
	cfg.InstanceID = "one"
	first := newSummer(client)
	stop := start(t, client, cfg, first)
	<-first.begun
	produce(t, c, "in", 100)
	await(t, client, 100, 30*time.Second)
	stop()
	generation := c.GroupInfo("g").Epoch
	produce(t, c, "in", 100)
	start(t, client, cfg, newSummer(client))
	await(t, client, 200, 30*time.Second)
	if g := c.GroupInfo("g").Epoch; g != generation {
		t.Errorf("generation goes from %d to %d", generation, g)
	}
}

// A member leaves in time though the cluster hangs as it commits, and nothing of it stays.
func TestTransformLeavesAHungCluster(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	c := newCluster(t, "in", kfake.ListenFn(n.listen))
	client := connect(t, c, testLog(t))
	s := newSummer(client)
	stop := start(t, client, config("g"), s)
	<-s.begun
	hung := make(chan struct{})
	hang := sync.OnceFunc(func() {
		n.hang(c.ListenAddrs()[0])
		close(hung)
	})
	c.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		hang()
		return nil, nil, false
	})
	produce(t, c, "in", 100)
	<-hung
	left := make(chan struct{})
	go func() { defer close(left); stop() }()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("a program has five seconds to end, and the member has taken ten")
	}
	<-left
}
