package live

import (
	"cmp"
	"slices"
)

const (
	// gaps is the largest number of stations between two reports of one train, where
	// reports are lost.
	gaps = 3
	// Two trains share an id when each reported inTurn times after the other. A single
	// time may be due to clocks that order two reports wrongly.
	inTurn = 2
	// maxTracks bounds the open tracks of an id.
	maxTracks = 4
)

// track is a sequence of an id's events in which each event follows from the one
// before.
type track struct {
	events []event
	turns  int // number of events right after one of another track
}

// divide checks whether two trains report alternately under one id. The train known
// first keeps the id.
func (tr *train) divide(g *graph) {
	tr.seen, tr.changed = tr.events, false
	if tr.twin != nil {
		tr.twin.seen = nil
	}
	leaps := 0
	for i := 1; i < len(tr.events); i++ {
		if g.apart(tr.events[i-1].node, tr.events[i].node, gaps) > gaps {
			leaps++
		}
	}
	if leaps < 2*inTurn { // there and back
		return
	}
	both := slices.DeleteFunc(g.tracks(tr.events), func(t *track) bool { return t.turns < inTurn })
	if len(both) < 2 {
		return
	}
	first, second := both[len(both)-2], both[len(both)-1]
	if tr.twin == nil {
		tr.twin = &train{id: tr.id + " (2)"}
	}
	if slices.Contains(first.events, tr.twin.mark) {
		first, second = second, first
	}
	tr.seen, tr.twin.seen, tr.twin.mark = first.events, second.events, second.last()
}

func (t *track) last() event { return t.events[len(t.events)-1] }

// tracks splits an id's events, in order of time, into tracks. It returns the tracks in
// the order of their first events.
func (g *graph) tracks(events []event) []*track {
	var tracks []*track
	var last *track
	for _, e := range events {
		var of *track
		nearest := gaps + 1
		for _, t := range tracks {
			before := t.last()
			n := g.apart(before.node, e.node, gaps)
			if n == 0 && t != last { // an earlier run may have ended here: what leads on from elsewhere is nearer
				n = gaps
			}
			if e.at-before.at <= standingFor && n < nearest {
				of, nearest = t, n
			}
		}
		switch {
		case of == nil:
			of = &track{}
			if len(tracks) == maxTracks { // drop the one with the oldest last event
				old := slices.MinFunc(tracks, func(a, b *track) int { return cmp.Compare(a.last().at, b.last().at) })
				tracks = slices.DeleteFunc(tracks, func(t *track) bool { return t == old })
			}
			tracks = append(tracks, of)
		case of != last:
			of.turns++
		}
		of.events, last = append(of.events, e), of
	}
	return tracks
}

// apart returns the number of stations from one platform to another along the line. If
// that exceeds most, the result does too.
func (g *graph) apart(from, to int32, most int) int {
	switch {
	case from == to:
		return 0
	case most <= 0:
		return 1
	}
	n := &g.nodes[from]
	for _, e := range n.next {
		most = min(most, g.apart(g.edges[e].to, to, most-1))
	}
	if n.turn >= 0 {
		most = min(most, g.apart(n.turn, to, most-1))
	}
	return most + 1
}
