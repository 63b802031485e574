package ctaweb

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// state is what the events say. Its methods are the only ones that change it;
// each reports whether it did.
type state struct {
	trains  map[string]train // by id
	counts  map[int]count    // by station
	records map[recordKey]stationName
	weather *weather
	clock   clock
	// restarted is set when the source was found to have started anew.
	restarted bool
	limit     int   // of trains, at which the silent ones are looked for
	pruned    int64 // event time at which they were last
}

type train struct {
	event   int64 // ms
	arrival cta.Arrival
}

type count struct{ wall, entries int64 }

type weather struct {
	event   int64 // ms
	reading cta.Weather
}

type recordKey struct {
	station int
	line    string
}

type stationName struct {
	name    string
	order   int
	removed bool
}

// arrival also reports whether the event is to be believed at all.
func (s *state) arrival(event int64, a cta.Arrival, wall int64) (changed, believed bool) {
	if a.Direction != cta.DirectionA && a.Direction != cta.DirectionB {
		return false, false
	}
	if a.TrainID == "" || len(a.TrainID) > maxText || len(a.Line) > maxText {
		return false, false
	}
	if !s.observe(event, wall) {
		return false, false
	}
	t := train{event, a}
	old, seen := s.trains[a.TrainID]
	if seen && compareTrains(t, old) <= 0 {
		return false, true
	}
	if !seen && !s.room() {
		return false, true
	}
	// The record's buffers may be shared.
	t.arrival.TrainID = strings.Clone(a.TrainID)
	s.trains[t.arrival.TrainID] = t
	return true, true
}

// observe sets the clock. It is false for an event of an earlier life of the
// source, which is not to be believed.
func (s *state) observe(event, wall int64) bool {
	if s.clock.observe(event, wall) {
		s.restarted = true
		now := s.clock.now(s.clock.newest)
		for id, t := range s.trains {
			if t.event > now+time.Minute.Milliseconds() {
				delete(s.trains, id)
			}
		}
		if s.weather != nil && s.weather.event > now {
			s.weather.event = 0 // shown until there is another
		}
	}
	if wall < s.clock.since && event > s.clock.now(s.clock.newest) {
		return false
	}
	return true
}

// room reports whether one more train may be remembered. From time to time it
// drops those that no status shows any more.
func (s *state) room() bool {
	if len(s.trains) < max(s.limit, 100) {
		return true
	}
	now := s.clock.now(s.clock.newest)
	if now-s.pruned >= time.Minute.Milliseconds() {
		s.pruned = now
		for id, t := range s.trains {
			age := time.Duration(now-t.event) * time.Millisecond
			if age > brokenFor+silentAfter || age < -futureBy {
				delete(s.trains, id)
			}
		}
	}
	s.limit = min(2*len(s.trains), maxTrains)
	return len(s.trains) < maxTrains
}

func (s *state) reading(event int64, w cta.Weather, wall int64) bool {
	if t := float64(w.Temperature); math.IsNaN(t) || math.IsInf(t, 0) {
		return false // JSON has no words for these
	}
	if !s.observe(event, wall) {
		return false
	}
	if o := s.weather; o != nil {
		if c := cmp.Or(cmp.Compare(event, o.event), cmp.Compare(w.Temperature, o.reading.Temperature),
			cmp.Compare(w.Status, o.reading.Status)); c <= 0 {
			return false
		}
	}
	s.weather = &weather{event, w}
	return true
}

func (s *state) count(station int, c count) bool {
	old, seen := s.counts[station]
	if c.wall < old.wall || c.wall == old.wall && c.entries <= old.entries && seen {
		return false
	}
	if !seen && len(s.counts) >= maxEntries {
		return false
	}
	s.counts[station] = c
	return c.entries != old.entries
}

func (s *state) station(k recordKey, n stationName) bool {
	old, seen := s.records[k]
	if seen && old == n || len(n.name) > maxText || len(k.line) > maxText || !seen && len(s.records) >= maxEntries {
		return false
	}
	s.records[k] = n
	return true
}

// compareTrains orders events of a train: by time, then by what they say, so
// that the same one wins in whatever order they come.
func compareTrains(a, b train) int {
	x, y := a.arrival, b.arrival
	return cmp.Or(
		cmp.Compare(a.event, b.event),
		cmp.Compare(x.StationID, y.StationID),
		cmp.Compare(x.Line, y.Line),
		cmp.Compare(x.Direction, y.Direction),
		cmp.Compare(x.TrainStatus, y.TrainStatus),
		cmp.Compare(previous(x), previous(y)),
	)
}

// previous is where a train came from, as one text.
func previous(a cta.Arrival) string {
	var s string
	if a.PrevStationID != nil {
		s = strconv.Itoa(*a.PrevStationID)
	}
	if a.PrevDirection != nil {
		s += "/" + string(*a.PrevDirection)
	}
	return s
}
