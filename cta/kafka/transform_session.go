package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// session is one membership of the group: from joining it until the topics
// change or the member is lost. It is the sarama.ConsumerGroupHandler.
//
// Records come from a goroutine for each claimed partition, which append them to
// the batch being gathered. One more goroutine (run) takes that batch when the
// last transaction is done, has it transformed, and starts the next transaction.
type session struct {
	x      *transform
	cancel context.CancelFunc // ends the Consume call
	sarama sarama.ConsumerGroupSession

	// work is held while the Transformer is called.
	work     sync.Mutex
	assigned map[Partition]bool // guarded by work
	turn     chan struct{}      // holds one while claims are being assigned

	mu         sync.Mutex
	cond       sync.Cond  // of mu: any of the fields below has changed
	gathered   *gathering // records not yet transformed
	spare      []Record   // for the next batch
	committing bool       // a transaction is under way
	stopping   bool       // no more records are taken in
	running    bool       // run has been started
	err        error      // why the session is lost
	commits    int        // transactions committed
	claims     map[Partition]*claimed
	interrupt  context.CancelFunc // ends the restoring under way; nil when there's none

	stopped  chan struct{} // closed when stopping is set or the session is lost
	finished chan struct{} // closed when run has ended
}

// gathering is a batch of records.
type gathering struct {
	records []Record
	begun   time.Time           // when the first of them came
	next    map[Partition]int64 // the positions after it
	done    chan struct{}       // closed when it is committed or given up
}

func newGathering(records []Record) *gathering {
	return &gathering{records: records[:0], next: make(map[Partition]int64), done: make(chan struct{})}
}

// chunk is how many records a claim takes from its channel at a time.
const chunk = 512

func newSession(x *transform, cancel context.CancelFunc) *session {
	s := &session{
		x:        x,
		cancel:   cancel,
		assigned: make(map[Partition]bool),
		turn:     make(chan struct{}, 1),
		claims:   make(map[Partition]*claimed),
		gathered: newGathering(nil),
		stopped:  make(chan struct{}),
		finished: make(chan struct{}),
	}
	s.cond.L = &s.mu
	return s
}

// Setup is called when the member has joined the group and the positions of its
// first partitions are known. The group waits for it in its next rebalance, so state
// is restored later, by the claims.
func (s *session) Setup(sess sarama.ConsumerGroupSession) error {
	s.sarama = sess
	if err := s.x.txn.open(sess.MemberID()); err != nil {
		s.fail(err)
		return err
	}
	if len(sess.Claims()) == 0 {
		s.x.share.joined()
	}
	context.AfterFunc(sess.Context(), func() { s.fail(context.Cause(sess.Context())) })
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	go s.run()
	return nil
}

// Cleanup is called when every claim has been given up.
func (s *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// gather returns the last batch that has records of the claim, and whether it
// ended because the session is stopping rather than the claim.
func (s *session) gather(p Partition, claim sarama.ConsumerGroupClaim) (last *gathering, stopped bool) {
	in := claim.Messages()
	messages := make([]*sarama.ConsumerMessage, 0, chunk)
	for {
		select {
		case m, ok := <-in:
			if !ok {
				return last, false
			}
			messages = append(messages[:0], m)
			for n := min(len(in), chunk-1); n > 0; n-- {
				if m, ok = <-in; !ok {
					break
				}
				messages = append(messages, m)
			}
			b := s.put(p, messages)
			if b == nil {
				return last, true
			}
			last = b
			clear(messages)
		case <-s.stopped:
			return last, true
		}
	}
}

// put appends messages to the batch being gathered, and returns that batch. It
// waits while the batch is full; nil means that the session is stopping.
func (s *session) put(p Partition, messages []*sarama.ConsumerMessage) *gathering {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.over() && len(s.gathered.records) >= s.x.cfg.MaxBatch {
		s.cond.Wait()
	}
	if s.over() {
		return nil
	}
	b := s.gathered
	if len(b.records) == 0 {
		b.begun = time.Now()
		s.cond.Broadcast()
	}
	for _, m := range messages {
		b.records = append(b.records, fromSarama(m))
	}
	if len(b.records) >= s.x.cfg.MaxBatch {
		s.cond.Broadcast()
	}
	b.next[p] = messages[len(messages)-1].Offset + 1
	return b
}

// over reports whether no more records may come. mu is held.
func (s *session) over() bool { return s.stopping || s.err != nil }

// outcome marks an error of the Transformer as one that ends Transform, but for
// that of a session which was lost meanwhile.
func (s *session) outcome(err error) error {
	if cause := context.Cause(s.sarama.Context()); cause != nil {
		return cause
	}
	return &fatalError{err}
}

// owns reports whether this member still has all those partitions.
func (s *session) owns(positions map[Partition]int64) bool {
	s.work.Lock()
	defer s.work.Unlock()
	for p := range positions {
		if !s.assigned[p] {
			return false
		}
	}
	return true
}

// stop makes the session end once everything gathered is committed.
func (s *session) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over() {
		close(s.stopped)
	}
	s.stopping = true
	s.cond.Broadcast()
	if !s.running {
		s.cancel()
	}
}

// fail gives the session up: what is not committed yet is read again by whoever
// gets the partitions next. The first reason counts.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	if !s.over() {
		close(s.stopped)
	}
	s.err = err
	s.cond.Broadcast()
	s.cancel()
}

// end waits for the last transaction, tells the Transformer that every partition
// has gone, and returns why the session was lost, nil if it was stopped.
func (s *session) end() error {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running {
		<-s.finished
	}
	s.x.share.left(errNotJoined)
	s.work.Lock()
	defer s.work.Unlock()
	if len(s.assigned) > 0 {
		lost := make([]Partition, 0, len(s.assigned))
		for p := range s.assigned {
			lost = append(lost, p)
		}
		clear(s.assigned)
		s.x.work.Revoke(lost)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, context.Canceled) {
		return nil
	}
	return s.err
}

// worked reports whether anything was committed.
func (s *session) worked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits > 0
}
