package ctaweb

import (
	"cmp"
	"math"
	"slices"
)

const (
	remembered = 32   // records of each
	judging    = 8    // the newest of them, which decide whether a station is wrong
	voting     = 64   // records of all stations that determine the time, or three of each
	nearby     = 1200 // records of all stations that the estimate is compared with, or judging of each

	clockSlot   = 250    // ms of wall clock in which records count as sent together
	clockAhead  = 2_000  // ms that a record's time may be ahead of the reader's clock
	clockDelay  = 30_000 // ms that a right clock's records may differ in delay
	clockGroups = 3      // wrong times, a tolerance apart, that make a clock wrong

	// A source has jumped to another event time if resetCount records from more than a
	// quarter of the stations show it, and no station has contradicted for resetAfter
	// ms of wall clock. The source has restarted if the new time is resetBack
	// tolerances earlier.
	resetBack  = 10
	resetAfter = 5_000
	resetCount = 10
)

// said is a sensor's record. Times are ms since 1970.
type said struct {
	event, wall int64
	got         int64                   // time of receipt; 0 if it was sent before the start
	sent        int64                   // estimated from got and the usual lag; 0 if unknown
	apply       func(event int64) error // applies it at an event time
	taken       bool                    // applied already
}

// sensor holds the records of one station: the newest in the order of the log, and the
// last of each slot of wall time.
type sensor struct {
	said  []said
	times []witness
	wrong bool // its clock is wrong
	told  bool // the value of wrong that was last reported
}

// clock estimates the event time, and finds wrong clocks, from pairs of an event's time
// and the wall time of its sending. Every station has one vote, however many records it
// sends. Up to a quarter of the stations may be wrong without an effect. The time is right
// to two seconds at up to 300 times real time, plus the speed times the difference between
// the reader's and the senders' clocks. A judgement takes a millisecond, so it isn't made
// for every record.
type clock struct {
	sensors map[int]*sensor // by station of the network; 0 is the weather
	since   int64           // wall time of the latest jump; older records don't bear on the present
	unheard int             // records since the last judgement
	judged  bool            // the last judgement knew the reader's clock

	known bool
	estimate
	limit  int64 // latest wall time that can be right
	lag    int64 // usual time from sending to receipt
	steady bool  // lag is about the same for most stations

	last   int64 // the last result of now, which falls only when the source restarts
	looked int64 // the latest wall time passed to now
	ranOn  int64 // the latest value of last that is long after the newest record
}

// hear stores a record. It returns nil for a record that doesn't bear on the present.
func (c *clock) hear(id int, r said) *said {
	s := c.sensors[id]
	if r.wall < c.since {
		return nil
	}
	if s == nil {
		if c.sensors == nil {
			c.sensors = make(map[int]*sensor)
		}
		s = &sensor{}
		c.sensors[id] = s
	}
	if r.got > 0 && c.steady {
		r.sent = r.got - c.lag // by the present lag: the reader may fall behind, and catch up
	}
	s.said = pushed(s.said, r)
	w := witness{id, r.event, r.wall, len(s.times) == 0}
	if n := len(s.times); n > 0 && s.times[n-1].wall/clockSlot == r.wall/clockSlot {
		w.first = s.times[n-1].first
		s.times[n-1] = w
	} else {
		s.times = pushed(s.times, w)
	}
	c.unheard++
	return &s.said[len(s.said)-1]
}

// pushed appends v to a list that keeps only the newest.
func pushed[T any](list []T, v T) []T {
	if len(list) == remembered {
		list = append(list[:0], list[1:]...)
	}
	return append(list, v)
}

// judge sets the estimate, and finds the wrong clocks. wall is the reader's clock, or 0
// while unknown. It reports whether the source has restarted.
func (c *clock) judge(wall int64, jumps bool) (anew bool) {
	if c.unheard == 0 && c.judged {
		return false
	}
	c.unheard, c.judged = 0, wall > 0
	before, known := c.estimate, c.known
	c.reckon(wall)
	if jumps && c.known && c.jumped() {
		c.reckon(wall)
	}
	if !c.known {
		return false
	}
	// If time ran on during a pause, it stands still until the source has caught up. An
	// error from wrong clocks is corrected at once.
	over, back := c.last-c.carried(max(wall, c.looked)), resetBack*c.tolerance()
	if over > back || over > c.tolerance() && c.last != c.ranOn {
		c.last = 0
		anew = known && before.at(c.newest) > c.at(c.newest)+back
	}
	for _, s := range c.sensors {
		s.wrong = c.isWrong(s)
	}
	return anew
}

// reckon sets the estimate, the limit and the lag.
func (c *clock) reckon(wall int64) {
	newest, lags := make([]int64, 0, len(c.sensors)), make([]int64, 0, len(c.sensors))
	for _, s := range c.sensors {
		if len(s.said) == 0 {
			continue
		}
		r := s.said[len(s.said)-1]
		newest = append(newest, r.wall)
		if r.got > 0 {
			lags = append(lags, r.got-r.wall)
		}
	}
	// The limit is the reader's clock, unless more than a quarter of the stations are
	// ahead of it.
	slices.Sort(newest)
	c.limit = wall + clockAhead
	if n := len(newest); wall == 0 || n > 0 && newest[n-1-n/4] > c.limit {
		c.limit = math.MaxInt64
	}
	c.lag, c.steady = 0, false
	if n := len(lags); n > 0 {
		slices.Sort(lags)
		c.lag, c.steady = lags[n/2], lags[n*7/10]-lags[n*3/10] < clockDelay/6
	}
	votes := c.witnesses(max(3, voting/max(1, len(c.sensors))))
	if c.known = len(votes) > 0; c.known {
		// A clock that is slightly ahead must not determine the newest time of its
		// source.
		latest := int64(math.MaxInt64)
		if c.limit < latest {
			latest = wall + max(0, -c.lag)
		}
		c.estimate = estimated(votes, c.witnesses(max(judging, nearby/len(c.sensors))), latest)
	}
}

// witnesses returns the newest records of each station, by wall time.
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

// jumped looks for a source that continues at another time, and forgets its earlier
// records. Records received before the last right one don't count: a clock far ahead
// makes its records newer than all others.
func (c *clock) jumped() bool {
	var right int64
	for _, s := range c.sensors {
		for _, r := range s.said {
			if c.fits(r.event, r.wall) {
				right = max(right, r.got)
			}
		}
	}
	since, newest, got, count, from := int64(math.MaxInt64), int64(0), int64(0), 0, 0
	for _, s := range c.sensors {
		before := count
		for _, r := range s.said {
			if r.wall > c.newest-clockSlot && r.wall <= c.limit && r.got >= right && !c.fits(r.event, r.wall) {
				since, newest, got = min(since, r.wall), max(newest, r.wall), max(got, r.got)
				count++
			}
		}
		if count > before {
			from++
		}
	}
	if count < resetCount || 4*from <= len(c.sensors) || newest-c.newest < resetAfter || got > 0 && got-right < resetAfter {
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

// prompt reports whether a record was received about when it was sent, by its own time.
func (r *said) prompt() bool {
	return r.sent == 0 || max(r.sent-r.wall, r.wall-r.sent) <= clockDelay
}

// isWrong reports whether a station's clock is wrong, that is, most of its recent
// records were. Late events, single or many at once, don't make a clock wrong. A wrong
// clock is right again when all recent records but one were right. So a station with
// two senders, one of them wrong, doesn't turn with each of their events.
func (c *clock) isWrong(s *sensor) bool {
	var right, wrong []int64
	future := 0
	for i := max(0, len(s.said)-judging); i < len(s.said); i++ {
		r := &s.said[i]
		group := c.at(r.wall) / c.tolerance()
		ahead := r.wall > c.limit
		if future++; !ahead {
			future = 0
		}
		switch {
		case !r.prompt(): // delayed records arrive together
			wrong = append(wrong, r.got/clockDelay)
		case ahead || c.off(r.event, r.wall) != 0:
			wrong = append(wrong, group)
		default:
			right = append(right, group)
		}
	}
	if s.wrong && len(wrong) > 1 {
		return true
	}
	slices.Sort(right)
	slices.Sort(wrong)
	n := len(slices.Compact(wrong))
	return n >= clockGroups && n > len(slices.Compact(right)) || future >= 2
}

// when returns the event time to use for a record: its own or, if the station's clock
// is wrong, that of its receipt. ok is false if neither is known to be right.
func (c *clock) when(s *sensor, r *said, wall int64) (at int64, ok bool) {
	switch {
	case !s.wrong:
		return r.event, c.off(r.event, r.wall) <= 0 && r.event <= c.carried(wall)+c.tolerance()
	case r.sent == 0: // nobody knows which of its times is right
		return 0, false
	case !r.prompt():
		return c.at(r.sent), true
	}
	return c.around(r.wall), true
}

// now estimates the event time at a wall time. Between events it advances for up to
// maxAhead, and never goes back. It needs a known clock.
func (c *clock) now(wall int64) int64 {
	c.looked = max(c.looked, wall)
	if at := c.carried(wall); at > c.last {
		c.last = at
		if at > c.event+maxAhead/4 { // the speed may be wrong, and with it the tolerance
			c.ranOn = at
		}
	}
	return c.last
}
