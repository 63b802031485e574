package realtime

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

const (
	// A timetabled run is matched from late before to early after a train's arrival at
	// one of its calls.
	early, late = 15 * time.Minute, 60 * time.Minute
	// Every other run must fit worse by at least margin.
	margin = time.Minute
	// skipped is the largest number of calls from one report of a train to the next.
	skipped = 6
)

// runs finds the timetabled run of each train. A run found stays while the train's
// events agree with it.
type runs struct {
	net   *cta.Network // all patterns have trips
	trips map[string][]scheduled
	known map[string]*assignment // by train
}

type scheduled struct {
	pattern *cta.Pattern
	trip    *cta.Trip
}

// assignment is a train's run.
type assignment struct {
	line *cta.Line
	cta.Run
	way
	cost  time.Duration // deviation from the timetable
	named bool          // the train's id names the run
	held  bool          // the same run as before
}

// way is a train's position on its run, if the run is of pattern.
type way struct {
	pattern *cta.Pattern
	at      int         // index of the latest call
	made    []time.Time // time of each call made; zero when unknown
}

func newRuns(net *cta.Network) *runs {
	r := &runs{net: net, trips: make(map[string][]scheduled), known: make(map[string]*assignment)}
	for _, l := range net.Lines {
		for _, p := range l.Patterns {
			for i := range p.Trips {
				t := &p.Trips[i]
				r.trips[t.ID] = append(r.trips[t.ID], scheduled{p, t})
			}
		}
	}
	return r
}

// assign returns the runs of a view's trains, without trains that may make one of
// several.
func (r *runs) assign(v *live.View, said func(train string) []live.Report) map[string]*assignment {
	now := make(map[string]*assignment, len(v.Trains))
	for i := range v.Trains {
		t := &v.Trains[i]
		if t.Status == cta.TrainOutOfService {
			continue
		}
		line := r.net.Line(t.Line)
		if line == nil {
			continue
		}
		if a := r.choose(t.ID, line, follow(line, said(t.ID))); a != nil {
			now[t.ID] = a
		}
	}
	r.settle(now)
	r.known = now
	return now
}

// settle gives each run to one train. Runs at headways are separate for each train: if
// needed, their departures are shifted by a second.
func (r *runs) settle(now map[string]*assignment) {
	type key struct {
		trip   string
		depart int64
	}
	taken := make(map[key]string, len(now))
	rank := func(id string) int {
		switch a := now[id]; {
		case a.named:
			return 0
		case a.held:
			return 1
		}
		return 2
	}
	trains := slices.SortedFunc(maps.Keys(now), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(now[a].cost, now[b].cost), strings.Compare(a, b))
	})
	for _, id := range trains {
		a := now[id]
		k := key{a.Trip.ID, a.Departure.Unix()}
		for ; taken[k] != "" && frequent(a.Trip); k.depart++ {
			a.Departure = a.Departure.Add(time.Second)
		}
		if taken[k] != "" {
			delete(now, id)
			continue
		}
		taken[k] = id
	}
}

// frequent reports whether a trip stands for trains at promised intervals, without
// exact times.
func frequent(t *cta.Trip) bool { return t.Every > 0 && !t.Exact }

// follow returns a train's possible positions, from its reports since its run began.
func follow(line *cta.Line, said []live.Report) []way {
	var ways []way
	var before live.Report
	for i, s := range said {
		if s.Status == cta.TrainOutOfService {
			ways = nil
			continue
		}
		switch {
		case i > 0 && len(ways) > 0 && s.Hop == before.Hop:
			// Another status, another stop of the station, or a ring's next run.
			if s.Status == cta.TrainInService && before.Status == cta.TrainInService {
				if ended(ways, before) && slices.ContainsFunc(line.Patterns, func(p *cta.Pattern) bool { return at(p.Calls[0], s.Hop) }) {
					ways = begin(line, s)
				} else if on := onward(ways, s, 1); on != nil {
					ways = on
				}
			}
		case len(ways) == 0 || ended(ways, before):
			ways = begin(line, s)
		default:
			if ways = onward(ways, s, skipped); ways == nil {
				ways = begin(line, s)
			}
		}
		before = s
	}
	if bound := func(w way) bool { return w.pattern.Last().Station.ID == before.Bound }; slices.ContainsFunc(ways, bound) {
		ways = slices.DeleteFunc(ways, func(w way) bool { return !bound(w) })
	}
	return ways
}

func at(c cta.Call, h live.Hop) bool { return c.Station.ID == h.Station && c.Direction == h.Direction }

// ended reports whether a train's run ended at its last report.
func ended(ways []way, last live.Report) bool {
	over := func(w way) bool { return w.at == len(w.pattern.Calls)-1 }
	if last.Bound != 0 {
		return last.Bound == last.Station && slices.ContainsFunc(ways, over)
	}
	return !slices.ContainsFunc(ways, func(w way) bool { return !over(w) })
}

// begin returns the possible positions of a train at its first report.
func begin(line *cta.Line, s live.Report) (ways []way) {
	for _, p := range line.Patterns {
		for i, c := range p.Calls {
			if !at(c, s.Hop) || i == len(p.Calls)-1 && at(p.Calls[0], s.Hop) {
				continue
			}
			w := way{pattern: p, at: i, made: make([]time.Time, len(p.Calls))}
			w.made[i] = s.At
			ways = append(ways, w)
		}
	}
	return ways
}

// onward returns the ways that lead to the next report within most calls.
func onward(ways []way, s live.Report, most int) (on []way) {
	for _, w := range ways {
		for i := w.at + 1; i < len(w.pattern.Calls) && i <= w.at+most; i++ {
			if at(w.pattern.Calls[i], s.Hop) {
				w.at = i
				w.made[i] = s.At
				on = append(on, w)
				break
			}
		}
	}
	return on
}

// choose returns the run that a train makes, nil if ambiguous.
func (r *runs) choose(train string, line *cta.Line, ways []way) *assignment {
	if a := r.keep(train, line, ways); a != nil {
		return a
	}
	if a := r.named(train, line, ways); a != nil {
		return a
	}
	var best, second *assignment
	for _, w := range ways {
		for _, a := range candidates(line, w) {
			switch {
			case best == nil || a.cost < best.cost:
				best, second = a, best
			case second == nil || a.cost < second.cost:
				second = a
			}
		}
	}
	if best != nil && second != nil && second.cost-best.cost < margin {
		return nil
	}
	return best
}

// keep returns a train's previous run, if the train is still on it.
func (r *runs) keep(train string, line *cta.Line, ways []way) *assignment {
	before := r.known[train]
	if before == nil || before.line != line {
		return nil
	}
	for _, w := range ways {
		if w.pattern != before.pattern || w.at < before.at {
			continue
		}
		first := slices.IndexFunc(w.made, func(t time.Time) bool { return !t.IsZero() })
		// Old reports may have been dropped since.
		same := w.made[first].Equal(before.made[first]) || first > 0 && before.made[first].IsZero() && first > before.at
		if same {
			return &assignment{line: line, Run: before.Run, way: w, cost: before.cost, named: before.named, held: true}
		}
	}
	return nil
}

// named returns the run that a train's id names, in the form of [cta.Run.ID].
func (r *runs) named(train string, line *cta.Line, ways []way) *assignment {
	id, start, repeats := train, "", false
	trips := r.trips[train]
	if trips == nil {
		if i := strings.LastIndexByte(train, '@'); i > 0 {
			id, start, repeats = train[:i], train[i+1:], true
			trips = r.trips[id]
		}
	}
	var best *assignment
	for _, w := range ways {
		for _, s := range trips {
			if s.pattern != w.pattern || repeats != (s.trip.Every > 0) {
				continue
			}
			for _, run := range near(s, w, 12*time.Hour, 12*time.Hour) {
				if repeats && !strings.HasSuffix(run.ID(), "@"+start) {
					continue
				}
				if a := (&assignment{line: line, Run: run, way: w, named: true}).measured(); best == nil || a.cost < best.cost {
					best = a
				}
			}
		}
	}
	return best
}

// near returns the runs of a trip whose timetabled time at the train's last call is
// within before and after of the actual time.
func near(s scheduled, w way, before, after time.Duration) (near []cta.Run) {
	came := w.made[w.at]
	from, to := came.Add(-before), came.Add(after)
	for d := cta.DateOf(from).Add(-nights(s.trip.Departure + s.trip.Profile.Arrivals[w.at])); d <= cta.DateOf(to).Add(1); d = d.Add(1) {
		near = s.pattern.AppendRunsOf(near, s.trip, d)
	}
	return slices.DeleteFunc(near, func(r cta.Run) bool {
		comes := r.Arrival(w.at)
		return comes.Before(from) || comes.After(to)
	})
}

// nights returns how many days before it a time of a service day may belong to.
func nights(seconds int32) int { return int(max(0, seconds))/(24*3600) + 1 }

// candidates returns the runs of a pattern that a train may make.
func candidates(line *cta.Line, w way) (list []*assignment) {
	var headways []scheduled
	for i := range w.pattern.Trips {
		s := scheduled{w.pattern, &w.pattern.Trips[i]}
		if frequent(s.trip) {
			headways = append(headways, s)
			continue
		}
		for _, run := range near(s, w, late, early) {
			list = append(list, (&assignment{line: line, Run: run, way: w}).measured())
		}
	}
	if a := frequency(line, w, headways); a != nil {
		list = append(list, a)
	}
	return list
}

// measured sets the cost: the deviation from the timetable at the train's last call.
// Earliness counts four times as much, as trains are seldom early.
func (a *assignment) measured() *assignment {
	a.cost = a.made[a.at].Sub(a.Arrival(a.at))
	if a.cost < 0 {
		a.cost *= -4
	}
	return a
}

// frequency returns the run of a train at headways. It starts at the train's departure
// as far as known, and belongs to the trip that runs then, or ran last.
func frequency(line *cta.Line, w way, trips []scheduled) *assignment {
	if len(trips) == 0 {
		return nil
	}
	first := slices.IndexFunc(w.made, func(t time.Time) bool { return !t.IsZero() })
	left := w.made[first].Add(-time.Duration(trips[0].trip.Profile.Arrivals[first]) * time.Second).Truncate(time.Second)
	var best *assignment
	for _, s := range trips {
		for d := cta.DateOf(left).Add(-nights(s.trip.Until)); d <= cta.DateOf(left).Add(1); d = d.Add(1) {
			if !s.trip.Calendar.Includes(d) {
				continue
			}
			begin := d.Begin(left.Location())
			from, until := begin.Add(time.Duration(s.trip.Departure)*time.Second), begin.Add(time.Duration(s.trip.Until)*time.Second)
			off := max(from.Sub(left), left.Sub(until)+1, 0)
			if off <= 2*time.Hour && (best == nil || off < best.cost) {
				best = &assignment{line: line, Run: cta.Run{Pattern: s.pattern, Trip: s.trip, Date: d, Departure: left}, way: w, cost: off}
			}
		}
	}
	return best
}
