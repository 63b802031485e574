package live

import (
	"slices"
	"time"
)

// A headway below bunchedBelow of the intended one is bunching. One above gapAbove is a
// gap.
const (
	bunchedBelow = 0.75
	gapAbove     = 1.5
	// change is how far from its nominal time a new headway may reach a platform.
	change = 10 * minute
)

// Spacing compares the time between trains with the intended headway.
type Spacing string

// Every Spacing.
const (
	SpacingUnknown Spacing = "unknown" // too few trains seen
	SpacingRegular Spacing = "regular"
	SpacingBunched Spacing = "bunched" // the last two came at less than 0.75 of the intended headway
	SpacingGap     Spacing = "gap"     // more than 1.5 of it between the last train and the next
	SpacingNone    Spacing = "none"    // no service is intended
)

// Headway is the current and the intended time between trains at a platform.
type Headway struct {
	Intended time.Duration // 0 without service
	// Last is when the latest train came; zero when unknown.
	Last time.Time
	// Observed is the time between the latest two trains.
	Observed time.Duration
	// Current is the time from the latest train to the next expected one, or to now if
	// none is expected.
	Current time.Duration
	Spacing Spacing
	// Uneven is true if the timetable's trains come at such different times that no
	// headway describes them.
	Uneven bool
}

// intended returns the intended headway at a platform in ms, 0 without service. Headway
// services count by the headway at which their trains began. Trains that begin in the
// same direction alternate; services in opposite directions don't.
func (s *scratch) intended(n int32, at int64) int64 {
	var sent [2]int64
	for _, u := range s.g.nodes[n].uses {
		p := &s.g.patterns[u.pattern]
		if s.headways[u.pattern] == nil || s.g.ends(u) && p.nodes[0] == n { // a ring's end is its beginning
			continue
		}
		d := dir(p.Direction())
		sent[d] = together(sent[d], s.begun(u, at))
	}
	every := s.between(n, at)
	for _, h := range sent {
		if h > 0 && (every == 0 || h < every) {
			every = h
		}
	}
	return every
}

// begun returns the headway at which a pattern's trains began that come to a call at a
// time; 0 if none did.
func (s *scratch) begun(u use, at int64) int64 {
	return s.headways[u.pattern][s.slot(at-s.offset(u))]
}

// offset returns the nominal time from the start of a pattern to a call.
func (s *scratch) offset(u use) int64 { return s.offsets[s.g.patterns[u.pattern].first+u.call] }

// onward returns the edges that a train may take from a node, by its courses.
func (s *scratch) onward(n int32, at int64, bound int32) []int32 {
	return s.edgesOf(n, s.courses(n, at, bound))
}

// edgesOf returns the edges that trains take from a node on the given calls.
func (s *scratch) edgesOf(n int32, uses []use) []int32 {
	if nd := &s.g.nodes[n]; len(nd.uses) == 1 {
		return nd.next
	}
	from := len(s.ways)
	for _, u := range uses {
		if u = s.g.moves(u); s.g.ends(u) {
			continue
		}
		if e := s.g.patterns[u.pattern].edges[u.call]; !slices.Contains(s.ways[from:], e) {
			s.ways = append(s.ways, e)
		}
	}
	return s.ways[from:len(s.ways):len(s.ways)]
}

// headway returns the current headway at a node.
func (s *scratch) headway(n int32) Headway {
	st := &s.nodes[n]
	intended := s.intended(n, s.now)
	h := Headway{Intended: time.Duration(intended) * time.Millisecond, Spacing: SpacingUnknown, Uneven: s.uneven(n, s.now)}
	if intended == 0 {
		h.Spacing = SpacingNone
	}
	if st.n == 0 {
		return h
	}
	last := st.recent[0].at
	h.Last = s.time(last)
	dark := s.hearings[s.g.nodes[n].line].dark
	if st.n > 1 && !s.unseen(n) {
		h.Observed = time.Duration(last-st.recent[1].at) * time.Millisecond
	}
	next := s.now
	if len(st.forecasts) > 0 { // the first one without an open branch, or else the first of all
		first := max(0, slices.IndexFunc(st.forecasts, func(i int32) bool { return !s.forecasts[i].maybe }))
		next = max(next, s.forecasts[st.forecasts[first]].at)
	}
	h.Current = time.Duration(next-last) * time.Millisecond
	if intended == 0 || last < dark || s.now < dark+relearn {
		return h
	}
	before := s.usual(n, last, next, intended)
	switch {
	case float64(next-last) > gapAbove*float64(before) && float64(next-s.servedSince(n, last)) > gapAbove*float64(before):
		h.Spacing = SpacingGap
	case s.bunched(n, intended):
		h.Spacing = SpacingBunched
	case st.n > 1:
		h.Spacing = SpacingRegular
	}
	return h
}

// usual returns the longest headway that is intended at a platform between two trains.
// While headways change, trains of both services are running.
func (s *scratch) usual(n int32, from, to, intended int64) int64 {
	return max(s.intended(n, from-change), s.intended(n, to+change), intended, s.lull(n, from, to))
}

// servedSince returns the start of a platform's unbroken service, or last if that is
// later. The time before a service's first train is no gap.
func (s *scratch) servedSince(n int32, last int64) int64 {
	const step = 2 * minute
	for t := s.now - step; t > last; t -= step {
		if s.intended(n, t) == 0 {
			return t + step
		}
	}
	return last
}

// unseen reports whether the line was silent between the latest two trains at a node.
func (s *scratch) unseen(n int32) bool {
	st, dark := &s.nodes[n], s.hearings[s.g.nodes[n].line].dark
	return st.recent[1].at < dark && dark <= st.recent[0].at
}

// bunched reports whether the latest two trains at a node came close together,
// recently.
func (s *scratch) bunched(n int32, intended int64) bool {
	st := &s.nodes[n]
	if st.n < 2 || s.now-st.recent[0].at >= intended || s.unseen(n) {
		return false
	}
	from, to := st.recent[1].at-change, st.recent[0].at+change
	intended = min(intended, s.crush(n, from, to))
	for _, at := range [...]int64{from, to} {
		if then := s.intended(n, at); then > 0 {
			intended = min(intended, then)
		}
	}
	return float64(st.recent[0].at-st.recent[1].at) < bunchedBelow*float64(intended)
}
