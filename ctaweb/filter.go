package ctaweb

import (
	"encoding/json"
	"slices"
	"strconv"
	"sync"

	"github.com/seed-921eec07/ctalive/cta"
)

// filter narrows a stream to a line, a station, or both, and selects its language; the
// zero value is everything, in English.
type filter struct {
	line    string
	station int
	in      *language
}

func (f filter) all() bool { return f == filter{} }

// narrow returns the part of an update about a line or a station. A train that has left
// this part is gone.
func (f filter) narrow(net *cta.Network, u *update) *update {
	if f.all() {
		return u
	}
	n := *u
	n.Trains, n.Gone, n.Lines, n.EntriesToday = nil, nil, nil, map[string]int64{}
	for _, t := range u.Trains {
		if f.shows(t) {
			n.Trains = append(n.Trains, t)
		} else if f.shows(u.before[t.ID]) {
			n.Gone = append(n.Gone, t.ID)
		}
	}
	for _, id := range u.Gone {
		if f.shows(u.before[id]) {
			n.Gone = append(n.Gone, id)
		}
	}
	for _, l := range u.Lines {
		if f.ofLine(l.ID) && (f.station == 0 || slices.Contains(u.stops[f.station], l.ID)) {
			n.Lines = append(n.Lines, l)
		}
	}
	for station, count := range u.EntriesToday {
		id, _ := strconv.Atoi(station)
		if (f.station == 0 || f.station == id) && slices.ContainsFunc(u.stops[id], f.ofLine) {
			n.EntriesToday[station] = count
		}
	}
	if u.Alerts != nil {
		list := []*Alert{}
		for _, a := range *u.Alerts {
			if (f.line == "" || a.ofLine(net.Line(f.line))) && (f.station == 0 || a.ofStation(net, f.station, u.stops[f.station])) {
				list = append(list, a)
			}
		}
		if f.in != nil {
			list = f.in.notified(list)
		}
		n.Alerts = &list
	}
	if f.in != nil {
		n.Trains = f.in.trains(n.Trains)
		for i, l := range n.Lines {
			n.Lines[i].Directions = f.in.of(l.mode).directions(net, l.called, l.Directions, u.AsOf)
		}
	}
	return &n
}

func (f filter) ofLine(id string) bool { return f.line == "" || f.line == id }

// shows reports whether the stream contains a train. t may be nil.
func (f filter) shows(t *Train) bool {
	return t != nil && f.ofLine(t.Line) && (f.station == 0 || t.concerns(f.station))
}

// concerns reports whether a train is at a station or comes to it next.
func (t *Train) concerns(station int) bool {
	if !t.Moving() {
		return t.Station == station
	}
	for _, n := range t.Next {
		if n.Station == station {
			return true
		}
	}
	return false
}

// narrowed caches an event for each filter, so that it is encoded once per filter. forget
// drops the cache: many distinct filters would fill the memory. From then on the event is
// encoded for each reader.
type narrowed struct {
	mu        sync.Mutex
	made      map[filter]*chunk
	forgotten bool
}

func (n *narrowed) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.made, n.forgotten = nil, true
}

func (n *narrowed) event(net *cta.Network, f filter, name, id string, u *update) *chunk {
	n.mu.Lock()
	defer n.mu.Unlock()
	data, ok := n.made[f]
	if !ok {
		part := f.narrow(net, u)
		text, err := json.Marshal(part)
		if err != nil { // only a NaN temperature could: readers of records refuse it
			text = []byte("{}")
		}
		data = event(name, id, text)
		if n.made == nil {
			n.made = map[filter]*chunk{}
		}
		if !n.forgotten {
			n.made[f] = data
		}
	}
	return data
}
