package live

import (
	"math"
	"slices"
)

// leaving returns the headway of runs that begin at a node. It is 0 without such runs,
// and with a timetable.
func (s *scratch) leaving(n int32, at int64) (every int64) {
	for _, u := range s.g.nodes[n].uses {
		if u.call == 0 && s.headways[u.pattern] != nil {
			every = together(every, s.headways[u.pattern][s.slot(at)])
		}
	}
	return every
}

// addDepartures adds the coming runs from a platform: by the timetable, or at headways
// after those that have begun.
func (s *scratch) addDepartures(origin int32) {
	line := s.g.nodes[origin].line
	st := &s.nodes[origin]
	s.addScheduled(origin)
	if s.now-s.lines[line].heard > goneAfter && s.began(line, s.now) < s.now-goneAfter {
		return // the line is silent
	}
	headway := s.leaving(origin, s.now)
	if headway == 0 {
		return
	}
	next, spread, ok := s.nextDeparture(origin, headway)
	if !ok {
		return
	}
	if late := s.now - next; late > 0 {
		if late > headway/2+overdueBy {
			s.lines[line].expected++
			s.lines[line].overdue++
		}
		if late > headway*3/4 { // the run was skipped
			next += late / headway * headway
			if next <= s.now-headway/4 {
				next += headway
			}
			spread += float64(headway) / 5000
		}
	}
	for number := 1; number <= maxDepartures; number++ {
		at := max(next, s.now+5*second)
		headway := s.leaving(origin, next)
		if at > s.now+farthest || headway == 0 {
			return
		}
		s.vehicles = append(s.vehicles, vehicle{
			train: -1, node: origin, bound: s.beginning(origin, next), timed: unknownCall, at: at, left: at, number: number, state: StateTurning,
			variance: sq(spread), where: st.potential - (at - s.now),
		})
		next += headway
	}
}

// starts reports whether a train began a run at a passage. Elsewhere, trains only pass
// the place where others begin.
func (s *scratch) starts(n int32, p *passage) bool {
	of := s.visits[s.spans[p.train][0]:s.spans[p.train][1]]
	i := slices.IndexFunc(of, func(v visit) bool { return v.node == n && v.at == p.at })
	return i <= 0 || s.g.nodes[n].turn == n || s.g.edge(of[i-1].node, n) < 0
}

// addScheduled adds the timetabled runs that have not begun. A train has begun the run that
// has its id. One whose id is of no run has begun the oldest run that it may be.
func (s *scratch) addScheduled(origin int32) {
	const early, late = 2 * minute, 10 * minute
	st := &s.nodes[origin]
	var began [kept]*passage // of trains whose id is of no run, the latest first
	n := 0
	for i := range st.recent[:st.n] {
		if p := &st.recent[i]; p.at <= s.now && s.makes[p.train] < 0 && s.starts(origin, p) {
			began[n] = p
			n++
		}
	}
	number := 0
	for _, c := range s.calls[origin] {
		r := &s.runs[c.run]
		if c.index > 0 || r.train >= 0 {
			continue
		}
		if c.at > s.now+farthest || number >= maxDepartures {
			return
		}
		for n > 0 && began[n-1].at < c.at-early {
			n--
		}
		if n > 0 && began[n-1].at <= c.at+late {
			n--
			r.train = began[n].train
			continue
		}
		if c.at < s.now-late {
			continue
		}
		number++
		at := max(c.at, s.now+5*second)
		s.vehicles = append(s.vehicles, vehicle{
			train: -1, node: origin, bound: s.g.patterns[r.pattern].last, timed: c, at: at, left: at, number: number, state: StateTurning,
			variance: sq(15), where: st.potential - (at - s.now),
		})
	}
}

// nextDeparture returns when the next run begins at a platform, and the spread of that
// time in seconds.
func (s *scratch) nextDeparture(origin int32, headway int64) (at int64, spread float64, ok bool) {
	n := &s.nodes[origin]
	line := s.g.nodes[origin].line
	if n.n == 0 {
		// No known run has begun here.
		began := s.began(line, s.now)
		if s.now-began > 2*headway && !s.waiting(origin) {
			return 0, 0, false
		}
		return max(s.now, began) + headway/2, float64(headway) / 3000, true
	}
	last := n.recent[0].at
	if s.now-last > 3*headway+10*minute {
		return 0, 0, false
	}
	var guesses [kept]int64
	for i, p := range n.recent[:n.n] {
		at := p.at
		for j := 0; j < 100 && at <= last+headway/2; j++ {
			h := s.leaving(origin, at)
			if h == 0 {
				h = headway
			}
			at += h
		}
		guesses[i] = at
	}
	g := guesses[:n.n]
	slices.Sort(g)
	at = g[(len(g)-1)/2]
	const prior, weight = 8, 8 // s; in departures
	squares := float64(weight * prior * prior)
	for _, guess := range g {
		squares += sq(float64(guess-at) / 1000)
	}
	return at, math.Sqrt(squares / float64(weight+len(g))), true
}

// waiting reports whether a train that has ended its run waits to depart from a
// platform.
func (s *scratch) waiting(origin int32) bool {
	return slices.ContainsFunc(s.vehicles, func(v vehicle) bool {
		return v.number == 0 && v.state == StateTurning && !v.dropped && s.g.nodes[v.node].turn == origin
	})
}
