package ctaweb

import (
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Bounds, of wall time, between which data is called stale.
const (
	minStale = 30 * time.Second
	maxStale = 5 * time.Minute
)

// Bounds on what foreign records can make a model hold.
const (
	maxEntries = 20_000 // of counts, and of station records
	maxText    = 200    // bytes of a station's name
)

// Model is the state of a network, made of its events. Its trains are those of a
// [live.Tracker]: the order of delivery doesn't matter, nor do repeated events. It
// is safe for concurrent use, and the memory it takes is bounded.
type Model struct {
	net     *cta.Network
	tracker *live.Tracker

	mu      sync.Mutex
	state   state
	due     map[string]dueAt // by train
	lines   []lineLayout     // of state.records; nil when out of date
	layout  uint64           // changes with lines
	version uint64           // changes with anything that a Status shows
	urgent  uint64           // changes with what readers are told of at once: all but counts
	waiting chan struct{}
	ready   bool
	reason  string
	holding bool        // counts wait for the clock, and no clock is judged
	held    []heldCount // those counts
	heard   []witness   // meanwhile

	began  int64                    // wall time, in ms, of the first record after release, while holding
	judged int64                    // wall time, in ms
	live   func() time.Time         // the wall clock, once records are read as they come
	wrong  func(id int, wrong bool) // is told whose clocks are wrong, and no longer are
}

// NewModel returns an empty model of net. It isn't ready: [Consume] makes it so
// when it has caught up, and [Model.SetReady] does where events come from elsewhere.
func NewModel(net *cta.Network) *Model {
	return &Model{
		net:     net,
		tracker: live.NewTracker(net),
		due:     map[string]dueAt{},
		reason:  "starting",
		state: state{
			counts:  map[int]count{},
			records: map[recordKey]stationName{},
		},
	}
}

// Network returns the network that the model is of.
func (m *Model) Network() *cta.Network { return m.net }

// ApplyArrival takes an arrival. wall is when its record was sent. It reports
// whether the model changed.
func (m *Model) ApplyArrival(k cta.Key, a cta.Arrival, wall time.Time) bool {
	if a.Check() != nil {
		return false
	}
	a.TrainID, a.Line = strings.Clone(a.TrainID), strings.Clone(a.Line) // the record's buffer may be shared
	return m.hear(a.StationID, k, wall, func(event int64) bool { return m.tracker.ApplyArrival(cta.Key{Timestamp: event}, a) })
}

// ApplyWeather takes a weather reading. wall is when its record was sent. It
// reports whether the model changed.
func (m *Model) ApplyWeather(k cta.Key, w cta.Weather, wall time.Time) bool {
	if w.Check() != nil {
		return false // JSON has no words for a NaN, either
	}
	return m.hear(weatherSensor, k, wall, func(event int64) bool { return m.state.reading(event, w) })
}

// ApplyCount takes a station's count of entries. Apply the counts of a station in the
// order of the log: the last one holds, whatever clocks its senders have. wall is when
// its record was sent. It reports whether the model changed.
func (m *Model) ApplyCount(c cta.TurnstileCount, wall time.Time) bool {
	return m.quietly(func(s *state) bool {
		m.tally(c.StationID, c.Count, wall.UnixMilli())
		return s.count(c.StationID, count{wall.UnixMilli(), c.Count})
	})
}

// ForgetCount takes a tombstone of a station's count. It reports whether the
// model changed.
func (m *Model) ForgetCount(stationID int, wall time.Time) bool {
	return m.quietly(func(s *state) bool { return s.count(stationID, count{wall.UnixMilli(), 0}) })
}

// ApplyStation takes a record of the stations table: a name, or a station that
// the network lacks. It reports whether the model changed.
func (m *Model) ApplyStation(r cta.StationRecord) bool {
	return m.relayout(recordKey{r.StationID, r.Line}, stationName{name: r.StationName, order: r.Order})
}

// RemoveStation takes a tombstone of the stations table: the station is no longer
// on the line. It reports whether the model changed.
func (m *Model) RemoveStation(stationID int, line string) bool {
	return m.relayout(recordKey{stationID, line}, stationName{removed: true})
}

func (m *Model) relayout(k recordKey, n stationName) bool {
	return m.apply(func(s *state) bool {
		if !s.station(k, n) {
			return false
		}
		m.lines = nil
		m.layout++
		return true
	})
}

func (m *Model) apply(f func(*state) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := f(&m.state)
	if changed {
		m.touch()
	}
	return changed
}

// quietly applies a count. Readers are told with the next change of something else,
// or with the next second: counts come so often that trains would wait for them.
func (m *Model) quietly(f func(*state) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := f(&m.state)
	if changed {
		m.version++
	}
	return changed
}

// touch tells those who wait that something changed. It is called with mu held.
func (m *Model) touch() {
	m.version++
	m.urgent++
	if m.waiting != nil {
		close(m.waiting)
		m.waiting = nil
	}
}

// SetReady says that the model is complete and current.
func (m *Model) SetReady() { m.setReason(true, "") }

// SetNotReady says why the model can't be relied on, in words for an operator.
// What it shows stays.
func (m *Model) SetNotReady(reason string) { m.setReason(false, reason) }

func (m *Model) setReason(ready bool, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ready != ready || m.reason != reason {
		m.ready, m.reason = ready, reason
		m.touch()
	}
}

// Ready reports whether the model is complete and current, and why not.
func (m *Model) Ready() (ok bool, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready, m.reason
}

// Version is a number that grows with every change of the model.
func (m *Model) Version() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.version
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

// Now returns the event time at a wall time, by the events seen; ok is false
// before the first. It goes on between events, but not for long when they stop,
// and goes back only when the source of events starts anew at an earlier time.
func (m *Model) Now(wall time.Time) (now time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.judge(wall.UnixMilli())
	if !m.state.clock.known {
		return time.Time{}, false
	}
	return m.at(wall), true
}

// at is the event time at a wall time, cut to seconds so that what is derived of a
// second is derived once. It is called with mu held, and needs a known clock.
func (m *Model) at(wall time.Time) time.Time {
	return time.UnixMilli(m.state.clock.now(wall.UnixMilli())).In(location(m.net)).Truncate(time.Second)
}

// Status returns what the model shows at a wall time. The caller owns the result.
func (m *Model) Status(wall time.Time) *Status { return m.look(wall).status }

// View returns what is derived from the model's events at a wall time: predicted
// arrivals, headways, how lines run, crowding. It is empty before the first event,
// and shared: don't change it.
func (m *Model) View(wall time.Time) *live.View { return m.look(wall).view }

// moment is what a model shows at a wall time, and the urgent and layout it is of.
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
	view := &live.View{}
	if m.state.clock.known {
		view = m.tracker.View(st.AsOf)
		m.enrich(st, view)
	}
	return moment{st, view, m.urgent, m.layout}
}

func location(net *cta.Network) *time.Location {
	if net.Location == nil {
		return time.UTC
	}
	return net.Location
}
