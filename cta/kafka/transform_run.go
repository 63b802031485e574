package kafka

import (
	"maps"
	"time"
)

// run transforms batches and commits what comes of them, until the session stops
// or is lost. While a transaction is under way, full batches are transformed for
// the next one, so that it is the transformation that bounds the rate, and not the
// transactions, whose number then depends on their duration alone.
func (s *session) run() {
	defer s.cancel()
	defer close(s.finished)
	next := new(commitment)
	for {
		b, ok := s.take(next)
		if !ok {
			break
		}
		if b != nil {
			out, err := s.transform(b)
			if err != nil {
				s.fail(err)
				close(b.done)
				break
			}
			next.add(b, out)
			s.recycle(b)
		}
		if s.begin() {
			go s.commit(next)
			next = new(commitment)
		}
	}
	next.end() // nothing, unless the session is lost
	s.mu.Lock()
	for s.committing {
		s.cond.Wait()
	}
	close(s.gathered.done)
	s.gathered = nil
	s.mu.Unlock()
}

// commitment is what one transaction covers: one batch, or several if they were
// full before the last transaction was done.
type commitment struct {
	out   []Record
	next  map[Partition]int64
	done  []chan struct{} // of the batches
	begun time.Time       // when the first record of the first batch came
	count int             // of records read
}

// maxBatches bounds the batches of one transaction.
const maxBatches = 16

func (c *commitment) add(b *gathering, out []Record) {
	if c.next == nil {
		c.out, c.next, c.begun = out, b.next, b.begun
	} else {
		c.out = append(c.out, out...)
		maps.Copy(c.next, b.next)
	}
	c.done = append(c.done, b.done)
	c.count += len(b.records)
}

// end tells the claims that their batches are committed or given up.
func (c *commitment) end() {
	for _, done := range c.done {
		close(done)
	}
}

// take waits for a batch: what has been gathered when the last transaction is
// done, or before that when the batch is full and next has room. It returns no
// batch when next alone is to be committed, and false when nothing is left to do.
func (s *session) take(next *commitment) (b *gathering, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	full, empty := len(next.done) == maxBatches || len(next.out) >= s.x.cfg.MaxBatch, len(next.done) == 0
	for s.err == nil {
		n := len(s.gathered.records)
		switch {
		case !full && n > 0 && (!s.committing || n >= s.x.cfg.MaxBatch):
			b = s.gathered
			s.gathered, s.spare = newGathering(s.spare), nil
			s.cond.Broadcast()
			return b, true
		case !empty && !s.committing:
			return nil, true
		case empty && n == 0 && s.stopping:
			return nil, false
		}
		s.cond.Wait()
	}
	return nil, false
}

func (s *session) transform(b *gathering) ([]Record, error) {
	s.work.Lock()
	defer s.work.Unlock()
	out, err := s.x.work.Transform(s.sarama.Context(), b.records)
	if err != nil {
		return nil, s.outcome(err)
	}
	return out, nil
}

// begin reports whether a transaction may begin, and notes that one has.
func (s *session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.committing || s.err != nil {
		return false
	}
	s.committing = true
	return true
}

// recycle keeps a batch's slice for a later one.
func (s *session) recycle(b *gathering) {
	n := len(b.records)
	clear(b.records)
	s.mu.Lock()
	s.spare = b.records
	s.mu.Unlock()
	b.records = nil
	s.x.metrics.processed.Add(float64(n))
}

// commit publishes and moves positions in a transaction.
func (s *session) commit(c *commitment) {
	err := s.x.txn.commit(s, c.next, c.out)
	if err != nil {
		s.fail(err)
		s.x.metrics.aborted.Inc()
	} else {
		s.x.metrics.committed.Inc()
		s.x.metrics.recordsCommitted.Add(float64(c.count))
		s.x.metrics.latency.Observe(time.Since(c.begun).Seconds())
	}
	s.mu.Lock()
	s.committing = false
	if err == nil {
		s.commits++
	}
	s.cond.Broadcast()
	s.mu.Unlock()
	c.end()
}
