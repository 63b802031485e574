package cta

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"
)

// Network is a transit network: lines, stations, ridership and service. It comes from
// [Chicago], [Load], a feed (package cta/gtfs) or [Network.Only]. It is read-only
// afterwards, and safe for concurrent use.
type Network struct {
	Name     string         // for riders, such as "Chicago 'L'"
	Location *time.Location // local time of the network
	Lines    []*Line        // in display order
	Stations []*Station     // by ascending ID
	// Hourly is the share of a day's entries in each hour of local time. The shares sum
	// to 1, or are all 0 when ridership is unknown.
	Hourly [24]float64
	// Typical is a day with many trips in the timetable; 0 without a timetable.
	Typical Date
	Celsius bool // the unit of temperatures for riders; else Fahrenheit

	lines    map[string]*Line
	stations map[int]*Station
	back     int      // days for which a service day's trips may be on their way, after the day
	columns  []string // line ids in the order of the stations table
}

//go:embed data/chicago/*.csv
var chicagoFiles embed.FS

var chicago = sync.OnceValue(func() *Network {
	files, err := fs.Sub(chicagoFiles, "data/chicago")
	if err == nil {
		var n *Network
		if n, err = Load(files); err == nil {
			return n
		}
	}
	// The files are part of the program, and a test loads them.
	panic("cta: embedded data: " + err.Error())
})

// Chicago returns the Chicago 'L' from embedded data. All callers share one copy.
// data/README.md lists sources and uncertainties.
func Chicago() *Network { return chicago() }

// index fills the look-up tables from Lines and Stations.
func (n *Network) index() {
	n.lines = make(map[string]*Line, len(n.Lines))
	for _, l := range n.Lines {
		n.lines[l.ID] = l
		l.index(n.Location)
		for _, p := range l.Patterns {
			for i := range p.Trips {
				n.back = max(n.back, int(p.Trips[i].ends())/(24*3600))
			}
		}
	}
	n.stations = make(map[int]*Station, len(n.Stations))
	for _, s := range n.Stations {
		s.slug = slug(s.ID, s.Name)
		n.stations[s.ID] = s
	}
	for _, s := range n.Stations {
		s.Transfers = slices.DeleteFunc(slices.Clone(s.Transfers), func(t Transfer) bool { return n.stations[t.To] == nil })
		slices.SortFunc(s.Transfers, func(a, b Transfer) int { return a.To - b.To })
	}
	for _, l := range n.Lines {
		l.labels()
	}
}

// Line returns the line with that id, or nil.
func (n *Network) Line(id string) *Line { return n.lines[id] }

// Station returns the station with that id, or nil.
func (n *Network) Station(id int) *Station { return n.stations[id] }

// LinesNamed returns the lines that riders or the agency call name: by id, short name or
// name, in any case, with or without accents.
func (n *Network) LinesNamed(name string) (found []*Line) {
	name = Plain(strings.TrimSpace(name))
	for _, l := range n.Lines {
		if name != "" && slices.ContainsFunc([]string{l.ID, l.Ref, l.Code, l.Name}, func(own string) bool { return Plain(own) == name }) {
			found = append(found, l)
		}
	}
	return found
}

// ServiceDays returns the first and the last service day with trips that may be on their
// way at a time between two moments.
func (n *Network) ServiceDays(from, until time.Time) (first, last Date) {
	if n.Location != nil {
		from, until = from.In(n.Location), until.In(n.Location)
	}
	return DateOf(from).Add(-n.back - 1), DateOf(until).Add(1) // clocks may change
}

// LineColumns returns the names of the boolean columns of the stations table, one per
// line, in the table's order.
func (n *Network) LineColumns() []string { return slices.Clone(n.columns) }

// Only returns the network reduced to the given lines, in the network's order, and
// their stations; without ids, the network itself. The stations are copies without the
// other lines, but keep their entries, whichever line the riders used. The error lists
// every unknown id.
func (n *Network) Only(lines ...string) (*Network, error) {
	if len(lines) == 0 {
		return n, nil
	}
	var unknown []string
	for _, id := range lines {
		if n.Line(id) == nil {
			unknown = append(unknown, fmt.Sprintf("%q", id))
		}
	}
	if unknown != nil {
		return nil, fmt.Errorf("no line %s in %s, want some of %s",
			strings.Join(unknown, ", "), n.Name, strings.Join(n.lineIDs(), ", "))
	}
	keep := func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(lines, id) })
	}
	cut := &Network{Name: n.Name, Location: n.Location, Hourly: n.Hourly, Celsius: n.Celsius, Typical: n.Typical, columns: keep(n.columns)}
	copies := make(map[int]*Station)
	for _, s := range n.Stations {
		c := *s
		if c.Lines = keep(s.Lines); len(c.Lines) == 0 {
			continue
		}
		c.Stops = nil
		for _, p := range s.Stops {
			if p.Lines = keep(p.Lines); len(p.Lines) > 0 {
				c.Stops = append(c.Stops, p)
			}
		}
		copies[c.ID] = &c
		cut.Stations = append(cut.Stations, &c)
	}
	for _, l := range n.Lines {
		if slices.Contains(lines, l.ID) {
			cut.Lines = append(cut.Lines, l.with(copies))
		}
	}
	cut.index()
	return cut, nil
}

func (n *Network) lineIDs() []string {
	ids := make([]string, len(n.Lines))
	for i, l := range n.Lines {
		ids[i] = l.ID
	}
	return ids
}
