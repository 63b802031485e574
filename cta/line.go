package cta

import (
	"slices"
	"strings"
	"time"
)

// Mode says what runs on a line.
type Mode string

// Every Mode.
const (
	Rail  Mode = "rail"
	Metro Mode = "metro"
	Tram  Mode = "tram"
	Bus   Mode = "bus"
	Ferry Mode = "ferry"
)

// Modes are all of them.
var Modes = []Mode{Rail, Metro, Tram, Bus, Ferry}

// Line is a named service with a colour.
type Line struct {
	ID        string // as "blue"
	Ref       string // the agency's own id, in its feed; empty when that is ID
	Code      string // by which riders know it, as "7"; may be empty
	Name      string // as "Blue Line"
	Color     string // "#rrggbb"
	TextColor string // "#rrggbb", legible on Color
	Mode      Mode
	Loop      string // riders' name of the loop in which trains turn; empty without one
	// Stations holds every station once, as lines are drawn: the main line, then each
	// branch, in order.
	Stations []LineStation
	// Patterns are the orders of calls in which trains run, and when they do.
	Patterns []*Pattern

	location *time.Location // of the network
	orders   map[int]int    // by station id
}

// LineStation is a station's place on a line.
type LineStation struct {
	*Station
	Order  int    // from 0; two branches use the same numbers
	Branch string // empty on the main line
	Loop   bool   // only passed in one direction, on the way round
}

func (l *Line) index(location *time.Location) {
	l.location = location
	l.orders = make(map[int]int, len(l.Stations))
	for _, s := range l.Stations {
		l.orders[s.ID] = s.Order
	}
	for _, p := range l.Patterns {
		p.line = l
	}
}

// with returns a copy of l whose stations are those of that table.
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

// Along returns the stations that trains call at in a direction, each once, in the
// order in which they come to them; what leads away from the longest pattern for good
// is a branch, behind it.
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

// inLoop reports whether trains pass a station only on the way round that ends a run.
func (l *Line) inLoop(s *Station) bool {
	return slices.ContainsFunc(l.Stations, func(o LineStation) bool { return o.Station == s && o.Loop })
}

// Order returns the place of a station on the line; ok is false when the line
// doesn't stop there.
func (l *Line) Order(stationID int) (order int, ok bool) {
	order, ok = l.orders[stationID]
	return order, ok
}

// Towards returns the riders' name of a direction, as "Forest Park", "Loop" or,
// over branches, "Ashland/63rd or Cottage Grove". Of many ends it names the main
// ones: those of the patterns that come first.
func (l *Line) Towards(d Direction) string {
	return l.TowardsOf(d, func(*Pattern) bool { return true })
}

// TowardsOf is Towards of some of the patterns.
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

// Heading returns the riders' name of where trains run to that are at one of those
// positions, as [Line.Towards] does; empty without any.
func Heading(at []Position) string {
	const most = 2 // what a heading has room for
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
	// Short runs end where others go on: the line goes on.
	far := slices.DeleteFunc(slices.Clone(ends), func(end string) bool { return passed[end] && !turns[end] })
	if len(far) == 0 {
		far = ends
	}
	return strings.Join(far[:min(len(far), most)], " or ")
}

// Next returns the calls that a train may make after one at that station in that
// direction: of each pattern the next one, each once. There is none where all
// trains end, nor at stations that aren't on the line. A train that ends its run
// may first come to the same station once more, in the other direction.
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

// HeadwayAt returns the headway that is intended for trains of a direction which
// leave at t, those of all patterns together; 0 when none do, or when they do so by
// the timetable.
func (l *Line) HeadwayAt(t time.Time, d Direction) time.Duration {
	var together time.Duration
	for _, p := range l.Patterns {
		if p.has(d) {
			together = Together(together, p.HeadwayAt(t))
		}
	}
	return together
}

// Together returns the headway of two services that run over the same track; 0
// stands for none.
func Together(a, b time.Duration) time.Duration {
	if a <= 0 || b <= 0 {
		return max(a, b)
	}
	const unit = time.Millisecond // so that the product of two days fits
	return a / unit * (b / unit) / ((a + b) / unit) * unit
}

// Runs returns the runs of the timetable on a service day.
func (l *Line) Runs(d Date) []Run {
	var runs []Run
	for _, p := range l.Patterns {
		runs = p.Runs(runs, d)
	}
	return runs
}

// Scheduled reports whether the line runs by a timetable.
func (l *Line) Scheduled() bool {
	return slices.ContainsFunc(l.Patterns, func(p *Pattern) bool { return len(p.Trips) > 0 })
}
