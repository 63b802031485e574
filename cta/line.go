package cta

import (
	"slices"
	"strings"
	"time"
)

// Line is a named service with a colour.
type Line struct {
	ID        string // as "blue"
	Name      string // as "Blue Line"
	Color     string // "#rrggbb"
	TextColor string // "#rrggbb", legible on Color
	// Stations holds every station once: the trunk, then each branch, in order.
	Stations []LineStation
	// Routes holds the complete runs from the first station: one for each branch,
	// one in all when the line has no branches.
	Routes []Route
	// Service is the intended service, by day and hour.
	Service []Service

	location *time.Location // of the network
	orders   map[int]int    // by station id
}

// LineStation is a station's place on a line.
type LineStation struct {
	*Station
	Order  int    // from 0; two branches use the same numbers
	Branch string // empty on the trunk
}

func (l *Line) index() {
	l.orders = make(map[int]int, len(l.Stations))
	for _, s := range l.Stations {
		l.orders[s.ID] = s.Order
	}
}

// with returns a copy of l whose stations are those of that table.
func (l *Line) with(stations map[int]*Station) *Line {
	c := *l
	c.Stations = slices.Clone(l.Stations)
	for i := range c.Stations {
		c.Stations[i].Station = stations[c.Stations[i].ID]
	}
	c.Routes = slices.Clone(l.Routes)
	for i := range c.Routes {
		r := &c.Routes[i]
		r.Stations = slices.Clone(r.Stations)
		for j := range r.Stations {
			r.Stations[j] = stations[r.Stations[j].ID]
		}
	}
	return &c
}

// Order returns the place of a station on the line; ok is false when the line
// doesn't stop there.
func (l *Line) Order(stationID int) (order int, ok bool) {
	order, ok = l.orders[stationID]
	return order, ok
}

// Towards returns the riders' name of a direction, as "Forest Park", "Loop" or,
// over branches, "Ashland/63rd or Cottage Grove". Every run that ends in a loop
// goes towards "Loop".
func (l *Line) Towards(d Direction) string {
	if d == DirectionB {
		return l.Stations[0].Name
	}
	var ends []string
	for _, r := range l.Routes {
		end := "Loop"
		if r.Terminates() {
			end = r.Stations[len(r.Stations)-1].Name
		}
		if !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
	}
	return strings.Join(ends, " or ")
}

// Hop is a station that a train comes to, and the direction it comes in. Two
// hops that follow one another have the same direction but in two places: the
// way round a loop (direction a) is followed by the way back (b), and where a
// train turns back before the end of the line.
type Hop struct {
	Station   *Station
	Direction Direction
}

// Next returns the stations that a train may come to after the given one in
// that direction, with the direction it then runs in:
//
//  1. the following station, or one for each branch where branches part;
//  2. after the last station of a loop, the last one before the loop, in
//     direction b;
//  3. last, where some service turns back ([Service].Last), the station it came
//     from, in direction b. Whether a train does so depends on the service of its
//     hour: see [Line.ServiceAt].
//
// There is none at the end of the line, from which a train begins a new run the
// other way; for stations that aren't on the line; and for stations of a loop in
// direction b, in which no train passes them. A train that turns, at an end or
// before, may first arrive at the same station once more, in the other direction.
func (l *Line) Next(stationID int, d Direction) []Hop {
	var hops []Hop
	for _, r := range l.Routes {
		if h, ok := r.next(stationID, d); ok && !slices.Contains(hops, h) {
			hops = append(hops, h)
		}
	}
	if d == DirectionA && l.turnsBack(stationID) {
		hops = append(hops, l.Next(stationID, DirectionB)...)
	}
	return hops
}

// turnsBack reports whether some service ends at a station that is not the end
// of the line.
func (l *Line) turnsBack(stationID int) bool {
	return slices.ContainsFunc(l.Service, func(s Service) bool { return s.Last == stationID })
}
