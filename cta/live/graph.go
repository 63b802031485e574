package live

import (
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// graph is a network as its trains see it: a node for each platform of a line
// (station and direction), an edge for each way from one to the next.
type graph struct {
	net      *cta.Network
	location *time.Location
	lines    []lineGraph
	nodes    []node
	edges    []edge
	at       map[platform]int32 // nodes
	loops    map[int32]bool     // nodes inside a loop
}

type lineGraph struct {
	*cta.Line
	index   int
	nodes   [2][]int32 // by direction, in running order; those of branches one after the other
	runs    [][]int32  // nodes from where trains begin to where they end; out and back in one over a loop
	origins []int32    // nodes at which trains begin a run
}

// platform is where trains of one line stop in one direction.
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
	prev      []int32 // edges
	// turn is the platform from which a train that has ended its run here begins
	// another; -1 where no run ends. Where some runs end and some go on (next is
	// not empty), short is true.
	turn  int32
	short bool
	// decided is the last such platform that trains pass on their way here, -1 when
	// there is none; back is the one from which trains of short runs come here.
	decided, back int32
	order         int // on a route; the same as the station's place on the line
	// routes is how many of the line's routes lead here.
	routes int
}

type edge struct {
	from, to int32
	metres   float64 // of the great circle
}

// dir is a direction as an index.
func dir(d cta.Direction) int {
	if d == cta.DirectionB {
		return 1
	}
	return 0
}

func newGraph(net *cta.Network) *graph {
	g := &graph{net: net, location: net.Location, at: map[platform]int32{}, loops: map[int32]bool{}}
	if g.location == nil {
		g.location = time.UTC
	}
	for i, l := range net.Lines {
		g.lines = append(g.lines, lineGraph{Line: l, index: i})
		g.addLine(&g.lines[i])
	}
	return g
}

func (g *graph) addLine(l *lineGraph) {
	known := map[[2]int32]bool{}
	for _, r := range l.Routes {
		out, back := r.Hops(cta.DirectionA), r.Hops(cta.DirectionB)
		if len(out) < 2 || r.Loop < 1 {
			continue
		}
		var last int32 = -1
		var run []int32
		for i, h := range out {
			n := g.node(l, h, i)
			run = append(run, n)
			if i >= r.Loop {
				g.loops[n] = true
			}
			g.link(known, last, n)
			last = n
		}
		if r.Terminates() {
			g.nodes[last].turn = g.node(l, back[0], r.Loop-1)
			l.runs = append(l.runs, run)
			last, run = -1, nil
		}
		for i, h := range back {
			n := g.node(l, h, r.Loop-1-i)
			run = append(run, n)
			g.link(known, last, n)
			last = n
		}
		l.runs = append(l.runs, run)
		g.nodes[last].turn = g.at[platform{l.ID, out[0].Station.ID, cta.DirectionA}]
	}
	for _, s := range l.Service {
		out, okA := g.at[platform{l.ID, s.Last, cta.DirectionA}]
		back, okB := g.at[platform{l.ID, s.Last, cta.DirectionB}]
		if okA && okB && g.nodes[out].turn < 0 {
			g.nodes[out].turn, g.nodes[out].short = back, true
		}
	}
	for _, run := range l.runs {
		var decided, back int32 = -1, -1
		for _, n := range run {
			nd := &g.nodes[n]
			if back < 0 && nd.direction == cta.DirectionB && slices.ContainsFunc(l.Service, func(s cta.Service) bool { return s.Last == nd.station.ID }) {
				back = n
			}
			nd.decided, nd.back = max(nd.decided, decided), max(nd.back, back)
			if nd.short {
				decided = n
			}
		}
	}
	for _, nodes := range l.nodes {
		for _, n := range nodes {
			if t := g.nodes[n].turn; t >= 0 && !slices.Contains(l.origins, t) {
				l.origins = append(l.origins, t)
			}
		}
	}
}

// node returns the node of a hop of a route, which it counts.
func (g *graph) node(l *lineGraph, h cta.Hop, order int) int32 {
	key := platform{l.ID, h.Station.ID, h.Direction}
	n, ok := g.at[key]
	if !ok {
		n = int32(len(g.nodes))
		g.at[key] = n
		g.nodes = append(g.nodes, node{line: int32(l.index), station: h.Station, direction: h.Direction, turn: -1, decided: -1, back: -1, order: order})
		l.nodes[dir(h.Direction)] = append(l.nodes[dir(h.Direction)], n)
	}
	return n
}

func (g *graph) link(known map[[2]int32]bool, from, to int32) {
	g.nodes[to].routes++
	if from < 0 || known[[2]int32{from, to}] {
		return
	}
	known[[2]int32{from, to}] = true
	e := int32(len(g.edges))
	g.edges = append(g.edges, edge{from, to, cta.Distance(g.nodes[from].station, g.nodes[to].station)})
	g.nodes[from].next = append(g.nodes[from].next, e)
	g.nodes[to].prev = append(g.nodes[to].prev, e)
}

// edge returns the edge from one node to another, -1 when there is none.
func (g *graph) edge(from, to int32) int32 {
	for _, e := range g.nodes[from].next {
		if g.edges[e].to == to {
			return e
		}
	}
	return -1
}

// spacing is the time between trains at a node when it is headway on the trunk.
func (g *graph) spacing(n int32, headway int64) int64 {
	routes := len(g.lines[g.nodes[n].line].Routes)
	if r := g.nodes[n].routes; r > 0 && r < routes {
		return headway * int64(routes) / int64(r)
	}
	return headway
}

// schedule is the intended service of the lines around a moment, by quarters of
// an hour: looking it up by the calendar is too slow to be done for each platform.
type schedule struct {
	from int64 // ms; a multiple of slot
	rows [][]slotService
}

type slotService struct {
	headway int64 // ms; 0 when the line doesn't run
	last    int32 // station where trains turn back, 0 for the whole line
}

const (
	slot      = int64(15 * time.Minute / time.Millisecond)
	slotsPast = 4 * 4
	slots     = slotsPast + 3*4
)

func (s *schedule) fill(g *graph, now int64) {
	from := now - now%slot - slotsPast*slot
	if s.rows != nil && s.from == from {
		return
	}
	s.from, s.rows = from, make([][]slotService, len(g.lines))
	for i := range g.lines {
		row := make([]slotService, slots)
		for j := range row {
			if svc, ok := g.lines[i].ServiceAt(time.UnixMilli(from + int64(j)*slot)); ok {
				row[j] = slotService{svc.Headway.Milliseconds(), int32(svc.Last)}
			}
		}
		s.rows[i] = row
	}
}

func (s *schedule) at(line int32, t int64) slotService {
	i := (t - s.from) / slot
	return s.rows[line][min(max(i, 0), slots-1)]
}

// began is when the service at t began, MinInt64 when it did so long ago.
func (s *schedule) began(line int32, t int64) int64 {
	row := s.rows[line]
	i := min(max((t-s.from)/slot, 0), slots-1)
	for ; i >= 0; i-- {
		if row[i].headway == 0 {
			return s.from + (i+1)*slot
		}
	}
	return math.MinInt64
}
