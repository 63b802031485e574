package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/fetch"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// state is a partition's state.
type state int8

const (
	isGiven    state = iota // its position is not known yet
	isLocated               // its state must be restored
	isRestored              // its state is being restored
	isRead                  // the Transformer has its state
	isLeaving               // the group wants it back; work in flight is committed first
)

// part is a partition that the group has assigned to this member.
type part struct {
	Gained
	state   state
	cur     *fetch.Cursor // nil while it is not read
	next    int64         // all below is read, including markers
	settled int64         // all below is committed
	pending int           // unfinished batches with records of it
}

// batch is the input of one call of Transform. One transaction commits it, together with
// batches that were transformed during the transaction before.
type batch struct {
	records []record.Record // until they are transformed
	count   int             // of records, including batches that joined
	bytes   int
	begun   time.Time       // when the first record came
	next    map[*part]int64 // the positions after it
	out     []record.Record // the result of Transform
	as      as              // the member that last tried to commit it
	since   time.Time       // when the commit was first refused; else zero
}

const (
	// maxRecords and maxBytes bound a batch, except a batch of one larger record.
	maxRecords = 8 << 10
	maxBytes   = 8 << 20
	// Batches join a transaction while it has fewer records than maxCommitted, and fewer
	// bytes than maxBytes.
	maxCommitted = 16 * maxRecords
	// locateEvery is the interval of retries for positions that are not known yet.
	locateEvery = 200 * time.Millisecond
)

// session is a member's work with its partitions. It begins with all of them and ends
// when a step fails or the group takes them all. The loop owns it. Each batch moves input →
// gathered → transforming → next → committing; each place holds at most one batch.
type session struct {
	m      *member
	ctx    context.Context
	cancel context.CancelFunc
	engine *fetch.Engine

	parts        map[record.Partition]*part
	opening      bool // the transactional producer
	open         bool // it may send
	locating     bool
	located      time.Time       // last request for positions
	why          string          // why some positions are not known yet
	backlog      []fetch.Fetched // fetched, but without room in gathered
	gathered     *batch
	spare        []record.Record // for the next batch
	transforming bool
	next         *batch // transformed; else nil
	committing   *batch // in flight, or refused and to be retried
	trying       bool   // committing is in flight
	stopping     bool   // accepts no more records
	lost         bool   // the session has ended
}

func newSession(m *member, held []record.Partition) *session {
	s := &session{m: m, parts: make(map[record.Partition]*part), gathered: new(batch)}
	s.ctx, s.cancel = context.WithCancel(m.ctx)
	s.engine = fetch.Start(s.ctx, m.cl, m.log.log, func() {})
	m.helper.Go(s.engine.Wait)
	for _, p := range held {
		s.parts[p] = &part{Gained: Gained{Partition: p}}
	}
	return s
}

// given handles the member's partitions in a new generation.
func (s *session) given(held []record.Partition) {
	keep := make(map[record.Partition]bool)
	for _, p := range held {
		keep[p] = true
		if s.parts[p] == nil {
			s.parts[p] = &part{Gained: Gained{Partition: p}}
		}
	}
	gone := 0
	for p, known := range s.parts {
		if keep[p] || known.state == isLeaving {
			continue
		}
		gone++
		s.stopReading(known)
		if known.state != isRead {
			delete(s.parts, p) // restore detects that
			s.m.gaveUp()
		} else {
			known.state = isLeaving
		}
	}
	if gone > 0 {
		s.m.log.log.Info("partitions given up", "partitions", gone, "left", len(held))
	}
}

func (s *session) stopReading(p *part) {
	if p.cur != nil {
		s.engine.Remove(p.cur)
	}
	p.cur = nil
}

// leaving reports whether partitions have yet to be given up.
func (s *session) leaving() bool {
	for _, p := range s.parts {
		if p.state == isLeaving {
			return true
		}
	}
	return false
}

// stop accepts no more records. Gathered records are still committed.
func (s *session) stop() {
	s.stopping, s.backlog = true, nil
	for _, p := range s.parts {
		s.stopReading(p)
	}
}

// unfinished reports whether records have yet to be committed.
func (s *session) unfinished() bool {
	return len(s.gathered.records) > 0 || s.transforming || s.next != nil || s.committing != nil
}

// close ends the session. The next owner of the partitions reads uncommitted records again.
func (s *session) close(err error) {
	if s.lost {
		return
	}
	then := func() {}
	if s.leaving() {
		then = s.m.gaveUp
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
		s.revoke(read, then)
	}
	if s.committing != nil && err != nil {
		s.m.metrics.aborted.Inc()
	}
}

// revoke calls the Transformer's Revoke.
func (s *session) revoke(lost []record.Partition, then func()) {
	s.m.call(func() func() {
		s.m.work.Revoke(lost)
		return then
	})
}

// input is the source of records; nil while there is no room.
func (s *session) input() <-chan []fetch.Fetched {
	if s == nil || s.lost || s.stopping || len(s.backlog) > 0 || s.full() {
		return nil
	}
	return s.engine.Out
}

func (s *session) full() bool {
	return len(s.gathered.records) >= maxRecords || s.gathered.bytes >= maxBytes
}

// gather empties the backlog while the batch has room.
func (s *session) gather() {
	for len(s.backlog) > 0 && !s.full() {
		f := &s.backlog[0]
		p := s.parts[f.Cursor.Partition]
		switch {
		case p == nil || p.cur != f.Cursor:
			f.Records = nil
		case f.Err != nil && errors.Is(f.Err, fetch.ErrGone):
			// A new session finds the position again, and restores the state that matches.
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

// put appends records to the batch, and returns how many fit.
func (s *session) put(p *part, records []record.Record) int {
	if len(records) == 0 {
		return 0
	}
	b, n := s.gathered, 0
	for n < len(records) && !s.full() && n < maxRecords-len(b.records) {
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

// advance starts the steps that are ready.
func (s *session) advance() {
	switch {
	case s.lost:
		return
	case !s.open:
		s.begin()
		return
	}
	if !s.stopping {
		s.locate()
		s.restore()
		if s.gather(); s.lost {
			return
		}
	}
	// A batch transformed before a waiting one is committed would delay the records after it.
	s.commit()
	s.transform()
	s.release()
}

// begin initializes the transactional producer. That ends the last transaction of the
// same id. It must: positions wait for a transaction that this member left open itself, and
// nobody else ends that while the member is in its group.
func (s *session) begin() {
	m := s.m
	if s.opening || m.txnBusy || s.stopping || time.Now().Before(m.notBefore) {
		return
	}
	s.opening, m.txnBusy = true, true
	who := as{m.id, m.generation}
	m.beside(func() func() {
		var err error
		if m.cfg.InstanceID != "" { // another process may have the id by now; the group knows
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

// locate requests the positions of new partitions. It retries those that are unknown
// because a transaction is open on them or a leader is missing; the others proceed.
func (s *session) locate() {
	if s.locating || time.Since(s.located) < locateEvery {
		return
	}
	var want []record.Partition
	asked := make(map[*part]bool)
	for p, known := range s.parts {
		if known.state == isGiven {
			want, asked[known] = append(want, p), true
		}
	}
	if len(want) == 0 {
		return
	}
	s.locating = true
	s.m.beside(func() func() {
		at, err := s.m.positions(s.ctx, want)
		return func() {
			s.locating, s.located = false, time.Now()
			if s.lost {
				return
			}
			for g, next := range at {
				if known := s.parts[g.Partition]; asked[known] { // else it has moved away meanwhile, and may be back
					known.Gained, known.state, known.next, known.settled = g, isLocated, next, next
				}
			}
			if err != nil {
				s.why = s.m.log.explain.Explain(err).Text
			}
			if errors.Is(err, sarama.ErrUnstableOffsetCommit) {
				s.m.sweep()
			} else if err != nil && !s.m.ends(err) {
				s.m.log.warn("partitions wait; the others are worked on", err)
			}
		}
	})
}

// restore passes all located partitions to the Transformer's Assign at once.
func (s *session) restore() {
	m := s.m
	if m.assigning {
		m.sweep() // the previous member may have left a transaction open
		return
	}
	var gained []Gained
	var parts []*part
	for _, known := range s.parts {
		if known.state == isLocated {
			known.state = isRestored
			gained, parts = append(gained, known.Gained), append(parts, known)
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
			case errors.Is(err, cluster.ErrNoLeader): // those that need no partition without one go on
				for _, p := range parts {
					p.state = isGiven
				}
				s.why = m.log.explain.Explain(err).Text
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
					p.cur = s.engine.Add(p.Partition, p.TopicID, p.next)
				}
			}
			m.begun()
		}
	})
}

// transform passes the gathered batch to Transform: when the last transaction is done, or
// earlier when the batch is full. So transformation bounds the rate, not transactions.
func (s *session) transform() {
	b, m := s.gathered, s.m
	if s.transforming || len(b.records) == 0 || s.next != nil && (s.next.count >= maxCommitted || s.next.bytes >= maxBytes) || s.committing != nil && !s.full() {
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
			case errors.Is(err, cluster.ErrNoLeader):
				m.restart(err)
				return
			case err != nil:
				m.fail(err)
				return
			}
			b.count, b.out = len(b.records), out
			m.metrics.processed.Add(float64(b.count))
			clear(b.records)
			s.spare, b.records = b.records, nil
			if s.next == nil {
				s.next = b
			} else {
				s.next.join(b)
			}
		}
	})
}

// join appends a later batch, to commit both together.
func (b *batch) join(later *batch) {
	b.count, b.bytes = b.count+later.count, b.bytes+later.bytes
	b.out = append(b.out, later.out...)
	for p, at := range later.next {
		if _, ok := b.next[p]; ok {
			p.pending--
		}
		b.next[p] = at
	}
}

// commit publishes and moves positions in a transaction.
//
// A new generation may begin at any moment; a position sent under the old one is refused
// then. We may still own the partition: nobody else gets it until this member gives it up.
// The exception, a generation without this member, ends the session first. So the same
// transaction is resent under the new generation.
func (s *session) commit() {
	m := s.m
	if s.trying || m.txnBusy || s.committing == nil && s.next == nil {
		return
	}
	who := as{m.id, m.generation}
	b := s.committing
	switch {
	case b == nil:
		s.committing, s.next = s.next, nil
		b = s.committing
	case who == b.as || m.joining:
		if time.Since(b.since) > m.cfg.SessionTimeout {
			m.restart(sarama.ErrIllegalGeneration)
		}
		return
	}
	for p := range b.next {
		if s.parts[p.Partition] != p {
			m.restart(errors.New("a partition was given up before its records were committed"))
			return
		}
	}
	b.as, s.trying, m.txnBusy = who, true, true
	m.beside(func() func() {
		err := m.txn.commit(s.ctx, who, m.instance, b.next, b.out)
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
				if b.since.IsZero() {
					b.since = time.Now()
				}
			case err != nil:
				if !m.ends(err) {
					m.restart(err)
				}
			default:
				s.committed(b)
			}
		}
	})
}

// committed notes that a batch is committed.
func (s *session) committed(b *batch) {
	m := s.m
	s.committing, m.pause = nil, 0
	m.metrics.committed.Inc()
	m.metrics.recordsCommitted.Add(float64(b.count))
	m.metrics.latency.Observe(time.Since(b.begun).Seconds())
	for p, at := range b.next {
		p.settled = max(p.settled, at)
		if p.pending--; p.pending == 0 {
			p.settled = p.next
		}
	}
}

// release gives up partitions that the group wants back, once their records read are
// committed.
func (s *session) release() {
	var lost []record.Partition
	for p, known := range s.parts {
		if known.state == isLeaving && known.pending == 0 {
			delete(s.parts, p)
			lost = append(lost, p)
		}
	}
	if len(lost) > 0 {
		s.revoke(lost, s.m.gaveUp)
	}
}

// positions returns the offset to read each partition from: the group's position, or the
// oldest record if the group has none, one of another topic, or one outside the log.
// Unknown positions are left out; the error gives a reason, such as an open transaction.
func (m *member) positions(ctx context.Context, of []record.Partition) (map[Gained]int64, error) {
	view, err := m.cl.Fresh(ctx)
	if err != nil {
		return nil, err
	}
	var resp *sarama.OffsetFetchResponse
	err = m.cl.Ask(ctx, cluster.Group(m.cfg.Group), cluster.Quick, func(b *sarama.Broker) (err error) {
		req := sarama.NewOffsetFetchRequest(m.cl.Version(), m.cfg.Group, byTopic(of))
		req.RequireStable = true
		if resp, err = b.FetchOffset(req); err != nil {
			return err
		}
		return cluster.Refusal(resp.GroupError())
	})
	if err != nil {
		return nil, err
	}
	var faults []error
	var ask []record.Partition
	committed := make(map[record.Partition]int64)
	for _, p := range of {
		b, t := resp.GetBlock(p.Topic, p.Partition), view.Topics[p.Topic]
		switch {
		case t == nil:
			faults = append(faults, fmt.Errorf("topic %s: %w", p.Topic, sarama.ErrUnknownTopicOrPartition))
			m.cl.Moved()
		case b == nil:
			faults = append(faults, sarama.ErrUnstableOffsetCommit)
		case b.Err != sarama.ErrNoError:
			faults = append(faults, fmt.Errorf("position in %v: %w", p, b.Err))
		default:
			committed[p] = b.Offset
			if b.Metadata != "" && t.ID != "" && b.Metadata != t.ID {
				committed[p] = -1
				m.log.log.Warn("the topic was made anew; it is read from its oldest record on", "topic", p.Topic, "partition", p.Partition)
			}
			ask = append(ask, p)
		}
	}
	bounds, err := m.cl.Bounds(ctx, ask, false)
	at := make(map[Gained]int64)
	for p, has := range bounds {
		t := view.Topics[p.Topic]
		g := Gained{p, t.ID, int32(len(t.Leaders)), has.Newest}
		if i := slices.IndexFunc(m.work.Needs(g), func(q record.Partition) bool { return view.Leader(q) < 0 }); i >= 0 {
			faults = append(faults, fmt.Errorf("%v: %w", m.work.Needs(g)[i], cluster.ErrNoLeader))
			m.cl.Moved()
			continue
		}
		next := committed[p]
		if next >= 0 && (next < has.Oldest || next > has.Newest) {
			m.log.log.Warn("records were removed before they were read; going on at the oldest",
				"topic", p.Topic, "partition", p.Partition, "from", next, "oldest", has.Oldest)
			next = -1
		}
		if next < 0 {
			next = has.Oldest
		}
		at[g] = next
	}
	return at, errors.Join(append(faults, err)...)
}
