package live

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// graph is a network as a graph: a node for each platform of a line (station and
// direction), an edge from each platform to the next, and the patterns over them.
type graph struct {
	net      *cta.Network
	location *time.Location
	lines    []lineGraph
	nodes    []node
	edges    []edge
	patterns []pattern
	calls    int                // of all patterns
	at       map[platform]int32 // nodes
	// platforms are the nodes in the order of View.Boards. boards are places there, by
	// station.
	platforms []int32
	boards    map[int][]int
}

type lineGraph struct {
	*cta.Line
	index    int
	nodes    [2][]int32 // by direction, in running order, branch after branch
	patterns []int32
	timed    bool    // it has a timetable
	planned  bool    // it has a headway or a trip
	origins  []int32 // nodes at which trains begin a run
}

// pattern is a pattern's way over nodes and edges.
type pattern struct {
	*cta.Pattern
	line  int32
	nodes []int32
	edges []int32 // edges[i] leads from nodes[i]
	first int32   // index of its first call among those of all patterns
	last  int32   // station at which it ends
}

// platform is the place where trains of one line stop in one direction.
type platform struct {
	line      string
	station   int
	direction cta.Direction
}

type node struct {
	line      int32
	station   *cta.Station
	direction cta.Direction
	next      []int32 // edges
	uses      []use
	// turn is the platform from which a train that has ended its run here begins the
	// next; -1 where no run ends.
	turn int32
	// closes is true for the closing point of rings, if nothing else calls there. A
	// train that arrives has ended its run; its next report there begins another.
	closes bool
	// waits is true where a pattern calls twice in a row: a train reports both.
	waits bool
	board int // place in View.Boards
}

type use struct{ pattern, call int32 }

type edge struct {
	from, to int32
	metres   float64 // of the great circle
	path     cta.Path
	shaped   bool // path is of a shape, not straight
	planned  planned
}

// planned sums the timetabled times from arrival at one platform to arrival at the
// next.
type planned struct{ trips, seconds, squares float64 }

func (p *planned) add(seconds float64) {
	p.trips++
	p.seconds += seconds
	p.squares += seconds * seconds
}

// mean returns the mean and the spread of trips in seconds; ok is false without trips.
func (p *planned) mean() (mean, spread float64, ok bool) {
	if p.trips == 0 {
		return 0, 0, false
	}
	mean = p.seconds / p.trips
	return mean, math.Sqrt(max(0, p.squares/p.trips-mean*mean)), true
}

// directions are the directions by index, as dir has it.
var directions = [2]cta.Direction{cta.DirectionA, cta.DirectionB}

func dir(d cta.Direction) int {
	if d == cta.DirectionB {
		return 1
	}
	return 0
}

func newGraph(net *cta.Network) *graph {
	g := &graph{net: net, location: cmp.Or(net.Location, time.UTC), at: map[platform]int32{}, boards: map[int][]int{}}
	for i, l := range net.Lines {
		planned := slices.ContainsFunc(l.Patterns, func(p *cta.Pattern) bool { return len(p.Headways)+len(p.Trips) > 0 })
		g.lines = append(g.lines, lineGraph{Line: l, index: i, timed: l.Scheduled(), planned: planned})
		g.addLine(&g.lines[i])
		g.platforms = append(append(g.platforms, g.lines[i].nodes[0]...), g.lines[i].nodes[1]...)
	}
	for i, n := range g.platforms {
		g.nodes[n].board = i
		if s := g.nodes[n].station; !s.Closed {
			g.boards[s.ID] = append(g.boards[s.ID], i)
		}
	}
	return g
}

func (g *graph) addLine(l *lineGraph) {
	var times []time.Duration
	for _, p := range l.Patterns {
		if len(p.Calls) < 2 {
			continue
		}
		shape := p.Shape()
		w := pattern{Pattern: p, line: int32(l.index), first: int32(g.calls), last: int32(p.Last().Station.ID)}
		for i, c := range p.Calls {
			n := g.node(l, c)
			w.nodes = append(w.nodes, n)
			g.nodes[n].uses = append(g.nodes[n].uses, use{int32(len(g.patterns)), int32(i)})
			if i > 0 {
				g.nodes[n].waits = g.nodes[n].waits || w.nodes[i-1] == n
				w.edges = append(w.edges, g.link(w.nodes[i-1], n))
				if e := &g.edges[w.edges[i-1]]; e.path == nil || !e.shaped && shape != nil {
					e.path, e.shaped = p.Path(shape, i-1), shape != nil
				}
			}
		}
		for i := range p.Trips {
			times = p.Trips[i].Profile.AppendTimes(times[:0])
			came := times[0]
			for j, e := range w.edges {
				if w.nodes[j+1] == w.nodes[j] {
					continue // at another of the station's stops
				}
				g.edges[e].planned.add((times[j+1] - came).Seconds())
				came = times[j+1]
			}
		}
		g.calls += len(p.Calls)
		l.patterns = append(l.patterns, int32(len(g.patterns)))
		g.patterns = append(g.patterns, w)
		if !slices.Contains(l.origins, w.nodes[0]) {
			l.origins = append(l.origins, w.nodes[0])
		}
	}
	for _, nodes := range l.nodes {
		for _, n := range nodes {
			g.nodes[n].closes = !slices.ContainsFunc(g.nodes[n].uses, func(u use) bool {
				p := &g.patterns[u.pattern]
				return p.nodes[0] != n || p.nodes[len(p.nodes)-1] != n || u.call > 0 && !g.ends(u)
			})
		}
	}
	for _, i := range l.patterns {
		p := &g.patterns[i]
		end := p.nodes[len(p.nodes)-1]
		if p.nodes[0] == end {
			g.nodes[end].turn = end
		}
		for _, o := range l.origins {
			n := &g.nodes[end]
			if g.nodes[o].station == n.station && n.turn != end && (n.turn < 0 || g.nodes[o].direction != n.direction) {
				n.turn = o
			}
		}
	}
}

func (g *graph) node(l *lineGraph, c cta.Call) int32 {
	key := platform{l.ID, c.Station.ID, c.Direction}
	n, ok := g.at[key]
	if !ok {
		n = int32(len(g.nodes))
		g.at[key] = n
		g.nodes = append(g.nodes, node{line: int32(l.index), station: c.Station, direction: c.Direction, turn: -1})
		l.nodes[dir(c.Direction)] = append(l.nodes[dir(c.Direction)], n)
	}
	return n
}

// link returns the edge between two nodes, a new one if needed.
func (g *graph) link(from, to int32) int32 {
	e := g.edge(from, to)
	if e < 0 {
		e = int32(len(g.edges))
		g.edges = append(g.edges, edge{from: from, to: to, metres: g.nodes[from].station.Distance(g.nodes[to].station.Point)})
		g.nodes[from].next = append(g.nodes[from].next, e)
	}
	return e
}

// edge returns the edge between two nodes, -1 without one.
func (g *graph) edge(from, to int32) int32 {
	for _, e := range g.nodes[from].next {
		if g.edges[e].to == to {
			return e
		}
	}
	return -1
}

// past appends the edges from one node to another that lead through closed stations alone.
// There is at most one such way in practice; of several, it returns the first.
func (g *graph) past(way []int32, from, to int32) []int32 {
	if e := g.edge(from, to); e >= 0 {
		return append(way, e)
	}
	for _, e := range g.nodes[from].next {
		next := g.edges[e].to
		if !g.nodes[next].station.Closed || len(way) > 8 { // more are a line that is closed
			continue
		}
		if found := g.past(append(way, e), next, to); found != nil {
			return found
		}
	}
	return nil
}

// moves returns the use from which a train leaves the platform: u, or the last of the
// following calls at other stops of the station.
func (g *graph) moves(u use) use {
	for p := &g.patterns[u.pattern]; !g.ends(u) && p.nodes[u.call+1] == p.nodes[u.call]; {
		u.call++
	}
	return u
}

func (g *graph) ends(u use) bool { return int(u.call) == len(g.patterns[u.pattern].nodes)-1 }
