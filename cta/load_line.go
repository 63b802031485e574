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
		if branch, ok := r.cell("branch"); ok && branch != "" {
			p.branch, _ = r.text("branch")
		}
		line := l.line(r)
		if line == nil || p.station == nil {
			continue
		}
		if l.onLine(line, p.station) {
			r.bad("station_id", "each station of a line once")
			continue
		}
		if !ordered {
			p.order = -1 // known to be on the line, but not where
		}
		l.places[line] = append(l.places[line], p)
	}
	for _, line := range l.net.Lines { // in the network's order
		for _, p := range l.places[line] {
			p.station.Lines = append(p.station.Lines, line.ID)
		}
	}
}

func (l *loader) onLine(line *Line, s *Station) bool {
	return slices.ContainsFunc(l.places[line], func(p place) bool { return p.station == s })
}

// layLines puts the stations of each line in order, and makes its routes.
func (l *loader) layLines() {
	for _, line := range l.net.Lines {
		places := l.places[line]
		if len(places) < 2 {
			if l.placeTable.ok && l.stationTable.ok {
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
		for _, branch := range branches {
			part := l.part(places, branch, len(trunk))
			stations := slices.Clone(trunk)
			for i, p := range part {
				line.Stations = append(line.Stations, LineStation{p.station, len(trunk) + i, branch})
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
			line.Routes = append(line.Routes, Route{Branch: branch, Stations: stations, Loop: len(stations)})
		}
		l.closeLoop(line, trunk)
	}
}

// part returns the places of one branch in order, which has to count up from
// first.
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
			p.bad("order", fmt.Sprintf("each order once, and that of line %d is the same", part[i-1].line))
		case p.order != want && i == 0 && branch != "":
			p.bad("order", fmt.Sprintf("%d, as a branch goes on where the trunk ends", want))
		case p.order != want:
			p.bad("order", fmt.Sprintf("%d, as orders have no gaps", want))
		}
		want = p.order + 1
	}
	return part
}

// closeLoop marks where the loop of a line begins.
func (l *loader) closeLoop(line *Line, trunk []*Station) {
	r := l.lineRows[line]
	text, ok := r.cell("loop_from")
	if !ok || text == "" {
		return
	}
	s := l.station(r, "loop_from")
	if s == nil {
		return
	}
	switch i := slices.Index(trunk, s); {
	case !l.onLine(line, s):
		r.bad("loop_from", "a station of the line")
	case i == 0:
		r.bad("loop_from", "a later station than the first: trains leave the loop to where they came from")
	case i > 0 && len(line.Routes) > 1:
		r.bad("loop_from", "a station of a branch, as the loop is the end of a run")
	}
	for i := range line.Routes {
		route := &line.Routes[i]
		if at := slices.Index(route.Stations, s); at > 0 {
			route.Loop = at
		}
	}
}

// checkStations reports the stations without a line or a stop, and those of a
// line that no stop there serves.
func (l *loader) checkStations() {
	for _, s := range l.net.Stations {
		if l.lineTable.ok && l.placeTable.ok && len(s.Lines) == 0 {
			l.stationRows[s].bad("station_id", "a station with a line in "+lineStationsFile)
		}
		if l.stopTable.ok && len(s.Stops) == 0 {
			l.stationRows[s].bad("station_id", "a station with a stop in "+stopsFile)
		}
	}
	for _, line := range l.net.Lines {
		for _, p := range l.places[line] {
			served := slices.ContainsFunc(p.station.Stops, func(stop Stop) bool { return slices.Contains(stop.Lines, line.ID) })
			if len(p.station.Stops) > 0 && !served {
				p.bad("station_id", "a station with a stop whose column "+strconv.Quote(line.ID)+" is true in "+stopsFile)
			}
		}
	}
}
