package traintracker

import (
	"slices"
	"testing"
	"time"
)

// passage is a train's arrival at a station by its coordinates.
type passage struct {
	station int
	at      time.Time
}

// track is what the coordinates of a run tell: the times of its samples, and the stations
// that it passed between two samples a minute apart or less, one before the station and
// one behind it. Samples beside the line and those that go back are left out.
type track struct {
	seen   []observed
	passed []passage
}

// tracks follows each run of a recording. It uses stations' places and the order of
// calls, and none of the source's rules.
func (l lineRecording) tracks() map[string]*track {
	type at struct {
		o observed
		s spot
	}
	all, last, ways := map[string]*track{}, map[string]*at{}, map[int]map[node]bool{}
	for _, o := range l.observations {
		destination := l.destination(&report{destName: o.Destination}, nil)
		if destination == 0 {
			continue
		}
		if ways[destination] == nil {
			ways[destination] = l.ways(destination)
		}
		s := l.spot(o, ways[destination])
		if s.aside > 150 {
			continue
		}
		t := all[o.Run]
		if t == nil {
			t = &track{}
			all[o.Run] = t
		}
		t.seen = append(t.seen, o)
		before := last[o.Run]
		switch {
		case before == nil, before.o.Destination != o.Destination, o.At-before.o.At > 60_000:
		case before.s.to == s.to:
			if s.before > before.s.before {
				continue // back, or the same
			}
		case before.s.to == s.from: // the station lies between
			part := before.s.before / max(before.s.before+s.past, 1)
			t.passed = append(t.passed, passage{s.from.station, time.UnixMilli(before.o.At + int64(part*float64(o.At-before.o.At)))})
		case slices.Contains(l.path(s.to, before.s.to), before.s.to) && len(l.path(s.to, before.s.to)) <= 3:
			continue // back by noise
		}
		last[o.Run] = &at{o, s}
	}
	return all
}

// TestArrivalsAgainstPassages holds the arrivals inferred from recordings of real trains
// against passages in the coordinates.
func TestArrivalsAgainstPassages(t *testing.T) {
	const within = 3 * time.Minute
	passages, judged, extra := 0, 0, 0
	var off []time.Duration
	for _, l := range recorded(t) {
		in := newInference(l.net, func(string) {})
		arrivals := map[string][]arrival{}
		l.play(t, func(now time.Time, _ []byte, a *answer) {
			out, _ := in.apply(a, now, 15*time.Second)
			for _, e := range out {
				arrivals[runOf(e)] = append(arrivals[runOf(e)], e)
			}
		})
		known := time.UnixMilli(l.observations[0].At).Add(2 * time.Minute)
		for run, tr := range l.tracks() {
			for _, p := range tr.passed {
				if l.place[p.station].Closed || p.at.Before(known) {
					continue
				}
				passages++
				best := within + 1
				for _, e := range arrivals[run] {
					if e.StationID == p.station {
						best = min(best, e.at.Sub(p.at).Abs())
					}
				}
				if best <= within {
					off = append(off, best)
				}
			}
			for _, e := range arrivals[run] {
				// Judged only where four samples surround it.
				i, _ := slices.BinarySearchFunc(tr.seen, e.at.UnixMilli(), func(o observed, at int64) int { return int(o.At - at) })
				if i < 2 || i+2 > len(tr.seen) || tr.seen[i+1].At-tr.seen[i-2].At > 150_000 {
					continue
				}
				judged++
				if !slices.ContainsFunc(tr.seen, func(o observed) bool {
					return time.UnixMilli(o.At).Sub(e.at).Abs() <= within && l.metres(&report{located: true, lat: o.Lat, lon: o.Lon}, e.StationID) < 400
				}) && !slices.ContainsFunc(tr.passed, func(p passage) bool { return p.station == e.StationID && p.at.Sub(e.at).Abs() <= within }) {
					extra++
				}
			}
		}
	}
	slices.Sort(off)
	median, most := off[len(off)/2], off[len(off)*9/10]
	t.Logf("%d passages, %d found, error median %v, 90 %% %v; %d arrivals judged, %d without a passage", passages, len(off), median, most, judged, extra)
	if passages < 1000 || len(off)*100 < 93*passages || extra*100 > 3*judged || median > 15*time.Second || most > 75*time.Second {
		t.Error("want 93 % found, 3 % without a passage, a median of 15 s and nine of ten within 75 s")
	}
}
