package ctaproducer

import (
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// timetable runs the trips of a network's timetable: each as a separate train with the
// trip's id, at the trip's times.
type timetable struct {
	patterns []tripPattern
	longest  time.Duration                    // of a trip
	calls    map[stationLine]uint64           // of this hour
	times    map[*cta.Profile][]time.Duration // of the calls
}

type stationLine struct {
	station int
	line    string
}

type tripPattern struct {
	*cta.Pattern
	line string
	// For events only, which share them.
	stations   []int
	directions []cta.Direction
	passed     []bool // without a stop: the station is closed, and is not the first or the last
}

// journey is a trip under way.
type journey struct {
	*tripPattern
	id      string
	depart  time.Duration
	profile *cta.Profile
	times   []time.Duration // of the calls, after depart
	index   int             // of the call that is next, or at which it stands
	status  cta.TrainStatus
	last    Event // its latest arrival
	ended   bool  // at its last call
}

func newTimetable(net *cta.Network) *timetable {
	k := &timetable{times: make(map[*cta.Profile][]time.Duration), calls: make(map[stationLine]uint64)}
	for _, l := range net.Lines {
		for _, p := range l.Patterns {
			if len(p.Trips) == 0 || len(p.Calls) < 2 {
				continue
			}
			w := tripPattern{Pattern: p, line: l.ID}
			for i, c := range p.Calls {
				w.stations = append(w.stations, c.Station.ID)
				w.directions = append(w.directions, c.Direction)
				w.passed = append(w.passed, c.Station.Closed && i > 0 && i < len(p.Calls)-1)
			}
			for i := range p.Trips {
				t := p.Trips[i].Profile
				k.longest = max(k.longest, time.Duration(t.Arrivals[len(t.Arrivals)-1])*time.Second)
			}
			k.patterns = append(k.patterns, w)
		}
	}
	return k
}

// plan has the trips that leave in a span of time do so.
func (e *engine) plan(from, until time.Duration) {
	if len(e.timetable.patterns) == 0 {
		return
	}
	begin, end := e.time(from), e.time(until)
	first, last := e.net.ServiceDays(begin, end)
	clear(e.timetable.calls)
	var runs []cta.Run
	for i := range e.timetable.patterns {
		p := &e.timetable.patterns[i]
		runs = runs[:0]
		for d := first; d <= last; d = d.Add(1) {
			runs = p.AppendRuns(runs, d)
		}
		for _, r := range runs {
			if r.Departure.Before(begin) || !r.Departure.Before(end) {
				continue
			}
			times, ok := e.timetable.times[r.Profile]
			if !ok {
				times = r.Profile.AppendTimes(nil)
				e.timetable.times[r.Profile] = times
			}
			j := &journey{
				tripPattern: p, id: r.ID(), depart: r.Departure.Sub(e.origin), profile: r.Profile, times: times, status: cta.TrainInService,
			}
			e.queue.push(happening{at: j.depart, kind: journeyDue, journey: j})
			e.journeys = append(e.journeys, j)
			for _, s := range j.stations {
				e.timetable.calls[stationLine{s, j.line}]++
			}
		}
	}
	e.journeys = slices.DeleteFunc(e.journeys, func(j *journey) bool { return j.status == cta.TrainOutOfService })
}

// follow brings a journey to its next call, or out of service after the last.
func (e *engine) follow(j *journey) {
	switch {
	case j.ended:
		j.status = cta.TrainOutOfService
		e.say(j)
		return
	case j.passed[j.index]:
	case j.status == cta.TrainBrokenDown:
		j.status = cta.TrainInService
	case e.faults && e.trains.below(faultOneIn) == 0:
		j.status = cta.TrainBrokenDown
		e.say(j)
		e.queue.push(happening{at: e.now + e.trains.between(3*time.Minute, 10*time.Minute), kind: journeyDue, journey: j})
		return
	}
	if !j.passed[j.index] {
		e.say(j)
	}
	if j.index == len(j.times)-1 {
		j.ended = true
		e.queue.push(happening{at: e.now + unloading, kind: journeyDue, journey: j})
		return
	}
	// A late train makes up for it where the timetable has it wait.
	leaves := j.depart + max(j.times[j.index], time.Duration(j.profile.Departures[j.index])*time.Second)
	due := j.depart + j.times[j.index+1]
	j.index++
	e.queue.push(happening{at: max(due, e.now+due-leaves), kind: journeyDue, journey: j})
}

// say emits the position and the status of a journey.
func (e *engine) say(j *journey) {
	a := cta.Arrival{
		StationID:   j.stations[j.index],
		TrainID:     j.id,
		Direction:   j.directions[j.index],
		Line:        j.line,
		TrainStatus: j.status,
	}
	if j.status != cta.TrainOutOfService {
		a.Destination = &j.stations[len(j.stations)-1]
	}
	for i := j.index - 1; i >= 0 && a.PrevStationID == nil; i-- {
		if !j.passed[i] {
			a.PrevStationID, a.PrevDirection = &j.stations[i], &j.directions[i]
		}
	}
	e.emit(Event{Kind: EventArrival, Arrival: a})
	j.last = e.out[len(e.out)-1]
}
