// Package realtimerules checks GTFS-Realtime feeds by the rules of MobilityData's
// gtfs-realtime-validator (its RULES.md names them E001 and so on), as far as they can
// concern ours, and by some that the validator lacks. It reads the static feed on its own,
// without package gtfs, so that one doesn't share the other's faults.
package realtimerules

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Static is what the rules look at of a static feed.
type Static struct {
	zone                     *time.Location
	agencies                 map[string]bool
	routes                   map[string]bool
	stops                    map[string]stop
	trips                    map[string]*trip
	shapes                   map[string][]shapePoint // by shape_pt_sequence
	services                 map[string]*service
	south, north, west, east float64
}

type stop struct {
	kind     string // location_type
	lat, lon float64
}

type trip struct {
	route, service, direction string
	shape                     string
	calls                     []call // by stop_sequence
	spans                     []span
}

type shapePoint struct {
	sequence int
	lat, lon float64
}

type call struct {
	sequence           int
	stop               string
	arrival, departure int // s; -1 when it isn't given
}

// span is a row of frequencies.txt.
type span struct {
	from, until, every int
	exact              bool
}

type service struct {
	days        [7]bool
	from, until string
	exceptions  map[string]string
}

func (s *service) runs(day time.Time) bool {
	date := day.Format("20060102")
	switch s.exceptions[date] {
	case "1":
		return true
	case "2":
		return false
	}
	return s.days[day.Weekday()] && s.from <= date && date <= s.until
}

// ReadStatic reads a feed's files.
func ReadStatic(fsys fs.FS) (*Static, error) {
	s := &Static{
		agencies: map[string]bool{}, routes: map[string]bool{}, stops: map[string]stop{}, trips: map[string]*trip{}, shapes: map[string][]shapePoint{}, services: map[string]*service{},
		south: 90, north: -90, west: 180, east: -180,
	}
	var faults []error
	table := func(name string, row func(get func(string) string)) {
		faults = append(faults, each(fsys, name, row))
	}
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		faults = append(faults, err)
		return n
	}
	table("agency.txt", func(get func(string) string) {
		s.agencies[get("agency_id")] = true
		zone, err := time.LoadLocation(get("agency_timezone"))
		faults = append(faults, err)
		s.zone = zone
	})
	table("routes.txt", func(get func(string) string) { s.routes[get("route_id")] = true })
	table("stops.txt", func(get func(string) string) {
		at := stop{get("location_type"), number(get("stop_lat")), number(get("stop_lon"))}
		s.stops[get("stop_id")] = at
		s.south, s.north = min(s.south, at.lat), max(s.north, at.lat)
		s.west, s.east = min(s.west, at.lon), max(s.east, at.lon)
	})
	of := func(id string) *service {
		if s.services[id] == nil {
			s.services[id] = &service{exceptions: map[string]string{}}
		}
		return s.services[id]
	}
	table("calendar.txt", func(get func(string) string) {
		c := of(get("service_id"))
		for d := range c.days {
			c.days[d] = get(strings.ToLower(time.Weekday(d).String())) == "1"
		}
		c.from, c.until = get("start_date"), get("end_date")
	})
	table("calendar_dates.txt", func(get func(string) string) {
		of(get("service_id")).exceptions[get("date")] = get("exception_type")
	})
	table("trips.txt", func(get func(string) string) {
		s.trips[get("trip_id")] = &trip{route: get("route_id"), service: get("service_id"), direction: get("direction_id"), shape: get("shape_id")}
	})
	table("stop_times.txt", func(get func(string) string) {
		if t := s.trips[get("trip_id")]; t != nil {
			t.calls = append(t.calls, call{int(number(get("stop_sequence"))), get("stop_id"), seconds(get("arrival_time")), seconds(get("departure_time"))})
		}
	})
	table("frequencies.txt", func(get func(string) string) {
		if t := s.trips[get("trip_id")]; t != nil {
			t.spans = append(t.spans, span{seconds(get("start_time")), seconds(get("end_time")), int(number(get("headway_secs"))), get("exact_times") == "1"})
		}
	})
	table("shapes.txt", func(get func(string) string) {
		s.shapes[get("shape_id")] = append(s.shapes[get("shape_id")], shapePoint{int(number(get("shape_pt_sequence"))), number(get("shape_pt_lat")), number(get("shape_pt_lon"))})
	})
	for _, of := range s.shapes {
		slices.SortFunc(of, func(a, b shapePoint) int { return a.sequence - b.sequence })
	}
	for _, t := range s.trips {
		slices.SortFunc(t.calls, func(a, b call) int { return a.sequence - b.sequence })
	}
	return s, errors.Join(faults...)
}

// each calls row for each row of a file; a file that isn't there has none.
func each(fsys fs.FS, name string, row func(get func(string) string)) error {
	f, err := fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return fmt.Errorf("%s: %d rows, %w", name, len(rows), err)
	}
	columns := map[string]int{}
	for i, c := range rows[0] {
		columns[strings.TrimPrefix(strings.TrimSpace(c), "\uFEFF")] = i
	}
	for _, fields := range rows[1:] {
		row(func(column string) string {
			if i, ok := columns[column]; ok && i < len(fields) {
				return strings.TrimSpace(fields[i])
			}
			return ""
		})
	}
	return nil
}

// seconds reads 07:30:00; -1 is no time.
func seconds(text string) int {
	var h, m, s int
	if n, err := fmt.Sscanf(text, "%d:%d:%d", &h, &m, &s); n != 3 || err != nil {
		return -1
	}
	return h*3600 + m*60 + s
}

// off returns the distance of a place from a shape.
func off(shape []shapePoint, lat, lon float64) float64 {
	best := math.Inf(1)
	scale := math.Cos(lat * math.Pi / 180)
	for i := 1; i < len(shape); i++ {
		a, b := shape[i-1], shape[i]
		dx, dy := (b.lon-a.lon)*scale, b.lat-a.lat
		f := 0.0
		if d := dx*dx + dy*dy; d > 0 {
			f = min(max(((lon-a.lon)*scale*dx+(lat-a.lat)*dy)/d, 0), 1)
		}
		best = min(best, metres(lat, lon, a.lat+f*dy, a.lon+f*dx/scale))
	}
	return best
}

// metres between two places.
func metres(lat1, lon1, lat2, lon2 float64) float64 {
	const rad, earth = math.Pi / 180, 6_371_000
	x := (lon2 - lon1) * rad * math.Cos((lat1+lat2)/2*rad)
	y := (lat2 - lat1) * rad
	return earth * math.Hypot(x, y)
}
