package ctaweb

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/seed-921eec07/ctalive/cta"
)

// pageData is what the page of the whole system shows. assets/live.js shows the
// same from updates: the words are chosen in both, and a test holds them together.
type pageData struct {
	common
	Trains int
	Alerts []string
	Lines  []lineView
	Map    *mapView
	Scores []scoreSummary
}

type freshness struct{ Class, Text string }

type weatherView struct{ Icon, Temperature, Sky string }

type lineView struct {
	*LineStatus
	Index int
	A, B  int // trains in each direction
	Rows  []rowView
}

type rowView struct {
	*Station
	Label string // heads the stations from here on: a branch, the Loop
	A, B  []badge
}

// badge is a train drawn beside the track.
type badge struct{ ID, Class, Text string }

func (h *Handler) systemPage(s *snapshot) any {
	data := pageData{common: h.common(s, "system", "", "")}
	for i, l := range s.status.Lines {
		v := viewLine(i, l)
		data.Trains += v.A + v.B
		data.Lines = append(data.Lines, v)
		data.Alerts = append(data.Alerts, alerts(l)...)
	}
	data.Map = viewMap(h.chart, s)
	for _, sc := range scores(s.view) {
		if sc.Predictions > 0 {
			data.Scores = append(data.Scores, sc)
		}
	}
	return data
}

func viewLine(index int, l *LineStatus) lineView {
	v := lineView{LineStatus: l, Index: index, Rows: make([]rowView, len(l.Stations))}
	at := make(map[int]int, len(l.Stations))
	for i, s := range l.Stations {
		at[s.ID] = i
		v.Rows[i] = rowView{Station: s}
		switch branch := s.Branch != "" && (i == 0 || l.Stations[i-1].Branch != s.Branch); {
		case branch:
			v.Rows[i].Label = s.Branch + " branch"
		case s.Loop && (i == 0 || !l.Stations[i-1].Loop):
			v.Rows[i].Label = "The Loop"
		}
	}
	v.A, v.B = l.running()
	for _, t := range l.Trains {
		station, d, class := spot(t)
		i, ok := at[station]
		if !ok {
			continue
		}
		b := badge{t.ID, class, trainText(t, l.Stations[i].Name)}
		if d == cta.DirectionA {
			v.Rows[i].A = append(v.Rows[i].A, b)
		} else {
			v.Rows[i].B = append(v.Rows[i].B, b)
		}
	}
	return v
}

// spot is where a train is drawn: at the row and in the lane of a station, half a
// row before it when it approaches. A train that may take either of two branches
// is drawn half a row behind the last station.
func spot(t *Train) (station int, d cta.Direction, class string) {
	station, d, class = t.Station, t.Direction, "at"
	switch {
	case t.Moving() && len(t.Next) == 1:
		station, d, class = t.Next[0].Station, t.Next[0].Direction, "near"
	case t.Moving():
		class = "left"
	}
	class += " " + string(d)
	switch t.Status {
	case cta.BrokenDown:
		class += " broken"
	case cta.OutOfService:
		class += " out"
	}
	return station, d, class
}

// trainText says in words what a badge says by its place and shape.
func trainText(t *Train, station string) string {
	where := "at"
	switch {
	case t.Moving() && len(t.Next) == 1:
		where = "approaching"
	case t.Moving():
		where = "has left"
	}
	text := fmt.Sprintf("Train %s towards %s, %s %s", t.ID, t.Towards, where, station)
	switch t.Status {
	case cta.BrokenDown:
		text += ", broken down"
	case cta.OutOfService:
		text += ", out of service"
	}
	return text
}

func alerts(l *LineStatus) []string {
	var lines []string
	for _, t := range l.Trains {
		if t.Status != cta.BrokenDown {
			continue
		}
		for _, s := range l.Stations {
			if s.ID == t.Station {
				lines = append(lines, fmt.Sprintf("%s: a train towards %s has broken down at %s", l.Name, t.Towards, s.Name))
				break
			}
		}
	}
	return lines
}

func fresh(st *Status) freshness {
	switch {
	case !st.Ready && st.AsOf.IsZero():
		return freshness{"wait", "starting"}
	case st.Stale && st.AsOf.IsZero():
		return freshness{"wait", "waiting for trains"}
	case st.Stale:
		return freshness{"stale", "stale for " + ageText(st.AgeSeconds)}
	case !st.Ready:
		return freshness{"wait", "catching up"}
	}
	return freshness{"live", "live"}
}

func ageText(seconds int64) string {
	switch {
	case seconds < 60:
		return strconv.FormatInt(seconds/10*10, 10) + " s" // not read out every second
	case seconds < 3600:
		return strconv.FormatInt(seconds/60, 10) + " min"
	}
	return strconv.FormatInt(seconds/3600, 10) + " h"
}

// dateText is the date and, where the clock isn't the real one, its speed.
func dateText(st *Status) string {
	date := st.AsOf.Format("Mon 2 Jan")
	if st.Speed != 1 {
		date += fmt.Sprintf(" · %s× speed", strconv.FormatFloat(math.Round(st.Speed*10)/10, 'f', -1, 64))
	}
	return date
}

// degrees rounds halves up, as scripts do.
func degrees(f float32) string {
	return strconv.Itoa(int(math.Floor(float64(f)+0.5))) + " °F"
}

var skies = map[cta.WeatherStatus]string{
	cta.Sunny: "Sunny", cta.PartlyCloudy: "Partly cloudy", cta.Cloudy: "Cloudy",
	cta.Windy: "Windy", cta.Precipitation: "Rain or snow",
}

func skyText(s cta.WeatherStatus) string {
	if text, ok := skies[s]; ok {
		return text
	}
	return string(s)
}

// number writes n with commas between its thousands.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}
