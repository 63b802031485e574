package cta

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Mode is a kind of vehicle.
type Mode string

// Every Mode.
const (
	ModeRail  Mode = "rail"
	ModeMetro Mode = "metro"
	ModeTram  Mode = "tram"
	ModeBus   Mode = "bus"
	ModeFerry Mode = "ferry"
)

// Modes lists every Mode.
var Modes = []Mode{ModeRail, ModeMetro, ModeTram, ModeBus, ModeFerry}

// Line is a named service with a colour.
type Line struct {
	ID        string // such as "blue"
	Ref       string // the agency's own id in its feed; empty if equal to ID
	Code      string // short name for riders, such as "7"; may be empty
	Name      string // such as "Blue Line"
	Color     string // "#rrggbb"
	TextColor string // "#rrggbb", legible on Color
	Mode      Mode
	Loop      string // riders' name of the loop where trains turn; empty without one
	// Stations holds every station once, in drawing order: the main line, then each
	// branch.
	Stations []LineStation
	// Patterns are the line's patterns, with their trips and headways.
	Patterns []*Pattern

	location *time.Location // of the network
	orders   map[int]int    // by station id
}

// LineStation is a station's place on a line.
type LineStation struct {
	*Station
	Order  int    // from 0; two branches use the same numbers
	Branch string // empty on the main line
	Loop   bool   // passed only on the way round, in one direction
}

func (l *Line) index(location *time.Location) {
	l.location = location
	l.orders = make(map[int]int, len(l.Stations))
	for _, s := range l.Stations {
		l.orders[s.ID] = s.Order
	}
	type shown struct {
		end, last string // last is empty for any station
		direction Direction
	}
	seen := make(map[shown]bool)
	for _, p := range l.Patterns {
		p.line, p.apart = l, ""
		last := p.Last()
		seen[shown{p.end(), "", last.Direction}] = true
		seen[shown{p.end(), last.Station.Name, last.Direction}] = true
	}
	for _, p := range l.Patterns {
		last, other := p.Last(), p.Last().Direction.Opposite()
		switch {
		case !seen[shown{p.end(), "", other}]:
		case seen[shown{p.end(), last.Station.Name, other}] || cmp.Or(p.place(), last.Station.Name) == last.Station.Name:
			p.apart = "via " + p.Calls[1].Station.Name
		default:
			p.apart = last.Station.Name
		}
	}
}

// with returns a copy of l that uses the given stations.
func (l *Line) with(stations map[int]*Station) *Line {
	c := *l
	c.Stations = slices.Clone(l.Stations)
	for i := range c.Stations {
		c.Stations[i].Station = stations[c.Stations[i].ID]
	}
	c.Patterns = make([]*Pattern, len(l.Patterns))
	for i, p := range l.Patterns {
		q := *p
		q.Calls = slices.Clone(p.Calls)
		for j := range q.Calls {
			q.Calls[j].Station = stations[q.Calls[j].Station.ID]
		}
		c.Patterns[i] = &q
	}
	return &c
}

// Along returns the stations called at in a direction, each once, in the order of
// travel. Parts that leave the longest pattern for good are branches and come last.
func (l *Line) Along(d Direction) []LineStation {
	var way Line
	for _, p := range l.Patterns {
		var calls []Call
		for _, c := range p.Calls {
			if c.Direction == d {
				calls = append(calls, Call{Station: c.Station, Direction: DirectionA})
			}
		}
		if len(calls) > 0 {
			way.Patterns = append(way.Patterns, &Pattern{Calls: calls})
		}
	}
	way.arrange()
	return way.Stations
}

// inLoop reports whether trains pass s only on the loop at the end of a run.
func (l *Line) inLoop(s *Station) bool {
	return slices.ContainsFunc(l.Stations, func(o LineStation) bool { return o.Station == s && o.Loop })
}

// Order returns a station's place on the line; ok is false when the line doesn't stop
// there.
func (l *Line) Order(stationID int) (order int, ok bool) {
	order, ok = l.orders[stationID]
	return order, ok
}

// Towards returns the riders' name of a direction, such as "Forest Park", "Loop" or,
// with branches, "Ashland/63rd or Cottage Grove". Of many ends it names those of the
// first patterns, which are the main ones.
func (l *Line) Towards(d Direction) string {
	return l.TowardsOf(d, func(*Pattern) bool { return true })
}

// TowardsOf is like Towards, for the patterns that of accepts.
func (l *Line) TowardsOf(d Direction, of func(*Pattern) bool) string {
	var at []Position
	for _, p := range l.Patterns {
		if i := slices.IndexFunc(p.Calls, func(c Call) bool { return c.Direction == d }); i >= 0 && of(p) {
			at = append(at, Position{p, i})
		}
	}
	return Heading(at)
}

// Position is a train's place in its run: at a call of a pattern.
type Position struct {
	*Pattern
	Call int // index of Pattern.Calls
}

// Heading returns the riders' name of the destination of trains at the given positions,
// in the form of [Line.Towards]. It is empty without positions.
func Heading(at []Position) string {
	const most = 2 // names in a heading
	var ends []string
	passed, turns := map[string]bool{}, map[string]bool{} // stations that trains pass, and where they turn
	for _, p := range at {
		d := p.Calls[p.Call].Direction
		for _, c := range p.Calls[p.Call : len(p.Calls)-1] {
			if c.Direction == d {
				passed[c.Station.Name] = true
			}
		}
		end := p.Towards(p.Call)
		if !slices.Contains(ends, end) {
			ends = append(ends, end)
		}
		turns[end] = turns[end] || d != p.Last().Direction
	}
	// The end of a short run is not named where other trains run past it.
	far := slices.DeleteFunc(slices.Clone(ends), func(end string) bool { return passed[end] && !turns[end] })
	if len(far) == 0 {
		far = ends
	}
	return strings.Join(far[:min(len(far), most)], " or ")
}

// Next returns the possible next calls after a station and direction, each once. It
// returns none at the end of all runs, nor for stations that aren't on the line. A
// train that ends its run may next call at the same station in the other direction.
func (l *Line) Next(stationID int, d Direction) []Call {
	var next []Call
	for _, p := range l.Patterns {
		for i := 1; i < len(p.Calls); i++ {
			if c := p.Calls[i-1]; c.Station.ID == stationID && c.Direction == d {
				if n := (Call{Station: p.Calls[i].Station, Direction: p.Calls[i].Direction}); !slices.Contains(next, n) {
					next = append(next, n)
				}
			}
		}
	}
	return next
}

// HeadwayAt returns the intended headway of trains that leave at t in a direction, all
// patterns together. It is 0 without service, and for timetabled service.
func (l *Line) HeadwayAt(t time.Time, d Direction) time.Duration {
	var together time.Duration
	for _, p := range l.Patterns {
		if p.has(d) {
			together = CombinedHeadway(together, p.HeadwayAt(t))
		}
	}
	return together
}

// CombinedHeadway returns the combined headway of two services on the same track; 0 stands for
// no service.
func CombinedHeadway(a, b time.Duration) time.Duration {
	if a <= 0 || b <= 0 {
		return max(a, b)
	}
	const unit = time.Millisecond // the product of two days must fit
	return a / unit * (b / unit) / ((a + b) / unit) * unit
}

// Runs returns the runs of the timetable on a service day.
func (l *Line) Runs(d Date) []Run {
	var runs []Run
	for _, p := range l.Patterns {
		runs = p.AppendRuns(runs, d)
	}
	return runs
}

// Scheduled reports whether the line has a timetable.
func (l *Line) Scheduled() bool {
	return slices.ContainsFunc(l.Patterns, func(p *Pattern) bool { return len(p.Trips) > 0 })
}
