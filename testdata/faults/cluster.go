package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// roles are what a broker of a cluster may be to the workers, and who that is now.
var roles = []struct {
	name string
	of   func(h *run, ctx context.Context, c *kgo.Client, rng *rand.Rand) (int32, error)
}{
	{"leader", (*run).anyLeader},
	{"group", func(h *run, ctx context.Context, c *kgo.Client, _ *rand.Rand) (int32, error) {
		return coordinator(ctx, c, 0, workersGroup)
	}},
	{"transaction", (*run).anyTransactions},
	{"controller", func(h *run, ctx context.Context, c *kgo.Client, _ *rand.Rand) (int32, error) {
		return h.controller(ctx, c)
	}},
}

func init() {
	for _, role := range roles {
		pick := func(h *run, rng *rand.Rand) func(ctx context.Context, c *kgo.Client) ([]int32, error) {
			seed := rng.Uint64()
			return func(ctx context.Context, c *kgo.Client) ([]int32, error) {
				id, err := role.of(h, ctx, c, rand.New(rand.NewPCG(seed, 0)))
				return []int32{id}, err
			}
		}
		kinds = append(kinds,
			kind{role.name + "-kill", 2, cluster, func(h *run, rng *rand.Rand) fault { return h.brokersAway(pick(h, rng), h.away(rng), syscall.SIGKILL) }},
			kind{role.name + "-hang", 2, cluster, func(h *run, rng *rand.Rand) fault { return h.brokersAway(pick(h, rng), h.away(rng), syscall.SIGSTOP) }})
	}
	kinds = append(kinds,
		kind{"two-kill", 1, cluster, func(h *run, rng *rand.Rand) fault {
			order := rng.Perm(len(h.nodes))
			return h.brokersAway(func(context.Context, *kgo.Client) (ids []int32, _ error) {
				for _, n := range order[:min(2, len(order))] {
					ids = append(ids, int32(n+1))
				}
				return ids, nil
			}, h.away(rng), syscall.SIGKILL)
		}},
		kind{"rolling", 1, cluster, func(h *run, rng *rand.Rand) fault {
			order := rng.Perm(len(h.nodes))
			return fault{begin: func() bool {
				return h.alone(func(ctx context.Context, _ *kgo.Client) bool { return true }, func() { h.roll(order) })
			}}
		}})
}

// away draws how long a broker is gone: mostly beyond the sessions of all.
func (h *run) away(rng *rand.Rand) time.Duration {
	return between(rng, h.s.away*2/3, h.s.away*4/3+1)
}

// alone begins what takes brokers away, if all of them are there and every partition
// has all its replicas in sync. then runs beside, and ends it.
func (h *run) alone(begin func(ctx context.Context, c *kgo.Client) bool, then func()) bool {
	if !h.breaking.TryLock() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if !h.whole(ctx) || !begin(ctx, h.admin) {
		h.breaking.Unlock()
		return false
	}
	h.lasting.Go(func() {
		defer h.breaking.Unlock()
		then()
	})
	return true
}

// brokersAway kills or pauses those that pick names, and has them back later.
func (h *run) brokersAway(pick func(context.Context, *kgo.Client) ([]int32, error), lasts time.Duration, sig syscall.Signal) fault {
	var gone []*process
	return fault{lasts: lasts, begin: func() bool {
		return h.alone(func(ctx context.Context, c *kgo.Client) bool {
			ids, err := pick(ctx, c)
			if err != nil {
				h.say("no broker is found: %v", err)
				return false
			}
			for _, id := range ids {
				p := h.node(id)
				if p == nil || !p.running() || sig == syscall.SIGKILL && !p.kill() || sig == syscall.SIGSTOP && !p.signal(sig) {
					continue
				}
				gone = append(gone, p)
			}
			h.say("%v away for %v", ids, lasts.Round(time.Second))
			return len(gone) > 0
		}, func() {
			at := time.Now()
			h.pause(lasts)
			h.othersGoOn(gone, at, lasts)
			for _, p := range gone {
				if sig == syscall.SIGSTOP {
					p.signal(syscall.SIGCONT)
				}
				_ = p.start() // tried again by mend
			}
		})
	}}
}

// pause waits, or until all has to be mended.
func (h *run) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-h.mending:
	}
}

// roll restarts all brokers, one after the other, as an upgrade does.
func (h *run) roll(order []int) {
	for _, n := range order {
		p := h.nodes[n]
		if !p.stop(30 * time.Second) {
			h.note("%s did not end within 30 s of SIGTERM", p.name)
		}
		_ = p.start() // tried again by mend
		for end := time.Now().Add(90 * time.Second); time.Now().Before(end); h.pause(300 * time.Millisecond) {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			whole := h.whole(ctx)
			cancel()
			if whole {
				break
			}
			select {
			case <-h.mending:
				return
			default:
			}
		}
	}
}

// othersGoOn is for entries of which there is one copy: while their leader is gone, the
// stations of the other partitions are counted.
func (h *run) othersGoOn(gone []*process, since time.Time, lasts time.Duration) {
	grace := h.s.session + 15*time.Second
	if h.s.copies != 1 || len(gone) != 1 || lasts < grace+5*time.Second || time.Since(since) < lasts {
		return
	}
	h.mu.Lock()
	led := h.led
	h.mu.Unlock()
	of := h.watcher.partitions()
	waiting, counted, still := 0, 0, 0
	for _, s := range h.network.Stations {
		switch {
		case h.node(led[of[s.ID].partition]) == gone[0]:
			waiting++
		case h.stalls.since(s.ID, since.Add(grace)):
			counted++
		default:
			still++
		}
	}
	h.say("%d stations wait for their partition's leader, %d others are counted, %d others are not", waiting, counted, still)
	h.mu.Lock()
	h.leaderless++
	h.mu.Unlock()
	if still > 0 || counted == 0 {
		h.fault("one partition's broker was gone for %v: %d stations of other partitions were not counted from %v on, %d were", lasts.Round(time.Second), still, grace, counted)
	}
}

// node returns the process of a broker or controller.
func (h *run) node(id int32) *process {
	return h.byID[id]
}

// whole reports whether all brokers are there, and all replicas in sync.
func (h *run) whole(ctx context.Context) bool {
	for _, p := range slices.Concat(h.nodes, h.others) {
		if !p.running() {
			return false
		}
	}
	meta, err := allTopics(ctx, h.admin)
	if err != nil || len(meta.Brokers) < len(h.nodes) {
		return false
	}
	led := make(map[int32]int32)
	entries := h.entryTopics()
	for _, t := range meta.Topics {
		for _, p := range t.Partitions {
			if len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
				return false
			}
			if len(entries) == 1 && *t.Topic == entries[0] {
				led[p.Partition] = p.Leader
			}
		}
	}
	h.mu.Lock()
	h.led = led
	h.mu.Unlock()
	return true
}

func allTopics(ctx context.Context, c *kgo.Client) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = nil // all
	return req.RequestWith(ctx, c)
}

// anyLeader is the leader of a partition of the entries or of the counts.
func (h *run) anyLeader(ctx context.Context, c *kgo.Client, rng *rand.Rand) (int32, error) {
	return leaderOf(ctx, c, rng, func(topic string) bool {
		return h.s.topics().IsTurnstiles(topic) || topic == h.s.topics().TurnstileSummary() && h.s.copies != 1
	})
}

// leaderOf is the leader of some partition of the topics that match.
func leaderOf(ctx context.Context, c *kgo.Client, rng *rand.Rand, match func(topic string) bool) (int32, error) {
	meta, err := allTopics(ctx, c)
	if err != nil {
		return 0, err
	}
	var leaders []int32
	for _, t := range meta.Topics {
		if match(*t.Topic) {
			for _, p := range t.Partitions {
				leaders = append(leaders, p.Leader)
			}
		}
	}
	if len(leaders) == 0 {
		return 0, errors.New("no topic has a leader")
	}
	return leaders[rng.IntN(len(leaders))], nil
}

// coordinator is that of a group (0) or a transactional id (1).
func coordinator(ctx context.Context, c *kgo.Client, kind int8, name string) (int32, error) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorType, req.CoordinatorKey, req.CoordinatorKeys = kind, name, []string{name}
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	if len(resp.Coordinators) == 1 {
		return resp.Coordinators[0].NodeID, kerr.ErrorForCode(resp.Coordinators[0].ErrorCode)
	}
	return resp.NodeID, kerr.ErrorForCode(resp.ErrorCode)
}

// anyTransactions is the coordinator of some worker's transactions. Before Kafka 3.0, brokers
// can't list them.
func (h *run) anyTransactions(ctx context.Context, c *kgo.Client, rng *rand.Rand) (int32, error) {
	if strings.HasPrefix(h.s.version, "2.") {
		return leaderOf(ctx, c, rng, func(topic string) bool { return topic == "__transaction_state" })
	}
	var ids []string
	for _, shard := range c.RequestSharded(ctx, kmsg.NewPtrListTransactionsRequest()) {
		if shard.Err != nil {
			return 0, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListTransactionsResponse).TransactionStates {
			if strings.HasPrefix(t.TransactionalID, workersGroup) {
				ids = append(ids, t.TransactionalID)
			}
		}
	}
	if len(ids) == 0 {
		return 0, errors.New("no worker has a transaction")
	}
	slices.Sort(ids)
	return coordinator(ctx, c, 1, ids[rng.IntN(len(ids))])
}

// controller is the quorum's leader; with ZooKeeper, the broker that says so.
func (h *run) controller(ctx context.Context, c *kgo.Client) (int32, error) {
	if strings.HasPrefix(h.s.version, "2.") {
		meta, err := allTopics(ctx, c)
		if err != nil {
			return 0, err
		}
		return meta.ControllerID, nil
	}
	req := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, t)
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("the quorum is described as %+v", resp)
	}
	return resp.Topics[0].Partitions[0].LeaderID, nil
}

// followControl follows the control's group until ctx ends.
func (h *run) followControl(ctx context.Context) error {
	c, err := kgo.NewClient(append(h.options(), kgo.ConsumeTopics(controlTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return err
	}
	h.watching.Go(func() {
		defer c.Close()
		for ctx.Err() == nil {
			c.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				if station, err := strconv.Atoi(string(r.Key)); err == nil {
					h.control.progress(station, time.Now())
				}
			})
		}
	})
	return nil
}
