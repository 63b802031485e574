package member

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// Progress is how far a member of a group is: see [Config].
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
)

// begun begins to tell of what the member was given just now.
func (m *member) begun() { m.since, m.caughtUp, m.lastEnds = time.Now(), false, nil }

// measure finds out how far the member is. It asks the cluster where partitions end, and
// doesn't go by the records that arrive: none do when a member is stuck.
func (m *member) measure() {
	if m.measuring {
		return
	}
	m.measuring = true
	var parts []record.Partition
	if m.session != nil {
		for p := range m.session.parts {
			parts = append(parts, p)
		}
	}
	m.beside(func() func() {
		ends, err := m.cl.Offsets(m.ctx, cluster.Each(parts, cluster.Newest), true)
		return func() {
			m.measuring = false
			m.tell(ends, err)
		}
	})
}

// tell tells how far the member is, in partitions that end there; err says why not all are
// among them.
func (m *member) tell(ends map[record.Partition]int64, err error) {
	var p Progress
	var behind map[string]int64
	switch s := m.session; {
	case m.looked && len(m.topics) == 0:
		p.CaughtUp = true
		m.metrics.lag.Set(nil)
	case !m.joined || s == nil || s.lost:
		p.Err = errNotJoined
	default:
		p, behind = s.progress(ends, m.lastEnds, err)
		m.lastEnds = ends
	}
	if p.Err == nil || len(behind) > 0 { // else the lag stays as it was: nobody knows a better one
		m.metrics.lag.Set(behind)
	}
	caught := 0.0
	if p.CaughtUp {
		caught = 1
	}
	m.metrics.caught.Set(caught)
	if m.cfg.Progress != nil {
		m.cfg.Progress(p)
	}
	if p.CaughtUp && !m.caughtUp && !m.since.IsZero() { // not before Progress has it: who reads the log may ask
		m.caughtUp = true
		m.log.log.Info("caught up", "partitions", p.Partitions, "behind", p.Behind, "after", time.Since(m.since).Round(time.Millisecond))
	}
}

// progress compares what is done with where partitions end, and ended at the last look. It
// returns how many records there are to commit by topic, too.
func (s *session) progress(ends, before map[record.Partition]int64, err error) (p Progress, behind map[string]int64) {
	p = Progress{Partitions: len(s.parts), CaughtUp: true}
	behind = make(map[string]int64)
	var waiting, lacking []string
	for tp, known := range s.parts {
		end, ok := ends[tp]
		switch {
		case known.state == isGiven && !s.located.IsZero():
			waiting = append(waiting, tp.String())
			continue
		case known.state != isRead && known.state != isLeaving:
			p.Err = errRestoring
			continue
		case !ok && err == nil:
			p.Err = errNotJoined // it was not when the cluster was asked
			continue
		case !ok:
			lacking = append(lacking, tp.String())
			continue
		}
		// Behind the last record there may be markers of transactions, of which the
		// group never commits a position.
		done := known.next
		if known.pending > 0 {
			done = known.settled
		}
		lag := max(end-done, 0)
		behind[tp.Topic] += lag
		p.Behind += lag
		if seen, ok := before[tp]; ok { // what has come since then may be under way
			lag = min(lag, seen-done)
		}
		p.CaughtUp = p.CaughtUp && lag <= 0
	}
	slices.Sort(waiting)
	slices.Sort(lacking)
	switch group := s.m.cfg.Group; {
	case p.Err != nil:
	case len(waiting) > 0:
		p.Err = fmt.Errorf("kafka: group %s: waiting to read %s: %s", group, strings.Join(waiting, " "), s.why)
	case len(lacking) > 0:
		p.Err = fmt.Errorf("kafka: group %s: %s: %s", group, strings.Join(lacking, " "), s.m.log.explain.Explain(err).Text)
	}
	if p.Err != nil {
		p.CaughtUp = false
	}
	return p, behind
}
