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
// A feed fetches the records of the claimed partitions, and appends them to the batch
// being gathered. Another goroutine (run) takes that batch when the last transaction
// is done, has it transformed, and starts the next transaction. One restores the state
// of claims that are new, meanwhile. One more for each claim waits for its end.
type session struct {
	x      *transform
	cancel context.CancelFunc // ends the Consume call
	sarama sarama.ConsumerGroupSession
	feed   *feed

	// work is held while the Transformer is called, but for Assign.
	work     sync.Mutex
	assigned map[Partition]int32 // guarded by work: since which generation, as given has it
	restores sync.WaitGroup      // the goroutine that restores

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
	generation int32               // the last that this member has joined; 0 before the first
	given      map[Partition]int32 // what the group gives to this member, and since which generation
	restored   chan struct{}       // closed when the restoring under way has ended; nil when there's none

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

// ended reports whether a batch, nil if there's none, is committed or given up.
func (b *gathering) ended() bool {
	if b == nil {
		return true
	}
	select {
	case <-b.done:
		return true
	default:
		return false
	}
}

func newSession(x *transform, cancel context.CancelFunc) *session {
	s := &session{
		x:        x,
		cancel:   cancel,
		assigned: make(map[Partition]int32),
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
	s.x.share.works(s)
	s.feed = newFeed(sess.Context(), s)
	context.AfterFunc(sess.Context(), func() { s.fail(context.Cause(sess.Context())) })
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	go s.run()
	return nil
}

// Cleanup is called when every claim has been given up.
func (s *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// gather has the records of a claim put into batches until it goes. It returns the
// last batch that has any, and whether it ended because the session is stopping
// rather than the claim.
func (s *session) gather(c *claimed, p Partition, offset int64) (last *gathering, stopped bool) {
	if cur := s.feed.locate(s.sarama.Context(), c, p, offset); cur != nil {
		s.mu.Lock()
		c.cursor, c.next = cur, cur.next
		s.mu.Unlock()
		s.feed.begin(cur)
		defer s.feed.end(cur)
	}
	select {
	case <-c.gone:
	case <-s.stopped:
		stopped = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.cursor = nil
	return c.last, stopped
}

// put appends records of a claim to the batches being gathered, unless the claim
// has ended. It waits while a batch is full. The offset after all that was read with
// the records, markers of transactions among it, is next.
func (s *session) put(cur *cursor, records []Record, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		c := s.claims[cur.Partition]
		if s.over() || c.cursor != cur {
			return
		}
		if len(records) == 0 {
			c.next = max(c.next, next)
			return
		}
		b := s.gathered
		n := min(len(records), s.x.cfg.MaxBatch-len(b.records))
		if n == 0 {
			s.cond.Wait()
			continue
		}
		if len(b.records) == 0 {
			b.begun = time.Now()
		}
		if c.last.ended() {
			c.settled = records[0].Offset
		}
		b.records = append(b.records, records[:n]...)
		b.next[cur.Partition] = records[n-1].Offset + 1
		c.last = b
		records = records[n:]
		s.cond.Broadcast()
	}
}

// done returns the offset below which nothing of a partition is left to do; 0 when the
// group's own position says more. s may be nil.
func (s *session) done(p Partition) int64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.claims[p]
	if c == nil || c.cursor == nil || s.err != nil {
		return 0
	}
	if !c.last.ended() {
		return c.settled
	}
	return c.next
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
		if _, ok := s.assigned[p]; !ok {
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
		s.restores.Wait()
		s.feed.cancel(nil)
		s.feed.wg.Wait()
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

// lost returns why the session is lost, nil if it isn't.
func (s *session) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// worked reports whether anything was committed.
func (s *session) worked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits > 0
}
