package ctaweb

import "time"

// maxHeld bounds the counts that wait for the clock; every second one is left out
// when there are more, which makes the course of a day coarser, not wrong.
const maxHeld = 200_000

// heldCount is a count that was read before the clock was known.
type heldCount struct {
	station       int
	wall, entries int64
}

// hold has counts wait: what is read at the start comes in no order, and counts
// get their event time from the arrivals and weather around them.
func (m *Model) hold() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holding = true
}

// release hands the counts that waited to the tracker, each as of the event time
// at which it was sent. Of those sent before that is known, the last is known to
// have stood until then.
func (m *Model) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holding = false
	held := m.held
	m.held = nil
	if !m.state.clock.known() || len(m.state.times.marks) == 0 {
		return
	}
	first := m.state.times.marks[0]
	stood := map[int]int64{}
	for _, c := range held {
		if c.wall < first.wall {
			stood[c.station] = c.entries
		}
	}
	for station, entries := range stood {
		m.tracker.ApplyCount(station, entries, time.UnixMilli(first.event))
	}
	for _, c := range held {
		m.tally(c.station, c.entries, c.wall)
	}
}

// tally tells the tracker of a count. It is called with mu held.
func (m *Model) tally(station int, entries, wall int64) {
	if m.holding {
		if len(m.held) >= maxHeld {
			for i := range maxHeld / 2 {
				m.held[i] = m.held[2*i]
			}
			m.held = m.held[:maxHeld/2]
		}
		m.held = append(m.held, heldCount{station, wall, entries})
		return
	}
	if !m.state.clock.known() {
		return
	}
	if at, ok := m.state.times.at(wall, m.state.clock.now(wall)); ok {
		m.tracker.ApplyCount(station, entries, time.UnixMilli(at))
	}
}
