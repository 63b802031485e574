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
	stateAssigned  state = iota // its position is not known yet
	stateLocating               // its position is requested
	stateLocated                // its state must be restored
	stateRestoring              // its state is being restored
	stateActive                 // the Transformer has its state
	stateRevoking               // the group wants it back; work in flight is committed first
)

// part is a partition that the group has assigned to this member.
type part struct {
	record.Assigned
	state       state
	cursor      *fetch.Cursor // nil while it is not fetched
	position    int64         // all below is read, including markers
	committed   int64         // all below is committed; the group's position may be lower, by markers
	uncommitted int           // batches with records of it that are not committed
}

// inputBatch is the input of one call of Transform. One transaction commits it, together with
// batches that were transformed during the transaction before.
type inputBatch struct {
	records      []record.Record // until they are transformed
	count        int             // of records, including batches that joined
	bytes        int
	started      time.Time       // when the first record came
	positions    map[*part]int64 // to commit
	out          []record.Record // the result of Transform
	generation   generation      // the member that last tried to commit it
	refusedSince time.Time       // the commit; else zero
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
// when a step fails or the group takes them all. The loop owns it. Records move fetched →
// accumulated → transforming → transformed → committing; each place holds at most one batch.
type session struct {
	m      *member
	ctx    context.Context
	cancel context.CancelFunc
	engine *fetch.Engine

	parts        map[record.Partition]*part
	initialized  bool            // the transactional producer
	lastLocated  time.Time       // last answer to a request for positions
	waitReason   string          // why some positions are not known yet
	fetched      []fetch.Fetched // without room in accumulated
	accumulated  *inputBatch
	spare        []record.Record // for the next batch
	transforming bool
	transformed  *inputBatch // else nil
	committing   *inputBatch // in flight, or refused and to be retried; else nil
	stopping     bool        // accepts no more records
	ended        bool
}

func newSession(m *member, assigned []record.Partition) *session {
	s := &session{m: m, parts: make(map[record.Partition]*part), accumulated: new(inputBatch)}
	s.ctx, s.cancel = context.WithCancel(m.ctx)
	s.engine = fetch.Start(s.ctx, m.cl, m.log.Logger, func() {})
	m.goroutines.Go(s.engine.Wait)
	s.assign(assigned)
	return s
}

// assign handles the member's partitions in a new generation.
func (s *session) assign(assigned []record.Partition) {
	keep := make(map[record.Partition]bool)
	for _, p := range assigned {
		keep[p] = true
		if s.parts[p] == nil {
			s.parts[p] = &part{Assigned: record.Assigned{Partition: p}}
		}
	}
	gone := 0
	for p, known := range s.parts {
		if keep[p] || known.state == stateRevoking {
			continue
		}
		gone++
		s.stopFetching(known)
		if known.state != stateActive {
			delete(s.parts, p) // restore detects that
			s.m.rejoinWithout()
		} else {
			known.state = stateRevoking
		}
	}
	if gone > 0 {
		s.m.log.Info("partitions revoked", "partitions", gone, "left", len(assigned))
	}
}

func (s *session) stopFetching(p *part) {
	s.engine.Remove(p.cursor)
	p.cursor = nil
}

// revoking reports whether partitions have yet to be given up.
func (s *session) revoking() bool {
	for _, p := range s.parts {
		if p.state == stateRevoking {
			return true
		}
	}
	return false
}

// stop accepts no more records. Accumulated ones are still committed.
func (s *session) stop() {
	s.stopping, s.fetched = true, nil
	for _, p := range s.parts {
		s.stopFetching(p)
	}
}

// hasUncommitted reports whether records have yet to be committed.
func (s *session) hasUncommitted() bool {
	return len(s.accumulated.records) > 0 || s.transforming || s.transformed != nil || s.committing != nil
}

// close ends the session. The next owner of the partitions reads uncommitted records again.
func (s *session) close(err error) {
	if s.ended {
		return
	}
	then := func() {}
	if s.revoking() {
		then = s.m.rejoinWithout
	}
	s.ended = true
	s.cancel()
	var read []record.Partition
	for _, p := range s.parts {
		if p.state == stateActive || p.state == stateRevoking {
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
	s.m.callTransformer(func() func() {
		s.m.transformer.Revoke(lost)
		return then
	})
}

// fetchedRecords is the source of records; nil while there is no room.
func (s *session) fetchedRecords() <-chan []fetch.Fetched {
	if s == nil || s.ended || s.stopping || len(s.fetched) > 0 || s.full() {
		return nil
	}
	return s.engine.Out
}

func (s *session) full() bool {
	return len(s.accumulated.records) >= maxRecords || s.accumulated.bytes >= maxBytes
}

// accumulate moves fetched records to the batch, while there is room.
func (s *session) accumulate() {
	for len(s.fetched) > 0 && !s.full() {
		f := &s.fetched[0]
		p := s.parts[f.Cursor.Partition]
		mine := p != nil && p.cursor == f.Cursor
		switch {
		case !mine:
			f.Records = nil
		case f.Err != nil && errors.Is(f.Err, fetch.ErrGone):
			// A new session finds the position again, and restores the state that matches.
			s.m.restartSession(f.Err)
			return
		case f.Err != nil:
			s.m.fail(fmt.Errorf("kafka: transform: group %s: %w", s.m.cfg.Group, f.Err))
			return
		}
		if n := s.appendRecords(p, f); n < len(f.Records) {
			f.Records = f.Records[n:]
			return
		}
		if mine {
			p.position = max(p.position, f.Position)
			if p.uncommitted == 0 {
				p.committed = p.position
			}
		}
		f.Done()
		s.fetched = s.fetched[1:]
	}
}

// appendRecords appends a block's records to the batch, and returns how many fit.
func (s *session) appendRecords(p *part, f *fetch.Fetched) int {
	if len(f.Records) == 0 {
		return 0
	}
	b := s.accumulated
	n, bytes := min(len(f.Records), maxRecords-len(b.records)), f.Bytes
	if b.bytes+bytes > maxBytes { // count, which takes longer than the copy
		n, bytes = 0, 0
		for n < len(f.Records) && len(b.records)+n < maxRecords && b.bytes+bytes < maxBytes {
			bytes += len(f.Records[n].Key) + len(f.Records[n].Value)
			n++
		}
	}
	if len(b.records) == 0 {
		b.records, s.spare = s.spare[:0], nil
		b.started, b.positions = time.Now(), make(map[*part]int64)
	}
	if _, ok := b.positions[p]; !ok {
		if p.uncommitted == 0 {
			p.committed = f.Records[0].Offset
		}
		p.uncommitted++
	}
	b.records, b.bytes = append(b.records, f.Records[:n]...), b.bytes+bytes
	b.positions[p] = f.Records[n-1].Offset + 1
	return n
}

// advance starts the steps that are ready.
func (s *session) advance() {
	switch {
	case s.ended:
		return
	case !s.initialized:
		s.initTransactions()
		return
	}
	if !s.stopping {
		s.locate()
		s.restore()
		if s.accumulate(); s.ended {
			return
		}
	}
	// A batch transformed before a waiting one is committed would delay the records after it.
	s.commit()
	s.transform()
	s.finishRevoking()
}

// initTransactions initializes the transactional producer. That ends the last transaction of the
// same id. It must: positions wait for a transaction that this member left open itself, and
// nobody else ends that while the member is in its group.
func (s *session) initTransactions() {
	m := s.m
	if m.txnInUse || s.stopping || time.Now().Before(m.notBefore) {
		return
	}
	m.txnInUse = true
	who := m.current
	m.async(func() func() {
		var err error
		if m.cfg.InstanceID != "" { // another process may have the id by now; the group knows
			err = m.sendHeartbeat(who)
			if errors.Is(err, sarama.ErrRebalanceInProgress) {
				err = nil
			}
		}
		if err == nil {
			m.txn.id = transactionOf(m.cfg.Group, m.cfg.InstanceID, who.memberID)
			err = m.txn.init(s.ctx)
		}
		return func() {
			m.txnInUse = false
			switch {
			case s.ended:
			case err == nil:
				s.initialized = true
			case !m.failIfFatal(err):
				m.backOff(fmt.Errorf("begin transactions: %w", err))
			}
		}
	})
}

// locate requests the positions of new partitions. It retries those that are unknown
// because a transaction is open on them or a leader is missing. There is one request per
// leader: a leader that doesn't answer delays only its own partitions.
func (s *session) locate() {
	if time.Since(s.lastLocated) < locateEvery {
		return
	}
	var unknown []record.Partition
	for p, known := range s.parts {
		if known.state == stateAssigned {
			unknown = append(unknown, p)
		}
	}
	for _, partitions := range s.m.cl.View().ByLeader(unknown) {
		s.locateSome(partitions)
	}
}

func (s *session) locateSome(partitions []record.Partition) {
	asked := make(map[*part]bool)
	for _, p := range partitions {
		s.parts[p].state, asked[s.parts[p]] = stateLocating, true
	}
	s.m.async(func() func() {
		positions, err := s.m.startPositions(s.ctx, partitions)
		return func() {
			s.lastLocated = time.Now()
			for p := range asked {
				p.state = stateAssigned // if it is still unknown
			}
			if s.ended {
				return
			}
			for a, position := range positions {
				if p := s.parts[a.Partition]; asked[p] { // else it was revoked meanwhile, and maybe assigned again
					p.Assigned, p.state, p.position, p.committed = a, stateLocated, position, position
				}
			}
			if err != nil {
				s.waitReason = s.m.log.explain.Explain(err).Text
			}
			if errors.Is(err, sarama.ErrUnstableOffsetCommit) {
				s.m.sweep()
			} else if err != nil && !s.m.failIfFatal(err) {
				s.m.log.warnOnce("partitions wait; processing the others", err)
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
	var assigned []record.Assigned
	var parts []*part
	for _, known := range s.parts {
		if known.state == stateLocated {
			known.state = stateRestoring
			assigned, parts = append(assigned, known.Assigned), append(parts, known)
		}
	}
	if len(assigned) == 0 {
		return
	}
	m.assigning = true
	m.metrics.rebalances.Inc()
	m.log.Info("partitions assigned", "partitions", len(assigned), "generation", m.current.number, "member", m.current.memberID)
	m.async(func() func() {
		install, err := m.transformer.Assign(s.ctx, assigned)
		return func() {
			m.assigning = false
			switch {
			case s.ended:
				return
			case errors.Is(err, cluster.ErrNoLeader): // those that need no partition without one go on
				for _, p := range parts {
					p.state = stateAssigned
				}
				s.waitReason = m.log.explain.Explain(err).Text
				return
			case err != nil:
				m.fail(err)
				return
			}
			var gone []record.Partition
			for _, p := range parts {
				if s.parts[p.Partition] == p {
					p.state = stateActive
				} else {
					gone = append(gone, p.Partition)
				}
			}
			m.callTransformer(func() func() {
				install()
				if len(gone) > 0 {
					m.transformer.Revoke(gone)
				}
				return func() {}
			})
			for _, p := range parts {
				if p.state == stateActive && s.parts[p.Partition] == p && !s.stopping {
					p.cursor = s.engine.Add(p.Partition, p.TopicID, p.position)
				}
			}
			m.restartProgress()
		}
	})
}

// transform passes the accumulated batch to Transform: when the last transaction is done, or
// earlier when the batch is full. So transformation bounds the rate, not transactions.
func (s *session) transform() {
	b, m := s.accumulated, s.m
	if s.transforming || len(b.records) == 0 || s.transformed != nil && (s.transformed.count >= maxCommitted || s.transformed.bytes >= maxBytes) || s.committing != nil && !s.full() {
		return
	}
	s.transforming = true
	s.accumulated = new(inputBatch)
	m.callTransformer(func() func() {
		out, err := m.transformer.Transform(s.ctx, b.records)
		return func() {
			s.transforming = false
			switch {
			case s.ended:
				return
			case errors.Is(err, cluster.ErrNoLeader):
				m.restartSession(err)
				return
			case err != nil:
				m.fail(err)
				return
			}
			b.count, b.out = len(b.records), out
			m.metrics.processed.Add(float64(b.count))
			clear(b.records)
			s.spare, b.records = b.records, nil
			if s.transformed == nil {
				s.transformed = b
			} else {
				s.transformed.join(b)
			}
		}
	})
}

// join appends a later batch, to commit both together.
func (b *inputBatch) join(later *inputBatch) {
	b.count, b.bytes = b.count+later.count, b.bytes+later.bytes
	b.out = append(b.out, later.out...)
	for p, at := range later.positions {
		if _, ok := b.positions[p]; ok {
			p.uncommitted--
		}
		b.positions[p] = at
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
	if m.txnInUse || s.committing == nil && s.transformed == nil {
		return
	}
	who := m.current
	b := s.committing
	switch {
	case b == nil:
		s.committing, s.transformed = s.transformed, nil
		b = s.committing
	case who == b.generation || m.joining: // refused in this generation: wait for the next
		if time.Since(b.refusedSince) > m.cfg.SessionTimeout {
			m.restartSession(sarama.ErrIllegalGeneration)
		}
		return
	}
	for p := range b.positions {
		if s.parts[p.Partition] != p {
			m.restartSession(errors.New("a partition was revoked before its records were committed"))
			return
		}
	}
	b.generation, m.txnInUse = who, true
	m.async(func() func() {
		err := m.txn.commit(s.ctx, who, m.instanceID, b.positions, b.out)
		refused := errors.Is(err, sarama.ErrIllegalGeneration) || errors.Is(err, sarama.ErrRebalanceInProgress)
		if refused {
			if aerr := m.txn.end(s.ctx, false); aerr != nil {
				err, refused = fmt.Errorf("abort: %w", aerr), false
			}
		}
		return func() {
			m.txnInUse = false
			switch {
			case s.ended:
			case refused:
				m.metrics.aborted.Inc()
				if b.refusedSince.IsZero() {
					b.refusedSince = time.Now()
				}
			case err == nil:
				s.committed(b)
			case m.failIfFatal(err), who == m.current && m.removed(err):
			default:
				m.restartSession(err)
			}
		}
	})
}

func (s *session) committed(b *inputBatch) {
	m := s.m
	s.committing, m.backoff = nil, 0
	m.metrics.committed.Inc()
	m.metrics.recordsCommitted.Add(float64(b.count))
	m.metrics.latency.Observe(time.Since(b.started).Seconds())
	for p, at := range b.positions {
		p.committed = max(p.committed, at)
		if p.uncommitted--; p.uncommitted == 0 {
			p.committed = p.position
		}
	}
}

// finishRevoking gives up partitions that the group wants back, once their records read are
// committed.
func (s *session) finishRevoking() {
	var lost []record.Partition
	for p, known := range s.parts {
		if known.state == stateRevoking && known.uncommitted == 0 {
			delete(s.parts, p)
			lost = append(lost, p)
		}
	}
	if len(lost) > 0 {
		s.revoke(lost, s.m.rejoinWithout)
	}
}

// startPositions returns the offset to read each partition from: the group's position, or the
// oldest record if the group has none, one of another topic, or one outside the log.
// Unknown positions are left out; the error gives a reason, such as an open transaction.
func (m *member) startPositions(ctx context.Context, of []record.Partition) (map[record.Assigned]int64, error) {
	view, err := m.cl.CurrentView(ctx)
	if err != nil {
		return nil, err
	}
	var resp *sarama.OffsetFetchResponse
	req := sarama.NewOffsetFetchRequest(m.cl.Version(), m.cfg.Group, byTopic(of))
	req.RequireStable = true
	err = m.cl.Ask(ctx, cluster.Group(m.cfg.Group), cluster.RequestTimeout, cluster.Send((*sarama.Broker).FetchOffset, req, func(r *sarama.OffsetFetchResponse) error {
		resp = r
		return cluster.Refusal(resp.GroupError())
	}))
	if err != nil {
		return nil, err
	}
	var faults []error
	var readable []record.Partition
	committed := make(map[record.Partition]int64)
	for _, p := range of {
		b, t := resp.GetBlock(p.Topic, p.Partition), view.Topics[p.Topic]
		switch {
		case t == nil:
			faults = append(faults, fmt.Errorf("topic %s: %w", p.Topic, sarama.ErrUnknownTopicOrPartition))
			m.cl.Invalidate()
		case b == nil:
			faults = append(faults, sarama.ErrUnstableOffsetCommit)
		case b.Err != sarama.ErrNoError:
			faults = append(faults, fmt.Errorf("position in %v: %w", p, b.Err))
		default:
			committed[p] = b.Offset
			if b.Metadata != "" && t.ID != "" && b.Metadata != t.ID {
				committed[p] = -1
				m.log.Warn("topic was recreated; reading from its oldest record", "topic", p.Topic, "partition", p.Partition)
			}
			readable = append(readable, p)
		}
	}
	bounds, err := m.cl.Bounds(ctx, readable, false)
	positions := make(map[record.Assigned]int64)
	for p, has := range bounds {
		t := view.Topics[p.Topic]
		a := record.Assigned{Partition: p, TopicID: t.ID, Partitions: int32(len(t.Leaders)), End: has.Newest}
		if i := slices.IndexFunc(m.transformer.Needs(a), func(q record.Partition) bool { return view.Leader(q) < 0 }); i >= 0 {
			faults = append(faults, fmt.Errorf("%v: %w", m.transformer.Needs(a)[i], cluster.ErrNoLeader))
			m.cl.Invalidate()
			continue
		}
		at := committed[p]
		if at >= 0 && (at < has.Oldest || at > has.Newest) {
			m.log.Warn("position is outside the log, as records expired or were lost; continuing at the oldest",
				"topic", p.Topic, "partition", p.Partition, "from", at, "oldest", has.Oldest, "end", has.Newest)
			at = -1
		}
		if at < 0 {
			at = has.Oldest
		}
		positions[a] = at
	}
	return positions, errors.Join(append(faults, err)...)
}
