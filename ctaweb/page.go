package ctaweb

import (
	"cmp"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// pageData is the content of the system's page. assets/live.js derives the same from
// updates. Both decide where things are drawn, and a test compares them.
type pageData struct {
	common
	Trains  int
	Counted string // when counts came last
	Alerts  []string
	Notices noticesView
	Lines   []lineView
	Map     *mapView
	Scores  []scoreSummary
	Rivals  bool        // the agency's predictions were scored too
	Prefer  live.Source // whose predictions are shown
	// Brief is true of a network that is too large for one page: it lists the lines,
	// each of which has its stations on its own page, and the script loads the map.
	Brief bool
	// Located is true of stations with coordinates, of which the nearest can be found.
	Located bool
}

// maxRows is how many stations of lines the system's page lists: a row has some 400
// bytes.
const maxRows = 300

// brief reports whether there are too many stations for one page.
func (st *Status) brief() bool {
	rows := 0
	for _, l := range st.Lines {
		rows += len(l.Stations)
	}
	return rows > maxRows
}

type freshness struct{ Class, Text string }

type weatherView struct{ Icon, Temperature, Sky, At string }

type lineView struct {
	*LineStatus
	Index int
	A, B  int // trains in each direction
	Rows  []rowView
}

// saidView is how a line runs in one direction, in words, and the station that they
// name first, which is linked to.
type saidView struct {
	Before, Name, After string
	Station             int // 0 for none
}

// To is where the line's trains of a direction run to at this hour.
func (v lineView) To(d cta.Direction) string { return v.towards(d) }

// Brief returns the sentences on a line in a long list of lines: none on good service.
func (v lineView) Brief() []saidView {
	if v.Level == live.LevelGood {
		return nil
	}
	return v.Says()
}

// Says returns the sentences on the line's directions.
func (v lineView) Says() []saidView {
	list := make([]saidView, len(v.Directions))
	for i, d := range v.Directions {
		list[i].Before = d.Sentence
		// Behind the names of the line and where it runs to.
		says := strings.Index(d.Sentence, ": ") + 1
		for _, s := range v.Stations {
			if at := strings.Index(d.Sentence[says:], s.Name); s.ID == d.Station && at >= 0 {
				at += says
				list[i] = saidView{d.Sentence[:at], s.Name, d.Sentence[at+len(s.Name):], s.ID}
			}
		}
	}
	return list
}

type rowView struct {
	*Station
	Label string // heads the stations from here on: a branch, the Loop
	A, B  []badge
	Link  template.HTML // the name, on the system's page
}

// badge is a train drawn beside the track.
type badge struct{ ID, Class, Text string }

// lane is a station's place beside the track, on the side of a direction. It is one link,
// as trains may stand one upon another: to its train, or to its station if there are
// several.
type lane struct {
	Class    string
	To, Says string // both empty without a train
	Trains   []badge
}

func laneOf(class, root string, station int, trains []badge) lane {
	v := lane{Class: class, Trains: trains}
	switch len(trains) {
	case 0:
		return v
	case 1:
		v.To = root + "trains/" + segment(trains[0].ID)
	default:
		v.To = root + "stations/" + strconv.Itoa(station)
	}
	texts := make([]string, len(trains))
	for i, b := range trains {
		texts[i] = b.Text
	}
	v.Says = strings.Join(texts, "; ")
	return v
}

// Lane is the row's place on the side of a direction, on a page from which root leads to
// the handler's own.
func (r rowView) Lane(class, root string) lane {
	if class == "a" {
		return laneOf(class, root, r.ID, r.A)
	}
	return laneOf(class, root, r.ID, r.B)
}

func (h *Handler) systemPage(s *snapshot, l *language) any {
	data := pageData{common: h.common(s, l, "system", "", ""), Counted: l.counted(s.status), Located: h.chart != nil}
	data.Brief = s.status.brief()
	parts := &fixedParts{}
	if !data.Brief {
		var err error
		if parts, err = h.fixedParts(s, l); err != nil {
			return err
		}
	}
	for i, line := range s.status.Lines {
		v := lineView{LineStatus: line, Index: i}
		if v.A, v.B = line.running(); !data.Brief {
			v = l.viewLine(i, line)
		}
		for row := range v.Rows {
			v.Rows[row].Link = parts.links[i][row]
		}
		data.Trains += v.A + v.B
		data.Lines = append(data.Lines, v)
		data.Alerts = append(data.Alerts, l.alerts(line)...)
	}
	data.Notices = l.notices(s, maxOnSystem, func(*Alert) bool { return true })
	data.Map = h.viewMap(s, l, parts.chart, data.Brief)
	data.Prefer = s.view.Preferred
	for _, sc := range scores(s.view) {
		if sc.Predictions > 0 {
			data.Scores = append(data.Scores, sc)
			data.Rivals = data.Rivals || sc.Rivals != nil
		}
	}
	return data
}

func (l *language) viewLine(index int, line *LineStatus) lineView {
	l = l.of(line.Mode)
	v := lineView{LineStatus: line, Index: index, Rows: make([]rowView, len(line.Stations))}
	at := make(map[int]int, len(line.Stations))
	for i, s := range line.Stations {
		at[s.ID] = i
		v.Rows[i] = rowView{Station: s}
		switch branch := s.Branch != "" && (i == 0 || line.Stations[i-1].Branch != s.Branch); {
		case branch:
			v.Rows[i].Label = l.say("branch", "name", s.Branch)
		case s.Loop && line.Loop != "" && (i == 0 || !line.Stations[i-1].Loop):
			v.Rows[i].Label = line.Loop
		}
	}
	v.A, v.B = line.running()
	for _, t := range line.Trains {
		station, d, class := spot(t)
		i, ok := at[station]
		if !ok {
			continue
		}
		b := badge{t.ID, class, l.trainText(t, line.Stations[i].Name)}
		if d == cta.DirectionA {
			v.Rows[i].A = append(v.Rows[i].A, b)
		} else {
			v.Rows[i].B = append(v.Rows[i].B, b)
		}
	}
	return v
}

// spot returns where a train is drawn: at the row and in the lane of a station, or half
// a row before it while approaching. Before a junction with two possible branches, it is
// half a row behind the last station.
func spot(t *Train) (station int, d cta.Direction, class string) {
	station, d, class = t.Station, t.Direction, "at"
	switch {
	case t.Moving() && len(t.Next) == 1:
		station, d, class = t.Next[0].Station, t.Next[0].Direction, "near"
	case t.Moving():
		class = "left"
	}
	class += " " + string(d)
	if look := looks(t); look != "" {
		class += " " + look
	}
	return station, d, class
}

// looks returns a train's class, which is also the end of a text's name.
func looks(t *Train) string {
	switch {
	case t.Status == cta.TrainBrokenDown:
		return "broken"
	case t.State == live.StateSilent:
		return "silent"
	case t.Status == cta.TrainOutOfService:
		return "out"
	}
	return ""
}

// trainText returns in words what a badge shows by its place and shape.
func (l *language) trainText(t *Train, station string) string {
	where := "train-at"
	switch {
	case t.State == live.StateTurning && t.Status == cta.TrainInService:
		where = "train-ended"
	case t.State == live.StateSilent && len(t.Next) == 1:
		where = "train-due"
	case t.Moving() && len(t.Next) == 1:
		where = "train-approaching"
	case t.Moving():
		where = "train-left"
	}
	text := l.say(where, "id", t.ID, "towards", t.Towards, "station", station)
	if look := looks(t); look != "" {
		return l.say("train-"+look, "train", text)
	}
	return text
}

func (l *language) alerts(line *LineStatus) []string {
	l = l.of(line.Mode)
	var lines []string
	for _, t := range line.Trains {
		if t.Status != cta.TrainBrokenDown {
			continue
		}
		for _, s := range line.Stations {
			if s.ID == t.Station {
				lines = append(lines, l.say("broken-alert", "line", line.Name, "towards", t.Towards, "station", s.Name))
				break
			}
		}
	}
	return lines
}

func (l *language) fresh(st *Status) freshness {
	switch {
	case !st.Ready && st.AsOf.IsZero():
		return freshness{"wait", l.say("starting")}
	case st.Stale && st.AsOf.IsZero():
		return freshness{"wait", l.say("waiting")}
	case st.Stale:
		return freshness{"stale", l.say("stale", "age", l.age(st.AgeSeconds))}
	case !st.Ready:
		return freshness{"wait", l.say("catching-up")}
	}
	if !st.RealTime {
		return freshness{"live", l.say("other-time")}
	}
	return freshness{"live", l.say("live")}
}

func (l *language) age(seconds int64) string {
	unit, n := "hours", seconds/3600
	switch {
	case seconds < 60:
		unit, n = "seconds", seconds/10*10 // not read out every second
	case seconds < 3600:
		unit, n = "minutes", seconds/60
	}
	return l.say(unit, "n", strconv.FormatInt(n, 10))
}

// countsOld is the age from which counts are reported as stopped.
const countsOld = 10 * time.Minute

// counted returns a text with the start of today's counts and the age of the newest.
func (l *language) counted(st *Status) string {
	at, since := st.CountsAsOf, st.CountsSince
	switch {
	case at.IsZero():
		return ""
	case st.AsOf.Sub(at) > countsOld:
		return l.say("counts-stopped", "time", clockText(at))
	case !since.IsZero() && clockText(since) != "00:00":
		return l.say("counts-since", "since", clockText(since), "time", clockText(at))
	}
	return l.say("counts-as-of", "time", clockText(at))
}

// date is the date and, where the clock isn't the real one, the year and its speed.
func (l *language) date(st *Status) string {
	date := l.day(st.AsOf)
	if !st.RealTime {
		date = l.say("date-year", "date", date, "year", strconv.Itoa(st.AsOf.Year()))
	}
	if st.Speed == 1 {
		return date
	}
	return l.say("at-speed", "date", date, "n", strconv.FormatFloat(math.Round(st.Speed*10)/10, 'f', -1, 64))
}

// weather is a reading in degrees of a unit, C or F.
func (l *language) weather(w *Weather, unit string) *weatherView {
	if w == nil {
		return nil
	}
	// As scripts do: in decimals, and halves are rounded up.
	n, _ := strconv.ParseFloat(strconv.FormatFloat(float64(w.Temperature), 'f', -1, 32), 64) // it is a number
	if unit == "C" {
		n = (n - 32) * 5 / 9
	}
	degrees := strconv.Itoa(int(math.Floor(n + 0.5)))
	sky := cmp.Or(l.say("sky-"+falling(w)), string(w.Status))
	return &weatherView{string(w.Status), l.say("temperature", "n", degrees, "unit", unit), sky, l.say("measured", "time", clockText(w.AsOf))}
}

// What falls from the sky, by °F: at freezing and below it is snow, a few degrees above it
// both may fall.
const (
	snowUpTo  = 32
	sleetUpTo = 37
)

// falling is the name of a reading's sky, with what falls where something does.
func falling(w *Weather) string {
	switch {
	case w.Status != cta.WeatherPrecipitation:
		return string(w.Status)
	case w.Temperature <= snowUpTo:
		return "snow"
	case w.Temperature <= sleetUpTo:
		return "sleet"
	}
	return "rain"
}

func clockText(t time.Time) string { return t.Format("15:04") }
