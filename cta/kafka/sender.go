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

// enqueueLocked lists an outbox with its leader's sender.
func (p *Producer) enqueueLocked(o *outbox) {
	if o.inFlight || o.queued || o.Empty() {
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
	o.queued = true
	s.ready = append(s.ready, o)
	s.cond.Signal()
}

func (s *sender) run() {
	for s.p.ctx.Err() == nil {
		if outboxes := s.nextBatches(); len(outboxes) > 0 {
			s.send(outboxes)
		}
	}
}

// nextBatches waits for batches, and takes one of each ready partition. It returns none once the
// producer is closed or the partitions' leaders have moved.
func (s *sender) nextBatches() []*outbox {
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
		if rest <= 0 || s.sendNowLocked() {
			break
		}
		p.mu.Unlock()
		time.Sleep(rest)
		p.mu.Lock()
	}
	s.last = time.Now()
	var batches []*outbox
	bytes := 0
	for len(s.ready) > 0 && bytes < batch.RequestBytes {
		o := s.ready[0]
		s.ready[0] = nil
		s.ready = s.ready[1:]
		o.queued = false
		if o.Empty() {
			continue
		}
		if o.leader != s.broker {
			p.enqueueLocked(o)
			continue
		}
		o.inFlight = true
		bytes += o.Seal().Bytes
		batches = append(batches, o)
	}
	if len(s.ready) == 0 {
		s.ready = nil // free the used front of the slice
	} else {
		s.cond.Signal() // the other goroutine takes the rest
	}
	return batches
}

// sendNowLocked reports whether to send now: a caller waits, or there are enough bytes.
func (s *sender) sendNowLocked() bool {
	if s.p.settled != nil {
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
func (s *sender) send(outboxes []*outbox) {
	resp, err := s.produce(outboxes)
	var delivered, retry []*outbox
	for _, o := range outboxes {
		if o.cause = err; err == nil {
			o.cause = o.ProduceError(resp)
		}
		switch {
		case o.cause == nil:
			delivered = append(delivered, o)
		case s.p.handleFailure(o):
			s.p.release(o)
		default:
			retry = append(retry, o)
		}
	}
	s.p.complete(nil, delivered...)
	if len(retry) > 0 {
		s.p.retry(retry)
	}
}

// release lets an outbox send its next batch.
func (p *Producer) release(o *outbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.inFlight = false
	p.enqueueLocked(o)
}

func (s *sender) produce(outboxes []*outbox) (resp *sarama.ProduceResponse, err error) {
	if s.broker < 0 {
		return nil, cluster.ErrNoLeader
	}
	p := s.p
	if err := p.ensureProducerIDs(outboxes); err != nil {
		return nil, err
	}
	all := make([]*batch.Queue, len(outboxes))
	p.mu.Lock()
	for i, o := range outboxes {
		all[i] = &o.Queue
	}
	req := batch.Request("", all)
	p.mu.Unlock()
	err = p.client.cl.Ask(p.ctx, cluster.Broker(s.broker), batch.ReplicaTimeout+cluster.RequestTimeout/2, cluster.Send((*sarama.Broker).Produce, req, cluster.Into(&resp)))
	return resp, err
}

// ensureProducerIDs assigns a producer id to partitions without one.
func (p *Producer) ensureProducerIDs(outboxes []*outbox) error {
	p.pidLock.Lock()
	defer p.pidLock.Unlock()
	for _, o := range outboxes {
		if o.PID >= 0 { // o is in flight: no other goroutine uses it
			continue
		}
		if p.pid < 0 {
			req := &sarama.InitProducerIDRequest{Version: 4, ProducerID: -1, ProducerEpoch: -1}
			err := p.client.cl.Ask(p.ctx, cluster.Any(), cluster.RequestTimeout, cluster.Send((*sarama.Broker).InitProducerID, req, func(resp *sarama.InitProducerIDResponse) error {
				if resp.Err == sarama.ErrNoError {
					p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
				}
				return cluster.Refusal(resp.Err)
			}))
			if err != nil {
				return fmt.Errorf("producer id: %w", err)
			}
		}
		o.SetProducer(p.pid, p.epoch)
	}
	return nil
}

// retireProducerID makes the next partition without a producer id ask for a new one.
func (p *Producer) retireProducerID(pid int64) {
	p.pidLock.Lock()
	defer p.pidLock.Unlock()
	if p.pid == pid {
		p.pid = -1
	}
}

// oldestLocked returns the number of the oldest record not settled.
func (p *Producer) oldestLocked() uint64 {
	oldest := uint64(math.MaxUint64)
	for _, o := range p.outboxes {
		if !o.Empty() {
			oldest = min(oldest, o.Oldest().First)
		}
	}
	return oldest
}

// handleFailure ends o's failed batch if its cause is final, and reports whether it did.
func (p *Producer) handleFailure(o *outbox) bool {
	cause := o.cause
	if errors.Is(cause, cluster.ErrNoLeader) && p.client.cl.View().Topics[o.Topic] == nil {
		cause = sarama.ErrUnknownTopicOrPartition
	}
	kerr, _ := errors.AsType[sarama.KError](cause)
	p.mu.Lock()
	age, waiting := time.Since(o.Oldest().Created), o.Len()
	if kerr != sarama.ErrUnknownTopicOrPartition {
		o.unknownSince = time.Time{}
	} else if o.unknownSince.IsZero() {
		o.unknownSince = time.Now()
	}
	gone := !o.unknownSince.IsZero() && time.Since(o.unknownSince) > unknownTopicTimeout
	smaller := kerr == sarama.ErrMessageSizeTooLarge && o.Split() // the topic's limit is lower (max.message.bytes)
	p.mu.Unlock()
	switch {
	case p.ctx.Err() != nil: // Close fails what is left
	case smaller:
	case gone: // drop all waiting records, or they would follow those sent to a new topic of that name
		for range waiting {
			p.complete(fmt.Errorf("given up, as the topic is gone: %w", cause), o)
		}
	case age > deliveryTimeout:
		p.complete(fmt.Errorf("given up after %v: %w", age.Round(time.Second), cause), o)
	case kerr == sarama.ErrOutOfOrderSequenceNumber, kerr == sarama.ErrUnknownProducerID,
		kerr == sarama.ErrInvalidProducerEpoch, kerr == sarama.ErrProducerFenced, kerr == sarama.ErrInvalidProducerIDMapping:
		// The broker has lost this producer's state, perhaps with acknowledged records.
		// Its log lacks this batch under this sequence.
		p.client.cfg.Log.Warn("broker lost the producer's sequence; continuing with a new producer id",
			"topic", o.Topic, "partition", o.Partition.Partition, "reason", p.client.cl.Explain(cause).Text)
		p.retireProducerID(o.PID)
		o.PID = -1
		return false
	case !cluster.Retriable(cause):
		p.complete(cause, o)
	default:
		return false
	}
	return true
}

// complete removes the oldest batch of each outbox: delivered when err is nil, and then the
// outbox may send its next one. It handles all in one go, because Send needs the lock for
// every record. Batches that are given up come one by one.
func (p *Producer) complete(err error, outboxes ...*outbox) {
	if len(outboxes) == 0 {
		return
	}
	reason := ""
	if err != nil {
		reason = p.client.cl.Explain(err).Text
		err = fmt.Errorf("kafka: deliver to %v: %w", outboxes[0].Partition, err)
	}
	batches := make([]*batch.Batch, len(outboxes))
	p.mu.Lock()
	for i, o := range outboxes {
		batches[i] = o.Seal() // Send adds nothing more
	}
	p.mu.Unlock()
	n, reported := 0, 0
	for i, b := range batches {
		n += len(b.Records.Records)
		if err == nil {
			p.client.stats.sentBytes.WithLabelValues(outboxes[i].Topic).Add(float64(b.Payload))
			p.client.stats.sendSeconds.Observe(time.Since(b.Created).Seconds())
		}
		for _, done := range b.Done { // before Flush returns
			if done != nil {
				done(err)
				reported++
			}
		}
	}
	p.client.stats.buffered.Sub(float64(n))
	if err != nil {
		p.client.stats.sendErrors.Add(float64(n))
		p.retireProducerID(outboxes[0].PID)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range outboxes {
		o.Pop(err == nil)
		o.backoff, o.unknownSince = 0, time.Time{}
		p.resumeLocked(o, err == nil)
		p.bytes -= batches[i].Bytes
		if err == nil {
			o.inFlight = false
			p.enqueueLocked(o)
		}
	}
	p.buffered -= n
	if err == nil {
		p.report.Delivered += uint64(n)
	} else {
		p.report.GivenUp += uint64(n)
		p.report.Reasons[reason] += uint64(n)
		if !p.givingUp && !errors.Is(err, ErrClosed) {
			p.client.cfg.Log.Warn("records dropped; further ones are only counted", "topic", outboxes[0].Topic,
				"partition", outboxes[0].Partition.Partition, "records", n, "reason", reason)
		}
		if n > reported {
			p.unreported.add(err, n-reported)
		}
	}
	p.givingUp = err != nil
	p.wakeLocked()
}

// retry finds the leaders of partitions whose batch failed, and lists them after a
// pause.
func (p *Producer) retry(outboxes []*outbox) {
	p.client.stats.retries.Add(float64(len(outboxes)))
	p.warnWaiting(outboxes)
	p.client.cl.Invalidate()
	view, err := p.client.cl.Refresh(p.ctx)
	if err == nil {
		for _, o := range outboxes {
			if t := view.Topics[o.Topic]; t != nil && t.Err == nil {
				p.addRoute(o.Topic, t.Leaders)
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range outboxes {
		if err == nil {
			o.leader = view.Leader(o.Partition)
		}
		o.backoff = min(max(2*o.backoff, retryBackoff), maxRetryDelay)
		time.AfterFunc(o.backoff, func() { p.release(o) })
	}
}

// warnWaiting warns of batches that have failed before.
func (p *Producer) warnWaiting(outboxes []*outbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range outboxes {
		// A single failure is normal: leaders move, and brokers close idle connections. A new
		// cluster needs a moment for its first producer id.
		if o.backoff > 0 && !errors.Is(o.cause, sarama.ErrOffsetsLoadInProgress) && !errors.Is(o.cause, sarama.ErrConsumerCoordinatorNotAvailable) {
			p.waitLocked(o, o.cause, "topic", o.Topic, "partition", o.Partition.Partition)
		}
	}
}

// waitLocked logs once that sending waits, and why, until something was sent.
func (p *Producer) waitLocked(what any, cause error, where ...any) {
	if p.ctx.Err() != nil {
		return
	}
	p.waiting[what] = true
	if p.waitingSince.IsZero() {
		p.waitingSince = time.Now()
		p.client.cfg.Log.Warn("waiting to send to the Kafka cluster", append([]any{"reason", p.client.cl.Explain(cause).Text}, where...)...)
	}
}

// resumeLocked ends a wait. If the wait was given up, the next one is of the same outage.
func (p *Producer) resumeLocked(what any, sent bool) {
	delete(p.waiting, what)
	if sent && len(p.waiting) == 0 && !p.waitingSince.IsZero() {
		p.client.cfg.Log.Info("sending to the Kafka cluster again", "after", time.Since(p.waitingSince).Round(time.Millisecond))
		p.waitingSince = time.Time{}
	}
}
