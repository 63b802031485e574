package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// View is the cluster's state at one time. It doesn't change.
type View struct {
	Brokers    map[int32]string // addresses by id
	Controller int32
	Topics     map[string]*Topic
	at         time.Time // of the request
}

// Topic is the cluster's description of a topic.
type Topic struct {
	// ID is assigned by the cluster when the topic is created. A new topic of the same name
	// has another. It is empty before Kafka 2.8.
	ID       string
	Internal bool
	Leaders  []int32 // broker ids by partition; -1 for none
	Epochs   []int32 // how often each partition's leader has changed; -1 for unknown
	Replicas int     // the fewest of any partition
	Err      error   // why the topic is unknown
}

// Leader returns the broker that leads p; -1 without a leader or without that partition.
func (v *View) Leader(p record.Partition) int32 { return v.serves(Leader(p)) }

func (v *View) serves(to Target) int32 {
	if to.kind == toController {
		if v.Brokers[v.Controller] == "" {
			return -1
		}
		return v.Controller
	}
	if t := v.Topics[to.name]; t != nil && int(to.n) < len(t.Leaders) {
		return t.Leaders[to.n]
	}
	return -1
}

// Epoch returns how often the leader of p has changed; -1 if that is unknown. A broker that
// doesn't know that it no longer leads refuses a request with the epoch.
func (v *View) Epoch(p record.Partition) int32 {
	if t := v.Topics[p.Topic]; t != nil && int(p.Partition) < len(t.Epochs) {
		return t.Epochs[p.Partition]
	}
	return -1
}

// ByLeader groups partitions by the broker that leads them; -1 without a leader.
func (v *View) ByLeader(partitions []record.Partition) map[int32][]record.Partition {
	groups := make(map[int32][]record.Partition)
	for _, p := range partitions {
		groups[v.Leader(p)] = append(groups[v.Leader(p)], p)
	}
	return groups
}

// keepNewerLeaders takes over the leaders of an earlier view that have a later epoch. A
// broker that was hung describes the cluster as it was, until it has caught up.
func (v *View) keepNewerLeaders(was *View) {
	for name, t := range v.Topics {
		old := was.Topics[name]
		if old == nil || t.ID == "" || old.ID != t.ID {
			continue // epochs of another topic say nothing
		}
		for i := range min(len(t.Epochs), len(old.Epochs)) {
			if t.Epochs[i] >= 0 && t.Epochs[i] < old.Epochs[i] {
				t.Epochs[i], t.Leaders[i] = old.Epochs[i], old.Leaders[i]
			}
		}
	}
}

// View returns the latest view. It is empty before the first [Cluster.Refresh].
func (c *Cluster) View() *View { return c.view.Load() }

// refreshing is a look at the cluster that several callers may share.
type refreshing struct {
	done chan struct{}
	view *View
	err  error
}

// Refresh returns a new view. Callers that arrive during a look share the next one.
func (c *Cluster) Refresh(ctx context.Context) (*View, error) {
	asked := time.Now()
	for {
		c.mu.Lock()
		if c.idle == nil {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		r := c.refreshing
		if r == nil {
			r = &refreshing{done: make(chan struct{})}
			c.refreshing = r
			c.helpers.Go(func() {
				r.view, r.err = c.Metadata(c.ctx, Any(), nil)
				if r.err == nil {
					r.view.keepNewerLeaders(c.View())
					c.view.Store(r.view)
				}
				c.mu.Lock()
				c.refreshing = nil
				c.mu.Unlock()
				close(r.done)
			})
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-r.done:
		}
		if r.err != nil || !r.view.at.Before(asked) {
			return r.view, r.err
		}
	}
}

// TopicMetadata returns the cluster's description of one topic. Unlike a view, the answer
// distinguishes a topic that the user may not see from one that doesn't exist.
func (c *Cluster) TopicMetadata(ctx context.Context, topic string) (*Topic, error) {
	view, err := c.Metadata(ctx, Any(), []string{topic})
	if err != nil {
		return nil, err
	}
	t := view.Topics[topic]
	if t == nil {
		return nil, sarama.ErrUnknownTopicOrPartition
	}
	return t, t.Err
}

// Partitions returns how many partitions a topic has.
func (c *Cluster) Partitions(ctx context.Context, topic string) (int32, error) {
	t := c.View().Topics[topic]
	if t == nil || t.Err != nil || len(t.Leaders) == 0 {
		var err error
		if t, err = c.TopicMetadata(ctx, topic); err != nil {
			return 0, fmt.Errorf("topic %s: %w", topic, err)
		}
		c.Invalidate() // the next view includes the topic
	}
	return int32(len(t.Leaders)), nil
}

// Metadata returns one broker's knowledge of topics, or of all: other brokers may know more.
func (c *Cluster) Metadata(ctx context.Context, by Target, topics []string) (*View, error) {
	view := &View{at: time.Now(), Brokers: make(map[int32]string), Topics: make(map[string]*Topic)}
	req := sarama.NewMetadataRequest(c.conf.Version, topics)
	err := c.Ask(ctx, by, RequestTimeout, Send((*sarama.Broker).GetMetadata, req, func(resp *sarama.MetadataResponse) error {
		if len(resp.Brokers) == 0 {
			return errors.New("the broker has just started, and does not know its cluster yet")
		}
		view.Controller = resp.ControllerID
		for _, b := range resp.Brokers {
			view.Brokers[b.ID()] = b.Addr()
		}
		for _, t := range resp.Topics {
			view.Topics[t.Name] = topicOf(t)
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return view, nil
}

func topicOf(meta *sarama.TopicMetadata) *Topic {
	n := len(meta.Partitions)
	t := &Topic{Internal: meta.IsInternal, Leaders: slices.Repeat([]int32{-1}, n), Epochs: make([]int32, n)}
	if meta.Uuid != (sarama.Uuid{}) {
		t.ID = meta.Uuid.String()
	}
	if meta.Err != sarama.ErrNoError && meta.Err != sarama.ErrLeaderNotAvailable {
		t.Err = meta.Err
	}
	for i, p := range meta.Partitions {
		if int(p.ID) < len(t.Leaders) {
			t.Leaders[p.ID], t.Epochs[p.ID] = p.Leader, p.LeaderEpoch
			if p.Version < 7 { // before Kafka 2.1
				t.Epochs[p.ID] = -1
			}
		}
		if i == 0 || len(p.Replicas) < t.Replicas {
			t.Replicas = len(p.Replicas)
		}
	}
	return t
}

// At selects an offset to look up.
type At int64

// The ends of a partition; other values are times in milliseconds.
const (
	Oldest = At(sarama.OffsetOldest)
	Newest = At(sarama.OffsetNewest)
)

// Each selects the same for all partitions.
func Each(partitions []record.Partition, at At) map[record.Partition]At {
	of := make(map[record.Partition]At, len(partitions))
	for _, p := range partitions {
		of[p] = at
	}
	return of
}

// Bounds are the first and the next offset of a partition.
type Bounds struct{ Oldest, Newest int64 }

// Bounds returns the bounds of partitions, with the rules of [Cluster.Offsets].
func (c *Cluster) Bounds(ctx context.Context, of []record.Partition, committed bool) (map[record.Partition]Bounds, error) {
	if len(of) == 0 {
		return nil, nil
	}
	oldest, err := c.Offsets(ctx, Each(of, Oldest), committed, RequestTimeout)
	newest, err2 := c.Offsets(ctx, Each(of, Newest), committed, RequestTimeout)
	bounds := make(map[record.Partition]Bounds, len(of))
	for p, at := range oldest {
		if end, ok := newest[p]; ok {
			bounds[p] = Bounds{at, end}
		}
	}
	return bounds, cmp.Or(err, err2)
}

// Offsets returns an offset of each partition. With committed, Newest is the first offset
// that an open transaction holds back. Partitions are left out when they have no leader, or
// when the leader refuses or doesn't answer: the error gives the reason for one of them.
// A hung leader holds up the answer for limit: callers that can use it in parts ask by
// [View.ByLeader].
func (c *Cluster) Offsets(ctx context.Context, of map[record.Partition]At, committed bool, limit time.Duration) (map[record.Partition]int64, error) {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		worst error
		found = make(map[record.Partition]int64, len(of))
	)
	byLeader := c.View().ByLeader(slices.Collect(maps.Keys(of)))
	if leaderless := byLeader[-1]; len(leaderless) > 0 {
		delete(byLeader, -1)
		worst = fmt.Errorf("%v: %w", leaderless[0], ErrNoLeader)
		c.Invalidate()
	}
	for leader, partitions := range byLeader {
		wg.Go(func() {
			req := sarama.NewOffsetRequest(c.conf.Version)
			if committed {
				req.IsolationLevel = sarama.ReadCommitted
			}
			for _, p := range partitions {
				req.AddBlock(p.Topic, p.Partition, int64(of[p]), 1)
			}
			var resp *sarama.OffsetResponse
			err := c.Ask(ctx, Broker(leader), limit, Send((*sarama.Broker).GetAvailableOffsets, req, Into(&resp)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				c.Invalidate()
				worst = fmt.Errorf("broker %d: %w", leader, err)
				return
			}
			for _, p := range partitions {
				block := resp.GetBlock(p.Topic, p.Partition)
				switch {
				case block == nil:
				case block.Err == sarama.ErrNoError:
					found[p] = block.Offset
				default:
					if worst == nil || !Retriable(block.Err) {
						worst = fmt.Errorf("%v: %w", p, block.Err)
					}
					if misdirected(block.Err) {
						c.Invalidate()
					}
				}
			}
		})
	}
	wg.Wait()
	return found, worst
}

// CurrentView returns the latest view, or a new one if the latest has turned out wrong.
func (c *Cluster) CurrentView(ctx context.Context) (*View, error) {
	view := c.View()
	c.mu.Lock()
	wrong := !c.invalidated.Before(view.at)
	c.mu.Unlock()
	if wrong {
		return c.Refresh(ctx)
	}
	return view, nil
}
