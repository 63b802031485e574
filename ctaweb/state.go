package ctaweb

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

// state is what the events say, but for where trains are, which is the tracker's.
// Its methods are the only ones that change it.
type state struct {
	counts  map[int]count // by station
	records map[recordKey]stationName
	weather *weather
	clock   clock
	times   timeline
	// behind are the latest arrivals far behind the clock: the first of a source that
	// has started anew, if it is found to have. At most maxBehind.
	behind []said
}

// said is an arrival as its record told of it; times in ms.
type said struct {
	key     cta.Key
	arrival cta.Arrival
	wall    int64
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

// arrival takes the time of an arrival, and reports whether it is to be believed.
// When it shows that the source has started anew, that is said too: then
// the arrivals of behind are what it has told so far, this one included.
func (s *state) arrival(k cta.Key, a cta.Arrival, wall int64) (believed, anew bool) {
	if a.Direction != cta.DirectionA && a.Direction != cta.DirectionB || len(a.TrainID) > maxText || len(a.Line) > maxText {
		return false, false
	}
	believed, anew = s.observe(k.Timestamp, wall)
	if k.Timestamp < s.clock.latest()-resetBack || anew {
		if len(s.behind) == maxBehind {
			s.behind = append(s.behind[:0], s.behind[maxBehind/2:]...)
		}
		a.TrainID, a.Line = strings.Clone(a.TrainID), strings.Clone(a.Line) // the record's buffer may be shared
		s.behind = append(s.behind, said{k, a, wall})
	}
	return believed, anew
}

// renewed are the arrivals of a source that has just started anew.
func (s *state) renewed() []said {
	list := slices.DeleteFunc(s.behind, func(b said) bool { return b.wall < s.clock.since })
	s.behind = nil
	return list
}

// observe sets the clock. An event of an earlier life of the source is not to be
// believed.
func (s *state) observe(event, wall int64) (believed, anew bool) {
	anew = s.clock.observe(event, wall)
	if anew && s.weather != nil && s.weather.event > s.clock.now(s.clock.newest) {
		s.weather.event = 0 // shown until there is another
	}
	if anew {
		s.times = timeline{}
	}
	if wall < s.clock.since {
		return event <= s.clock.now(s.clock.newest), anew
	}
	// The clock is asked last: it takes long, and is wanted once a minute only.
	if s.times.news(event, wall) && event <= s.clock.now(s.clock.newest)+markEvery {
		s.times.observe(event, wall)
	}
	return true, anew
}

func (s *state) reading(event int64, w cta.Weather, wall int64) (changed, anew bool) {
	if t := float64(w.Temperature); math.IsNaN(t) || math.IsInf(t, 0) {
		return false, false // JSON has no words for these
	}
	believed, anew := s.observe(event, wall)
	if !believed {
		return false, anew
	}
	if o := s.weather; o != nil {
		if c := cmp.Or(cmp.Compare(event, o.event), cmp.Compare(w.Temperature, o.reading.Temperature),
			cmp.Compare(w.Status, o.reading.Status)); c <= 0 {
			return false, anew
		}
	}
	s.weather = &weather{event, w}
	return true, anew
}

func (s *state) count(station int, c count) bool {
	old, seen := s.counts[station]
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
