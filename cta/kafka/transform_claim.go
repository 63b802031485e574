package kafka

import (
	"context"
	"slices"

	"github.com/IBM/sarama"
)

// claimed is a partition that the group has given to this member.
type claimed struct {
	gone chan struct{} // closed when the group wants it back, or the session ends
	left chan struct{} // closed when it has been given up

	// Guarded by session.mu.
	cursor *cursor    // of its records; nil while they aren't read
	last   *gathering // that has records of it
}

// claim notes a claim, and follows it until it goes.
func (s *session) claim(p Partition, from sarama.ConsumerGroupClaim) *claimed {
	c := &claimed{gone: make(chan struct{}), left: make(chan struct{})}
	s.mu.Lock()
	s.claims[p] = c
	s.mu.Unlock()
	// That a claim goes is told by the end of its records. Before its state is
	// restored they can't be read; the errors end at the same moment.
	if claim, ok := from.(interface {
		Errors() <-chan *sarama.ConsumerError
	}); ok {
		go func() {
			for err := range claim.Errors() {
				s.x.log.warn("group trouble", err.Err)
			}
			close(c.gone)
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.interrupt != nil {
				s.interrupt()
			}
		}()
	}
	return c
}

// ConsumeClaim gathers the records of one partition until it goes elsewhere.
func (s *session) ConsumeClaim(sess sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	p := Partition{claim.Topic(), claim.Partition()}
	c := s.claim(p, claim)
	defer close(c.left)
	if ok, err := s.assign(p, c); err != nil || !ok {
		if err != nil {
			s.fail(err)
		}
		return nil
	}
	last, stopped := s.gather(c, p, claim.InitialOffset())
	if stopped {
		// Returning ends the whole session, so not before all is committed.
		<-s.finished
		return nil
	}
	if last != nil {
		<-last.done
	}
	if sess.Context().Err() == nil {
		s.revoke(p)
	}
	return nil
}

// assign has the state of a claim restored, together with that of all claims that are
// new. It returns false when the claim has to be given up first. Restoring may take
// long. So the group doesn't wait for it: when any claim has to be given up, it is
// broken off, and begins again without that.
func (s *session) assign(p Partition, c *claimed) (bool, error) {
	for {
		select {
		case <-c.gone:
			return false, nil
		case s.turn <- struct{}{}:
		}
		ok, err := s.restore(p)
		<-s.turn
		if ok || err != nil {
			return ok, err
		}
		s.awaitLeaving(c)
	}
}

// restore hands the claims that are new to the Transformer, and reports whether p is
// among those it has. Sarama publishes the list of claims before it starts the first.
func (s *session) restore(p Partition) (bool, error) {
	s.work.Lock()
	defer s.work.Unlock()
	if s.assigned[p] {
		return true, nil
	}
	if cause := context.Cause(s.sarama.Context()); cause != nil {
		return false, cause
	}
	ctx, cancel := context.WithCancel(s.sarama.Context())
	defer cancel()
	gained := s.begun(cancel)
	defer s.begun(nil)
	if !slices.Contains(gained, p) {
		return false, nil // it has to be given up
	}
	s.x.metrics.rebalances.Inc()
	s.x.log.info("partitions gained", "partitions", len(gained), "generation", s.sarama.GenerationID())
	defer s.x.share.restoring()()
	defer s.x.sweeping()() // their last member may have left a transaction open
	err := s.x.work.Assign(ctx, gained)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		s.x.work.Revoke(gained)
		if ctx.Err() != nil && s.sarama.Context().Err() == nil {
			return false, nil // broken off
		}
		return false, s.outcome(err)
	}
	for _, p := range gained {
		s.assigned[p] = true
	}
	s.x.share.joined(gained...)
	return true, nil
}

// begun notes how to break off the restoring that begins, nil when it has ended. It
// returns the claims that are new and don't have to be given up yet. work is held.
func (s *session) begun(interrupt context.CancelFunc) (gained []Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupt = interrupt
	for topic, partitions := range s.sarama.Claims() {
		for _, n := range partitions {
			p := Partition{topic, n}
			if c := s.claims[p]; !s.assigned[p] && (c == nil || !c.going()) {
				gained = append(gained, p)
			}
		}
	}
	return gained
}

func (c *claimed) going() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// awaitLeaving waits until the claims that have to be given up have been, but for c.
func (s *session) awaitLeaving(c *claimed) {
	s.mu.Lock()
	var going []*claimed
	for _, other := range s.claims {
		if other != c && other.going() {
			going = append(going, other)
		}
	}
	s.mu.Unlock()
	for _, other := range going {
		select {
		case <-other.left:
		case <-s.sarama.Context().Done():
			return
		}
	}
}

// revoke tells the Transformer that a partition has gone.
func (s *session) revoke(p Partition) {
	s.work.Lock()
	defer s.work.Unlock()
	if !s.assigned[p] {
		return
	}
	s.x.log.log.Debug("partition given up", "topic", p.Topic, "partition", p.Partition)
	s.x.share.lost(p)
	s.x.work.Revoke([]Partition{p})
	delete(s.assigned, p)
}
