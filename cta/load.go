package cta

import (
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Windows and bare containers have no time zone files; service hours are local time

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// The files of a network, in the order of reading.
const (
	networkFile      = "network.csv"
	linesFile        = "lines.csv"
	stationsFile     = "stations.csv"
	lineStationsFile = "line_stations.csv"
	stopsFile        = "stops.csv"
	ridershipFile    = "ridership.csv"
	hourlyFile       = "hourly.csv"
	transfersFile    = "transfers.csv"
	serviceFile      = "service.csv"
)

// loader builds a network from its files. Faulty rows are kept as far as they can be
// read, so that references to them are not reported too.
type loader struct {
	sheet.Reader
	net *Network

	lineTable    *table
	stationTable *table
	placeTable   *table
	stopTable    *table

	lineRows    map[*Line]row
	stationRows map[*Station]row
	places      map[*Line][]place
	trunks      map[*Line][]*Station // stations before the branches
	full        map[*Line][]*Pattern // patterns over the whole line
	lost        map[string]bool      // unknown lines and stations that were reported
}

// Load reads a network from CSV files of up to 8 MB each, in UTF-8. data/FORMAT.md in the
// source describes files and columns.
//
// The error lists every fault by file, line and column, each a [*DataError]; errors.As
// finds the first:
//
//	lines.csv:2:1: line is "main", want a line with two stations or more in line_stations.csv
//	stations.csv:3:17: latitude is "north", want a number from -90 to 90
//
// The files under data/chicago are an example to start from.
func Load(fsys fs.FS) (*Network, error) {
	l := &loader{
		Reader:      sheet.Reader{FS: fsys, MaxFile: maxFileBytes},
		net:         &Network{lines: make(map[string]*Line), stations: make(map[int]*Station)},
		lineRows:    make(map[*Line]row),
		stationRows: make(map[*Station]row),
		places:      make(map[*Line][]place),
		trunks:      make(map[*Line][]*Station),
		full:        make(map[*Line][]*Pattern),
		lost:        make(map[string]bool),
	}
	l.readNetwork()
	l.readLines()
	l.readStations()
	l.readPlaces()
	l.layLines()
	l.readStops()
	l.checkStations()
	l.readRidership()
	l.readHourly()
	l.readTransfers()
	l.readService()
	if err := l.Err(func(f *sheet.Fault) error { return (*DataError)(f) }); err != nil {
		return nil, err
	}
	slices.SortFunc(l.net.Stations, func(a, b *Station) int { return a.ID - b.ID })
	l.net.index()
	l.net.findStops()
	return l.net, nil
}

// table reads a file. A column name with a leading question mark is optional. Every
// file may have a column of notes, and files with station ids may have the station
// names.
func (l *loader) table(file string, more func(string) bool, columns ...string) *table {
	optional := []string{"note"}
	columns = slices.DeleteFunc(columns, func(column string) bool {
		name, may := strings.CutPrefix(column, "?")
		if may {
			optional = append(optional, name)
		}
		return may
	})
	if slices.Contains(columns, "station_id") && !slices.Contains(columns, "station_name") {
		optional = append(optional, "station_name")
	}
	return readTable(&l.Reader, file, columns, optional, more)
}

func (l *loader) readNetwork() {
	t := l.table(networkFile, nil, "name", "timezone", "?temperature")
	if t.ok && !t.faulty && len(t.rows) == 0 {
		t.fault(0, 0, "no row", "one")
	}
	for i, r := range t.rows {
		if i > 0 {
			r.table.fault(r.Line, 0, "a second row", "one")
			continue
		}
		l.net.Name = r.text("name")
		if unit := r.Cell("temperature"); unit != "" {
			if l.net.Celsius = unit == "C"; unit != "C" && unit != "F" {
				r.bad("temperature", "C or F")
			}
		}
		zone, ok := r.Get("timezone")
		if !ok {
			continue
		}
		var err error
		// LoadLocation accepts "" as UTC, and "Local" as the machine's zone.
		if l.net.Location, err = time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
			r.bad("timezone", "a name of the IANA time zone database, as America/Chicago")
		}
	}
}

var (
	lineID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$`)
	color  = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
)

// The columns of stops.csv before those of the lines.
const (
	colStopID          = "stop_id"
	colDirectionID     = "direction_id"
	colStopName        = "stop_name"
	colDescriptiveName = "station_descriptive_name"
	colStationID       = "station_id"
)

// tableColumns are the other columns of the stations table, which no line id may equal.
var tableColumns = []string{
	colStopID, colDirectionID, colStopName, "station_name", colDescriptiveName, colStationID, "order", "note",
}

func (l *loader) readLines() {
	l.lineTable = l.table(linesFile, nil, "line", "name", "color", "text_color", "?loop_from", "?loop_name", "?mode")
	if l.lineTable.ok && !l.lineTable.faulty && len(l.lineTable.rows) == 0 {
		l.lineTable.fault(0, 0, "no row", "one for each line")
	}
	for _, r := range l.lineTable.rows {
		line := &Line{Mode: ModeMetro}
		line.Name = r.text("name")
		line.Color = l.color(r, "color")
		line.TextColor = l.color(r, "text_color")
		if mode := r.Cell("mode"); mode != "" {
			if line.Mode = Mode(mode); !slices.Contains(Modes, line.Mode) {
				r.bad("mode", "rail, metro, tram, bus or ferry")
			}
		}
		id, ok := r.Get("line")
		want := ""
		switch {
		case !lineID.MatchString(id):
			want = "1 to 32 letters a to z or A to Z, digits, hyphens, underscores and dots"
		case slices.Contains(tableColumns, id):
			want = "another id than that of a column of stops.csv"
		case l.net.Line(id) != nil:
			want = "each line once"
		}
		if !ok || want != "" {
			r.bad("line", want)
			l.lineTable.faulty = true
			continue
		}
		line.ID = id
		l.net.lines[id] = line
		l.net.Lines = append(l.net.Lines, line)
		l.lineRows[line] = r
	}
}

func (l *loader) color(r row, column string) string {
	s, ok := r.Get(column)
	if ok && !color.MatchString(s) {
		r.bad(column, "a colour as #c60c30")
	}
	return strings.ToLower(s)
}

func (l *loader) readStations() {
	l.stationTable = l.table(stationsFile, nil, "station_id", "station_name", "accessible", "latitude", "longitude", "?closed", "?also")
	for _, r := range l.stationTable.rows {
		s := &Station{}
		s.Name = r.text("station_name")
		s.Access = l.access(r)
		if r.Cell("closed") != "" {
			s.Closed, _ = r.boolean("closed")
		}
		if r.Cell("also") != "" {
			s.Also = strings.Split(r.text("also"), ";")
		}
		s.Latitude = r.number("latitude", -90, 90)
		s.Longitude = r.number("longitude", -180, 180)
		var ok bool
		if s.ID, ok = r.id("station_id"); ok && l.net.Station(s.ID) != nil {
			r.bad("station_id", "each station once")
			ok = false
		}
		if !ok {
			l.stationTable.faulty = true
			continue
		}
		l.net.stations[s.ID] = s
		l.net.Stations = append(l.net.Stations, s)
		l.stationRows[s] = r
	}
}

func (l *loader) access(r row) Accessibility {
	if r.Cell("accessible") == "" {
		return AccessibilityUnknown
	}
	if free, _ := r.boolean("accessible"); free {
		return AccessibilityStepFree
	}
	return AccessibilitySteps
}

// line returns the line that a row refers to, nil if unknown. An unknown line is
// reported, unless all lines are missing.
func (l *loader) line(r row) *Line {
	id, ok := r.Get("line")
	if !ok || !l.lineTable.ok {
		return nil
	}
	line := l.net.Line(id)
	if line == nil && !l.lineTable.faulty && !l.lost["line "+id] {
		l.lost["line "+id] = true
		r.bad("line", "a line of "+linesFile)
	}
	return line
}

// station returns the station that a column refers to, with the same rules as line. A
// station name in the row must match.
func (l *loader) station(r row, column string) *Station {
	id, ok := r.id(column)
	if !ok || !l.stationTable.ok {
		return nil
	}
	s := l.net.Station(id)
	if s == nil {
		if lost := "station " + strconv.Itoa(id); !l.stationTable.faulty && !l.lost[lost] {
			l.lost[lost] = true
			r.bad(column, "a station of "+stationsFile)
		}
		return nil
	}
	if name, ok := r.Get("station_name"); ok && column == "station_id" && name != s.Name && s.Name != "" {
		r.bad("station_name", sheet.Quote(s.Name)+" as in "+stationsFile)
	}
	return s
}
