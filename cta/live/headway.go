package live

import (
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// A headway below bunchedBelow of the intended one is bunching, one above
// gapAbove a gap.
const (
	bunchedBelow = 0.75
	gapAbove     = 1.5
	// change is how far from nominal the time may be at which a new headway reaches a
	// platform.
	change = 10 * minute
)

// Spacing says how the time between trains compares with what is intended.
type Spacing string

// Every Spacing.
const (
	Unknown Spacing = "unknown" // too few trains seen
	Regular Spacing = "regular"
	Bunched Spacing = "bunched" // the last two came at less than 0.75 of the intended headway
	Gap     Spacing = "gap"     // more than 1.5 of it lies between the last train and the next
	None    Spacing = "none"    // no service is intended
)

// Headway is the time between trains at a platform, now and as intended.
type Headway struct {
	Intended time.Duration // 0 when no service is
	// Last is when the latest train came; zero when it isn't known.
	Last time.Time
	// Observed is the time between the latest two.
	Observed time.Duration
	// Current is the time from the latest train to the next, as it is expected; if
	// none is expected, to now.
	Current time.Duration
	Spacing Spacing
}

// intended returns the headway intended at a platform for trains that are there
// at a time, by the service when they began, or when they passed the last place
// where the service of the hour has them turn back; 0 when none is.
func (s *scratch) intended(n int32, at int64) int64 {
	nd, st := &s.g.nodes[n], &s.nodes[n]
	since := st.offset
	if nd.decided >= 0 {
		since -= s.nodes[nd.decided].offset
	}
	svc := s.at(nd.line, at-since)
	if svc.headway > 0 && (svc.last == 0 || nd.direction == cta.DirectionA && s.within(n, svc.last)) {
		return s.g.spacing(n, svc.headway)
	}
	if nd.back < 0 {
		return 0
	}
	svc = s.at(nd.line, at-(st.offset-s.nodes[nd.back].offset))
	if svc.headway > 0 && svc.last != 0 && s.within(n, svc.last) {
		return s.g.spacing(n, svc.headway)
	}
	return 0
}

// within reports whether trains that turn back at a station come to a node.
func (s *scratch) within(n, last int32) bool {
	nd := &s.g.nodes[n]
	order, ok := s.g.lines[nd.line].Order(int(last))
	return ok && nd.order <= order && !s.g.loops[n]
}

// headway is the headway at a node, now.
func (s *scratch) headway(n int32) Headway {
	st := &s.nodes[n]
	intended := s.intended(n, s.now)
	h := Headway{Intended: time.Duration(intended) * time.Millisecond, Spacing: Unknown}
	if intended == 0 {
		h.Spacing = None
	}
	if st.n == 0 {
		return h
	}
	last := st.recent[0].at
	h.Last = s.time(last)
	dark := s.hearings[s.g.nodes[n].line].dark
	if st.n > 1 && (st.recent[1].at >= dark || last < dark) {
		h.Observed = time.Duration(last-st.recent[1].at) * time.Millisecond
	}
	next := s.now
	if f, ok := s.sure(st); ok {
		next = max(next, f.at)
	}
	h.Current = time.Duration(next-last) * time.Millisecond
	if intended == 0 || last < dark || s.now < dark+relearn {
		return h
	}
	// When headways grow or shrink, trains of both services are about.
	before := max(s.intended(n, last-change), s.intended(n, next+change), intended)
	switch {
	case float64(next-last) > gapAbove*float64(before) && float64(next-s.servedSince(n, last)) > gapAbove*float64(before):
		h.Spacing = Gap
	case s.bunched(n, intended):
		h.Spacing = Bunched
	case st.n > 1:
		h.Spacing = Regular
	}
	return h
}

// servedSince is since when a platform has been served without a break, last at
// the earliest: the time before the first train of a service is no gap.
func (s *scratch) servedSince(n int32, last int64) int64 {
	const step = 2 * minute
	for t := s.now - step; t > last; t -= step {
		if s.intended(n, t) == 0 {
			return t + step
		}
	}
	return last
}

// bunched reports whether the latest two trains at a node came close together,
// not long ago.
func (s *scratch) bunched(n int32, intended int64) bool {
	st := &s.nodes[n]
	if st.n < 2 || s.now-st.recent[0].at >= intended {
		return false
	}
	for _, at := range [...]int64{st.recent[1].at - change, st.recent[0].at + change} {
		if then := s.intended(n, at); then > 0 {
			intended = min(intended, then)
		}
	}
	return float64(st.recent[0].at-st.recent[1].at) < bunchedBelow*float64(intended)
}

// sure is the first forecast at a platform of a train that is sure to come there.
func (s *scratch) sure(st *nodeState) (*forecast, bool) {
	for _, i := range st.forecasts {
		if f := &s.forecasts[i]; !f.maybe {
			return f, true
		}
	}
	if len(st.forecasts) > 0 {
		return &s.forecasts[st.forecasts[0]], true
	}
	return nil, false
}
