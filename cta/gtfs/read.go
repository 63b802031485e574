package gtfs

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// Options select parts of a feed. The zero value selects all.
type Options struct {
	Lines []string   // ids or short names of routes, in any case
	Modes []cta.Mode // of routes
}

// Report summarizes the content of a feed, and the parts left out.
type Report struct {
	Agency                 string
	Lines, Stations, Stops int
	Patterns, Trips, Calls int
	Repeating              int      // trips that stand for several, at intervals (frequencies.txt)
	From, To               cta.Date // first and last day of the timetable; 0 without bounds
	LeftOut                []string // with reasons
	Notices                []string // harmless oddities
}

// String formats the report in a few lines.
func (r *Report) String() string {
	if r == nil {
		return ""
	}
	var b strings.Builder
	days := "no first or last day"
	switch {
	case r.To != 0:
		days = fmt.Sprintf("%s to %s", r.From, r.To)
	case r.From != 0:
		days = fmt.Sprintf("from %s", r.From)
	}
	repeating := ""
	if r.Repeating > 0 {
		repeating = fmt.Sprintf(" (%d at intervals)", r.Repeating)
	}
	fmt.Fprintf(&b, "%s: %s, %s with %s, %s, %s%s with %s, %s", r.Agency,
		many(r.Lines, "line", "lines"), many(r.Stations, "station", "stations"), many(r.Stops, "stop", "stops"),
		many(r.Patterns, "pattern", "patterns"), many(r.Trips, "trip", "trips"), repeating, many(r.Calls, "call", "calls"), days)
	for _, s := range r.LeftOut {
		b.WriteString("\nleft out: " + s)
	}
	for _, s := range r.Notices {
		b.WriteString("\nnotice: " + s)
	}
	return b.String()
}

// Load reads a network from a zip or a folder: a GTFS feed, or our own CSV files (see
// [cta.Load]), which give no report. The error lists every fault.
func Load(name string, o Options) (*cta.Network, *Report, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		return load(os.DirFS(name), o)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w, want a GTFS feed as a zip, or a folder", name, err)
	}
	defer z.Close()
	return load(&z.Reader, o)
}

// load is Load for a file system.
func load(fsys fs.FS, o Options) (*cta.Network, *Report, error) {
	if _, err := fs.Stat(fsys, "network.csv"); err == nil {
		net, err := cta.Load(fsys)
		if err != nil {
			return nil, nil, err
		}
		net, err = Narrow(net, o)
		return net, nil, err
	}
	return Read(fsys, o)
}

// Narrow reduces a network to the lines and modes of o.
func Narrow(net *cta.Network, o Options) (*cta.Network, error) {
	var lines []string
	for _, name := range o.Lines {
		found := net.LinesNamed(name)
		if found == nil {
			lines = append(lines, name) // for the error
		}
		for _, l := range found {
			lines = append(lines, l.ID)
		}
	}
	if len(o.Modes) > 0 {
		asked := lines
		lines = nil
		for _, l := range net.Lines {
			if slices.Contains(o.Modes, l.Mode) && (len(asked) == 0 || slices.Contains(asked, l.ID)) {
				lines = append(lines, l.ID)
			}
		}
		if lines == nil {
			return nil, fmt.Errorf("no line of %s is %s", net.Name, joinModes(o.Modes))
		}
	}
	return net.Only(lines...)
}

func joinModes(modes []cta.Mode) string {
	var s []string
	for _, m := range modes {
		s = append(s, string(m))
	}
	return strings.Join(s, ", ")
}

// Read reads a GTFS feed.
func Read(fsys fs.FS, o Options) (*cta.Network, *Report, error) {
	fsys, dir, err := inner(fsys)
	if err != nil {
		return nil, nil, err
	}
	f := &feed{
		reader:    reader{Reader: sheet.Reader{FS: fsys, MaxFile: maxFile}, report: &Report{}},
		options:   o,
		routes:    make(map[string]*route),
		stops:     make(map[string]*stop),
		services:  make(map[string]*cta.Calendar),
		trips:     make(map[string]int32),
		transfers: make(map[[2]int32]cta.Transfer),
	}
	f.readAgency()
	f.readRoutes()
	f.readStops()
	f.readCalendar()
	f.readTrips()
	f.readShapes()
	f.readCalls()
	f.readFrequencies()
	f.readTransfers()
	f.readRiders()
	f.tellOdd()
	if err := f.Err(func(fault *sheet.Fault) error {
		fault.File = path.Join(dir, fault.File)
		return (*cta.DataError)(fault)
	}); err != nil {
		return nil, nil, err
	}
	net, err := f.build()
	if err != nil {
		return nil, nil, err
	}
	return net, f.report, nil
}

// inner returns the folder with a feed's files, and its name; empty for fsys itself. Some
// zips have them one or two folders deep. Files that macOS adds have other names.
func inner(fsys fs.FS) (in fs.FS, dir string, err error) {
	for _, name := range []string{"stops.txt", "agency.txt", "routes.txt", "trips.txt", "stop_times.txt"} {
		if _, err := fs.Stat(fsys, name); err == nil {
			return fsys, "", nil
		}
	}
	var folders, names []string
	for _, pattern := range []string{"*/stops.txt", "*/*/stops.txt"} {
		found, err := fs.Glob(fsys, pattern)
		if err != nil {
			return nil, "", err
		}
		for _, name := range found {
			folders = append(folders, path.Dir(name))
		}
	}
	if len(folders) == 1 {
		in, err := fs.Sub(fsys, folders[0])
		return in, folders[0], err
	}
	found := "missing"
	if folders != nil {
		found = "in each of " + sheet.Cut(strings.Join(folders, ", "), 200)
	} else if entries, err := fs.ReadDir(fsys, "."); err == nil && len(entries) > 0 {
		for _, e := range entries[:min(len(entries), 10)] {
			names = append(names, e.Name())
		}
		found = "missing among " + sheet.Cut(strings.Join(names, ", "), 200)
	}
	return nil, "", &cta.DataError{File: "stops.txt", Found: found, Want: "the files of one feed, in the zip or in a folder of it", Err: fs.ErrNotExist}
}

type feed struct {
	reader
	options Options

	location  *time.Location
	celsius   bool
	order     []*route
	routes    map[string]*route
	stops     map[string]*stop
	stopList  []*stop
	services  map[string]*cta.Calendar
	regular   bool             // there is a calendar.txt
	trips     map[string]int32 // index in tripList; -1 when left out
	tripList  []trip
	calls     []call
	repeats   map[int32][]repeat        // by trip
	shapes    map[string][]shapePoint   // by shape_id
	transfers map[[2]int32]cta.Transfer // by the stops of both stations
	entries   map[string]cta.Ridership  // by the station's stop_id; nil without the file
	hourly    *[24]float64
}

type route struct {
	id, short, long, color, textColor string
	mode                              cta.Mode
	sort                              int
	trips                             []int32
}

type stop struct {
	id, code, name, platform string
	description, compass     string
	kind                     int // location_type
	parent                   string
	lat, lon                 float64
	access                   cta.Accessibility
	index                    int32
	placed, called, closed   bool
	also                     []string
}

type trip struct {
	id, headsign, number, block string
	shape                       string
	calendar                    *cta.Calendar
	direction                   int8 // -1 when not given
	line                        int32
	first, last                 int32 // span of calls
	broken                      bool  // a call is invalid: report nothing more about the trip
}

// call is a row of stop_times, in compact form.
type call struct {
	trip, seq          int32
	arrival, departure int32
	stop               int32 // its index, or ^index where nobody gets on or off
	line               int32
	travelled          float32 // distance in the feed's unit; negative when not given
}

type repeat struct {
	from, until, every int32
	exact              bool
}

func (f *feed) missing(file, want string) {
	found := "missing"
	if _, err := fs.Stat(f.FS, file); err == nil {
		found = "empty"
	}
	f.Fault(sheet.Fault{File: file, Found: found, Want: want, Err: fs.ErrNotExist})
}

func (f *feed) readAgency() {
	var names []string
	zone := ""
	there := f.each("agency.txt", []string{"agency_name", "agency_timezone"}, func(w row) {
		if name := w.text("agency_name"); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		z := w.Cell("agency_timezone")
		switch {
		case zone == "":
			loc, err := time.LoadLocation(z)
			if err != nil || z == "" || z == "Local" {
				w.Bad("agency_timezone", "a name of the IANA time zone database, as America/Chicago")
				return
			}
			zone, f.location = strings.Clone(z), loc
			f.celsius = w.Cell("temperature") == "C" || w.Cell("temperature") != "F" && !fahrenheit(loc)
		case z != zone:
			w.Bad("agency_timezone", fmt.Sprintf("%q, as of the first agency", zone))
		}
	})
	switch {
	case !there:
		f.missing("agency.txt", "a file with columns agency_name, agency_timezone")
	case f.location == nil && !f.Faulty():
		f.Fault(sheet.Fault{File: "agency.txt", Found: "no row", Want: "one or more"})
	}
	f.report.Agency = "Transit"
	if len(names) > 0 {
		f.report.Agency = names[0]
	}
	if len(names) > 1 {
		f.notice("%d agencies: the network is named after the first, %s", len(names), names[0])
	}
}

// Mode returns the mode of a route_type, including the extended ones; "" if unknown.
func Mode(kind int) cta.Mode {
	switch {
	case kind == 0 || kind == 5 || kind == 6 || kind >= 900 && kind < 1000 || kind >= 1300 && kind < 1400:
		return cta.ModeTram
	case kind == 1 || kind == 12 || kind >= 400 && kind < 500 || kind == 500 || kind == 600:
		return cta.ModeMetro
	case kind == 2 || kind == 7 || kind >= 100 && kind < 200 || kind >= 300 && kind < 400 || kind >= 1400 && kind < 1500:
		return cta.ModeRail
	case kind == 3 || kind == 11 || kind >= 200 && kind < 300 || kind >= 700 && kind < 900 || kind >= 1500 && kind < 1600:
		return cta.ModeBus
	case kind == 4 || kind >= 1000 && kind < 1100 || kind >= 1200 && kind < 1300:
		return cta.ModeFerry
	}
	return ""
}

func (f *feed) readRoutes() {
	odd, out := 0, 0
	var known []string
	found := make([]bool, len(f.options.Lines))
	var modes []cta.Mode
	there := f.each("routes.txt", []string{"route_id", "route_type"}, func(w row) {
		id, ok := w.id("route_id")
		if !ok {
			return
		}
		if f.routes[id] != nil {
			w.Bad("route_id", "each route once")
			return
		}
		r := &route{id: id, short: w.text("route_short_name"), long: w.text("route_long_name")}
		known = append(known, strings.TrimSuffix(fmt.Sprintf("%s (%s)", id, cmp.Or(r.short, r.long)), " ()"))
		chosen := len(found) == 0
		for i, line := range f.options.Lines {
			if strings.EqualFold(line, id) || strings.EqualFold(line, r.short) {
				found[i], chosen = true, true
			}
		}
		if r.mode = Mode(w.integer("route_type", 0, math.MaxInt32, -1)); r.mode == "" {
			r.mode = cta.ModeBus // the most frequent mode
			odd++
		}
		r.sort = w.optional("route_sort_order", 1<<30, 1<<30)
		r.color, r.textColor = w.color("route_color"), w.color("route_text_color")
		f.routes[id] = r
		if !slices.Contains(modes, r.mode) {
			modes = append(modes, r.mode)
		}
		if !chosen || len(f.options.Modes) > 0 && !slices.Contains(f.options.Modes, r.mode) {
			out++
			f.routes[id] = &route{id: id, mode: "none"}
			return
		}
		f.order = append(f.order, r)
	})
	if !there {
		f.missing("routes.txt", "a file with columns route_id, route_type")
		return
	}
	for i, line := range f.options.Lines {
		if !found[i] {
			f.Fault(sheet.Fault{File: "routes.txt", Found: fmt.Sprintf("no route %q", line), Want: "some of " + sheet.Cut(strings.Join(known, ", "), 400)})
		}
	}
	if len(f.options.Modes) > 0 && len(f.order) == 0 && out > 0 && !f.Faulty() {
		f.Fault(sheet.Fault{File: "routes.txt", Found: "no route that is " + joinModes(f.options.Modes), Want: "some of " + joinModes(modes)})
	}
	if out > 0 {
		f.leave("%s not asked for", many(out, "route", "routes"))
	}
	if odd > 0 {
		f.notice("%s of an unknown type, taken for buses", many(odd, "route", "routes"))
	}
	slices.SortStableFunc(f.order, func(a, b *route) int { return a.sort - b.sort })
}

func (w row) color(column string) string {
	s := w.Cell(column)
	if s == "" {
		return ""
	}
	s = strings.ToLower(strings.TrimPrefix(s, "#"))
	if len(s) != 6 || strings.Trim(s, "0123456789abcdef") != "" {
		w.odd(column, unknown)
		return ""
	}
	return "#" + s
}

func (f *feed) readStops() {
	if !f.each("stops.txt", []string{"stop_id"}, func(w row) {
		id, ok := w.id("stop_id")
		if !ok {
			return
		}
		if f.stops[id] != nil {
			w.Bad("stop_id", "each stop once")
			return
		}
		s := &stop{
			id: id, code: w.text("stop_code"), name: w.text("stop_name"), platform: w.text("platform_code"),
			kind: w.optional("location_type", 4, 0), parent: strings.Clone(w.Cell("parent_station")),
			description: w.text("stop_desc"), index: int32(len(f.stopList)),
		}
		s.closed = w.Cell("closed") == "true"
		if also := w.text("also"); also != "" {
			s.also = strings.Split(also, ";")
		}
		if c := w.Cell("direction_id"); c == "N" || c == "E" || c == "S" || c == "W" {
			s.compass = strings.Clone(c)
		}
		if s.kind <= 1 {
			if s.name == "" && s.parent == "" {
				w.Bad("stop_name", "a name")
			}
			if w.Cell("stop_lat")+w.Cell("stop_lon") != "" {
				s.lat, s.lon = w.number("stop_lat", -90, 90), w.number("stop_lon", -180, 180)
				s.placed = s.lat != 0 || s.lon != 0 // which is in the sea
			}
		}
		s.access = cta.Accessibility(w.optional("wheelchair_boarding", 2, 0)) // the same numbers
		f.stops[id] = s
		f.stopList = append(f.stopList, s)
	}) {
		f.missing("stops.txt", "a file with columns stop_id, stop_name, stop_lat, stop_lon")
		return
	}
	lost := 0
	for _, s := range f.stopList {
		p := f.stops[s.parent]
		if p == nil || s.kind == 0 && p.kind != 1 {
			if s.parent == "" {
				continue // missing parts are reported by line
			}
			lost++
			if s.parent = ""; s.kind <= 1 && s.name == "" {
				f.Fault(sheet.Fault{File: "stops.txt", Found: fmt.Sprintf("stop %q without a name or a station that has one", s.id), Want: "a stop_name"})
			}
			continue
		}
		s.name = cmp.Or(s.name, p.name)
		if !s.placed {
			s.lat, s.lon, s.placed = p.lat, p.lon, p.placed
		}
	}
	if lost > 0 {
		f.notice("%s whose parent_station isn't a station, taken for stations of their own", many(lost, "stop", "stops"))
	}
}

// owner returns the stop that becomes the station of a stop.
func (f *feed) owner(s *stop) *stop {
	if s.parent != "" {
		return f.stops[s.parent]
	}
	return s
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

func (f *feed) readCalendar() {
	regular := f.each("calendar.txt", append([]string{"service_id", "start_date", "end_date"}, weekdays...), func(w row) {
		id, ok := w.id("service_id")
		if !ok {
			return
		}
		if f.services[id] != nil {
			w.Bad("service_id", "each service once")
			return
		}
		c := &cta.Calendar{ID: id}
		for d, name := range weekdays {
			if w.integer(name, 0, 1, 0) == 1 {
				c.Days |= cta.WeekdaysOf(time.Weekday(d))
			}
		}
		c.From, _ = w.date("start_date")
		c.To, _ = w.date("end_date")
		if c.From == ever {
			c.From = 0
		}
		if c.To == forever {
			c.To = 0
		} else if c.To < c.From {
			f.notice("service %s ends before it begins: it doesn't run but by exceptions", id)
			c.Days = 0
		}
		f.services[id] = c
	})
	special := f.each("calendar_dates.txt", []string{"service_id", "date", "exception_type"}, func(w row) {
		id, ok := w.id("service_id")
		if !ok {
			return
		}
		c := f.services[id]
		if c == nil {
			c = &cta.Calendar{ID: id}
			f.services[id] = c
		}
		d, ok := w.date("date")
		switch kind := w.integer("exception_type", 1, 2, 0); {
		case !ok:
		case kind == 1:
			c.Added = append(c.Added, d)
		case kind == 2:
			c.Removed = append(c.Removed, d)
		case w.Cell("exception_type") == "":
			w.Bad("exception_type", "1 or 2")
		}
	})
	f.regular = regular
	if !regular && !special {
		f.missing("calendar.txt", "it, or calendar_dates.txt")
	}
	for _, c := range f.services {
		c.Added, c.Removed = sortDates(c.Added), sortDates(c.Removed)
	}
}

func (f *feed) readTrips() {
	unscheduled := false // for want of calendar.txt
	if !f.each("trips.txt", []string{"route_id", "service_id", "trip_id"}, func(w row) {
		id, ok := w.id("trip_id")
		if !ok {
			return
		}
		if _, twice := f.trips[id]; twice {
			w.Bad("trip_id", "each trip once")
			return
		}
		f.trips[id] = -1
		r := f.routes[w.Cell("route_id")]
		switch {
		case r == nil && len(f.routes) > 0:
			w.refers("route_id", "a route of routes.txt")
			return
		case r == nil || r.mode == "none":
			return
		}
		c := f.services[w.Cell("service_id")]
		switch {
		case c == nil && len(f.services) == 0:
			return // one cause, which is reported
		case c == nil && !f.regular && w.Cell("service_id") != "":
			if !unscheduled {
				f.missing("calendar.txt", fmt.Sprintf("it: calendar_dates.txt lacks service %s, of line %d of trips.txt", sheet.Quote(w.Cell("service_id")), w.Line))
			}
			unscheduled = true
			return
		case c == nil:
			w.refers("service_id", "a service of calendar.txt or calendar_dates.txt")
			return
		}
		t := trip{
			id: id, headsign: w.text("trip_headsign"), number: w.text("trip_short_name"), block: strings.Clone(w.Cell("block_id")), shape: strings.Clone(w.Cell("shape_id")),
			calendar: c, direction: int8(w.optional("direction_id", 1, -1)), line: int32(w.Line),
		}
		f.trips[id] = int32(len(f.tripList))
		r.trips = append(r.trips, int32(len(f.tripList)))
		f.tripList = append(f.tripList, t)
	}) {
		f.missing("trips.txt", "a file with columns route_id, service_id, trip_id")
	}
}

func (f *feed) readCalls() {
	lastID, lastTrip := "", int32(-1)
	full := false
	areas, passes := 0, 0
	if !f.each("stop_times.txt", []string{"trip_id", "stop_id", "stop_sequence"}, func(w row) {
		id := w.Cell("trip_id")
		if id != lastID || id == "" {
			t, ok := f.trips[id]
			if !ok {
				if len(f.trips) > 0 || id == "" {
					w.refers("trip_id", "a trip of trips.txt")
				}
				return
			}
			lastID, lastTrip = strings.Clone(id), t
		}
		if lastTrip < 0 {
			return
		}
		if w.Cell("stop_id") == "" && (w.Cell("location_id") != "" || w.Cell("location_group_id") != "") {
			areas++ // on demand, anywhere in an area
			return
		}
		s := f.stops[w.Cell("stop_id")]
		pass := w.Cell("pickup_type") == "1" && w.Cell("drop_off_type") == "1" && (s == nil || !f.owner(s).closed)
		if pass {
			passes++
			if s == nil || s.kind > 1 {
				return
			}
		}
		if s == nil || s.kind > 1 {
			if len(f.stops) > 0 || s != nil {
				w.refers("stop_id", "a stop of stops.txt")
			}
			f.tripList[lastTrip].broken = true
			return
		}
		c := call{travelled: w.travelled(), trip: lastTrip, seq: int32(w.integer("stop_sequence", 0, 1<<30, -1)), stop: s.index, line: int32(w.Line)}
		if c.seq < 0 { // the order of the trip's calls is unknown
			if w.Cell("stop_sequence") == "" {
				w.Bad("stop_sequence", "a number")
			}
			f.tripList[lastTrip].broken = true
			return
		}
		var ok1, ok2 bool
		c.arrival, ok1 = w.time("arrival_time")
		c.departure, ok2 = w.time("departure_time")
		switch {
		case !ok1 || !ok2:
			f.tripList[lastTrip].broken = true
			return
		case c.arrival == none:
			c.arrival = c.departure
		case c.departure == none:
			c.departure = c.arrival
		case c.departure < c.arrival:
			w.Bad("departure_time", "a time not before arrival_time")
			f.tripList[lastTrip].broken = true
			return
		}
		if full = full || len(f.calls) == maxCalls; full {
			return
		}
		if pass {
			c.stop = ^c.stop
		}
		f.calls = append(f.calls, c)
	}) {
		f.missing("stop_times.txt", "a file with columns trip_id, arrival_time, departure_time, stop_id, stop_sequence")
		return
	}
	if areas > 0 {
		f.leave("%s on demand, in an area rather than at a stop", many(areas, "call", "calls"))
	}
	if passes > 0 {
		f.leave("%s at which nobody gets on or off", many(passes, "call", "calls"))
	}
	if full {
		f.Fault(sheet.Fault{File: "stop_times.txt", Found: "too many calls", Want: fmt.Sprintf("up to %d: fewer lines", maxCalls)})
		return
	}
	order := func(a, b call) int {
		if a.trip != b.trip {
			return int(a.trip) - int(b.trip)
		}
		return int(a.seq) - int(b.seq)
	}
	if !slices.IsSortedFunc(f.calls, order) {
		slices.SortStableFunc(f.calls, order)
	}
	f.placeStops()
	kept := f.calls[:0]
	for i := 0; i < len(f.calls); {
		from := i
		for ; i < len(f.calls) && f.calls[i].trip == f.calls[from].trip; i++ {
			if i > from && f.calls[i].seq == f.calls[i-1].seq {
				f.Fault(sheet.Fault{File: "stop_times.txt", Line: int(f.calls[i].line), Column: "stop_sequence", Found: fmt.Sprint(f.calls[i].seq), Want: fmt.Sprintf("each once in a trip, and that of line %d is the same", f.calls[i-1].line)})
			}
		}
		t := &f.tripList[f.calls[from].trip]
		if !t.broken {
			f.interpolate(f.calls[from:i])
		}
		calls := slices.DeleteFunc(f.calls[from:i], func(c call) bool { return c.stop < 0 })
		if len(calls) > 1 { // others are left out: see patterns
			for _, c := range calls {
				f.stopList[c.stop].called = true
			}
		}
		t.first = int32(len(kept))
		kept = append(kept, calls...)
		t.last = int32(len(kept))
	}
	f.calls = kept
	for _, s := range f.stopList {
		if s.called && !f.owner(s).placed {
			f.Fault(sheet.Fault{File: "stops.txt", Found: fmt.Sprintf("stop %q without a place", s.id), Want: "a stop_lat and a stop_lon"})
		}
	}
}

// placeStops gives stops without a place one between their neighbours of a trip, so that
// they can be drawn. The calls are in order.
func (f *feed) placeStops() {
	const reach = 50 // calls
	at := func(c call) *stop { return f.stopList[max(c.stop, ^c.stop)] }
	found := 0
	for i, c := range f.calls {
		s := at(c)
		if !s.placed {
			near := make([]*stop, 0, 2) // the nearest that have a place, on either side
			for _, step := range []int{-1, 1} {
				for k := i + step; k >= 0 && k < len(f.calls) && f.calls[k].trip == c.trip && max(k-i, i-k) <= reach; k += step {
					if o := at(f.calls[k]); o.placed {
						near = append(near, o)
						break
					}
				}
			}
			for _, o := range near {
				s.lat += o.lat / float64(len(near))
				s.lon += o.lon / float64(len(near))
				s.placed = true
			}
			if s.placed {
				found++
			}
		}
		if owner := f.owner(s); s.placed && !owner.placed {
			owner.lat, owner.lon, owner.placed = s.lat, s.lon, true
		}
	}
	if found > 0 {
		f.notice("%s without a place, drawn between the neighbours: want stop_lat and stop_lon", many(found, "stop", "stops"))
	}
}

// travelled returns the distance along a trip at a call, -1 if not given.
func (w row) travelled() float32 {
	s := w.Cell("shape_dist_traveled")
	if s == "" {
		return -1
	}
	n, err := strconv.ParseFloat(s, 32)
	if err != nil || !(n >= 0) {
		w.odd("shape_dist_traveled", unknown)
		return -1
	}
	return float32(n)
}

// interpolate fills in missing times between two calls, by the feed's distances
// travelled, or else by distance.
func (f *feed) interpolate(calls []call) {
	first, last := &calls[0], &calls[len(calls)-1]
	for _, c := range [2]*call{first, last} {
		if c.arrival == none {
			f.Fault(sheet.Fault{File: "stop_times.txt", Line: int(c.line), Column: "arrival_time", Found: "empty", Want: "a time, as at the first and the last call of each trip"})
			return
		}
	}
	place := func(c *call) cta.Point {
		s := f.stopList[max(c.stop, ^c.stop)]
		return cta.Point{Latitude: s.lat, Longitude: s.lon}
	}
	for i := 1; i < len(calls); i++ {
		before := &calls[i-1]
		until := i
		for calls[until].arrival == none {
			until++
		}
		next := &calls[until]
		if next.arrival < before.departure {
			want := "a time not before that of the call before, " + clock(before.departure)
			if before.departure-next.arrival > 12*3600 {
				want += "; past midnight, hours go on from 24"
			}
			f.Fault(sheet.Fault{File: "stop_times.txt", Line: int(next.line), Column: "arrival_time", Found: clock(next.arrival), Want: want})
			return
		}
		if until == i {
			continue
		}
		span := float64(next.arrival - before.departure)
		total := 0.0
		lengths := make([]float64, 0, until-i+1)
		said := before.travelled >= 0 && next.travelled > before.travelled &&
			slices.IsSortedFunc(calls[i-1:until+1], func(a, b call) int { return cmp.Compare(a.travelled, b.travelled) })
		for k := i; k <= until; k++ {
			if said {
				total = float64(calls[k].travelled - before.travelled)
			} else {
				total += place(&calls[k-1]).Distance(place(&calls[k])) + 1 // + 1: stops in one place share the time evenly
			}
			lengths = append(lengths, total)
		}
		for k := i; k < until; k++ {
			at := before.departure + int32(span*lengths[k-i]/total)
			calls[k].arrival, calls[k].departure = at, at
		}
		i = until - 1
	}
}

// clock formats seconds of a service day as GTFS does.
func clock(s int32) string { return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) }

func (f *feed) readFrequencies() {
	f.repeats = make(map[int32][]repeat)
	f.each("frequencies.txt", []string{"trip_id", "start_time", "end_time", "headway_secs"}, func(w row) {
		t, ok := f.trips[w.Cell("trip_id")]
		if !ok && len(f.trips) > 0 {
			w.refers("trip_id", "a trip of trips.txt")
		}
		if !ok || t < 0 {
			return
		}
		var r repeat
		var ok1, ok2 bool
		r.from, ok1 = w.time("start_time")
		r.until, ok2 = w.time("end_time")
		r.every = int32(w.integer("headway_secs", 1, maxTime, 0))
		r.exact = w.optional("exact_times", 1, 0) == 1
		switch {
		case !ok1 || !ok2:
		case r.from == none || r.until == none || r.until <= r.from:
			w.Bad("end_time", "a time after start_time")
		case r.every == 0:
			if w.Cell("headway_secs") == "" {
				w.Bad("headway_secs", "seconds")
			}
		default:
			f.repeats[t] = append(f.repeats[t], r)
		}
	})
}

// Our own files in a feed, with the names that they have in our own folders.
const ridershipFile, hourlyFile = "ridership.csv", "hourly.csv"

// readRiders reads the ridership, for which GTFS has no place.
func (f *feed) readRiders() {
	const most = 10_000_000 // a day at one station: ten times the world's busiest
	f.each(ridershipFile, []string{"station_id", "weekday", "saturday", "sunday"}, func(w row) {
		if f.entries == nil {
			f.entries = make(map[string]cta.Ridership)
		}
		id, ok := w.id("station_id")
		if !ok {
			return
		}
		if f.stops[id] == nil {
			w.refers("station_id", "a stop of stops.txt")
			return
		}
		f.entries[id] = cta.Ridership{Weekday: w.number("weekday", 0, most), Saturday: w.number("saturday", 0, most), Sunday: w.number("sunday", 0, most)}
	})
	var hours sheet.Hours
	if f.each(hourlyFile, []string{"hour", "share"}, func(w row) { hours.Add(w.Row) }) {
		f.hourly = &hours.Share
		hours.Check(&f.Reader, hourlyFile)
	}
}

var errEmpty = errors.New("the feed has no trip with two calls or more")
