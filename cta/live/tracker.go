package live

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Time limits of a tracker, in milliseconds of event time.
const (
	window = 2 * 60 * minute
	// slack is how far an event may lie ahead of the time asked about and still count:
	// the caller's clock is an estimate.
	slack  = minute
	second = int64(1000)
	minute = 60 * second
)

// Memory limits of a tracker.
const (
	maxTrains = 4000
	maxEvents = 160 // of a train: more than one a minute for as long as they count
	maxText   = 200 // bytes of a train's id
)

// Tracker derives the state of a network from its events. Make one with
// [NewTracker]; it is safe for concurrent use.
type Tracker struct {
	graph *graph

	mu       sync.Mutex
	trains   map[string]*train
	order    []*train // by id
	counters map[int]*counter
	promises map[string]promise // by train
	floor    int64              // ms: older events are dropped
	version  uint64             // changes with every event
	scratch  scratch
	score    score
	past     history

	view        *View
	viewVersion uint64
}

// train holds a train's events, in order of event time.
type train struct {
	id      string
	events  []event
	pending []pending // predictions waiting for their score
	changed bool      // events changed since divide
	seen    []event   // the events used for it: all, unless it has a twin
	twin    *train    // another train with the same id; nil without one
	mark    event     // of a twin: its last event
}

type event struct {
	at     int64 // ms
	node   int32
	bound  int32 // station at which the run ends; 0 when unknown
	status status
}

type status uint8

const (
	inService status = iota
	outOfService
	brokenDown
)

// statuses are the reported names of each status.
var statuses = [...]cta.TrainStatus{inService: cta.TrainInService, outOfService: cta.TrainOutOfService, brokenDown: cta.TrainBrokenDown}

// NewTracker returns an empty tracker of net.
func NewTracker(net *cta.Network) *Tracker { return newTracker(newGraph(net)) }

func newTracker(g *graph) *Tracker {
	t := &Tracker{
		graph:    g,
		trains:   map[string]*train{},
		counters: map[int]*counter{},
		promises: map[string]promise{},
		scratch:  newScratch(g),
		score:    newScore(),
		past:     newHistory(),
	}
	t.scratch.prefer = SourceOurs
	t.scratch.margins, t.scratch.promises = &t.score.margins, t.promises
	return t
}

// The reasons for which an event changes nothing.
var (
	ErrKnown   = errors.New("live: already known, or no newer")
	ErrOld     = errors.New("live: older than the two hours that are kept")
	ErrUnknown = errors.New("live: not in this network")
	ErrInvalid = errors.New("live: not a valid event")
	ErrFull    = errors.New("live: limit reached, not stored")
)

// ApplyArrival adds an arrival. It returns nil, or why the arrival changes nothing:
//
//   - [ErrInvalid], [ErrOld], [ErrFull]
//   - [ErrUnknown]: the network does not have the platform
//   - [ErrKnown]: a repeated arrival
func (t *Tracker) ApplyArrival(k cta.Key, a cta.Arrival) error {
	e, err := t.event(k, a)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tr, err := t.put(a.TrainID, e)
	if tr == nil {
		t.past.add(strings.Clone(a.TrainID), e)
		return err
	}
	t.past.add(tr.id, e)
	if err == nil && e.status == outOfService {
		t.withdraw(tr.id, e.at)
	}
	return err
}

// event returns an arrival as an event.
func (t *Tracker) event(k cta.Key, a cta.Arrival) (e event, err error) {
	n, ok := t.graph.at[platform{a.Line, a.StationID, a.Direction}]
	if !ok {
		return event{}, ErrUnknown
	}
	s := slices.Index(statuses[:], a.TrainStatus)
	if a.TrainID == "" || len(a.TrainID) > maxText || s < 0 {
		return event{}, ErrInvalid
	}
	e = event{at: k.Timestamp, node: n, status: status(s)}
	if a.Destination != nil {
		e.bound = int32(*a.Destination)
	}
	return e, nil
}

// put adds an event to its train, which is nil if there is no room for it. It is called
// with mu held.
func (t *Tracker) put(id string, e event) (*train, error) {
	if e.at < t.floor {
		return nil, ErrOld
	}
	tr := t.trains[id]
	if tr == nil {
		if len(t.trains) >= maxTrains {
			return nil, ErrFull // View drops silent trains
		}
		tr = &train{id: strings.Clone(id)} // the record's buffer may be shared
		t.trains[tr.id] = tr
		i, _ := slices.BinarySearchFunc(t.order, tr.id, func(o *train, id string) int { return cmp.Compare(o.id, id) })
		t.order = slices.Insert(t.order, i, tr)
	}
	if !tr.add(e) {
		return tr, ErrKnown
	}
	tr.changed = true
	t.version++
	return tr, nil
}

// add inserts an event among the latest maxEvents.
func (tr *train) add(e event) bool {
	i, found := slices.BinarySearchFunc(tr.events, e, compareEvents)
	if found || len(tr.events) == maxEvents && i == 0 {
		return false
	}
	if len(tr.events) == maxEvents {
		copy(tr.events, tr.events[1:i])
		tr.events[i-1] = e
		return true
	}
	tr.events = slices.Insert(tr.events, i, e)
	return true
}

// compareEvents orders events by time, then by content, so that the order doesn't
// depend on delivery.
func compareEvents(a, b event) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.node, b.node), cmp.Compare(a.status, b.status), cmp.Compare(a.bound, b.bound))
}

// ApplyCount adds a station's count of entries at an event time. Pass the counts of a
// station in log order. ApplyCount returns nil, or why the count changes nothing:
//
//   - [ErrUnknown]: the network does not have the station
//   - [ErrInvalid]: the count is below zero
//   - [ErrKnown]: an equal count
func (t *Tracker) ApplyCount(stationID int, entries int64, at time.Time) error {
	switch {
	case t.graph.net.Station(stationID) == nil:
		return ErrUnknown
	case entries < 0:
		return ErrInvalid
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counters[stationID]
	if c == nil {
		c = &counter{}
		t.counters[stationID] = c
	}
	if !c.add(at.UnixMilli(), entries) {
		return ErrKnown
	}
	t.version++
	return nil
}

// Reset drops all events and the agency's predictions. Call it when the source has
// restarted at an earlier time. The scores of predictions stay.
func (t *Tracker) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.trains)
	clear(t.counters)
	clear(t.promises)
	clear(t.scratch.trouble)
	t.order, t.floor, t.view, t.past = nil, 0, nil, newHistory()
	t.score.forget()
	t.version++
}

// RemoveArrivals drops the arrivals at a station, for example after its clock was found to be
// wrong.
func (t *Tracker) RemoveArrivals(stationID int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	there := func(e event) bool { return t.graph.nodes[e.node].station.ID == stationID }
	t.drop(there)
	t.past.drop(there)
	t.version++
}

// drop deletes the events that old accepts, and trains without events.
func (t *Tracker) drop(old func(event) bool) {
	t.order = slices.DeleteFunc(t.order, func(tr *train) bool {
		n := len(tr.events)
		tr.events = slices.DeleteFunc(tr.events, old)
		tr.changed = tr.changed || len(tr.events) < n
		if len(tr.events) > 0 {
			return false
		}
		t.score.lose(tr.pending)
		if tr.twin != nil {
			t.score.lose(tr.twin.pending)
		}
		delete(t.trains, tr.id)
		return true
	})
}

// View returns the state of the network at an event time. Times must not decrease,
// except after [Tracker.Reset]. The result is shared: don't change it.
func (t *Tracker) View(now time.Time) *View {
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.viewLocked(now.UnixMilli())
	t.scratch.remember(v)
	return v
}

func (t *Tracker) viewLocked(now int64) *View {
	if t.view == nil || t.viewVersion != t.version || t.view.AsOf.UnixMilli() != now {
		t.prune(now)
		t.view = t.derive(now)
		t.viewVersion = t.version
	}
	return t.view
}

// prune drops events older than window, and predictions that are stale.
func (t *Tracker) prune(now int64) {
	if now-window <= t.floor {
		return
	}
	t.floor = now - window
	maps.DeleteFunc(t.promises, func(_ string, p promise) bool { return now-p.made > staleAfter || p.made > now+window })
	t.drop(func(e event) bool { return e.at < t.floor })
}
