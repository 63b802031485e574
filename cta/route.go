package cta

import "slices"

// Route is a complete run of a line in direction a.
type Route struct {
	Branch   string
	Stations []*Station
	// Loop is the index of the first station of the final loop: after the last
	// station the train goes on to Stations[Loop-1] in direction b. It is
	// len(Stations) for a route that ends at a terminal.
	Loop int
}

// Hops returns the stations of a run in direction d, in order. In direction b a
// route with a loop begins at the last station before the loop.
func (r Route) Hops(d Direction) []Hop {
	stations := r.Stations
	if d == DirectionB {
		stations = slices.Clone(r.Stations[:r.Loop])
		slices.Reverse(stations)
	}
	hops := make([]Hop, len(stations))
	for i, s := range stations {
		hops[i] = Hop{s, d}
	}
	return hops
}

// Terminates reports whether the route ends at a terminal rather than in a loop.
func (r Route) Terminates() bool { return r.Loop == len(r.Stations) }

func (r Route) next(stationID int, d Direction) (Hop, bool) {
	i := slices.IndexFunc(r.Stations, func(s *Station) bool { return s.ID == stationID })
	switch {
	case i < 0:
	case d == DirectionA && i+1 < len(r.Stations):
		return Hop{r.Stations[i+1], DirectionA}, true
	case d == DirectionA && !r.Terminates():
		return Hop{r.Stations[r.Loop-1], DirectionB}, true
	case d == DirectionB && i > 0 && i < r.Loop:
		return Hop{r.Stations[i-1], DirectionB}, true
	}
	return Hop{}, false
}
