package live

import "time"

// Day is how many riders entered a station on one day, from midnight in the
// network's zone, and how many usually do.
type Day struct {
	// Since is from when on entries are known: midnight, or the moment of the first
	// count that was heard of. It is zero when none was.
	Since   time.Time
	Entries int64   // from Since on
	Usual   float64 // on such a day, all of it
	// Hours are those of the clock. Where clocks change, the one that comes twice
	// holds both.
	Hours [24]Hour
}

// Hour is the entries of an hour.
type Hour struct {
	Entries int64 // from Since on, as far as it is over
	Usual   float64
}

const (
	quarter  = 15 * minute
	quarters = 26 * 4 // remembered: the longest day, and an hour
)

// Day returns a station's entries of the day that a moment belongs to, up to that
// moment. The counts heard of since midnight tell, or where they begin later, those
// since then.
func (t *Tracker) Day(stationID int, now time.Time) Day {
	t.mu.Lock()
	defer t.mu.Unlock()
	now = now.In(t.graph.location)
	var d Day
	if st := t.graph.net.Station(stationID); st != nil {
		d.Usual = st.Entries.On(now)
		for h := range d.Hours {
			d.Hours[h].Usual = d.Usual * t.graph.net.Hourly[h]
		}
	}
	c := t.counters[stationID]
	if c == nil || len(c.quarters) == 0 || c.first.at > now.UnixMilli() {
		return d
	}
	y, m, day := now.Date()
	d.Since = time.Date(y, m, day, 0, 0, 0, 0, t.graph.location)
	midnight := d.Since.UnixMilli()
	if c.first.at > midnight {
		d.Since = time.UnixMilli(c.first.at).In(t.graph.location)
	}
	before := c.first.count
	for _, q := range c.quarters {
		at := q.slot * quarter
		if at > now.UnixMilli() {
			break
		}
		if n := max(0, q.count-before); at >= midnight { // a count that has fallen began anew
			d.Hours[time.UnixMilli(at).In(t.graph.location).Hour()].Entries += n
			d.Entries += n
		}
		before = q.count
	}
	return d
}

// addQuarter notes a count for the day's course.
func (c *counter) addQuarter(at, count int64) bool {
	unset := len(c.quarters) == 0
	var oldest tickCount
	if len(c.quarters) == quarters {
		oldest = c.quarters[0]
	}
	kept, added := addTick(c.quarters, quarters, at/quarter, count)
	c.quarters = kept
	switch {
	case oldest.slot != 0 && kept[0].slot != oldest.slot: // it is forgotten, but for where it ended
		c.first.at, c.first.count = (oldest.slot+1)*quarter, oldest.count
	case unset || at < c.first.at && at/quarter >= kept[0].slot:
		c.first.at, c.first.count = at, count
		added = true
	}
	return added
}
