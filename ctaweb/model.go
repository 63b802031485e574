package ctaweb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// Bounds, in wall time, of the age at which data is stale.
const (
	minStale = 30 * time.Second
	maxStale = 5 * time.Minute
)

// Bounds on the memory of foreign records.
const (
	maxEntries = 20_000 // of counts, and of station records
	maxText    = 200    // bytes of a station's name
)

// Model holds the state of a network. Its trains are those of a [live.Tracker], so the
// order of delivery and repeated events don't matter. A Model is safe for concurrent
// use, and its memory is bounded.
type Model struct {
	net     *cta.Network
	tracker *live.Tracker
	stops   map[recordKey]bool // of the network

	mu      sync.Mutex
	state   state
	alerts  alerts
	due     map[string]dueAt // by train
	lines   []lineLayout     // from state.records; nil if out of date
	layout  uint64           // changes with lines
	urgent  uint64           // changes with all that readers see at once: everything but counts
	waiting chan struct{}
	ready   bool
	reason  string
	holding bool        // counts wait for the clock, and no clock is judged
	held    []heldCount // those counts
	heard   []witness   // the times heard while holding

	began  int64                    // wall time, in ms, of the first record after release, while holding
	judged int64                    // wall time, in ms
	live   func() time.Time         // the wall clock, once records are read as they come
	wrong  func(id int, wrong bool) // called when a clock turns wrong, or right again
}

// NewModel returns an empty model of net, not ready. [Consume] makes it ready when it
// has caught up; for other sources of events, call [Model.SetReady].
func NewModel(net *cta.Network) *Model {
	stops := map[recordKey]bool{}
	for _, l := range net.Lines {
		for _, s := range l.Stations {
			stops[recordKey{s.ID, l.ID}] = true
		}
	}
	return &Model{
		net:     net,
		tracker: live.NewTracker(net),
		stops:   stops,
		due:     map[string]dueAt{},
		reason:  "starting",
		alerts:  alerts{all: map[string]alert.Alert{}},
		state: state{
			counts:  map[int]count{},
			records: map[recordKey]stationName{},
		},
	}
}

// Network returns the model's network.
func (m *Model) Network() *cta.Network { return m.net }

// ApplyArrival applies an arrival. wall is the time at which its record was sent.
// ApplyArrival returns nil, or why the arrival changes nothing:
//
//   - [live.ErrInvalid], with the fault
//   - [live.ErrOld]: before the source's restart
//   - an error of [live.Tracker.ApplyArrival]
//
// An arrival whose time must be judged first is applied later, if at all.
func (m *Model) ApplyArrival(k cta.Key, a cta.Arrival, wall time.Time) error {
	if err := a.Check(); err != nil {
		return fmt.Errorf("%w: %w", live.ErrInvalid, err)
	}
	if !m.stops[recordKey{a.StationID, a.Line}] { // nor has it a vote on the time
		return live.ErrUnknown
	}
	a.TrainID, a.Line = strings.Clone(a.TrainID), strings.Clone(a.Line) // the record's buffer may be shared
	return m.hear(a.StationID, k, wall, func(event int64) error { return m.tracker.ApplyArrival(cta.Key{Timestamp: event}, a) })
}

// ApplyWeather applies a weather reading. wall is the time at which its record was sent.
// ApplyWeather returns nil, or why the reading changes nothing: [live.ErrInvalid] with the
// fault, [live.ErrKnown], or [live.ErrOld] before the source's restart.
func (m *Model) ApplyWeather(k cta.Key, w cta.Weather, wall time.Time) error {
	if err := w.Check(); err != nil { // nor can JSON hold a NaN
		return fmt.Errorf("%w: %w", live.ErrInvalid, err)
	}
	return m.hear(weatherSensor, k, wall, func(event int64) error { return m.state.reading(event, w) })
}

// ApplyCount applies a station's count of entries. Apply the counts of a station in the
// order of the log: the last one is valid, whatever the senders' clocks. wall is the
// time at which the record was sent. ApplyCount returns one of these:
//
//   - nil
//   - [live.ErrKnown]: an equal count, which only shows that the count is current
//   - [live.ErrFull]: too many stations
func (m *Model) ApplyCount(c tables.TurnstileCount, wall time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	// Readers see counts with the next other change, or within a second. Counts are so
	// frequent that they would delay trains.
	err := m.state.count(c.StationID, count{wall.UnixMilli(), c.Count})
	if !errors.Is(err, live.ErrFull) {
		m.tally(c.StationID, c.Count, wall.UnixMilli())
	}
	return err
}

// RemoveCount applies a tombstone of a station's count. It reports whether the model
// changed.
func (m *Model) RemoveCount(stationID int, wall time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, seen := m.state.counts[stationID]
	return seen && m.state.count(stationID, count{wall.UnixMilli(), 0}) == nil
}

// ApplyStation applies a record of the stations table: a name, or a station that the
// network lacks. It returns nil, or why the record changes nothing: [live.ErrKnown],
// [live.ErrInvalid] for a longer text than any station has, or [live.ErrFull].
func (m *Model) ApplyStation(r tables.StationRecord) error {
	return m.relayout(recordKey{r.StationID, r.Line}, stationName{name: r.StationName, order: r.Order})
}

// RemoveStation applies a tombstone of the stations table: the station is no longer on
// the line. It reports whether the model changed.
func (m *Model) RemoveStation(stationID int, line string) bool {
	return m.relayout(recordKey{stationID, line}, stationName{removed: true}) == nil
}

// ApplyAlert applies an agency's alert. It returns nil, or why the alert is left out:
//
//   - [live.ErrInvalid], with the fault
//   - [live.ErrUnknown]: the alert concerns nothing in the network
//   - [live.ErrFull]
func (m *Model) ApplyAlert(a alert.Alert) error {
	if err := a.Check(); err != nil {
		return fmt.Errorf("%w: %w", live.ErrInvalid, err)
	}
	a.Informed = slices.DeleteFunc(slices.Clone(a.Informed), func(i alert.Informed) bool { return !has(m.net, i) })
	if len(a.Informed) == 0 {
		m.RemoveAlert(a.ID)
		return live.ErrUnknown
	}
	return m.apply(func() error { return m.alerts.put(a) })
}

// RemoveAlert applies the end of an alert. It reports whether the model changed.
func (m *Model) RemoveAlert(id string) bool {
	return m.apply(func() error { return m.alerts.remove(id) }) == nil
}

// ApplyPrediction applies an agency's predictions of a train. It returns nil, or an
// error of [live.Tracker.ApplyPrediction]. Readers see the predictions with the next
// other change, or within a second.
func (m *Model) ApplyPrediction(p cta.Prediction) error { return m.tracker.ApplyPrediction(p) }

// RemovePrediction applies a tombstone of a train's predictions. It reports whether the
// model changed.
func (m *Model) RemovePrediction(train string) bool {
	return m.tracker.RemovePrediction(train)
}

// Prefer sets whose predictions are shown where the agency has one. Default:
// [live.SourceOurs].
func (m *Model) Prefer(s live.Source) {
	_ = m.apply(func() error { m.tracker.Prefer(s); return nil })
}

// notices returns the alerts that aren't over at a time.
func (m *Model) notices(now time.Time) (list []alert.Alert) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts.all {
		if !a.Over(now) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b alert.Alert) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func (m *Model) relayout(k recordKey, n stationName) error {
	return m.apply(func() error {
		err := m.state.station(k, n)
		if err == nil {
			m.lines = nil
			m.layout++
		}
		return err
	})
}

// apply makes a change, with mu held, that readers see at once. An error means that nothing
// has changed.
func (m *Model) apply(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := f()
	if err == nil {
		m.touch()
	}
	return err
}

// touch wakes those who wait for a change. It is called with mu held.
func (m *Model) touch() {
	m.urgent++
	if m.waiting != nil {
		close(m.waiting)
		m.waiting = nil
	}
}

// SetReady marks the model as complete and current.
func (m *Model) SetReady() { m.setReason(true, "") }

// SetNotReady marks the model as unreliable, with a reason for an operator. The model
// keeps showing its data.
func (m *Model) SetNotReady(reason string) { m.setReason(false, reason) }

func (m *Model) setReason(ready bool, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready != ready || m.reason != reason {
		m.ready, m.reason = ready, reason
		m.touch()
	}
}

// Ready returns nil while the model is complete and current, and else the reason given
// to [Model.SetNotReady].
func (m *Model) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready {
		return nil
	}
	return errors.New(m.reason)
}

// changed returns a channel that is closed once urgent is no longer v.
func (m *Model) changed(v uint64) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.urgent != v {
		done := make(chan struct{})
		close(done)
		return done
	}
	if m.waiting == nil {
		m.waiting = make(chan struct{})
	}
	return m.waiting
}

// Now returns the event time at a wall time, derived from the events so far; ok is
// false before the first event. The time advances between events, but not for long when
// they stop. It goes back only if the source of events restarts at an earlier time.
func (m *Model) Now(wall time.Time) (now time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judge(wall.UnixMilli())
	if !m.state.clock.known {
		return time.Time{}, false
	}
	return m.at(wall), true
}

// at returns the event time at a wall time, in whole seconds, so that a second's data
// is derived once. It is called with mu held, and needs a known clock.
func (m *Model) at(wall time.Time) time.Time {
	return time.UnixMilli(m.state.clock.now(wall.UnixMilli())).In(location(m.net)).Truncate(time.Second)
}

// Status returns the model's state at a wall time. The caller owns the result.
func (m *Model) Status(wall time.Time) *Status { return m.look(wall).status }

// View returns the data derived from the model's events at a wall time: predicted
// arrivals, headways, how lines run, crowding. It is empty before the first event. The
// view is shared: don't change it.
func (m *Model) View(wall time.Time) *live.View { return m.look(wall).view }

// moment is a model's state at a wall time, with its values of urgent and layout.
type moment struct {
	status         *Status
	view           *live.View
	urgent, layout uint64
}

func (m *Model) look(wall time.Time) moment {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judge(wall.UnixMilli())
	if m.lines == nil {
		m.lines = layOut(m.net, m.state.records)
	}
	st := derive(m.net, m.lines, &m.state, wall)
	st.Ready, st.Reason = m.ready, m.reason
	st.Alerts = m.alerts.at(alertTime(st, wall).In(location(m.net)))
	view := &live.View{Preferred: live.SourceOurs}
	if m.state.clock.known {
		view = m.tracker.View(st.AsOf)
		m.enrich(st, view)
	}
	return moment{st, view, m.urgent, m.layout}
}

// alertTime returns the time at which alerts are judged: event time while it advances,
// otherwise the wall clock, so that alerts begin and end without trains.
func alertTime(st *Status, wall time.Time) time.Time {
	if st.Stale {
		return wall
	}
	return st.AsOf
}

func location(net *cta.Network) *time.Location {
	if net.Location == nil {
		return time.UTC
	}
	return net.Location
}
