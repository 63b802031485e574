package ctaweb

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// maxHeld bounds the counts that wait for the clock, and the times heard meanwhile.
// When there are more, every second one is dropped. That makes the course of a day
// coarser, not wrong.
const maxHeld = 200_000

// heldCount is a count that was read before the clock was known.
type heldCount struct {
	station       int
	wall, entries int64
}

// hold makes counts wait. Records at the start come in no order, and counts get their
// event time from the arrivals and weather around them. No clock can be judged yet,
// either.
func (m *Model) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holding, m.live, m.began = true, nil, 0
}

// settleAfter is the time, in ms of wall clock, before a new source is judged. Its
// first records are the positions of its trains, which don't show how fast its time
// advances.
const settleAfter = 2_000

// release ends the waiting that hold began, if there were any records. live is the wall
// clock from now on.
func (m *Model) release(live func() time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = live
	if m.holding && len(m.state.clock.sensors) > 0 {
		m.settle()
	}
}

// settleAt calls settle when it is time. It is called with mu held.
func (m *Model) settleAt(wall int64) {
	if m.holding && m.began > 0 && wall >= m.began+settleAfter {
		m.settle()
	}
}

// settle judges the clocks, and passes the waiting counts to the tracker, each at the
// event time of its sending. Before the first known time, only the last count of each
// station is kept, as of that time. Counting may have stopped before an old count, so a
// count over an hour old keeps its age. It is called with mu held.
func (m *Model) settle() {
	m.holding = false
	held, heard := m.held, m.heard
	m.held, m.heard = nil, nil
	m.state.clock.judged = false
	m.judge(m.live().UnixMilli())
	m.touch()
	if !m.state.clock.known {
		return
	}
	m.recall(heard)
	if len(m.state.times.marks) == 0 {
		return
	}
	first := m.state.times.marks[0]
	stood := map[int]heldCount{}
	for _, c := range held {
		if c.wall < first.wall {
			stood[c.station] = c
		}
	}
	for _, c := range stood {
		at := first.event
		if age := m.state.clock.speed * float64(first.wall-c.wall); age > float64(time.Hour/time.Millisecond) {
			at -= int64(min(age, 1e12)) // years: its sender's clock may say anything
		}
		m.tracker.ApplyCount(c.station, c.entries, time.UnixMilli(at))
	}
	for _, c := range held {
		m.tally(c.station, c.entries, c.wall)
	}
}

// recall builds the timeline from the records heard before the first judgement, except
// records of wrong clocks and records far from those around them. It is called with mu
// held.
func (m *Model) recall(heard []witness) {
	c := &m.state.clock
	earliest := map[int]int64{}
	for _, w := range heard {
		if at, ok := earliest[w.id]; w.id != weatherSensor && (!ok || w.wall < at) {
			earliest[w.id] = w.wall
		}
	}
	// Times that only a quarter of the stations report may come from wrong clocks. The
	// weather is read from further back than arrivals.
	since := int64(math.MinInt64)
	if n := len(earliest); n > 0 {
		since = slices.Sorted(maps.Values(earliest))[n/4]
	}
	heard = slices.DeleteFunc(heard, func(w witness) bool {
		s := c.sensors[w.id]
		return s == nil || s.wrong || w.wall < c.since || w.wall > c.limit || w.wall < since && w.id != weatherSensor
	})
	slices.SortFunc(heard, func(a, b witness) int { return cmp.Compare(a.wall, b.wall) })
	j := juryOf(heard)
	for _, w := range heard {
		if m.state.times.news(w.event, w.wall) && c.about(w.event, c.by(j, w.wall)) {
			m.state.times.observe(w.event, w.wall)
		}
	}
}

// tally passes a count to the tracker. It is called with mu held.
func (m *Model) tally(station int, entries, wall int64) {
	if m.holding {
		m.held = append(halved(m.held), heldCount{station, wall, entries})
		return
	}
	if !m.state.clock.known {
		return
	}
	// The clock of the count's sender may be ahead, and must not set the page's.
	if at, ok := m.state.times.at(wall, m.state.clock.now(min(wall, m.state.clock.newest))); ok {
		m.tracker.ApplyCount(station, entries, time.UnixMilli(at))
	}
}

// halved drops every second element of a list that has grown to maxHeld.
func halved[T any](list []T) []T {
	if len(list) < maxHeld {
		return list
	}
	for i := range maxHeld / 2 {
		list[i] = list[2*i]
	}
	return list[:maxHeld/2]
}
