package kafka

import (
	"context"
	"errors"

	"github.com/IBM/sarama"
)

// claimed is a partition whose records this member reads, or will once its state is
// restored.
type claimed struct {
	gone chan struct{} // closed when the group wants it back, or the session ends

	// Guarded by session.mu.
	cursor  *cursor    // of its records; nil while they aren't read
	next    int64      // all below has been put into batches
	settled int64      // all below is in batches that have ended, if last has not
	last    *gathering // that has records of it
}

// claim notes a claim, and follows it until it goes.
func (s *session) claim(p Partition, from sarama.ConsumerGroupClaim) *claimed {
	c := &claimed{gone: make(chan struct{})}
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
		}()
	}
	return c
}

func (c *claimed) going() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// ConsumeClaim gathers the records of one partition until it goes elsewhere.
func (s *session) ConsumeClaim(sess sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	p := Partition{claim.Topic(), claim.Partition()}
	c := s.claim(p, claim)
	if s.assign(p, c) {
		last, stopped := s.gather(c, p, claim.InitialOffset())
		if stopped {
			// Returning ends the whole session, so not before all is committed.
			<-s.finished
			return nil
		}
		if last != nil {
			<-last.done
		}
	}
	if sess.Context().Err() == nil {
		s.revoke(p)
	}
	return nil
}

// joined is told what the group gives to this member in a generation, before anyone
// can see that there is a new one.
func (s *session) joined(topics map[string][]int32, generation int32) {
	if s.missed(generation) {
		s.fail(errMissed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	given := make(map[Partition]int32)
	for topic, partitions := range topics {
		for _, n := range partitions {
			p := Partition{topic, n}
			since, ok := s.given[p]
			if !ok {
				since = generation
			}
			given[p] = since
		}
	}
	for p := range s.given {
		if _, ok := given[p]; !ok {
			s.x.share.lost(p)
		}
	}
	s.given = given
}

// missed notes the generation that begins, and reports whether the group had one
// without this member. It throws a dynamic member out then. A static one it keeps, and
// may nevertheless have given its newest partitions to another, as it knows of them
// only what the member said when it last joined.
func (s *session) missed(generation int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.generation
	s.generation = generation
	return s.x.cfg.InstanceID != "" && last != 0 && generation != last+1
}

var errMissed = errors.New("the group has had a generation without this member")

// assign waits until the state of a claim is restored. It returns false when the claim
// has to be given up first. Restoring may take long, so the group doesn't wait for it.
func (s *session) assign(p Partition, c *claimed) bool {
	for ctx := s.sarama.Context(); !c.going() && ctx.Err() == nil; {
		if s.has(p) {
			return true
		}
		select {
		case <-s.restoring():
		case <-c.gone:
		case <-ctx.Done():
		}
	}
	return false
}

// has reports whether the state of a partition is restored as it was when the group
// gave it to this member.
func (s *session) has(p Partition) bool {
	s.work.Lock()
	defer s.work.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	since, ok := s.assigned[p]
	return ok && since == s.given[p]
}

// restoring returns a channel that is closed when the restoring under way has ended.
// It begins with it if there's none.
func (s *session) restoring() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restored == nil {
		done := make(chan struct{})
		s.restored = done
		s.restores.Go(func() {
			if err := s.restore(); err != nil {
				s.fail(err)
			}
			s.mu.Lock()
			s.restored = nil
			s.mu.Unlock()
			close(done)
		})
	}
	return s.restored
}

// restore hands the claims that are new to the Transformer, all at once, those among
// them that sarama hasn't begun yet: it waits for a partition's leader.
func (s *session) restore() error {
	ctx := s.sarama.Context()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	since := s.gained()
	gained := make([]Partition, 0, len(since))
	for p := range since {
		s.revoke(p) // if it went elsewhere before it was begun
		gained = append(gained, p)
	}
	if len(gained) == 0 {
		return nil // they have to be given up
	}
	s.x.metrics.rebalances.Inc()
	s.x.log.info("partitions gained", "partitions", len(gained), "generation", s.sarama.GenerationID(), "member", s.sarama.MemberID())
	defer s.x.share.restoring()()
	defer s.x.sweeping()() // their last member may have left a transaction open
	take, err := s.x.work.Assign(ctx, gained)
	if err != nil {
		return s.outcome(err)
	}
	s.work.Lock()
	defer s.work.Unlock()
	take()
	s.mu.Lock()
	var kept, lost []Partition
	for _, p := range gained {
		if s.given[p] == since[p] {
			s.assigned[p] = since[p]
			kept = append(kept, p)
		} else {
			lost = append(lost, p) // meanwhile
		}
	}
	s.x.share.joined(kept...) // before it may be told that they are lost
	s.mu.Unlock()
	if len(lost) > 0 {
		s.x.work.Revoke(lost)
	}
	return nil
}

// gained returns the claims that are not restored, and since which generation this
// member has them. Sarama publishes the list of claims when it knows their positions,
// before it begins the first.
func (s *session) gained() map[Partition]int32 {
	s.work.Lock()
	defer s.work.Unlock()
	claims := s.sarama.Claims()
	s.mu.Lock()
	defer s.mu.Unlock()
	gained := make(map[Partition]int32)
	for topic, partitions := range claims {
		for _, n := range partitions {
			p := Partition{topic, n}
			since, ok := s.given[p]
			if was, restored := s.assigned[p]; ok && (!restored || was != since) {
				gained[p] = since
			}
		}
	}
	return gained
}

// revoke tells the Transformer that a partition has gone.
func (s *session) revoke(p Partition) {
	s.work.Lock()
	defer s.work.Unlock()
	if _, ok := s.assigned[p]; !ok {
		return
	}
	s.x.log.log.Debug("partition given up", "topic", p.Topic, "partition", p.Partition)
	s.x.work.Revoke([]Partition{p})
	delete(s.assigned, p)
}
