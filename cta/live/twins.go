package live

import (
	"cmp"
	"slices"
)

const (
	// gaps is how many stations further than the last a train is heard of next, at most,
	// where reports are lost.
	gaps = 3
	// Two trains have one id when each was heard of inTurn times after the other. Once
	// may be two reports whose clocks put them in the wrong order.
	inTurn = 2
	// maxTracks bounds the tracks of an id that may go on.
	maxTracks = 4
)

// track is the part of an id's events in which each leads on from the one before.
type track struct {
	events []event
	turns  int // how often it went on after another
}

// divide finds out whether two trains report under one id, in turn. The one of them
// that was known first keeps the id.
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
	if leaps < 2*inTurn { // from one to the other and back
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

// tracks follows an id's events, which are in order of time. It returns the tracks in
// the order in which they began.
func (g *graph) tracks(events []event) []*track {
	var tracks []*track
	var last *track
	for _, e := range events {
		var of *track
		nearest := gaps + 1
		for _, t := range tracks {
			before := t.last()
			if n := g.apart(before.node, e.node, gaps); e.at-before.at <= standingFor && n < nearest {
				of, nearest = t, n
			}
		}
		switch {
		case of == nil:
			of = &track{}
			if len(tracks) == maxTracks { // but for the one that was heard of longest ago
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

// apart is how many stations further a train comes from one platform to another; more
// than most when it takes more.
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
