package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// Progress is how far a member of a group is: see [TransformConfig].
type Progress struct {
	Partitions int   // that this member has
	Behind     int64 // records of them that are not committed yet; before they are read, transaction markers count as such
	// CaughtUp says that the member works, and that all is committed that its
	// partitions held at the last look. A member that the group has given no
	// partition, and one for which there are no topics yet, have caught up.
	CaughtUp bool
	Err      error // why it's not known how far the member is; nil if it is
}

// What a member waits for.
var (
	errNotJoined = errors.New("kafka: not a member of the group yet")
	errRestoring = errors.New("kafka: restoring state")
	errNoTopics  = errors.New("kafka: there are no topics to read yet")
)

// share is what a member has been given, as the progress sees it. How far it is
// follows from what the cluster says, and not from the records that arrive: none
// do when a member is stuck.
type share struct {
	mu     sync.Mutex
	member *session            // that works; nil when none does
	waits  error               // why there's nothing to look at; nil when the member works
	since  time.Time           // when it was last given partitions
	ends   map[Partition]int64 // of its partitions, where they ended at the last look; -1 before the first
	caught bool                // up, since it was last given partitions
	given  int                 // partitions given up since the last look
}

func newShare() *share { return &share{waits: errNotJoined, ends: make(map[Partition]int64)} }

// joined says that the member works on those partitions, beside those it had.
func (s *share) joined(gained ...Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits, s.since, s.caught = nil, time.Now(), false
	for _, p := range gained {
		s.ends[p] = -1
	}
}

// works says which session the member works in.
func (s *share) works(in *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member = in
}

// restoring says that the state of more partitions is read, until it's ended.
func (s *share) restoring() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.waits
	s.waits = errRestoring
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.waits == errRestoring { // neither joined nor left meanwhile
			s.waits = was
		}
	}
}

// lost says that another member has the partition.
func (s *share) lost(p Partition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.ends[p]; ok {
		delete(s.ends, p)
		s.given++
	}
}

// givenUp returns how many partitions were lost since the last call.
func (s *share) givenUp() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.given
	s.given = 0
	return n
}

// left says that the member doesn't work at the moment, and why.
func (s *share) left(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits, s.member = why, nil
	clear(s.ends)
}

// snapshot returns the partitions and where they ended at the last look.
func (s *share) snapshot() (map[Partition]int64, *session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.ends), s.member, s.waits
}

// looked takes new ends. It returns false when the member has been given other
// partitions meanwhile, and how long ago it was if it has now caught up since.
func (s *share) looked(ends map[Partition]int64, caughtUp bool) (same bool, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.ends {
		if _, ok := ends[p]; !ok && s.ends[p] < 0 {
			return false, 0 // it has come after the look
		}
	}
	for p, end := range ends {
		if _, ok := s.ends[p]; ok {
			s.ends[p] = end
		}
	}
	if caughtUp && !s.caught {
		s.caught = true
		after = time.Since(s.since)
	}
	return true, after
}

// observe looks how far the member is until ctx ends.
func (x *transform) observe(ctx context.Context) {
	tick := time.NewTicker(x.cfg.Refresh)
	defer tick.Stop()
	defer x.metrics.lag(nil)
	for {
		p, after := x.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if n := x.share.givenUp(); n > 0 {
			x.log.info("partitions given up", "partitions", n, "left", p.Partitions)
		}
		x.metrics.caughtUp(p.CaughtUp)
		if x.cfg.Progress != nil {
			x.cfg.Progress(p)
		}
		if after > 0 { // not before Progress has it: who reads the log may ask
			x.log.info("caught up", "partitions", p.Partitions, "behind", p.Behind, "after", after.Round(time.Millisecond))
		}
		x.client.lookHeld(ctx, x.cfg.Refresh)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look asks the cluster where the member's partitions end and what the group has
// committed of them. If the member has now caught up with what it was given, after
// is how long that took.
func (x *transform) look(ctx context.Context) (p Progress, after time.Duration) {
	before, member, waits := x.share.snapshot()
	if errors.Is(waits, errRestoring) {
		return Progress{Partitions: len(before), Err: waits}, 0
	}
	if errors.Is(waits, errNoTopics) {
		x.metrics.lag(nil)
		return Progress{CaughtUp: true}, 0
	}
	if waits != nil {
		return Progress{Err: waits}, 0 // the lag stays as it was: nobody knows a better one
	}
	type standing struct{ ends, next map[Partition]int64 }
	now, err := await(ctx, func() (s standing, err error) {
		if s.next, err = x.client.positions(x.cfg.Group, before); err == nil {
			s.ends, err = x.client.newest(before)
		}
		return s, err
	}, nil)
	if err != nil {
		return Progress{Partitions: len(before), Err: fmt.Errorf("kafka: group %s: %w", x.cfg.Group, err)}, 0
	}
	p = Progress{Partitions: len(before), CaughtUp: len(now.ends) == len(before)}
	behind := make(map[string]int64)
	for tp, end := range now.ends {
		// Behind the last record there may be markers of transactions, of which the
		// group never commits a position.
		next := max(now.next[tp], member.done(tp))
		lag := max(end-next, 0)
		behind[tp.Topic] += lag
		p.Behind += lag
		if seen := before[tp]; seen >= 0 { // what has come since then may be under way
			lag = min(lag, seen-next)
		}
		p.CaughtUp = p.CaughtUp && lag <= 0
	}
	same, after := x.share.looked(now.ends, p.CaughtUp)
	x.metrics.lag(behind)
	switch {
	case !same:
		p.CaughtUp, p.Err = false, errNotJoined
	case len(now.ends) < len(before):
		p.Err = fmt.Errorf("kafka: group %s: %d partitions have no leader now", x.cfg.Group, len(before)-len(now.ends))
	}
	return p, after
}

// positions returns the first offset of each partition that the group has not
// committed: its oldest one where it has committed none.
func (c *Client) positions(group string, of map[Partition]int64) (map[Partition]int64, error) {
	if len(of) == 0 {
		return nil, nil
	}
	topics := make(map[string][]int32)
	for p := range of {
		topics[p.Topic] = append(topics[p.Topic], p.Partition)
	}
	broker, err := c.sc.Coordinator(group)
	if err != nil {
		return nil, fmt.Errorf("find coordinator: %w", err)
	}
	resp, err := broker.FetchOffset(sarama.NewOffsetFetchRequest(c.sc.Config().Version, group, topics))
	if err == nil {
		if kerr := resp.GroupError(); !errors.Is(kerr, sarama.ErrNoError) {
			err = kerr
		}
	}
	if err != nil {
		_ = c.sc.RefreshCoordinator(group) // it may have moved
		return nil, fmt.Errorf("fetch positions: %w", err)
	}
	next := make(map[Partition]int64, len(of))
	none := make(map[Partition]int64)
	for p := range of {
		b := resp.GetBlock(p.Topic, p.Partition)
		switch {
		case b == nil || b.Offset < 0 && b.Err == sarama.ErrNoError:
			none[p] = 0
		case b.Err != sarama.ErrNoError:
			return nil, fmt.Errorf("fetch position in %s/%d: %w", p.Topic, p.Partition, b.Err)
		default:
			next[p] = b.Offset
		}
	}
	oldest, err := c.offsetsOf(none, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	maps.Copy(next, oldest)
	return next, nil
}

// newest returns where partitions end for readers of committed records. Those
// that have no leader now, or are gone, are left out.
func (c *Client) newest(of map[Partition]int64) (map[Partition]int64, error) {
	return c.offsetsOf(of, sarama.OffsetNewest)
}

func (c *Client) offsetsOf(of map[Partition]int64, at int64) (map[Partition]int64, error) {
	leaders := make(map[Partition]int32, len(of))
	for p := range of {
		if leader, err := c.sc.Leader(p.Topic, p.Partition); err == nil {
			leaders[p] = leader.ID()
		}
	}
	found, err := offsets(c.sc, leaders, func(Partition) int64 { return at })
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	var stale []string
	for p := range of {
		if _, ok := found[p]; !ok {
			stale = append(stale, p.Topic)
		}
	}
	if len(stale) > 0 {
		_ = c.sc.RefreshMetadata(stale...) // their leaders may have moved: for the next look
	}
	return found, nil
}
