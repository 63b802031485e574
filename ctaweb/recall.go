package ctaweb

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// At the start, the page is shown as soon as the arrivals of two hours have been read. What
// lines were like before, for a day, follows from older arrivals, which are read then.
const (
	recallFor = live.PastFor + 2*time.Hour // of event time: a minute depends on two hours before
	maxRecall = 300_000                    // arrivals
)

// recalled is an arrival of before the start.
type recalled struct {
	key     cta.Key
	arrival cta.Arrival
	wall    int64
}

// past keeps the history of lines, and reads the earlier history, until ctx ends.
func (c *consumer) past(ctx context.Context, client Client, every, arrivals time.Duration) {
	read := false
	for began := time.Now(); retry.Pause(ctx, every) == nil; {
		if c.mu.Lock(); !c.done {
			c.mu.Unlock()
			continue
		}
		c.mu.Unlock()
		if _, since, ok := c.model.latest(); ok && !read {
			read = true
			if since.Before(began.Add(-arrivals)) {
				if err := c.recall(ctx, client, since); err != nil && ctx.Err() == nil {
					c.log.Warn("arrivals of the last day not read; the history of lines begins later", "err", err)
				}
			}
		}
		c.model.follow(ctx)
	}
}

// recall reads the arrivals sent since a time.
func (c *consumer) recall(ctx context.Context, client Client, since time.Time) error {
	var list []recalled
	ids := map[string]string{}
	err := client.Read(ctx, record.ReadConfig{
		Match:     func(topic string) bool { return c.topics.IsArrivals(topic) },
		Since:     func(string) time.Time { return since },
		StopAtEnd: true,
	}, func(ctx context.Context, r record.Record) error {
		k, v, err := c.arrivals.Decode(ctx, r)
		if err != nil || v.Check() != nil || k.Check(r.Time) != nil || cta.CheckTopic(r.Topic, v.StationID) != nil || !c.model.stops[recordKey{v.StationID, v.Line}] {
			return ctx.Err() // what isn't taken is reported when it is new
		}
		id, known := ids[v.TrainID]
		if !known {
			id = v.TrainID
			ids[id] = id
		}
		v.TrainID, v.PrevStationID, v.PrevDirection = id, nil, nil
		if list = append(list, recalled{k, v, r.Time.UnixMilli()}); len(list) == 2*maxRecall {
			list = newest(list)
		}
		return nil
	})
	if err == nil {
		c.model.tracker.AddPast(c.model.right(newest(list)))
	}
	return err
}

// newest sorts arrivals by when they were sent, and returns the last maxRecall.
func newest(list []recalled) []recalled {
	slices.SortFunc(list, func(a, b recalled) int {
		return cmp.Or(cmp.Compare(a.wall, b.wall), cmp.Compare(a.key.Timestamp, b.key.Timestamp), cmp.Compare(a.arrival.StationID, b.arrival.StationID))
	})
	return append(list[:0:0], list[max(0, len(list)-maxRecall):]...)
}

// latest returns the event time of the newest record, and the wall time at which the arrivals
// of the day before it begin; ok is false while the clock is unknown.
func (m *Model) latest() (now, since time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.state.clock
	if !c.known || m.holding {
		return now, since, false
	}
	newest := time.UnixMilli(c.newest)
	return m.at(newest), newest.Add(-time.Duration(float64(recallFor) / c.speed)), true
}

// right returns the arrivals with right times, of a list in the order of sending. It
// leaves out arrivals:
//
//   - ahead of the others sent around then
//   - of stations most of whose arrivals differ from the others'
//   - from before the source restarted at an earlier time
func (m *Model) right(list []recalled) iter.Seq2[cta.Key, cta.Arrival] {
	m.mu.Lock()
	e := m.state.clock.estimate
	m.mu.Unlock()
	e.nearby = nil
	all := make([]witness, len(list))
	for i, r := range list {
		all[i] = witness{id: r.arrival.StationID, event: r.key.Timestamp, wall: r.wall}
	}
	j := juryOf(all)
	off := make([]int64, len(list)) // from the arrivals around
	odd := map[int]int{}            // by station: more are off than right
	first, lowest := 0, int64(0)
	for i := len(list) - 1; i >= 0; i-- {
		then := e.by(j, list[i].wall)
		if i == len(list)-1 || then < lowest {
			lowest = then
		}
		if back := lowest + resetBack*e.tolerance(); then > back {
			// The first ones after the restart are fewer than those before it, around.
			for first = i + 1; first > 0 && first > i-j.about && list[first-1].key.Timestamp <= back; first-- {
			}
			break
		}
		if off[i] = list[i].key.Timestamp - then; e.about(off[i], 0) {
			odd[list[i].arrival.StationID]--
		} else {
			odd[list[i].arrival.StationID]++
		}
	}
	return func(yield func(cta.Key, cta.Arrival) bool) {
		for i, r := range list[first:] {
			if off[first+i] <= e.tolerance() && odd[r.arrival.StationID] <= 0 && !yield(r.key, r.arrival) {
				return
			}
		}
	}
}

// follow has the tracker judge how lines ran, as far as time has advanced. Readers have half
// of the time meanwhile.
func (m *Model) follow(ctx context.Context) {
	const some = 4 // minutes
	for ctx.Err() == nil {
		began := time.Now()
		now, _, ok := m.latest()
		if !ok || !m.tracker.JudgePast(now, some) {
			return
		}
		_ = retry.Pause(ctx, time.Since(began)) // the loop sees that ctx has ended
	}
}
