package ctaweb

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	clockBucket = 250 // ms of wall clock that pairs are gathered in
	clockSize   = 40  // buckets remembered
	clockRecent = 8   // newest buckets that say what time it is
	clockWindow = 90_000

	// maxAhead bounds how far event time is carried on past the last event, in
	// ms: enough for a quiet minute at any speed, too little to invent service.
	maxAhead = 120_000

	// An event time that stays resetBack ms behind for resetAfter ms of wall clock
	// and resetCount events is no late delivery: the source has started anew.
	resetBack  = 300_000
	resetAfter = 5_000
	resetCount = 10
)

// clock estimates event time from pairs of an event's time and the wall clock
// at which its record was sent. All times are milliseconds since 1970. Its
// estimate depends on the pairs alone, not on the order in which they come.
type clock struct {
	buckets []clockPair // ascending slot, at most clockSize
	// since is the wall time at which the source last started anew. Older pairs
	// say nothing about now.
	since  int64
	newest int64 // wall time of the newest pair
	last   int64 // the last answer of now, which never falls but for a reset
	rate   float64
}

// clockPair is the latest event of one bucket of wall time.
type clockPair struct {
	slot, event, wall int64
	n                 int
}

// observe takes a pair. It reports whether event time was found to have started
// anew, at an earlier hour.
func (c *clock) observe(event, wall int64) (reset bool) {
	if wall < c.since {
		return false
	}
	c.rate = 0
	c.newest = max(c.newest, wall)
	slot := wall / clockBucket
	i, found := slices.BinarySearchFunc(c.buckets, slot, func(p clockPair, s int64) int { return cmp.Compare(p.slot, s) })
	if !found {
		if i == 0 && len(c.buckets) == clockSize {
			return false
		}
		c.buckets = slices.Insert(c.buckets, i, clockPair{slot: slot, event: math.MinInt64})
		if len(c.buckets) > clockSize {
			c.buckets = slices.Delete(c.buckets, 0, 1)
			i--
		}
	}
	p := &c.buckets[i]
	p.n++
	if event > p.event || event == p.event && wall < p.wall {
		p.event, p.wall = event, wall
	}
	return c.restart()
}

// restart looks for a source that has started anew, and forgets what it said before.
func (c *clock) restart() bool {
	peak := 0
	for i, p := range c.buckets {
		if p.event > c.buckets[peak].event {
			peak = i
		}
	}
	tail := c.buckets[peak+1:]
	if len(tail) == 0 || c.newest-c.buckets[peak].wall < resetAfter {
		return false
	}
	n := 0
	for _, p := range tail {
		n += p.n
		if p.event > c.buckets[peak].event-resetBack {
			return false
		}
	}
	if n < resetCount {
		return false
	}
	c.since = tail[0].slot * clockBucket
	c.buckets = slices.Clone(tail)
	c.last = 0
	return true
}

// recent is the part of the buckets that says what time it is now.
func (c *clock) recent(n int) []clockPair {
	b := c.buckets[max(0, len(c.buckets)-n):]
	for len(b) > 0 && b[0].wall < c.newest-clockWindow {
		b = b[1:]
	}
	return b
}

// speed is the number of event seconds in a wall second: the median slope over
// all pairs of buckets, so that single wrong times don't matter. It is 1 while
// it can't be known.
func (c *clock) speed() float64 {
	if c.rate > 0 {
		return c.rate
	}
	pairs := c.recent(clockSize)
	slopes := make([]float64, 0, len(pairs)*len(pairs)/2)
	for i, a := range pairs {
		for _, b := range pairs[i+1:] {
			if wall := b.wall - a.wall; wall >= 2*clockBucket {
				slopes = append(slopes, float64(b.event-a.event)/float64(wall))
			}
		}
	}
	c.rate = 1
	if len(slopes) > 0 {
		slices.Sort(slopes)
		m := slopes[len(slopes)/2]
		// Jitter of real time is no speed of its own.
		if m > 0 && (m < 0.95 || m > 1.05) {
			c.rate = m
		}
	}
	return c.rate
}

// latest is the latest event time of the pairs remembered.
func (c *clock) latest() int64 {
	latest := int64(math.MinInt64)
	for _, p := range c.buckets {
		latest = max(latest, p.event)
	}
	return latest
}

// known reports whether any pair was seen.
func (c *clock) known() bool { return len(c.buckets) > 0 }

// now estimates the event time at a wall time. It runs on between events, but
// for no longer than maxAhead, and never back. It needs a known clock.
func (c *clock) now(wall int64) int64 {
	s := c.speed()
	pairs := c.recent(clockRecent)
	// No further than all recent buckets span when they follow one another: in a
	// pause of the source its time stood still.
	far := max(s*clockRecent*clockBucket, maxAhead)
	at := make([]float64, len(pairs))
	for i, p := range pairs {
		at[i] = float64(p.event) + min(s*float64(c.newest-p.wall), far)
	}
	slices.Sort(at)
	// Most events are told at once and some late, so the truth is near the upper
	// edge; the very edge may be one wrong clock. Two alone don't tell which: unless
	// they are far apart, the later is right, or the first event behind a bucket's
	// edge would lie in the future.
	base := at[(len(at)-1)*3/4]
	if len(at) == 2 && at[1]-at[0] <= resetBack {
		base = at[1]
	}
	ahead := min(s*float64(max(0, wall-c.newest)), maxAhead)
	c.last = max(c.last, int64(base+ahead))
	return c.last
}

// age is how long ago, by the wall clock, the newest record was sent.
func (c *clock) age(wall int64) time.Duration {
	return time.Duration(max(0, wall-c.newest)) * time.Millisecond
}

// patience is the age from which data counts as stale: four times the usual
// time between records, from minStale to maxStale.
func (c *clock) patience() time.Duration {
	pairs := c.recent(clockSize)
	if len(pairs) < 3 {
		return minStale
	}
	gaps := make([]int64, 0, len(pairs))
	for i := 1; i < len(pairs); i++ {
		gaps = append(gaps, pairs[i].wall-pairs[i-1].wall)
	}
	slices.Sort(gaps)
	usual := time.Duration(gaps[len(gaps)*9/10]) * time.Millisecond
	return min(max(4*usual, minStale), maxStale)
}
