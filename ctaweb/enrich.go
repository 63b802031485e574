package ctaweb

import (
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// dueAt is when a train is expected at its next station, by what was known at
// one of its events. It stays until the next event, so that a prediction which
// moves by seconds isn't news to every reader.
type dueAt struct {
	event int64 // ms
	at    time.Time
}

// enrich adds to a status what is derived. It is called with mu held.
func (m *Model) enrich(st *Status, view *live.View) {
	shown := make(map[string]bool, len(m.due))
	for _, l := range st.Lines {
		if s, ok := view.Line(l.ID); ok {
			l.Level = s.Level
			for _, d := range s.Directions {
				l.Directions = append(l.Directions, DirectionStatus{
					d.Direction, d.Towards, d.Level, english().sentence(m.net, l.Name, d, view.AsOf), int64(d.Every / time.Second), int64(d.Intended / time.Second),
				})
			}
		}
		for _, s := range l.Stations {
			if c, ok := view.Crowds[s.ID]; ok {
				s.Crowding = c.Level
			}
		}
		for _, t := range l.Trains {
			v, ok := view.Train(t.ID)
			if !ok {
				continue
			}
			shown[t.ID] = true
			t.Silent = v.State == live.Silent
			event := m.state.trains[t.ID].event
			due, known := m.due[t.ID]
			if !known || due.event != event {
				due = dueAt{event: event}
				if len(v.Stops) > 0 && t.Status == cta.InService {
					due.at = v.Stops[0].Expected.Truncate(time.Second)
				}
				m.due[t.ID] = due
			}
			t.Due = due.at
		}
	}
	for id := range m.due {
		if !shown[id] {
			delete(m.due, id)
		}
	}
}
