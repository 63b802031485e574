package cta

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

func (l *loader) readStops() {
	if l.lacks(stopsFile) {
		l.deriveStops()
		return
	}
	known := func(column string) bool {
		return l.net.Line(column) != nil || !l.lineTable.ok || l.lineTable.faulty || l.lost["line "+column]
	}
	t := l.table(stopsFile, known, colStopID, "?"+colDirectionID, colStopName, "?"+colDescriptiveName, colStationID)
	l.stopTable = t
	if !t.ok {
		return
	}
	for _, column := range t.header {
		if l.net.Line(column) != nil && !slices.Contains(l.net.columns, column) {
			l.net.columns = append(l.net.columns, column)
		}
	}
	matrix := l.net.columns != nil
	if !matrix {
		l.net.columns = l.net.lineIDs()
	}
	for _, line := range l.net.Lines {
		if !slices.Contains(l.net.columns, line.ID) && len(l.full[line]) > 0 {
			t.fault(1, 0, "no column "+sheet.Quote(line.ID), "one for each line, or none at all")
		}
	}
	seen := make(map[int]bool)
	for _, r := range t.rows {
		station := l.station(r, colStationID)
		stop, ok := l.stop(r, station, matrix)
		if ok && seen[stop.ID] {
			r.bad(colStopID, "each stop once")
		}
		seen[stop.ID] = true
		if station == nil {
			t.faulty = true
			continue
		}
		station.Stops = append(station.Stops, stop)
	}
	for _, s := range l.net.Stations {
		slices.SortFunc(s.Stops, func(a, b Stop) int { return a.ID - b.ID })
	}
}

// lacks reports whether an optional file is missing.
func (l *loader) lacks(file string) bool {
	_, err := fs.Stat(l.FS, file)
	return errors.Is(err, fs.ErrNotExist)
}

// deriveStops gives each station one stop, with the station's id and name.
func (l *loader) deriveStops() {
	l.stopTable = &table{}
	l.net.columns = l.net.lineIDs()
	for _, s := range l.net.Stations {
		if len(s.Lines) > 0 {
			s.Stops = []Stop{{ID: s.ID, Name: s.Name, DescriptiveName: s.Name, Lines: s.Lines}}
		}
	}
}

// stop reads one stop; ok is false when it has no valid id. Without line columns
// (matrix), all of the station's lines use the stop.
func (l *loader) stop(r row, station *Station, matrix bool) (stop Stop, ok bool) {
	stop.Name = r.text(colStopName)
	if stop.DescriptiveName = stop.Name; r.Has(colDescriptiveName) {
		stop.DescriptiveName = r.text(colDescriptiveName)
	}
	stop.Compass = r.Cell(colDirectionID)
	if !slices.Contains([]string{"", "N", "E", "S", "W"}, stop.Compass) {
		r.bad(colDirectionID, "N, E, S or W, or nothing")
	}
	if !matrix && station != nil {
		stop.Lines = station.Lines
	}
	some := !matrix // a line uses the stop, or its field is invalid
	for _, line := range l.net.Lines {
		if !matrix {
			break
		}
		set, ok := r.boolean(line.ID)
		some = some || set || !ok
		l.stopTable.faulty = l.stopTable.faulty || !ok
		if !set {
			continue
		}
		stop.Lines = append(stop.Lines, line.ID)
		if station != nil && l.placeTable.ok && !l.placeTable.faulty && !l.onLine(line, station) {
			r.bad(line.ID, fmt.Sprintf("false, as station %d is not on the line in %s", station.ID, lineStationsFile))
		}
	}
	if !some && !l.lineTable.faulty {
		r.table.fault(r.Line, 0, "a stop of no line", "true for one line or more")
	}
	stop.ID, ok = r.id(colStopID)
	return stop, ok
}

func (l *loader) readRidership() {
	if l.lacks(ridershipFile) {
		return
	}
	t := l.table(ridershipFile, nil, "station_id", "weekday", "saturday", "sunday")
	const most = 10_000_000 // a day at one station: ten times the world's busiest
	seen := make(map[*Station]bool)
	for _, r := range t.rows {
		var e Ridership
		e.Weekday = r.number("weekday", 0, most)
		e.Saturday = r.number("saturday", 0, most)
		e.Sunday = r.number("sunday", 0, most)
		s := l.station(r, "station_id")
		if s == nil {
			t.faulty = true
			continue
		}
		if seen[s] {
			r.bad("station_id", "each station once")
		}
		seen[s] = true
		s.Entries = e
	}
	for _, s := range l.net.Stations {
		if t.ok && !t.faulty && !seen[s] {
			t.fault(0, 0, fmt.Sprintf("without station %d %s", s.ID, sheet.Quote(s.Name)), "a row for each, of zeros if nothing is known")
		}
	}
}

func (l *loader) readHourly() {
	if l.lacks(hourlyFile) {
		return
	}
	var hours sheet.Hours
	t := l.table(hourlyFile, nil, "hour", "share")
	for _, r := range t.rows {
		hours.Add(&r.Row)
	}
	if t.ok && !t.faulty {
		hours.Check(t.Reader, hourlyFile)
	}
	l.net.Hourly = hours.Share
}

func (l *loader) readTransfers() {
	if l.lacks(transfersFile) {
		return
	}
	t := l.table(transfersFile, nil, "station_id", "to_station_id", "?minutes")
	for _, r := range t.rows {
		from, to := l.station(r, "station_id"), l.station(r, "to_station_id")
		var minutes float64
		if r.Cell("minutes") != "" {
			minutes = r.number("minutes", 0, 24*60)
		}
		if from == nil || to == nil {
			continue
		}
		if from == to || slices.ContainsFunc(from.Transfers, func(t Transfer) bool { return t.To == to.ID }) {
			r.bad("to_station_id", "another station, each pair once")
			continue
		}
		took := time.Duration(minutes * float64(time.Minute)).Round(time.Second)
		from.Transfers = append(from.Transfers, Transfer{To: to.ID, Time: took})
		to.Transfers = append(to.Transfers, Transfer{To: from.ID, Time: took})
	}
}

// findStops chooses the stop of each call among those that the line's trains use: the
// one whose compass point best fits the direction of travel. The bearing to the next
// station counts twice as much as the bearing from end to end. A north-south line may
// run east for a while. The two directions of a station get different stops if there
// are several.
func (n *Network) findStops() {
	for _, l := range n.Lines {
		type key struct {
			station *Station
			d       Direction
		}
		fits := make(map[key]map[int]float64)
		for _, p := range l.Patterns {
			for i, c := range p.Calls {
				k := key{c.Station, c.Direction}
				if fits[k] == nil {
					fits[k] = make(map[int]float64)
				}
				p.fitStops(i, fits[k])
			}
		}
		for _, p := range l.Patterns {
			for i, c := range p.Calls {
				own, other := fits[key{c.Station, c.Direction}], fits[key{c.Station, c.Direction.Opposite()}]
				best := math.Inf(-1)
				for _, s := range c.Station.Stops {
					fit, used := own[s.ID]
					if !used {
						continue
					}
					rest := math.Inf(-1) // the best fit left for the other direction
					for id, f := range other {
						if id != s.ID {
							rest = max(rest, f)
						}
					}
					if !math.IsInf(rest, -1) {
						fit += rest
					}
					if fit > best {
						best, p.Calls[i].Stop = fit, s.ID
					}
				}
			}
		}
	}
}

// fitStops adds to fits, by stop, how well the stops of a call match the direction of
// travel.
func (p *Pattern) fitStops(call int, fits map[int]float64) {
	points := map[string]float64{"N": 0, "E": math.Pi / 2, "S": math.Pi, "W": -math.Pi / 2}
	c := p.Calls[call]
	from, to := max(0, min(call, len(p.Calls)-2)), min(call+1, len(p.Calls)-1)
	first, last := call, call
	for first > 0 && p.Calls[first-1].Direction == c.Direction {
		first--
	}
	for last+1 < len(p.Calls) && p.Calls[last+1].Direction == c.Direction {
		last++
	}
	near, far := bearing(p.Calls[from].Station, p.Calls[to].Station), bearing(p.Calls[first].Station, p.Calls[last].Station)
	for _, s := range c.Station.Stops {
		if !slices.Contains(s.Lines, p.line.ID) {
			continue
		}
		if at, ok := points[s.Compass]; ok {
			fits[s.ID] += 2*math.Cos(at-near) + math.Cos(at-far)
		} else {
			fits[s.ID] -= 3
		}
	}
}

// bearing returns the compass bearing from a to b, in radians.
func bearing(a, b *Station) float64 {
	const rad = math.Pi / 180
	return math.Atan2((b.Longitude-a.Longitude)*math.Cos(a.Latitude*rad), b.Latitude-a.Latitude)
}
