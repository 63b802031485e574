package live

import (
	"math"
	"slices"
)

// Parameters of running times. Speeds are over the great circle between two stations,
// from one arrival to the next.
const (
	// meanSpeed, in m/s, is used for a line without observations.
	meanSpeed = 9.0
	// stop is the assumed dwell time, a part of the time between two arrivals: there
	// are no departure events.
	stop = 25 * second
	// remembered is the number of latest trains kept per edge.
	remembered = 8
	// halfLife is the age at which an observation has half weight.
	halfLife = 30 * minute
	// A shorter or longer time over an edge belongs to two different runs.
	quickest, slowest = 10 * second, 30 * minute
)

// scratch holds what View derives, in reused buffers.
type scratch struct {
	schedule
	order        []*train
	visits       []visit
	spans        [][2]int32    // spans of visits, by train
	makes        []int32       // by train: the run of the timetable with its id; -1 without one
	passed       []observation // remembered for each edge, the latest first
	passes       []uint8       // number of observations, by edge
	edges        []estimate    // by edge
	speed        []float64     // by line, m/s
	nodes        []nodeState   // by node
	vehicles     []vehicle
	lines        []lineState // by line
	offsets      []int64     // by call of a pattern; see potentials
	ways         []int32     // results of onward
	uses         []use       // results of courses
	running      []int32     // patterns
	services     []service   // by pattern
	headings     map[heading]string
	latest       []latestHeading  // by node
	lineHeadings [][2]lineHeading // by line and direction
	hearings     []hearing        // by line
	front        []int32          // vehicles, front to rear
	picked       []int32          // forecasts of a board
	forecasts    []forecast
	steps        []step // of a forecast, still to process
	every        []int64
	standing     standing
	heard        int64              // ms: when any train last reported
	known        int64              // ms: until when the lack of a report tells something
	margins      *[2]margins        // of our predictions, and of the agency's
	promises     map[string]promise // by train
	prefer       Source
	judging      bool       // a view needs status alone: see history
	trouble      [][2]int64 // ms: when a line's direction last had trouble, by readers' views
}

// visit is a train's stay at a platform.
type visit struct {
	node   int32
	bound  int32 // station at which the run ends; 0 when unknown
	status status
	stood  bool  // the train was broken down during it
	at     int64 // ms: arrival
	since  int64 // ms: arrival, breakdown or repair, whichever was last
	heard  int64 // ms: the latest report
}

// until is the latest time at which a train was certainly at the platform.
func (v *visit) until() int64 {
	if v.heard > v.at+silentAfter {
		return v.heard // earlier, a second sensor may have reported the arrival
	}
	return max(v.at, v.since)
}

// observation is a train's time over an edge, in ms. Where the timetable has longer and
// shorter times, it is the time that an average run would have taken.
type observation struct{ at, took int64 }

// estimate is the expected time over an edge, from arrival to arrival, of an average
// run. [scratch.ride] has that of a run of the timetable.
type estimate struct {
	mean     int64   // ms
	variance float64 // s², of a single train's time
	observed bool
}

type nodeState struct {
	recent [kept]passage // the latest first
	n      int
	// coming is when the last train still to come leaves, by forecast. It is given as
	// the time of an arrival that would leave then after the usual dwell time.
	coming    int64
	due       int64 // when that train was to come by the timetable; 0 without one
	potential int64 // nominal time from the start of the line's runs
	set       bool
	forecasts []int32 // by time
	stands    int32   // index + 1 of a broken-down vehicle that blocks the platform; else 0
}

// kept is the number of passages remembered per platform.
const kept = 5

// passage is a train's arrival at a platform, and its actual or expected departure (see
// coming).
type passage struct {
	at, left int64
	train    int32
}

// leader returns when the last train leaves.
func (n *nodeState) leader() int64 {
	if n.n > 0 {
		return max(n.coming, n.recent[0].left)
	}
	return n.coming
}

// passes reports whether a vehicle passes the last train still to come, by the timetable.
func (n *nodeState) passes(v call) bool { return v.run >= 0 && n.due > v.at }

// passed returns a train's latest passage, nil if none is remembered.
func (n *nodeState) passed(train int32) *passage {
	for i := range n.recent[:n.n] {
		if n.recent[i].train == train {
			return &n.recent[i]
		}
	}
	return nil
}

func newScratch(g *graph) scratch {
	return scratch{
		schedule: schedule{g: g, calls: make([][]call, len(g.nodes))},
		passed:   make([]observation, len(g.edges)*remembered),
		passes:   make([]uint8, len(g.edges)),
		edges:    make([]estimate, len(g.edges)),
		speed:    make([]float64, len(g.lines)),
		nodes:    make([]nodeState, len(g.nodes)),
		lines:    make([]lineState, len(g.lines)),
		offsets:  make([]int64, g.calls),
		hearings: make([]hearing, len(g.lines)),
		headings: map[heading]string{}, latest: make([]latestHeading, len(g.nodes)), lineHeadings: make([][2]lineHeading, len(g.lines)),
		services: make([]service, len(g.patterns)),
		trouble:  make([][2]int64, len(g.lines)),
	}
}

// observe processes the trains' events up to now.
func (s *scratch) observe(now int64) {
	s.now = now
	s.fill()
	s.visits, s.spans, s.vehicles, s.ways = s.visits[:0], s.spans[:0], s.vehicles[:0], s.ways[:0]
	s.makes = s.makes[:0]
	for i := range s.runs {
		s.runs[i].train = -1
	}
	clear(s.passes)
	s.standing = standing{}
	for i := range s.nodes {
		n := &s.nodes[i]
		*n = nodeState{forecasts: n.forecasts[:0], coming: never}
	}
	for i := range s.lines {
		s.lines[i], s.hearings[i] = lineState{}, hearing{}
	}
	for i, tr := range s.order {
		from := len(s.visits)
		s.visit(tr.seen)
		of := s.visits[from:]
		s.spans = append(s.spans, [2]int32{int32(from), int32(len(s.visits))})
		makes := int32(-1)
		if r, ok := s.named[tr.id]; ok && len(of) > 0 {
			makes, s.runs[r].train = r, int32(i)
		}
		s.makes = append(s.makes, makes)
		for j := 1; j < len(of); j++ {
			if j > 1 || !s.g.nodes[of[0].node].waits { // the first report of a wait may be forgotten
				s.pass(&of[j-1], &of[j])
			}
		}
	}
	for i := range s.hearings {
		s.hearings[i].settle(now)
	}
	s.estimate()
	for i, span := range s.spans {
		s.passages(int32(i), s.visits[span[0]:span[1]])
	}
}

// visit appends the visits that follow from events.
func (s *scratch) visit(events []event) {
	from := len(s.visits)
	for _, e := range events {
		if e.at > s.now+slack {
			return
		}
		l := s.g.nodes[e.node].line
		s.lines[l].heard = max(s.lines[l].heard, e.at)
		if s.lines[l].first == 0 || e.at < s.lines[l].first {
			s.lines[l].first = e.at
		}
		s.hearings[l].note(e.at, s.now)
		var v *visit
		if len(s.visits) > from {
			v = &s.visits[len(s.visits)-1]
		}
		begins := v != nil && v.node == e.node && s.ended(s.visits[from:], len(s.visits)-from-1) &&
			v.status == inService && e.status == inService && e.at > v.at+quickest
		if v != nil && v.status != outOfService && e.status != outOfService {
			s.fillIn(*v, e)
		}
		if v == nil || begins || v.node != e.node || v.status == outOfService && e.status != outOfService {
			since := e.at
			if v != nil && v.status == outOfService && e.status == outOfService {
				since = v.since // it is being moved
			}
			s.visits = append(s.visits, visit{node: e.node, bound: e.bound, status: e.status, at: e.at, since: since, heard: e.at, stood: e.status == brokenDown})
			continue
		}
		if !s.g.nodes[e.node].waits { // there it is a call of its timetable
			v.heard = e.at
		}
		if v.status == brokenDown && e.status == inService {
			s.standing.add(e.at - v.since)
		}
		if v.status != e.status {
			v.since = e.at
		}
		if e.bound != 0 {
			v.bound = e.bound
		}
		v.status = e.status
		v.stood = v.stood || e.status == brokenDown
	}
}

// fillIn appends visits to the closed stations that a train has passed on its way from a
// visit to an event: their times are in proportion to the distances.
func (s *scratch) fillIn(v visit, e event) {
	if s.g.edge(v.node, e.node) >= 0 {
		return // mostly
	}
	way := s.g.past(nil, v.node, e.node)
	var all, metres float64
	for _, i := range way {
		all += s.g.edges[i].metres
	}
	left := min(v.until()+stop, e.at)
	for _, i := range way[:max(0, len(way)-1)] {
		metres += s.g.edges[i].metres
		at := left + int64(metres/max(all, 1)*float64(e.at-left))
		s.visits = append(s.visits, visit{node: s.g.edges[i].to, bound: v.bound, status: inService, at: at, since: at, heard: at})
	}
}

// ended reports whether a train's i-th visit is at the closing point of a ring, where
// its run ends.
func (s *scratch) ended(of []visit, i int) bool {
	return s.g.nodes[of[i].node].closes && i > 0 && of[i-1].node != of[i].node
}

// pass records a train's time over an edge, unless the train broke down on the way.
func (s *scratch) pass(from, to *visit) {
	e := s.g.edge(from.node, to.node)
	took := to.at - from.at
	if e < 0 || from.stood || from.status != inService || took < quickest || took > slowest {
		return
	}
	of := s.passed[int(e)*remembered:][:remembered]
	n := int(s.passes[e])
	if mean, _, ok := s.g.edges[e].planned.mean(); ok {
		planned, ok := s.took(from.node, to.node, from.at)
		if !ok { // nobody knows what it should have taken
			return
		}
		took = max(took-planned+int64(mean*1000), quickest)
	}
	o := observation{to.at, took}
	newer := func(a, b observation) bool { return a.at > b.at || a.at == b.at && a.took > b.took }
	i := n
	for i > 0 && newer(o, of[i-1]) {
		i--
	}
	if i == remembered {
		return
	}
	n = min(n+1, remembered)
	copy(of[i+1:n], of[i:n-1])
	of[i] = o
	s.passes[e] = uint8(n)
}

// estimate fills edges and speed.
func (s *scratch) estimate() {
	type total struct{ metres, seconds float64 }
	lines := make([]total, len(s.g.lines))
	for i := range s.edges {
		n := int(s.passes[i])
		if n == 0 {
			s.edges[i] = estimate{}
			continue
		}
		s.edges[i] = typical(s.passed[i*remembered:][:n], s.now)
		e := &s.g.edges[i]
		l := &lines[s.g.nodes[e.from].line]
		l.metres += e.metres
		l.seconds += float64(s.edges[i].mean) / 1000
	}
	for i, l := range lines {
		s.speed[i] = meanSpeed
		if l.seconds > 0 {
			// One segment says little about a line: blend with the mean speed.
			const trust = 600 // s
			s.speed[i] = (l.metres + meanSpeed*trust) / (l.seconds + trust)
		}
	}
	for i := range s.edges {
		e := &s.g.edges[i]
		guess := e.metres / s.speed[s.g.nodes[e.from].line] * 1000
		doubt := 15 + 0.2*guess/1000
		if mean, spread, ok := e.planned.mean(); ok {
			guess, doubt = mean*1000, 15+spread
		}
		est := &s.edges[i]
		switch n := s.passes[i]; {
		case n == 0:
			*est = estimate{mean: max(int64(guess), quickest), variance: sq(doubt)}
		case n < 3: // one or two trains may have been delayed: blend with the guess by distance
			est.mean = (est.mean*2*int64(n) + int64(guess)) / (2*int64(n) + 1)
			est.variance += sq(0.05 * guess / 1000)
		}
	}
}

// typical returns the weighted mean and the spread of the observations near their
// median. Newer observations weigh more.
func typical(of []observation, now int64) estimate {
	var took [remembered]int64
	for i, o := range of {
		took[i] = o.took
	}
	sorted := took[:len(of)]
	slices.Sort(sorted)
	// Of two in the middle, take the shorter one: a long time means a delay. The median
	// must be an observed time, so that an observation is near it.
	median := sorted[(len(sorted)-1)/2]
	near := max(median/5, 15*second)
	var sum, weights float64
	for _, o := range of {
		if d := o.took - median; d <= near && d >= -near {
			w := weight(now - o.at)
			sum += w * float64(o.took)
			weights += w
		}
	}
	mean := sum / weights
	var spread float64
	for _, o := range of {
		// A delayed train counts, but its deviation is capped.
		spread += sq(min(math.Abs(float64(o.took)-mean), 45_000) / 1000)
	}
	const prior = 6 * 6 // s²: against too little spread in few observations
	return estimate{
		mean:     int64(mean),
		variance: (spread + 3*prior) / float64(len(of)+3),
		observed: true,
	}
}

// weight returns the weight of an observation by age: 1 when new, 1/2 at halfLife.
func weight(age int64) float64 { return 1 / (1 + float64(max(age, 0))/float64(halfLife)) }

func sq(x float64) float64 { return x * x }

// passages records a train's arrivals at platforms and departures from them.
func (s *scratch) passages(index int32, of []visit) {
	for i := range of {
		v := &of[i]
		if v.status == outOfService && v.since <= v.at {
			continue
		}
		if s.ended(of, i) && (i+1 == len(of) || of[i+1].node == v.node) {
			continue // its next run counts there
		}
		left := v.until()
		if i+1 < len(of) {
			if e := s.g.edge(v.node, of[i+1].node); e >= 0 {
				left = max(v.at, of[i+1].at-s.edges[e].mean)
			}
		}
		n := &s.nodes[v.node]
		j := n.n
		for j > 0 && v.at > n.recent[j-1].at {
			j--
		}
		if j == kept {
			continue
		}
		n.n = min(n.n+1, kept)
		copy(n.recent[j+1:n.n], n.recent[j:n.n-1])
		n.recent[j] = passage{v.at, left, index}
	}
}

// standing averages the length of breakdowns, from observations and a prior.
type standing struct {
	n     int64
	total int64 // ms
}

// usualStand is the prior length of a breakdown.
const usualStand = 6 * minute

func (d *standing) add(took int64) {
	if took > 0 {
		d.n++
		d.total += min(took, 30*minute)
	}
}

func (d *standing) mean() int64 { return (d.total + 4*usualStand) / (d.n + 4) }
