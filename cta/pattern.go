package cta

import (
	"cmp"
	"slices"
	"time"
)

// Pattern is an order of calls in which trains of a line run, from where they
// begin to where they end, and when they do. A station may be called at more than
// once: in a ring, in a loop, or on the way back.
type Pattern struct {
	Calls    []Call
	Headsign string // for riders; empty: the name of the last station

	// Headways are intended where the times of the trains aren't known: trains
	// leave so far apart, and take the time that the way takes them.
	Headways []Headway
	// Trips are the runs of a timetable, by departure.
	Trips []Trip

	line *Line
}

// Call is a train's coming to a station, and the direction it comes in.
type Call struct {
	Station   *Station
	Direction Direction
	Stop      int // the id of the Stop; 0 when it isn't known
}

// Headway is how far apart trains of a pattern leave during some hours, by the
// clock.
type Headway struct {
	Calendar *Calendar
	From     int // first hour of local time, 0 to 23
	To       int // hour in which it ends, From < To <= 24
	Every    time.Duration
}

// Trip is a run of a pattern on each service day of a calendar; or several of
// them, at fixed times apart.
type Trip struct {
	ID       string // the agency's own
	Calendar *Calendar
	// Departure from the first call, in seconds of the service day (see [Date.Begin]).
	// It may be past 24 hours.
	Departure int32
	Profile   *Profile
	Block     string // trips of one vehicle; may be empty
	// DirectionID is the agency's own name of the trip's direction, "0" or "1"; empty
	// where it has none. Directions of calls need not agree with it.
	DirectionID string
	Headsign    string // where it differs from the pattern's
	Number      string // by which riders know the trip, as "228"; may be empty
	// Every and Until repeat the trip: it leaves every so many seconds while that is
	// before Until. 0 for a single run. Exact is false where only the time between
	// trains is promised.
	Every, Until int32
	Exact        bool
}

// Profile is the times of a trip's calls in seconds after its departure from the
// first. Trips with the same times share one.
type Profile struct {
	Arrivals, Departures []int32
	// Sequences are the numbers by which the agency knows the calls of a trip, ascending;
	// nil where these are 1, 2, 3 and so on.
	Sequences []int32
}

// Sequence is the agency's number of the i-th call.
func (p *Profile) Sequence(i int) int {
	if p.Sequences == nil {
		return i + 1
	}
	return int(p.Sequences[i])
}

// Run is a trip on one service day.
type Run struct {
	*Pattern
	*Trip
	Date      Date
	Departure time.Time // from the first call
}

// ID names the run within its day: the trip's id, and of several also the time.
func (r Run) ID() string {
	if r.Every == 0 {
		return r.Trip.ID
	}
	s := int(r.Departure.Sub(r.Date.Begin(r.Departure.Location())) / time.Second)
	return r.Trip.ID + "@" + clock(s)
}

// clock writes seconds of a service day as 07:05:00.
func clock(s int) string {
	b := make([]byte, 0, 8)
	for i, n := range [3]int{s / 3600, s / 60 % 60, s % 60} {
		if i > 0 {
			b = append(b, ':')
		}
		if n > 99 {
			b = append(b, byte('0'+n/100%10))
		}
		b = append(b, byte('0'+n/10%10), byte('0'+n%10))
	}
	return string(b)
}

// Arrival returns when the run comes to its i-th call.
func (r Run) Arrival(i int) time.Time {
	return r.Departure.Add(time.Duration(r.Profile.Arrivals[i]) * time.Second)
}

// Direction is that of the first call.
func (p *Pattern) Direction() Direction { return p.Calls[0].Direction }

// Last is the last call.
func (p *Pattern) Last() Call { return p.Calls[len(p.Calls)-1] }

// Ring reports whether trains end where they began, in the same direction.
func (p *Pattern) Ring() bool {
	first, last := p.Calls[0], p.Last()
	return first.Station == last.Station && first.Direction == last.Direction
}

// Towards returns the riders' name of where trains are bound at a call: the loop of
// the line before trains come to it, as "Loop"; while they run round it where they end,
// as "Kimball via the Loop"; else where they end.
func (p *Pattern) Towards(call int) string {
	last := p.Last()
	if p.Calls[call].Direction == last.Direction {
		if p.Headsign == "" && p.Ring() && p.line != nil && p.line.Loop != "" {
			return p.line.Loop
		}
		return cmp.Or(p.Headsign, last.Station.Name)
	}
	if p.line == nil || p.line.Loop == "" {
		return p.Calls[p.turn()].Station.Name
	}
	switch end := cmp.Or(p.Headsign, last.Station.Name); {
	case !p.line.inLoop(p.Calls[call].Station):
		return p.line.Loop
	case p.line.inLoop(p.Calls[call+1].Station):
		return end + " via the " + p.line.Loop
	default:
		return end
	}
}

// turn is the last call before trains change direction; the last of all when they
// don't.
func (p *Pattern) turn() int {
	for i := 1; i < len(p.Calls); i++ {
		if p.Calls[i].Direction != p.Calls[i-1].Direction {
			return i - 1
		}
	}
	return len(p.Calls) - 1
}

// HeadwayAt returns the headway intended for trains that leave at t; 0 when none
// do, or when they do so by the timetable.
func (p *Pattern) HeadwayAt(t time.Time) time.Duration {
	if p.line != nil && p.line.location != nil {
		t = t.In(p.line.location)
	}
	for _, h := range p.Headways {
		if h.From <= t.Hour() && t.Hour() < h.To && h.Calendar.Runs(DateOf(t)) {
			return h.Every
		}
	}
	return 0
}

// Runs appends the runs of a service day, in the order of the trips, to runs.
func (p *Pattern) Runs(runs []Run, d Date) []Run {
	if len(p.Trips) == 0 {
		return runs
	}
	begin := d.Begin(p.location())
	for i := range p.Trips {
		t := &p.Trips[i]
		if !t.Calendar.Runs(d) {
			continue
		}
		for at := t.Departure; ; at += t.Every {
			runs = append(runs, Run{p, t, d, begin.Add(time.Duration(at) * time.Second)})
			if t.Every <= 0 || at+t.Every >= t.Until {
				break
			}
		}
	}
	return runs
}

func (p *Pattern) location() *time.Location {
	if p.line == nil || p.line.location == nil {
		return time.UTC
	}
	return p.line.location
}

// has reports whether some call is at a station in a direction.
func (p *Pattern) has(d Direction) bool {
	return slices.ContainsFunc(p.Calls, func(c Call) bool { return c.Direction == d })
}

// Reversed returns the calls the other way, in the other direction, at no known stops.
func reversed(calls []Call) []Call {
	back := make([]Call, len(calls))
	for i, c := range calls {
		back[len(calls)-1-i] = Call{Station: c.Station, Direction: c.Direction.Opposite()}
	}
	return back
}
