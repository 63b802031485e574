package live

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Crowding says how many riders enter a station, against what is usual.
type Crowding string

// Every Crowding.
const (
	CrowdUnknown Crowding = "unknown" // too little counted, or too few riders to tell
	Quiet        Crowding = "quiet"   // under 0.6 of the usual
	Usual        Crowding = "usual"
	Busy         Crowding = "busy"      // over 1.4 of it
	VeryBusy     Crowding = "very busy" // over twice
)

// Crowd is the number of riders who entered a station, against what is usual on
// such a day at such an hour.
type Crowd struct {
	Entries int64   // during the last Over
	Usual   float64 // in that time
	// Over is fifteen minutes, or less when counting has not gone on for so long.
	Over  time.Duration
	Level Crowding
}

const (
	crowdOver  = 15 * minute
	crowdLeast = 5 * minute
	tick       = 30 * second
	ticks      = int((crowdOver+10*minute)/tick) + 1 // remembered
)

// counter is a station's count of entries, by time: lately in detail, and the
// day's course.
type counter struct {
	counts   []tickCount // of ticks: ascending slot, at most ticks
	quarters []tickCount // of quarter hours: ascending slot, at most quarters
	// first is the earliest count known to be of its time.
	first struct{ at, count int64 }
}

// tickCount is the highest count of a slot of time.
type tickCount struct{ slot, count int64 }

func (c *counter) add(at, count int64) bool {
	counts, added := addTick(c.counts, ticks, at/tick, count)
	c.counts = counts
	return added
}

// addTick puts a count in its place among the latest most slots.
func addTick(counts []tickCount, most int, slot, count int64) (_ []tickCount, added bool) {
	i, found := slices.BinarySearchFunc(counts, slot, func(p tickCount, s int64) int { return cmp.Compare(p.slot, s) })
	switch {
	case found && counts[i].count >= count:
		return counts, false
	case found:
		counts[i].count = count
	case len(counts) < most:
		counts = slices.Insert(counts, i, tickCount{slot, count})
	case i == 0:
		return counts, false
	default: // the oldest makes room
		copy(counts, counts[1:i])
		counts[i-1] = tickCount{slot, count}
	}
	return counts, true
}

// entered is how many entered from the tick of a time to that of another, and how
// much of that was counted, in ms. A count that has fallen began anew.
func (c *counter) entered(from, to int64) (n, over int64) {
	var before *tickCount
	for i := range c.counts {
		p := &c.counts[i]
		if p.slot*tick > to {
			break
		}
		if before != nil && p.slot*tick > from {
			n += max(0, p.count-before.count)
		}
		before = p
	}
	if len(c.counts) == 0 || c.counts[0].slot*tick > to {
		return 0, 0
	}
	return n, min(to-from, to-c.counts[0].slot*tick)
}

func (t *Tracker) crowds(now int64) map[int]Crowd {
	crowds := make(map[int]Crowd, len(t.graph.net.Stations))
	for _, st := range t.graph.net.Stations {
		c := t.counters[st.ID]
		if c == nil {
			crowds[st.ID] = Crowd{Level: CrowdUnknown}
			continue
		}
		n, over := c.entered(now-crowdOver, now)
		crowd := Crowd{Entries: n, Over: time.Duration(over) * time.Millisecond}
		at := time.UnixMilli(now - over/2).In(t.graph.location)
		crowd.Usual = st.Entries.On(at) * t.graph.net.Hourly[at.Hour()] * crowd.Over.Hours()
		crowd.Level = crowdLevel(float64(n), crowd.Usual, over)
		crowds[st.ID] = crowd
	}
	return crowds
}

// crowdLevel compares what was counted with what is usual. Few riders vary much by
// chance alone, which is no crowd and no quiet: two standard deviations of a
// Poisson distribution are left to it.
func crowdLevel(n, usual float64, over int64) Crowding {
	chance := 2 * math.Sqrt(usual)
	switch {
	case over < crowdLeast || usual < 1:
		return CrowdUnknown
	case n > 2*usual && n > usual+chance:
		return VeryBusy
	case n > 1.4*usual && n > usual+chance:
		return Busy
	case n < 0.6*usual && n < usual-chance:
		return Quiet
	}
	return Usual
}
