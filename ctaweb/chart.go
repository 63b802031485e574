package ctaweb

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

// Figures of the map, in its own units.
const (
	chartSize   = 940.0 // its longer side
	chartMargin = 34.0
	chartSide   = 130.0 // left and right, where names stand
	chartTrack  = 5.0   // between lines that share track

	// Distance from the centre is drawn as its power: the middle, where stations
	// are close, is large, the ends of the lines are not far away, and directions
	// stay as they are.
	chartPower = 0.45
	// A network without a loop is drawn as it is, unless a few stations are so far out
	// that the rest would be crushed: these stand at the margin.
	chartInner = 0.85 // share of the stations that are drawn as they are
	chartMany  = 40   // of how many a few are few
	chartFar   = 2    // from how many times as far as these others are too far
	chartOuter = 0.3  // width of the margin, in distances of these; in it distances are logarithmic
)

// point is a place on the map; x grows to the east, y to the south.
type point struct{ x, y float64 }

func (p point) to(q point, f float64) point { return point{p.x + f*(q.x-p.x), p.y + f*(q.y-p.y)} }

// edge is a pair of stations that trains run between, the lower id first.
type edge [2]int

func edgeOf(a, b int) edge { return edge{min(a, b), max(a, b)} }

// chart is the map of a network: where each line passes each of its stations.
// It depends on the network alone.
type chart struct {
	width, height float64
	far           bool                      // drawn by a power: the middle is large
	at            map[string]map[int]point  // by line and station
	tracks        map[string][]edge         // of each line, in the order of its patterns
	via           map[string]map[edge][]int // stations that a line passes without stopping, from the lower id
	inset         *inset                    // nil without a dense part
}

// newChart draws net, or returns nil when its stations have no places.
func newChart(net *cta.Network) *chart {
	where, far := project(net)
	if where == nil {
		return nil
	}
	c := &chart{far: far, at: map[string]map[int]point{}, tracks: map[string][]edge{}, via: map[string]map[edge][]int{}}
	for _, l := range net.Lines {
		c.tracks[l.ID] = edges(l)
	}
	shared := map[edge][]string{} // the lines side by side, in the network's order
	pieces := map[string][]edge{} // of each line's track, between stations of any line
	w := newWays(net)
	for _, l := range net.Lines {
		c.via[l.ID] = map[edge][]int{}
		for _, e := range c.tracks[l.ID] {
			way := []int{e[0]}
			if mid := w.passes(e); mid != nil {
				c.via[l.ID][e] = mid
				way = append(way, mid...)
			}
			way = append(way, e[1])
			for i := 1; i < len(way); i++ {
				p := edgeOf(way[i-1], way[i])
				if !slices.Contains(shared[p], l.ID) {
					shared[p] = append(shared[p], l.ID)
					pieces[l.ID] = append(pieces[l.ID], p)
				}
			}
		}
	}
	for _, l := range net.Lines {
		c.at[l.ID] = offset(l.ID, pieces[l.ID], shared, where)
	}
	c.fit()
	c.addInset()
	return c
}

// edges are the pairs of stations that a line's trains run between.
func edges(l *cta.Line) []edge {
	var list []edge
	known := map[edge]bool{}
	for _, p := range l.Patterns {
		for i := 1; i < len(p.Calls); i++ {
			a, b := p.Calls[i-1].Station.ID, p.Calls[i].Station.ID
			if e := edgeOf(a, b); a != b && !known[e] {
				known[e] = true
				list = append(list, e)
			}
		}
	}
	return list
}

type callAt struct{ pattern, call int }

// ways are the ways of all trains between stations.
type ways struct {
	calls [][]*cta.Station // by pattern
	at    map[int][]callAt // by station
}

func newWays(net *cta.Network) *ways {
	w := &ways{at: map[int][]callAt{}}
	for _, l := range net.Lines {
		for _, p := range l.Patterns {
			calls := make([]*cta.Station, len(p.Calls))
			for i, c := range p.Calls {
				calls[i] = c.Station
				w.at[c.Station.ID] = append(w.at[c.Station.ID], callAt{len(w.calls), i})
			}
			w.calls = append(w.calls, calls)
		}
	}
	return w
}

// passes returns the stations between the ends of an edge, where trains run that
// stop at them: the way through them is hardly longer.
func (w *ways) passes(e edge) []int {
	a, b := w.at[e[0]][0], w.at[e[1]][0]
	direct := w.calls[a.pattern][a.call].Distance(w.calls[b.pattern][b.call].Point)
	for _, a := range w.at[e[0]] {
		for _, b := range w.at[e[1]] {
			if a.pattern != b.pattern {
				continue
			}
			i, j := min(a.call, b.call), max(a.call, b.call)
			if j < i+2 {
				continue
			}
			var mid []int
			length, calls := 0.0, w.calls[a.pattern]
			for k := i; k < j && length <= 1.15*direct; k++ {
				length += calls[k].Distance(calls[k+1].Point)
				if k > i {
					mid = append(mid, calls[k].ID)
				}
			}
			if length > 1.15*direct {
				continue
			}
			if a.call > b.call {
				slices.Reverse(mid)
			}
			return mid
		}
	}
	return nil
}

// project places the stations on a plane around the middle of the network's loops, or of
// all its stations. It reports whether the middle is drawn larger.
func project(net *cta.Network) (where map[int]point, larger bool) {
	var loop []*cta.Station
	for _, l := range net.Lines {
		for _, s := range l.Stations {
			if s.Loop {
				loop = append(loop, s.Station)
			}
		}
	}
	lat, lon := centre(net.Stations)
	if loop != nil {
		lat, lon = centre(loop)
	}
	where = make(map[int]point, len(net.Stations))
	distances := make([]float64, 0, len(net.Stations))
	for _, s := range net.Stations {
		const km = 111.2 // a degree of latitude
		p := point{(s.Longitude - lon) * km * math.Cos(lat*math.Pi/180), (lat - s.Latitude) * km}
		where[s.ID] = p
		distances = append(distances, math.Hypot(p.x, p.y))
	}
	slices.Sort(distances)
	if len(distances) == 0 {
		return nil, false
	}
	far := distances[len(distances)-1]
	if far == 0 || math.IsNaN(far) || math.IsInf(far, 0) {
		return nil, false
	}
	drawn := func(r float64) float64 { return r }
	switch inner := distances[int(chartInner*float64(len(distances)-1))]; {
	case loop != nil:
		const soft = 0.12 // km, so that the very middle doesn't burst
		drawn = func(r float64) float64 { return math.Pow(r+soft, chartPower) - math.Pow(soft, chartPower) }
		larger = true
	case len(distances) >= chartMany && inner > 0 && far > chartFar*inner:
		drawn = func(r float64) float64 {
			if r <= inner {
				return r
			}
			return inner * (1 + chartOuter*math.Log(r/inner)/math.Log(far/inner))
		}
		larger = true
	}
	for id, p := range where {
		if r := math.Hypot(p.x, p.y); r > 0 {
			where[id] = point{p.x * drawn(r) / r, p.y * drawn(r) / r}
		}
	}
	low, high := bounds(maps.Values(where))
	scale := (chartSize - 2*chartMargin) / max(high.x-low.x, high.y-low.y)
	for id, p := range where {
		where[id] = point{p.x * scale, p.y * scale}
	}
	return where, larger
}

// centre is the median of the stations' places: a few that are far away don't move it.
func centre(stations []*cta.Station) (lat, lon float64) {
	var lats, lons []float64
	for _, s := range stations {
		lats, lons = append(lats, s.Latitude), append(lons, s.Longitude)
	}
	slices.Sort(lats)
	slices.Sort(lons)
	if len(lats) == 0 {
		return 0, 0
	}
	return lats[len(lats)/2], lons[len(lons)/2]
}

func bounds(points iter.Seq[point]) (low, high point) {
	low, high = point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for p := range points {
		low = point{min(low.x, p.x), min(low.y, p.y)}
		high = point{max(high.x, p.x), max(high.y, p.y)}
	}
	return low, high
}

// offset places a line's stations beside the lines it shares track with.
func offset(line string, pieces []edge, shared map[edge][]string, where map[int]point) map[int]point {
	type side struct{ base, dir, normal point }
	sides := map[int][]side{}
	for _, e := range pieces {
		a, b := where[e[0]], where[e[1]]
		dir, normal := orient(a, b)
		n := len(shared[e])
		by := chartTrack * (float64(slices.Index(shared[e], line)) - float64(n-1)/2)
		for _, id := range e {
			p := where[id]
			sides[id] = append(sides[id], side{point{p.x + by*normal.x, p.y + by*normal.y}, dir, normal})
		}
	}
	at := make(map[int]point, len(sides))
	for id, of := range sides {
		var mean point
		for _, s := range of {
			mean.x += s.base.x / float64(len(of))
			mean.y += s.base.y / float64(len(of))
		}
		at[id] = mean
		if len(of) != 2 {
			continue
		}
		// Where the line turns, its two sides meet.
		s, t := of[0], of[1]
		cross := s.dir.x*t.dir.y - s.dir.y*t.dir.x
		if math.Abs(cross) < 0.35 {
			continue
		}
		f := ((t.base.x-s.base.x)*t.dir.y - (t.base.y-s.base.y)*t.dir.x) / cross
		at[id] = point{s.base.x + f*s.dir.x, s.base.y + f*s.dir.y}
	}
	return at
}

// orient returns a track's direction and normal. The normal points inwards on a ring and
// clockwise on a radial track, so that parallel lines keep their order.
func orient(a, b point) (dir, normal point) {
	length := max(math.Hypot(b.x-a.x, b.y-a.y), 1e-9)
	dir = point{(b.x - a.x) / length, (b.y - a.y) / length}
	mid := a.to(b, 0.5)
	normal = point{-dir.y, dir.x}
	r := max(math.Hypot(mid.x, mid.y), 1e-9)
	inward := -(normal.x*mid.x + normal.y*mid.y) / r
	outward := (dir.x*mid.x + dir.y*mid.y) / r
	if math.Abs(inward) > 0.6 && inward < 0 || math.Abs(inward) <= 0.6 && outward < 0 {
		normal = point{-normal.x, -normal.y}
	}
	return dir, normal
}

// places are the stations' places on each line, in no order.
func (c *chart) places() iter.Seq[point] {
	return func(yield func(point) bool) {
		for _, line := range c.at {
			for _, p := range line {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// fit moves the map to where x and y begin at 0.
func (c *chart) fit() {
	low, high := bounds(c.places())
	for _, line := range c.at {
		for id, p := range line {
			line[id] = point{p.x - low.x + chartSide, p.y - low.y + chartMargin}
		}
	}
	c.width, c.height = high.x-low.x+2*chartSide, high.y-low.y+2*chartMargin
}

// way is the line's way from one station to the next, both included.
func (c *chart) way(line string, from, to int) []point {
	at := c.at[line]
	ids := slices.Clone(c.via[line][edgeOf(from, to)])
	if from > to {
		slices.Reverse(ids)
	}
	ids = append(append([]int{from}, ids...), to)
	way := make([]point, 0, len(ids))
	for _, id := range ids {
		if p, ok := at[id]; ok {
			way = append(way, p)
		}
	}
	return way
}

// along is the place at a fraction of a way, and the angle of travel there, in
// degrees clockwise from the east.
func along(way []point, f float64) (p point, angle float64) {
	if len(way) == 0 {
		return point{}, 0
	}
	var total float64
	for i := 1; i < len(way); i++ {
		total += math.Hypot(way[i].x-way[i-1].x, way[i].y-way[i-1].y)
	}
	rest := total * f
	p = way[0]
	for i := 1; i < len(way); i++ {
		a, b := way[i-1], way[i]
		d := math.Hypot(b.x-a.x, b.y-a.y)
		angle = math.Atan2(b.y-a.y, b.x-a.x) * 180 / math.Pi
		if rest <= d || i == len(way)-1 {
			return a.to(b, min(rest/max(d, 1e-9), 1)), angle
		}
		rest -= d
	}
	return p, angle
}

// svgPath is a way as SVG has it.
func svgPath(way []point) string {
	var b strings.Builder
	for i, p := range way {
		b.WriteByte("ML"[min(i, 1)])
		fmt.Fprintf(&b, "%.1f %.1f", p.x, p.y)
	}
	return b.String()
}
