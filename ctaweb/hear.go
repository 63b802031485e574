package ctaweb

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// weatherSensor is the station id that stands for the weather hardware.
const weatherSensor = 0

// judgeEvery is the minimum time, in ms of wall clock, between judgements that no
// reader asked for.
const judgeEvery = 100

// hear stores a record, and applies it with apply at an event time. Records with
// ordinary times are applied at once. Others wait for the next judgement of the clocks:
// when a reader looks at the model, or after a few records.
func (m *Model) hear(id int, k cta.Key, wall time.Time, apply func(event int64) error) error {
	if err := k.Check(wall); err != nil {
		return fmt.Errorf("%w: %w", live.ErrInvalid, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, r := &m.state.clock, said{event: k.Timestamp, wall: wall.UnixMilli(), apply: apply}
	if m.live != nil {
		r.got = m.live().UnixMilli()
	}
	if m.holding {
		m.heard = append(halved(m.heard), witness{id: id, event: r.event, wall: r.wall})
	}
	kept := c.hear(id, r)
	if kept == nil {
		return live.ErrOld
	}
	plain := c.known && !c.sensors[id].wrong && c.fits(r.event, r.wall) && r.event <= c.at(max(c.newest, r.wall)) && kept.prompt()
	var err error
	if m.holding || plain {
		err = m.take(kept, r.event)
	}
	if !m.holding && 4*c.unheard >= len(c.sensors) && (m.live == nil || r.got >= m.judged+judgeEvery) {
		m.judge(r.got)
	}
	if m.holding && m.live != nil {
		m.began = cmp.Or(m.began, r.got)
		m.settleAt(r.got)
	}
	if err == nil && m.ready && c.known {
		m.tracker.ScorePredictions(m.at(time.UnixMilli(c.newest))) // r.wall may be wrong
	}
	if err == nil {
		m.touch()
	}
	return err
}

// take applies a record at an event time. It is called with mu held.
func (m *Model) take(r *said, event int64) error {
	r.taken = true
	if !m.holding && m.state.times.news(event, r.wall) && m.state.clock.fits(event, r.wall) {
		m.state.times.observe(event, r.wall)
	}
	return r.apply(event)
}

// judge sets the clock, and applies the records that wait for it. It is called with mu
// held.
func (m *Model) judge(wall int64) {
	m.settleAt(wall)
	c := &m.state.clock
	if c.unheard == 0 && c.judged {
		return
	}
	m.judged = wall
	if c.judge(wall, !m.holding) {
		m.renew()
	}
	if m.holding {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(c.sensors)) {
		s := c.sensors[id]
		if s.wrong != s.told {
			m.turn(id, s)
		}
		for i := range s.said {
			r := &s.said[i]
			if r.taken {
				continue
			}
			if at, ok := c.when(s, r, wall); ok {
				_ = m.take(r, at) // what it changes is seen by who looks
			}
		}
	}
}

// renew drops what a restarted source sent before its restart. It is called with mu
// held.
func (m *Model) renew() {
	m.tracker.Reset()
	m.state.times = timeline{}
	if w := m.state.weather; w != nil {
		w.event = 0 // shown until the next reading
	}
	for _, s := range m.state.clock.sensors {
		s.forget()
	}
}

// turn drops the reports of a station whose clock turned wrong, or right again. The
// remembered records are applied once more. It is called with mu held.
func (m *Model) turn(id int, s *sensor) {
	s.told = s.wrong
	s.forget()
	if id == weatherSensor {
		m.state.weather = nil
	} else {
		m.tracker.RemoveArrivals(id)
	}
	if m.wrong != nil {
		m.wrong(id, s.wrong)
	}
}

func (s *sensor) forget() {
	for i := range s.said {
		s.said[i].taken = false
	}
}
