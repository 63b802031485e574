package ctaweb

import (
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// update is what changed from one Status to the next: the data of an "update"
// event of the stream.
type update struct {
	AsOf        time.Time `json:"as_of,omitzero"`
	Speed       float64   `json:"speed"`
	RealTime    bool      `json:"real_time"`
	AgeSeconds  int64     `json:"age_seconds"`
	Stale       bool      `json:"stale"`
	Ready       bool      `json:"ready"`
	Reason      string    `json:"reason,omitempty"`
	CountsAsOf  time.Time `json:"counts_as_of,omitzero"`
	CountsSince time.Time `json:"counts_since,omitzero"`
	// Layout names the shape of the page; a page of another shape is out of date.
	Layout  string       `json:"layout"`
	Weather *Weather     `json:"weather,omitempty"` // when it changed
	Trains  []*Train     `json:"trains,omitempty"`  // new or changed
	Gone    []string     `json:"gone,omitempty"`    // ids of trains no longer shown
	Lines   []lineUpdate `json:"lines,omitempty"`   // how lines run, where that changed
	// EntriesToday holds today's entries, where they changed, by station id.
	EntriesToday map[string]int64 `json:"entries_today,omitempty"`
	// Alerts holds all alerts, when any changed.
	Alerts *[]*Alert `json:"alerts,omitempty"`

	// What a filter needs: the trains that changed or went, as they were, and the
	// lines at each station.
	before map[string]*Train
	stops  map[int][]string

	counted bool // all entries of a station changed: streams don't tell them, the API does
}

// lineUpdate is the change of a line's status.
type lineUpdate struct {
	ID         string            `json:"id"`
	Level      live.Level        `json:"level"`
	Directions []DirectionStatus `json:"directions"`

	called string // what sentences call it
	mode   cta.Mode
}

// difference is the update from one Status to another, of a layout; from may be nil.
func difference(from, to *Status, of *layout) *update {
	u := &update{
		AsOf: to.AsOf, Speed: to.Speed, RealTime: to.RealTime, AgeSeconds: to.AgeSeconds, Stale: to.Stale,
		Ready: to.Ready, Reason: to.Reason, CountsAsOf: to.CountsAsOf, CountsSince: to.CountsSince, Layout: of.id, before: map[string]*Train{}, stops: of.stops, EntriesToday: map[string]int64{},
	}
	if from == nil {
		from = &Status{}
	}
	if to.Weather != nil && (from.Weather == nil || *from.Weather != *to.Weather) {
		u.Weather = to.Weather
	}
	if !slices.Equal(from.Alerts, to.Alerts) { // the same are shared
		u.Alerts = &to.Alerts
	}
	trains := map[string]*Train{}
	entries := map[int]*Station{}
	for _, l := range from.Lines {
		for _, t := range l.Trains {
			trains[t.ID] = t
		}
		for _, s := range l.Stations {
			entries[s.ID] = s
		}
	}
	for i, l := range to.Lines {
		if i >= len(from.Lines) || from.Lines[i].Level != l.Level || !slices.EqualFunc(from.Lines[i].Directions, l.Directions, sameToReaders) {
			u.Lines = append(u.Lines, lineUpdate{l.ID, l.Level, l.Directions, l.called(), l.Mode})
		}
		for _, t := range l.Trains {
			if old := trains[t.ID]; old == nil {
				u.Trains = append(u.Trains, t)
			} else if !reflect.DeepEqual(old, t) {
				u.Trains = append(u.Trains, t)
				u.before[t.ID] = old
			}
			delete(trains, t.ID)
		}
		for _, s := range l.Stations {
			old := entries[s.ID]
			u.counted = u.counted || old == nil || old.Entries != s.Entries
			if old == nil || old.EntriesToday != s.EntriesToday {
				u.EntriesToday[strconv.Itoa(s.ID)] = s.EntriesToday
			}
		}
	}
	for _, l := range from.Lines {
		for _, t := range l.Trains {
			if trains[t.ID] != nil {
				u.Gone = append(u.Gone, t.ID)
				u.before[t.ID] = t
			}
		}
	}
	return u
}

// sameToReaders reports whether two statuses read the same. Facts change every second;
// readers see whole minutes.
func sameToReaders(a, b DirectionStatus) bool {
	a.Facts, b.Facts = live.DirectionStatus{}, live.DirectionStatus{}
	return a == b
}

// empty reports whether an update contains nothing that is not in from.
func (u *update) empty(from *Status) bool {
	return u.Weather == nil && u.Trains == nil && u.Gone == nil && !u.counted && len(u.EntriesToday) == 0 && u.Lines == nil && u.Alerts == nil &&
		u.AsOf.Equal(from.AsOf) && u.Speed == from.Speed && u.AgeSeconds == from.AgeSeconds &&
		u.Stale == from.Stale && u.Ready == from.Ready && u.Reason == from.Reason
}
