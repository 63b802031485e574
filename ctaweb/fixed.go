package ctaweb

import (
	"html/template"
	"sync"
)

// fixed are the parts of the system's page that stay while stations and their names
// do. They have names but no words, and are the same in every language.
type fixed struct {
	mu     sync.Mutex
	layout string
	parts  *fixedParts
}

type fixedParts struct {
	chart   template.HTML
	picture body              // the chart, for a page without it
	links   [][]template.HTML // by line and row: a station's name, which leads to its page
}

// fixedParts renders what stays, once for each layout of the stations.
func (h *Handler) fixedParts(s *snapshot, l *language) (*fixedParts, error) {
	h.fixed.mu.Lock()
	defer h.fixed.mu.Unlock()
	if h.fixed.parts != nil && h.fixed.layout == s.layout.id {
		return h.fixed.parts, nil
	}
	p := &fixedParts{}
	render := func(name string, data any) (template.HTML, error) {
		text, err := h.execute(l, name, data)
		return template.HTML(text), err // escaped by its template
	}
	var err error
	if h.chart != nil {
		if p.chart, err = render("map", fixedMap(h.chart, s.status)); err != nil {
			return nil, err
		}
	}
	for _, line := range s.status.Lines {
		if s.status.brief() {
			break // its page has no rows
		}
		links := make([]template.HTML, len(line.Stations))
		for i, st := range line.Stations {
			if links[i], err = render("station", st); err != nil {
				return nil, err
			}
		}
		p.links = append(p.links, links)
	}
	h.fixed.layout, h.fixed.parts = s.layout.id, p
	return p, nil
}
