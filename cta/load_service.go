package cta

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// service is a row of service.csv: a headway, and the station where trains turn back;
// nil for the whole line.
type service struct {
	Headway
	row  row
	last *Station
}

func (l *loader) readService() {
	t := l.table(serviceFile, nil, "line", "days", "from", "to", "headway_minutes", "?last_station_id")
	services := make(map[*Line][]service)
	for _, r := range t.rows {
		line := l.line(r)
		s, ok := l.service(r, line)
		if line == nil {
			continue
		}
		for _, other := range services[line] {
			if ok && s.Calendar.Days&other.Calendar.Days != 0 && s.FromHour < other.ToHour && other.FromHour < s.ToHour {
				r.bad("from", fmt.Sprintf("hours apart from those of line %d", other.row.Line))
			}
		}
		if !ok {
			s.Calendar, s.ToHour = usualCalendars[0], s.FromHour // an empty span overlaps nothing
		}
		services[line] = append(services[line], s)
	}
	for _, line := range l.net.Lines {
		if t.ok && len(services[line]) == 0 && len(l.full[line]) > 0 {
			t.fault(0, 0, "without line "+sheet.Quote(line.ID), "a row or more for each")
		}
		for _, s := range services[line] {
			for _, p := range l.patterns(line, s.last) {
				h := s.Headway
				if s.last == nil {
					h.Every *= time.Duration(l.branches(line, p)) // the branches alternate on the trunk
				}
				p.Headways = append(p.Headways, h)
			}
		}
	}
}

// branches returns the number of whole-line patterns in p's direction.
func (l *loader) branches(line *Line, p *Pattern) (n int) {
	for _, q := range l.full[line] {
		if q.Direction() == p.Direction() {
			n++
		}
	}
	return n
}

// patterns returns the patterns of trains that turn back at last, which the first call
// makes. If last is nil, it returns the whole-line patterns.
func (l *loader) patterns(line *Line, last *Station) []*Pattern {
	end := slices.Index(l.trunks[line], last)
	if last == nil || end < 1 || len(l.full[line]) == 0 {
		return l.full[line]
	}
	if whole := l.full[line][0]; len(l.full[line]) <= 2 && whole.Last().Station == last && !whole.Ring() {
		return l.full[line]
	}
	var short []*Pattern
	for _, p := range line.Patterns[len(l.full[line]):] {
		if p.Last().Station == last || p.Calls[0].Station == last {
			short = append(short, p)
		}
	}
	if short == nil {
		var out []Call
		for _, s := range l.trunks[line][:end+1] {
			out = append(out, Call{Station: s, Direction: DirectionA})
		}
		short = []*Pattern{{Calls: out, line: line}, {Calls: reversed(out), line: line}}
		line.Patterns = append(line.Patterns, short...)
	}
	return short
}

// service reads a service of a line, which may be nil. ok is false when the days or
// hours are invalid.
func (l *loader) service(r row, line *Line) (s service, ok bool) {
	s.row = r
	days := r.Cell("days")
	i := slices.IndexFunc(usualCalendars, func(c *Calendar) bool { return c.ID == days })
	if ok = i >= 0; ok {
		s.Calendar = usualCalendars[i]
	} else {
		r.bad("days", "daily, weekday, weekend, saturday or sunday")
	}
	var fromOK, toOK bool
	s.FromHour, fromOK = r.integer("from", 0, 23)
	s.ToHour, toOK = r.integer("to", 1, 24)
	if fromOK && toOK && s.FromHour >= s.ToHour {
		r.bad("to", "a later hour than from; a service past midnight takes two rows")
		toOK = false
	}
	minutes := r.number("headway_minutes", 0.1, 24*60)
	s.Every = time.Duration(minutes * float64(time.Minute)).Round(time.Second)
	if r.Cell("last_station_id") != "" {
		if last := l.station(r, "last_station_id"); last != nil && l.checkTurn(r, line, last) {
			s.last = last
		}
	}
	return s, ok && fromOK && toOK
}

// checkTurn reports a station where no train can turn back. On a branch, trains of the
// other branches would not pass it.
func (l *loader) checkTurn(r row, line *Line, last *Station) bool {
	if line == nil || len(l.trunks[line]) == 0 || l.placeTable.faulty {
		return false
	}
	trunk := l.trunks[line]
	for i, s := range trunk {
		if slices.ContainsFunc(line.Stations, func(ls LineStation) bool { return ls.Station == s && ls.Loop }) {
			trunk = trunk[:i]
			break
		}
	}
	switch i := slices.Index(trunk, last); {
	case !l.onLine(line, last):
		r.bad("last_station_id", "a station of the line")
	case i < 0:
		r.bad("last_station_id", "a station of the trunk, before the loop")
	case i == 0:
		r.bad("last_station_id", "a later station than the first")
	default:
		return true
	}
	return false
}
