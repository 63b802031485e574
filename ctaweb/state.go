package ctaweb

import (
	"cmp"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// state holds the data of the events, except for the trains: the tracker has those. Only
// its own methods change it.
type state struct {
	counts  map[int]count // by station
	records map[recordKey]stationName
	weather *weather
	clock   clock
	times   timeline
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

func (s *state) reading(event int64, w cta.Weather) error {
	if o := s.weather; o != nil {
		if c := cmp.Or(cmp.Compare(event, o.event), cmp.Compare(w.Temperature, o.reading.Temperature),
			cmp.Compare(w.Status, o.reading.Status)); c <= 0 {
			return live.ErrKnown
		}
	}
	s.weather = &weather{event, w}
	return nil
}

func (s *state) count(station int, c count) error {
	old, seen := s.counts[station]
	if !seen && len(s.counts) >= maxEntries {
		return fmt.Errorf("%w: counts of %d stations", live.ErrFull, maxEntries)
	}
	s.counts[station] = c
	if seen && c.entries == old.entries {
		return live.ErrKnown
	}
	return nil
}

func (s *state) station(k recordKey, n stationName) error {
	old, seen := s.records[k]
	switch {
	case seen && old == n:
		return live.ErrKnown
	case len(n.name) > maxText, len(k.line) > maxText:
		return fmt.Errorf("%w: a name or line of over %d bytes", live.ErrInvalid, maxText)
	case !seen && len(s.records) >= maxEntries:
		return fmt.Errorf("%w: %d stations of lines", live.ErrFull, maxEntries)
	}
	s.records[k] = n
	return nil
}
