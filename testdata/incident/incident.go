// Package incident makes things go wrong in the traffic of a simulation, so that
// tests can hold what riders are told against what has happened: a train that
// stands, trains that are bunched, a line that falls silent.
package incident

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// Arrivals returns the arrivals of a simulation, in order of time. It should have an end.
func Arrivals(net *cta.Network, cfg ctaproducer.SimulationConfig) ([]ctaproducer.Event, error) {
	sim, err := ctaproducer.NewSimulation(net, cfg)
	if err != nil {
		return nil, err
	}
	var arrivals []ctaproducer.Event
	for e := range sim.Events() {
		if e.Kind == ctaproducer.EventArrival {
			arrivals = append(arrivals, e)
		}
	}
	return arrivals, nil
}

// Place is where something goes wrong: at a platform, with the first train that
// comes there after a time.
type Place struct {
	Line      string
	Direction cta.Direction
	Station   int
	After     time.Time
}

// apart is how close a train comes behind another that is held up.
const apart = 150 * time.Second

// Stand returns arrivals in which a train stands for some time, and those behind
// it are held up. When it says so, it is broken down meanwhile. began is when it
// came to the place.
func Stand(arrivals []ctaproducer.Event, at Place, lasts time.Duration, says bool) (changed []ctaproducer.Event, began time.Time) {
	of, others := cut(arrivals, at)
	run, event := first(of, at.Station, at.After)
	began = of[run][event].At
	broken, mended := of[run][event], of[run][event]
	for i := event + 1; i < len(of[run]); i++ {
		of[run][i].At = of[run][i].At.Add(lasts)
	}
	holdUp(of[run:])
	if says {
		broken.At, broken.Arrival.TrainStatus = began.Add(time.Second), cta.TrainBrokenDown
		mended.At = began.Add(lasts)
		others = append(others, broken, mended)
	}
	return sorted(append(others, slices.Concat(of...)...)), began
}

// holdUp delays trains, so that none comes to a station too soon after the one ahead.
func holdUp(of [][]ctaproducer.Event) {
	came := map[int]time.Time{}
	for _, run := range of {
		var late time.Duration
		for i := range run {
			run[i].At = run[i].At.Add(late)
			station := run[i].Arrival.StationID
			if c, ok := came[station]; ok && run[i].At.Before(c.Add(apart)) {
				late += c.Add(apart).Sub(run[i].At)
				run[i].At = c.Add(apart)
			}
			came[station] = run[i].At
		}
	}
}

// Bunch returns arrivals in which the second train after a time comes to the
// place shortly behind the first, having been ever earlier at the stations before;
// at those after, it falls back. came is when it does, next when it comes to the
// station after.
func Bunch(arrivals []ctaproducer.Event, at Place, behind time.Duration) (changed []ctaproducer.Event, came, next time.Time) {
	const gradually = 4 // stations over which it catches up
	of, others := cut(arrivals, at)
	run, event := first(of, at.Station, at.After)
	ahead := of[run][event].At
	run, event = first(of, at.Station, ahead)
	early := of[run][event].At.Sub(ahead) - behind
	for i := range of[run] {
		part := max(0, gradually-max(i-event, event-i))
		of[run][i].At = of[run][i].At.Add(-early * time.Duration(part) / gradually)
	}
	came, next = of[run][event].At, of[run][event+1].At
	return sorted(append(others, slices.Concat(of...)...)), came, next
}

// Silence returns arrivals without those of a line in some time. heard is when a
// train of it is heard of last before, back when one is again.
func Silence(arrivals []ctaproducer.Event, line string, from, until time.Time) (changed []ctaproducer.Event, heard, back time.Time) {
	for _, e := range arrivals {
		switch {
		case e.Arrival.Line != line:
		case e.At.Before(from):
			heard = e.At
		case e.At.Before(until):
			continue
		case back.IsZero():
			back = e.At
		}
		changed = append(changed, e)
	}
	return changed, heard, back
}

// cut splits the arrivals of a line's direction into runs, in the order in which
// they begin. Each becomes a train of its own, so that what is done to one leaves
// the train's way back alone.
func cut(arrivals []ctaproducer.Event, at Place) (runs [][]ctaproducer.Event, others []ctaproducer.Event) {
	const pause = 25 * time.Minute // longer than any between stations
	open := map[string]int{}
	for _, e := range arrivals {
		if e.Arrival.Line != at.Line || e.Arrival.Direction != at.Direction {
			others = append(others, e)
			continue
		}
		i, ok := open[e.Arrival.TrainID]
		if !ok || e.At.Sub(runs[i][len(runs[i])-1].At) > pause {
			i = len(runs)
			open[e.Arrival.TrainID] = i
			runs = append(runs, nil)
		}
		e.Arrival.TrainID = fmt.Sprintf("%s%s%d", e.Arrival.TrainID, e.Arrival.Direction, i)
		runs[i] = append(runs[i], e)
	}
	return runs, others
}

// first finds the run that comes first to a station after a time, and which of
// its arrivals that is.
func first(runs [][]ctaproducer.Event, station int, after time.Time) (run, event int) {
	var best time.Time
	for i, r := range runs {
		for j, e := range r {
			if e.Arrival.StationID == station && e.At.After(after) && (best.IsZero() || e.At.Before(best)) {
				run, event, best = i, j, e.At
			}
		}
	}
	return run, event
}

func sorted(arrivals []ctaproducer.Event) []ctaproducer.Event {
	slices.SortStableFunc(arrivals, func(a, b ctaproducer.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Arrival.TrainID, b.Arrival.TrainID))
	})
	return arrivals
}
