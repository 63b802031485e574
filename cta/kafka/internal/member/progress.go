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

// Reasons why progress is unknown.
var (
	errNotJoined = errors.New("kafka: not a member of the group yet")
	errRestoring = errors.New("kafka: restoring state")
)

// restartProgress restarts the report after the member has received partitions.
func (m *member) restartProgress() { m.assignedAt, m.caughtUp, m.lastEnds = time.Now(), false, nil }

// measureProgress determines the member's progress. It asks the cluster for the partitions' ends:
// no records arrive when a member is stuck.
func (m *member) measureProgress() {
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
	m.async(func() func() {
		ends, err := m.cl.Offsets(m.ctx, cluster.Each(parts, cluster.Newest), true, cluster.PromptTimeout)
		return func() {
			m.measuring = false
			m.reportProgress(ends, err)
		}
	})
}

// reportProgress reports the member's progress against ends; err explains why some are missing.
func (m *member) reportProgress(ends map[record.Partition]int64, err error) {
	var p record.Progress
	var behind map[string]int64
	switch s := m.session; {
	case m.topicsKnown && len(m.topics) == 0:
		p.CaughtUp = true
		m.metrics.lag.Set(nil)
	case !m.joined || s == nil || s.ended:
		p.Err = errNotJoined
	default:
		p, behind = s.progress(ends, m.lastEnds, err)
		m.lastEnds = ends
	}
	if p.Err == nil || len(behind) > 0 { // else keep the last lag: no better one is known
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
	if p.CaughtUp && !m.caughtUp && !m.assignedAt.IsZero() { // after Progress has it: a reader of the log may ask
		m.caughtUp = true
		m.log.Info("caught up", "partitions", p.Partitions, "behind", p.Behind, "after", time.Since(m.assignedAt).Round(time.Millisecond))
	}
}

// progress compares committed positions with the partitions' ends, now and at the last
// look. It also returns the uncommitted records by topic.
func (s *session) progress(ends, before map[record.Partition]int64, err error) (p record.Progress, behind map[string]int64) {
	p = record.Progress{Partitions: len(s.parts), CaughtUp: true}
	behind = make(map[string]int64)
	var waiting, lacking []string
	for tp, known := range s.parts {
		end, ok := ends[tp]
		switch {
		case known.state <= stateLocating && s.waitReason != "":
			waiting = append(waiting, tp.String())
			continue
		case known.state != stateActive && known.state != stateRevoking:
			p.Err = errRestoring
			continue
		case !ok && err == nil:
			p.Err = errNotJoined // not a member when the cluster was asked
			continue
		case !ok:
			lacking = append(lacking, tp.String())
			continue
		}
		// Markers may follow the last record; the group never commits a position for them.
		done := known.position
		if known.uncommitted > 0 {
			done = known.committed
		}
		lag := max(end-done, 0)
		behind[tp.Topic] += lag
		p.Behind += lag
		if seen, ok := before[tp]; ok { // records that came since may be in flight
			lag = min(lag, seen-done)
		}
		p.CaughtUp = p.CaughtUp && lag <= 0
	}
	slices.Sort(waiting)
	slices.Sort(lacking)
	switch group := s.m.cfg.Group; {
	case p.Err != nil:
	case len(waiting) > 0:
		p.Err = fmt.Errorf("kafka: group %s: waiting to read %s: %s", group, strings.Join(waiting, " "), s.waitReason)
	case len(lacking) > 0:
		p.Err = fmt.Errorf("kafka: group %s: %s: %s", group, strings.Join(lacking, " "), s.m.log.explain.Explain(err).Text)
	}
	if p.Err != nil {
		p.CaughtUp = false
	}
	return p, behind
}
