package ctaproducer

import (
	"cmp"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// train is a train with an id of its own, in service or not.
type train struct {
	track  *track
	id     string
	status cta.TrainStatus
	last   Event // its latest arrival

	at, from *platform // where it is or was last, and where it stopped before; nil before its first

	path    *path
	index   int           // in path, of the platform it stands at or is on its way to
	headway time.Duration // with which it was sent off
	ending  bool          // its run, at this platform

	starting bool // a run, at its next platform
	held     bool // at this platform, to keep its headway

	start  *platform     // in whose yard it waits, nil when it doesn't
	ready  time.Duration // when it has turned
	stored bool          // in a depot
}

// What happens to trains at platforms is our model of ordinary service.
const (
	clearance  = 25 * time.Second // between a train that has left a platform and the next
	minDwell   = 14 * time.Second
	maxBoard   = 30 * time.Second
	perRider   = 100 * time.Millisecond // many doors are open at a time
	unloading  = 35 * time.Second       // at the end of a run
	boarding   = 40 * time.Second       // at the beginning of one
	maxHold    = 4 * time.Minute
	faultOneIn = 2500 // arrivals
)

// approach brings a train before its next platform.
func (e *engine) approach(t *train) {
	p := t.path.platforms[t.index]
	if p.train == nil && len(p.approach) == 0 && e.now >= p.clear {
		e.arrive(t, p)
		return
	}
	p.approach = append(p.approach, t)
	if p.train == nil {
		e.queue.push(happening{at: p.clear, kind: platformFree, platform: p})
	}
}

// wake lets the first train that waits before a platform in.
func (e *engine) wake(p *platform) {
	if p.train != nil || len(p.approach) == 0 || e.now < p.clear {
		return // another was faster
	}
	t := p.approach[0]
	p.approach = p.approach[1:]
	e.arrive(t, p)
	if len(p.approach) == 0 && len(p.holding) > 0 {
		e.queue.push(happening{at: e.now, kind: trainReady, train: p.holding[0]})
		p.holding = p.holding[1:]
	}
}

// arrive is a train's coming to a platform, with or without a fault.
func (e *engine) arrive(t *train, p *platform) {
	p.train = t
	if t.at == nil || !t.at.passed {
		t.from = t.at
	}
	t.at, t.held = p, p.passed
	t.ending = t.index == len(t.path.platforms)-1
	if p.passed {
		e.queue.push(happening{at: e.now, kind: trainReady, train: t})
		return
	}

	waiting := (*p.entered - p.boarded) / 2 // the others go the other way
	p.boarded = *p.entered
	dwell := minDwell + min(maxBoard, time.Duration(waiting)*perRider) + e.trains.between(0, 8*time.Second)
	switch {
	case t.ending:
		dwell = unloading + e.trains.between(0, 10*time.Second)
	case t.starting:
		dwell = boarding
	}
	t.starting = false
	if e.trains.below(faultOneIn) == 0 && e.faults {
		t.status = cta.TrainBrokenDown
		down := e.trains.between(3*time.Minute, 10*time.Minute)
		e.queue.push(happening{at: e.now + down, kind: trainRepaired, train: t})
	} else {
		e.queue.push(happening{at: e.now + dwell, kind: trainReady, train: t})
	}
	e.announce(t)
}

// repair ends a breakdown and emits that; then the train leaves.
func (e *engine) repair(t *train) {
	t.status = cta.TrainInService
	e.queue.push(happening{at: e.now + minDwell, kind: trainReady, train: t})
	e.announce(t)
}

// ready lets a train leave its platform, unless the train ahead is too close.
func (e *engine) ready(t *train) {
	p := t.at
	if t.ending {
		e.leave(p)
		e.park(t)
		return
	}
	// A train that has come close to the one ahead waits a little. Otherwise it
	// would find ever fewer riders, be ever faster, and catch up.
	spacing := cmp.Or(p.every(e.now), t.headway)
	if hold := min(p.departed+spacing*7/10, e.now+maxHold); hold > e.now && !t.held {
		t.held = true
		e.queue.push(happening{at: hold, kind: trainReady, train: t})
		return
	}
	next := t.path.platforms[t.index+1]
	if len(next.approach) > 0 {
		next.holding = append(next.holding, t)
		return
	}
	l := t.path.links[t.index]
	run := e.weather.latest.slowed(l.run)
	if e.now-p.departed > spacing*11/10 {
		run -= e.trains.between(0, run/15) // late, and the way is free: the driver makes up for it
	} else {
		run += e.trains.between(-run/25, run/25)
	}
	e.leave(p)
	l.latest = max(e.now+run, l.latest+time.Second) // trains don't overtake
	t.index++
	e.queue.push(happening{at: l.latest, kind: trainDue, train: t})
}

// leave clears a platform of its train.
func (e *engine) leave(p *platform) {
	p.train = nil
	p.departed = e.now
	p.clear = e.now + clearance
	if len(p.approach) > 0 {
		e.queue.push(happening{at: p.clear, kind: platformFree, platform: p})
	}
}

// announce emits an arrival: where a train is, and its status.
func (e *engine) announce(t *train) {
	a := cta.Arrival{
		StationID:   t.at.station,
		TrainID:     t.id,
		Direction:   t.at.direction,
		Line:        t.track.line.ID,
		TrainStatus: t.status,
	}
	if t.status != cta.TrainOutOfService {
		a.Destination = &t.path.platforms[len(t.path.platforms)-1].prevStation
	}
	if t.from != nil {
		a.PrevStationID, a.PrevDirection = &t.from.prevStation, &t.from.prevDirection
	}
	e.emit(Event{Kind: EventArrival, Arrival: a})
	t.last = e.out[len(e.out)-1]
}
