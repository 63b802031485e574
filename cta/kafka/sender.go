package kafka

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

const (
	// sendersPerBroker is how many requests to a broker may be under way: with two,
	// one is encoded while the broker works on the other. A partition has a batch
	// in one of them only.
	sendersPerBroker = 2
	// linger is the least time between the starts of two requests, unless bytes or
	// somebody waits: it makes batches of records that come in quick succession.
	linger       = 2 * time.Millisecond
	lingerBytes  = 128 << 10
	requestBytes = 4 << 20
)

// errNoLeader is the outcome of a request that could not even be addressed.
var errNoLeader = errors.New("partition has no leader")

// sender sends the batches of the partitions that one broker leads.
//
// Sarama's own producer is not used for three reasons, of its version 1.61.1. A
// batch that fails on a lost connection is given up when the first look for its
// leader fails, so an outage of a second loses records. A batch that fails moves
// all partitions to another epoch. And a record passes through five channels:
// measured side by side on two busy cores, ours sends two to five times as many. Its fields
// are guarded by Producer.mu.
type sender struct {
	p      *Producer
	broker int32 // -1: of the partitions that have no leader
	cond   *sync.Cond
	ready  []*outbox
	last   time.Time // start of the latest request
}

// readyLocked lists an outbox with its leader's sender.
func (p *Producer) readyLocked(o *outbox) {
	if o.taken || o.listed || len(o.queue) == 0 {
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
			p.wg.Add(1)
			go s.run()
		}
	}
	o.listed = true
	s.ready = append(s.ready, o)
	s.cond.Signal()
}

func (s *sender) run() {
	defer s.p.wg.Done()
	for {
		boxes := s.take()
		if boxes == nil {
			return
		}
		s.send(boxes)
	}
}

// take waits for batches and takes one of each partition that has any. It
// returns nil when the producer has closed.
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
	for len(s.ready) > 0 && bytes < requestBytes {
		o := s.ready[0]
		s.ready[0] = nil
		s.ready = s.ready[1:]
		o.listed = false
		if len(o.queue) == 0 {
			continue
		}
		if o.leader != s.broker {
			p.readyLocked(o)
			continue
		}
		o.taken = true
		o.queue[0].sealed = true
		bytes += o.queue[0].bytes
		taken = append(taken, o)
	}
	if len(s.ready) == 0 {
		s.ready = nil // let go of the slice's used front
	} else {
		s.cond.Signal() // the other goroutine takes the rest
	}
	if taken == nil {
		taken = []*outbox{}
	}
	return taken
}

// hurriedLocked says whether to send now: somebody waits, or there is enough.
func (s *sender) hurriedLocked() bool {
	if s.p.urgent > 0 || s.p.room != nil {
		return true
	}
	bytes := 0
	for _, o := range s.ready {
		if len(o.queue) > 0 {
			bytes += o.queue[0].bytes
		}
		if bytes >= lingerBytes {
			return true
		}
	}
	return false
}

// send makes one request, and settles or retries its batches by the answer.
func (s *sender) send(boxes []*outbox) {
	if len(boxes) == 0 {
		return
	}
	resp, err := s.produce(boxes)
	var retry []*outbox
	for _, o := range boxes {
		kerr, cause := sarama.ErrNoError, err
		if err == nil {
			if block := resp.GetBlock(o.Topic, o.Partition.Partition); block == nil {
				cause = sarama.ErrIncompleteResponse
			} else if kerr = block.Err; kerr != sarama.ErrNoError {
				cause = kerr
				if block.ErrorMessage != nil {
					cause = fmt.Errorf("%w (%s)", kerr, *block.ErrorMessage)
				}
			}
		}
		if !s.p.settle(o, cause) {
			retry = append(retry, o)
		}
	}
	if len(retry) > 0 {
		s.p.again(retry, err)
	}
}

func (s *sender) produce(boxes []*outbox) (*sarama.ProduceResponse, error) {
	if s.broker < 0 {
		return nil, errNoLeader
	}
	p := s.p
	if err := p.identify(boxes); err != nil {
		return nil, err
	}
	req := &sarama.ProduceRequest{
		Version:      10, // sarama's newest; older brokers get what they know
		RequiredAcks: sarama.WaitForAll,
		Timeout:      int32(p.sc.Config().Producer.Timeout.Milliseconds()),
	}
	p.mu.Lock()
	for _, o := range boxes {
		req.AddBatch(o.Topic, o.Partition.Partition, o.head().records)
	}
	p.mu.Unlock()
	broker, err := p.sc.Broker(s.broker)
	if err != nil {
		return nil, err
	}
	resp, err := broker.Produce(req)
	if err != nil {
		_ = broker.Close() // sarama opens it again for the next request
	}
	return resp, err
}

// identify gives a producer id to the partitions that have none.
func (p *Producer) identify(boxes []*outbox) error {
	p.pidLock.Lock()
	defer p.pidLock.Unlock()
	for _, o := range boxes {
		if o.pid >= 0 { // taken: nobody else touches it
			continue
		}
		if p.pid < 0 {
			resp, err := p.sc.InitProducerID()
			if err == nil && resp.Err != sarama.ErrNoError {
				err = resp.Err
			}
			if err != nil {
				return fmt.Errorf("producer id: %w", err)
			}
			p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
		}
		o.pid, o.epoch, o.seq = p.pid, p.epoch, 0
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
		if len(o.queue) > 0 {
			oldest = min(oldest, o.queue[0].first)
		}
	}
	return oldest
}

// failAll fails what Close has left, when no sender runs any more.
func (p *Producer) failAll() {
	for _, o := range p.boxes {
		for len(o.queue) > 0 {
			p.finish(o, ErrClosed)
		}
	}
}
