package ctaweb

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Status is what a [Model] shows at one moment, and the JSON of GET /api/v1/status.
// Times are event times, in the network's own zone.
type Status struct {
	Network string `json:"network"`
	// AsOf is the time that the status is of, in whole seconds. It is zero, and
	// left out, before the first event.
	AsOf time.Time `json:"as_of,omitzero"`
	// Speed is the number of event seconds in a second: 1 in real time.
	Speed float64 `json:"speed"`
	// AgeSeconds is how long ago the newest arrival or weather reading was sent.
	AgeSeconds int64 `json:"age_seconds"`
	// Stale is true when nothing has come for longer than usual, or ever.
	Stale bool `json:"stale"`
	// Ready is true once everything there was has been read.
	Ready bool `json:"ready"`
	// Reason says why Ready is false.
	Reason string `json:"reason,omitempty"`
	// CountsAsOf is when the newest count of entries was sent: if it stands still
	// while AsOf goes on, nobody counts. Left out while unknown.
	CountsAsOf time.Time     `json:"counts_as_of,omitzero"`
	Weather    *Weather      `json:"weather"` // null while unknown
	Lines      []*LineStatus `json:"lines"`   // in the network's order
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
	// Ref is the agency's own id of the line, in its feed; left out when that is ID.
	Ref string `json:"ref,omitempty"`
	// Code is by which riders know the line, as "7"; left out without one.
	Code      string   `json:"code,omitempty"`
	Name      string   `json:"name"`
	Mode      cta.Mode `json:"mode,omitempty"`
	Color     string   `json:"color"`      // "#rrggbb"
	TextColor string   `json:"text_color"` // "#rrggbb", legible on Color
	// Entries is the sum over the line's stations; a station of several lines
	// counts on each.
	Entries int64   `json:"entries"`
	Towards Towards `json:"towards"`
	// Loop is the riders' name of the loop in which trains turn; left out without one.
	Loop string `json:"loop,omitempty"`
	// LastHeard is when a train of the line said something last; left out if none has.
	LastHeard time.Time `json:"last_heard,omitzero"`
	// Level is that of the worse direction.
	Level live.Level `json:"level"`
	// Directions say how the line runs, a then b, without one in which none of its trains
	// runs; none before the first event.
	Directions []DirectionStatus `json:"directions"`
	Trains     []*Train          `json:"trains"` // by id
	Stations   []*Station        `json:"stations"`
}

// DirectionStatus is how a line runs in one direction.
type DirectionStatus struct {
	Direction cta.Direction `json:"direction"`
	Towards   string        `json:"towards"` // at this hour
	Level     live.Level    `json:"level"`
	// Sentence says it in words: a [Model] in English, a [Handler] in its reader's
	// language. Facts is what they are made of.
	Sentence string               `json:"sentence"`
	Facts    live.DirectionStatus `json:"-"`
	Cause    live.Cause           `json:"cause"`
	// Station is the one that the sentence names first; left out when it names none.
	Station int `json:"station,omitempty"`
	// EverySeconds is the median time between trains, IntendedSeconds what it
	// should be. They are 0 when unknown, or without service.
	EverySeconds    int64 `json:"every_seconds"`
	IntendedSeconds int64 `json:"intended_seconds"`
}

// Towards holds the riders' names of a line's two directions.
type Towards struct {
	A string `json:"a"`
	B string `json:"b"`
}

// Train is a train and where it is: a [live.Train] as readers are told of it.
type Train struct {
	ID        string          `json:"id"`
	Line      string          `json:"line"`
	Direction cta.Direction   `json:"direction"`
	Towards   string          `json:"towards"`
	Status    cta.TrainStatus `json:"status"`
	State     live.State      `json:"state"`
	// Station is the id of the station that the train came to last. Since is when it
	// came there, broke down there or was repaired, whichever was last.
	Station int       `json:"station"`
	Since   time.Time `json:"since"`
	// Next holds the stations it may come to next: one for each branch where
	// branches part, none at the end of its run.
	Next []Next `json:"next"`
	// Due is when it is expected at the first of Next, as it was when it came to
	// Station; left out when there is no telling.
	Due time.Time `json:"due,omitzero"`
}

// Moving reports whether the train has left its station, as far as is known.
func (t *Train) Moving() bool {
	return len(t.Next) > 0 && (t.State == live.Running || t.State == live.Silent)
}

// Next is a station that a train goes on to, and the direction it comes in.
type Next struct {
	Station   int           `json:"station"`
	Direction cta.Direction `json:"direction"`
}

// Station is a station's place on a line.
type Station struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Order  int    `json:"order"`            // on the line, from 0; two branches use the same numbers
	Branch string `json:"branch,omitempty"` // empty on the trunk
	Loop   bool   `json:"loop,omitempty"`   // on the way round that ends a run
	// Entries is the number of riders counted at the station, on whichever line.
	Entries int64 `json:"entries"`
	// CountsAsOf is when that count was sent; left out while unknown.
	CountsAsOf time.Time `json:"counts_as_of,omitzero"`
	// Crowding compares the entries of the last 15 minutes with what is usual.
	Crowding live.Crowding `json:"crowding"`
	// Trains are the ids of this line's trains at the station, Coming of those that
	// come to it next. Where branches part, a train comes to the first station of each.
	Trains []string `json:"trains"`
	Coming []string `json:"coming"`
}

// derive is the Status of a state at a wall time, but for what its trains say: see
// enrich. It changes nothing but the clock's memory of its last answer.
func derive(net *cta.Network, lines []lineLayout, s *state, wall time.Time) *Status {
	st := &Status{Network: net.Name, Speed: 1, Stale: true, Lines: make([]*LineStatus, len(lines))}
	loc, now := location(net), wall.UnixMilli()
	if s.clock.known {
		st.AsOf = time.UnixMilli(s.clock.now(now)).In(loc).Truncate(time.Second)
		st.Speed = rounded(s.clock.speed)
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

// short is the name of the line where there is little room.
func (l *LineStatus) short() string {
	const room = 8 // runes
	if l.Code != "" && utf8.RuneCountInString(l.Code) <= room {
		return l.Code
	}
	return strings.TrimSuffix(l.Name, " Line")
}

// called is what a sentence calls the line.
func (l *LineStatus) called() string {
	if s := l.short(); s == l.Code {
		return s
	}
	return l.Name
}

// lineStatus is a line without its trains.
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
			ID: r.id, Name: r.name, Order: r.order, Branch: r.branch, Loop: r.loop,
			Entries: n, Crowding: live.CrowdUnknown, Trains: []string{}, Coming: []string{},
		}
	}
	return ls
}

// rounded keeps two digits, so that a speed's noise isn't news.
func rounded(x float64) float64 {
	if x <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Round(x/unit) * unit
}
