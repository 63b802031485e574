package member

import (
	"context"
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

// progressTold is what the progress has told so far. It belongs to the loop.
type progressTold struct {
	since  time.Time                  // when the member was last given partitions
	caught bool                       // up, since then
	given  int                        // partitions given up since the last look
	ends   map[record.Partition]int64 // where partitions ended at the last look
}

func (t *progressTold) joined() { t.since, t.caught, t.ends = time.Now(), false, nil }

// observe looks how far the member is until ctx ends.
func (m *member) observe(ctx context.Context) {
	tick := time.NewTicker(m.cfg.Refresh)
	defer tick.Stop()
	defer m.metrics.lag.Set(nil)
	for {
		m.lookAtProgress(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// onLoop has the loop run f, and waits for that. It returns false when ctx ends first.
func (m *member) onLoop(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	select {
	case m.inbox <- func() { f(); close(done) }:
		<-done
		return true
	case <-ctx.Done():
		return false
	}
}

// lookAtProgress asks the cluster where the member's partitions end, and compares with
// what is done. The cluster is asked, and not the records that arrive: none do when a
// member is stuck.
func (m *member) lookAtProgress(ctx context.Context) {
	var (
		waits    error
		noTopics bool
		parts    []record.Partition
	)
	if !m.onLoop(ctx, func() { parts, noTopics, waits = m.standing() }) {
		return
	}
	p := Progress{Partitions: len(parts), Err: waits}
	var after time.Duration
	switch {
	case noTopics:
		m.metrics.lag.Set(nil)
		p = Progress{CaughtUp: true}
	case waits != nil: // the lag stays as it was: nobody knows a better one
	default:
		of := make(map[record.Partition]cluster.At, len(parts))
		for _, tp := range parts {
			of[tp] = cluster.Newest
		}
		ends, err := m.cl.Offsets(ctx, of, true)
		behind := make(map[string]int64)
		if !m.onLoop(ctx, func() { after = m.compare(&p, behind, parts, ends, err) }) {
			return
		}
		if len(behind) > 0 || len(parts) == 0 { // else the member lost them meanwhile, or nobody knows
			m.metrics.lag.Set(behind)
		}
	}
	given := 0
	m.onLoop(ctx, func() { given, m.told.given = m.told.given, 0 })
	if ctx.Err() != nil {
		return
	}
	if given > 0 {
		m.log.log.Info("partitions given up", "partitions", given, "left", p.Partitions)
	}
	m.metrics.caughtUp(p.CaughtUp)
	if m.cfg.Progress != nil {
		m.cfg.Progress(p)
	}
	if after > 0 { // not before Progress has it: who reads the log may ask
		m.log.log.Info("caught up", "partitions", p.Partitions, "behind", p.Behind, "after", after.Round(time.Millisecond))
	}
}

// standing says why there is nothing to look at, or at which partitions to look.
func (m *member) standing() (parts []record.Partition, noTopics bool, waits error) {
	s := m.session
	switch {
	case m.looked && len(m.topics) == 0:
		return nil, true, nil
	case !m.joined || s == nil || s.lost:
		return nil, false, errNotJoined
	}
	var waiting []string
	for p, known := range s.parts {
		parts = append(parts, p)
		switch {
		case known.state == isRead || known.state == isLeaving:
		case known.state == isGiven && !s.located.IsZero():
			waiting = append(waiting, p.String())
		default:
			waits = errRestoring
		}
	}
	if waits == nil && len(waiting) > 0 {
		slices.Sort(waiting)
		waits = fmt.Errorf("kafka: group %s: waiting to read %s: %s", m.cfg.Group, strings.Join(waiting, " "), s.why)
	}
	return parts, false, waits
}

// compare fills in p. If the member has now caught up with what it was given, it returns
// how long that took.
func (m *member) compare(p *Progress, behind map[string]int64, parts []record.Partition, ends map[record.Partition]int64, err error) (after time.Duration) {
	if _, _, now := m.standing(); now != nil {
		p.Err = now
		return 0
	}
	p.CaughtUp = true
	var lacking []string
	for _, tp := range parts {
		known := m.session.parts[tp]
		end, ok := ends[tp]
		if known == nil {
			p.CaughtUp, p.Err = false, errNotJoined // other partitions, meanwhile
			continue
		}
		if !ok {
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
		if seen, ok := m.told.ends[tp]; ok { // what has come since then may be under way
			lag = min(lag, seen-done)
		}
		p.CaughtUp = p.CaughtUp && lag <= 0
	}
	if len(lacking) > 0 {
		slices.Sort(lacking)
		p.CaughtUp = false
		p.Err = fmt.Errorf("kafka: group %s: %s: %s", m.cfg.Group, strings.Join(lacking, " "), m.log.explain.Explain(err).Text)
	}
	m.told.ends = ends
	if p.CaughtUp && !m.told.caught && !m.told.since.IsZero() {
		m.told.caught = true
		return time.Since(m.told.since)
	}
	return 0
}
