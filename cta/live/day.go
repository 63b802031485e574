package live

import "time"

// Day holds the entries at a station on one local day, and the usual number.
type Day struct {
	// Start is the day's first moment: midnight, or the first moment after it where
	// clocks skip midnight.
	Start time.Time
	// Since is the start of known entries: Start, or the time of a later count. It is
	// zero without counts.
	Since   time.Time
	Entries int64   // from Since on
	Usual   float64 // of such a whole day
	// Hours are the hours of local time, in order: 23 or 25 of them when clocks change.
	Hours []Hour
}

// Hour holds the entries of an hour.
type Hour struct {
	From    time.Time
	Entries int64 // from Since on, up to now
	Usual   float64
	// Known reports whether the hour has begun and its own entries are known. A late
	// count gives only the sum of several hours.
	Known bool
}

const (
	quarter  = 15 * minute
	quarters = 26 * 4 // slots remembered: the longest day, and an hour

	// A count with more than lateRiders, lateAfter its predecessor, is late: continuous
	// counting would have reported those riders one by one.
	lateAfter  = 60 * minute
	lateRiders = 10
)

// backlog holds entries of a late count: from some time between two counts.
type backlog struct{ from, to, entries int64 }

// Day returns a station's entries of now's local day, up to now.
func (t *Tracker) Day(stationID int, now time.Time) Day {
	t.mu.Lock()
	defer t.mu.Unlock()
	now = now.In(t.graph.location)
	d := Day{Start: firstMoment(now)}
	if st := t.graph.net.Station(stationID); st != nil {
		d.Usual = st.Entries.On(now)
	}
	for from := d.Start; from.Day() == d.Start.Day(); from = nextHour(from) {
		d.Hours = append(d.Hours, Hour{From: from, Usual: d.Usual * t.graph.net.Hourly[from.Hour()]})
	}
	if c := t.counters[stationID]; c != nil {
		c.day(&d, now.UnixMilli())
	}
	return d
}

// today returns the entries of the day that begins at start, up to now, and the start of
// known entries. since is zero without any.
func (c *counter) today(start time.Time, now int64) (since time.Time, entries int64) {
	if c.first > now {
		return since, 0
	}
	begin := start.UnixMilli()
	from := max(begin, c.first)
	for _, b := range c.backlogs {
		if b.from < begin && begin < b.to && b.to <= now {
			from = max(from, b.to) // one count for riders of two days
		}
	}
	for _, q := range c.quarters {
		if at := q.slot * quarter; at >= begin && at <= now && at+quarter > from {
			entries += q.count
		}
	}
	for _, b := range c.backlogs {
		if from <= b.from && b.to <= now {
			entries += b.entries
		}
	}
	return time.UnixMilli(from).In(start.Location()), entries
}

// day adds the counts up to now to an empty day.
func (c *counter) day(d *Day, now int64) {
	d.Since, d.Entries = c.today(d.Start, now)
	if d.Since.IsZero() {
		return
	}
	since := d.Since.UnixMilli()
	for i := range d.Hours {
		h := &d.Hours[i]
		from, to := h.From.UnixMilli(), nextHour(h.From).UnixMilli()
		h.Known = from <= now && since < to
		for _, q := range c.quarters {
			if at := q.slot * quarter; at >= from && at < to && at <= now && at+quarter > since {
				h.Entries += q.count
			}
		}
		for _, b := range c.backlogs {
			if since <= b.from && b.from < to && from < b.to && b.to <= now {
				h.Known = false
			}
		}
	}
}

// addQuarters adds entries counted between two times to the course of the day.
func (c *counter) addQuarters(before, at, entries int64) {
	slot, last := at/quarter, before/quarter
	switch {
	case at-before <= lateAfter: // spread evenly over the quarters between
		for n := slot - last; n > 1; n-- {
			share := entries / n
			c.quarters = addTick(c.quarters, quarters, slot-n+1, share)
			entries -= share
		}
		c.quarters = addTick(c.quarters, quarters, slot, entries)
	case entries <= lateRiders: // few riders come rarely
		c.quarters = addTick(c.quarters, quarters, slot, entries)
	default:
		c.backlogs = append(c.backlogs, backlog{before, at, entries})
	}
	oldest := (slot - quarters) * quarter
	c.first = max(c.first, oldest+quarter)
	for len(c.backlogs) > 0 && c.backlogs[0].to < oldest {
		c.backlogs = c.backlogs[1:]
	}
}

// firstMoment returns the first moment of t's local day.
func firstMoment(t time.Time) time.Time {
	year, month, day := t.Date()
	first := time.Date(year, month, day, 0, 0, 0, 0, t.Location())
	if first.Day() != day { // clocks skip midnight
		_, first = first.ZoneBounds()
	}
	// Clocks that go back soon after midnight show midnight twice.
	if change, _ := first.ZoneBounds(); !change.IsZero() {
		_, was := change.Add(-time.Second).Zone()
		_, is := first.Zone()
		if twin := first.Add(time.Duration(is-was) * time.Second); twin.Before(change) && twin.Day() == day {
			return twin
		}
	}
	return first
}

// nextHour returns when the clock next shows a full hour, or repeats an hour.
func nextHour(t time.Time) time.Time {
	next := t.Add(time.Hour - time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second)
	if _, change := t.ZoneBounds(); !change.IsZero() && change.Before(next) {
		return change
	}
	return next
}
