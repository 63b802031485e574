package live

import (
	"slices"
	"sort"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// A service has ended when none follows for apart. Its trains are on their way for at
// most lasting.
const (
	apart   = 2 * 60 * minute
	lasting = 2 * 60 * minute
)

// service describes the end of a pattern's headway service.
type service struct {
	over bool  // it ends soon, or has ended
	last int32 // index + 1 of the vehicle that makes the last run; 0 without one
}

// endServices finds the services that end, and the vehicles that make their last runs.
func (s *scratch) endServices() {
	for k := range s.services {
		s.services[k] = service{}
		if s.headways[k] == nil {
			continue
		}
		until, over := s.until(int32(k))
		if !over {
			continue
		}
		p := &s.g.patterns[k]
		origin := p.nodes[0]
		var last int32
		var latest int64 = never
		for i := range s.vehicles {
			v := &s.vehicles[i]
			if v.dropped || v.bound != 0 && v.bound != p.last {
				continue
			}
			began := v.at
			switch {
			case v.number > 0 && v.node == origin:
			case v.number > 0 || v.state == StateTurning:
				continue
			default:
				q := s.nodes[origin].passed(v.train)
				if q == nil || s.turned(v, q.at) {
					continue
				}
				began = q.at
			}
			if began < until+minute && began > latest {
				latest, last = began, int32(i)+1
			}
		}
		s.services[k] = service{true, last}
		if last > 0 {
			s.vehicles[last-1].final = true
		}
	}
}

// until returns when a pattern's service ends, or recently ended. over is false when
// the service doesn't end soon.
func (s *scratch) until(k int32) (until int64, over bool) {
	row := s.headways[k]
	from, to := s.slot(s.now-lasting), s.slot(s.now+farthest)
	for i := to; i >= from; i-- {
		if row[i] == 0 {
			continue
		}
		if slices.ContainsFunc(row[i+1:min(slots, i+1+apart/slotLength)], served) {
			return 0, false
		}
		return s.from + (i+1)*slotLength, i < slots-1
	}
	return 0, true // long ago
}

// turned reports whether a train has ended a run since a time.
func (s *scratch) turned(v *vehicle, since int64) bool {
	span := s.spans[v.train]
	for i := span[1] - 1; i >= span[0] && s.visits[i].at >= since; i-- {
		if w := &s.visits[i]; len(s.onward(w.node, w.at, w.bound)) == 0 {
			return true
		}
	}
	return false
}

// lastTrain returns when the last train that continues from a platform comes there. It
// is zero while unknown, and once the train has passed.
func (s *scratch) lastTrain(n int32) time.Time {
	var last int64
	for _, u := range s.g.nodes[n].uses {
		if s.g.ends(s.g.moves(u)) {
			continue
		}
		of := &s.services[u.pattern]
		switch {
		case !of.over:
			return time.Time{}
		case of.last == 0:
			continue
		}
		f := s.forecastOf(n, of.last-1)
		switch v := &s.vehicles[of.last-1]; {
		case f != nil && !f.maybe && !f.ends:
			last = max(last, f.at)
		case f == nil && v.where > s.nodes[n].potential: // it has passed the platform
		default:
			return time.Time{}
		}
	}
	if last == 0 {
		return time.Time{}
	}
	return s.time(last)
}

// forecastOf returns a vehicle's forecast at a platform, nil without one.
func (s *scratch) forecastOf(n, vehicle int32) *forecast {
	for _, i := range s.nodes[n].forecasts {
		if f := &s.forecasts[i]; f.vehicle == vehicle {
			return f
		}
	}
	return nil
}

// comesAgain returns when service at a platform is next intended, if no train is expected
// and no headway holds, or the service ends. It is zero otherwise.
func (s *scratch) comesAgain(n int32, b *Board) (again time.Time) {
	timed := s.g.lines[s.g.nodes[n].line].timed
	goesOn := func(u use) bool { return !s.services[u.pattern].over && !s.g.ends(s.g.moves(u)) }
	if len(b.Next) > 0 || b.Headway.Intended > 0 && !timed && slices.ContainsFunc(s.g.nodes[n].uses, goesOn) {
		return again
	}
	calls := s.calls[n]
	for _, c := range calls[sort.Search(len(calls), func(i int) bool { return calls[i].at > s.now }):] {
		if u := (use{s.runs[c.run].pattern, c.index}); !s.g.ends(s.g.moves(u)) {
			return s.time(c.at)
		}
	}
	for _, u := range s.g.nodes[n].uses {
		if s.g.ends(s.g.moves(u)) {
			continue
		}
		switch r := s.nextRun(u.pattern); {
		case r.Departure.IsZero():
		case r.Trip == nil:
			again = earlier(again, r.Departure.Add(time.Duration(s.offset(u))*time.Millisecond))
		case u.call == 0:
			again = earlier(again, r.Departure)
		default:
			again = earlier(again, r.Arrival(int(u.call)))
		}
	}
	return again
}

// lastDeparture returns the last departure in a line's direction, once all its services
// end.
func (s *scratch) lastDeparture(line, d int) (last Departure) {
	for _, k := range s.g.lines[line].patterns {
		p, of := &s.g.patterns[k], &s.services[k]
		if !s.leads(p, d) {
			continue
		}
		if !of.over {
			return Departure{}
		}
		if of.last == 0 || dir(p.Direction()) != d { // a run round the Loop comes back without a departure
			continue
		}
		if v := &s.vehicles[of.last-1]; v.number > 0 && v.at > last.At.UnixMilli() {
			last = Departure{s.g.nodes[v.node].station.ID, s.time(v.at)}
		}
	}
	return last
}

// ServiceHours are the hours of a platform's headway service on a service day.
type ServiceHours struct {
	First, Last time.Time // about when the first and the last train come; zero without service
	Always      bool      // trains run day and night: there is no first and no last
}

// ServiceHours returns the first and the last time of a service day at which a train
// continues from a platform, by intended headways. The last train may come up to a headway
// later.
func (t *Tracker) ServiceHours(line string, station int, d cta.Direction, day cta.Date) (h ServiceHours) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &t.scratch
	n, ok := s.g.at[platform{line, station, d}]
	if !ok {
		return h
	}
	const begins = 4 * time.Hour // of a service day, as cta.ServiceDay has it
	begin := day.Begin(s.g.location).Add(begins)
	end := day.Add(1).Begin(s.g.location).Add(begins)
	const slot = slotLength * int64(time.Millisecond)
	h.Always = true
	for at := begin; at.Before(end); at = at.Add(time.Duration(slot)) {
		served := false
		for _, u := range s.g.nodes[n].uses {
			if s.g.ends(s.g.moves(u)) {
				continue
			}
			headway := s.g.patterns[u.pattern].HeadwayAt(at)
			if headway == 0 {
				continue
			}
			served = true
			comes := at.Add(time.Duration(s.offset(u)) * time.Millisecond)
			if h.First.IsZero() || comes.Before(h.First) {
				h.First = comes
			}
			if left := comes.Add(time.Duration(slot) - headway); left.After(h.Last) {
				h.Last = left
			}
		}
		h.Always = h.Always && served
	}
	if h.Always || h.First.IsZero() {
		return ServiceHours{Always: h.Always}
	}
	if h.Last.Before(h.First) {
		h.Last = h.First
	}
	return h
}
