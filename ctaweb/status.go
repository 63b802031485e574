package ctaweb

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Status is the state of a [Model] at one moment. It is part of the JSON of GET /api/v1/status.
// Times are event times, in the network's own zone.
type Status struct {
	Network string `json:"network"`
	// AsOf is the time of the status, in whole seconds. It is zero, and left out,
	// before the first event.
	AsOf time.Time `json:"as_of,omitzero"`
	// Speed is the number of event seconds per second: 1 in real time.
	Speed float64 `json:"speed"`
	// RealTime is false if the events aren't of the present: in a simulation, or in a
	// recording that is played.
	RealTime bool `json:"real_time"`
	// AgeSeconds is the time since the newest arrival or weather reading was sent.
	AgeSeconds int64 `json:"age_seconds"`
	// Stale is true if no data has come for longer than usual, or ever.
	Stale bool `json:"stale"`
	// Ready is true once all existing data has been read.
	Ready bool `json:"ready"`
	// Reason explains why Ready is false.
	Reason string `json:"reason,omitempty"`
	// CountsAsOf is the time at which the newest count of entries was sent. If it
	// stands still while AsOf advances, counting has stopped. Left out while unknown.
	CountsAsOf time.Time `json:"counts_as_of,omitzero"`
	// CountsSince is the start of the known entries of today: the day's first moment, or
	// later. Left out without any.
	CountsSince time.Time `json:"counts_since,omitzero"`
	Weather     *Weather  `json:"weather"` // null while unknown
	// Alerts are the agency's: present ones before planned ones, by severity, up to a
	// hundred. They are shared: don't change them.
	Alerts []*Alert      `json:"alerts"`
	Lines  []*LineStatus `json:"lines"` // in the network's order
}

// Weather is the latest reading.
type Weather struct {
	Temperature float32           `json:"temperature"` // °F
	Status      cta.WeatherStatus `json:"status"`
	AsOf        time.Time         `json:"as_of"`
}

// LineStatus is a line with its trains and stations.
type LineStatus struct {
	ID string `json:"id"`
	// Ref is the agency's own id of the line, in its feed; left out if it equals ID.
	Ref string `json:"ref,omitempty"`
	// Code is the short name that riders use, such as "7"; left out without one.
	Code      string   `json:"code,omitempty"`
	Name      string   `json:"name"`
	Mode      cta.Mode `json:"mode,omitempty"`
	Color     string   `json:"color"`      // "#rrggbb"
	TextColor string   `json:"text_color"` // "#rrggbb", legible on Color
	// Entries and EntriesToday are sums over the line's stations. A station of several
	// lines counts for each.
	Entries      int64   `json:"entries"`
	EntriesToday int64   `json:"entries_today"`
	Towards      Towards `json:"towards"`
	// Loop is the riders' name of the loop in which trains turn; left out without one.
	Loop string `json:"loop,omitempty"`
	// LastHeard is the time of the latest event of the line's trains; left out without
	// one.
	LastHeard time.Time `json:"last_heard,omitzero"`
	// Level is the worse of the two directions' levels.
	Level live.Level `json:"level"`
	// Directions describes how the line runs, a before b. A direction without trains of
	// the line is left out. It is empty before the first event.
	Directions []DirectionStatus `json:"directions"`
	Trains     []*Train          `json:"trains"` // by id
	Stations   []*Station        `json:"stations"`
}

// DirectionStatus is how a line runs in one direction.
type DirectionStatus struct {
	Direction cta.Direction `json:"direction"`
	Towards   string        `json:"towards"` // at this hour
	Level     live.Level    `json:"level"`
	// Sentence describes the service: of a [Model] in English, of a [Handler] in its
	// reader's language. It is derived from Facts.
	Sentence string               `json:"sentence"`
	Facts    live.DirectionStatus `json:"-"`
	Cause    live.Cause           `json:"cause"`
	// Station is the first station in the sentence; left out if it names none.
	Station int `json:"station,omitempty"`
	// EverySeconds is the median time between trains, IntendedSeconds the intended one.
	// Both are 0 if unknown, or without service.
	EverySeconds    int64 `json:"every_seconds"`
	IntendedSeconds int64 `json:"intended_seconds"`
}

// Towards holds the riders' names of a line's two directions.
type Towards struct {
	A string `json:"a"`
	B string `json:"b"`
}

// Train is a train and its place: the part of a [live.Train] that readers see.
type Train struct {
	ID        string          `json:"id"`
	Line      string          `json:"line"`
	Direction cta.Direction   `json:"direction"`
	Towards   string          `json:"towards"`
	Status    cta.TrainStatus `json:"status"`
	State     live.State      `json:"state"`
	// Station is the id of the train's latest station. Since is when the train arrived
	// there, broke down there or was repaired, whichever was last.
	Station int       `json:"station"`
	Since   time.Time `json:"since"`
	// Next holds the possible next stations: one per branch where branches part, none
	// at the end of the run.
	Next []live.Hop `json:"next"`
	// Due is the expected time at the first station of Next, as predicted when the
	// train came to Station; left out if unknown.
	Due time.Time `json:"due,omitzero"`
}

// Moving reports whether the train is known to have left its station.
func (t *Train) Moving() bool {
	return len(t.Next) > 0 && (t.State == live.StateRunning || t.State == live.StateSilent)
}

// Station is a station's place on a line.
type Station struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Order  int    `json:"order"`            // on the line, from 0; two branches use the same numbers
	Branch string `json:"branch,omitempty"` // empty on the trunk
	Loop   bool   `json:"loop,omitempty"`   // on the loop that ends a run
	Closed bool   `json:"closed,omitempty"` // trains pass without a stop
	// Entries is the number of riders ever counted at the station, on all its lines.
	// EntriesToday is the number of the local day, as far as counts reach back. Pages show
	// EntriesToday.
	Entries      int64 `json:"entries"`
	EntriesToday int64 `json:"entries_today"`
	// CountsAsOf is the time at which that count was sent; left out while unknown.
	CountsAsOf time.Time `json:"counts_as_of,omitzero"`
	// Crowding compares the entries of the last 15 minutes with the usual ones.
	Crowding live.Crowding `json:"crowding"`
	// Trains lists this line's trains at the station by id, Coming those that come
	// there next. Where branches part, a train counts for the first station of each.
	Trains []string `json:"trains"`
	Coming []string `json:"coming"`
}

// present is how far event time may be from the time of sending, in ms, to be of the
// present: a feed may be late, and a source's zone an hour wrong.
const present = 2 * 3600 * 1000

// derive returns the Status of a state at a wall time, without its trains: see enrich.
// It changes only the clock's memory of its last result.
func derive(net *cta.Network, lines []lineLayout, s *state, wall time.Time) *Status {
	st := &Status{Network: net.Name, Speed: 1, Stale: true, Lines: make([]*LineStatus, len(lines))}
	loc, now := location(net), wall.UnixMilli()
	if s.clock.known {
		st.AsOf = time.UnixMilli(s.clock.now(now)).In(loc).Truncate(time.Second)
		st.Speed = rounded(s.clock.speed)
		st.RealTime = max(s.clock.event-s.clock.newest, s.clock.newest-s.clock.event) <= present
		age := s.clock.age(now)
		st.AgeSeconds = int64(age / time.Second)
		st.Stale = age > s.clock.patient
	}
	if w := s.weather; w != nil {
		st.Weather = &Weather{w.reading.Temperature, w.reading.Status, time.UnixMilli(w.event).In(loc)}
	}
	sent := func(wall int64) time.Time {
		if at := s.sentAt(wall, now); at > 0 {
			return time.UnixMilli(at).In(loc).Truncate(time.Second)
		}
		return time.Time{}
	}
	newest := int64(0)
	for _, c := range s.counts {
		newest = max(newest, c.wall)
	}
	st.CountsAsOf = sent(newest)
	for i, l := range lines {
		st.Lines[i] = lineStatus(l, s.counts)
		for _, station := range st.Lines[i].Stations {
			station.CountsAsOf = sent(s.counts[station.ID].wall)
		}
	}
	return st
}

// short returns the line's name for narrow places.
func (l *LineStatus) short() string {
	const room = 8 // runes
	if l.Code != "" && utf8.RuneCountInString(l.Code) <= room {
		return l.Code
	}
	return strings.TrimSuffix(l.Name, " Line")
}

// called returns the line's name in a sentence.
func (l *LineStatus) called() string {
	if s := l.short(); s == l.Code {
		return s
	}
	return l.Name
}

// lineStatus returns a line without its trains.
func lineStatus(l lineLayout, counts map[int]count) *LineStatus {
	ls := &LineStatus{
		ID: l.ID, Ref: l.Ref, Code: l.Code, Name: l.Name, Mode: l.Mode, Loop: l.Loop, Color: l.Color, TextColor: legible(l.Color, l.TextColor),
		Towards: Towards{l.a, l.b},
		Level:   live.LevelUnknown, Directions: []DirectionStatus{},
		Trains: []*Train{}, Stations: make([]*Station, len(l.rows)),
	}
	for i, r := range l.rows {
		n := counts[r.id].entries
		ls.Entries += n
		ls.Stations[i] = &Station{
			ID: r.id, Name: r.name, Order: r.order, Branch: r.branch, Loop: r.loop, Closed: r.closed,
			Entries: n, Crowding: live.CrowdingUnknown, Trains: []string{}, Coming: []string{},
		}
	}
	return ls
}

// rounded keeps two digits, so that noise of the speed doesn't cause updates.
func rounded(x float64) float64 {
	if x <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Round(x/unit) * unit
}
