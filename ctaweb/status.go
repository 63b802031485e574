package ctaweb

import (
	"cmp"
	"math"
	"slices"
	"time"

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
	Reason  string        `json:"reason,omitempty"`
	Weather *Weather      `json:"weather"` // null while unknown
	Lines   []*LineStatus `json:"lines"`   // in the network's order
}

// Weather is the latest reading.
type Weather struct {
	Temperature float32           `json:"temperature"` // °F
	Status      cta.WeatherStatus `json:"status"`
	AsOf        time.Time         `json:"as_of"`
}

// LineStatus is a line with its trains and stations.
type LineStatus struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Color     string `json:"color"`      // "#rrggbb"
	TextColor string `json:"text_color"` // "#rrggbb", legible on Color
	// Entries is the sum over the line's stations; a station of several lines
	// counts on each.
	Entries int64   `json:"entries"`
	Towards Towards `json:"towards"`
	// Level is that of the worse direction.
	Level live.Level `json:"level"`
	// Directions say how the line runs, a then b; none before the first event.
	Directions []DirectionStatus `json:"directions"`
	Trains     []*Train          `json:"trains"` // by id
	Stations   []*Station        `json:"stations"`
}

// DirectionStatus is how a line runs in one direction.
type DirectionStatus struct {
	Direction cta.Direction `json:"direction"`
	Towards   string        `json:"towards"` // at this hour
	Level     live.Level    `json:"level"`
	Sentence  string        `json:"sentence"`
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

// State says where a train is with respect to a station.
type State string

// Every State.
const (
	// At the station: it came within the last half minute, has broken down
	// there, or has no station to go on to.
	At State = "at"
	// Approaching: it has left the station before.
	Approaching State = "approaching"
)

// Train is a train and where it is.
type Train struct {
	ID        string          `json:"id"`
	Line      string          `json:"line"`
	Direction cta.Direction   `json:"direction"`
	Towards   string          `json:"towards"`
	Status    cta.TrainStatus `json:"status"`
	// State is At the station, or Approaching the next one.
	State State `json:"state"`
	// Station is the id of the station that the train came to last, at Since.
	Station int       `json:"station"`
	Since   time.Time `json:"since"`
	// Next holds the stations it may come to next: one for each branch where
	// branches part, none at the end of the line.
	Next []Next `json:"next"`
	// Due is when it is expected at the first of Next, as it was when it came to
	// Station; left out when there is no telling.
	Due time.Time `json:"due,omitzero"`
	// Silent is true of a train that is long overdue.
	Silent bool `json:"silent,omitempty"`
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
	// Crowding compares the entries of the last 15 minutes with what is usual.
	Crowding live.Crowding `json:"crowding"`
	// Trains are those of this line at the station or approaching it. Where
	// branches part, a train approaches the first station of each.
	Trains []StationTrain `json:"trains"`
}

// StationTrain is a train at a station or approaching it.
type StationTrain struct {
	ID        string          `json:"id"`
	Direction cta.Direction   `json:"direction"` // in which it comes
	Towards   string          `json:"towards"`
	Status    cta.TrainStatus `json:"status"`
	State     State           `json:"state"`
}

// derive is the Status of a state at a wall time. It changes nothing but the
// clock's memory of its last answer.
func derive(net *cta.Network, lines []lineLayout, s *state, wall time.Time) *Status {
	st := &Status{Network: net.Name, Speed: 1, Stale: true, Lines: make([]*LineStatus, len(lines))}
	loc := location(net)
	var now time.Time
	if s.clock.known() {
		now = time.UnixMilli(s.clock.now(wall.UnixMilli())).In(loc)
		st.AsOf = now.Truncate(time.Second)
		st.Speed = rounded(s.clock.speed())
		age := s.clock.age(wall.UnixMilli())
		st.AgeSeconds = int64(age / time.Second)
		st.Stale = age > s.clock.patience()
	}
	if w := s.weather; w != nil {
		st.Weather = &Weather{w.reading.Temperature, w.reading.Status, time.UnixMilli(w.event).In(loc)}
	}
	trains := map[string][]*Train{}
	for _, t := range s.trains {
		i := slices.IndexFunc(lines, func(l lineLayout) bool { return l.ID == t.arrival.Line })
		if i < 0 {
			continue
		}
		if v := place(lines[i], t, now, loc); v != nil {
			trains[v.Line] = append(trains[v.Line], v)
		}
	}
	for i, l := range lines {
		of := trains[l.ID]
		slices.SortFunc(of, func(a, b *Train) int { return cmp.Compare(a.ID, b.ID) })
		st.Lines[i] = lineStatus(l, of, s.counts)
	}
	return st
}

func lineStatus(l lineLayout, trains []*Train, counts map[int]count) *LineStatus {
	ls := &LineStatus{
		ID: l.ID, Name: l.Name, Color: l.Color, TextColor: legible(l.Color, l.TextColor),
		Towards: Towards{l.a, l.b},
		Level:   live.LevelUnknown, Directions: []DirectionStatus{},
		Trains: trains, Stations: make([]*Station, len(l.rows)),
	}
	if trains == nil {
		ls.Trains = []*Train{}
	}
	for i, r := range l.rows {
		n := counts[r.id].entries
		ls.Entries += n
		ls.Stations[i] = &Station{
			ID: r.id, Name: r.name, Order: r.order, Branch: r.branch, Loop: r.loop,
			Entries: n, Crowding: live.CrowdUnknown, Trains: []StationTrain{},
		}
	}
	show := func(station int, t *Train, d cta.Direction) {
		if i, ok := l.at[station]; ok {
			st := ls.Stations[i]
			st.Trains = append(st.Trains, StationTrain{t.ID, d, l.towards(d), t.Status, t.State})
		}
	}
	for _, t := range trains {
		if t.State == At {
			show(t.Station, t, t.Direction)
			continue
		}
		for _, n := range t.Next {
			show(n.Station, t, n.Direction)
		}
	}
	return ls
}

// place says where a train is at an event time; nil when it isn't to be shown,
// because it went silent, left service, or its station isn't on the line.
func place(l lineLayout, t train, now time.Time, loc *time.Location) *Train {
	a := t.arrival
	since := time.UnixMilli(t.event).In(loc)
	age := now.Sub(since)
	if _, ok := l.at[a.StationID]; !ok || age < -futureBy {
		return nil
	}
	v := &Train{
		ID: a.TrainID, Line: a.Line, Direction: a.Direction, Towards: l.towards(a.Direction),
		Status: a.TrainStatus, State: At, Station: a.StationID, Since: since,
		Next: nextStations(l, a.StationID, a.Direction, now),
	}
	var limit time.Duration
	switch a.TrainStatus {
	case cta.BrokenDown:
		limit = brokenFor
	case cta.OutOfService:
		limit = outOfServiceFor
	default:
		limit = silentAfter + running(l, v)
		if age > dwell && len(v.Next) > 0 {
			v.State = Approaching
		}
	}
	if age > limit {
		return nil
	}
	return v
}

// nextStations are those that a train goes on to. Where some service turns back
// and some goes on, the service of the hour decides.
func nextStations(l lineLayout, station int, d cta.Direction, now time.Time) []Next {
	hops := l.Next(station, d)
	if d == cta.DirectionA && len(hops) > 1 {
		svc, ok := l.ServiceAt(now)
		back := func(h cta.Hop) bool { return h.Direction != d }
		if turns := ok && svc.Last == station; turns {
			hops = slices.DeleteFunc(hops, func(h cta.Hop) bool { return !back(h) })
		} else if slices.ContainsFunc(hops, func(h cta.Hop) bool { return !back(h) }) {
			hops = slices.DeleteFunc(hops, back)
		}
	}
	next := make([]Next, 0, len(hops))
	for _, h := range hops {
		if _, ok := l.at[h.Station.ID]; ok {
			next = append(next, Next{h.Station.ID, h.Direction})
		}
	}
	return next
}

// running is a generous running time to the farthest of a train's next stations:
// 5 m/s, where the 'L' averages twice that.
func running(l lineLayout, t *Train) time.Duration {
	from := stationOf(l, t.Station)
	var far float64
	for _, n := range t.Next {
		if to := stationOf(l, n.Station); from != nil && to != nil {
			far = max(far, cta.Distance(from, to))
		}
	}
	return time.Duration(far/5) * time.Second
}

func stationOf(l lineLayout, id int) *cta.Station {
	for _, s := range l.Stations {
		if s.ID == id {
			return s.Station
		}
	}
	return nil
}

// rounded keeps two digits, so that a speed's noise isn't news.
func rounded(x float64) float64 {
	if x <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Round(x/unit) * unit
}
