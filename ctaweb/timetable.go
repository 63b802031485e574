package ctaweb

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// departures are the times of a service day at which a timetable's trains leave a
// station in a direction, in no order. They leave nowhere from where they end.
func departures(l *cta.Line, station int, d cta.Direction, day cta.Date) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		var runs []cta.Run
		for _, p := range l.Patterns {
			runs = runs[:0]
			for i, c := range p.Calls[:len(p.Calls)-1] {
				if c.Station.ID != station || c.Direction != d {
					continue
				}
				if len(runs) == 0 {
					runs = p.AppendRuns(runs, day)
				}
				for _, r := range runs {
					if !yield(r.Departure.Add(time.Duration(r.Profile.Departures[i]) * time.Second)) {
						return
					}
				}
			}
		}
	}
}

// leaves is when trains come to a platform again: with a timetable when they leave, not when
// they arrive.
func leaves(net *cta.Network, b *live.Board, station int) time.Time {
	line := net.Line(b.Line)
	if line == nil || !line.Scheduled() || b.Resumes.IsZero() {
		return b.Resumes
	}
	var first time.Time
	for at := range departures(line, station, b.Direction, cta.ServiceDay(b.Resumes.In(location(net)))) {
		if !at.Before(b.Resumes) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return cmp.Or(first, b.Resumes)
}

// platforms are the codes of the stops at which trains of a line call in a direction.
func platforms(l *cta.Line, s *cta.Station, d cta.Direction) []string {
	var codes []string
	for _, p := range l.Patterns {
		for _, c := range p.Calls {
			i := slices.IndexFunc(s.Stops, func(stop cta.Stop) bool { return stop.ID == c.Stop })
			if c.Station.ID == s.ID && c.Direction == d && i >= 0 && s.Stops[i].Code != "" {
				codes = append(codes, s.Stops[i].Code)
			}
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// shown is how many departures of the timetable stand in for trains to come.
const shown = 3

// plan adds the timetable's data to a station's board: the platform, the first and the
// last train of the day, and the next ones where none is expected yet.
func (l *language) plan(v *boardView, net *cta.Network, b platformBoard, station int, now time.Time) {
	line, s := net.Line(b.Line), net.Station(station)
	if line == nil || s == nil || now.IsZero() {
		return
	}
	if codes := platforms(line, s, b.Direction); len(codes) > 0 && len(s.Stops) > 1 {
		v.Platform = l.say("platform", "code", strings.Join(codes, ", "))
	}
	if !line.Scheduled() || len(line.Next(station, b.Direction)) == 0 { // no trains leave, or it isn't known when
		return
	}
	now = now.In(location(net))
	day := cta.ServiceDay(now)
	today := slices.SortedFunc(departures(line, station, b.Direction, day), time.Time.Compare)
	if len(today) == 0 {
		if v.None != "" { // else the line says so, and when its service begins again
			v.None = l.say("none-today")
		}
		return
	}
	v.FirstLast = l.say("first-last", "first", clockText(today[0]), "last", clockText(today[len(today)-1]))
	if len(v.Next)+len(v.Here) > 0 {
		return
	}
	var times []string
	for _, at := range today {
		if !at.Before(now) && len(times) < shown {
			times = append(times, clockText(at))
		}
	}
	switch {
	case len(times) > 0:
		v.None = l.say("by-timetable", "times", strings.Join(times, ", "))
	case v.None != "" && !b.Resumes.IsZero(): // the last has left
		v.None = capital(l.resumes(b.Resumes, now, "here-not", "here-not-until", "here-not-until-day")) + "."
	}
}

// variantView is a way in which trains of a line run on a day.
type variantView struct {
	Ends, Stops, Skips, Trips string
}

// variants are the ways in which trains of a line run on a service day, those with
// most trips first. Where there are many, those between the same stations are one.
func (l *language) variants(line *cta.Line, day cta.Date) []variantView {
	const many = 8
	type variant struct {
		from, to    *cta.Station
		patterns    []*cta.Pattern
		trips       int
		first, last time.Time
	}
	var list []*variant
	add := func(v *variant, of variant) {
		v.patterns = append(v.patterns, of.patterns...)
		v.trips += of.trips
		v.first = earliest(v.first, of.first)
		if of.last.After(v.last) {
			v.last = of.last
		}
	}
	for _, p := range line.Patterns {
		of := variant{from: p.Calls[0].Station, to: p.Last().Station, patterns: []*cta.Pattern{p}}
		for _, r := range p.AppendRuns(nil, day) {
			add(&of, variant{trips: 1, first: r.Departure, last: r.Departure})
		}
		if of.trips > 0 {
			list = append(list, &of)
		}
	}
	if len(list) > many {
		var joined []*variant
		for _, of := range list {
			i := slices.IndexFunc(joined, func(v *variant) bool { return v.from == of.from && v.to == of.to })
			if i < 0 {
				joined = append(joined, of)
				continue
			}
			add(joined[i], *of)
		}
		list = joined
	}
	slices.SortStableFunc(list, func(a, b *variant) int { return cmp.Compare(b.trips, a.trips) })
	along := map[cta.Direction][]cta.LineStation{}
	views := make([]variantView, len(list))
	for i, of := range list {
		v := variantView{Ends: l.say("variant", "from", of.from.Name, "to", of.to.Name), Stops: l.variantStops(of.patterns)}
		if v.Trips = l.say("variant-trip", "first", clockText(of.first)); of.trips > 1 {
			v.Trips = l.say("variant-trips", "n", strconv.Itoa(of.trips), "first", clockText(of.first), "last", clockText(of.last))
		}
		if len(of.patterns) == 1 {
			v.Skips = l.variantSkips(line, of.patterns[0], along)
		}
		views[i] = v
	}
	return views
}

// variantStops returns the text on the number of stops of some patterns.
func (l *language) variantStops(patterns []*cta.Pattern) string {
	few, many := len(patterns[0].Calls), len(patterns[0].Calls)
	for _, p := range patterns {
		few, many = min(few, len(p.Calls)), max(many, len(p.Calls))
	}
	n := strconv.Itoa(few)
	if many > few {
		n += "–" + strconv.Itoa(many)
	}
	return l.say("variant-stops", "n", n)
}

// variantSkips returns the text on the few stations where trains of a pattern do not
// stop; empty if they are many. along caches the line's stations by direction.
func (l *language) variantSkips(line *cta.Line, p *cta.Pattern, along map[cta.Direction][]cta.LineStation) string {
	const most = 5 // stations that are named
	d := p.Direction()
	if line.Mode == cta.ModeBus || d != p.Last().Direction {
		return ""
	}
	if along[d] == nil {
		along[d] = line.Along(d)
	}
	if names := skipped(p, along[d]); 0 < len(names) && len(names) <= most {
		return l.say("variant-not-at", "stations", strings.Join(names, ", "))
	}
	return ""
}

// earliest returns the earlier of two times, of which a zero one doesn't count.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// skipped are the stations of the main line between a pattern's first and last call,
// at which its trains don't stop.
func skipped(p *cta.Pattern, along []cta.LineStation) []string {
	stops := map[int]bool{}
	for _, c := range p.Calls {
		stops[c.Station.ID] = true
	}
	at := func(id int) int {
		return slices.IndexFunc(along, func(s cta.LineStation) bool { return s.ID == id && s.Branch == "" })
	}
	from, to := at(p.Calls[0].Station.ID), at(p.Last().Station.ID)
	if from < 0 || to < 0 {
		return nil
	}
	var names []string
	for i := from; i < to; i++ {
		if s := along[i]; !stops[s.ID] { // branches come behind the main line
			names = append(names, s.Name)
		}
	}
	return names
}

// wayView is a line's stations in one direction, as a list: where buses stop on the
// way out is often not where they stop on the way back.
type wayView struct {
	Towards string
	Rows    []wayRow
}

type wayRow struct {
	*Station
	Label  string
	Trains []badge
	Next   []nextView
}

// Lane is the row's place beside the track.
func (r wayRow) Lane() lane { return laneOf("a", "../", r.ID, r.Trains) }

// ways are a line's lists by direction.
func (l *language) ways(line *cta.Line, v lineView, more map[int]stationMore) []wayView {
	rows := map[int]rowView{}
	for _, r := range v.Rows {
		rows[r.ID] = r
	}
	var list []wayView
	for _, d := range []cta.Direction{cta.DirectionA, cta.DirectionB} {
		w := wayView{Towards: v.Towards.of(d)}
		branch := ""
		for _, s := range line.Along(d) {
			r, ok := rows[s.ID]
			if !ok { // the stations table has taken it from the line
				continue
			}
			row := wayRow{Station: r.Station, Trains: r.A, Next: more[s.ID].A}
			if d == cta.DirectionB {
				row.Trains, row.Next = slices.Clone(r.B), more[s.ID].B
				for i, b := range row.Trains { // the list runs down in either direction
					row.Trains[i].Class = strings.Replace(b.Class, " b", " a", 1)
				}
			}
			if s.Branch != branch {
				branch = s.Branch
				row.Label = l.say("branch", "name", branch)
			}
			w.Rows = append(w.Rows, row)
		}
		if len(w.Rows) > 0 {
			list = append(list, w)
		}
	}
	return list
}
