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
	origins   []origin // taken in turn
	slots     int      // so far
}

// origin is a platform from which trains are sent off, and the path they take.
type origin struct {
	path  *path
	index int // in path
	// lag is what trains from here wait after their slot, so that trains of several
	// branches come to the trunk a headway apart.
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
	service, ok := k.line.ServiceAt(local)
	if k.running = ok && service.Headway > 0; k.running {
		k.service = service // trains still out finish their runs by the last one
	}
	k.out.origins, k.back.origins = nil, nil
	var longest time.Duration
	for _, p := range k.paths {
		k.out.origins = append(k.out.origins, origin{path: p})
		if _, _, short := k.short(p); short || !p.route.Terminates() {
			continue // trains return without being sent off, as far apart as they came
		}
		longest = max(longest, p.nominal(p.far))
		k.back.origins = append(k.back.origins, origin{path: p, index: p.far})
	}
	for i := range k.back.origins {
		o := &k.back.origins[i]
		o.lag = longest - o.path.nominal(o.index)
	}
	for _, d := range [2]*dispatcher{k.out, k.back} {
		e.sendHome(d)
		if k.running && !d.awake {
			d.awake = true
			e.queue.push(happening{
				at:         e.now + e.trains.between(0, k.service.Headway),
				kind:       slotDue,
				dispatcher: d,
			})
		}
	}
}

// sendHome takes the trains out of service that wait where none is sent off any more.
func (e *engine) sendHome(d *dispatcher) {
	k := d.track
	for _, t := range k.fleet {
		if t.start != nil && t.start.direction == d.direction && !k.origin(t.start) {
			t.start.yard = slices.DeleteFunc(t.start.yard, func(o *train) bool { return o == t })
			e.retire(t, t.start)
		}
	}
}

// origin reports whether trains are sent off from p in the present service.
func (k *track) origin(p *platform) bool {
	d := k.out
	if p.direction == cta.DirectionB {
		d = k.back
	}
	return k.running && slices.ContainsFunc(d.origins, func(o origin) bool {
		return o.path.platforms[o.index] == p
	})
}

// slot is the time at which a train is intended to leave.
func (e *engine) slot(d *dispatcher) {
	k := d.track
	if !k.running {
		d.awake = false
		return
	}
	e.queue.push(happening{at: e.now + k.service.Headway, kind: slotDue, dispatcher: d})
	if len(d.origins) == 0 {
		return
	}
	o := d.origins[d.slots%len(d.origins)]
	d.slots++
	e.queue.push(happening{
		at:   e.now + o.lag + e.trains.between(0, 8*time.Second),
		kind: callDue,
		call: &call{track: k, origin: o, headway: k.service.Headway},
	})
}

// call brings a train to a platform: the first of the yard, one that will soon
// be ready, or else one from the depot.
func (e *engine) call(c *call) {
	p := c.path.platforms[c.index]
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
	t.path, t.index, t.headway = c.path, c.index, c.headway
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
	t.status, t.at, t.stored = cta.InService, nil, false
	return t
}

// park takes a train that has come to the end of its run off the platform, to
// the yard of the platform it will leave from. Where it turns back before the end
// of the line it soon leaves, since its way is to that terminal from which it came.
func (e *engine) park(t *train) {
	turned := e.now + e.trains.between(100*time.Second, 160*time.Second)
	if t.path.links[t.index] != nil {
		t.index, t.starting = t.turn, true
		e.queue.push(happening{at: turned, kind: trainDue, train: t})
		return
	}
	start := t.path.platforms[t.turn]
	if !t.track.origin(start) || len(start.yard) >= 2 {
		e.retire(t, start)
		return
	}
	t.start = start
	t.ready = turned
	start.yard = append(start.yard, t)
}

// retire takes a train out of service, to the depot of a platform.
func (e *engine) retire(t *train, start *platform) {
	t.status, t.start, t.stored = cta.OutOfService, nil, true
	start.depot = append(start.depot, t)
	e.announce(t)
}
