package live

import "slices"

// begins reports whether trains begin runs at a node under a service.
func (s *scratch) begins(n int32, svc slotService) bool {
	nd := &s.g.nodes[n]
	if svc.headway == 0 {
		return false
	}
	if nd.order == 0 {
		return true
	}
	if svc.last != 0 {
		return int32(nd.station.ID) == svc.last
	}
	// Not where only some services turn back.
	return len(nd.prev) == 0
}

// addDepartures adds the runs that will begin at a platform: a headway apart,
// after those that have.
func (s *scratch) addDepartures(origin int32) {
	line := s.g.nodes[origin].line
	st := &s.nodes[origin]
	svc := s.at(line, s.now)
	if !s.begins(origin, svc) {
		return
	}
	if s.now-s.lines[line].heard > goneAfter && s.began(line, s.now) < s.now-goneAfter {
		return // nothing is known of the line any more
	}
	headway := s.g.spacing(origin, svc.headway)
	next, spread, ok := s.nextDeparture(origin, headway)
	if !ok {
		return
	}
	if late := s.now - next; late > 0 {
		s.lines[line].late(next, headway, s.now)
		if late > headway*3/4 { // left out
			next += late / headway * headway
			if next <= s.now-headway/4 {
				next += headway
			}
			spread += float64(headway) / 5000
		}
	}
	for number := 1; number <= maxDepartures; number++ {
		at := max(next, s.now+5*second)
		svc := s.at(line, next)
		if at > s.now+farthest || !s.begins(origin, svc) {
			return
		}
		s.vehicles = append(s.vehicles, vehicle{
			train: -1, node: origin, at: at, left: at, number: number, state: Turning,
			variance: sq(spread), where: st.potential - (at - s.now),
		})
		next += s.g.spacing(origin, svc.headway)
	}
}

// nextDeparture is when the next run begins at a platform, give or take spread
// seconds.
func (s *scratch) nextDeparture(origin int32, headway int64) (at int64, spread float64, ok bool) {
	n := &s.nodes[origin]
	line := s.g.nodes[origin].line
	if n.n == 0 {
		// Nothing has begun here as far as is known.
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
			h := s.at(line, at).headway
			if h == 0 {
				h = headway
			}
			at += s.g.spacing(origin, h)
		}
		guesses[i] = at
	}
	g := guesses[:n.n]
	slices.Sort(g)
	return g[(len(g)-1)/2], 8, true
}

// waiting reports whether a train that has ended its run waits to leave from a
// platform.
func (s *scratch) waiting(origin int32) bool {
	for i := range s.vehicles {
		v := &s.vehicles[i]
		if v.number == 0 && v.state == Turning && !v.dropped && s.g.nodes[v.node].turn == origin {
			return true
		}
	}
	return false
}
