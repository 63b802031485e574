package ctaweb

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// maxAhead bounds how far event time advances past the last event, in ms: enough for a
// quiet minute at any speed, too little to invent service.
const maxAhead = 120_000

const (
	startSlot  = 1_000  // ms in which a source that starts sends the past of its trains
	startDelay = 10_000 // ms by which event time and wall clock must differ to show a speed
)

// witness is a record's pair of times, in ms since 1970.
type witness struct {
	id          int
	event, wall int64
	first       bool // of its station, since the latest jump
}

// estimate is the event time according to witnesses, of which a quarter may be wrong.
type estimate struct {
	speed   float64 // event seconds per wall second
	event   int64   // at wall time newest
	newest  int64   // wall time of the newest record that is right
	patient time.Duration
	nearby  []witness // ascending wall
}

// estimated returns the estimate by the votes, at least one, and by all the records
// remembered. Both lists ascend in wall. latest is the latest wall time at which a
// record can have been sent.
func estimated(votes, nearby []witness, latest int64) estimate {
	votes = thinned(votes)
	e := estimate{speed: speedOf(votes), newest: votes[len(votes)-1].wall, nearby: nearby}
	e.event = agreed(votes, e.speed)
	right := make([]int64, 0, len(nearby))
	for _, w := range nearby {
		if e.fits(w.event, w.wall) && (len(right) == 0 || w.wall/clockSlot > right[len(right)-1]/clockSlot) {
			right = append(right, w.wall)
		}
	}
	if n := len(right); n > 0 {
		newest := min(right[n-1], latest)
		e.event, e.newest = e.at(newest), newest
	}
	e.patient = patienceOf(right)
	return e
}

// thinned keeps one of the first records that many stations sent about together. A source
// that starts sends the positions of its trains, and most of these are some time old. On a
// small network little else is heard for a while.
func thinned(list []witness) []witness {
	var thin, together []witness
	for i, w := range list {
		if w.first {
			together = append(together, w)
		} else {
			thin = append(thin, w)
		}
		if i+1 < len(list) && (list[i+1].wall-list[0].wall)/startSlot == (w.wall-list[0].wall)/startSlot {
			continue
		}
		if n := len(together); n > 4 {
			slices.SortFunc(together, func(a, b witness) int { return cmp.Compare(a.event, b.event) })
			together = together[2*n/3 : 2*n/3+1]
		}
		thin = append(thin, together...)
		together = nil
	}
	return thin
}

// speedOf returns the median slope between records, so that a wrong quarter has no
// effect. It is 1 while unknown.
func speedOf(votes []witness) float64 {
	var slopes []float64
	for gap := 1; gap < len(votes); gap += gap/2 + 1 {
		for i, a := range votes[:len(votes)-gap] {
			b := votes[i+gap]
			if wall := b.wall - a.wall; wall >= clockSlot {
				slopes = append(slopes, float64(b.event-a.event)/float64(wall))
			}
		}
	}
	if len(slopes) == 0 {
		return 1
	}
	slices.Sort(slopes)
	s := slopes[len(slopes)/2]
	// Real time has jitter, and a speed must show more than delays do.
	off := max(s-1, 1-s) * float64(votes[len(votes)-1].wall-votes[0].wall)
	if s <= 0 || s > 0.95 && s < 1.05 || off < startDelay {
		return 1
	}
	return s
}

// agreed returns the event time, at the wall time of the newest vote, that the most
// stations agree on. Of two times with equal support it returns the later: some events
// are late, none early.
func agreed(votes []witness, speed float64) int64 {
	votes = slices.Clone(votes)
	newest := votes[len(votes)-1].wall
	together := newest-votes[0].wall < 2*clockSlot // there is no other evidence
	for i := range votes {
		votes[i].event += int64(speed * float64(newest-votes[i].wall))
	}
	slices.SortFunc(votes, func(a, b witness) int { return cmp.Compare(a.event, b.event) })
	if together {
		return votes[len(votes)*3/4].event
	}
	width := 2_000 + int64(clockSlot*speed)
	in, first, most := map[int]int{}, 0, 0
	var agreed int64
	for i, v := range votes {
		in[v.id]++
		for v.event-votes[first].event > width {
			id := votes[first].id
			if in[id]--; in[id] == 0 {
				delete(in, id)
			}
			first++
		}
		if len(in) >= most {
			// The last record may be of a clock that is slightly wrong.
			most, agreed = len(in), votes[first+(3*(i-first)+3)/4].event
		}
	}
	return agreed
}

// patienceOf returns the age from which data is stale: four times the usual time
// between records, from minStale to maxStale.
func patienceOf(walls []int64) time.Duration {
	walls = walls[max(0, len(walls)-40):]
	if len(walls) < 3 {
		return minStale
	}
	gaps := make([]int64, 0, len(walls))
	for i := 1; i < len(walls); i++ {
		gaps = append(gaps, walls[i]-walls[i-1])
	}
	slices.Sort(gaps)
	usual := time.Duration(gaps[len(gaps)*9/10]) * time.Millisecond
	return min(max(4*usual, minStale), maxStale)
}

// tolerance is the largest distance of a right event time from the estimate, in ms.
func (e *estimate) tolerance() int64 { return 30_000 + int64(2*clockSlot*e.speed) }

// about reports whether two event times differ by no more than the tolerance.
func (e *estimate) about(a, b int64) bool { return max(a-b, b-a) <= e.tolerance() }

// at returns the event time at a wall time, by the observed speed.
func (e *estimate) at(wall int64) int64 { return e.event + int64(e.speed*float64(wall-e.newest)) }

// fits reports whether an event's time is within the tolerance of the estimate for its
// record.
func (e *estimate) fits(event, wall int64) bool { return e.about(event, e.at(wall)) }

// around returns the event time at a wall time according to the records of that time,
// which may precede a pause of their source.
func (e *estimate) around(wall int64) int64 {
	const side = 12
	i, _ := slices.BinarySearchFunc(e.nearby, wall, func(w witness, at int64) int { return cmp.Compare(w.wall, at) })
	near := e.nearby[max(0, i-side):min(len(e.nearby), i+side)]
	if len(near) == 0 || wall >= e.newest {
		return e.at(wall)
	}
	return e.median(near, wall)
}

// jury is the records that determine the event time when another was sent. A sensor may
// be stuck, and repeat itself: of any about records in a row, one station has as few as
// another.
type jury struct {
	votes []witness // ascending wall
	about int
}

// juryOf returns the jury of records in the order of sending. A station votes again after
// three quarters of the others, so that a wrong quarter is a third of the votes at most.
func juryOf(list []witness) (j jury) {
	voted := map[int]int{} // votes up to the station's latest
	for _, w := range list {
		voted[w.id] = 0
	}
	apart := min(3*len(voted)/4, 120) // more take time
	for _, w := range list {
		if n := voted[w.id]; n == 0 || len(j.votes)-n >= apart {
			j.votes = append(j.votes, w)
			voted[w.id] = len(j.votes)
		}
	}
	j.about = (60/(apart+1) + 1) * (apart + 1)
	return j
}

// by returns the event time at a wall time, according to a jury.
func (e *estimate) by(j jury, wall int64) int64 {
	i := sort.Search(len(j.votes), func(i int) bool { return j.votes[i].wall >= wall })
	from := max(0, min(i-j.about/2, len(j.votes)-j.about))
	return e.median(j.votes[from:min(from+j.about, len(j.votes))], wall)
}

// median returns the event time at a wall time by the median of some records.
func (e *estimate) median(of []witness, wall int64) int64 {
	events := make([]int64, len(of))
	for i, w := range of {
		events[i] = w.event + int64(e.speed*float64(wall-w.wall))
	}
	slices.Sort(events)
	return events[len(events)/2]
}

// off returns the distance of an event's time from the time of its record. It is 0 if
// the event's time is about right, by the estimate or by the other records of that time.
func (e *estimate) off(event, wall int64) int64 {
	if e.fits(event, wall) {
		return 0
	}
	then := e.around(wall)
	if e.about(event, then) || (event > then) != (event > e.at(wall)) {
		return 0
	}
	return event - then
}

// carried returns the event time at a wall time, extrapolated from the newest record by
// up to maxAhead.
func (e *estimate) carried(wall int64) int64 {
	return e.event + int64(min(e.speed*float64(max(0, wall-e.newest)), maxAhead))
}

// age is the wall time since the newest record was sent.
func (e *estimate) age(wall int64) time.Duration {
	return time.Duration(max(0, wall-e.newest)) * time.Millisecond
}
