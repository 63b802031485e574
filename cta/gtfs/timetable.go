package gtfs

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// WithTimetable returns a network whose timetable is the observed service of one day. Each
// run that began on the day becomes a trip, identified by the train's id and the run's
// number on that day. Patterns without a run are left out. The arrivals must start
// before the day, and continue until its last trains have ended.
func WithTimetable(net *cta.Network, day cta.Date, arrivals iter.Seq2[time.Time, cta.Arrival]) (*cta.Network, error) {
	t := table{net: net, begin: day.Begin(net.Location), end: day.Add(1).Begin(net.Location),
		calendar: &cta.Calendar{ID: "seen-" + day.String(), Added: []cta.Date{day}},
		trains:   make(map[string]*seen), trips: make(map[*cta.Pattern][]cta.Trip), profiles: make(map[string]*cta.Profile)}
	for at, a := range arrivals {
		t.arrive(at, a)
	}
	for _, s := range t.trains {
		t.finish(s)
	}
	for _, trips := range t.trips {
		slices.SortFunc(trips, func(a, b cta.Trip) int {
			return cmp.Or(cmp.Compare(a.Departure, b.Departure), cmp.Compare(a.ID, b.ID))
		})
	}
	return withTrips(net, day, t.trips)
}

// withTrips returns a network whose patterns have the given trips. Patterns without
// trips are left out.
func withTrips(net *cta.Network, typical cta.Date, trips map[*cta.Pattern][]cta.Trip) (*cta.Network, error) {
	n := cta.Network{Name: net.Name, Location: net.Location, Hourly: net.Hourly, Celsius: net.Celsius, Typical: typical}
	copies := make(map[*cta.Station]*cta.Station)
	station := func(s *cta.Station) *cta.Station {
		if copies[s] == nil {
			c := *s
			c.Stops = slices.Clone(s.Stops)
			copies[s] = &c
			n.Stations = append(n.Stations, &c)
		}
		return copies[s]
	}
	for _, l := range net.Lines {
		c := cta.Line{ID: l.ID, Ref: l.Ref, Code: l.Code, Name: l.Name, Color: l.Color, TextColor: l.TextColor, Mode: l.Mode, Loop: l.Loop}
		for _, s := range l.Stations {
			s.Station = station(s.Station)
			c.Stations = append(c.Stations, s)
		}
		for _, p := range l.Patterns {
			if len(trips[p]) == 0 {
				continue
			}
			q := &cta.Pattern{Headsign: p.Headsign, Trips: trips[p]}
			for _, call := range p.Calls {
				call.Station = station(call.Station)
				q.Calls = append(q.Calls, call)
			}
			c.Patterns = append(c.Patterns, q)
		}
		if len(c.Patterns) > 0 {
			n.Lines = append(n.Lines, &c)
		}
	}
	if len(n.Lines) == 0 {
		return nil, errEmpty
	}
	return cta.NewNetwork(n)
}

// table collects the runs of a day.
type table struct {
	net        *cta.Network
	begin, end time.Time
	calendar   *cta.Calendar
	trains     map[string]*seen
	trips      map[*cta.Pattern][]cta.Trip
	profiles   map[string]*cta.Profile
}

// seen is a train and its current run, with the patterns that the run still matches.
type seen struct {
	id       string
	patterns []*cta.Pattern
	times    []time.Time
	runs     int
}

func (t *table) arrive(at time.Time, a cta.Arrival) {
	l := t.net.Line(a.Line)
	if l == nil || a.TrainStatus == cta.TrainOutOfService {
		return
	}
	s := t.trains[a.TrainID]
	if s == nil {
		s = &seen{id: a.TrainID}
		t.trains[a.TrainID] = s
	}
	here := func(c cta.Call) bool { return c.Station.ID == a.StationID && c.Direction == a.Direction }
	n := len(s.times)
	if n > 0 && slices.ContainsFunc(s.patterns, func(p *cta.Pattern) bool { return here(p.Calls[n-1]) }) && complete(s) < 0 {
		return // still there, with another status
	}
	open := s.patterns
	for m := n; n > 0 && len(open) > 0; m++ {
		if on := having(open, m, here); len(on) > 0 {
			s.patterns, s.times = on, append(append(s.times, make([]time.Time, m-n)...), at)
			return
		}
		open = having(open, m, func(c cta.Call) bool { return c.Station.Closed }) // nothing is reported from there
	}
	t.finish(s)
	s.patterns, s.times = nil, nil
	for _, p := range l.Patterns {
		if here(p.Calls[0]) {
			s.patterns = append(s.patterns, p)
		}
	}
	if s.patterns != nil {
		s.times = []time.Time{at}
	}
}

func having(patterns []*cta.Pattern, n int, wanted func(cta.Call) bool) (on []*cta.Pattern) {
	for _, p := range patterns {
		if n < len(p.Calls) && wanted(p.Calls[n]) {
			on = append(on, p)
		}
	}
	return on
}

// complete returns the index of the pattern of a train's run if it may have ended, else -1.
func complete(s *seen) int {
	return slices.IndexFunc(s.patterns, func(p *cta.Pattern) bool { return len(p.Calls) == len(s.times) })
}

// finish makes a trip of a train's run, if the run is complete and began on the day.
func (t *table) finish(s *seen) {
	i := complete(s)
	if i < 0 || s.times[0].Before(t.begin) || !s.times[0].Before(t.end) {
		return
	}
	p := s.patterns[i]
	s.runs++
	from := s.times[0].Truncate(time.Second)
	profile := &cta.Profile{Arrivals: make([]int32, len(s.times))}
	profile.Departures = profile.Arrivals
	pass(p, s.times)
	for j, at := range s.times {
		profile.Arrivals[j] = int32(at.Truncate(time.Second).Sub(from) / time.Second)
	}
	key := fmt.Sprint(profile.Arrivals)
	if same := t.profiles[key]; same != nil {
		profile = same
	}
	t.profiles[key] = profile
	t.trips[p] = append(t.trips[p], cta.Trip{
		ID: fmt.Sprintf("%s-%d", s.id, s.runs), Calendar: t.calendar, Block: s.id,
		Departure: int32(from.Sub(t.begin) / time.Second), Profile: profile, DirectionID: directionID(p),
	})
}

// pass fills in the times at closed stations, in proportion to the distances from the stop
// before to the stop behind.
func pass(p *cta.Pattern, times []time.Time) {
	for i := 1; i < len(times)-1; i++ {
		if !times[i].IsZero() {
			continue
		}
		to, rest := i, p.Calls[i-1].Station.Distance(p.Calls[i].Station.Point)
		first := rest
		for ; times[to].IsZero(); to++ {
			rest += p.Calls[to].Station.Distance(p.Calls[to+1].Station.Point)
		}
		times[i] = times[i-1].Add(time.Duration(float64(times[to].Sub(times[i-1])) * first / max(rest, 1)))
	}
}

// directionID returns the direction_id of a pattern without one from its agency.
func directionID(p *cta.Pattern) string {
	if p.Direction() == cta.DirectionB {
		return "1"
	}
	return "0"
}

// WithFrequencies returns a network in which headways are repeated trips (frequencies.txt,
// without exact times), one per pattern and calendar. Patterns with trips keep them. A
// network without headways is returned itself. Call times assume a usual speed, since
// headways promise none.
func WithFrequencies(net *cta.Network) (*cta.Network, error) {
	trips := make(map[*cta.Pattern][]cta.Trip)
	some := false
	for _, l := range net.Lines {
		for i, p := range l.Patterns {
			if trips[p] = p.Trips; len(p.Trips) > 0 || len(p.Headways) == 0 {
				continue
			}
			some = true
			profile := usual(p)
			for _, h := range p.Headways {
				trips[p] = append(trips[p], cta.Trip{
					ID: fmt.Sprintf("%s-%d-%s", l.ID, i+1, h.Calendar.ID), Calendar: h.Calendar, DirectionID: directionID(p), Profile: profile,
					Departure: int32(h.FromHour) * 3600, Until: int32(h.ToHour) * 3600, Every: int32(h.Every / time.Second),
				})
			}
		}
	}
	if !some {
		return net, nil
	}
	return withTrips(net, net.Typical, trips)
}

// usual returns the times of a pattern's calls at a usual speed over the great circle,
// including stops.
func usual(p *cta.Pattern) *cta.Profile {
	const speed, least = 9.0, 20 // m/s, s
	t := &cta.Profile{Arrivals: make([]int32, len(p.Calls))}
	t.Departures = t.Arrivals
	for i := 1; i < len(p.Calls); i++ {
		took := int32(p.Calls[i-1].Station.Distance(p.Calls[i].Station.Point) / speed)
		t.Arrivals[i] = t.Arrivals[i-1] + max(took, least)
	}
	return t
}
