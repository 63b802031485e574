package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// scout looks for partitions of matching topics, and for their leaders, until
// ctx ends.
func (r *reader) scout(ctx context.Context) {
	defer r.wg.Done()
	log := r.client.cfg.Log
	lag := readLag{r: r, of: make(map[string]int64)}
	defer lag.tell(nil)
	var last string
	backoff := 50 * time.Millisecond
	for {
		err := r.lookAround(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := r.refresh
		switch {
		case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrSASLAuthenticationFailed):
			r.cancel(fmt.Errorf("kafka: read: %w", err))
			return
		case err != nil:
			if text := r.client.diagnose(err).text; text != last {
				log.Warn("reading waits for the Kafka cluster", "reason", text)
				last = text
			}
			wait = min(backoff, wait)
			backoff = min(2*backoff, 2*time.Second)
		default:
			if last != "" {
				log.Info("reading goes on", "brokers", r.client.cfg.Brokers)
				last = ""
			}
			backoff = 50 * time.Millisecond
			lag.look()
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.stale:
			// Not at once: a cluster that has just moved a leader needs a moment.
			retry.Pause(ctx, 50*time.Millisecond)
		}
		timer.Stop()
	}
}

// lookAround brings cursors and fetchers in line with the cluster.
func (r *reader) lookAround(ctx context.Context) error {
	meta, err := r.describe()
	if err != nil {
		return err
	}
	found := make(map[Partition]int32)
	waiting := false // a partition has no leader: it may be one that exists at the call
	for _, t := range meta.Topics {
		if t.IsInternal || !r.match(t.Name) {
			continue
		}
		if t.Err == sarama.ErrTopicAuthorizationFailed {
			return fmt.Errorf("topic %s: %w", t.Name, t.Err)
		}
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				waiting = true
				continue
			}
			found[Partition{t.Name, p.ID}] = p.Leader
		}
	}

	r.mu.Lock()
	fresh := make(map[Partition]int32)
	for p, leader := range found {
		if cur := r.cursors[p]; cur == nil {
			fresh[p] = leader
		} else if cur.leader != leader {
			cur.leader, cur.paused = leader, time.Time{}
		}
	}
	for p := range r.ends {
		if _, ok := found[p]; !ok && r.cursors[p] == nil {
			waiting = true
		}
	}
	topics := make(map[string]bool, len(meta.Topics))
	for _, t := range meta.Topics {
		topics[t.Name] = true
	}
	for p := range r.cursors {
		if _, wanted := r.ends[p]; !wanted && !topics[p.Topic] {
			r.client.cfg.Log.Info("topic is gone", "topic", p.Topic, "partition", p.Partition)
			delete(r.cursors, p)
		}
	}
	scouted := r.scouted
	r.mu.Unlock()

	begun, err := r.locate(fresh, scouted)
	if err != nil {
		return err
	}
	r.mu.Lock()
	for _, cur := range begun {
		silence(cur.Topic)
		r.cursors[cur.Partition] = cur
	}
	if !waiting && len(begun) == len(fresh) {
		r.scouted = true
	}
	for _, cur := range r.cursors {
		r.fetcherOf(ctx, cur.leader)
	}
	for _, f := range r.fetchers {
		r.signal(f.wake)
	}
	r.mu.Unlock()
	r.signal(r.work)
	if waiting || len(begun) < len(fresh) {
		return errors.New("partitions without a leader")
	}
	return nil
}

// describe asks for the metadata of all topics, and lets sarama take in the
// brokers that it names.
func (r *reader) describe() (*sarama.MetadataResponse, error) {
	broker := r.sc.LeastLoadedBroker()
	if broker != nil {
		meta, err := broker.GetMetadata(sarama.NewMetadataRequest(r.sc.Config().Version, nil))
		if err == nil && len(meta.Brokers) > 0 {
			if known(r.sc, meta.Brokers) {
				return meta, nil
			}
		} else {
			_ = broker.Close()
		}
	}
	// Sarama tries every broker that it knows, and drops those that don't answer.
	if err := refreshBrokers(r.sc); err != nil {
		return nil, err
	}
	broker = r.sc.LeastLoadedBroker()
	if broker == nil {
		return nil, sarama.ErrOutOfBrokers
	}
	meta, err := broker.GetMetadata(sarama.NewMetadataRequest(r.sc.Config().Version, nil))
	if err != nil {
		_ = broker.Close()
	}
	return meta, err
}

// refreshBrokers makes sarama learn the cluster's brokers. A topic that lacks a
// leader doesn't count.
func refreshBrokers(sc sarama.Client) error {
	if err := sc.RefreshMetadata(); errors.Is(err, sarama.ErrOutOfBrokers) || errors.Is(err, sarama.ErrSASLAuthenticationFailed) || errors.Is(err, sarama.ErrClosedClient) {
		return err
	}
	return nil
}

func known(sc sarama.Client, brokers []*sarama.Broker) bool {
	for _, want := range brokers {
		have := false
		for _, b := range sc.Brokers() {
			if b.ID() == want.ID() && b.Addr() == want.Addr() {
				have = true
			}
		}
		if !have {
			return false
		}
	}
	return true
}

// locate finds where partitions begin and, for those that exist at the call,
// where they end. Partitions whose leader doesn't answer now are left out.
func (r *reader) locate(fresh map[Partition]int32, late bool) ([]*cursor, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	oldest, err := offsets(r.sc, fresh, func(Partition) int64 { return sarama.OffsetOldest })
	if err != nil {
		return nil, err
	}
	begun := make([]*cursor, 0, len(oldest))
	if late {
		for p, at := range oldest {
			begun = append(begun, &cursor{Partition: p, leader: fresh[p], next: at, handled: at})
		}
		return begun, nil
	}
	ends, err := offsets(r.sc, fresh, func(Partition) int64 { return sarama.OffsetNewest })
	if err != nil {
		return nil, err
	}
	byTime := make(map[Partition]int32)
	times := make(map[Partition]int64)
	for p, at := range oldest {
		end, ok := ends[p]
		if !ok {
			continue
		}
		if to, ok := r.ends[p]; ok {
			end = to
		}
		next, t := r.begin(p, at, end)
		if !t.IsZero() {
			byTime[p], times[p] = fresh[p], max(t.UnixMilli(), 0)
		}
		begun = append(begun, &cursor{Partition: p, leader: fresh[p], next: next, handled: next, target: end})
	}
	if len(byTime) == 0 {
		return begun, nil
	}
	at, err := offsets(r.sc, byTime, func(p Partition) int64 { return times[p] })
	if err != nil {
		return nil, err
	}
	kept := begun[:0]
	for _, cur := range begun {
		if _, ok := byTime[cur.Partition]; ok {
			next, answered := at[cur.Partition]
			if !answered {
				continue
			}
			if next >= 0 { // otherwise no record is that young, and it begins at the end
				cur.next, cur.handled = next, next
			}
		}
		kept = append(kept, cur)
	}
	return kept, nil
}

// offsets asks each leader once for one offset of each of its partitions: at a
// time in milliseconds, or sarama.OffsetOldest or OffsetNewest, which is the last
// stable one. Partitions that their leader refuses are left out.
func offsets(sc sarama.Client, leaders map[Partition]int32, at func(Partition) int64) (map[Partition]int64, error) {
	requests := make(map[int32]*sarama.OffsetRequest)
	for p, leader := range leaders {
		req := requests[leader]
		if req == nil {
			req = sarama.NewOffsetRequest(sc.Config().Version)
			req.IsolationLevel = sarama.ReadCommitted
			requests[leader] = req
		}
		req.AddBlock(p.Topic, p.Partition, at(p), 1)
	}
	found := make(map[Partition]int64, len(leaders))
	for leader, req := range requests {
		broker, err := sc.Broker(leader)
		if err != nil {
			return nil, err
		}
		resp, err := broker.GetAvailableOffsets(req)
		if err != nil {
			_ = broker.Close()
			return nil, err
		}
		for p, l := range leaders {
			if l != leader {
				continue
			}
			block := resp.GetBlock(p.Topic, p.Partition)
			switch {
			case block == nil:
			case block.Err == sarama.ErrNoError:
				found[p] = block.Offset
			case block.Err == sarama.ErrTopicAuthorizationFailed:
				return nil, fmt.Errorf("topic %s: %w", p.Topic, block.Err)
			}
		}
	}
	return found, nil
}
