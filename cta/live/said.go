package live

import (
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Report is one report of a train.
type Report struct {
	At time.Time
	Hop
	Status cta.TrainStatus
	Bound  int // station at which its run ends; 0 if not reported
}

// Reports returns a train's remembered reports up to now, in order: those on which a
// [Tracker.View] of that time is based.
func (t *Tracker) Reports(train string, now time.Time) []Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.trains[train]
	if tr == nil {
		return nil
	}
	said := make([]Report, 0, len(tr.events))
	for _, e := range tr.events {
		if e.at > now.UnixMilli()+slack {
			break
		}
		n := &t.graph.nodes[e.node]
		said = append(said, Report{
			At: t.scratch.time(e.at), Hop: Hop{n.station.ID, n.direction}, Status: statuses[e.status], Bound: int(e.bound),
		})
	}
	return said
}
