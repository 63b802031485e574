package ctaweb

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/cta"
)

// mapView is the map as page.html draws it: Fixed is what stays while stations and
// their names do.
type mapView struct {
	Width, Height string
	Fixed         template.HTML
	Later         string   // what the script loads Fixed and Trains from instead; empty where they are here
	Far           bool     // the middle is drawn larger
	Near          *mapNear // the densest part is drawn once more; nil if it isn't
	Trains        []mapTrain
}

// mapNear is where the densest part is drawn once more, and the trains in it.
type mapNear struct {
	mapPlace
	Trains []mapTrain
}

// mapFixed is the part of a map that stays.
type mapFixed struct {
	Lines    []mapLine
	Stations []mapStation
	Many     bool   // so that each is drawn small
	Dots     string // stations that are too many to be linked to, as one path
	Labels   []mapLabel
	Inset    *mapInset
}

type mapLine struct {
	Index  int
	Tracks []mapTrack
}

// mapTrack is a piece of a line between two stations. Its key is
// "line/from-to", the lower id first, and its path runs that way.
type mapTrack struct{ Key, Path string }

type mapStation struct {
	ID         int
	Name, Path string
	Closed     bool
}

type mapLabel struct{ X, Y, Anchor, Text string }

type mapTrain struct {
	Index                      int
	ID, Class, Transform, Text string
	at                         point
}

// many is from how many stations on a map draws them small.
const many = 200

// maxLinks is how many stations of a map lead to their pages.
const maxLinks = 1000

// viewMap is the map at a snapshot, or what to load it from later; nil where the
// network has no places.
func (h *Handler) viewMap(s *snapshot, l *language, fixed template.HTML, later bool) *mapView {
	c := h.chart
	if c == nil {
		return nil
	}
	v := &mapView{Width: fmt.Sprintf("%.0f", c.width), Height: fmt.Sprintf("%.0f", c.height), Far: c.far}
	if c.inset != nil {
		v.Near = &mapNear{mapPlace: c.inset.place()}
	}
	if later {
		v.Later = "map?" + s.layout.id
		return v
	}
	v.Fixed = fixed
	for i, line := range s.status.Lines {
		for _, t := range line.Trains {
			if m, ok := mapTrainOf(c, l.of(line.Mode), s, i, t); ok {
				if v.Trains = append(v.Trains, m); v.Near != nil && c.inset.has(m.at) {
					v.Near.Trains = append(v.Near.Trains, m)
				}
			}
		}
	}
	return v
}

func fixedMap(c *chart, st *Status) mapFixed {
	var v mapFixed
	spots := map[int][]point{}
	names := map[int]string{}
	closed := map[int]bool{}
	var order []int
	ends := map[int]point{} // the station before a line's end
	for i, l := range st.Lines {
		ml := mapLine{Index: i}
		next := map[int][]int{} // the line's stations next to each
		for _, e := range c.tracks[l.ID] {
			ml.Tracks = append(ml.Tracks, mapTrack{fmt.Sprintf("%s/%d-%d", l.ID, e[0], e[1]), svgPath(c.way(l.ID, e[0], e[1]))})
			next[e[0]], next[e[1]] = append(next[e[0]], e[1]), append(next[e[1]], e[0])
		}
		v.Lines = append(v.Lines, ml)
		for _, st := range l.Stations {
			p, ok := c.at[l.ID][st.ID]
			if !ok {
				continue
			}
			if names[st.ID] == "" {
				names[st.ID], closed[st.ID] = st.Name, st.Closed
				order = append(order, st.ID)
			}
			spots[st.ID] = append(spots[st.ID], p)
			if of := next[st.ID]; len(of) == 1 {
				ends[st.ID] = c.at[l.ID][of[0]]
			}
		}
	}
	v.Many = len(order) >= many
	var taken []box
	for _, id := range order {
		at := spots[id]
		slices.SortFunc(at, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
		last := at[len(at)-1]
		way := []point{at[0], last}
		if len(order) > maxLinks {
			v.Dots += svgPath(way[:1]) + "h0"
		} else {
			v.Stations = append(v.Stations, mapStation{id, names[id], svgPath(way), closed[id]})
		}
		if before, ok := ends[id]; ok {
			if l, ok := c.label(names[id], before, at[0].to(last, 0.5), &taken); ok {
				v.Labels = append(v.Labels, l)
			}
		}
	}
	if c.inset != nil {
		v.Inset = c.inset.drawn(spots, names, order)
	}
	return v
}

type box struct{ low, high point }

// Sizes of labels, in units of the map.
const (
	letterWidth  = 9.5
	letterHeight = 17.0
	maxLabel     = 26 // runes
)

// label stands beyond the end of a line, away from the station before, and within the
// map. It is left out where another one stands already.
func (c *chart) label(text string, from, p point, taken *[]box) (mapLabel, bool) {
	if r := []rune(text); len(r) > maxLabel {
		text = strings.TrimSpace(string(r[:maxLabel-1])) + "…"
	}
	width := letterWidth * float64(utf8.RuneCountInString(text))
	anchor, at := "start", point{p.x + 11, p.y + 5}
	switch dx, dy := p.x-from.x, p.y-from.y; {
	case math.Abs(dy) > 1.2*math.Abs(dx) && dy > 0:
		anchor, at = "middle", point{p.x, p.y + 22}
	case math.Abs(dy) > 1.2*math.Abs(dx):
		anchor, at = "middle", point{p.x, p.y - 12}
	case dx < 0:
		anchor, at = "end", point{p.x - 11, p.y + 5}
	}
	left := map[string]float64{"start": at.x, "middle": at.x - width/2, "end": at.x - width}[anchor]
	shift := max(0, -left) - max(0, left+width-c.width)
	at.x, left = at.x+shift, left+shift
	b := box{point{left, at.y - letterHeight}, point{left + width, at.y}}
	if slices.ContainsFunc(*taken, b.meets) {
		return mapLabel{}, false
	}
	*taken = append(*taken, b)
	return mapLabel{tenths(at.x), tenths(at.y), anchor, text}, true
}

// tenths is a number as drawings have it.
func tenths(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }

// serveMap serves what stays of the map, for a page that hasn't got it.
func (h *Handler) serveMap(w http.ResponseWriter, r *http.Request) {
	s, l := h.snapshot(w, r)
	parts, err := h.fixedParts(s, l)
	switch {
	case err != nil:
		h.failed(w, r, err)
	case parts.chart == "":
		plainError(w, http.StatusNotFound, "there is no map")
	default:
		_ = parts.picture.get(func() ([]byte, error) { // the parts are made
			return []byte(`<svg xmlns="http://www.w3.org/2000/svg">` + string(parts.chart) + `</svg>`), nil
		})
		serveBody(w, r, "image/svg+xml", "no-cache", &parts.picture)
	}
}

func mapTrainOf(c *chart, l *language, s *snapshot, index int, t *Train) (mapTrain, bool) {
	way, f := []point{}, 0.0
	if len(t.Next) > 0 {
		way = c.way(t.Line, t.Station, t.Next[0].Station)
	}
	// Where branches part, the train waits until its branch is known.
	if v, ok := s.view.Train(t.ID); ok && t.Status == cta.TrainInService && len(t.Next) == 1 {
		f = v.Fraction
	}
	if len(way) == 0 {
		p, ok := c.at[t.Line][t.Station]
		if !ok {
			return mapTrain{}, false
		}
		way = []point{p}
	}
	p, angle := along(way, f)
	class := strings.TrimSpace("m " + looks(t))
	return mapTrain{index, t.ID, class, fmt.Sprintf("translate(%.1f %.1f) rotate(%.0f)", p.x, p.y, angle), l.say("train-towards", "id", t.ID, "towards", t.Towards), p}, true
}
