package live

import (
	"cmp"
	"math"
	"slices"
)

// Parameters of forecasts, in milliseconds.
const (
	// separation is the least time between two arrivals at a platform.
	separation = 60 * second
	// Trains are held at platforms to keep kept7/kept10 of the headway to the train
	// ahead, for at most maxHold.
	kept7, kept10 = 7, 10
	maxHold       = 4 * minute
	// far is how far ahead every train is forecast. Where fewer than perBoard trains
	// come by then, forecasts reach farthest.
	far, farthest = 20 * minute, 70 * minute
	perBoard      = 3
	// A train overdue by silentAfter, or by its segment's running time if longer, is
	// silent. A train overdue by goneAfter is dropped.
	silentAfter, goneAfter = 3 * minute, 15 * minute
	standingFor            = 60 * minute // how long a broken-down train is shown
	turningFor             = 60 * minute // how long a train is shown at the end of its run
	outFor                 = 2 * minute  // how long a train that left service is shown
	maxDepartures          = 24          // per platform

	never = math.MinInt64 / 2
)

// vehicle is a train, or an expected departure.
type vehicle struct {
	train     int32 // index in order; -1 when unknown
	node      int32
	bound     int32 // station at which its run ends; 0 when unknown
	timed     call  // of the timetable at node; unknownCall when its run is unknown
	at        int64 // arrival at node, or a coming departure from it
	left      int64 // departure from node (see nodeState.coming)
	variance  float64
	where     int64 // its position, as a potential
	number    int   // of a departure, from 1; 0 for a train on its way
	state     State
	due       int64    // at the next platform, not counting its lateness
	by        int64    // the latest such time over all branches
	slack     int64    // allowance before it is overdue
	spread    float64  // s: standard deviation of due; 0 without observations
	forecasts [2]int32 // a span of scratch.forecasts
	dropped   bool
	stands    bool // it is broken down, and no train has passed it
	final     bool // it makes the last run of a service
}

// forecast is a predicted arrival of a vehicle at a platform.
//
// Its time adds up, from the train's last report:
//
//   - the times of the segments: of their last eight trains, of the timetable with its
//     recent delays, or by distance
//   - stops: a train is held behind the one ahead, waits for its timetable, or is repaired
//   - the departure of the next run, one headway after the previous one
//
// Its range grows until nine of ten scored predictions hold.
type forecast struct {
	vehicle  int32
	node     int32
	after    int32 // index of the forecast at the stop before; -1 without one
	at       int64
	plain    int64 // by distance over mean speed alone
	agency   int64 // by the agency; 0 without
	shown    int64
	agencys  bool // shown is the agency's
	variance float64
	observed bool  // every segment on the way was observed
	maybe    bool  // it may take another branch
	rests    int32 // index + 1 of the broken-down vehicle that must move first; else 0
	towards  string
	ends     bool // its run ends there
}

// step is a platform on a vehicle's predicted way.
type step struct {
	node     int32
	timed    call
	at, left int64
	ahead    int64 // when the train ahead leaves
	metres   float64
	variance float64
	hops     int
	observed bool
	maybe    bool
	rests    int32
	forecast int32 // its index; -1 without one
}

// forecast predicts the arrivals of all vehicles. It goes from front to rear, as
// vehicles can't overtake.
func (s *scratch) forecast() {
	for i := range s.g.lines {
		s.potentials(&s.g.lines[i])
	}
	for i, span := range s.spans {
		if span[1] > span[0] {
			s.addTrain(int32(i), s.visits[span[0]:span[1]])
		}
	}
	for i := range s.g.lines {
		for _, o := range s.g.lines[i].origins {
			s.addDepartures(o)
		}
	}
	s.endServices()
	order := s.front[:0]
	for i := range s.vehicles {
		order = append(order, int32(i))
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &s.vehicles[a], &s.vehicles[b]
		return cmp.Or(cmp.Compare(y.where, x.where), cmp.Compare(x.at, y.at), cmp.Compare(a, b))
	})
	s.front = order
	for _, i := range order {
		s.run(i)
	}
	for i := range s.nodes {
		slices.SortFunc(s.nodes[i].forecasts, func(a, b int32) int {
			return cmp.Or(cmp.Compare(s.forecasts[a].at, s.forecasts[b].at), cmp.Compare(a, b))
		})
	}
}

// potentials sets the nominal time of each call from the start of its pattern. It also
// gives each platform a potential: the difference between two platforms is the running
// time from one to the other.
func (s *scratch) potentials(l *lineGraph) {
	for _, i := range l.patterns {
		p := &s.g.patterns[i]
		var at, base int64
		anchored := false // by the first call whose platform has a potential
		for j, n := range p.nodes {
			if j > 0 {
				at += s.edges[p.edges[j-1]].mean
			}
			s.offsets[int(p.first)+j] = at
			if st := &s.nodes[n]; !anchored && st.set {
				base, anchored = st.potential-at, true
			}
		}
		for j, n := range p.nodes {
			if st := &s.nodes[n]; !st.set {
				st.potential, st.set = base+s.offsets[int(p.first)+j], true
			}
		}
	}
}

func (s *scratch) addTrain(index int32, of []visit) {
	v := &of[len(of)-1]
	ve := vehicle{train: index, node: v.node, bound: v.bound, at: v.at, left: v.at, due: math.MaxInt64, timed: s.runOf(index, v)}
	next := s.onward(v.node, v.at, v.bound)
	switch {
	case v.status == outOfService:
		ve.state, ve.dropped = StateTurning, s.now-v.since > outFor
	case v.status == brokenDown:
		ve.state, ve.dropped = StateStanding, s.now-v.heard > standingFor
		ve.left = max(v.since+s.standing.mean(), s.now+90*second)
		ve.variance = sq(150)
		if ve.stands = !ve.dropped && !s.overtaken(&ve); ve.stands {
			s.nodes[v.node].stands = int32(len(s.vehicles)) + 1
		}
	case len(next) == 0 || s.ended(of, len(of)-1):
		ve.state, ve.dropped = StateTurning, s.now-v.heard > turningFor
	default:
		if u := v.until(); u > v.at { // it leaves without the usual stop
			ve.left = u - 10*second
		}
		ve.state = StateRunning
		if s.now-v.at < stop {
			ve.state = StateStopped
		}
		// No report comes from a closed station: the train passes it when it is due there.
		for ve.state == StateRunning && len(next) == 1 && s.g.nodes[s.g.edges[next[0]].to].station.Closed {
			took, _, timed := s.ride(next[0], ve.timed)
			if ve.left+took > s.now {
				break
			}
			ve.node, ve.at, ve.left, ve.timed = s.g.edges[next[0]].to, ve.left+took, ve.left+took, timed
			next = s.onward(ve.node, ve.at, ve.bound)
		}
	}
	ve.where = s.nodes[ve.node].potential
	if len(next) > 0 {
		ve.where += min(max(s.now-ve.at, 0), s.edges[next[0]].mean)
	}
	s.vehicles = append(s.vehicles, ve)
}

func (s *scratch) run(index int32) {
	v := &s.vehicles[index]
	v.forecasts = [2]int32{int32(len(s.forecasts)), int32(len(s.forecasts))}
	if v.dropped || v.state == StateTurning && v.number == 0 {
		return
	}
	first := step{node: v.node, timed: v.timed, at: v.at, left: v.left, ahead: never, variance: v.variance, observed: v.number == 0, forecast: -1}
	if b := s.nodes[v.node].stands; b > 0 && (v.state == StateStanding || s.vehicles[b-1].at < v.at) {
		first.rests = b
	}
	if v.number > 0 {
		first.forecast = s.add(forecast{vehicle: index, node: v.node, after: -1, at: v.at, plain: v.at, variance: v.variance, rests: first.rests})
		first.ahead, s.nodes[v.node].coming = s.nodes[v.node].leader(), v.at
	} else {
		var ahead *passage
		here := &s.nodes[v.node]
		for i := range here.recent[:here.n] {
			if p := &here.recent[i]; p.train != v.train && p.at <= v.at {
				ahead, first.ahead = p, p.left
				break
			}
		}
		if s.await(v, &first, ahead); v.state == StateSilent {
			return
		}
	}
	s.steps = append(s.steps[:0], first)
	for len(s.steps) > 0 {
		st := s.steps[len(s.steps)-1]
		s.steps = s.steps[:len(s.steps)-1]
		uses := s.courses(st.node, st.at, v.bound)
		if st.forecast >= 0 {
			f := &s.forecasts[st.forecast]
			f.towards, f.ends = s.heading(st.node, uses), s.ending(st.node, uses)
		}
		if st.hops > 0 && s.g.nodes[st.node].turn == st.node {
			continue // where a ring closes, the run ends
		}
		next := s.edgesOf(st.node, uses)
		for _, e := range next {
			to, ok := s.follow(v, index, st, e, len(next) > 1)
			if ok {
				s.steps = append(s.steps, to)
			}
		}
	}
	v.forecasts[1] = int32(len(s.forecasts))
}

// await computes when a train on its way is due at the next platform, and whether the
// train is silent. Only trains ahead hold it up:
//
//   - those still to come to that platform
//   - the one that came to its own platform before it
//   - those that came to the next platform before it could
func (s *scratch) await(v *vehicle, st *step, ahead *passage) {
	var went int64 // when the train ahead arrived at its next platform
	if ahead != nil {
		for _, w := range s.visits[s.spans[ahead.train][0]:s.spans[ahead.train][1]] {
			if w.at > ahead.at {
				went = w.at
				break
			}
		}
	}
	patience := silentAfter
	for _, e := range s.onward(v.node, v.at, v.bound) {
		n := &s.nodes[s.g.edges[e].to]
		took, variance, to := s.ride(e, v.timed)
		free := s.leaves(st) + took
		at := free
		if !n.passes(to) {
			at = max(at, n.coming+separation)
		}
		for _, p := range n.recent[:n.n] {
			if p.at <= free || ahead != nil && p.train == ahead.train && p.at == went {
				at = max(at, p.left+separation)
			}
		}
		v.due, v.by = min(v.due, at), max(v.by, at)
		v.spread = math.Sqrt(v.variance + variance)
		v.slack = max(v.slack, int64(unusual*v.spread)*second)
		if !s.edges[e].observed {
			v.spread = 0
		}
		patience = max(patience, took)
	}
	if late := s.now - v.by; v.state == StateRunning && late > min(patience, goneAfter) {
		v.state, v.dropped = StateSilent, late > goneAfter
	}
}

// overtaken reports whether a later train at the vehicle's platform has already reached
// the next one.
func (s *scratch) overtaken(v *vehicle) bool {
	nd := &s.g.nodes[v.node]
	next := s.onward(v.node, v.at, v.bound)
	if len(next) == 0 {
		return nd.turn >= 0 && s.overtakenAt(v, nd.turn)
	}
	return slices.ContainsFunc(next, func(e int32) bool { return s.overtakenAt(v, s.g.edges[e].to) })
}

func (s *scratch) overtakenAt(v *vehicle, to int32) bool {
	here, n := &s.nodes[v.node], &s.nodes[to]
	return slices.ContainsFunc(n.recent[:n.n], func(p passage) bool {
		q := here.passed(p.train)
		return q != nil && q.at > v.at && p.at > q.at
	})
}

// heldFor is how long a vehicle that is early waits for its timetabled departure. One
// that is earlier yet may make another run.
const heldFor = 2 * minute

// leaves returns when a vehicle departs from a platform.
func (s *scratch) leaves(st *step) int64 {
	if st.timed.run >= 0 {
		if st.timed.at-st.left <= heldFor {
			return max(st.left, st.timed.at)
		}
		return st.left
	}
	if headway := s.intended(st.node, st.at); headway > 0 {
		hold := st.ahead + headway*kept7/kept10
		return max(st.left, min(hold, st.at+maxHold))
	}
	return st.left
}

// follow moves a vehicle over an edge; ok is false where its forecasts end.
func (s *scratch) follow(v *vehicle, index int32, st step, e int32, parting bool) (to step, ok bool) {
	est, ed := &s.edges[e], &s.g.edges[e]
	n := &s.nodes[ed.to]
	leader := n.leader()
	ends := s.g.nodes[ed.to].closes // a train that ends a round there doesn't hold up trains that begin one
	took, doubt, timed := s.ride(e, st.timed)
	if v.number > 0 && st.timed.run >= 0 && timed.run < 0 {
		return step{}, false // this run takes another way
	}
	if ends || n.passes(timed) {
		leader = never
	}
	at := max(s.leaves(&st)+took, leader+separation)
	variance := st.variance + doubt
	if st.hops == 0 && v.number == 0 {
		if s.overtakenAt(v, ed.to) {
			return step{}, false
		}
		if late := s.now - at; late > -4*second {
			at = s.now + min(max(late/5, 4*second), minute)
			variance += sq(float64(max(late, 0)) / 3000)
		}
	}
	to = step{
		node: ed.to, timed: timed, at: at, left: at, ahead: leader,
		metres: st.metres + ed.metres, variance: variance, hops: st.hops + 1,
		observed: st.observed && est.observed, maybe: st.maybe || parting, rests: st.rests,
	}
	if to.rests == 0 {
		to.rests = n.stands
	}
	if !to.maybe {
		left, last := at-took, &s.nodes[st.node]
		if st.hops > 0 || v.number > 0 {
			last.coming = max(last.coming, left)
		} else if p := last.passed(v.train); p != nil {
			p.left = max(p.left, left)
		}
		if !ends && at > n.coming {
			n.coming, n.due = at, timed.at
		}
	}
	plain := max(s.now, v.left+int64(to.metres/s.speed[s.g.nodes[ed.to].line]*1000))
	enough := len(n.forecasts) >= perBoard && s.now+far < at && !v.final
	if enough || at > s.now+farthest || to.hops > 200 {
		return step{}, false
	}
	to.forecast = s.add(forecast{vehicle: index, node: ed.to, after: st.forecast, at: at, plain: plain, variance: variance, observed: to.observed, maybe: to.maybe, rests: to.rests})
	return to, true
}

func (s *scratch) add(f forecast) int32 {
	n := &s.nodes[f.node]
	n.forecasts = append(n.forecasts, int32(len(s.forecasts)))
	s.forecasts = append(s.forecasts, f)
	return int32(len(s.forecasts)) - 1
}

// drift is the additional error of a prediction for each second ahead. Delays on one
// segment carry over to the others, so segments don't vary independently.
const drift = 0.025

// margin returns how much earlier and later than expected a train may come, in ms, by our
// prediction or by the agency's. About nine trains of ten come within it: see margins.
func (s *scratch) margin(f *forecast, of *margins) (early, late int64) {
	sd := math.Sqrt(f.variance+sq(drift*float64(f.at-s.now)/1000)) * 1000
	by := of[kindOf(f.at-s.now, s.vehicles[f.vehicle].number)]
	return int64((1 + by[0]) * (1.3*sd + 5000)), int64((1 + by[1]) * (1.5*sd + 10_000))
}
