package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/fetch"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// A partition goes through these states.
type state int8

const (
	isGiven    state = iota // its position is not known yet
	isLocated               // its state is to be restored
	isRestored              // being restored
	isRead                  // the Transformer has it
	isLeaving               // the group wants it back: what is under way of it is committed first
)

// part is a partition that the group has given to this member.
type part struct {
	record.Partition
	state   state
	topicID string        // of the topic that it was given of
	cur     *fetch.Cursor // nil while it isn't read
	next    int64         // all below is read, markers among it
	settled int64         // all below is committed
	pending int           // batches that have records of it and have not ended
}

// batch is what one call of Transform gets.
type batch struct {
	records []record.Record
	bytes   int
	begun   time.Time       // when the first record came
	next    map[*part]int64 // the positions after it
}

// commitment is what one transaction covers: one batch, or several if they were
// full before the last transaction was done.
type commitment struct {
	out     []record.Record
	bytes   int // of the batches and of out
	batches []*batch
	next    map[*part]int64
	count   int       // of records read
	as      as        // the member that last tried
	since   time.Time // when it was first refused; zero when it wasn't
}

const (
	// maxBatches bounds the batches of one transaction, and maxBytes what they and their
	// outcome hold, and what one batch does: but for one record, which may be larger.
	maxBatches = 16
	maxBytes   = 8 << 20
	// locateEvery is how often positions are asked for that can't be told yet.
	locateEvery = 200 * time.Millisecond
)

// session is what a member does with its partitions, from the moment at which it begins
// with all of them anew until a step fails or the group takes them all. It belongs to the
// loop. Each batch goes input → gathered → transforming → next → committing, and each
// of these places has at most one.
type session struct {
	m      *member
	ctx    context.Context
	cancel context.CancelFunc
	engine *fetch.Engine
	queue  chan []fetch.Fetched // from the engine

	parts        map[record.Partition]*part
	opening      bool // the transactional producer
	open         bool // it may send
	locating     bool
	located      time.Time       // when positions were last asked for
	why          string          // some are not known yet
	backlog      []fetch.Fetched // what has no room in gathered
	gathered     *batch
	spare        []record.Record // for the next batch
	transforming bool
	next         *commitment // what the next transaction covers; nil when there's nothing
	committing   *commitment // under way, or refused and to be tried again
	trying       bool        // it is under way
	stopping     bool        // nothing more is taken in
	lost         bool        // the session has ended
}

func newSession(m *member, held []record.Partition) *session {
	s := &session{m: m, parts: make(map[record.Partition]*part), queue: make(chan []fetch.Fetched), gathered: new(batch)}
	s.ctx, s.cancel = context.WithCancel(m.ctx)
	s.engine = fetch.Start(s.ctx, m.cl, m.log.log, func() {})
	m.helper.Go(func() {
		for got := s.engine.Next(s.ctx); got != nil; got = s.engine.Next(s.ctx) {
			select {
			case s.queue <- got:
			case <-s.ctx.Done():
			}
		}
		s.engine.Wait()
	})
	for _, p := range held {
		s.parts[p] = &part{Partition: p}
	}
	return s
}

// given takes what the group gives to the member in a new generation.
func (s *session) given(held []record.Partition) {
	keep := make(map[record.Partition]bool)
	for _, p := range held {
		keep[p] = true
		if s.parts[p] == nil {
			s.parts[p] = &part{Partition: p}
		}
	}
	for p, known := range s.parts {
		if keep[p] || known.state == isLeaving {
			continue
		}
		s.m.told.given++
		s.stopReading(known)
		if known.state != isRead {
			delete(s.parts, p) // restore finds that it has gone
			s.m.gaveUp()
		} else {
			known.state = isLeaving
		}
	}
}

func (s *session) stopReading(p *part) {
	if p.cur != nil {
		s.engine.Remove(p.cur)
	}
	p.cur = nil
}

// leaving reports whether partitions are still to be given up.
func (s *session) leaving() bool {
	for _, p := range s.parts {
		if p.state == isLeaving {
			return true
		}
	}
	return false
}

// stop takes nothing more in. What is gathered is still committed.
func (s *session) stop() {
	s.stopping, s.backlog = true, nil
	for _, p := range s.parts {
		s.stopReading(p)
	}
}

// unfinished reports whether there is something to be committed.
func (s *session) unfinished() bool {
	return len(s.gathered.records) > 0 || s.transforming || s.next != nil || s.committing != nil
}

// close ends the session. What is not committed is read again, by whoever has the
// partitions next.
func (s *session) close(err error) {
	if s.lost {
		return
	}
	s.lost = true
	s.cancel()
	var read []record.Partition
	for _, p := range s.parts {
		if p.state == isRead || p.state == isLeaving {
			read = append(read, p.Partition)
		}
	}
	if len(read) > 0 {
		s.revoke(read)
	}
	if s.committing != nil && err != nil {
		s.m.metrics.aborted.Inc()
	}
}

func (s *session) revoke(lost []record.Partition) {
	s.m.call(func() func() {
		s.m.work.Revoke(lost)
		return func() {}
	})
}

// input is where records come from; nil while there is no room for any.
func (s *session) input() <-chan []fetch.Fetched {
	if s == nil || s.lost || s.stopping || len(s.backlog) > 0 || s.full() {
		return nil
	}
	return s.queue
}

func (s *session) full() bool {
	return len(s.gathered.records) >= s.m.cfg.MaxBatch || s.gathered.bytes >= maxBytes
}

// take puts what was fetched into the batch that is gathered.
func (s *session) take(got []fetch.Fetched) {
	s.backlog = got
	s.gather()
}

// gather empties the backlog as far as the batch has room.
func (s *session) gather() {
	for len(s.backlog) > 0 && !s.full() {
		f := &s.backlog[0]
		p := s.parts[f.Cursor.Partition]
		switch {
		case p == nil || p.cur != f.Cursor:
			f.Records = nil
		case f.Err != nil && errors.Is(f.Err, fetch.ErrGone):
			// Beginning anew finds the position anew, and restores the state that fits it.
			s.m.restart(f.Err)
			return
		case f.Err != nil:
			s.m.fail(fmt.Errorf("kafka: transform: group %s: %w", s.m.cfg.Group, f.Err))
			return
		}
		if n := s.put(p, f.Records); n < len(f.Records) {
			f.Records = f.Records[n:]
			return
		}
		if p != nil && p.cur == f.Cursor {
			p.next = max(p.next, f.Next)
			if p.pending == 0 {
				p.settled = p.next
			}
		}
		f.Done()
		s.backlog = s.backlog[1:]
	}
}

// put appends records to the batch, and returns how many it had room for.
func (s *session) put(p *part, records []record.Record) int {
	if len(records) == 0 {
		return 0
	}
	b, n := s.gathered, 0
	for n < len(records) && !s.full() && n < s.m.cfg.MaxBatch-len(b.records) {
		b.bytes += len(records[n].Key) + len(records[n].Value)
		n++
	}
	if n == 0 {
		return 0
	}
	if len(b.records) == 0 {
		b.records, s.spare = s.spare[:0], nil
		b.begun, b.next = time.Now(), make(map[*part]int64)
	}
	if _, ok := b.next[p]; !ok {
		if p.pending == 0 {
			p.settled = records[0].Offset
		}
		p.pending++
	}
	b.records = append(b.records, records[:n]...)
	b.next[p] = records[n-1].Offset + 1
	return n
}

// advance starts what can be started.
func (s *session) advance() {
	if !s.open {
		s.begin()
		return
	}
	if !s.stopping {
		s.locate()
		s.restore()
		s.gather()
	}
	s.transform()
	s.commit()
	s.release()
}

// begin makes the transactional producer ready. That ends the last transaction of the
// same id, whichever way it was going: positions wait for one that this member has left
// open itself, and while it is in its group nobody else ends that.
func (s *session) begin() {
	m := s.m
	if s.opening || m.txnBusy || s.stopping || time.Now().Before(m.notBefore) {
		return
	}
	s.opening, m.txnBusy = true, true
	who := as{m.id, m.generation}
	m.beside(func() func() {
		var err error
		if m.cfg.InstanceID != "" { // the id may be another process's by now; its group knows
			err = m.beat(who)
			if errors.Is(err, sarama.ErrRebalanceInProgress) {
				err = nil
			}
		}
		if err == nil {
			m.txn.id = transactionOf(m.cfg.Group, m.cfg.InstanceID, who.id)
			err = m.txn.begin(s.ctx)
		}
		return func() {
			m.txnBusy, s.opening = false, false
			switch {
			case s.lost:
			case err == nil:
				s.open = true
			case !m.ends(err):
				m.slow(fmt.Errorf("begin transactions: %w", err))
			}
		}
	})
}

// locate asks for the positions of partitions that are new. Those that can't be told
// yet, because a transaction is open on them or their partition has no leader, are asked
// for again; the others go on.
func (s *session) locate() {
	if s.locating || time.Since(s.located) < locateEvery {
		return
	}
	var want []record.Partition
	for p, known := range s.parts {
		if known.state == isGiven {
			want = append(want, p)
		}
	}
	if len(want) == 0 {
		return
	}
	s.locating = true
	s.m.beside(func() func() {
		at, unstable, err := s.m.positions(s.ctx, want)
		return func() {
			s.locating, s.located = false, time.Now()
			if s.lost {
				return
			}
			for p, pos := range at {
				if known := s.parts[p]; known != nil && known.state == isGiven {
					known.state, known.topicID, known.next, known.settled = isLocated, pos.topicID, pos.next, pos.next
				}
			}
			if err != nil && !s.m.ends(err) && !errors.Is(err, sarama.ErrUnstableOffsetCommit) {
				s.m.log.warn("partitions wait; the others are worked on", err)
			}
			if err == nil && unstable {
				err = sarama.ErrUnstableOffsetCommit
			}
			if err != nil {
				s.why = s.m.log.explain.Explain(err).Text
			}
			if unstable {
				s.m.sweep()
			}
		}
	})
}

// restore hands partitions to the Transformer, all that are located at once.
func (s *session) restore() {
	m := s.m
	if m.assigning {
		m.sweep() // their last member may have left a transaction open
		return
	}
	var gained []record.Partition
	var parts []*part
	for p, known := range s.parts {
		if known.state == isLocated {
			known.state = isRestored
			gained, parts = append(gained, p), append(parts, known)
		}
	}
	if len(gained) == 0 {
		return
	}
	m.assigning = true
	m.metrics.rebalances.Inc()
	m.log.log.Info("partitions gained", "partitions", len(gained), "generation", m.generation, "member", m.id)
	m.beside(func() func() {
		take, err := m.work.Assign(s.ctx, gained)
		return func() {
			m.assigning = false
			switch {
			case s.lost:
				return
			case err != nil:
				m.fail(err)
				return
			}
			var gone []record.Partition
			for _, p := range parts {
				if s.parts[p.Partition] == p {
					p.state = isRead
				} else {
					gone = append(gone, p.Partition)
				}
			}
			m.call(func() func() {
				take()
				if len(gone) > 0 {
					m.work.Revoke(gone)
				}
				return func() {}
			})
			for _, p := range parts {
				if p.state == isRead && s.parts[p.Partition] == p && !s.stopping {
					p.cur = s.engine.Add(p.Partition, p.topicID, p.next)
				}
			}
			m.told.joined()
		}
	})
}

// transform has the gathered batch transformed: when the last transaction is done, or
// before that when the batch is full and the next transaction has room. So it is the
// transformation that bounds the rate, and not the transactions, whose number then
// depends on their duration alone.
func (s *session) transform() {
	b, c, m := s.gathered, s.next, s.m
	room := c == nil || len(c.batches) < maxBatches && len(c.out) < m.cfg.MaxBatch && c.bytes < maxBytes
	if s.transforming || len(b.records) == 0 || !room || s.committing != nil && !s.full() {
		return
	}
	s.transforming = true
	s.gathered = new(batch)
	m.call(func() func() {
		out, err := m.work.Transform(s.ctx, b.records)
		return func() {
			s.transforming = false
			switch {
			case s.lost:
				return
			case err != nil:
				m.fail(err)
				return
			}
			m.metrics.processed.Add(float64(len(b.records)))
			s.add(b, out)
		}
	})
}

// add puts a transformed batch into the next transaction.
func (s *session) add(b *batch, out []record.Record) {
	if s.next == nil {
		s.next = &commitment{next: make(map[*part]int64)}
	}
	c := s.next
	c.out = append(c.out, out...)
	c.batches = append(c.batches, b)
	maps.Copy(c.next, b.next)
	c.count += len(b.records)
	c.bytes += b.bytes
	for i := range out {
		c.bytes += len(out[i].Key) + len(out[i].Value)
	}
	s.spare = b.records
	clear(s.spare)
	b.records = nil
}

// commit publishes and moves positions in a transaction.
//
// The group may come to a new generation at any moment; a position sent under the
// old one is refused then. That says nothing about our right to it: while this
// member has not given the partition up, nobody else gets it, unless the group had a
// generation without this member, which ends the session before that can be seen. So
// the same transaction is sent again under the new generation.
func (s *session) commit() {
	m := s.m
	if s.trying || m.txnBusy || s.committing == nil && s.next == nil {
		return
	}
	who := as{m.id, m.generation}
	c := s.committing
	switch {
	case c == nil:
		s.committing, s.next = s.next, nil
		c = s.committing
	case who == c.as || m.joining:
		if time.Since(c.since) > m.cfg.SessionTimeout {
			m.restart(sarama.ErrIllegalGeneration)
		}
		return
	}
	for p := range c.next {
		if s.parts[p.Partition] != p {
			m.restart(errors.New("a partition was given up before its records were committed"))
			return
		}
	}
	c.as, s.trying, m.txnBusy = who, true, true
	next := make(map[record.Partition]position, len(c.next))
	for p, at := range c.next {
		next[p.Partition] = position{at, p.topicID}
	}
	m.beside(func() func() {
		err := m.txn.commit(s.ctx, who, m.instance(), next, c.out)
		stale := errors.Is(err, sarama.ErrIllegalGeneration) || errors.Is(err, sarama.ErrRebalanceInProgress)
		if stale {
			if aerr := m.txn.end(s.ctx, false); aerr != nil {
				err, stale = fmt.Errorf("abort: %w", aerr), false
			}
		}
		return func() {
			m.txnBusy, s.trying = false, false
			switch {
			case s.lost:
			case stale:
				m.metrics.aborted.Inc()
				if c.since.IsZero() {
					c.since = time.Now()
				}
			case err != nil:
				if !m.ends(err) {
					m.restart(err)
				}
			default:
				s.committed(c)
			}
		}
	})
}

// committed notes that a transaction is committed.
func (s *session) committed(c *commitment) {
	m := s.m
	s.committing, m.pause = nil, 0
	m.metrics.committed.Inc()
	m.metrics.recordsCommitted.Add(float64(c.count))
	m.metrics.latency.Observe(time.Since(c.batches[0].begun).Seconds())
	for _, b := range c.batches {
		for p := range b.next {
			if p.pending--; p.pending == 0 {
				p.settled = p.next
			}
		}
	}
	for p, at := range c.next {
		p.settled = max(p.settled, at)
	}
}

// release gives up the partitions that the group wants back, once all that was read of
// them is committed.
func (s *session) release() {
	var lost []record.Partition
	for p, known := range s.parts {
		if known.state == isLeaving && known.pending == 0 {
			delete(s.parts, p)
			lost = append(lost, p)
		}
	}
	if len(lost) > 0 {
		s.m.call(func() func() {
			s.m.work.Revoke(lost)
			return s.m.gaveUp
		})
	}
}

// position is where a member goes on in a partition.
type position struct {
	next    int64
	topicID string // of the topic that it is in; empty when that isn't known
}

// positions returns where partitions are to be read from: at the group's position, or
// from the oldest record on where it has none, none of this topic, or one that the topic
// doesn't hold. Those that can't be told now are left out: unstable, because a
// transaction is open on some; err says why one is.
func (m *member) positions(ctx context.Context, of []record.Partition) (at map[record.Partition]position, unstable bool, err error) {
	view, err := m.cl.Fresh(ctx)
	if err != nil {
		return nil, false, err
	}
	var resp *sarama.OffsetFetchResponse
	ferr := m.cl.Ask(ctx, cluster.Group(m.cfg.Group), cluster.Quick, func(b *sarama.Broker) (err error) {
		req := sarama.NewOffsetFetchRequest(m.cl.Version(), m.cfg.Group, byTopic(of))
		req.RequireStable = true
		if resp, err = b.FetchOffset(req); err != nil {
			return err
		}
		return cluster.Refusal(resp.GroupError())
	})
	if ferr != nil {
		return nil, errors.Is(ferr, sarama.ErrUnstableOffsetCommit), ferr
	}
	ask := make(map[record.Partition]cluster.At)
	committed := make(map[record.Partition]int64)
	for _, p := range of {
		b, t := resp.GetBlock(p.Topic, p.Partition), view.Topics[p.Topic]
		switch {
		case t == nil:
			err = fmt.Errorf("topic %s: %w", p.Topic, sarama.ErrUnknownTopicOrPartition)
			m.cl.Moved()
		case b == nil || b.Err == sarama.ErrUnstableOffsetCommit:
			unstable = true
		case b.Err != sarama.ErrNoError:
			err = fmt.Errorf("position in %v: %w", p, b.Err)
		default:
			committed[p] = b.Offset
			if b.Metadata != "" && t.ID != "" && b.Metadata != t.ID {
				committed[p] = -1
				m.log.log.Warn("the topic was made anew; it is read from its oldest record on", "topic", p.Topic, "partition", p.Partition)
			}
			ask[p] = cluster.Oldest
		}
	}
	oldest, oerr := m.cl.Offsets(ctx, ask, false)
	for p := range ask {
		ask[p] = cluster.Newest
	}
	ends, nerr := m.cl.Offsets(ctx, ask, false)
	at = make(map[record.Partition]position)
	for p := range ask {
		first, ok := oldest[p]
		end, ok2 := ends[p]
		if !ok || !ok2 {
			continue
		}
		next := committed[p]
		if next >= 0 && (next < first || next > end) {
			m.log.log.Warn("records were removed before they were read; going on at the oldest",
				"topic", p.Topic, "partition", p.Partition, "from", next, "oldest", first)
			next = -1
		}
		if next < 0 {
			next = first
		}
		at[p] = position{next, view.Topics[p.Topic].ID}
	}
	return at, unstable, errors.Join(err, oerr, nerr)
}
