package traintracker

import (
	"math"
	"slices"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

// node is a call of a line's trains: a station and the direction of coming to it.
type node struct {
	station int
	d       cta.Direction
}

// edge leads to the next call; turn says that trains change direction at the end of a
// run there.
type edge struct {
	to   node
	turn bool
}

// route is a line as the inference sees it.
type route struct {
	code    string // the Train Tracker's, such as "brn"
	line    *cta.Line
	next    map[node][]edge
	origin  map[node]node // by second call: where trains begin before it
	last    map[node]bool // where runs end
	stops   map[int][]node
	place   map[int]*cta.Station
	through int // station at which trains end that are bound for the loop; 0 without one
}

func newRoute(code string, line *cta.Line) *route {
	r := &route{code: code, line: line, next: map[node][]edge{}, origin: map[node]node{}, last: map[node]bool{},
		stops: map[int][]node{}, place: map[int]*cta.Station{}}
	add := func(from node, e edge) {
		if !slices.ContainsFunc(r.next[from], func(there edge) bool { return there.to == e.to }) {
			r.next[from] = append(r.next[from], e)
		}
	}
	begins := map[node]bool{}
	for _, p := range line.Patterns {
		var open []node // without closed stations, which answers may have or leave out
		for i, c := range p.Calls {
			n := node{c.Station.ID, c.Direction}
			r.place[n.station] = c.Station
			if c.Stop != 0 && !slices.Contains(r.stops[c.Stop], n) {
				r.stops[c.Stop] = append(r.stops[c.Stop], n)
			}
			if i == 0 {
				begins[n] = true
			} else {
				add(node{p.Calls[i-1].Station.ID, p.Calls[i-1].Direction}, edge{to: n})
			}
			if !c.Station.Closed {
				open = append(open, n)
				if k := len(open); k > 1 {
					add(open[k-2], edge{to: n})
				}
				if len(open) == 2 {
					r.origin[n] = open[0]
				}
			}
			if i == len(p.Calls)-1 {
				r.last[n] = true
			}
		}
		if line.Loop != "" && p.Calls[0].Direction != p.Last().Direction {
			r.through = p.Last().Station.ID
		}
	}
	for end := range r.last {
		if back := (node{end.station, end.d.Opposite()}); begins[back] {
			add(end, edge{to: back, turn: true})
		}
	}
	return r
}

// maxPath bounds how far ahead a train is looked for, in calls.
const maxPath = 12

// path returns the calls from one to another, both included: the shortest way. It is
// nil when there is none, or none within maxPath calls.
func (r *route) path(from, to node) []node {
	before := map[node]node{from: from}
	queue := []node{from}
	for depth := 0; len(queue) > 0 && depth < maxPath; depth++ {
		var more []node
		for _, n := range queue {
			if n == to {
				path := []node{n}
				for n != from {
					n = before[n]
					path = append(path, n)
				}
				slices.Reverse(path)
				return path
			}
			for _, e := range r.next[n] {
				if _, seen := before[e.to]; !seen {
					before[e.to] = n
					more = append(more, e.to)
				}
			}
		}
		queue = more
	}
	return nil
}

// turns reports whether trains change direction at a station between two calls.
func (r *route) turns(from, to node) bool {
	return slices.Contains(r.next[from], edge{to: to, turn: true})
}

// reaches reports whether trains go on from a call to a station without turning at
// the end of a run. Where trains both end and begin, they have reached it at their end.
func (r *route) reaches(from node, station int) bool {
	if from.station == station {
		return r.last[from]
	}
	seen := map[node]bool{from: true}
	for queue := []node{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0].station == station {
			return true
		}
		for _, e := range r.next[queue[0]] {
			if !e.turn && !seen[e.to] {
				seen[e.to] = true
				queue = append(queue, e.to)
			}
		}
	}
	return false
}

// locate returns the call that a train comes to next. The platform says its direction;
// an unknown one leaves it to the destination, and then to trDr, which polls get wrong
// now and then, and which is always 1 on the Yellow Line.
func (r *route) locate(rep *report, destination int) (node, bool) {
	if at := r.stops[rep.stop]; len(at) == 1 && at[0].station == rep.next {
		return at[0], true
	}
	var ways []node
	for _, d := range []cta.Direction{cta.DirectionA, cta.DirectionB} {
		n := node{rep.next, d}
		if len(r.next[n]) > 0 || r.last[n] {
			ways = append(ways, n)
		}
	}
	if len(ways) == 1 {
		return ways[0], true
	}
	if len(ways) == 0 {
		return node{}, false
	}
	if destination != 0 {
		switch a, b := r.reaches(ways[0], destination), r.reaches(ways[1], destination); {
		case a && !b:
			return ways[0], true
		case b && !a:
			return ways[1], true
		}
	}
	if r.code == "y" {
		return node{}, false
	}
	// By the documentation's table of directions, 1 leads to Howard, O'Hare, Kimball,
	// Harlem/Lake and Linden, but on the Orange and Pink Line to the Loop.
	outward := 1
	if r.code == "org" || r.code == "pink" {
		outward = 5
	}
	switch rep.direction {
	case outward:
		return ways[1], true
	case 6 - outward:
		return ways[0], true
	}
	return node{}, false
}

// destination returns the station at which a train's run ends, 0 when it isn't known.
func (r *route) destination(rep *report, stationOf map[int]int) int {
	id := rep.destination
	if s, ok := stationOf[id]; ok {
		id = s
	}
	if r.place[id] != nil {
		return id
	}
	if r.through != 0 && strings.EqualFold(rep.destName, "loop") {
		return r.through
	}
	found := 0
	for id, s := range r.place {
		if strings.EqualFold(s.Name, rep.destName) {
			if found != 0 {
				return 0 // two stations of that name
			}
			found = id
		}
	}
	return found
}

// metres is the distance of a train from a station; infinite when the train's position
// isn't known.
func (r *route) metres(rep *report, station int) float64 {
	s := r.place[station]
	if !rep.located || s == nil {
		return math.Inf(1)
	}
	return cta.Point{Latitude: rep.lat, Longitude: rep.lon}.Distance(s.Point)
}
