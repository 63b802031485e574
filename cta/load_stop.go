package cta

import (
	"fmt"
	"slices"
	"strings"
)

func (l *loader) readStops() {
	known := func(column string) bool { return l.net.Line(column) != nil || !l.lineTable.ok }
	t := l.table(stopsFile, known, colStopID, colDirectionID, colStopName, colDescriptiveName, colStationID)
	l.stopTable = t
	if !t.ok {
		return
	}
	for _, column := range t.header {
		if l.net.Line(column) != nil && !slices.Contains(l.net.columns, column) {
			l.net.columns = append(l.net.columns, column)
		}
	}
	for _, line := range l.net.Lines {
		if !slices.Contains(l.net.columns, line.ID) {
			t.fault(1, 0, "", "no column "+quoted(line.ID), "one for each line", nil)
		}
	}
	seen := make(map[int]bool)
	for _, r := range t.rows {
		station := l.station(r, colStationID)
		stop, ok := l.stop(r, station)
		if ok && seen[stop.ID] {
			r.bad(colStopID, "each stop once")
		}
		seen[stop.ID] = true
		if station != nil {
			station.Stops = append(station.Stops, stop)
		}
	}
	for _, s := range l.net.Stations {
		slices.SortFunc(s.Stops, func(a, b Stop) int { return a.ID - b.ID })
	}
}

// stop reads one stop; ok is false when it has no id.
func (l *loader) stop(r row, station *Station) (stop Stop, ok bool) {
	stop.Name, _ = r.text(colStopName)
	stop.DescriptiveName, _ = r.text(colDescriptiveName)
	if stop.DirectionID, ok = r.cell(colDirectionID); ok && !slices.Contains([]string{"N", "E", "S", "W"}, stop.DirectionID) {
		r.bad(colDirectionID, "N, E, S or W")
	}
	some := false // line has a stop here, or can't be read
	for _, line := range l.net.Lines {
		set, ok := r.boolean(line.ID)
		some = some || set || !ok
		if !set {
			continue
		}
		stop.Lines = append(stop.Lines, line.ID)
		if station != nil && l.placeTable.ok && !l.onLine(line, station) {
			r.bad(line.ID, fmt.Sprintf("false, as station %d is not on the line in %s", station.ID, lineStationsFile))
		}
	}
	if !some {
		r.fault(r.line, 0, "", "a stop of no line", "true for one line or more", nil)
	}
	stop.ID, ok = r.id(colStopID)
	return stop, ok
}

func (l *loader) readRidership() {
	t := l.table(ridershipFile, nil, "station_id", "weekday", "saturday", "sunday")
	const most = 10_000_000 // a day at one station, ten times the busiest of the world
	seen := make(map[*Station]bool)
	for _, r := range t.rows {
		var e Ridership
		e.Weekday, _ = r.number("weekday", 0, most)
		e.Saturday, _ = r.number("saturday", 0, most)
		e.Sunday, _ = r.number("sunday", 0, most)
		s := l.station(r, "station_id")
		if s == nil {
			continue
		}
		if seen[s] {
			r.bad("station_id", "each station once")
		}
		seen[s] = true
		s.Entries = e
	}
	for _, s := range l.net.Stations {
		if t.ok && !seen[s] {
			t.fault(0, 0, "", fmt.Sprintf("without station %d %s", s.ID, quoted(s.Name)), "a row for each, of zeros if nothing is known", nil)
		}
	}
}

func (l *loader) readHourly() {
	t := l.table(hourlyFile, nil, "hour", "share")
	var seen [24]bool
	sum, clean := 0.0, t.ok
	for _, r := range t.rows {
		share, ok := r.number("share", 0, 1)
		clean = clean && ok
		hour, ok := r.integer("hour", 0, 23)
		switch {
		case !ok:
			clean = false
		case seen[hour]:
			r.bad("hour", "each hour once")
			clean = false
		default:
			seen[hour] = true
			l.net.Hourly[hour] = share
			sum += share
		}
	}
	var missing []string
	for hour, ok := range seen {
		if !ok {
			missing = append(missing, fmt.Sprint(hour))
		}
	}
	switch {
	case t.ok && missing != nil:
		t.fault(0, 0, "", "without hours "+strings.Join(missing, ", "), "a row for each hour from 0 to 23", nil)
	case clean && (sum < 1-1e-6 || sum > 1+1e-6): // shares have a few decimals, and are rounded
		t.fault(0, 0, "", fmt.Sprintf("shares that sum to %.6f", sum), "1", nil)
	}
}
