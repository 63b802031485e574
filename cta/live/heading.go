package live

import (
	"math"
	"slices"
	"sort"

	"github.com/seed-921eec07/ctalive/cta"
)

// heading is the key of a riders' name of a destination: a node and the possible patterns.
type heading struct {
	node     int32
	patterns uint64 // a hash
}

// latestHeading is the heading last asked for at a node.
type latestHeading struct {
	patterns uint64
	text     string
}

// maxHeadings bounds the cache of names for large networks.
const maxHeadings = 50_000

// courses returns the possible calls of a train that came to a node at a time. bound is
// the station at which its run ends, 0 if unknown.
//
//   - The pattern leads to bound, and is served at that time.
//   - Of timetabled calls, only those nearest to the time remain.
//
// The result is valid until the next call.
func (s *scratch) courses(n int32, at int64, bound int32) []use {
	nd := &s.g.nodes[n]
	if len(nd.uses) == 1 {
		return nd.uses
	}
	leads := func(u use) bool { return bound == 0 || s.g.patterns[u.pattern].last == bound }
	if bound != 0 && !slices.ContainsFunc(nd.uses, leads) {
		bound = 0
	}
	const apart = 2 * minute // trips within apart of the nearest remain possible
	nearest := int64(math.MaxInt64)
	for _, u := range nd.uses {
		if s.headways[u.pattern] == nil && leads(u) {
			nearest = min(nearest, s.due(n, u, at))
		}
	}
	s.uses = s.uses[:0]
	for _, u := range nd.uses {
		if !leads(u) {
			continue
		}
		if s.headways[u.pattern] != nil {
			if s.begun(u, at) == 0 {
				continue
			}
		} else if d := s.due(n, u, at); d == math.MaxInt64 || d > nearest+apart {
			continue
		}
		s.uses = append(s.uses, u)
	}
	if len(s.uses) == 0 { // none is served: all are possible
		for _, u := range nd.uses {
			if leads(u) {
				s.uses = append(s.uses, u)
			}
		}
	}
	return s.uses
}

// ending reports whether trains end their runs at a node on all of the given calls. A
// ring's closing point is no end, as riders may stay.
func (s *scratch) ending(n int32, uses []use) bool {
	return s.g.nodes[n].turn != n && !slices.ContainsFunc(uses, func(u use) bool { return !s.g.ends(s.g.moves(u)) })
}

// heading returns the riders' name of the destination of trains on the given calls at a
// node.
func (s *scratch) heading(n int32, uses []use) string {
	key := heading{n, 14695981039346656037}
	for _, u := range uses {
		key.patterns = (key.patterns ^ uint64(u.pattern)<<16 ^ uint64(u.call)) * 1099511628211
	}
	of := &s.latest[n]
	if of.patterns == key.patterns {
		return of.text
	}
	text, ok := s.headings[key]
	if !ok {
		at := make([]cta.Position, len(uses))
		for i, u := range uses {
			at[i] = cta.Position{Pattern: s.g.patterns[u.pattern].Pattern, Call: int(u.call)}
		}
		if len(s.headings) >= maxHeadings {
			clear(s.headings)
		}
		text = cta.Heading(at)
		s.headings[key] = text
	}
	of.patterns, of.text = key.patterns, text
	return text
}

// passing returns where the trains of a platform run at this hour, and whether all of
// them end there. Trains still to come of an ended service count.
func (s *scratch) passing(n int32) (towards string, ends bool) {
	nd := &s.g.nodes[n]
	s.uses = s.uses[:0]
	for _, u := range nd.uses {
		if s.headways[u.pattern] != nil && s.begun(u, s.now) > 0 || s.headways[u.pattern] == nil && s.callsAbout(n, u.pattern) {
			s.uses = append(s.uses, u)
		}
	}
	uses := s.uses
	if len(uses) == 0 {
		uses = nd.uses
	}
	return s.heading(n, uses), s.ending(n, uses)
}

// callsAbout reports whether the timetable has a call of a pattern at a node soon, or
// had one shortly before.
func (s *scratch) callsAbout(n, pattern int32) bool {
	calls := s.calls[n]
	i := sort.Search(len(calls), func(i int) bool { return calls[i].at > s.now-dueLate })
	for ; i < len(calls) && calls[i].at < s.now+int64(departing); i++ {
		if s.runs[calls[i].run].pattern == pattern {
			return true
		}
	}
	return false
}

// beginning returns the station at which all runs end that begin at a node at a time.
// It is 0 without runs, or where they end at several stations.
func (s *scratch) beginning(n int32, at int64) (bound int32) {
	for _, u := range s.g.nodes[n].uses {
		if u.call != 0 || s.headways[u.pattern] == nil || s.headways[u.pattern][s.slot(at)] == 0 {
			continue
		}
		if last := s.g.patterns[u.pattern].last; bound != 0 && bound != last {
			return 0
		} else {
			bound = last
		}
	}
	return bound
}

// towards returns where a line's trains run in a direction: those of current services,
// and those still on their way; without either, the first ones when service begins again.
func (s *scratch) towards(line, d int) string {
	l := &s.g.lines[line]
	running := s.running[:0]
	for _, k := range l.patterns {
		if p := &s.g.patterns[k]; s.headways[k] != nil && s.about(k, p, d) {
			running = append(running, k)
		}
	}
	for _, r := range s.runs {
		if s.g.patterns[r.pattern].line == int32(line) && r.depart <= s.now+int64(departing) && r.last >= s.now && !slices.Contains(running, r.pattern) {
			running = append(running, r.pattern)
		}
	}
	if len(running) == 0 { // where the first trains will run
		again := s.resumes(line, d)
		for _, k := range l.patterns {
			if next := s.nextRun(k).Departure; !next.IsZero() && next.Sub(again).Milliseconds() < int64(departing) && s.leads(&s.g.patterns[k], d) {
				running = append(running, k)
			}
		}
	}
	s.running = running
	of := &s.lineHeadings[line][d]
	if of.text == "" || !slices.Equal(of.patterns, running) {
		of.patterns = append(of.patterns[:0], running...)
		of.text = l.TowardsOf(directions[d], func(p *cta.Pattern) bool {
			return slices.ContainsFunc(running, func(k int32) bool { return s.g.patterns[k].Pattern == p })
		})
		if of.text == "" {
			of.text = l.Towards(directions[d])
		}
	}
	return of.text
}

// about reports whether trains of a pattern would be on their way in a direction if
// they ran as intended.
func (s *scratch) about(k int32, p *pattern, d int) bool {
	first, last := -1, -1
	for i, n := range p.nodes {
		if dir(s.g.nodes[n].direction) == d {
			last = i
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return false
	}
	from, to := s.slot(s.now-s.offsets[p.first+int32(last)]), s.slot(s.now-s.offsets[p.first+int32(first)])
	return slices.ContainsFunc(s.headways[k][from:to+1], served)
}

// lineHeading is the name of a line's direction, and the patterns that it covers.
type lineHeading struct {
	patterns []int32
	text     string
}
