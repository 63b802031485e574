package ctaproducer

import (
	"context"
	"math"
	"time"

	"github.com/seed-921eec07/ctalive/internal/retry"
)

const (
	// grain is the least time slept: events that fall due within it are passed on
	// together.
	grain = 10 * time.Millisecond
	// maxLag is how far a paced run may be behind, in wall time, before its clock waits.
	maxLag = time.Second
	// checkEvery is how many events an unpaced run passes on between looks at the clock.
	checkEvery = 256
)

type run struct {
	sim    *Simulation
	sink   Sink
	sum    SimulationSummary
	digest *digest
	began  time.Time
	told   time.Time // when Progress was last told
	warned bool
	pace   pace
}

func (r *run) pass(ctx context.Context, ev *Event) error {
	switch ev.Kind {
	case EventArrival:
		return r.sink.Arrive(ctx, ev.At, ev.Arrival)
	case EventEntry:
		return r.sink.Enter(ctx, ev.At, ev.Entry)
	default:
		return r.sink.Observe(ctx, ev.At, ev.Weather)
	}
}

// pace relates simulated to wall time, from a pair of both.
type pace struct {
	speed     float64
	wall, sim time.Time
}

// wait returns how long it is from a wall time until a simulated one; negative
// when that is past.
func (p *pace) wait(now, sim time.Time) time.Duration {
	ahead := float64(sim.Sub(p.sim)) / p.speed
	// Very slow speeds lie beyond what a duration can hold.
	return time.Duration(min(ahead, float64(100*365*day))) - now.Sub(p.wall)
}

// await waits until it is time for the event at a simulated time.
func (r *run) await(ctx context.Context, at time.Time) error {
	if math.IsInf(r.pace.speed, 1) { // as fast as the machine can
		if r.sum.Total()%checkEvery == 0 {
			r.progress(time.Now())
			return ctx.Err()
		}
		return nil
	}
	now := time.Now()
	if r.pace.wall.IsZero() {
		r.pace.wall, r.pace.sim = now, r.sum.From // not before: the events that lead up to the start take their time
	}
	wait := r.pace.wait(now, at)
	if -wait > maxLag && at.After(r.pace.sim) {
		if !r.warned {
			r.sim.cfg.Log.Warn("simulated clock is slower than Speed: the sink is too slow",
				"speed", r.pace.speed, "at", at)
			r.warned = true
		}
		r.pace.wall, r.pace.sim = now, at
	}
	for wait > 0 {
		r.progress(now)
		if err := retry.Pause(ctx, min(max(wait, grain), time.Second)); err != nil {
			return err
		}
		now = time.Now()
		wait = r.pace.wait(now, at)
	}
	r.progress(now)
	return ctx.Err()
}

// progress calls Progress once a second.
func (r *run) progress(now time.Time) {
	f := r.sim.cfg.Progress
	if f == nil || now.Sub(r.told) < time.Second {
		return
	}
	r.told = now
	p := SimulationProgress{SimulationSummary: r.sum}
	p.Wall = now.Sub(r.began)
	if d := r.sim.cfg.For; d > 0 {
		p.Done = float64(r.sum.To.Sub(r.sum.From)) / float64(d)
	}
	f(p)
}
