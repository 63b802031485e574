package ctaweb

import (
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// dueAt is a train's expected time at its next station, as predicted at one of its
// events. The value stays until the next event: a prediction that moves by seconds is
// not news to readers.
type dueAt struct{ event, at time.Time }

// enrich adds the data derived from the trains' events to a status. It is called with mu
// held.
func (m *Model) enrich(st *Status, view *live.View) {
	places := make(map[string]int, len(st.Lines)) // of lines
	for i, l := range st.Lines {
		places[l.ID] = i
		if s, ok := view.Line(l.ID); ok {
			l.Level = s.Level
			if !s.LastHeard.IsZero() {
				l.LastHeard = s.LastHeard.Truncate(time.Second)
			}
			for _, d := range s.Directions {
				if l.Towards.of(d.Direction) == "" {
					continue // trains of a ring may run one way round only
				}
				l.Directions = append(l.Directions, DirectionStatus{
					Direction: d.Direction, Towards: d.Towards, Level: d.Level,
					Sentence: english().of(l.Mode).sentence(m.net, l.called(), d, view.AsOf), Facts: d, Cause: d.Cause, Station: d.Station,
					EverySeconds: int64(d.Every / time.Second), IntendedSeconds: int64(d.Intended / time.Second),
				})
			}
		}
		for _, s := range l.Stations {
			c, ok := view.Crowds[s.ID]
			if !ok {
				continue
			}
			s.Crowding, s.EntriesToday = c.Level, c.Today
			l.EntriesToday += c.Today
			if !c.Since.IsZero() && (st.CountsSince.IsZero() || c.Since.Before(st.CountsSince)) {
				st.CountsSince = c.Since.Truncate(time.Second)
			}
		}
	}
	due := make(map[string]dueAt, len(view.Trains))
	for i := range view.Trains {
		v := &view.Trains[i]
		at, ok := places[v.Line]
		if !ok {
			continue
		}
		if t := m.train(&m.lines[at], v); t != nil {
			st.Lines[at].show(&m.lines[at], t)
			due[t.ID] = dueAt{t.Since, t.Due}
		}
	}
	m.due = due
}

// train returns a train as readers see it; nil if the stations table has removed its
// station from the line. It is called with mu held.
func (m *Model) train(l *lineLayout, v *live.Train) *Train {
	if _, ok := l.at[v.Station]; !ok {
		return nil
	}
	t := &Train{
		ID: v.ID, Line: v.Line, Direction: v.Direction, Towards: v.Towards,
		Status: v.Status, State: v.State, Station: v.Station, Since: v.Since, Next: make([]live.Hop, 0, len(v.Next)),
	}
	for _, n := range v.Next {
		if _, ok := l.at[n.Station]; ok {
			t.Next = append(t.Next, n)
		}
	}
	if before, ok := m.due[t.ID]; ok && before.event.Equal(t.Since) {
		t.Due = before.at
	} else if len(v.Stops) > 0 && t.Status == cta.TrainInService {
		t.Due = v.Stops[0].Expected.Truncate(time.Second)
	}
	return t
}

// show adds a train to its line and to the stations it concerns.
func (ls *LineStatus) show(l *lineLayout, t *Train) {
	ls.Trains = append(ls.Trains, t)
	if !t.Moving() {
		s := ls.Stations[l.at[t.Station]]
		s.Trains = append(s.Trains, t.ID)
		return
	}
	for _, n := range t.Next {
		s := ls.Stations[l.at[n.Station]]
		s.Coming = append(s.Coming, t.ID)
	}
}
