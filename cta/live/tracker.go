package live

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Figures of what a tracker remembers, in milliseconds of event time.
const (
	window = 2 * 60 * minute
	// slack is how far past the moment asked about an event may lie and count:
	// the caller's clock is an estimate.
	slack  = minute
	second = int64(1000)
	minute = 60 * second
)

// Bounds on what events can make a tracker hold.
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
	floor    int64  // events before are forgotten
	version  uint64 // changes with every event
	scratch  scratch
	score    score

	view        *View
	viewVersion uint64
	viewAt      int64
}

// train is what a train has said, in order of event time.
type train struct {
	id      string
	events  []event
	pending []pending // predictions that wait for it
	changed bool      // events, since divide
	seen    []event   // what it is known by: all its events, unless it has a twin
	twin    *train    // another train that reports under its id; nil without one
	mark    event     // of a twin: its last event
}

type event struct {
	at     int64 // ms
	node   int32
	bound  int32 // station at which the run ends; 0 when it isn't known
	status status
}

type status uint8

const (
	inService status = iota
	outOfService
	brokenDown
)

// NewTracker returns a tracker of net that has seen nothing.
func NewTracker(net *cta.Network) *Tracker {
	g := newGraph(net)
	return &Tracker{
		graph:    g,
		trains:   map[string]*train{},
		counters: map[int]*counter{},
		scratch:  newScratch(g),
		score:    newScore(),
	}
}

// ApplyArrival takes an arrival. It reports whether it was new: repeated events,
// those of more than two hours ago, and those of lines and platforms that the
// network doesn't have change nothing.
func (t *Tracker) ApplyArrival(k cta.Key, a cta.Arrival) bool {
	if a.TrainID == "" || len(a.TrainID) > maxText {
		return false
	}
	n, ok := t.graph.at[platform{a.Line, a.StationID, a.Direction}]
	if !ok {
		return false
	}
	e := event{at: k.Timestamp, node: n}
	if a.Destination != nil {
		e.bound = int32(*a.Destination)
	}
	switch a.TrainStatus {
	case cta.InService:
	case cta.OutOfService:
		e.status = outOfService
	case cta.BrokenDown:
		e.status = brokenDown
	default:
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.at < t.floor {
		return false
	}
	tr := t.trains[a.TrainID]
	if tr == nil {
		if len(t.trains) >= maxTrains {
			return false // View drops those that went silent
		}
		tr = &train{id: strings.Clone(a.TrainID)} // the record's buffer may be shared
		t.trains[tr.id] = tr
		i, _ := slices.BinarySearchFunc(t.order, tr.id, func(o *train, id string) int { return cmp.Compare(o.id, id) })
		t.order = slices.Insert(t.order, i, tr)
	}
	if !tr.add(e) {
		return false
	}
	tr.changed = true
	t.version++
	return true
}

// add puts an event in its place among the latest maxEvents.
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

// compareEvents orders by time, then by what is said, so that the order is the
// same in whatever order events come.
func compareEvents(a, b event) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.node, b.node), cmp.Compare(a.status, b.status), cmp.Compare(a.bound, b.bound))
}

// ApplyCount takes a station's count of entries as it stood at an event time. Counts
// of a station come in the order of their log. It reports whether anything changed.
func (t *Tracker) ApplyCount(stationID int, entries int64, at time.Time) bool {
	if t.graph.net.Station(stationID) == nil || entries < 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counters[stationID]
	if c == nil {
		c = &counter{}
		t.counters[stationID] = c
	}
	if !c.add(at.UnixMilli(), entries) {
		return false
	}
	t.version++
	return true
}

// Reset forgets all events, for a source that has started anew at an earlier
// time. The scores of predictions stay.
func (t *Tracker) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.trains)
	clear(t.counters)
	t.order, t.floor, t.view = nil, 0, nil
	t.score.forget()
	t.version++
}

// Forget forgets the arrivals at a station, as when its clock was found to be wrong.
func (t *Tracker) Forget(stationID int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop(func(e event) bool { return t.graph.nodes[e.node].station.ID == stationID })
	t.version++
}

// drop forgets events, and the trains that have none left.
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

// Version is a number that grows with every event that changed something.
func (t *Tracker) Version() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version
}

// View returns what the events say about a moment of event time, which should
// not go back but for a [Tracker.Reset]. The result is shared: don't change it.
func (t *Tracker) View(now time.Time) *View {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.viewLocked(now.UnixMilli())
}

func (t *Tracker) viewLocked(now int64) *View {
	if t.view == nil || t.viewVersion != t.version || t.viewAt != now {
		t.prune(now)
		t.view = t.derive(now)
		t.viewVersion, t.viewAt = t.version, now
	}
	return t.view
}

// prune forgets what is too old to matter.
func (t *Tracker) prune(now int64) {
	if now-window <= t.floor {
		return
	}
	t.floor = now - window
	t.drop(func(e event) bool { return e.at < t.floor })
}
