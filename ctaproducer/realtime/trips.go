package realtime

import (
	"cmp"
	"math"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

type scheduled struct {
	way  *way
	trip *cta.Trip
}

// way is a pattern with what is needed to follow a train along it.
type way struct {
	*cta.Pattern
	line  *cta.Line
	paths []cta.Path // from each call to the next
	along []float64  // metres from the first call to each, by straight lines
	stops []string   // id of each call's stop in the feed
}

// run is what a train does: a pattern, on a timetabled trip if one is known.
type run struct {
	*way
	trip   *cta.Trip
	id     string // the train's
	date   cta.Date
	depart time.Time // by the timetable; zero when unknown
}

// scheduled returns the timetabled arrival at a call, zero when unknown.
func (r *run) scheduled(i int) time.Time {
	arrival, _ := r.times(i)
	return arrival
}

// times returns the timetabled arrival at a call and the departure from it, zero when
// unknown.
func (r *run) times(i int) (arrival, departure time.Time) {
	if r.depart.IsZero() || r.trip == nil {
		return time.Time{}, time.Time{}
	}
	after := func(seconds int32) time.Time { return r.depart.Add(time.Duration(seconds) * time.Second) }
	return after(r.trip.Profile.Arrivals[i]), after(r.trip.Profile.Departures[i])
}

// index finds the call that a stop of a feed means, from call from on if it can; -1 if
// the run doesn't have it.
func (x *index) call(r *run, stop string, sequence, from int) int {
	if sequence >= 0 && r.trip != nil {
		for i := range r.Calls {
			if r.trip.Profile.Sequence(i) == sequence && (stop == "" || x.at(r.way, i, stop)) {
				return i
			}
		}
	}
	if stop == "" {
		return -1
	}
	for i := max(0, from); i < len(r.Calls); i++ {
		if x.at(r.way, i, stop) {
			return i
		}
	}
	for i := min(from, len(r.Calls)) - 1; i >= 0; i-- {
		if x.at(r.way, i, stop) {
			return i
		}
	}
	return -1
}

// start returns the call at which the stops of an update begin: where they follow each
// other most closely, as a round trip has most stops twice, from the call that was reached
// on if they can; 0 if they aren't the run's, or have a sequence.
func (x *index) start(r *run, calls []expected, reached int) (start int) {
	if len(calls) == 0 || calls[0].sequence >= 0 && r.trip != nil {
		return 0
	}
	span := math.MaxInt
	for i := range r.Calls {
		if !x.at(r.way, i, calls[0].stop) {
			continue
		}
		last := i
		for _, c := range calls[1:] {
			for last++; last < len(r.Calls) && !x.at(r.way, last, c.stop); last++ {
			}
		}
		if last < len(r.Calls) && (last-i < span || start < reached && i >= reached) {
			start, span = i, last-i
		}
	}
	return start
}

// index finds the runs that feeds name.
type index struct {
	zone      *time.Location
	trips     map[string][]scheduled // by the agency's id
	routes    map[string][]*way      // by the agency's id
	all       []*way
	stationOf map[string]int // by the agency's id of a stop or a station
}

func newIndex(net *cta.Network) *index {
	x := &index{zone: net.Location, trips: map[string][]scheduled{}, routes: map[string][]*way{}, stationOf: map[string]int{}}
	for _, s := range net.Stations {
		for _, p := range s.Stops {
			x.stationOf[gtfs.PlatformID(p)] = s.ID
		}
		x.stationOf[gtfs.StationID(s)] = s.ID
	}
	for _, l := range net.Lines {
		for _, p := range l.Patterns {
			shape := p.Shape()
			w := &way{Pattern: p, line: l, along: make([]float64, len(p.Calls))}
			for i, c := range p.Calls {
				if i > 0 {
					w.along[i] = w.along[i-1] + p.Calls[i-1].Station.Distance(c.Station.Point)
				}
				w.stops = append(w.stops, gtfs.StopID(c))
				w.paths = append(w.paths, p.Path(shape, i))
			}
			x.all = append(x.all, w)
			x.routes[gtfs.RouteID(l)] = append(x.routes[gtfs.RouteID(l)], w)
			for i := range p.Trips {
				x.trips[p.Trips[i].ID] = append(x.trips[p.Trips[i].ID], scheduled{w, &p.Trips[i]})
			}
		}
	}
	return x
}

// at reports whether a stop is that of a call, or another of the same station.
func (x *index) at(w *way, i int, stop string) bool {
	return w.stops[i] == stop || x.stationOf[stop] == w.Calls[i].Station.ID
}

// evidence is a call of a trip with a time, by which its run can be told.
type evidence struct {
	stop     string
	sequence int
	at       time.Time
	late     time.Duration // by how much at is later than the timetable; 0 when unknown, too
	leaves   bool          // at is the departure's, else the arrival's
}

// named returns the run that a descriptor names; nil if the network doesn't have it.
func (x *index) named(d *descriptor, vehicle string, seen []evidence, now time.Time) *run {
	var best *run
	var off time.Duration
	for _, s := range x.trips[d.trip] {
		r := &run{way: s.way, trip: s.trip, id: s.trip.ID}
		depart := s.trip.Departure
		if s.trip.Every > 0 {
			if d.start < 0 {
				if vehicle == "" {
					continue
				}
				r.id += "@" + vehicle // any of the trip's departures
				if best == nil {
					best, off = r, math.MaxInt64
				}
				continue
			}
			depart = d.start
		}
		at := now
		for _, e := range seen {
			if i := x.call(r, e.stop, e.sequence, 0); i >= 0 && !e.at.IsZero() {
				planned := s.trip.Profile.Arrivals[i]
				if e.leaves {
					planned = s.trip.Profile.Departures[i]
				}
				at = e.at.Add(-time.Duration(planned)*time.Second - e.late)
				break
			}
		}
		today := cta.DateOf(at.In(x.zone))
		dates := []cta.Date{today.Add(-2), today.Add(-1), today, today.Add(1)}
		if d.date != 0 {
			dates = []cta.Date{serviceDay(s.trip, d.date, depart)}
		}
		for _, date := range dates {
			if d.date == 0 && !s.trip.Calendar.Includes(date) {
				continue
			}
			begin := date.Begin(x.zone).Add(time.Duration(depart) * time.Second)
			away := begin.Sub(at).Abs()
			if s.trip.Every > 0 { // the trip of the hour
				away = max(time.Duration(s.trip.Departure-depart), time.Duration(depart-s.trip.Until), 0) * time.Second
			}
			if best == nil || away < off {
				full := *r
				full.date, full.depart = date, begin
				if s.trip.Every > 0 {
					full.id = cta.Run{Trip: s.trip, Date: date, Departure: begin}.ID()
				}
				best, off = &full, away
			}
		}
	}
	return best
}

// serviceDay returns the service day that a feed's start_date means. Some feeds have the
// calendar day of a departure after midnight, on which its trip may not run.
func serviceDay(t *cta.Trip, date cta.Date, depart int32) cta.Date {
	if before := date.Add(-1); depart >= 24*60*60 && !t.Calendar.Includes(date) && t.Calendar.Includes(before) {
		return before
	}
	return date
}

// By how much the run that fits best may differ from the timetable, and by how much
// less than the next one, if the timetable's time is known from a delay, and if it
// isn't.
const (
	exactFit, exactMargin = 30 * time.Second, 2 * time.Minute
	looseFit, looseMargin = 5 * time.Minute, 15 * time.Minute
)

// similar returns the timetabled run that fits a trip with an unknown id; nil if none
// does, or more than one may. taken reports whether a run is made by another train.
func (x *index) similar(d *descriptor, seen []evidence, now time.Time, taken func(*run) bool) *run {
	var first *evidence
	for i := range seen {
		if !seen[i].at.IsZero() {
			first = &seen[i]
			break
		}
	}
	if first == nil && d.start < 0 {
		return nil
	}
	ways := x.all
	if d.route != "" {
		ways = x.routes[d.route]
	}
	var best *run
	cost, next := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for _, w := range ways {
		at, fits := x.fit(w, seen, first)
		if !fits {
			continue
		}
		for i := range w.Trips {
			t := &w.Trips[i]
			if t.Every > 0 || d.start >= 0 && d.start != t.Departure || d.direction != "" && t.DirectionID != "" && d.direction != t.DirectionID {
				continue
			}
			today := cta.DateOf(now.In(x.zone))
			dates := []cta.Date{today.Add(-1), today}
			if d.date != 0 {
				dates = []cta.Date{serviceDay(t, d.date, t.Departure)}
			}
			for _, date := range dates {
				if !t.Calendar.Includes(date) {
					continue
				}
				r := &run{way: w, trip: t, id: t.ID, date: date, depart: date.Begin(x.zone).Add(time.Duration(t.Departure) * time.Second)}
				off := r.depart.Sub(now).Abs()
				if first != nil {
					planned, departure := r.times(at)
					if first.leaves {
						planned = departure
					}
					off = first.at.Add(-first.late).Sub(planned).Abs()
				}
				if off >= next || taken(r) {
					continue
				}
				if off < cost {
					best, cost, off = r, off, cost
				}
				next = min(next, off)
			}
		}
	}
	most, margin := looseFit, looseMargin
	switch {
	case d.start >= 0: // the departure is the same: only the day is to be told
		most, margin = 6*time.Hour, looseMargin
	case first.late != 0:
		most, margin = exactFit, exactMargin
	}
	if best == nil || cost > most || next-cost < margin {
		return nil
	}
	return best
}

// fit reports whether a pattern calls at stops in their order, and at which call the
// first one with a time is.
func (x *index) fit(w *way, seen []evidence, first *evidence) (at int, ok bool) {
	i := 0
	for k := range seen {
		e := &seen[k]
		if e.stop == "" {
			continue
		}
		for i < len(w.Calls) && !x.at(w, i, e.stop) {
			i++
		}
		if i == len(w.Calls) {
			return 0, false
		}
		if e == first {
			at, ok = i, true
		}
		i++
	}
	return at, ok || first == nil && len(seen) > 0
}

// added returns the run of a trip that the timetable doesn't have, by the pattern that
// has its stops; nil if none has. Without a date, it is of the service day whose departure
// is nearest to now, or of the present one if that is unknown too.
func (x *index) added(d *descriptor, seen []evidence, now time.Time) *run {
	ways := x.all
	if d.route != "" {
		ways = x.routes[d.route]
	}
	var best *way
	score := func(w *way) (n int) {
		if x.at(w, len(w.Calls)-1, seen[len(seen)-1].stop) {
			n = 2
		}
		if x.at(w, 0, seen[0].stop) {
			n++
		}
		return n
	}
	for _, w := range ways {
		if _, ok := x.fit(w, seen, nil); ok && (best == nil || score(w) > score(best)) {
			best = w
		}
	}
	if best == nil || d.trip == "" {
		return nil
	}
	r := &run{way: best, id: d.trip, date: cmp.Or(d.date, cta.ServiceDay(now.In(x.zone)))}
	if d.date == 0 && d.start >= 0 {
		away := func(date cta.Date) time.Duration {
			return date.Begin(x.zone).Add(time.Duration(d.start) * time.Second).Sub(now).Abs()
		}
		today := cta.DateOf(now.In(x.zone))
		for _, date := range []cta.Date{today.Add(-1), today} {
			if away(date) < away(r.date) {
				r.date = date
			}
		}
	}
	return r
}

// place is a position along a run.
type place struct {
	call int     // the last that was reached
	part float64 // of the way to the next call
	off  float64 // metres beside the way
}

// nearest returns the place between calls from and to that is nearest to a position.
func (w *way) nearest(at cta.Point, from, to int) place {
	best := place{call: -1, off: math.Inf(1)}
	for i := max(0, from); i < len(w.Calls)-1 && i <= to; i++ {
		part, off := w.paths[i].Nearest(at)
		if off < best.off-1 { // of equal ones, the first
			best = place{i, part, off}
		}
	}
	return best
}

// metres returns the distance of a position from a call.
func (w *way) metres(at cta.Point, i int) float64 {
	return at.Distance(w.Calls[i].Station.Point)
}

// position returns how far along the way a place is, in metres.
func (w *way) position(call int, part float64) float64 {
	if call < 0 {
		return 0
	}
	if call == len(w.Calls)-1 {
		return w.along[call]
	}
	return w.along[call] + max(0, part)*(w.along[call+1]-w.along[call])
}
