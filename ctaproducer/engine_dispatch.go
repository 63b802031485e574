package ctaproducer

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// dispatcher sends trains of a line off in one direction, a headway apart.
type dispatcher struct {
	track     *track
	direction cta.Direction
	awake     bool
	headway   time.Duration // of this hour, of all origins together; 0 when no trains leave
	origins   []origin      // taken in turn
	slots     int           // so far
}

// origin is a path on which trains are sent off.
type origin struct {
	path *path
	// lag is what trains on it wait after their slot, so that trains of several
	// branches come to where they meet a headway apart.
	lag time.Duration
}

// call is a wish for a train on an origin's platform.
type call struct {
	track *track
	origin
	headway time.Duration
	again   bool
}

// serve takes up the service of the hour that begins.
func (e *engine) serve(k *track, local time.Time) {
	for _, d := range k.dispatchers {
		d.origins, d.headway = nil, 0
		var longest time.Duration
		for _, p := range k.paths {
			if p.pattern.Direction() != d.direction {
				continue
			}
			p.serve(e.now, p.pattern.HeadwayAt(local))
			if p.headway <= 0 {
				continue
			}
			d.origins = append(d.origins, origin{path: p})
			d.headway = cta.CombinedHeadway(d.headway, p.headway)
			longest = max(longest, p.nominal())
		}
		for i := range d.origins {
			o := &d.origins[i]
			if slices.ContainsFunc(d.origins, func(p origin) bool { return p.path.platforms[0] != o.path.platforms[0] }) {
				o.lag = longest - o.path.nominal()
			}
		}
	}
	for _, d := range k.dispatchers {
		e.sendHome(d)
		if d.headway > 0 && !d.awake {
			d.awake = true
			e.queue.push(happening{
				at:         e.now + e.trains.between(0, d.headway),
				kind:       slotDue,
				dispatcher: d,
			})
		}
	}
}

func (p *path) serve(now, headway time.Duration) {
	p.headway = headway
	if n := len(p.changes); n == 0 || p.changes[n-1].headway != headway {
		p.changes = append(p.changes[max(0, n+1-remembered):], change{now, headway})
	}
}

// sendHome takes the trains out of service that wait where none is sent off any more.
func (e *engine) sendHome(d *dispatcher) {
	for _, t := range d.track.fleet {
		if t.start != nil && t.start.direction == d.direction && !d.leaves(t.start) {
			t.start.yard = slices.DeleteFunc(t.start.yard, func(o *train) bool { return o == t })
			e.retire(t, t.start)
		}
	}
}

// leaves reports whether trains are sent off from p in the present service.
func (d *dispatcher) leaves(p *platform) bool {
	return slices.ContainsFunc(d.origins, func(o origin) bool { return o.path.platforms[0] == p })
}

// slot is the time at which a train is intended to leave.
func (e *engine) slot(d *dispatcher) {
	if d.headway <= 0 {
		d.awake = false
		return
	}
	e.queue.push(happening{at: e.now + d.headway, kind: slotDue, dispatcher: d})
	o := d.origins[d.slots%len(d.origins)]
	d.slots++
	e.queue.push(happening{
		at:   e.now + o.lag + e.trains.between(0, 8*time.Second),
		kind: callDue,
		call: &call{track: d.track, origin: o, headway: d.headway},
	})
}

// call brings a train to a platform: the first of the yard, one that will soon
// be ready, or else one from the depot.
func (e *engine) call(c *call) {
	p := c.path.platforms[0]
	t := p.first()
	switch {
	case t != nil && t.ready <= e.now:
		p.yard = slices.DeleteFunc(p.yard, func(o *train) bool { return o == t })
	case t != nil && !c.again && t.ready <= e.now+c.headway*3/10:
		c.again = true
		e.queue.push(happening{at: t.ready, kind: callDue, call: c})
		return
	default:
		t = e.launch(c.track, p)
	}
	t.start, t.starting = nil, true
	t.path, t.index, t.headway = c.path, 0, c.headway
	e.approach(t)
}

// first returns the train of the yard that is ready first, nil when it is empty.
func (p *platform) first() *train {
	var first *train
	for _, t := range p.yard {
		if first == nil || t.ready < first.ready {
			first = t
		}
	}
	return first
}

// launch takes a train into service, the one that has been in p's depot longest
// or a new one.
func (e *engine) launch(k *track, p *platform) *train {
	var t *train
	if len(p.depot) > 0 {
		t, p.depot = p.depot[0], p.depot[1:]
	} else {
		t = &train{track: k, id: fmt.Sprintf("%s%03d", k.prefix, len(k.fleet)+1)}
		k.fleet = append(k.fleet, t)
	}
	t.status, t.at, t.stored = cta.TrainInService, nil, false
	return t
}

// park takes a train that has come to the end of its run off the platform, to
// the yard of the platform it will leave from.
func (e *engine) park(t *train) {
	start := t.track.begins(t.at)
	leaves := slices.ContainsFunc(t.track.dispatchers, func(d *dispatcher) bool { return d.leaves(start) })
	if !leaves || len(start.yard) >= 2 {
		e.retire(t, start)
		return
	}
	t.start = start
	t.ready = e.now + e.trains.between(100*time.Second, 160*time.Second)
	start.yard = append(start.yard, t)
}

// retire takes a train out of service, to the depot of a platform.
func (e *engine) retire(t *train, start *platform) {
	t.status, t.start, t.stored = cta.TrainOutOfService, nil, true
	start.depot = append(start.depot, t)
	e.announce(t)
}
