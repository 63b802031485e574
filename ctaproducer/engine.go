package ctaproducer

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// engine is the discrete-event core of a [Simulation]: a clock that jumps from
// one happening to the next. It knows no wall clock, no Kafka and no goroutine,
// and it does all arithmetic that decides what happens in integers, so that a
// seed gives the same events on every platform.
//
// Trains and the weather are happenings in a queue, ordered by time. Riders are
// so many that they have no place in it: they are one Poisson process over the
// whole network, whose next entry is always known (see riders).
type engine struct {
	net    *cta.Network
	origin time.Time     // what a clock of 0 stands for
	now    time.Duration // since origin
	queue  queue
	out    []Event // what has happened
	taken  int     // how many of out were handed out
	trains source
	faults bool

	tracks    []*track
	timetable *timetable
	journeys  []*journey // of trips that have left, or will this hour
	riders    *riders
	weather   *sky
}

// newEngine returns an engine whose clock starts at origin, with all trains
// still in their depots.
func newEngine(net *cta.Network, seed uint64, origin time.Time, faults bool) *engine {
	e := &engine{
		net:     net,
		origin:  origin,
		trains:  newSource(seed, streamTrains),
		faults:  faults,
		riders:  newRiders(net, seed),
		weather: newSky(seed),

		timetable: newTimetable(net),
	}
	names := trainPrefixes(net.Lines)
	for i, l := range net.Lines {
		if t := newTrack(l, names[i], e.riders); t != nil {
			e.tracks = append(e.tracks, t)
		}
	}
	e.hour()
	return e
}

func (e *engine) time(d time.Duration) time.Time {
	return e.origin.Add(d.Truncate(time.Millisecond))
}

func (e *engine) emit(ev Event) {
	ev.At = e.time(e.now)
	e.out = append(e.out, ev)
}

// next returns the next event, which is good until the next call. There always
// is one: the weather never ends.
func (e *engine) next() *Event {
	if e.taken == len(e.out) {
		e.out, e.taken = e.out[:0], 0
	}
	for len(e.out) == 0 {
		e.step()
	}
	e.taken++
	return &e.out[e.taken-1]
}

// step moves the clock to the next happening.
func (e *engine) step() {
	if e.riders.next < e.queue.top() {
		e.now = e.riders.next
		e.emit(Event{Kind: EventEntry, Entry: e.riders.enter()})
		return
	}
	h := e.queue.pop()
	e.now = h.at
	switch h.kind {
	case hourBegins:
		e.hour()
	case readingDue:
		e.reading(h.reading)
	case slotDue:
		e.slot(h.dispatcher)
	case callDue:
		e.call(h.call)
	case trainDue:
		e.approach(h.train)
	case journeyDue:
		e.follow(h.journey)
	case trainReady:
		e.ready(h.train)
	case trainRepaired:
		e.repair(h.train)
	case platformFree:
		e.wake(h.platform)
	}
}

// skip lets everything before a moment happen unseen.
func (e *engine) skip(until time.Duration) {
	for min(e.riders.next, e.queue.top()) < until {
		e.step()
		e.out, e.taken = e.out[:0], 0
	}
}

// standing returns the latest arrival of each train that is out on its line, in
// the order of their times.
func (e *engine) standing() []Event {
	var events []Event
	for _, k := range e.tracks {
		for _, t := range k.fleet {
			if !t.stored {
				events = append(events, t.last)
			}
		}
	}
	for _, j := range e.journeys {
		if j.last.Kind == EventArrival && j.status != cta.TrainOutOfService {
			events = append(events, j.last)
		}
	}
	slices.SortFunc(events, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Arrival.TrainID, b.Arrival.TrainID))
	})
	return events
}

// hour begins an hour of local time: services change, and so do the rates at
// which riders come. The hour's weather is drawn ahead, because riders depend on
// all of it (see riders.hour).
func (e *engine) hour() {
	local := e.time(e.now).In(e.net.Location)
	end := e.now + time.Hour - sinceHour(local)
	e.queue.push(happening{at: end, kind: hourBegins})

	for _, k := range e.tracks {
		e.serve(k, local)
	}
	e.plan(e.now, end)
	readings := e.weather.hour(local, e.now, end)
	e.riders.hour(local, e.tracks, e.timetable, readings, end)
	for i := range readings {
		e.queue.push(happening{at: readings[i].at, kind: readingDue, reading: &readings[i]})
	}
}

// sinceHour is how long ago the hour of local time began. Not every zone is whole
// hours from UTC.
func sinceHour(local time.Time) time.Duration {
	return time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
}

func (e *engine) reading(r *reading) {
	e.weather.latest = *r
	e.riders.rate(e.now, r.gap)
	e.emit(Event{Kind: EventWeather, Weather: r.weather})
}
