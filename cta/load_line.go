package cta

import (
	"fmt"
	"slices"
	"strconv"
)

// place is a row of line_stations.csv: a station's place on a line.
type place struct {
	row
	order   int
	branch  string
	station *Station
}

func (l *loader) readPlaces() {
	l.placeTable = l.table(lineStationsFile, nil, "line", "order", "station_id", "branch")
	for _, r := range l.placeTable.rows {
		p := place{row: r, station: l.station(r, "station_id")}
		var ordered bool
		p.order, ordered = r.integer("order", 0, maxFileBytes)
		if r.Cell("branch") != "" {
			p.branch = r.text("branch")
		}
		line := l.line(r)
		if line == nil || p.station == nil {
			l.placeTable.faulty = true
			continue
		}
		if !ordered {
			p.order = -1 // on the line, at an unknown place
		}
		l.places[line] = append(l.places[line], p)
	}
	for _, line := range l.net.Lines { // in the network's order
		for _, p := range l.places[line] {
			if !slices.Contains(p.station.Lines, line.ID) {
				p.station.Lines = append(p.station.Lines, line.ID)
			}
		}
	}
}

func (l *loader) onLine(line *Line, s *Station) bool {
	return slices.ContainsFunc(l.places[line], func(p place) bool { return p.station == s })
}

// layLines orders the stations of each line and makes its patterns.
func (l *loader) layLines() {
	for _, line := range l.net.Lines {
		places := l.places[line]
		if len(places) < 2 {
			if l.placeTable.ok && l.stationTable.ok && !l.placeTable.faulty {
				l.lineRows[line].bad("line", "a line with two stations or more in "+lineStationsFile)
			}
			continue
		}
		branches := []string{""}
		for _, p := range places {
			if !slices.Contains(branches, p.branch) {
				branches = append(branches, p.branch)
			}
		}
		var trunk []*Station
		var ends [][]*Station // of each branch
		ring := false
		for _, branch := range branches {
			part := l.part(places, branch, len(trunk))
			if ring = l.checkOnce(line, part, len(branches) == 1); ring {
				part = part[:len(part)-1]
			}
			stations := slices.Clone(trunk)
			for i, p := range part {
				line.Stations = append(line.Stations, LineStation{Station: p.station, Order: len(trunk) + i, Branch: branch})
				stations = append(stations, p.station)
			}
			if branch == "" {
				if trunk = stations; len(part) == 0 {
					places[0].row.bad("branch", "empty, as every line begins with a trunk")
				}
				if len(branches) > 1 {
					continue
				}
			}
			ends = append(ends, stations)
		}
		l.trunks[line] = trunk
		from, circular := l.loop(line, trunk, ends)
		ring = ring || circular
		for _, stations := range ends {
			l.run(line, stations, from, ring)
		}
	}
}

// checkOnce reports stations that a line has twice. A line that ends at its first
// station is a ring.
func (l *loader) checkOnce(line *Line, part []place, whole bool) (ring bool) {
	for i, p := range part {
		seen := slices.ContainsFunc(part[:i], func(q place) bool { return q.station == p.station }) ||
			slices.ContainsFunc(line.Stations, func(s LineStation) bool { return s.Station == p.station })
		switch {
		case !seen:
		case whole && i == len(part)-1 && i > 2 && p.station == part[0].station:
			return true
		default:
			p.bad("station_id", "each station of a line once, but for the first at the end of a ring")
			l.placeTable.faulty = true
		}
	}
	return false
}

// run adds the patterns of a complete run and of the way back. The stations after from
// are a loop, unless from is the first station.
func (l *loader) run(line *Line, stations []*Station, from *Station, ring bool) {
	calls := make([]Call, len(stations))
	for i, s := range stations {
		calls[i] = Call{Station: s, Direction: DirectionA}
	}
	at := slices.Index(stations, from)
	if ring {
		calls = append(calls, calls[0])
		at = -1
	}
	if at > 0 { // one pattern there and back
		calls = append(calls, reversed(calls[:at])...)
	}
	l.addPattern(line, calls)
	if at <= 0 {
		l.addPattern(line, reversed(calls))
	}
}

func (l *loader) addPattern(line *Line, calls []Call) {
	if len(calls) == 0 {
		return // a fault has been noted
	}
	p := &Pattern{Calls: calls, line: line}
	line.Patterns = append(line.Patterns, p)
	l.full[line] = append(l.full[line], p)
}

// part returns the places of one branch in order. Orders must count up from first.
func (l *loader) part(places []place, branch string, first int) []place {
	var part []place
	for _, p := range places {
		if p.branch == branch && p.order >= 0 {
			part = append(part, p)
		}
	}
	slices.SortStableFunc(part, func(a, b place) int { return a.order - b.order })
	want := first
	for i, p := range part {
		switch {
		case i > 0 && p.order == part[i-1].order:
			p.bad("order", fmt.Sprintf("each order once, and that of line %d is the same", part[i-1].Line))
		case p.order != want && i == 0 && branch != "" && !l.placeTable.faulty:
			p.bad("order", fmt.Sprintf("%d, as a branch goes on where the trunk ends", want))
		case p.order != want && !l.placeTable.faulty:
			p.bad("order", fmt.Sprintf("%d, as orders have no gaps", want))
		}
		want = p.order + 1
	}
	return part
}

// loop returns the station where a line's loop begins, nil without a loop. A loop from
// the line's first station is a ring.
func (l *loader) loop(line *Line, trunk []*Station, ends [][]*Station) (from *Station, ring bool) {
	r := l.lineRows[line]
	if r.Cell("loop_from") == "" {
		return nil, false
	}
	if from = l.station(r, "loop_from"); from == nil {
		return nil, false
	}
	switch i := slices.Index(trunk, from); {
	case !l.onLine(line, from):
		r.bad("loop_from", "a station of the line")
		return nil, false
	case i >= 0 && len(ends) > 1:
		r.bad("loop_from", "a station of a branch, as the loop is the end of a run")
	case i == 0 && len(trunk) < 3:
		r.bad("loop_from", "a line of three stations or more, to go round")
	case i == 0:
		ring = true
	}
	if r.Cell("loop_name") != "" {
		line.Loop = r.text("loop_name")
	} else if !ring {
		line.Loop = from.Name
	}
	for _, stations := range ends {
		if at := slices.Index(stations, from); at > 0 {
			for i := range line.Stations {
				s := &line.Stations[i]
				s.Loop = s.Loop || slices.Contains(stations[at:], s.Station)
			}
		}
	}
	return from, ring
}

// checkStations reports stations without a line or a stop, and stations of a line at
// which no stop serves the line.
func (l *loader) checkStations() {
	for _, s := range l.net.Stations {
		if l.lineTable.ok && l.placeTable.ok && !l.placeTable.faulty && len(s.Lines) == 0 {
			l.stationRows[s].bad("station_id", "a station with a line in "+lineStationsFile)
		}
		if l.stopTable.ok && !l.stopTable.faulty && len(s.Stops) == 0 {
			l.stationRows[s].bad("station_id", "a station with a stop in "+stopsFile)
		}
	}
	for _, line := range l.net.Lines {
		for _, p := range l.places[line] {
			served := slices.ContainsFunc(p.station.Stops, func(stop Stop) bool { return slices.Contains(stop.Lines, line.ID) })
			if len(p.station.Stops) > 0 && !served && !l.lineTable.faulty && !l.stopTable.faulty {
				p.bad("station_id", "a station with a stop whose column "+strconv.Quote(line.ID)+" is true in "+stopsFile)
			}
		}
	}
}
