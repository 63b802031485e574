package cta

import "math"

// Shape is the path of trips on the map.
type Shape struct {
	Points Path    // in order of travel, from the first call to the last
	Calls  []int32 // the index in Points of each call, ascending
}

// Point is a place on the map, in degrees.
type Point struct{ Latitude, Longitude float64 }

// Distance returns the great-circle distance between two places, in metres. Tracks between
// them are longer, as they bend.
func (p Point) Distance(q Point) float64 {
	const rad = math.Pi / 180
	sinLat := math.Sin((q.Latitude - p.Latitude) * rad / 2)
	sinLon := math.Sin((q.Longitude - p.Longitude) * rad / 2)
	h := sinLat*sinLat + math.Cos(p.Latitude*rad)*math.Cos(q.Latitude*rad)*sinLon*sinLon
	// Rounding may carry h past 1 for antipodes.
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

// earthRadius is the Earth's mean radius in metres, by the IUGG (R1 of the GRS 80
// ellipsoid).
const earthRadius = 6_371_008.8

// Path is a line on the map, of one point or more.
type Path []Point

// Shape returns the shape of the pattern's first trip that has one, nil if none has. Those
// of other trips hardly differ.
func (p *Pattern) Shape() *Shape {
	for i := range p.Trips {
		if s := p.Trips[i].Shape; s != nil {
			return s
		}
	}
	return nil
}

// Path returns the points from the i-th call to the next: those of shape, or the two
// stations if shape is nil. From the last call, the path is its place alone.
func (p *Pattern) Path(shape *Shape, i int) Path {
	last := min(i+1, len(p.Calls)-1)
	if shape != nil {
		return shape.Points[shape.Calls[i] : shape.Calls[last]+1]
	}
	var path Path
	for _, c := range p.Calls[i : last+1] {
		path = append(path, c.Station.Point)
	}
	return path
}

// At returns the point at a part of the path's length, from 0 to 1, and the direction
// of travel there in degrees clockwise from north. Moves is false for a path without
// length, which has no direction.
func (path Path) At(part float64) (at Point, degrees float64, moves bool) {
	total := 0.0
	for i := range path[1:] {
		total += path[i].Distance(path[i+1])
	}
	rest := part * total
	for i := range path[1:] {
		a, b := path[i], path[i+1]
		length := a.Distance(b)
		if length == 0 {
			continue
		}
		f := min(rest/length, 1)
		at = Point{a.Latitude + f*(b.Latitude-a.Latitude), a.Longitude + f*(b.Longitude-a.Longitude)}
		x, y := a.to(b)
		degrees, moves = math.Mod(math.Atan2(x, y)*180/math.Pi+360, 360), true
		if rest -= length; rest <= 0 {
			return at, degrees, true
		}
	}
	if !moves {
		at = path[0]
	}
	return at, degrees, moves
}

// Nearest returns the point of the path nearest to a place, as a part of the path's length from
// 0 to 1, and its distance in metres. Distances are measured on a plane around the place: good
// for paths of up to some ten km from north to south.
func (path Path) Nearest(at Point) (part, metres float64) {
	const degree = math.Pi / 180 * earthRadius // metres
	scale := math.Cos(at.Latitude * math.Pi / 180)
	plane := func(p Point) (east, north float64) {
		return (p.Longitude - at.Longitude) * scale * degree, (p.Latitude - at.Latitude) * degree
	}
	x, y := plane(path[0])
	total, along, nearest := 0.0, 0.0, x*x+y*y
	for _, p := range path[1:] {
		u, v := plane(p)
		dx, dy := u-x, v-y
		f, length := 0.0, math.Sqrt(dx*dx+dy*dy)
		if length > 0 {
			f = min(1, max(0, -(x*dx+y*dy)/(length*length)))
		}
		ox, oy := x+f*dx, y+f*dy
		if off := ox*ox + oy*oy; off < nearest {
			nearest, along = off, total+f*length
		}
		total, x, y = total+length, u, v
	}
	if total > 0 {
		part = along / total
	}
	return part, math.Sqrt(nearest)
}

// to returns the way from p to q in metres, east and north, as on a plane.
func (p Point) to(q Point) (east, north float64) {
	const rad = math.Pi / 180
	latitude := (p.Latitude + q.Latitude) / 2
	east = (q.Longitude - p.Longitude) * rad * math.Cos(latitude*rad)
	north = (q.Latitude - p.Latitude) * rad
	return east * earthRadius, north * earthRadius
}
