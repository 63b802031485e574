package ctaweb

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Figures of the inset, in units of the map: the place where stations are densest is drawn
// once more, larger, where the map has room.
const (
	insetSize   = 320.0 // its longer side
	insetReach  = 66.0  // around a station, in which others are near
	insetLeast  = 10    // stations that are too near one another to be told apart
	insetLarger = 1.6   // an inset that is less larger is of no use
	insetMargin = 16.0
	insetTries  = 1500 // stations that may be its middle
	insetLetter = 13.0 // height of names, on the inset
)

// inset is the part of a chart that is drawn again, and where.
type inset struct {
	low, high point   // of the part
	at        point   // its upper left corner
	larger    float64 // times
}

func (i *inset) size() point {
	return point{(i.high.x - i.low.x) * i.larger, (i.high.y - i.low.y) * i.larger}
}

// addInset finds the densest part of the chart, and a place for it. It makes the chart wider
// or higher if there is none. A chart without a dense part has no inset.
func (c *chart) addInset() {
	spots := c.spots()
	low, high, ok := c.densest()
	if !ok {
		return
	}
	larger := insetSize / max(high.x-low.x, high.y-low.y)
	if larger < insetLarger {
		return
	}
	in := &inset{low: low, high: high, larger: larger}
	size := in.size()
	// What must not be covered: the lines, and the names at their ends.
	var taken []box
	degree := map[int]int{}
	for line, edges := range c.tracks {
		for _, e := range edges {
			degree[e[0]]++
			degree[e[1]]++
			way := c.way(line, e[0], e[1])
			for i := 1; i < len(way); i++ {
				for f := 0.0; f <= 1; f += 0.125 {
					p := way[i-1].to(way[i], f)
					taken = append(taken, box{point{p.x - insetMargin, p.y - insetMargin}, point{p.x + insetMargin, p.y + insetMargin}})
				}
			}
		}
	}
	for id, p := range spots {
		if degree[id] == 1 {
			taken = append(taken, box{point{p.x - chartSide, p.y - 2*insetMargin}, point{p.x + chartSide, p.y + 2*insetMargin}})
		}
	}
	best, found := math.Inf(1), false
	const step = 20.0
	for y := insetMargin; y+size.y <= max(c.height, size.y+insetMargin)-insetMargin+step; y += step {
		// At this height, how far right the map reaches; and any place that is free within.
		right := 0.0
		var rows []box
		for _, b := range taken {
			if b.low.y < y+size.y && y < b.high.y {
				rows = append(rows, b)
				right = max(right, b.high.x)
			}
		}
		for _, x := range append([]float64{right}, sides(c.width, size.x, step)...) {
			b := box{point{x, y}, point{x + size.x, y + size.y}}
			if slices.ContainsFunc(rows, b.meets) {
				continue
			}
			// Rather within the map, and else as little wider as can be.
			cost := max(0, x+size.x+insetMargin-c.width)*1000 + math.Hypot(x+size.x/2-(low.x+high.x)/2, y+size.y/2-(low.y+high.y)/2)
			if cost < best {
				best, found, in.at = cost, true, point{x, y}
			}
		}
	}
	if below := (size.y + insetMargin) / c.height; !found || (in.at.x+size.x+insetMargin-c.width)/c.width > below {
		in.at = point{insetMargin, c.height}
	}
	c.width = max(c.width, in.at.x+size.x+insetMargin)
	c.height = max(c.height, in.at.y+size.y+insetMargin)
	c.inset = in
}

// sides are the places along the width.
func sides(width, size, step float64) (list []float64) {
	for x := insetMargin; x+size <= width-insetMargin; x += step {
		list = append(list, x)
	}
	return list
}

func (b box) meets(o box) bool {
	return b.low.x < o.high.x && o.low.x < b.high.x && b.low.y < o.high.y && o.low.y < b.high.y
}

// spots are the stations' places, in the middle of their lines.
func (c *chart) spots() map[int]point {
	sums, n := map[int]point{}, map[int]float64{}
	for _, line := range c.at {
		for id, p := range line {
			sums[id] = point{sums[id].x + p.x, sums[id].y + p.y}
			n[id]++
		}
	}
	for id, p := range sums {
		sums[id] = point{p.x / n[id], p.y / n[id]}
	}
	return sums
}

// densest returns the bounds of the stations around the one that has the most others near. A
// station counts for each of its lines.
func (c *chart) densest() (low, high point, ok bool) {
	all := slices.SortedFunc(c.places(), func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	near := func(p point) (list []point) {
		from, _ := slices.BinarySearchFunc(all, p.x-insetReach, func(q point, x float64) int { return cmp.Compare(q.x, x) })
		for _, q := range all[from:] {
			if q.x > p.x+insetReach {
				break
			}
			if math.Hypot(q.x-p.x, q.y-p.y) <= insetReach {
				list = append(list, q)
			}
		}
		return list
	}
	var most []point
	for i := 0; i < len(all); i += len(all)/insetTries + 1 {
		if list := near(all[i]); len(list) > len(most) {
			most = list
		}
	}
	for range 3 { // around their middle there may be more
		var middle point
		for _, p := range most {
			middle.x, middle.y = middle.x+p.x/float64(len(most)), middle.y+p.y/float64(len(most))
		}
		if list := near(middle); len(list) >= len(most) {
			most = list
		}
	}
	if len(most) < insetLeast {
		return low, high, false
	}
	low, high = bounds(slices.Values(most))
	return point{low.x - insetMargin, low.y - insetMargin}, point{high.x + insetMargin, high.y + insetMargin}, true
}

// has reports whether a place is in the part, or so close to it that a train there is seen.
func (i *inset) has(p point) bool {
	const edge = 5.0
	return p.x > i.low.x-edge && p.y > i.low.y-edge && p.x < i.high.x+edge && p.y < i.high.y+edge
}

// mapPlace is where an inset is on the map, and which part it shows.
type mapPlace struct{ X, Y, Width, Height, View string }

func (i *inset) place() mapPlace {
	size := i.size()
	view := strings.Join([]string{tenths(i.low.x), tenths(i.low.y), tenths(i.high.x - i.low.x), tenths(i.high.y - i.low.y)}, " ")
	return mapPlace{tenths(i.at.x), tenths(i.at.y), tenths(size.x), tenths(size.y), view}
}

// mapInset is an inset as page.html draws it.
type mapInset struct {
	mapPlace
	PartX, PartY string // the part, on the map
	PartWidth    string
	PartHeight   string
	Font, Stroke string
	Labels       []mapLabel
}

// drawn is an inset with the names that fit, those of several lines first.
func (i *inset) drawn(spots map[int][]point, names map[int]string, order []int) *mapInset {
	v := &mapInset{
		mapPlace: i.place(),
		PartX:    tenths(i.low.x), PartY: tenths(i.low.y), PartWidth: tenths(i.high.x - i.low.x), PartHeight: tenths(i.high.y - i.low.y),
		Font: tenths(insetLetter / i.larger), Stroke: tenths(3 / i.larger),
	}
	order = slices.Clone(order)
	slices.SortStableFunc(order, func(a, b int) int { return len(spots[b]) - len(spots[a]) })
	var taken []box
	middle := func(id int) point { at := spots[id]; return at[0].to(at[len(at)-1], 0.5) }
	for _, id := range order {
		p := middle(id)
		taken = append(taken, box{point{p.x - 2, p.y - 2}, point{p.x + 2, p.y + 2}})
	}
	away, height := 7/i.larger, insetLetter/i.larger
	for _, id := range order {
		text := names[id]
		if r := []rune(text); len(r) > maxLabel {
			text = strings.TrimSpace(string(r[:maxLabel-1])) + "…"
		}
		p, width := middle(id), 0.66*height*float64(utf8.RuneCountInString(text))
		for _, left := range []point{{p.x + away, p.y - height/2}, {p.x - away - width, p.y - height/2}, {p.x - width/2, p.y + away}, {p.x - width/2, p.y - away - height}} {
			b := box{left, point{left.x + width, left.y + height}}
			if left.x < i.low.x || left.y < i.low.y || b.high.x > i.high.x || b.high.y > i.high.y || slices.ContainsFunc(taken, b.meets) {
				continue
			}
			taken = append(taken, b)
			v.Labels = append(v.Labels, mapLabel{tenths(left.x), tenths(left.y + 0.8*height), "start", text})
			break
		}
	}
	return v
}
