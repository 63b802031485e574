package live

import (
	"math"
	"time"
)

// A headway below bunchedBelow of the intended one is bunching, one above
// gapAbove a gap.
const (
	bunchedBelow = 0.75
	gapAbove     = 1.5
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
// at a time, by the service when they began; 0 when none is.
func (s *scratch) intended(n int32, at int64) int64 {
	nd, st := &s.g.nodes[n], &s.nodes[n]
	svc := s.at(nd.line, at-st.offset)
	if svc.headway > 0 && svc.last != 0 {
		svc = slotService{}
	}
	if svc.headway > 0 {
		return s.g.spacing(n, svc.headway)
	}
	short := s.at(nd.line, at-s.shortOffset(n, at))
	if short.headway > 0 && short.last != 0 && s.within(n, short.last) {
		return s.g.spacing(n, short.headway)
	}
	return 0
}

// within reports whether trains that turn back at a station come to a node.
func (s *scratch) within(n, last int32) bool {
	nd := &s.g.nodes[n]
	order, ok := s.g.lines[nd.line].Order(int(last))
	return ok && nd.order <= order && !s.g.loops[n]
}

// shortOffset is the nominal time to a node from the beginning of its run, when
// trains turn back before the end of the line.
func (s *scratch) shortOffset(n int32, at int64) int64 {
	nd, st := &s.g.nodes[n], &s.nodes[n]
	if dir(nd.direction) == 0 {
		return st.offset
	}
	if last := s.at(nd.line, at).last; last != 0 {
		if o, ok := s.g.at[platform{s.g.lines[nd.line].ID, int(last), nd.direction}]; ok {
			return max(0, st.potential-s.nodes[o].potential)
		}
	}
	return st.offset
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
	if st.n > 1 {
		h.Observed = time.Duration(last-st.recent[1].at) * time.Millisecond
	}
	next := s.now
	if f, ok := s.sure(st); ok {
		next = max(next, f.at)
	}
	h.Current = time.Duration(next-last) * time.Millisecond
	if intended == 0 {
		return h
	}
	// At the beginning of service, time runs from when the first train is due.
	from := last
	if began := s.began(s.g.nodes[n].line, s.now-st.offset); began > math.MinInt64 {
		from = max(from, began+st.offset)
	}
	// When headways grow or shrink, trains of both services are about.
	before := max(s.intended(n, last), intended)
	switch {
	case float64(next-from) > gapAbove*float64(before):
		h.Spacing = Gap
	case st.n > 1 && s.now-last < intended && float64(last-st.recent[1].at) < bunchedBelow*float64(min(intended, max(1, s.intended(n, last)))):
		h.Spacing = Bunched
	case st.n > 1:
		h.Spacing = Regular
	}
	return h
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
