package ctaweb

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/seed-921eec07/ctalive/cta"
)

// filter narrows a stream to a line, a station, or both, and says it in another
// language; empty is all, in English.
type filter struct {
	line    string
	station int
	in      *language
}

func (f filter) all() bool { return f == filter{} }

// narrow returns what an update says of a line or a station. Trains that the
// reader hasn't been told of may be among those gone, which is of no harm.
func (f filter) narrow(net *cta.Network, u *update) *update {
	if f.all() {
		return u
	}
	n := *u
	n.Trains, n.Lines = nil, nil
	for _, t := range u.Trains {
		switch {
		case f.line != "" && t.Line != f.line:
		case f.station != 0 && !t.concerns(f.station):
			n.Gone = append(n.Gone[:len(n.Gone):len(n.Gone)], t.ID)
		default:
			n.Trains = append(n.Trains, t)
		}
	}
	for _, l := range u.Lines {
		if f.line == "" || l.ID == f.line {
			n.Lines = append(n.Lines, l)
		}
	}
	if f.station != 0 && u.Entries != nil {
		id := strconv.Itoa(f.station)
		n.Entries = nil
		if count, ok := u.Entries[id]; ok {
			n.Entries = map[string]int64{id: count}
		}
	}
	if f.in != nil {
		n.Trains = f.in.trains(n.Trains)
		for i, l := range n.Lines {
			if line := net.Line(l.ID); line != nil {
				n.Lines[i].Directions = f.in.directions(net, line.Name, l.Directions, u.AsOf)
			}
		}
	}
	return &n
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

// narrowed holds an event as the readers of each filter get it. There is one
// filter for each line and station, or a pair of them, in each language: few enough
// to keep.
type narrowed struct {
	mu   sync.Mutex
	made map[filter][]byte
}

func (n *narrowed) event(net *cta.Network, f filter, name, id string, u *update) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	data, ok := n.made[f]
	if !ok {
		part := f.narrow(net, u)
		if name == "snapshot" {
			part.Gone = nil
		}
		text, err := json.Marshal(part)
		if err != nil { // only a NaN temperature could: readers of records refuse it
			text = []byte("{}")
		}
		data = event(name, id, text)
		if n.made == nil {
			n.made = map[filter][]byte{}
		}
		n.made[f] = data
	}
	return data
}
