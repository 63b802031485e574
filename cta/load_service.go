package cta

import (
	"fmt"
	"slices"
	"time"
)

func (l *loader) readService() {
	t := l.table(serviceFile, nil, "line", "days", "from", "to", "headway_minutes", "last_station_id")
	rows := make(map[*Line][]row) // parallel to Line.Service
	for _, r := range t.rows {
		line := l.line(r)
		s, ok := l.service(r, line)
		if line == nil {
			continue
		}
		for i, other := range line.Service {
			if ok && s.Days.overlap(other.Days) && s.From < other.To && other.From < s.To {
				r.bad("from", fmt.Sprintf("hours apart from those of line %d", rows[line][i].line))
			}
		}
		if !ok {
			s.To = s.From // overlaps with nothing
		}
		line.Service = append(line.Service, s)
		rows[line] = append(rows[line], r)
	}
	for _, line := range l.net.Lines {
		if t.ok && len(line.Service) == 0 {
			t.fault(0, 0, "", "without line "+quoted(line.ID), "a row or more for each", nil)
		}
	}
}

// service reads a service of a line, which may be nil; ok is false when its days or
// hours can't be read.
func (l *loader) service(r row, line *Line) (s Service, ok bool) {
	days, _ := r.cell("days")
	s.Days = Days(days)
	ok = slices.Contains([]Days{Daily, Weekdays, Weekends}, s.Days)
	if !ok {
		r.bad("days", fmt.Sprintf("%s, %s or %s", Daily, Weekdays, Weekends))
	}
	var fromOK, toOK bool
	s.From, fromOK = r.integer("from", 0, 23)
	s.To, toOK = r.integer("to", 1, 24)
	if fromOK && toOK && s.From >= s.To {
		r.bad("to", "a later hour than from; a service past midnight takes two rows")
		toOK = false
	}
	minutes, _ := r.number("headway_minutes", 0.1, 24*60)
	s.Headway = time.Duration(minutes * float64(time.Minute)).Round(time.Second)
	if text, has := r.cell("last_station_id"); has && text != "" {
		if last := l.station(r, "last_station_id"); last != nil {
			s.Last = last.ID
			l.checkTurn(r, line, last)
		}
	}
	return s, ok && fromOK && toOK
}

// checkTurn reports a station where no train can turn back. On a branch, trains
// of the other branches would not pass it.
func (l *loader) checkTurn(r row, line *Line, last *Station) {
	if line == nil || len(line.Routes) == 0 {
		return
	}
	route := line.Routes[0]
	trunk := route.Stations[:route.Loop]
	if len(line.Routes) > 1 || route.Branch != "" {
		trunk = nil
		for _, s := range line.Stations {
			if s.Branch == "" {
				trunk = append(trunk, s.Station)
			}
		}
	}
	switch i := slices.Index(trunk, last); {
	case !l.onLine(line, last):
		r.bad("last_station_id", "a station of the line")
	case i < 0:
		r.bad("last_station_id", "a station of the trunk, before the loop")
	case i == 0:
		r.bad("last_station_id", "a later station than the first")
	}
}
