package kafka

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
)

const (
	// sendersPerBroker bounds the requests in flight to a broker. With two, one is
	// encoded while the broker handles the other. Only one of them holds a given
	// partition's batch.
	sendersPerBroker = 2
	// linger is the minimum time between the starts of two requests, unless there are
	// lingerBytes or a caller waits: it batches records that come in quick succession.
	linger      = 2 * time.Millisecond
	lingerBytes = 128 << 10

	retryBackoff  = 50 * time.Millisecond
	maxRetryDelay = time.Second
)

// sender sends the batches of the partitions that one broker leads.
//
// Sarama's own producer is not used, for three reasons of its version 1.61.1:
//   - After a lost connection, it gives a batch up when its first leader look-up fails,
//     so an outage of a second loses records.
//   - A failed batch moves all partitions to another epoch.
//   - A record passes through five channels: measured side by side on two busy cores,
//     this sender sends two to five times as many.
//
// Producer.mu guards its fields.
type sender struct {
	p      *Producer
	broker int32 // -1: for partitions without a leader
	cond   *sync.Cond
	ready  []*outbox
	last   time.Time // start of the latest request
}

// readyLocked lists an outbox with its leader's sender.
func (p *Producer) readyLocked(o *outbox) {
	if o.taken || o.listed || o.Empty() {
		return
	}
	s := p.senders[o.leader]
	if s == nil {
		if p.ctx.Err() != nil {
			return // Close fails what is left
		}
		s = &sender{p: p, broker: o.leader, cond: sync.NewCond(&p.mu)}
		p.senders[o.leader] = s
		for range sendersPerBroker {
			p.wg.Go(s.run)
		}
	}
	o.listed = true
	s.ready = append(s.ready, o)
	s.cond.Signal()
}

func (s *sender) run() {
	for s.p.ctx.Err() == nil {
		if boxes := s.take(); len(boxes) > 0 {
			s.send(boxes)
		}
	}
}

// take waits for batches, and takes one of each ready partition. It returns none once the
// producer is closed or the partitions' leaders have moved.
func (s *sender) take() []*outbox {
	p := s.p
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.ctx.Err() != nil {
			return nil
		}
		if len(s.ready) == 0 {
			s.cond.Wait()
			continue
		}
		rest := linger - time.Since(s.last)
		if rest <= 0 || s.hurriedLocked() {
			break
		}
		p.mu.Unlock()
		time.Sleep(rest)
		p.mu.Lock()
	}
	s.last = time.Now()
	var taken []*outbox
	bytes := 0
	for len(s.ready) > 0 && bytes < batch.RequestBytes {
		o := s.ready[0]
		s.ready[0] = nil
		s.ready = s.ready[1:]
		o.listed = false
		if o.Empty() {
			continue
		}
		if o.leader != s.broker {
			p.readyLocked(o)
			continue
		}
		o.taken = true
		bytes += o.Seal().Bytes
		taken = append(taken, o)
	}
	if len(s.ready) == 0 {
		s.ready = nil // free the used front of the slice
	} else {
		s.cond.Signal() // the other goroutine takes the rest
	}
	return taken
}

// hurriedLocked reports whether to send now: a caller waits, or there are enough bytes.
func (s *sender) hurriedLocked() bool {
	if s.p.left != nil {
		return true
	}
	bytes := 0
	for _, o := range s.ready {
		if !o.Empty() {
			bytes += o.Oldest().Bytes
		}
		if bytes >= lingerBytes {
			return true
		}
	}
	return false
}

// send makes one request, and settles or retries its batches.
func (s *sender) send(boxes []*outbox) {
	resp, err := s.produce(boxes)
	var retry []failed
	for _, o := range boxes {
		cause := err
		if err == nil {
			cause = o.Answered(resp)
		}
		if !s.p.settle(o, cause) {
			retry = append(retry, failed{o, cause})
			continue
		}
		s.p.mu.Lock()
		o.taken = false
		s.p.readyLocked(o)
		s.p.mu.Unlock()
	}
	if len(retry) > 0 {
		s.p.again(retry)
	}
}

func (s *sender) produce(boxes []*outbox) (resp *sarama.ProduceResponse, err error) {
	if s.broker < 0 {
		return nil, cluster.ErrNoLeader
	}
	p := s.p
	if err := p.identify(boxes); err != nil {
		return nil, err
	}
	all := make([]*batch.Box, len(boxes))
	p.mu.Lock()
	for i, o := range boxes {
		all[i] = &o.Box
	}
	req := batch.Request("", all)
	p.mu.Unlock()
	err = p.client.cl.Ask(p.ctx, cluster.Broker(s.broker), batch.ReplicaTimeout+cluster.Quick/2, func(b *sarama.Broker) error {
		resp, err = b.Produce(req)
		return err
	})
	return resp, err
}

// identify assigns a producer id to partitions without one.
func (p *Producer) identify(boxes []*outbox) error {
	p.pidLock.Lock()
	defer p.pidLock.Unlock()
	for _, o := range boxes {
		if o.PID >= 0 { // o is taken: no other goroutine uses it
			continue
		}
		if p.pid < 0 {
			err := p.client.cl.Ask(p.ctx, cluster.Any(), cluster.Quick, func(b *sarama.Broker) error {
				resp, err := b.InitProducerID(&sarama.InitProducerIDRequest{Version: 4, ProducerID: -1, ProducerEpoch: -1})
				if err != nil {
					return err
				}
				if resp.Err == sarama.ErrNoError {
					p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
				}
				return cluster.Refusal(resp.Err)
			})
			if err != nil {
				return fmt.Errorf("producer id: %w", err)
			}
		}
		o.Own(p.pid, p.epoch)
	}
	return nil
}

// disown makes the next partition without a producer id ask for a new one.
func (p *Producer) disown(pid int64) {
	p.pidLock.Lock()
	defer p.pidLock.Unlock()
	if p.pid == pid {
		p.pid = -1
	}
}

// oldestLocked returns the number of the oldest record not settled.
func (p *Producer) oldestLocked() uint64 {
	oldest := uint64(math.MaxUint64)
	for _, o := range p.boxes {
		if !o.Empty() {
			oldest = min(oldest, o.Oldest().First)
		}
	}
	return oldest
}

// settle ends o's batch in flight if the answer is final, and reports whether it did.
func (p *Producer) settle(o *outbox, cause error) bool {
	if errors.Is(cause, cluster.ErrNoLeader) && p.client.cl.View().Topics[o.Topic] == nil {
		cause = sarama.ErrUnknownTopicOrPartition
	}
	var kerr sarama.KError
	errors.As(cause, &kerr)
	p.mu.Lock()
	age, waiting := time.Since(o.Oldest().Created), o.Len()
	if kerr != sarama.ErrUnknownTopicOrPartition {
		o.lost = time.Time{}
	} else if o.lost.IsZero() {
		o.lost = time.Now()
	}
	gone := !o.lost.IsZero() && time.Since(o.lost) > unknownTopicTimeout
	smaller := kerr == sarama.ErrMessageSizeTooLarge && o.Split() // the topic's limit is lower (max.message.bytes)
	p.mu.Unlock()
	switch {
	case cause == nil:
		p.end(o, nil)
	case p.ctx.Err() != nil: // Close fails what is left
	case smaller:
	case gone: // drop all waiting records, or they would follow those sent to a new topic of that name
		for range waiting {
			p.end(o, fmt.Errorf("given up, as the topic is gone: %w", cause))
		}
	case age > deliveryTimeout:
		p.end(o, fmt.Errorf("given up after %v: %w", age.Round(time.Second), cause))
	case kerr == sarama.ErrOutOfOrderSequenceNumber, kerr == sarama.ErrUnknownProducerID,
		kerr == sarama.ErrInvalidProducerEpoch, kerr == sarama.ErrProducerFenced, kerr == sarama.ErrInvalidProducerIDMapping:
		// The broker has lost this producer's state, perhaps with acknowledged records.
		// Its log lacks this batch under this sequence.
		p.client.cfg.Log.Warn("broker has lost the producer's sequence; going on with a new producer id",
			"topic", o.Topic, "partition", o.Partition.Partition, "reason", p.client.cl.Explain(cause).Text)
		p.disown(o.PID)
		o.PID = -1
		return false
	case !cluster.Passes(cause):
		p.end(o, cause)
	default:
		return false
	}
	return true
}

// end removes the partition's oldest batch: delivered when err is nil.
func (p *Producer) end(o *outbox, err error) {
	p.mu.Lock()
	b := o.Seal() // Send adds nothing more
	p.mu.Unlock()
	n := len(b.Records.Records)
	reason := ""
	if err != nil {
		reason = p.client.cl.Explain(err).Text
		err = fmt.Errorf("kafka: deliver to %s/%d: %w", o.Topic, o.Partition.Partition, err)
		p.client.stats.sendErrors.Add(float64(n))
		p.disown(o.PID)
	} else {
		p.client.stats.sentBytes.WithLabelValues(o.Topic).Add(float64(b.Payload))
		p.client.stats.sendSeconds.Observe(time.Since(b.Created).Seconds())
	}
	untold := n
	for _, done := range b.Done { // before Flush returns
		if done != nil {
			done(err)
			untold--
		}
	}
	p.client.stats.buffered.Sub(float64(n))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.report.GivenUp += uint64(n)
		p.report.Reasons[reason] += uint64(n)
		if !p.losing && !errors.Is(err, ErrClosed) {
			p.client.cfg.Log.Warn("records are given up; more of them are only counted", "topic", o.Topic,
				"partition", o.Partition.Partition, "records", n, "reason", reason)
		}
		if untold > 0 {
			p.untold.add(err, untold)
		}
	} else {
		p.report.Delivered += uint64(n)
	}
	p.losing = err != nil
	o.Pop(err == nil)
	o.backoff, o.lost = 0, time.Time{}
	delete(p.waiting, o)
	if len(p.waiting) == 0 && !p.since.IsZero() {
		if err == nil {
			p.client.cfg.Log.Info("sending goes on", "after", time.Since(p.since).Round(time.Millisecond))
		}
		p.since = time.Time{}
	}
	p.buffered -= n
	p.bytes -= b.Bytes
	p.wakeLocked()
}

// failed is an outbox whose batch must be resent, and the reason.
type failed struct {
	*outbox
	cause error
}

// again finds the leaders of partitions whose batch failed, and lists them after a
// pause.
func (p *Producer) again(boxes []failed) {
	p.client.stats.retries.Add(float64(len(boxes)))
	p.complain(boxes)
	p.client.cl.Moved()
	view, err := p.client.cl.Refresh(p.ctx)
	if err == nil {
		for _, o := range boxes {
			if t := view.Topics[o.Topic]; t != nil && t.Err == nil {
				p.addRoute(o.Topic, t.Leaders)
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range boxes {
		o := f.outbox
		if err == nil {
			o.leader = view.Leader(o.Partition)
		}
		o.backoff = min(max(2*o.backoff, retryBackoff), maxRetryDelay)
		time.AfterFunc(o.backoff, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.ctx.Err() == nil {
				o.taken = false
				p.readyLocked(o)
			}
		})
	}
}

// complain logs once that sending waits, and why, until nothing waits. A single failure
// is normal: leaders move, and brokers close idle connections.
func (p *Producer) complain(boxes []failed) {
	if p.ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range boxes {
		if f.backoff == 0 || errors.Is(f.cause, sarama.ErrOffsetsLoadInProgress) || errors.Is(f.cause, sarama.ErrConsumerCoordinatorNotAvailable) {
			continue // a new cluster needs a moment for its first producer id
		}
		p.waiting[f.outbox] = true
		if p.since.IsZero() {
			p.since = time.Now()
			p.client.cfg.Log.Warn("sending waits for the Kafka cluster", "reason", p.client.cl.Explain(f.cause).Text,
				"topic", f.Topic, "partition", f.Partition.Partition)
		}
	}
}
