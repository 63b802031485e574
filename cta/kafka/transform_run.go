package kafka

import "time"

// run transforms and commits batches until the session stops or is lost.
func (s *session) run() {
	defer s.cancel()
	defer close(s.finished)
	for {
		b := s.take()
		if b == nil {
			break
		}
		out, err := s.transform(b)
		if err != nil {
			s.fail(err)
		}
		if !s.begin() {
			close(b.done)
			break
		}
		s.recycle(b)
		go s.commit(b, out)
	}
	s.mu.Lock()
	for s.committing {
		s.cond.Wait()
	}
	close(s.gathered.done)
	s.gathered = nil
	s.mu.Unlock()
}

// take waits for a batch: what has been gathered when the last transaction is
// done, or before that when the batch is full. It returns nil when none will come.
func (s *session) take() *gathering {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil {
		n := len(s.gathered.records)
		if n > 0 && (!s.committing || n >= s.x.cfg.MaxBatch) {
			b := s.gathered
			s.gathered, s.spare = newGathering(s.spare), nil
			s.cond.Broadcast()
			return b
		}
		if n == 0 && s.stopping {
			return nil
		}
		s.cond.Wait()
	}
	return nil
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

// begin waits until the last transaction is done. It returns false when the
// session is lost.
func (s *session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.committing && s.err == nil {
		s.cond.Wait()
	}
	if s.err != nil {
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

// commit publishes out and the positions of b in a transaction.
func (s *session) commit(b *gathering, out []Record) {
	start := time.Now()
	err := s.x.txn.commit(s, b.next, out)
	if err != nil {
		s.fail(err)
		s.x.metrics.aborted.Inc()
	} else {
		s.x.metrics.committed.Inc()
		s.x.metrics.latency.Observe(time.Since(start).Seconds())
	}
	s.mu.Lock()
	s.committing = false
	if err == nil {
		s.commits++
	}
	s.cond.Broadcast()
	s.mu.Unlock()
	close(b.done)
}
