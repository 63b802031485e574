package gtfs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// Limits on shapes, which would take most of a network's memory.
const (
	tolerance      = 10.0      // metres between a shape as published and as kept
	piece          = 500       // points that are simplified at once, as the time grows with their square
	maxShape       = 20_000    // points kept of one shape
	maxShapePoints = 3_000_000 // kept of all shapes as published, and of those as placed
	maxPlacing     = 4_000_000 // calls of a trip times points of its shape
	maxAstray      = 1_000.0   // metres from a stop to the shape of its trip
)

// shapePoint is a row of shapes.txt.
type shapePoint struct {
	sequence int32
	cta.Point
}

// readShapes reads the shapes of the trips that are read. A faulty file costs the
// shapes, not the feed: positions then lie on straight lines.
func (f *feed) readShapes() {
	f.shapes = make(map[string][]shapePoint)
	for i := range f.tripList {
		if id := f.tripList[i].shape; id != "" {
			f.shapes[id] = nil
		}
	}
	if len(f.shapes) == 0 {
		return
	}
	own := reader{Reader: sheet.Reader{FS: f.FS, MaxFile: maxFile}, report: f.report}
	id, used, kept, large := "", false, 0, 0
	var points []shapePoint // of the shape, since its last piece
	put := func() {
		slices.SortStableFunc(points, bySequence)
		points = simplify(points)
		kept += len(points)
		if all := append(f.shapes[id], points...); len(all) > maxShape {
			kept -= len(all)
			large++
			delete(f.shapes, id)
		} else if len(points) > 0 {
			f.shapes[id] = all
		}
		points = points[:0]
	}
	own.each("shapes.txt", nil, func(w row) {
		if w.Cell("shape_id") != id || len(points) == piece {
			put()
			id = strings.Clone(w.Cell("shape_id"))
			_, used = f.shapes[id]
		}
		if !used || kept > maxShapePoints {
			return
		}
		latitude, ok1 := w.degrees("shape_pt_lat", 90)
		longitude, ok2 := w.degrees("shape_pt_lon", 180)
		sequence := w.optional("shape_pt_sequence", math.MaxInt32, -1)
		if ok1 && ok2 && sequence >= 0 {
			points = append(points, shapePoint{int32(sequence), cta.Point{Latitude: latitude, Longitude: longitude}})
		}
	})
	put()
	own.tellOdd()
	if large > 0 {
		f.notice("shapes.txt: %s of more than %d points left out: positions of these trips are on straight lines", many(large, "shape", "shapes"), maxShape)
	}
	fault := own.Err(func(fault *sheet.Fault) error { return (*cta.DataError)(fault) })
	if fault == nil && kept > maxShapePoints {
		fault = fmt.Errorf("shapes.txt: more than %d points", maxShapePoints)
	}
	if fault != nil {
		f.notice("positions are on straight lines between stops, for want of shapes: %s", sheet.Cut(fault.Error(), 200))
		clear(f.shapes)
	}
	for id, points := range f.shapes {
		slices.SortStableFunc(points, bySequence) // its pieces may be mixed
		f.shapes[id] = simplify(points)
	}
}

// micro rounds degrees to a tenth of a metre.
func micro(degrees float64) float64 { return math.Round(degrees*1e6) / 1e6 }

func bySequence(a, b shapePoint) int { return cmp.Compare(a.sequence, b.sequence) }

// degrees returns a coordinate. An invalid one is only a notice.
func (w row) degrees(column string, most float64) (float64, bool) {
	n, err := strconv.ParseFloat(w.Cell(column), 64)
	if err != nil || !(math.Abs(n) <= most) {
		w.odd(column, unknown)
		return 0, false
	}
	return n, true
}

// simplify leaves out points that lie within tolerance of the line without them, by the
// algorithm of Douglas and Peucker on each piece. It works in place.
func simplify(points []shapePoint) []shapePoint {
	if len(points) == 0 {
		return nil
	}
	keep := make([]bool, len(points))
	keep[0] = true
	var parts [][2]int
	for from := 0; from < len(points)-1; from += piece {
		to := min(from+piece, len(points)-1)
		keep[to] = true
		parts = append(parts, [2]int{from, to})
	}
	for len(parts) > 0 {
		from, to := parts[len(parts)-1][0], parts[len(parts)-1][1]
		parts = parts[:len(parts)-1]
		farthest, most := 0, tolerance
		chord := cta.Path{points[from].Point, points[to].Point}
		for i := from + 1; i < to; i++ {
			if _, off := chord.Nearest(points[i].Point); off > most {
				farthest, most = i, off
			}
		}
		if farthest > 0 {
			keep[farthest] = true
			parts = append(parts, [2]int{from, farthest}, [2]int{farthest, to})
		}
	}
	kept := points[:0]
	for i, p := range points {
		if keep[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// shape returns the shape of a trip, nil without one. Trips with the same calls and
// points share a shape.
func (b *builder) shape(id string, calls []call) *cta.Shape {
	points := b.feed.shapes[id]
	if len(points) < 2 {
		return nil
	}
	b.key = b.key[:0]
	for _, c := range calls {
		b.key = binary.LittleEndian.AppendUint32(b.key, uint32(c.stop))
	}
	key := string(append(b.key, id...))
	s, known := b.placed[key]
	if !known {
		if len(calls)*len(points) <= maxPlacing && b.points <= maxShapePoints && b.astray <= maxShapePoints {
			if s = b.place(points, calls); s != nil {
				if b.points += len(s.Points); b.points > maxShapePoints {
					b.feed.notice("positions of some trips are on straight lines: the shapes of those before have %d points", b.points)
				}
			} else if b.astray += len(points); b.astray > maxShapePoints { // they take time too
				b.feed.notice("positions of some trips are on straight lines: too many shapes, of %d points, are far from their stops", b.astray)
			}
		}
		b.placed[key] = s
	}
	return s
}

// place finds the calls on a shape, in order: where the sum of the squared distances
// from the stops is least. It returns nil if a stop is far from the shape, or the shape
// leads the other way: the calls are then at one point.
func (b *builder) place(points []shapePoint, calls []call) *cta.Shape {
	// least[j] is the least sum up to call i if that is on the j-th line of the shape or
	// before; from tells for each call and line on which line the call is then.
	lines := len(points) - 1
	least := make([]float64, lines)
	from := make([]int32, len(calls)*lines)
	at := make([]cta.Point, len(calls))
	for i, c := range calls {
		s := b.owner(b.stopList[c.stop]) // a network has the places of stations alone
		at[i] = cta.Point{Latitude: s.lat, Longitude: s.lon}
		for j := range lines {
			_, off := cta.Path{points[j].Point, points[j+1].Point}.Nearest(at[i])
			least[j] += off * off
			from[i*lines+j] = int32(j)
			if j > 0 && least[j-1] <= least[j] {
				least[j], from[i*lines+j] = least[j-1], from[i*lines+j-1]
			}
		}
	}
	on := make([]int32, len(calls))
	for i, j := len(calls)-1, int32(lines-1); i >= 0; i-- {
		j = from[i*lines+int(j)]
		on[i] = j
	}
	s := &cta.Shape{Calls: make([]int32, len(calls))}
	next := int(on[0]) + 1 // the next point of the shape
	for i, p := range at {
		for ; next <= int(on[i]); next++ {
			s.Points = append(s.Points, points[next].Point)
		}
		begin := points[on[i]].Point
		if i > 0 && on[i] == on[i-1] {
			begin = s.Points[len(s.Points)-1] // not before the call before
		}
		rest := cta.Path{begin, points[on[i]+1].Point}
		part, off := rest.Nearest(p)
		if off > maxAstray {
			return nil
		}
		p, _, _ = rest.At(part)
		p = cta.Point{Latitude: micro(p.Latitude), Longitude: micro(p.Longitude)}
		s.Calls[i] = int32(len(s.Points))
		s.Points = append(s.Points, p)
	}
	if 2*length(s.Points) < length(at) {
		return nil
	}
	s.Points = slices.Clip(s.Points)
	return s
}

// length returns the metres from point to point.
func length(points []cta.Point) (metres float64) {
	for i := range points[1:] {
		metres += points[i].Distance(points[i+1])
	}
	return metres
}
