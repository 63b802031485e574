package traintracker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/foretold"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
)

// The rules of inference. Distances are from a station, in metres.
const (
	platform   = 200              // closer than that, a train is at the station: circuits are 250 to 360 m long
	hop        = 20 * time.Second // least time from one station to the next
	sameCall   = 15 * time.Minute // before which a train can't come again to a station in the same direction
	lostAfter  = 6 * time.Minute  // a train that is missing from the answers between stations
	endedAfter = 20 * time.Minute // one that is missing at the end of its run, where it may turn
	forgotten  = time.Hour        // one that stays missing
	muteFor    = 30 * time.Minute // after which the trains of a line that is missing as a whole are forgotten
	frozenFor  = 2 * time.Minute  // in which no train moves, in answers that keep coming
	maxAhead   = 2 * time.Minute  // of an answer's time before this machine's
	maxTrains  = 2000             // known at a time; the 'L' has about 200 in service
)

// Reasons for which an observation is set aside.
const (
	asideRepeated  = "repeated"  // an answer no newer than the last
	asideAhead     = "ahead"     // an answer from the future
	asideOdd       = "odd"       // an entry that isn't a train
	asideScheduled = "scheduled" // a train that nobody has seen
	asideElsewhere = "elsewhere" // a train at a station that its line doesn't have
	asideOld       = "old"       // a train as it was before its last observation
	asideUnsure    = "unsure"    // a step that another answer has to confirm
	asideJumped    = "jumped"    // a train that can't have come there so soon
	asideUnplaced  = "unplaced"  // a passage whose time isn't known
)

// arrival is an event with its time.
type arrival struct {
	at time.Time
	cta.Arrival
}

type sighting struct {
	report
	at    node      // call that it comes to next
	moved time.Time // when it came to its position
}

// train is a run on a service day.
type train struct {
	id    string
	route *route
	sighting
	known       time.Time          // when it was still before its next call
	destination int                // station; 0 when unknown
	done        bool               // its arrival at the next call was emitted
	pending     *sighting          // a step to confirm
	origin      *node              // where it begins, to be emitted when it leaves
	calls       map[node]time.Time // arrivals that were emitted
	last        *node              // the latest of them
	lastAt      time.Time
	missing     int       // answers in a row that don't have it
	missed      time.Time // time of the first of them
	gone        bool      // said to be out of service
	foretold    foretold.Train
}

// inference derives arrivals from answers.
type inference struct {
	routes    map[string]*route // by the Train Tracker's code
	stationOf map[int]int       // by stop id
	zone      *time.Location
	aside     func(reason string)

	trains map[string]*train // by route and run
	mute   map[*route]time.Time
	latest time.Time // time of the last answer
	data   time.Time // newest movement in it
	since  time.Time // time of the first answer with that movement
	aged   time.Time // time of the last answer whose missing trains counted
}

func newInference(net *cta.Network, aside func(string)) *inference {
	in := &inference{routes: map[string]*route{}, stationOf: map[int]int{}, zone: net.Location, aside: aside,
		trains: map[string]*train{}, mute: map[*route]time.Time{}}
	for code, id := range form.Lines {
		if line := net.Line(id); line != nil {
			in.routes[code] = newRoute(code, line)
		}
	}
	for _, s := range net.Stations {
		for _, stop := range s.Stops {
			in.stationOf[stop.ID] = s.ID
		}
	}
	return in
}

// frozen reports whether no train has moved for a while.
func (in *inference) frozen(now time.Time) bool {
	return !in.latest.IsZero() && (now.Sub(in.latest) > frozenFor || len(in.trains) > 0 && in.latest.Sub(in.since) > frozenFor)
}

// apply returns the arrivals that an answer shows, in order of time, none of them
// after now, and the CTA's predictions that are news. every is the usual time between
// answers.
func (in *inference) apply(a *answer, now time.Time, every time.Duration) ([]arrival, []cta.Prediction) {
	for range a.odd {
		in.aside(asideOdd)
	}
	switch {
	case a.at.Sub(now) > maxAhead:
		in.aside(asideAhead)
		return nil, nil
	case !a.at.After(in.latest):
		in.aside(asideRepeated)
		return nil, nil
	}
	s := step{inference: in, limit: time.Minute + 2*every, end: a.at, first: in.latest.IsZero(), seen: map[*train]bool{}}
	if now.Before(s.end) {
		s.end = now
	}
	data, active := time.Time{}, map[*route]int{}
	for _, r := range a.trains {
		if r.predicted.After(data) && !r.predicted.After(a.at) {
			data = r.predicted
		}
	}
	for _, t := range in.trains {
		if !t.gone && t.missing < 2 {
			active[t.route]++
		}
	}
	if data.IsZero() && len(a.trains) > 0 {
		data = a.at // an answer without times
	}
	in.latest = a.at
	moves := data.After(in.data)
	if moves || len(a.trains) == 0 {
		in.since = a.at
	}
	if moves {
		in.data = data
	}
	for _, r := range newest(a.trains, in.aside) {
		s.observe(r)
	}
	if moves || len(a.trains) == 0 {
		s.age(active)
	}
	slices.SortStableFunc(s.out, func(a, b arrival) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.TrainID, b.TrainID))
	})
	return s.out, s.told
}

func newest(reports []report, aside func(string)) []*report {
	var one []*report
	index := make(map[string]int, len(reports))
	for i := range reports {
		r := &reports[i]
		k := r.route + " " + r.run
		j, twice := index[k]
		if !twice {
			index[k] = len(one)
			one = append(one, r)
			continue
		}
		aside(asideOdd)
		if r.predicted.After(one[j].predicted) {
			one[j] = r
		}
	}
	return one
}

// step is the work on one answer.
type step struct {
	*inference
	end   time.Time     // the latest time of what the answer shows
	limit time.Duration // of not knowing when a train passed a station
	first bool          // answer of all
	seen  map[*train]bool
	out   []arrival
	told  []cta.Prediction
}

func (s *step) observe(r *report) {
	route := s.routes[r.route]
	if route == nil {
		return // of a line that wasn't asked for
	}
	key := r.route + " " + r.run
	t := s.trains[key]
	if t != nil {
		s.seen[t] = true
	}
	if r.scheduled {
		s.aside(asideScheduled)
		return
	}
	destination := route.destination(r, s.stationOf)
	at, ok := route.locate(r, destination)
	if !ok {
		s.aside(asideElsewhere)
		return
	}
	now := sighting{report: *r, at: at, moved: r.predicted}
	if now.moved.IsZero() || now.moved.After(s.end) {
		now.moved = s.end
	}
	if t == nil {
		if len(s.trains) >= maxTrains {
			s.aside(asideOdd)
			return
		}
		t = &train{id: s.name(route, r.run), route: route, sighting: now, known: s.sure(now), destination: destination,
			calls: map[node]time.Time{}, origin: s.waits(route, now)}
		s.trains[key], s.seen[t] = t, true
		s.foretell(t)
		return
	}
	if now.moved.Before(t.moved) {
		s.aside(asideOld)
		return
	}
	if t.gone {
		t.gone, t.last, t.id = false, nil, s.name(route, r.run) // it begins again, or was lost for long
	}
	if destination != 0 {
		t.destination = destination
	}
	s.move(t, now)
	t.missing = 0
	s.foretell(t)
}

// foretell passes on when the CTA expects a train at its next station, if that is news.
func (s *step) foretell(t *train) {
	var stops []cta.PredictedStop
	if t.pending == nil && !t.done && !t.due.IsZero() && !t.route.place[t.at.station].Closed {
		stops = foretold.Stop(nil, s.end, t.at.station, t.at.d, t.due)
	}
	if t.foretold.News(s.end, stops) {
		s.told = append(s.told, cta.Prediction{TrainID: t.id, Made: s.end.UnixMilli(), Line: t.route.line.ID, Stops: stops})
	}
}

// name returns the identity of a train: line, run and service day. Lines share run
// numbers, and days do.
func (s *step) name(r *route, run string) string {
	return fmt.Sprintf("%s-%s-%d", r.line.ID, run, cta.ServiceDay(s.end.In(s.zone)))
}

// waits returns the call at which a train's run begins, if it waits there or has just left;
// else nil.
func (s *step) waits(route *route, now sighting) *node {
	o, ok := route.origin[now.at]
	if d := route.metres(&now.report, o.station); ok && (d < platform || !s.first && d < 4*platform) {
		return &o
	}
	return nil
}

// sure returns the time until which a train surely was at its reported place. Positions
// are as old as the newest movement in the answer, however often they are repeated.
func (s *step) sure(now sighting) time.Time {
	sure := s.data
	if sure.Before(now.moved) {
		sure = now.moved
	}
	if sure.After(s.end) {
		sure = s.end
	}
	return sure
}

func (s *step) move(t *train, now sighting) {
	if now.at == t.at {
		t.pending = nil
		s.stay(t, now)
		return
	}
	if p := t.pending; p != nil && (p.at == now.at || len(t.route.path(p.at, now.at)) == 2 && !t.route.turns(p.at, now.at)) {
		// Two answers agree that the train has left.
		t.pending = nil
		s.advance(t, *p)
		s.move(t, now)
		return
	}
	if s.evident(t, now) {
		t.pending = nil
		s.advance(t, now)
		return
	}
	s.aside(asideUnsure)
	t.pending = &now
}

// stay takes a sighting of a train before the same call as before.
func (s *step) stay(t *train, now sighting) {
	if t.origin != nil && now.located && t.route.metres(&now.report, t.origin.station) >= platform {
		s.emit(t, *t.origin, t.known, cta.TrainInService)
		t.origin = nil
	}
	if s.sure(now).Sub(t.known) > sameCall {
		t.done = false // it comes to the call once more
	}
	t.sighting, t.known = now, s.sure(now)
	if !t.done && now.approaching && t.origin == nil && t.route.metres(&now.report, t.at.station) < platform {
		t.done = true
		s.emit(t, t.at, now.moved, cta.TrainInService)
	}
}

// ends reports whether the run ends at a call: where the line does, or at the train's
// destination.
func (t *train) ends(n node) bool {
	onward := slices.ContainsFunc(t.route.next[n], func(e edge) bool { return !e.turn })
	return !onward || t.destination == n.station
}

// evident reports whether one answer suffices to tell that a train has moved on: it
// is one call ahead, its position has changed, and it lies where it should.
func (s *step) evident(t *train, now sighting) bool {
	path := t.route.path(t.at, now.at)
	if len(path) != 2 || t.route.turns(t.at, now.at) || !now.moved.After(t.moved) {
		return false
	}
	if !now.located {
		return t.approaching
	}
	from, to := t.route.place[t.at.station], t.route.place[now.at.station]
	detour := t.route.metres(&now.report, from.ID) + t.route.metres(&now.report, to.ID)
	return detour < 1.3*from.Distance(to.Point)+300
}

// advance moves a train to a later call, and emits the calls between.
func (s *step) advance(t *train, now sighting) {
	if t.origin != nil {
		if t.located {
			s.emit(t, *t.origin, t.known, cta.TrainInService)
		} else {
			s.aside(asideUnplaced) // it has waited there for unknown time
		}
	}
	path := t.route.path(t.at, now.at)
	hi := now.moved
	if hi.Before(t.known) {
		hi = t.known
	}
	passed := path[:max(0, len(path)-1)]
	stands := now.located // at the last of them, or beyond
	var origin *node
	if n := len(path); n > 2 && t.route.turns(path[n-3], path[n-2]) {
		origin = &path[n-2]                  // it stands there, and is emitted when it leaves
		passed, stands = passed[:n-2], false // it may have waited since it came
	}
	switch {
	case path == nil && t.destination == t.at.station && !t.done:
		passed, stands = []node{t.at}, false // it has turned where its run ended
		fallthrough
	case path != nil && time.Duration(len(passed)-1)*hop <= hi.Sub(t.known)+hop:
		if t.done && len(passed) > 0 {
			passed = passed[1:]
		}
		s.pass(t, passed, now, hi, stands)
	default:
		s.aside(asideJumped)
		origin = s.waits(t.route, now) // of a run that began unseen
	}
	t.sighting, t.known, t.done, t.origin = now, s.sure(now), false, origin
	t.destination = t.route.destination(&now.report, s.stationOf)
}

// pass emits the calls that a train has made since its last known place, spread by
// distance over the time between. If that time is long, only the station at which the
// train stands gets a time. stands means that the train can't have arrived there long
// ago.
func (s *step) pass(t *train, passed []node, now sighting, hi time.Time, stands bool) {
	if len(passed) == 0 {
		return
	}
	place := func(n node) *cta.Station { return t.route.place[n.station] }
	end := passed[len(passed)-1]
	beyond := t.route.metres(&now.report, end.station)
	if !now.located || beyond < platform {
		beyond = 0
	}
	if hi.Sub(t.known) > s.limit {
		for range len(passed) - 1 {
			s.aside(asideUnplaced)
		}
		if beyond > 0 || !stands {
			s.aside(asideUnplaced)
			return
		}
		s.emit(t, end, hi, cta.TrainInService)
		return
	}
	along := make([]float64, len(passed)) // of each call, from where the train was known
	if t.located {
		along[0] = t.route.metres(&t.report, passed[0].station)
	} else if len(passed) > 1 {
		along[0] = place(passed[0]).Distance(place(passed[1]).Point)
	}
	for i := 1; i < len(passed); i++ {
		along[i] = along[i-1] + place(passed[i-1]).Distance(place(passed[i]).Point)
	}
	total := along[len(along)-1] + beyond
	for i, n := range passed {
		at := hi
		if total > 0 && (i < len(passed)-1 || beyond > 0) {
			at = t.known.Add(time.Duration(along[i] / total * float64(hi.Sub(t.known))))
		}
		s.emit(t, n, at, cta.TrainInService)
	}
}

// emit adds an arrival, unless it was emitted before.
func (s *step) emit(t *train, n node, at time.Time, status cta.TrainStatus) {
	if !at.After(t.lastAt) {
		at = t.lastAt.Add(time.Second)
	}
	if at.After(s.end) {
		at = s.end
	}
	before, again := t.calls[n]
	if t.route.place[n.station].Closed { // it passed
		return
	}
	if status == cta.TrainInService && again && at.Sub(before) < sameCall {
		return
	}
	a := cta.Arrival{StationID: n.station, TrainID: t.id, Direction: n.d, Line: t.route.line.ID, TrainStatus: status}
	if t.last != nil {
		station, d := t.last.station, t.last.d
		a.PrevStationID, a.PrevDirection = &station, &d
	}
	if destination := t.destination; destination != 0 && status != cta.TrainOutOfService {
		a.Destination = &destination
	}
	t.calls[n], t.last, t.lastAt = at, &n, at
	s.out = append(s.out, arrival{at.Truncate(time.Millisecond), a})
}

// age handles the trains that an answer lacks. active is the number of trains of each
// route before it.
func (s *step) age(active map[*route]int) {
	present := map[*route]int{}
	for t := range s.seen {
		present[t.route]++
	}
	for _, r := range s.routes {
		if active[r] >= 2 && 2*present[r] < active[r] {
			if s.mute[r].IsZero() {
				s.mute[r] = s.end
			}
		} else {
			delete(s.mute, r)
		}
	}
	gap := s.end.Sub(s.aged)
	if s.aged.IsZero() || gap < s.limit {
		gap = 0
	}
	s.aged = s.end
	for key, t := range s.trains {
		if s.seen[t] {
			continue
		}
		t.missed = t.missed.Add(gap) // nobody looked for it meanwhile
		if since, mute := s.mute[t.route]; mute {
			if s.end.Sub(since) > muteFor {
				s.leave(t)
				delete(s.trains, key)
			}
			continue
		}
		if t.missing++; t.missing == 1 {
			t.missed = s.end
		}
		t.pending = nil
		if t.missing == 2 {
			s.vanish(t)
		}
		away, patience := s.end.Sub(t.missed), lostAfter
		if t.ends(t.at) || t.missed.Sub(t.known) > s.limit {
			patience = endedAfter // it may be turning, unseen since a gap in the data
		}
		if away > patience && !t.gone {
			s.leave(t)
		}
		if away > forgotten {
			delete(s.trains, key)
		}
	}
}

// leave says that a train is out of service, if anybody knows it.
func (s *step) leave(t *train) {
	if !t.gone && t.last != nil {
		s.emit(t, *t.last, s.end, cta.TrainOutOfService)
	}
	t.gone = true
}

// vanish handles a train that has left the answers. If it was due at the end of its
// run, it has arrived there. After a gap in the data, nobody knows where it is.
func (s *step) vanish(t *train) {
	if !(t.done && t.ends(t.at)) && t.missed.Sub(t.known) > s.limit {
		s.aside(asideUnplaced)
		s.leave(t)
		return
	}
	if t.done || !t.ends(t.at) || !t.approaching && t.due.After(t.missed.Add(30*time.Second)) {
		return
	}
	at := t.due
	if at.Before(t.known) {
		at = t.known
	}
	if at.After(t.missed) {
		at = t.missed
	}
	t.done = true
	s.emit(t, t.at, at, cta.TrainInService)
}
