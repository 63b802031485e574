package gtfs

import (
	"archive/zip"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Write writes a network as a zipped feed. Reading the feed returns the network, with
// trips in place of headways: see [WithFrequencies].
func Write(w io.Writer, net *cta.Network) error {
	z := zip.NewWriter(w)
	// Without a time, a file has a month and a day that do not exist. With the present, the
	// same network would not give the same bytes.
	dated := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := write(net, func(name string) (io.Writer, error) {
		return z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: dated})
	}); err != nil {
		return err
	}
	return z.Close()
}

// WriteFolder is like Write, into a folder that is created if needed. An existing
// folder must be empty.
func WriteFolder(dir string, net *cta.Network) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	switch there, err := os.ReadDir(dir); {
	case err != nil:
		return err
	case len(there) > 0: // files of another network would be read with this one
		return &fs.PathError{Op: "write", Path: dir, Err: fmt.Errorf("%w: the folder is not empty, want a new or an empty one", fs.ErrExist)}
	}
	var last *os.File
	closed := func() (err error) {
		if last != nil {
			err, last = last.Close(), nil
		}
		return err
	}
	err := write(net, func(name string) (io.Writer, error) {
		err := closed()
		if err == nil {
			last, err = os.Create(filepath.Join(dir, name))
		}
		return last, err
	})
	return errors.Join(err, closed())
}

// write writes each file of a feed to the writer that create returns for the file's
// name.
func write(net *cta.Network, create func(name string) (io.Writer, error)) error {
	net, err := WithFrequencies(net)
	if err != nil {
		return err
	}
	p := printer{create: create, net: net}
	p.agency()
	p.routes()
	p.stops()
	p.calendars()
	p.trips()
	p.transfers()
	p.riders()
	p.flush()
	if p.err != nil {
		return fmt.Errorf("gtfs: %w", p.err)
	}
	return nil
}

// printer writes the files of a feed one by one, until the first error.
type printer struct {
	create func(name string) (io.Writer, error)
	net    *cta.Network
	out    *csv.Writer
	err    error
}

// file starts a file, and completes the one before.
func (p *printer) file(name string, columns ...string) {
	p.flush()
	if p.err != nil {
		return
	}
	w, err := p.create(name)
	if err != nil {
		p.err = err
		return
	}
	p.out = csv.NewWriter(w)
	p.row(columns...)
}

func (p *printer) row(cells ...string) {
	if p.err == nil {
		p.err = p.out.Write(cells)
	}
}

func (p *printer) flush() {
	if p.err == nil && p.out != nil {
		p.out.Flush()
		p.err, p.out = p.out.Error(), nil
	}
}

func (p *printer) agency() {
	p.file("agency.txt", "agency_id", "agency_name", "agency_url", "agency_timezone", "temperature")
	unit := ""
	if p.net.Celsius == fahrenheit(p.net.Location) {
		unit = map[bool]string{true: "C", false: "F"}[p.net.Celsius]
	}
	p.row("1", p.net.Name, "https://example.invalid/", p.net.Location.String(), unit)
}

// RouteType returns the route_type of a mode; ok is false if the mode is unknown.
func RouteType(m cta.Mode) (kind int, ok bool) {
	kind, ok = map[cta.Mode]int{cta.ModeTram: 0, cta.ModeMetro: 1, cta.ModeRail: 2, cta.ModeBus: 3, cta.ModeFerry: 4}[m]
	return kind, ok
}

// RouteID returns the id of a line's route in its agency's feed, and in feeds from
// [Write].
func RouteID(l *cta.Line) string { return cmp.Or(l.Ref, l.ID) }

func (p *printer) routes() {
	p.file("routes.txt", "route_id", "agency_id", "route_short_name", "route_long_name", "route_type", "route_color", "route_text_color", "route_sort_order")
	for i, l := range p.net.Lines {
		kind := ""
		if n, ok := RouteType(cmp.Or(l.Mode, cta.ModeMetro)); ok {
			kind = strconv.Itoa(n)
		}
		p.row(RouteID(l), "1", l.Code, l.Name, kind, strings.TrimPrefix(l.Color, "#"), strings.TrimPrefix(l.TextColor, "#"), strconv.Itoa(i))
	}
}

func refOf(ref string, id int) string {
	if ref != "" {
		return ref
	}
	return strconv.Itoa(id)
}

// single reports whether a station is its only stop.
func single(s *cta.Station) bool {
	return len(s.Stops) == 0 || len(s.Stops) == 1 && s.Stops[0].ID == s.ID
}

// StationID returns the id of a station in its agency's feed, and in feeds from
// [Write].
func StationID(s *cta.Station) string { return refOf(s.Ref, s.ID) }

// PlatformID returns the id of a stop in its agency's feed, and in feeds from [Write].
func PlatformID(s cta.Stop) string { return refOf(s.Ref, s.ID) }

// StopID returns the id of a call's stop in its agency's feed, and in feeds from
// [Write].
func StopID(c cta.Call) string {
	for _, s := range c.Station.Stops {
		if s.ID == c.Stop {
			return PlatformID(s)
		}
	}
	if len(c.Station.Stops) > 0 {
		return PlatformID(c.Station.Stops[0])
	}
	return StationID(c.Station)
}

func (p *printer) stops() {
	p.file("stops.txt", "stop_id", "stop_code", "stop_name", "stop_lat", "stop_lon", "location_type", "parent_station", "wheelchair_boarding", "platform_code", "stop_desc", "direction_id", "closed", "also")
	for _, s := range p.net.Stations {
		id, kind, closed := StationID(s), "1", ""
		if single(s) {
			kind = "0"
		}
		if s.Closed {
			closed = "true"
		}
		stops := s.Stops
		if !slices.ContainsFunc(stops, func(stop cta.Stop) bool { return stop.ID == s.ID }) {
			stops = slices.Concat([]cta.Stop{{ID: s.ID}}, stops) // no trip calls at the station itself
		}
		for _, stop := range stops {
			if stop.ID != s.ID {
				p.row(PlatformID(stop), "", stop.Name, decimal(s.Latitude), decimal(s.Longitude), "0", id, "0", stop.Code, description(stop), stop.Compass, "", "")
				continue
			}
			if stop.Code == s.Code {
				stop.Code = ""
			}
			p.row(id, s.Code, s.Name, decimal(s.Latitude), decimal(s.Longitude), kind, "", strconv.Itoa(int(s.Access)), stop.Code, description(stop), stop.Compass, closed, strings.Join(s.Also, ";"))
		}
	}
}

// description returns a stop's descriptive name, if different from its name.
func description(s cta.Stop) string {
	if s.DescriptiveName == s.Name {
		return ""
	}
	return s.DescriptiveName
}

// ever and forever are written as the bounds of an unbounded calendar.
const ever, forever = cta.Date(19700101), cta.Date(20991231)

// compact returns a date as GTFS has it: 20261007.
func compact(d cta.Date) string { return fmt.Sprintf("%08d", int(d)) }

func (p *printer) calendars() {
	all := slices.SortedFunc(maps.Keys(services(p.net)), func(a, b *cta.Calendar) int { return strings.Compare(a.ID, b.ID) })
	p.file("calendar.txt", append([]string{"service_id", "start_date", "end_date"}, weekdays...)...)
	for _, c := range all {
		if c.Days == 0 && c.From == 0 && c.To == 0 {
			continue // by dates alone
		}
		row := []string{c.ID, compact(cmp.Or(c.From, ever)), compact(cmp.Or(c.To, forever))}
		for d := range weekdays {
			row = append(row, strconv.Itoa(int(c.Days>>d&1)))
		}
		p.row(row...)
	}
	p.file("calendar_dates.txt", "service_id", "date", "exception_type")
	for _, c := range all {
		for _, d := range c.Added {
			p.row(c.ID, compact(d), "1")
		}
		for _, d := range c.Removed {
			p.row(c.ID, compact(d), "2")
		}
	}
}

// trips writes trips.txt, stop_times.txt, shapes.txt and frequencies.txt one after the
// other: a zip has one file open at a time.
func (p *printer) trips() {
	each := func(f func(l *cta.Line, pt *cta.Pattern, t *cta.Trip, first bool)) {
		for _, l := range p.net.Lines {
			for _, pt := range l.Patterns {
				written := make(map[string]bool) // a trip repeated in several spans is one
				for i := range pt.Trips {
					t := &pt.Trips[i]
					f(l, pt, t, !written[t.ID])
					written[t.ID] = true
				}
			}
		}
	}
	shapes := make(map[*cta.Shape]string) // their ids
	var order []*cta.Shape
	p.file("trips.txt", "route_id", "service_id", "trip_id", "trip_headsign", "trip_short_name", "direction_id", "block_id", "shape_id")
	each(func(l *cta.Line, pt *cta.Pattern, t *cta.Trip, first bool) {
		if !first {
			return
		}
		headsign := cmp.Or(t.Headsign, pt.Headsign)
		if pt.Direction() != pt.Last().Direction && headsign == "" {
			headsign = l.Loop
		}
		if t.Shape != nil && shapes[t.Shape] == "" {
			order = append(order, t.Shape)
			shapes[t.Shape] = strconv.Itoa(len(order))
		}
		p.row(RouteID(l), t.Calendar.ID, t.ID, headsign, t.Number, t.DirectionID, t.Block, shapes[t.Shape])
	})
	p.file("stop_times.txt", "trip_id", "arrival_time", "departure_time", "stop_id", "stop_sequence", "pickup_type", "drop_off_type")
	each(func(_ *cta.Line, pt *cta.Pattern, t *cta.Trip, first bool) {
		if !first {
			return
		}
		start := t.Departure
		if t.Every > 0 { // its times only give durations
			start = max(start, -t.Profile.Arrivals[0])
		}
		for i, c := range pt.Calls {
			none := ""
			if c.Station.Closed {
				none = "1" // nobody gets on or off
			}
			p.row(t.ID, clock(start+t.Profile.Arrivals[i]), clock(start+t.Profile.Departures[i]), StopID(c), strconv.Itoa(t.Profile.Sequence(i)), none, none)
		}
	})
	if len(order) > 0 {
		p.file("shapes.txt", "shape_id", "shape_pt_sequence", "shape_pt_lat", "shape_pt_lon")
		for _, s := range order {
			for i, at := range s.Points {
				p.row(shapes[s], strconv.Itoa(i), decimal(at.Latitude), decimal(at.Longitude))
			}
		}
	}
	p.file("frequencies.txt", "trip_id", "start_time", "end_time", "headway_secs", "exact_times")
	each(func(_ *cta.Line, _ *cta.Pattern, t *cta.Trip, _ bool) {
		if t.Every > 0 {
			exact := "0"
			if t.Exact {
				exact = "1"
			}
			p.row(t.ID, clock(t.Departure), clock(t.Until), strconv.Itoa(int(t.Every)), exact)
		}
	})
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// riders writes the known ridership in our own files. Estimates are not written:
// reading repeats them.
func (p *printer) riders() {
	days, _ := busiest(services(p.net))
	entries, hourly := estimate(p.net, days)
	known := p.net.Hourly != hourly
	for _, s := range p.net.Stations {
		known = known || s.Entries != entries[s]
	}
	if !known {
		return
	}
	p.file(ridershipFile, "station_id", "station_name", "weekday", "saturday", "sunday")
	for _, s := range p.net.Stations {
		p.row(StationID(s), s.Name, decimal(s.Entries.Weekday), decimal(s.Entries.Saturday), decimal(s.Entries.Sunday))
	}
	p.file(hourlyFile, "hour", "share")
	for h, share := range p.net.Hourly {
		p.row(strconv.Itoa(h), decimal(share))
	}
}
