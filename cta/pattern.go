package cta

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pattern is the ordered list of calls of a run, with its trips or headways. A station
// may occur more than once: on a ring, on a loop, or on the way back.
type Pattern struct {
	Calls    []Call
	Headsign string // for riders; default: the name of the last station

	// Headways apply where departure times are unknown.
	Headways []Headway
	// Trips are the timetabled runs, by departure.
	Trips []Trip

	line  *Line
	apart string // from trains in the opposite direction that show the same; may be empty
}

// Call is a stop of a run at a station, and the direction of travel.
type Call struct {
	Station   *Station
	Direction Direction
	Stop      int // the id of the Stop; 0 when unknown
}

// Headway is the time between trains of a pattern during some hours of local time.
type Headway struct {
	Calendar *Calendar
	FromHour int // first hour of local time, 0 to 23
	ToHour   int // end hour, FromHour < ToHour <= 24
	Every    time.Duration
}

// Trip is a run of a pattern on each service day of a calendar, or several runs at
// fixed intervals.
type Trip struct {
	ID       string // the agency's own
	Calendar *Calendar
	// Departure is the departure from the first call, in seconds of the service day
	// (see [Date.Begin]). It may exceed 24 hours.
	Departure int32
	Profile   *Profile
	Shape     *Shape // nil if unknown
	Block     string // trips of one vehicle; may be empty
	// DirectionID is the agency's own direction, "0" or "1"; empty if unknown. The
	// directions of calls need not match it.
	DirectionID string
	Headsign    string // if different from the pattern's
	Number      string // the trip's number for riders, such as "228"; may be empty
	// Every and Until repeat the trip: it departs every Every seconds, before Until.
	// Both are 0 for a single run. If Exact is false, only the interval is promised.
	Every, Until int32
	Exact        bool
}

// ends returns when the trip's last run ends, in seconds of the service day.
func (t *Trip) ends() int32 {
	return max(t.Departure, t.Until) + t.Profile.Arrivals[len(t.Profile.Arrivals)-1]
}

// Profile holds the times of a trip's calls, in seconds after the departure from the
// first call. Trips with equal times share a profile.
type Profile struct {
	Arrivals, Departures []int32
	// Sequences are the agency's call numbers, ascending; nil for 1, 2, 3 and so on.
	Sequences []int32
}

// Sequence returns the agency's number of the i-th call.
func (p *Profile) Sequence(i int) int {
	if p.Sequences == nil {
		return i + 1
	}
	return int(p.Sequences[i])
}

// AppendTimes appends the expected times of the calls to times, after the departure from the
// first call. Timetables are often cut to minutes, so that a bus calls at several stops
// in one. Those calls are spread over what is left of the minute.
func (p *Profile) AppendTimes(times []time.Duration) []time.Duration {
	n := len(p.Arrivals)
	at := func(i int) int32 {
		if i == 0 {
			return 0
		}
		return p.Arrivals[i]
	}
	for i, same := 0, 0; i < n; i += same {
		for same = 1; i+same < n && at(i+same) <= at(i); same++ {
		}
		room := 60 - at(i)%60
		if i+same < n {
			room = min(room, at(i+same)-at(i))
		}
		for j := range same {
			t := time.Duration(at(i))*time.Second + time.Duration(j)*time.Duration(room)*time.Second/time.Duration(same)
			times = append(times, t.Truncate(time.Millisecond))
		}
	}
	return times
}

// Run is a trip on one service day.
type Run struct {
	*Pattern
	*Trip
	Date      Date
	Departure time.Time // from the first call
}

// ID names the run within its day: the trip's id, plus the departure time if the trip
// repeats.
func (r Run) ID() string {
	if r.Every == 0 {
		return r.Trip.ID
	}
	return r.Trip.ID + "@" + r.Start()
}

// Start returns the departure in time of the service day, such as "25:10:00".
func (r Run) Start() string {
	s := r.Departure.Sub(r.Date.Begin(r.Departure.Location())) / time.Second
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Arrival returns the arrival at the i-th call.
func (r Run) Arrival(i int) time.Time {
	return r.Departure.Add(time.Duration(r.Profile.Arrivals[i]) * time.Second)
}

// Direction returns the direction of the first call.
func (p *Pattern) Direction() Direction { return p.Calls[0].Direction }

// Last returns the last call.
func (p *Pattern) Last() Call { return p.Calls[len(p.Calls)-1] }

// Ring reports whether runs end at their first station in the same direction.
func (p *Pattern) Ring() bool {
	first, last := p.Calls[0], p.Last()
	return first.Station == last.Station && first.Direction == last.Direction
}

// Towards returns the riders' name of the destination at a call:
//
//   - the line's loop before the train reaches it, such as "Loop"
//   - inside the loop, the end of the run, such as "Kimball via the Loop"
//   - else the end of the run. Where the line's trains in both directions show the same,
//     the last station or the next one tells them apart: "Shasta Lake (Downtown)",
//     "Circle (via Lake)".
func (p *Pattern) Towards(call int) string {
	last := p.Last()
	if p.Calls[call].Direction == last.Direction {
		if p.Headsign == "" && p.Ring() && p.line != nil && p.line.Loop != "" {
			return p.line.Loop
		}
		if p.apart != "" {
			return cmp.Or(p.place(), last.Station.Name) + " (" + p.apart + ")"
		}
		return p.end()
	}
	if p.line == nil || p.line.Loop == "" {
		return p.Calls[p.turn()].Station.Name
	}
	switch end := p.end(); {
	case !p.line.inLoop(p.Calls[call].Station):
		return p.line.Loop
	case p.line.inLoop(p.Calls[call+1].Station):
		return end + " via the " + p.line.Loop
	default:
		return end
	}
}

// end returns what trains show at the end of the run: the headsign, the last station or both,
// as in "Shasta College (Northbound)".
func (p *Pattern) end() string {
	last := p.Last().Station.Name
	if p.Headsign != "" && p.place() == "" {
		return last + " (" + p.Headsign + ")"
	}
	return cmp.Or(p.Headsign, last)
}

// place returns the headsign, unless it is a mere direction.
func (p *Pattern) place() string {
	switch strings.ToLower(p.Headsign) {
	case "northbound", "southbound", "eastbound", "westbound", "inbound", "outbound":
		return ""
	}
	return p.Headsign
}

// turn returns the last call before the direction changes, or the last call of all.
func (p *Pattern) turn() int {
	for i := 1; i < len(p.Calls); i++ {
		if p.Calls[i].Direction != p.Calls[i-1].Direction {
			return i - 1
		}
	}
	return len(p.Calls) - 1
}

// HeadwayAt returns the intended headway of trains that leave at t. It is 0 without
// service, and for timetabled service.
func (p *Pattern) HeadwayAt(t time.Time) time.Duration {
	if p.line != nil && p.line.location != nil {
		t = t.In(p.line.location)
	}
	for _, h := range p.Headways {
		if h.FromHour <= t.Hour() && t.Hour() < h.ToHour && h.Calendar.Includes(DateOf(t)) {
			return h.Every
		}
	}
	return 0
}

// AppendRuns appends the runs of a service day to runs, in the order of the trips.
func (p *Pattern) AppendRuns(runs []Run, d Date) []Run {
	if len(p.Trips) == 0 {
		return runs
	}
	begin := d.Begin(p.location())
	for i := range p.Trips {
		runs = p.runsOf(runs, &p.Trips[i], d, begin)
	}
	return runs
}

// AppendRunsOf appends the runs of one of the pattern's trips on a service day to runs.
func (p *Pattern) AppendRunsOf(runs []Run, t *Trip, d Date) []Run {
	return p.runsOf(runs, t, d, d.Begin(p.location()))
}

func (p *Pattern) runsOf(runs []Run, t *Trip, d Date, begin time.Time) []Run {
	if !t.Calendar.Includes(d) {
		return runs
	}
	for at := t.Departure; ; at += t.Every {
		runs = append(runs, Run{p, t, d, begin.Add(time.Duration(at) * time.Second)})
		if t.Every <= 0 || at+t.Every >= t.Until {
			return runs
		}
	}
}

func (p *Pattern) location() *time.Location {
	if p.line == nil || p.line.location == nil {
		return time.UTC
	}
	return p.line.location
}

func (p *Pattern) has(d Direction) bool {
	return slices.ContainsFunc(p.Calls, func(c Call) bool { return c.Direction == d })
}

// reversed returns the calls in reverse order and opposite direction, without stops.
func reversed(calls []Call) []Call {
	back := make([]Call, len(calls))
	for i, c := range calls {
		back[len(calls)-1-i] = Call{Station: c.Station, Direction: c.Direction.Opposite()}
	}
	return back
}
