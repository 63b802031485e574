package ctaweb

import (
	"cmp"
	"slices"

	"github.com/seed-921eec07/ctalive/cta"
)

// lineLayout is a line as it is shown: the network's stations with the names of
// the stations table, in order.
type lineLayout struct {
	*cta.Line
	rows []row
	at   map[int]int // a station's row
	a, b string      // the riders' names of the directions
}

// row is a station's place on a line.
type row struct {
	id     int
	name   string
	order  int
	branch string
	loop   bool
	closed bool
}

// layOut joins the network with the records of the stations table. A record
// renames a station of the network, or adds one to a line, by its order, on the
// trunk; a removed one is left out. The network's order holds where it has one.
func layOut(net *cta.Network, records map[recordKey]stationName) []lineLayout {
	lines := make([]lineLayout, len(net.Lines))
	for i, l := range net.Lines {
		known := make(map[int]bool, len(l.Stations))
		var rows []row
		for _, s := range l.Stations {
			known[s.ID] = true
			r := records[recordKey{s.ID, l.ID}]
			if r.removed {
				continue
			}
			name := s.Label()
			if r.name != "" && r.name != s.Name {
				name = r.name
			}
			rows = append(rows, row{s.ID, name, s.Order, s.Branch, s.Loop, s.Closed})
		}
		rows = slices.Concat(rows, others(l.ID, known, records))
		// A branch stays behind the trunk, and the branches in the network's order.
		branches := []string{""}
		for _, s := range l.Stations {
			if !slices.Contains(branches, s.Branch) {
				branches = append(branches, s.Branch)
			}
		}
		slices.SortStableFunc(rows, func(a, b row) int {
			return cmp.Or(cmp.Compare(slices.Index(branches, a.branch), slices.Index(branches, b.branch)),
				cmp.Compare(a.order, b.order))
		})
		at := make(map[int]int, len(rows))
		for i, r := range rows {
			at[r.id] = i
		}
		lines[i] = lineLayout{l, rows, at, l.Towards(cta.DirectionA), l.Towards(cta.DirectionB)}
	}
	return lines
}

// others are the stations of a line that only the table has, by order and id.
func others(line string, known map[int]bool, records map[recordKey]stationName) []row {
	var rows []row
	for k, r := range records {
		if k.line == line && !known[k.station] && !r.removed {
			rows = append(rows, row{id: k.station, name: r.name, order: r.order})
		}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id))
	})
	return rows
}
