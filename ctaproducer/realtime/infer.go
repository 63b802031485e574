package realtime

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/foretold"
)

// The rules of inference.
const (
	speed      = 60.0             // metres a second that no train exceeds
	slack      = 15 * time.Second // of the times of two positions
	near       = 100.0            // metres from a stop at which a vehicle is there
	beside     = 400.0            // metres beside the way between two stops, at least; longer ways without a shape bend more
	bend       = 0.35             // of the way between two stops, how far a vehicle may be beside it
	lostAfter  = 6 * time.Minute  // a train that is missing
	endedAfter = 2 * time.Minute  // at the last stop, though the feed still has the train
	dueSoon    = 30 * time.Second // at the last stop, of a train that its feed no longer has
	forgotten  = time.Hour        // a train that has ended, so that it isn't taken for another
	followed   = 3 * time.Minute  // since a vehicle's last position, in which times don't move it
	muteFor    = 30 * time.Minute // after which trains of a feed without most of them count as missing
	oldAfter   = 5 * time.Minute  // of a vehicle's position, which then counts as missing
	maxAhead   = 2 * time.Minute  // of a feed's time before this machine's
	maxAway    = 48 * time.Hour   // of a call's time from its feed's; some feeds have tomorrow's trips
	maxBack    = 3                // answers in a row that show a train further back
	maxTrains  = 20_000           // known at a time
)

// Reasons for which something is set aside.
const (
	asideRepeated  = "repeated"  // an answer no newer than the last, a vehicle that comes twice
	asideAhead     = "ahead"     // an answer or a position from the future
	asideOdd       = "odd"       // what can't be read
	asideOld       = "old"       // a position of minutes ago
	asideUnmatched = "unmatched" // a trip that isn't in the network, and fits none or several of it
	asideNoTrip    = "no_trip"   // a vehicle without a trip
	asideElsewhere = "elsewhere" // a vehicle that is not on its trip's way
	asideUnsure    = "unsure"    // a step that another answer has to confirm
	asideJumped    = "jumped"    // calls passed faster than a train can
	asideUnplaced  = "unplaced"  // a call whose time isn't known
	asideCancelled = "cancelled" // a trip that doesn't run
)

// arrival is an event with its time.
type arrival struct {
	at time.Time
	cta.Arrival
}

type feedState struct {
	latest  time.Time     // header of the last answer; zero before the first
	data    time.Time     // newest observation in it
	since   time.Time     // header of the first answer with that observation
	watched time.Duration // during which answers came that a train could be missing from
	answers int           // that a train could be missing from
	last    time.Time     // header of the last of them
	mute    time.Time     // since when most trains are missing; zero when they aren't
	active  int           // trains in the last answer
}

// mark is when a feed had a train last.
type mark struct {
	seen    bool
	watched time.Duration
	answers int
}

// train is a run that is under way, or whose times are known.
type train struct {
	*run
	vehicle  string
	vehicled time.Time // of the last position
	marks    []mark    // by feed

	placed  bool
	reached int       // last call that it has reached; -1: none
	part    float64   // of the way to the next call; -1 unknown
	known   time.Time // when that was so
	origin  bool      // it stands at its first call, which is emitted when it leaves
	pending *progress // a step to confirm
	back    int       // answers in a row that show it further back

	expected []time.Time // arrivals, of the feed's updates; zero when unknown
	skipped  []bool
	first    int // first call that the last update has; -1: none

	foretold  foretold.Train
	emitted   []bool
	last      int // call; -1: none
	lastAt    time.Time
	cancelled bool
	gone      bool // said to be out of service, or never in it
}

type progress struct {
	call   int     // last that was reached; -1: none
	part   float64 // of the way to the next; -1: unknown
	stands bool    // at call
	at     time.Time
	odd    bool // another answer has to confirm it
}

// inference derives arrivals from answers.
type inference struct {
	*index
	every  time.Duration // usual time between answers
	aside  func(reason string)
	strays func(trip string) // told of trips that aren't in the network

	feeds     []feedState
	trains    map[string]*train // by key
	byRun     map[string]string // key by timetabled run
	byVehicle map[string]*train
	unmatched map[string]time.Time // descriptors, with the time to try again
}

func newInference(net *cta.Network, feeds int, every time.Duration, aside, strays func(string)) *inference {
	return &inference{index: newIndex(net), every: every, aside: aside, strays: strays, feeds: make([]feedState, feeds),
		trains: map[string]*train{}, byRun: map[string]string{}, byVehicle: map[string]*train{}, unmatched: map[string]time.Time{}}
}

// limit is the longest time of not knowing when a train passed a call.
func (in *inference) limit() time.Duration { return time.Minute + 2*in.every }

// step is the work on one answer.
type step struct {
	*inference
	feed  int
	state *feedState
	end   time.Time // the latest time of what the answer shows
	begin bool      // the feed's first answer
	out   []arrival
	told  []cta.Prediction
}

// apply returns the arrivals that an answer of a feed shows, in order of time, none of
// them after now, and the agency's predictions that are news.
func (in *inference) apply(feed int, a *answer, now time.Time) ([]arrival, []cta.Prediction) {
	f := &in.feeds[feed]
	for range a.odd {
		in.aside(asideOdd)
	}
	if a.at.IsZero() {
		a.at = now
	}
	switch {
	case a.at.Sub(now) > maxAhead:
		in.aside(asideAhead)
		return nil, nil
	case !a.at.After(f.latest):
		in.aside(asideRepeated)
		return nil, nil
	}
	s := &step{inference: in, feed: feed, state: f, end: a.at, begin: f.latest.IsZero()}
	if now.Before(s.end) {
		s.end = now
	}
	moves := s.watch(a)
	updated := make([]*train, 0, len(a.updates))
	for i := range a.updates {
		if t := s.update(&a.updates[i]); t != nil {
			updated = append(updated, t)
		}
	}
	for _, v := range s.newest(a.vehicles) {
		s.vehicle(v)
	}
	for _, t := range updated { // after the vehicles, which tell what has been passed
		s.foretell(t)
	}
	if moves {
		s.age()
	}
	slices.SortStableFunc(s.out, func(a, b arrival) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.TrainID, b.TrainID))
	})
	return s.out, s.told
}

// watch takes the time of an answer, and reports whether its trains can be counted.
func (s *step) watch(a *answer) bool {
	f := s.state
	var data time.Time
	newer := func(t time.Time) {
		if t.After(data) && !t.After(a.at.Add(slack)) {
			data = t
		}
	}
	for i := range a.vehicles {
		newer(a.vehicles[i].at)
	}
	for i := range a.updates {
		newer(a.updates[i].at)
	}
	if data.IsZero() {
		data = a.at
	}
	moves := data.After(f.data) || len(a.vehicles)+len(a.updates) == 0
	if moves {
		f.data, f.since = data, a.at
	}
	active := len(a.vehicles) + len(a.updates)
	if 2*active < f.active && f.active >= 4 {
		if f.mute.IsZero() {
			f.mute = a.at
		}
		moves = moves && a.at.Sub(f.mute) > muteFor
	} else {
		f.mute, f.active = time.Time{}, active
	}
	if moves {
		f.answers++
		if !f.last.IsZero() {
			f.watched += min(a.at.Sub(f.last), s.limit())
		}
		f.last = a.at
	}
	f.latest = a.at
	return moves
}

// newest returns the vehicles with one of each id: the latest.
func (s *step) newest(vehicles []vehicle) (one []*vehicle) {
	index := make(map[string]int, len(vehicles))
	for i := range vehicles {
		v := &vehicles[i]
		if v.at.Sub(s.state.latest) > time.Minute { // clocks of vehicles are years ahead at times
			s.aside(asideAhead)
		}
		if v.at.IsZero() || v.at.After(s.end) {
			v.at = s.end
		}
		j, twice := index[v.id]
		if !twice || v.id == "" {
			index[v.id] = len(one)
			one = append(one, v)
			continue
		}
		s.aside(asideRepeated)
		if v.at.After(one[j].at) {
			one[j] = v
		}
	}
	// Of two on one trip, the newer one is taken first.
	slices.SortStableFunc(one, func(a, b *vehicle) int { return b.at.Compare(a.at) })
	return one
}

// of returns the train of a trip; nil if the trip isn't known.
func (s *step) of(d *descriptor, vehicle string, seen []evidence) *train {
	key := d.key(vehicle)
	if t := s.trains[key]; t != nil {
		return t
	}
	if d.trip == "" && d.route == "" {
		return nil
	}
	stray := key
	if len(seen) > 1 {
		stray += " by its stops" // which tell more than a position
	}
	if again, ok := s.unmatched[stray]; ok && s.end.Before(again) {
		s.aside(asideUnmatched)
		return nil
	}
	r := s.named(d, vehicle, seen, s.end)
	if r == nil && !d.added() {
		r = s.similar(d, seen, s.end, func(r *run) bool { return s.byRun[r.key()] != "" })
	}
	if r == nil && len(seen) > 1 {
		r = s.added(d, seen, s.end)
	}
	if r == nil || len(s.trains) >= maxTrains {
		s.aside(asideUnmatched)
		s.strays(d.trip)
		if len(s.unmatched) < maxTrains {
			s.unmatched[stray] = s.end.Add(10 * time.Minute)
		}
		return nil
	}
	delete(s.unmatched, stray)
	if other := s.byRun[r.key()]; other != "" { // the same run, by another descriptor
		s.trains[key] = s.trains[other]
		return s.trains[other]
	}
	n := len(r.Calls)
	t := &train{run: r, marks: make([]mark, len(s.feeds)), reached: -1, part: -1, last: -1, first: -1,
		expected: make([]time.Time, n), skipped: make([]bool, n), emitted: make([]bool, n)}
	s.trains[key], s.byRun[r.key()] = t, key
	return t
}

// key names a trip as a feed describes it.
func (d *descriptor) key(vehicle string) string {
	key := d.trip + " " + d.route
	if d.date != 0 {
		key += " " + d.date.String()
	}
	if d.start >= 0 {
		key += " " + (time.Duration(d.start) * time.Second).String()
	} else if d.trip == "" {
		key += " " + vehicle
	}
	return key
}

func (r *run) key() string { return r.id + " " + r.date.String() }

func (s *step) mark(t *train) {
	t.marks[s.feed] = mark{true, s.state.watched, s.state.answers}
}

// update takes the times of one trip, and returns its train; nil without one.
func (s *step) update(u *update) *train {
	seen := make([]evidence, 0, len(u.calls))
	for i := range u.calls {
		c := &u.calls[i]
		s.credible(&c.arrival)
		s.credible(&c.departure)
		e, leaves := c.arrival, false
		if e.at.IsZero() {
			e, leaves = c.departure, true
		}
		seen = append(seen, evidence{c.stop, c.sequence, e.at, e.delay, leaves})
	}
	t := s.of(&u.descriptor, u.vehicle, seen)
	if t == nil {
		return nil
	}
	s.mark(t)
	if u.cancelled() {
		s.aside(asideCancelled)
		if !t.cancelled {
			t.cancelled = true
			s.leave(t)
		}
		return t
	}
	if t.cancelled { // it runs after all
		t.cancelled, t.gone = false, false
	}
	listed, was := s.plan(t, u), t.first
	if listed >= 0 {
		t.first = listed
	}
	if s.end.Sub(t.vehicled) < followed {
		return t
	}
	// Where there is no vehicle, calls are reached when their times pass, or when the
	// update no longer has them.
	p := progress{call: -1, part: -1, at: s.end}
	for i, at := range t.expected {
		if !at.IsZero() && !at.After(s.end) {
			p.call = i
		}
	}
	if begun := t.depart.IsZero() || !t.depart.After(s.end); begun && listed > p.call+1 && (listed > was && was >= 0 || !t.placed) {
		p.call = listed - 1
	}
	s.move(t, p)
	return t
}

// credible removes a time or a delay that can't be: one wrong number would otherwise end a
// train, or put its calls in the past.
func (s *step) credible(e *event) {
	if !e.at.IsZero() && e.at.Sub(s.end).Abs() > maxAway {
		s.aside(asideOdd)
		e.at = time.Time{}
	}
	if e.delay.Abs() > maxAway {
		s.aside(asideOdd)
		e.delay, e.delayed = 0, false
	}
}

// foretell passes on what the agency predicts of a train, if that is news.
func (s *step) foretell(t *train) {
	p := cta.Prediction{TrainID: t.id, Made: s.end.UnixMilli(), Line: t.line.ID}
	for i := max(t.reached, t.last) + 1; i < len(t.Calls) && !t.cancelled && !t.gone; i++ {
		c := t.Calls[i]
		if i > 0 && t.Calls[i-1].Station == c.Station && t.Calls[i-1].Direction == c.Direction {
			continue // another stop of the same station
		}
		if at := t.expected[i]; !at.IsZero() {
			p.Stops = foretold.Stop(p.Stops, s.end, c.Station.ID, c.Direction, at)
		}
	}
	if t.foretold.News(s.end, p.Stops) {
		s.told = append(s.told, p)
	}
}

// plan takes the expected times of an update, and returns the first call that has one;
// -1 without. An update is complete from its first call on: what an earlier one had of
// these calls is over. Calls without a time are as late as the train was on its last
// departure from a call with one.
func (s *step) plan(t *train, u *update) int {
	listed, from, begun := -1, s.start(t.run, u.calls, t.reached), false
	var late time.Duration // of the calls that follow
	known, none := false, false
	begin := func(i int) {
		begun = true
		clear(t.expected[i:])
		clear(t.skipped[i:])
	}
	follow := func(to int) {
		for ; known && !none && from < to; from++ {
			if at := t.scheduled(from); !at.IsZero() {
				t.expected[from] = at.Add(late)
			}
		}
		from = to
	}
	for k := range u.calls {
		c := &u.calls[k]
		i := s.call(t.run, c.stop, c.sequence, from)
		// Where a platform changes, some feeds skip a call, and then have it again.
		if again := i >= 0 && i == from-1 && t.skipped[i] && !c.skipped; i < from && !again {
			continue
		}
		if !begun {
			begin(i)
		}
		at, behind := t.expect(i, c)
		if !c.skipped && !c.noData && at.IsZero() {
			continue
		}
		follow(i)
		from = i + 1
		if t.skipped[i] = c.skipped; c.skipped {
			continue
		}
		if none = c.noData; none {
			continue
		}
		t.expected[i] = at
		late, known = behind, !t.scheduled(i).IsZero()
		if listed < 0 {
			listed = i
		}
	}
	if !begun {
		begin(t.reached + 1)
	}
	follow(len(t.Calls))
	return listed
}

// expect returns when a train is at a call, zero when unknown, and by how much it leaves
// later than the timetable. It is at the first call when it leaves.
func (t *train) expect(i int, c *expected) (at time.Time, late time.Duration) {
	arrival, departure := t.times(i)
	at, leaves := c.arrival.time(arrival), c.departure.time(departure)
	if leaves.IsZero() {
		return at, at.Sub(arrival)
	}
	leaves = latest(leaves, at) // not before it has come
	late = leaves.Sub(departure)
	switch {
	case i == 0, at.IsZero() && arrival.IsZero():
		at = leaves
	case at.IsZero():
		at = arrival.Add(late)
	}
	return at, late
}

func (s *step) vehicle(v *vehicle) {
	if v.trip == "" && v.route == "" {
		s.aside(asideNoTrip)
		return
	}
	t := s.of(&v.descriptor, v.id, []evidence{{stop: v.stop, sequence: v.sequence, at: v.at}})
	if t == nil {
		return
	}
	if t.vehicled.Equal(s.end) && t.vehicle != v.id {
		s.aside(asideRepeated) // two vehicles on one trip
		return
	}
	switch {
	case s.state.latest.Sub(v.at) > oldAfter:
		s.aside(asideOld)
		return
	case t.cancelled || v.cancelled():
		s.aside(asideCancelled)
		return
	}
	if other := s.byVehicle[v.id]; v.id != "" && other != t {
		if other != nil && other.vehicle == v.id {
			s.finish(other) // the vehicle makes another run now
		}
		s.byVehicle[v.id] = t
	}
	s.mark(t)
	t.vehicle, t.vehicled = v.id, s.end
	if p, ok := s.locate(t, v); ok {
		s.again(t, p)
		s.move(t, p)
	} else {
		s.aside(asideElsewhere)
	}
}

// again begins a trip at intervals anew, which one vehicle makes again and again.
func (s *step) again(t *train, p progress) {
	if t.trip == nil || t.trip.Every == 0 || !t.depart.IsZero() || t.last != len(t.Calls)-1 || p.call > 1 {
		return
	}
	s.leave(t)
	clear(t.emitted)
	t.gone, t.placed, t.reached, t.last = false, false, -1, -1
}

func (s *step) locate(t *train, v *vehicle) (progress, bool) {
	p := progress{call: -1, part: -1, at: v.at}
	i := s.call(t.run, v.stop, v.sequence, max(0, t.reached))
	if i < 0 {
		if v.stop != "" || !v.located {
			return p, false
		}
		return s.project(t, v)
	}
	p.call, p.stands = i, v.stands
	if !v.stands {
		p.call--
	}
	if !v.located {
		return p, true
	}
	// The position tells how far on it is, and whether the stop can be right.
	switch {
	case p.stands:
		p.odd = t.metres(v.place, i) > 5*beside
	case p.call >= 0:
		part, off := t.paths[p.call].Nearest(v.place)
		length := t.along[i] - t.along[i-1]
		if p.odd = off > max(5*beside, length); !p.odd {
			p.part = part
		}
	}
	return p, true
}

// project returns where on its run a vehicle is, by its coordinates.
func (s *step) project(t *train, v *vehicle) (progress, bool) {
	p := progress{call: -1, part: -1, at: v.at}
	last := len(t.Calls) - 1
	from, to := 0, last
	if t.placed {
		from = max(0, t.reached)
		reach := t.position(t.reached, t.part) + speed*(v.at.Sub(t.known)+slack).Seconds()
		for to = from; to < last && t.along[to+1] <= reach; to++ {
		}
	} else if !t.depart.IsZero() { // where the timetable has it, within half an hour
		const off = 30 * time.Minute
		for from < last-1 && t.scheduled(from+1).Before(v.at.Add(-off)) {
			from++
		}
		for to > from && t.scheduled(to).After(v.at.Add(off)) {
			to--
		}
	}
	at := t.nearest(v.place, from, to)
	if at.call < 0 {
		at = place{call: last - 1, part: 1, off: t.metres(v.place, last)}
	}
	if length := t.along[at.call+1] - t.along[at.call]; at.off > max(beside, bend*length) {
		return p, false
	}
	p.call, p.part = at.call, at.part
	switch {
	case t.metres(v.place, at.call+1) < near && (at.part > 0.5 || at.call+1 == last):
		p.call, p.part, p.stands = at.call+1, 0, true
	case at.call == 0 && t.metres(v.place, 0) < near:
		p.stands = true
	case at.call == 0 && at.part == 0:
		p.call = -1 // on its way to the first call
	}
	return p, true
}

func (s *step) move(t *train, p progress) {
	if !t.placed {
		if t.gone {
			return
		}
		t.placed = true
		t.set(p)
		t.origin = p.call == 0 && p.stands
		if p.call == 0 && !p.stands && !s.begin { // it has just left
			s.emit(t, 0, s.time(t, 0, p.at.Add(-s.limit()), p.at))
		}
		return
	}
	if !p.at.After(t.known) {
		return
	}
	if t.gone {
		if t.last == len(t.Calls)-1 {
			return // its run is over
		}
		t.gone = false // it was lost
	}
	switch {
	case p.call < t.reached:
		t.pending = nil
		if t.back++; t.back >= maxBack {
			t.set(p)
		}
	case p.call == t.reached:
		t.pending = nil
		if t.origin && !p.stands && p.part*(t.along[1]-t.along[0]) > near {
			s.emit(t, 0, t.known)
			t.origin = false
		}
		if p.part < 0 || p.odd {
			p.part = t.part
		}
		t.set(p)
	case t.pending != nil && p.call >= t.pending.call && (!p.odd || t.pending.odd) && t.possible(t.pending.call, t.pending.part, t.pending.at, p):
		q := *t.pending
		t.pending = nil
		s.pass(t, q)
		s.move(t, p)
	case p.odd || !t.possible(t.reached, t.part, t.known, p):
		s.aside(asideUnsure)
		t.pending = &p
	default:
		t.pending = nil
		s.pass(t, p)
	}
}

func (t *train) set(p progress) {
	t.reached, t.part, t.known, t.back = p.call, p.part, p.at, 0
}

// possible reports whether a train can have come from one place to another.
func (t *train) possible(call int, part float64, at time.Time, p progress) bool {
	way := t.position(p.call, 0) - t.position(call, max(part, 0))
	if part < 0 && call >= 0 && call < len(t.Calls)-1 {
		way = t.position(p.call, 0) - t.along[call+1] // it may have been about to come to the next
	}
	return way <= speed*(p.at.Sub(at)+slack).Seconds()
}

// pass moves a train on, and emits the calls that it has reached meanwhile.
func (s *step) pass(t *train, p progress) {
	lo, hi := t.known, p.at
	if t.origin {
		s.emit(t, 0, lo)
		t.origin = false
	}
	first := t.reached + 1
	if p.call == 0 && p.stands { // it waits at its first call
		t.origin = true
		t.set(p)
		return
	}
	possible := t.possible(t.reached, t.part, t.known, p)
	x0, x1 := t.position(t.reached, t.part), t.position(p.call, p.part)
	for i := first; i <= p.call; i++ {
		at := s.time(t, i, lo.Add(-slack), hi)
		switch {
		case !at.IsZero():
		case !possible:
			s.aside(asideJumped)
			continue
		case hi.Sub(lo) > s.limit():
			s.aside(asideUnplaced)
			continue
		case p.stands && i == p.call:
			at = hi
		case x1-x0 < 1, p.part < 0 && first == p.call:
			at = lo.Add(hi.Sub(lo) / 2)
		default:
			at = lo.Add(time.Duration(min(1, max(0, (t.along[i]-x0)/(x1-x0))) * float64(hi.Sub(lo))))
		}
		s.emit(t, i, at)
	}
	t.set(p)
}

// time returns a call's time by the feed's updates, if it is after lo and not after hi;
// else zero.
func (s *step) time(t *train, i int, lo, hi time.Time) time.Time {
	if at := t.expected[i]; at.After(lo) && !at.After(hi) {
		return at
	}
	return time.Time{}
}

// emit adds the arrival at a call, once. Trains pass closed stations.
func (s *step) emit(t *train, i int, at time.Time) {
	if t.emitted[i] || t.skipped[i] {
		return
	}
	t.emitted[i] = true
	c := t.Calls[i]
	if c.Station.Closed {
		return
	}
	if t.last >= 0 {
		if before := t.Calls[t.last]; before.Station == c.Station && before.Direction == c.Direction {
			t.last = i // another stop of the same station
			return
		}
	}
	if at.IsZero() {
		at = s.end
	}
	s.event(t, i, at, cta.TrainInService)
	t.last = i
}

func (s *step) event(t *train, i int, at time.Time, status cta.TrainStatus) {
	if t.last >= 0 && !at.After(t.lastAt) {
		at = t.lastAt.Add(time.Second)
	}
	if at.After(s.end) {
		at = s.end
	}
	c := t.Calls[i]
	a := cta.Arrival{StationID: c.Station.ID, TrainID: t.id, Direction: c.Direction, Line: t.line.ID, TrainStatus: status}
	if t.last >= 0 {
		p := t.Calls[t.last]
		a.PrevStationID, a.PrevDirection = &p.Station.ID, &p.Direction
	}
	if status == cta.TrainInService {
		a.Destination = &t.Last().Station.ID
	}
	t.lastAt = at
	s.out = append(s.out, arrival{at.Truncate(time.Millisecond), a})
}

// leave says that a train is out of service, if anybody knows it.
func (s *step) leave(t *train) {
	if t.gone {
		return
	}
	t.gone = true
	if t.last >= 0 {
		s.event(t, t.last, s.end, cta.TrainOutOfService)
	}
}

// finish ends the run of a train that its feeds no longer have. If it was due at its
// last call, it has arrived there.
func (s *step) finish(t *train) {
	last := len(t.Calls) - 1
	if !t.gone && t.placed && t.reached == last-1 && t.last >= 0 {
		if due := s.due(t); due.Before(s.end.Add(dueSoon)) {
			t.reached = last
			s.emit(t, last, latest(due, t.known))
		}
	}
	s.leave(t)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// missing returns how long, and in how many answers, none of its feeds has had a train.
// Feeds that don't answer don't count.
func (s *step) missing(t *train) (away time.Duration, answers int) {
	away, answers = math.MaxInt64, math.MaxInt
	for i, m := range t.marks {
		f := &s.feeds[i]
		if m.seen && (s.end.Sub(f.latest) < 2*lostAfter || i == s.feed) {
			away, answers = min(away, f.watched-m.watched), min(answers, f.answers-m.answers)
		}
	}
	if answers == math.MaxInt {
		return 0, 0
	}
	return away, answers
}

// age handles the trains that are missing, or have ended.
func (s *step) age() {
	for _, key := range slices.Sorted(maps.Keys(s.trains)) {
		t := s.trains[key]
		if !t.marks[s.feed].seen {
			continue
		}
		away, answers := s.missing(t)
		last := len(t.Calls) - 1
		switch {
		case away > forgotten:
			s.forget(key, t)
		case t.gone:
		case t.last == last && (answers > 0 || s.end.Sub(t.lastAt) > endedAfter):
			s.leave(t)
		case t.reached == last-1 && t.placed && answers >= 2, away > lostAfter:
			if t.reached == last-1 && away <= lostAfter && !s.due(t).Before(s.end.Add(dueSoon)) {
				continue // not due yet: it may come back
			}
			s.finish(t)
		}
	}
}

// due returns when a train is expected at its last call; far ahead when unknown.
func (s *step) due(t *train) time.Time {
	last := len(t.Calls) - 1
	if at := t.expected[last]; !at.IsZero() {
		return at
	}
	if t.trip == nil || t.last < 0 {
		return s.end.Add(forgotten)
	}
	return t.lastAt.Add(time.Duration(t.trip.Profile.Arrivals[last]-t.trip.Profile.Arrivals[t.last]) * time.Second)
}

func (s *step) forget(key string, t *train) {
	delete(s.trains, key)
	if s.byRun[t.key()] == key {
		delete(s.byRun, t.key())
	}
	if s.byVehicle[t.vehicle] == t {
		delete(s.byVehicle, t.vehicle)
	}
}

// active returns the number of trains that are in service, as far as is known.
func (in *inference) active() (n int) {
	for _, key := range in.byRun {
		if t := in.trains[key]; t.last >= 0 && !t.gone {
			n++
		}
	}
	return n
}
