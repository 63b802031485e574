package live

import (
	"math"
	"slices"
	"time"
)

// Crowding is the level of entries at a station compared with the usual.
type Crowding string

// Every Crowding.
const (
	CrowdingUnknown  Crowding = "unknown" // counted for too short a time, or too few riders
	CrowdingQuiet    Crowding = "quiet"   // under 0.6 of the usual
	CrowdingUsual    Crowding = "usual"
	CrowdingBusy     Crowding = "busy"      // over 1.4 of it
	CrowdingVeryBusy Crowding = "very busy" // over twice
)

// Crowd compares the entries at a station with the usual for the day and hour.
type Crowd struct {
	// Today holds the entries since Since, the start of known entries of the local day:
	// see [Day]. Since is zero without counts.
	Today   int64
	Since   time.Time
	Entries int64   // in the last Over
	Usual   float64 // entries in Over
	// Over is fifteen minutes, or less if counting began later.
	Over  time.Duration
	Level Crowding
}

const (
	crowdOver  = 15 * minute
	crowdLeast = 5 * minute
	tick       = 30 * second
	ticks      = (crowdOver+10*minute)/tick + 1 // slots remembered
)

// counter holds a station's entries by time: recent ones in detail, and the course of
// the day.
type counter struct {
	at, count int64       // of the last count
	ticks     []tickCount // at most ticks entries
	since     int64       // start of complete ticks
	quarters  []tickCount // at most quarters entries
	backlogs  []backlog   // entries not in quarters
	first     int64       // start of complete quarters and backlogs; 0 before the first count
}

// tickCount is the number of entries in a slot of time.
type tickCount struct{ slot, count int64 }

// add adds the next count of the log. An earlier time than that of the last count is
// replaced by the last count's time: the clocks of counting machines differ. A lower
// count means that counting restarted.
func (c *counter) add(at, count int64) bool {
	if c.first == 0 {
		c.at, c.count, c.since, c.first = at, count, at, at
		return true
	}
	before, entries := c.at, max(0, count-c.count)
	changed := count != c.count
	c.at, c.count = max(c.at, at), count
	if entries == 0 {
		return changed
	}
	if c.at-before > crowdLeast && entries > lateRiders {
		c.since, c.ticks = c.at, nil
	} else {
		c.ticks = addTick(c.ticks, ticks, c.at/tick, entries)
	}
	c.addQuarters(before, c.at, entries)
	return true
}

// addTick adds entries to a slot, and drops slots that are most or more slots older.
// Slots come in order.
func addTick(counts []tickCount, most, slot, entries int64) []tickCount {
	if n := len(counts); n > 0 && counts[n-1].slot == slot {
		counts[n-1].count += entries
		return counts
	}
	old := 0
	for old < len(counts) && counts[old].slot <= slot-most {
		old++
	}
	return append(slices.Delete(counts, 0, old), tickCount{slot, entries})
}

// entered returns the entries from the tick of one time to that of another, and the
// counted part of that span, in ms.
func (c *counter) entered(from, to int64) (n, over int64) {
	for _, p := range c.ticks {
		if at := p.slot * tick; at > from && at <= to {
			n += p.count
		}
	}
	return n, max(0, min(to-from, to-c.since/tick*tick))
}

func (t *Tracker) crowds(now int64) map[int]Crowd {
	crowds := make(map[int]Crowd, len(t.graph.net.Stations))
	start := firstMoment(t.scratch.time(now))
	for _, st := range t.graph.net.Stations {
		c := t.counters[st.ID]
		if c == nil {
			crowds[st.ID] = Crowd{Level: CrowdingUnknown}
			continue
		}
		n, over := c.entered(now-crowdOver, now)
		crowd := Crowd{Entries: n, Over: time.Duration(over) * time.Millisecond}
		crowd.Since, crowd.Today = c.today(start, now)
		at := time.UnixMilli(now - over/2).In(t.graph.location)
		crowd.Usual = st.Entries.On(at) * t.graph.net.Hourly[at.Hour()] * crowd.Over.Hours()
		crowd.Level = crowdLevel(float64(n), crowd.Usual, over)
		crowds[st.ID] = crowd
	}
	return crowds
}

// crowdLevel compares counted with usual entries. Small numbers vary by chance:
// differences within two standard deviations of a Poisson distribution are ignored.
func crowdLevel(n, usual float64, over int64) Crowding {
	chance := 2 * math.Sqrt(usual)
	switch {
	case over < crowdLeast || usual < 1:
		return CrowdingUnknown
	case n > 2*usual && n > usual+chance:
		return CrowdingVeryBusy
	case n > 1.4*usual && n > usual+chance:
		return CrowdingBusy
	case n < 0.6*usual && n < usual-chance:
		return CrowdingQuiet
	}
	return CrowdingUsual
}
