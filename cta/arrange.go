package cta

import (
	"cmp"
	"fmt"
	"slices"
)

// NewNetwork returns a network made of n's name, location, lines with patterns, and stations
// with stops. It fills in the lines of each station and stop, and drops transfers to
// other networks. A line without Stations gets them in the order of its patterns. Don't
// use n afterwards.
//
// A line without headways and trips is shown with its vehicles. Whether it runs as
// intended is unknown.
func NewNetwork(n Network) (*Network, error) {
	slices.SortFunc(n.Stations, func(a, b *Station) int { return cmp.Compare(a.ID, b.ID) })
	lineIDs := make(map[string]bool)
	here := make(map[*Station][]string)
	used := make(map[[2]int][]string) // by station and stop
	for _, l := range n.Lines {
		if lineIDs[l.ID] || !lineID.MatchString(l.ID) || slices.Contains(tableColumns, l.ID) {
			return nil, fmt.Errorf("cta: line %q: want an id of its own, of letters, digits, hyphens, underscores and dots", l.ID)
		}
		lineIDs[l.ID] = true
		for _, p := range l.Patterns {
			if len(p.Calls) < 2 {
				return nil, fmt.Errorf("cta: line %s: a pattern of %d calls, want two or more", l.ID, len(p.Calls))
			}
			p.line = l
			for _, c := range p.Calls {
				here[c.Station] = addOnce(here[c.Station], l.ID)
				k := [2]int{c.Station.ID, c.Stop}
				used[k] = addOnce(used[k], l.ID)
			}
		}
		if l.Stations == nil {
			l.arrange()
		}
	}
	for i, s := range n.Stations {
		if i > 0 && n.Stations[i-1].ID == s.ID {
			return nil, fmt.Errorf("cta: stations %q and %q have the same id, %d", n.Stations[i-1].Name, s.Name, s.ID)
		}
		s.Lines = here[s]
		for j := range s.Stops {
			s.Stops[j].Lines = used[[2]int{s.ID, s.Stops[j].ID}]
		}
		slices.SortFunc(s.Stops, func(a, b Stop) int { return cmp.Compare(a.ID, b.ID) })
		delete(here, s)
	}
	for s := range here {
		return nil, fmt.Errorf("cta: station %d %q is called at, but isn't one of the network", s.ID, s.Name)
	}
	n.columns = n.lineIDs()
	n.index()
	return &n, nil
}

func addOnce(list []string, s string) []string {
	if len(list) > 0 && list[len(list)-1] == s {
		return list
	}
	return append(list, s)
}

// arrange fills Stations from the patterns. The longest pattern is the main line. A
// station that only other patterns have follows its predecessor. A part that leaves the
// main line for good is a branch.
func (l *Line) arrange() {
	order := slices.Clone(l.Patterns)
	slices.SortStableFunc(order, func(a, b *Pattern) int { return cmp.Compare(len(b.Calls), len(a.Calls)) })
	var main []*Station
	type branch struct {
		name     string
		order    int
		stations []*Station
	}
	var branches []branch
	known := make(map[*Station]bool)
	loops := make(map[*Station]bool)
	for i, p := range order {
		way := p.outward(loops)
		if i == 0 {
			for _, s := range way {
				if !known[s] {
					known[s] = true
					main = append(main, s)
				}
			}
			continue
		}
		for j := 0; j < len(way); {
			if known[way[j]] {
				j++
				continue
			}
			from := j
			for ; j < len(way) && !known[way[j]]; j++ {
				known[way[j]] = true
			}
			run := way[from:j]
			before, after := -1, -1 // the places in main of its neighbours
			if from > 0 {
				before = slices.Index(main, way[from-1])
			}
			if j < len(way) {
				after = slices.Index(main, way[j])
			}
			switch {
			case before >= 0 && after > before: // between two stations: another route, or more stops
				main = slices.Insert(main, after, run...)
			case before == len(main)-1: // an extension of the line
				main = append(main, run...)
			case after == 0:
				main = slices.Insert(main, 0, run...)
			case after >= 0 && before < 0: // a branch that joins
				branches = append(branches, branch{run[0].Name, max(0, after-len(run)), run})
			default:
				branches = append(branches, branch{run[len(run)-1].Name, before + 1, run})
			}
		}
	}
	for i, s := range main {
		l.Stations = append(l.Stations, LineStation{Station: s, Order: i, Loop: loops[s]})
	}
	for _, b := range branches {
		for i, s := range b.stations {
			l.Stations = append(l.Stations, LineStation{Station: s, Order: b.order + i, Branch: b.name})
		}
	}
}

// outward returns the pattern's stations in direction a, each once. It adds the
// stations passed only on the way out to loops.
func (p *Pattern) outward(loops map[*Station]bool) []*Station {
	var way []*Station
	if turn := p.turn(); turn < len(p.Calls)-1 {
		for i, c := range p.Calls[:turn+1] {
			again := slices.ContainsFunc(p.Calls[turn+1:], func(o Call) bool { return o.Station == c.Station })
			if !again && i > 0 {
				loops[c.Station] = true
			}
			way = append(way, c.Station)
		}
		return way
	}
	for _, c := range p.Calls {
		way = append(way, c.Station)
	}
	if p.Direction() == DirectionB {
		slices.Reverse(way)
	}
	return way
}
