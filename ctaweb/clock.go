package ctaweb

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

const (
	maxSources = 4096 // stations that are remembered
	remembered = 32   // records of each
	judging    = 8    // the newest of them, by which it is judged
	voting     = 64   // records of all of them that say what time it is, or three of each

	clockSlot   = 250    // ms of wall clock in which records count as sent together
	clockAhead  = 2_000  // ms that a record's time may be ahead of the reader's clock
	clockDelay  = 30_000 // ms that a right clock's records may differ in delay
	clockGroup  = 30_000 // ms of event time in which wrong times count as one
	clockGroups = 3      // wrong times that make a clock a wrong one

	// maxAhead bounds how far event time is carried on past the last event, in
	// ms: enough for a quiet minute at any speed, too little to invent service.
	maxAhead = 120_000

	// A source has jumped to another event time when resetCount records of more
	// than a quarter of the stations say so, and none has said otherwise for
	// resetAfter ms of wall clock. It has started anew when that is resetBack ms
	// earlier.
	resetBack  = 300_000
	resetAfter = 5_000
	resetCount = 10
)

// said is a record of a station, or of the weather. Times are ms since 1970.
type said struct {
	event, wall int64
	got         int64 // when it was received; 0 when it was there before
	arrival     cta.Arrival
	weather     *cta.Weather // nil in an arrival
	taken       bool         // into account, as far as can be
}

// sensor is what one station has said: its newest records in the order of the log,
// and the last of each slot of wall time.
type sensor struct {
	said  []said
	times []witness
	wrong bool // its clock is
	told  bool // of wrong
}

// clock estimates event time from pairs of an event's time and the wall clock
// at which its record was sent. All times are milliseconds since 1970. Every
// station has the same say, however many records it sends: as long as at most a
// quarter of them are wrong, what they say is of no matter.
type clock struct {
	sensors map[int]*sensor // by station; 0 is the weather
	since   int64           // wall time of the latest jump; older records say nothing about now
	unheard int             // records that came since the last judgement
	judged  bool            // by the reader's clock

	known   bool
	speed   float64
	event   int64 // at wall time newest
	newest  int64 // wall time of the newest record that is right
	limit   int64 // latest wall time that can be right
	lag     int64 // usual time from sending to receiving
	patient time.Duration
	last    int64     // the last answer of now, which never falls but for a jump
	nearby  []witness // ascending wall
}

// witness is a record that tells the time.
type witness struct {
	id          int
	event, wall int64
	first       bool // of its station, since the latest jump
}

// hear remembers a record.
func (c *clock) hear(id int, r said) *said {
	s := c.sensors[id]
	if r.wall < c.since || s == nil && len(c.sensors) >= maxSources {
		return nil
	}
	if s == nil {
		if c.sensors == nil {
			c.sensors = make(map[int]*sensor)
		}
		s = &sensor{}
		c.sensors[id] = s
	}
	if len(s.said) == remembered {
		s.said = append(s.said[:0], s.said[1:]...)
	}
	s.said = append(s.said, r)
	w := witness{id, r.event, r.wall, len(s.times) == 0}
	switch n := len(s.times); {
	case n > 0 && s.times[n-1].wall/clockSlot == r.wall/clockSlot:
		w.first = s.times[n-1].first
		s.times[n-1] = w
	case n == remembered:
		s.times = append(s.times[:0], s.times[1:]...)
		fallthrough
	default:
		s.times = append(s.times, w)
	}
	c.unheard++
	return &s.said[len(s.said)-1]
}

// judge finds out what time it is, and whose clocks are wrong. wall is the reader's
// clock, 0 when it isn't known. It reports whether the source was found to have
// started anew.
func (c *clock) judge(wall int64, jumps bool) (anew bool) {
	if c.unheard == 0 && c.judged {
		return false
	}
	c.unheard, c.judged = 0, wall > 0
	before := *c
	c.setLimit(wall)
	c.estimate()
	if jumps && c.known && c.jumped() {
		c.setLimit(wall)
		c.estimate()
	}
	if !c.known {
		return false
	}
	if c.last > c.at(c.newest)+c.tolerance() {
		c.last = 0
		anew = before.known && before.at(c.newest) > c.at(c.newest)+resetBack
	}
	for _, s := range c.sensors {
		s.wrong = c.isWrong(s)
	}
	return anew
}

// setLimit sets the latest wall time that can be right: the reader's own, unless more
// than a quarter of the stations are ahead of it.
func (c *clock) setLimit(wall int64) {
	newest := make([]int64, 0, len(c.sensors))
	for _, s := range c.sensors {
		if n := len(s.said); n > 0 {
			newest = append(newest, s.said[n-1].wall)
		}
	}
	slices.SortFunc(newest, func(a, b int64) int { return cmp.Compare(b, a) })
	switch {
	case wall == 0:
		c.limit = math.MaxInt64
	case len(newest) > 0:
		c.limit = max(wall+clockAhead, newest[len(newest)/4])
	}
}

// witnesses are the newest records of each station, by wall time.
func (c *clock) witnesses(each int) []witness {
	list := make([]witness, 0, each*len(c.sensors))
	for _, s := range c.sensors {
		for _, w := range s.times[max(0, len(s.times)-each):] {
			if w.wall <= c.limit {
				list = append(list, w)
			}
		}
	}
	slices.SortFunc(list, func(a, b witness) int {
		return cmp.Or(cmp.Compare(a.wall, b.wall), cmp.Compare(a.event, b.event), cmp.Compare(a.id, b.id))
	})
	return list
}

// thinned has one of the first records of many stations that were sent together, as a
// source does that begins with where its trains are: most of them tell of some time ago.
func thinned(list []witness) []witness {
	var thin, together []witness
	for i, w := range list {
		if w.first {
			together = append(together, w)
		} else {
			thin = append(thin, w)
		}
		if i+1 < len(list) && list[i+1].wall/clockSlot == w.wall/clockSlot {
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

// estimate sets speed, event, newest, lag and patience.
func (c *clock) estimate() {
	votes := thinned(c.witnesses(min(max(3, voting/max(1, len(c.sensors))), remembered)))
	if c.known = len(votes) > 0; !c.known {
		return
	}
	c.speed = speedOf(votes)
	c.newest = votes[len(votes)-1].wall
	c.event = c.agreed(votes)

	c.nearby = c.witnesses(remembered)
	right := make([]int64, 0, len(c.nearby))
	for _, w := range c.nearby {
		if c.fits(w.event, w.wall) && (len(right) == 0 || w.wall/clockSlot > right[len(right)-1]/clockSlot) {
			right = append(right, w.wall)
		}
	}
	if n := len(right); n > 0 {
		newest := right[n-1]
		c.event, c.newest = c.at(newest), newest
	}
	c.patient = patienceOf(right)
	lags := make([]int64, 0, len(c.sensors))
	for _, s := range c.sensors {
		if n := len(s.said); n > 0 && s.said[n-1].got > 0 {
			lags = append(lags, s.said[n-1].got-s.said[n-1].wall)
		}
	}
	c.lag = 0
	if len(lags) > 0 {
		slices.Sort(lags)
		c.lag = lags[len(lags)/2]
	}
}

// speedOf is the number of event seconds in a wall second: the median slope between
// records, so that a quarter of wrong ones don't matter. It is 1 while it can't be known.
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
	if s <= 0 || s > 0.95 && s < 1.05 { // jitter of real time is no speed of its own
		return 1
	}
	return s
}

// agreed is the event time, at wall time newest, that the most stations agree on. Of
// times that as many agree on it is the later: some events are told late, none early.
func (c *clock) agreed(votes []witness) int64 {
	votes = slices.Clone(votes)
	together := c.newest-votes[0].wall < 2*clockSlot // nothing else to go by
	for i := range votes {
		votes[i].event += int64(c.speed * float64(c.newest-votes[i].wall))
	}
	slices.SortFunc(votes, func(a, b witness) int { return cmp.Compare(a.event, b.event) })
	if together {
		return votes[len(votes)*3/4].event
	}
	width := 2_000 + int64(clockSlot*c.speed)
	in, first, most := map[int]int{}, 0, 0
	var agreed int64
	for i, v := range votes {
		in[v.id]++
		for v.event-votes[first].event > width {
			if id := votes[first].id; in[id] == 1 {
				delete(in, id)
			} else {
				in[id]--
			}
			first++
		}
		if len(in) >= most {
			// The very last may be a clock that is wrong by little.
			most, agreed = len(in), votes[first+(3*(i-first)+3)/4].event
		}
	}
	return agreed
}

// tolerance is how far right event times may lie from the clock's, in ms.
func (c *clock) tolerance() int64 { return 30_000 + int64(2*clockSlot*c.speed) }

// at is the event time at a wall time, by the speed observed.
func (c *clock) at(wall int64) int64 { return c.event + int64(c.speed*float64(wall-c.newest)) }

// fits reports whether an event's time is about that of its record.
func (c *clock) fits(event, wall int64) bool {
	off := event - c.at(wall)
	return off <= c.tolerance() && off >= -c.tolerance()
}

// around is the event time at a wall time as the records of that time say, which may
// be of before a pause of their source.
func (c *clock) around(wall int64) int64 {
	const side = 12
	i, _ := slices.BinarySearchFunc(c.nearby, wall, func(w witness, at int64) int { return cmp.Compare(w.wall, at) })
	near := c.nearby[max(0, i-side):min(len(c.nearby), i+side)]
	if len(near) == 0 || wall >= c.newest {
		return c.at(wall)
	}
	events := make([]int64, len(near))
	for i, w := range near {
		events[i] = w.event + int64(c.speed*float64(wall-w.wall))
	}
	slices.Sort(events)
	return events[len(events)/2]
}

// off is how far an event's time lies from that of its record; 0 when about right, by
// the clock or by what others said around then.
func (c *clock) off(r *said) int64 {
	if c.fits(r.event, r.wall) {
		return 0
	}
	off, near := r.event-c.at(r.wall), r.event-c.around(r.wall)
	if near <= c.tolerance() && near >= -c.tolerance() || (near > 0) != (off > 0) {
		return 0
	}
	return near
}

// prompt reports whether a record was received about when its time says.
func (c *clock) prompt(r *said) bool {
	delay := r.got - r.wall - c.lag
	return r.got == 0 || delay <= clockDelay && delay >= -clockDelay
}

// jumped looks for a source that goes on at another time, and forgets what it said
// before.
func (c *clock) jumped() bool {
	since, newest, count, from := int64(math.MaxInt64), int64(0), 0, map[int]bool{}
	for _, w := range c.nearby {
		if w.wall > c.newest-clockSlot && !c.fits(w.event, w.wall) {
			since, newest = min(since, w.wall), max(newest, w.wall)
			count++
			from[w.id] = true
		}
	}
	if count < resetCount || 4*len(from) <= len(c.sensors) || newest-c.newest < resetAfter {
		return false
	}
	c.since = since
	for _, s := range c.sensors {
		s.said = slices.DeleteFunc(s.said, func(r said) bool { return r.wall < since })
		s.times = slices.DeleteFunc(s.times, func(w witness) bool { return w.wall < since })
		if len(s.times) > 0 {
			s.times[0].first = true
		}
	}
	return true
}

// isWrong reports whether a station's clock is wrong: most of what it said lately was.
// Events that were told late, as some are, or many at once, don't make it so.
func (c *clock) isWrong(s *sensor) bool {
	var right, wrong []int64
	future := 0
	for i := range s.said[max(0, len(s.said)-judging):] {
		r := &s.said[max(0, len(s.said)-judging)+i]
		group := c.at(r.wall) / clockGroup
		if r.wall > c.limit {
			future++
		} else {
			future = 0
		}
		if r.wall > c.limit || c.off(r) != 0 || !c.prompt(r) {
			wrong = append(wrong, group)
		} else {
			right = append(right, group)
		}
	}
	slices.Sort(right)
	slices.Sort(wrong)
	n := len(slices.Compact(wrong))
	return n >= clockGroups && n > len(slices.Compact(right)) || future >= 2
}

// when is the event time that a record is to be taken for: its own, or of a wrong
// clock that of its sending. ok is false where there is no telling.
func (c *clock) when(s *sensor, r *said, wall int64) (at int64, ok bool) {
	off := c.off(r)
	if !s.wrong {
		return r.event, off <= 0 && r.event <= c.now(wall)+c.tolerance()
	}
	sent := s.said[len(s.said)-1].wall // lately
	switch {
	case r.got > 0 && !c.prompt(r):
		return c.at(r.got - c.lag), true
	case r.got > 0 || off > 0 && float64(wall-sent)*c.speed < float64(off): // else its records may be behind
		return c.around(r.wall), r.wall <= c.limit
	case off < 0 && sent > c.limit: // its records are ahead
		return r.event, r.event <= c.now(wall)
	case off < 0:
		return c.around(r.wall), true
	}
	return 0, false
}

// now estimates the event time at a wall time. It runs on between events, but
// for no longer than maxAhead, and never back. It needs a known clock.
func (c *clock) now(wall int64) int64 {
	ahead := min(c.speed*float64(max(0, wall-c.newest)), maxAhead)
	c.last = max(c.last, c.event+int64(ahead))
	return c.last
}

// age is how long ago, by the wall clock, the newest record was sent.
func (c *clock) age(wall int64) time.Duration {
	return time.Duration(max(0, wall-c.newest)) * time.Millisecond
}

// patienceOf is the age from which data counts as stale: four times the usual
// time between records, from minStale to maxStale.
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
