package live

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// schedule caches the intended service around a moment: a calendar lookup per platform
// is too slow.
type schedule struct {
	g        *graph
	now      int64
	from     int64             // ms; a multiple of slot
	headways [][]int64         // by pattern and slot: ms between departures; nil with a timetable
	rows     [][][2]int64      // by line, slot and direction: the same of all patterns together; 0 without service
	periods  [][2][]period     // by line and direction, in order of time
	departs  [][2][]int64      // of runs of timetables, likewise
	runs     []run             // of timetables
	named    map[string]int32  // runs by id
	calls    [][]call          // by node, in order of time
	later    map[int32]cta.Run // by pattern: next departures, as requested so far
}

// period is a time of unbroken timetabled service in a line's direction.
type period struct {
	from, leaves int64 // first and last departure
	to           int64 // when its last run ends
}

type run struct {
	pattern int32
	depart  int64 // ms
	last    int64 // ms: when it ends
	id      string
	train   int32 // that makes it; -1 if unknown, or if it has not begun
}

// call is a run's call at a node.
type call struct {
	at    int64
	run   int32
	index int32 // among the calls of the run's pattern
}

const (
	slotLength = int64(15 * time.Minute / time.Millisecond)
	slotsPast  = 4 * 4
	slots      = slotsPast + 3*4
	// A timetable's service at a moment consists of the trains that leave within
	// departing of it. Without a train for noService there is no service at a platform.
	departing = 45 * minute
	noService = 3 * 60 * minute
	// A line's service pauses where no run is on its way for longer than pause.
	pause = 60 * minute
	// Trains that come within often of each other have a headway, however uneven.
	often = 15 * minute
)

func (s *schedule) fill() {
	from := s.now - s.now%slotLength - slotsPast*slotLength
	if s.rows != nil && s.from == from {
		return
	}
	s.from = from
	s.fillHeadways()
	s.fillRuns()
	s.fillLines()
}

func (s *schedule) begins(i int) time.Time { return s.time(s.from + int64(i)*slotLength) }

func (s *schedule) time(ms int64) time.Time { return time.UnixMilli(ms).In(s.g.location) }

func (s *schedule) fillHeadways() {
	s.headways = make([][]int64, len(s.g.patterns))
	for i := range s.g.patterns {
		p := &s.g.patterns[i]
		if len(p.Headways) == 0 {
			continue
		}
		row := make([]int64, slots)
		for j := range row {
			row[j] = p.HeadwayAt(s.begins(j)).Milliseconds()
		}
		s.headways[i] = row
	}
}

// fillRuns lists the runs of timetables, and their calls by node.
func (s *schedule) fillRuns() {
	g := s.g
	s.runs, s.named = s.runs[:0], map[string]int32{}
	for i := range s.calls {
		s.calls[i] = s.calls[i][:0]
	}
	until := s.from + slots*slotLength
	first, last := g.net.ServiceDays(s.begins(0), s.begins(slots))
	var runs []cta.Run
	var times []time.Duration
	for i := range g.patterns {
		p := &g.patterns[i]
		if len(p.Trips) == 0 {
			continue
		}
		runs = runs[:0]
		for d := first; d <= last; d = d.Add(1) {
			runs = p.AppendRuns(runs, d)
		}
		for _, r := range runs {
			depart := r.Departure.UnixMilli()
			end := depart + int64(r.Profile.Arrivals[len(p.nodes)-1])*second
			if end < s.from || depart > until {
				continue
			}
			times = r.Profile.AppendTimes(times[:0])
			for j, n := range p.nodes {
				if j > 0 && p.nodes[j-1] == n {
					continue // already there, at another of the station's stops
				}
				if j == len(p.nodes)-1 && g.nodes[n].closes {
					continue // where a ring closes, the next run counts
				}
				s.calls[n] = append(s.calls[n], call{depart + times[j].Milliseconds(), int32(len(s.runs)), int32(j)})
			}
			s.named[r.ID()] = int32(len(s.runs))
			s.runs = append(s.runs, run{int32(i), depart, end, r.ID(), -1})
		}
	}
	for _, calls := range s.calls {
		slices.SortStableFunc(calls, func(a, b call) int { return cmp.Compare(a.at, b.at) })
	}
}

// fillLines combines the patterns by line and direction.
func (s *schedule) fillLines() {
	g := s.g
	s.rows, s.periods, s.departs = make([][][2]int64, len(g.lines)), make([][2][]period, len(g.lines)), make([][2][]int64, len(g.lines))
	s.later = map[int32]cta.Run{}
	for i := range g.lines {
		l := &g.lines[i]
		s.rows[i] = make([][2]int64, slots)
		var leaving [slots][2]int64
		for _, r := range s.runs {
			p := &g.patterns[r.pattern]
			if p.line != int32(i) {
				continue
			}
			for d := range s.periods[i] {
				if !s.leads(p, d) {
					continue
				}
				s.periods[i][d] = append(s.periods[i][d], period{r.depart, r.depart, r.last})
				s.departs[i][d] = append(s.departs[i][d], r.depart)
				for j := max(0, (r.depart-departing-s.from)/slotLength); j <= (r.depart+departing-s.from)/slotLength && j < slots; j++ {
					leaving[j][d]++
				}
			}
		}
		for d, of := range s.periods[i] {
			s.periods[i][d] = unbroken(of)
			slices.Sort(s.departs[i][d])
		}
		for j := range s.rows[i] {
			for d := range s.rows[i][j] {
				of := &s.rows[i][j][d]
				for _, k := range l.patterns {
					if s.headways[k] != nil && s.leads(&g.patterns[k], d) {
						*of = together(*of, s.headways[k][j])
					}
				}
				if n := leaving[j][d]; n > 0 {
					*of = together(*of, 2*departing/n)
				}
			}
		}
	}
}

// unbroken sorts periods, and joins those without a pause between them.
func unbroken(of []period) []period {
	slices.SortFunc(of, func(a, b period) int { return cmp.Compare(a.from, b.from) })
	joined := of[:0]
	for _, p := range of {
		if n := len(joined); n > 0 && p.from <= joined[n-1].to+pause {
			last := &joined[n-1]
			last.leaves, last.to = p.leaves, max(last.to, p.to)
			continue
		}
		joined = append(joined, p)
	}
	return joined
}

func (s *schedule) during(line int32, d int, t int64) (period, bool) {
	for _, p := range s.periods[line][d] {
		if p.from <= t && t <= p.to {
			return p, true
		}
	}
	return period{}, false
}

// leads reports whether a pattern has calls in a direction.
func (s *schedule) leads(p *pattern, d int) bool {
	return slices.ContainsFunc(p.Calls, func(c cta.Call) bool { return dir(c.Direction) == d })
}

// served reports whether a headway is one of a service.
func served(headway int64) bool { return headway > 0 }

// together returns the combined headway of two services on the same track; 0 stands for
// no service.
func together(a, b int64) int64 {
	if a <= 0 || b <= 0 {
		return max(a, b)
	}
	return a * b / (a + b)
}

func (s *schedule) slot(t int64) int64 { return min(max((t-s.from)/slotLength, 0), slots-1) }

// at returns the headway of a line's direction.
func (s *schedule) at(line int32, d int, t int64) int64 { return s.rows[line][s.slot(t)][d] }

// began returns when the service at t began, MinInt64 if before the schedule's start.
func (s *schedule) began(line int32, t int64) int64 {
	began := int64(math.MaxInt64)
	for d := range directions {
		if p, ok := s.during(line, d, t); ok {
			began = min(began, p.from)
		}
	}
	if began < math.MaxInt64 {
		return began
	}
	for i := s.slot(t); i >= 0; i-- {
		if s.rows[line][i] == [2]int64{} {
			return s.from + (i+1)*slotLength
		}
	}
	return math.MinInt64
}

// between returns the time between the timetable's calls at a node around t; 0 without
// service.
func (s *schedule) between(n int32, t int64) int64 {
	calls := s.calls[n]
	i := sort.Search(len(calls), func(i int) bool { return calls[i].at > t })
	if len(calls) < 2 || i == 0 && calls[0].at-t > noService || i == len(calls) && t-calls[i-1].at > departing {
		return 0
	}
	i = min(max(i, 1), len(calls)-1)
	gap := calls[i].at - calls[i-1].at
	if gap > noService {
		return 0
	}
	return max(gap, minute)
}

// even returns the time between the trains of a timetable that come about t; ok is false
// if it differs so much that no headway describes it. The times are in order.
func even(times []int64, t int64) (every int64, ok bool) {
	i := sort.Search(len(times), func(i int) bool { return times[i] > t })
	from, to := i, i // without a pause between, beside t
	for to < len(times) && to-i < 2*beside && (to == from || times[to]-times[to-1] <= noService) {
		to++
	}
	for from > 0 && i-from < 2*beside && (from == to || times[from]-times[from-1] <= noService) {
		from--
	}
	from, to = max(from, min(i-beside, to-2*beside)), min(to, max(i, from+beside)+beside)
	var buf [4 * beside]int64
	gaps := buf[:0]
	for i := from + 1; i < to; i++ {
		gaps = append(gaps, times[i]-times[i-1])
	}
	slices.Sort(gaps)
	n := len(gaps)
	switch {
	case n < 2:
		return 0, false
	case gaps[n-1] <= often: // on the average
		return (times[to-1] - times[from]) / int64(n), true
	}
	return gaps[n/2], float64(gaps[n-1]) <= gapAbove*float64(gaps[0])
}

// beside is how many trains on either side of a moment show how even its service is.
const beside = 3

// uneven reports whether the timetable's trains come to a node at such different times
// about t that no headway describes them.
func (s *schedule) uneven(n int32, t int64) bool {
	calls := s.calls[n]
	if len(calls) == 0 {
		return false
	}
	var times [4 * beside]int64
	i := sort.Search(len(calls), func(i int) bool { return calls[i].at > t })
	near := calls[max(0, i-2*beside):min(len(calls), i+2*beside)]
	for i, c := range near {
		times[i] = c.at
	}
	_, ok := even(times[:len(near)], t)
	return !ok
}

// lull returns the longest time between calls of the timetable at a node that overlaps
// a span; 0 without calls, MaxInt64 after the last call. Where trains skip stops or
// come at irregular times, a gap at one hour is intended at another.
func (s *schedule) lull(n int32, from, to int64) (longest int64) {
	calls := s.calls[n]
	if len(calls) > 0 && from >= calls[len(calls)-1].at-change {
		return math.MaxInt64
	}
	i := sort.Search(len(calls), func(i int) bool { return calls[i].at > from })
	for i = max(i, 1); i < len(calls) && calls[i-1].at < to; i++ {
		longest = max(longest, calls[i].at-calls[i-1].at)
	}
	return longest
}

// crush returns the shortest time between calls of the timetable at a node in a span;
// MaxInt64 with fewer than two calls.
func (s *schedule) crush(n int32, from, to int64) (shortest int64) {
	calls := s.calls[n]
	shortest = math.MaxInt64
	i := sort.Search(len(calls), func(i int) bool { return calls[i].at >= from })
	for i++; i < len(calls) && calls[i].at <= to; i++ {
		shortest = min(shortest, calls[i].at-calls[i-1].at)
	}
	return shortest
}

// A train may come up to dueEarly before its timetabled time, or dueLate after it.
const (
	dueEarly = 5 * minute
	dueLate  = 20 * minute
)

// around returns the timetable's calls at a node that may be those of a train that came
// at t.
func (s *schedule) around(n int32, t int64) []call {
	calls := s.calls[n]
	from := sort.Search(len(calls), func(i int) bool { return calls[i].at >= t-dueLate })
	to := sort.Search(len(calls), func(i int) bool { return calls[i].at > t+dueEarly })
	return calls[from:to]
}

// took returns the timetabled time between two nodes for a train that came to the first
// at t. It uses the run nearest to t; ok is false without one.
func (s *schedule) took(from, to int32, t int64) (took int64, ok bool) {
	s.nearest(from, t, func(c call) bool {
		next, comes := s.comes(to, c)
		if comes {
			took, ok = next.at-c.at, true
		}
		return comes
	})
	return took, ok
}

// nearest returns the call at a node that is nearest to t, of those that fit, and the time
// between; unknownCall and MaxInt64 without one. fits is called for nearer ones only.
func (s *schedule) nearest(n int32, t int64, fits func(call) bool) (best call, off int64) {
	best, off = unknownCall, math.MaxInt64
	for _, c := range s.around(n, t) {
		if o := max(c.at-t, t-c.at); o < off && fits(c) {
			best, off = c, o
		}
	}
	return best, off
}

// comes returns the first call at a node of the run of a call, after that call. Both may
// have the same time: timetables are often cut to minutes.
func (s *schedule) comes(n int32, after call) (next call, ok bool) {
	calls := s.calls[n]
	i := sort.Search(len(calls), func(i int) bool { return calls[i].at >= after.at })
	for ; i < len(calls) && calls[i].at <= after.at+noService; i++ {
		if calls[i].run == after.run && calls[i].index > after.index {
			return calls[i], true
		}
	}
	return call{}, false
}

// unknownCall is the place in the timetable of a vehicle whose run is unknown.
var unknownCall = call{run: -1}

// runOf returns the call of the timetable that a train's latest visit is: that of the run
// with the train's id, or else the nearest in time.
func (s *scratch) runOf(train int32, v *visit) call {
	best, off := unknownCall, int64(math.MaxInt64)
	if r := s.makes[train]; r >= 0 {
		for _, c := range s.calls[v.node] {
			if o := max(c.at-v.at, v.at-c.at); c.run == r && o < off {
				best, off = c, o
			}
		}
	}
	if best.run < 0 {
		best, _ = s.nearest(v.node, v.at, func(call) bool { return true })
	}
	return best
}

// ride returns the expected time over an edge from a place in the timetable, its
// variance in s², and the next place.
func (s *scratch) ride(e int32, from call) (took int64, variance float64, to call) {
	est := &s.edges[e]
	took, variance = est.mean, est.variance+sq(2)
	if from.run < 0 {
		return took, variance, unknownCall
	}
	to, ok := s.comes(s.g.edges[e].to, from)
	if !ok {
		return max(took, second), variance, unknownCall
	}
	took = to.at - from.at
	if mean, _, ok := s.g.edges[e].planned.mean(); ok && est.observed {
		took += est.mean - int64(mean*1000)
	} else {
		variance = sq(15)
	}
	return max(took, second), variance, to
}

// calling reports whether the timetable has a call of a line in a span of time.
func (s *schedule) calling(l *lineGraph, from, to int64) bool {
	called := func(n int32) bool {
		calls := s.calls[n]
		i := sort.Search(len(calls), func(i int) bool { return calls[i].at > from })
		return i < len(calls) && calls[i].at < to
	}
	return slices.ContainsFunc(l.nodes[0], called) || slices.ContainsFunc(l.nodes[1], called)
}

// due returns the time between t and the nearest timetabled run of a call at a node;
// MaxInt64 without one near t.
func (s *schedule) due(n int32, u use, t int64) int64 {
	_, off := s.nearest(n, t, func(c call) bool { return s.runs[c.run].pattern == u.pattern && c.index == u.call })
	return off
}

// resumes returns when a line's service in a direction next begins within a week; else
// zero.
func (s *schedule) resumes(line, d int) (next time.Time) {
	for _, i := range s.g.lines[line].patterns {
		if at := s.nextRun(i).Departure; !at.IsZero() && s.leads(&s.g.patterns[i], d) {
			next = earlier(next, at)
		}
	}
	return next
}

// nextRun returns the next run of a pattern within a week; else zero. Of a headway
// service, it has the departure alone.
func (s *schedule) nextRun(i int32) (next cta.Run) {
	if r, ok := s.later[i]; ok && (r.Departure.IsZero() || r.Departure.UnixMilli() > s.now) {
		return r
	}
	p := s.g.patterns[i].Pattern
	t := s.time(s.now - s.now%slotLength)
	for at := t; len(p.Headways) > 0 && at.Sub(t) < 7*24*time.Hour; at = at.Add(15 * time.Minute) {
		if p.HeadwayAt(at) > 0 {
			next.Departure = at
			break
		}
	}
	var runs []cta.Run
	for d, last := s.g.net.ServiceDays(t, t.AddDate(0, 0, 6)); d <= last; d = d.Add(1) {
		for _, r := range p.AppendRuns(runs[:0], d) {
			if r.Departure.UnixMilli() > s.now && (next.Departure.IsZero() || r.Departure.Before(next.Departure)) {
				next = r
			}
		}
	}
	s.later[i] = next
	return next
}

// idle reports whether a line has no trains in a direction on now's service day.
func (s *schedule) idle(line, d int) bool {
	day := cta.ServiceDay(s.time(s.now))
	for _, i := range s.g.lines[line].patterns {
		p := &s.g.patterns[i]
		if s.leads(p, d) && (slices.ContainsFunc(p.Trips, func(t cta.Trip) bool { return t.Calendar.Includes(day) }) ||
			slices.ContainsFunc(p.Headways, func(h cta.Headway) bool { return h.Calendar.Includes(day) })) {
			return false
		}
	}
	return true
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
