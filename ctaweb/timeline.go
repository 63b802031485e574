package ctaweb

import (
	"slices"
	"sort"
	"time"
)

// timeline stores the wall time at which event time reached each of its minutes. So a
// record without an event time, such as a count, gets the event time of its sending,
// even if it is read hours later. Times are in ms.
type timeline struct {
	marks []timeMark // ascending in both, at most maxMarks
}

// timeMark is the earliest wall time at which an event of a minute was sent.
type timeMark struct{ event, wall int64 }

const (
	markEvery = int64(time.Minute / time.Millisecond)
	maxMarks  = 26 * 60 // more than a day
)

// news reports whether a pair of times is earlier than the stored one. Later pairs are
// of late events.
func (l *timeline) news(event, wall int64) bool {
	i := l.place(event)
	return i == len(l.marks) || l.marks[i].wall > wall
}

// place returns the index of an event's minute among the marks.
func (l *timeline) place(event int64) int {
	event -= event % markEvery
	return sort.Search(len(l.marks), func(i int) bool { return l.marks[i].event >= event })
}

// observe stores a pair of times that is news. The order of pairs doesn't matter.
func (l *timeline) observe(event, wall int64) {
	i := l.place(event)
	event -= event % markEvery
	if i < len(l.marks) && l.marks[i].event == event {
		l.marks[i].wall = wall
	} else {
		l.marks = slices.Insert(l.marks, i, timeMark{event, wall})
	}
	before := i // earlier minutes that were sent later were late themselves
	for before > 0 && l.marks[before-1].wall >= wall {
		before--
	}
	l.marks = slices.Delete(l.marks, before, i)
	if n := len(l.marks) - maxMarks; n > 0 {
		l.marks = slices.Delete(l.marks, 0, n)
	}
}

// at returns the event time at a wall time, interpolated between two marks. Before the
// first mark ok is false; after the last mark the result is last.
func (l *timeline) at(wall, last int64) (event int64, ok bool) {
	i := sort.Search(len(l.marks), func(i int) bool { return l.marks[i].wall > wall })
	switch {
	case i == 0:
		return 0, false
	case i == len(l.marks):
		return last, true
	}
	a, b := l.marks[i-1], l.marks[i]
	return a.event + (b.event-a.event)*(wall-a.wall)/(b.wall-a.wall), true
}

// sentAt returns the event time at which a record without one was sent, as known at
// wall; 0 if unknown.
func (s *state) sentAt(sent, wall int64) int64 {
	if sent == 0 || !s.clock.known || len(s.times.marks) == 0 {
		return 0
	}
	now, speed := s.clock.now(wall), s.clock.speed
	stood := s.clock.newest + int64(maxAhead/speed) // when the clock stops, if no record follows
	last := now - int64(speed*float64(max(0, min(wall, stood)-sent)))
	at, _ := s.times.at(sent, max(last, s.times.marks[len(s.times.marks)-1].event))
	return at
}
