package gtfs

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

func (f *feed) build() (*cta.Network, error) {
	n := cta.Network{Name: f.report.Agency, Location: f.location, Celsius: f.celsius}
	stations := f.stations(&n)
	b := builder{feed: f, stations: stations, profiles: make(map[string]*cta.Profile), placed: make(map[string]*cta.Shape)}
	var ids []string
	for _, r := range f.order {
		ids = append(ids, r.id)
	}
	names := lineIDs(ids)
	for _, r := range f.order {
		l := r.line(names[r.id])
		if l.Patterns = b.patterns(r, l); len(l.Patterns) == 0 {
			f.leave("route %s, which has no trips", r.id)
			continue
		}
		n.Lines = append(n.Lines, l)
	}
	if b.short > 0 {
		f.leave("%s of fewer than two calls", many(b.short, "trip", "trips"))
	}
	if len(n.Lines) == 0 {
		return nil, errEmpty
	}
	f.measure(&n)
	net, err := cta.NewNetwork(n)
	if err != nil {
		return nil, fmt.Errorf("gtfs: %w", err)
	}
	f.report.Lines, f.report.Stations = len(net.Lines), len(net.Stations)
	for _, s := range net.Stations {
		f.report.Stops += len(s.Stops)
	}
	for _, l := range net.Lines {
		f.report.Patterns += len(l.Patterns)
	}
	return net, nil
}

// fahrenheit reports whether riders in a zone read °F, as in the United States.
// Prefixes and names cover the zones that its agencies use: other countries have
// America zones too.
func fahrenheit(loc *time.Location) bool {
	name := loc.String()
	switch name {
	case "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Phoenix", "America/Anchorage",
		"America/Detroit", "America/Boise", "America/Juneau", "America/Indianapolis", "America/Louisville", "Pacific/Honolulu", "America/Puerto_Rico":
		return true
	}
	prefixes := []string{"US/", "America/Indiana/", "America/Kentucky/", "America/North_Dakota/"}
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// place is the station and the platform of a stop.
type place struct {
	station *cta.Station
	stop    int
}

// stations makes the stations at which trips call.
func (f *feed) stations(n *cta.Network) map[int32]place {
	var ids []string
	unused := 0
	for _, s := range f.stopList {
		ids = append(ids, s.id) // of all, so that numbers don't depend on the lines asked for
		if !s.called && s.kind == 0 {
			unused++
		}
	}
	if unused > 0 {
		f.leave("%s at which no trip calls", many(unused, "stop", "stops"))
	}
	numbers := assign(ids)
	made := make(map[string]*cta.Station)
	places := make(map[int32]place)
	ref := func(id string) string {
		if _, ok := numeric(id); ok {
			return ""
		}
		return id
	}
	for _, s := range f.stopList {
		if !s.called {
			continue
		}
		owner := f.owner(s)
		st := made[owner.id]
		if st == nil {
			st = &cta.Station{
				ID: numbers[owner.id], Ref: ref(owner.id), Code: owner.code, Name: owner.name, Access: owner.access,
				Point: cta.Point{Latitude: owner.lat, Longitude: owner.lon}, Closed: owner.closed, Also: owner.also,
			}
			made[owner.id] = st
			n.Stations = append(n.Stations, st)
		}
		if st.Access == cta.AccessibilityUnknown {
			st.Access = s.access
		}
		st.Stops = append(st.Stops, cta.Stop{
			ID: numbers[s.id], Ref: ref(s.id), Code: cmp.Or(s.platform, s.code), Name: s.name,
			DescriptiveName: cmp.Or(s.description, s.name), Compass: s.compass,
		})
		places[s.index] = place{st, numbers[s.id]}
	}
	f.addTransfers(made)
	return places
}

// unknownColor is the color of a route without one: a grey on which white is legible.
const unknownColor = "#5b6770"

// line makes a route's line, without its patterns.
func (r *route) line(id string) *cta.Line {
	l := &cta.Line{ID: id, Code: r.short, Mode: r.mode, Color: cmp.Or(r.color, unknownColor), TextColor: r.textColor}
	if id != r.id {
		l.Ref = r.id
	}
	switch {
	case r.long == "" || strings.EqualFold(r.long, r.short):
		l.Name = cmp.Or(r.short, r.id)
	case r.short == "" || strings.Contains(" "+strings.ToLower(r.long)+" ", " "+strings.ToLower(r.short)+" "):
		l.Name = r.long
	default:
		l.Name = r.short + " " + r.long
	}
	if l.TextColor == "" || l.TextColor == l.Color {
		l.TextColor = legible(l.Color)
	}
	return l
}

// legible returns black or white, whichever contrasts more with a color. The weights
// are those of luma (ITU-R BT.601).
func legible(color string) string {
	var v [3]int
	if _, err := fmt.Sscanf(color, "#%02x%02x%02x", &v[0], &v[1], &v[2]); err != nil || 299*v[0]+587*v[1]+114*v[2] > 128_000 {
		return "#000000"
	}
	return "#ffffff"
}

type builder struct {
	*feed
	stations map[int32]place
	profiles map[string]*cta.Profile
	placed   map[string]*cta.Shape // by the stops of the calls and the shape's id
	points   int                   // of those
	astray   int                   // points of shapes that can't be placed
	key      []byte
	short    int // trips
}

// patterns makes a route's patterns from its trips, those with the most trips first.
func (b *builder) patterns(r *route, l *cta.Line) []*cta.Pattern {
	type found struct {
		*cta.Pattern
		back      int // trips in direction 1, less those in another
		headsigns map[string]int
		turned    bool
	}
	byKey := make(map[string]*found)
	var list []*found
	unknown := true
	for _, index := range r.trips {
		t := &b.tripList[index]
		calls := b.calls[t.first:t.last]
		if len(calls) < 2 {
			b.short++
			continue
		}
		b.key = b.key[:0]
		for _, c := range calls {
			b.key = binary.LittleEndian.AppendUint32(b.key, uint32(c.stop))
		}
		p := byKey[string(b.key)]
		if p == nil {
			p = &found{Pattern: &cta.Pattern{}, headsigns: make(map[string]int)}
			for _, c := range calls {
				at := b.stations[c.stop]
				p.Calls = append(p.Calls, cta.Call{Station: at.station, Stop: at.stop})
			}
			byKey[string(b.key)] = p
			list = append(list, p)
		}
		p.headsigns[t.headsign]++
		if unknown = unknown && t.direction < 0; t.direction == 1 {
			p.back++
		} else {
			p.back--
		}
		b.addTrips(p.Pattern, t, index, calls)
	}
	slices.SortStableFunc(list, func(x, y *found) int { return cmp.Compare(len(y.Trips), len(x.Trips)) })
	// Trips that return the way they came run in direction a until they turn.
	var reference []cta.Call
	for _, p := range list {
		if at := turn(p.Calls); at > 0 {
			p.turned = true
			for i := range p.Calls {
				p.Calls[i].Direction = cta.DirectionA
				if i >= at {
					p.Calls[i].Direction = cta.DirectionB
				}
			}
			if reference == nil {
				reference = p.Calls[:at]
			}
		}
	}
	if len(list) > 0 && reference == nil && unknown {
		reference = list[0].Calls
	}
	patterns := make([]*cta.Pattern, len(list))
	for k, p := range list {
		patterns[k] = p.Pattern
		if !p.turned {
			d := cta.DirectionA
			if reference != nil && against(reference, p.Calls) || reference == nil && p.back > 0 {
				d = cta.DirectionB
			}
			for i := range p.Calls {
				p.Calls[i].Direction = d
			}
		}
		best, most := "", 0
		for h, n := range p.headsigns {
			if n > most || n == most && h < best { // ties fall the same way in each order of the map
				best, most = h, n
			}
		}
		if p.turned {
			if l.Loop == "" {
				l.Loop = cmp.Or(best, loopName(p.Calls))
			}
			best = ""
		}
		p.Headsign = best
		for i := range p.Trips {
			if t := &p.Trips[i]; t.Headsign == best || p.turned {
				t.Headsign = ""
			}
		}
		slices.SortStableFunc(p.Trips, func(x, y cta.Trip) int { return cmp.Compare(x.Departure, y.Departure) })
		p.Trips = slices.Clip(p.Trips)
	}
	return patterns
}

// loopName names a loop after the station where trains turn.
func loopName(calls []cta.Call) string {
	for i := 1; i < len(calls); i++ {
		if calls[i].Direction != calls[i-1].Direction {
			return calls[i-1].Station.Name
		}
	}
	return ""
}

// turn returns the first call of the return of a trip that comes back the way it went,
// calling at its stations in reverse order. It is 0 for other trips and for rings.
func turn(calls []cta.Call) int {
	seen := make(map[*cta.Station]int, len(calls))
	for i, c := range calls {
		at, again := seen[c.Station]
		if !again {
			seen[c.Station] = i
			continue
		}
		back := 1
		last := at
		for _, o := range calls[i+1:] {
			if was, ok := seen[o.Station]; ok && was < last {
				last = was
				back++
			}
		}
		if back >= 2 && 3*back >= 2*(len(calls)-i) {
			return i
		}
		return 0
	}
	return 0
}

// against reports whether calls run in the opposite order of a reference.
func against(reference, calls []cta.Call) bool {
	at := make(map[*cta.Station]int, len(reference))
	for i, c := range reference {
		if _, ok := at[c.Station]; !ok {
			at[c.Station] = i
		}
	}
	last, balance := -1, 0
	for _, c := range calls {
		i, ok := at[c.Station]
		if !ok {
			continue
		}
		if last >= 0 && i != last {
			balance += cmp.Compare(i, last)
		}
		last = i
	}
	return balance < 0
}

func (b *builder) addTrips(p *cta.Pattern, t *trip, index int32, calls []call) {
	start := calls[0].departure
	trip := cta.Trip{ID: t.id, Calendar: t.calendar, Departure: start, Profile: b.profile(calls), Shape: b.shape(t.shape, calls), Headsign: t.headsign, Number: t.number, Block: t.block}
	if t.direction >= 0 {
		trip.DirectionID = [...]string{"0", "1"}[t.direction]
	}
	b.report.Calls += len(calls)
	b.report.Trips++
	repeats := b.repeats[index]
	if len(repeats) == 0 {
		p.Trips = append(p.Trips, trip)
		return
	}
	b.report.Repeating++
	for _, r := range repeats {
		trip.Departure, trip.Every, trip.Until, trip.Exact = r.from, r.every, r.until, r.exact
		p.Trips = append(p.Trips, trip)
	}
}

// profile returns the times and sequence numbers of calls. Trips with equal ones share
// a profile.
func (b *builder) profile(calls []call) *cta.Profile {
	start := calls[0].departure
	key := b.key[:0]
	waits, counted := false, true
	for i, c := range calls {
		key = binary.LittleEndian.AppendUint32(key, uint32(c.arrival-start))
		key = binary.LittleEndian.AppendUint32(key, uint32(c.departure-start))
		key = binary.LittleEndian.AppendUint32(key, uint32(c.seq))
		waits = waits || c.arrival != c.departure
		counted = counted && c.seq == int32(i+1)
	}
	b.key = key
	p := b.profiles[string(key)]
	if p == nil {
		p = &cta.Profile{Arrivals: make([]int32, len(calls))}
		if p.Departures = p.Arrivals; waits {
			p.Departures = make([]int32, len(calls))
		}
		if !counted {
			p.Sequences = make([]int32, len(calls))
		}
		for i, c := range calls {
			p.Arrivals[i] = c.arrival - start
			p.Departures[i] = c.departure - start
			if !counted {
				p.Sequences[i] = c.seq
			}
		}
		b.profiles[string(key)] = p
	}
	return p
}

// riders is the number of riders that a daily call brings to a station, by our own
// model.
var riders = map[cta.Mode]float64{cta.ModeRail: 25, cta.ModeMetro: 20, cta.ModeTram: 12, cta.ModeBus: 4, cta.ModeFerry: 15}

// measure finds the days of a timetable, and estimates ridership.
func (f *feed) measure(n *cta.Network) {
	perService := services(n)
	endless := false
	for c := range perService {
		endless = endless || c.To == 0 && c.Days != 0
		for _, d := range append([]cta.Date{c.From, c.To}, c.Added...) {
			if d > 0 && (f.report.From == 0 || d < f.report.From) {
				f.report.From = d
			}
			f.report.To = max(f.report.To, d)
		}
	}
	if endless {
		f.report.To = 0
	}
	days, often := busiest(perService)
	for _, least := range []int{some, 1} {
		for k, d := range days {
			if n.Typical == 0 && often[k] >= least {
				n.Typical = d
			}
		}
	}
	if n.Typical == 0 {
		f.notice("no service runs on any day")
	}
	entries, hourly := estimate(n, days)
	if n.Hourly = hourly; f.hourly != nil {
		n.Hourly = *f.hourly
	}
	for _, s := range n.Stations {
		if s.Entries = entries[s]; f.entries != nil {
			s.Entries = f.entries[StationID(s)]
		}
	}
}

// services returns the calendars of a timetable, with the number of daily runs of each.
func services(n *cta.Network) map[*cta.Calendar]int {
	perService := make(map[*cta.Calendar]int)
	for _, l := range n.Lines {
		for _, p := range l.Patterns {
			for i := range p.Trips {
				perService[p.Trips[i].Calendar] += runs(&p.Trips[i])
			}
		}
	}
	return perService
}

// some is how many days, at least, are as busy as a usual one. A holiday may have more trips,
// where a feed forgets to remove the usual ones, or be the only weekday of a weekend line.
const some = 5

// busiest returns a typical weekday, Saturday and Sunday of the services, 0 for a
// missing kind, and how many days of each kind are that busy.
func busiest(perService map[*cta.Calendar]int) (busiest [3]cta.Date, often [3]int) {
	const longest = 3 * 366
	const week = cta.Date(20261005) // for services without bounds
	days := make(map[cta.Date]int)
	for c, trips := range perService {
		seen, from := 0, cmp.Or(c.From, week)
		to := cmp.Or(c.To, from.Add(6))
		if c.Days != 0 {
			for d := from; d <= to && seen < longest; d = d.Add(1) {
				seen++
				if c.Includes(d) {
					days[d] += trips
				}
			}
		}
		for _, d := range c.Added {
			if c.Days == 0 || d < from || d > to || !c.Days.Has(d.Weekday()) {
				days[d] += trips
			}
		}
	}
	// Take the first of the busiest days of each kind, if at least some days are that busy.
	var counts [3]map[int]int
	for d, trips := range days {
		k := kindOf(d)
		if counts[k] == nil {
			counts[k] = make(map[int]int)
		}
		counts[k][trips]++
	}
	var usual [3]int
	for k, counts := range counts {
		for trips, n := range counts {
			if better := n >= some || counts[usual[k]] < some; better && (trips > usual[k] || counts[usual[k]] < some && n >= some) {
				usual[k] = trips
			}
		}
		often[k] = counts[usual[k]]
	}
	for d, trips := range days {
		k := kindOf(d)
		if b := busiest[k]; trips == usual[k] && (b == 0 || d < b) {
			busiest[k] = d
		}
	}
	return busiest, often
}

func kindOf(d cta.Date) int {
	switch d.Weekday() {
	case time.Saturday:
		return 1
	case time.Sunday:
		return 2
	}
	return 0
}

// runs returns the number of daily runs of a trip.
func runs(t *cta.Trip) int {
	if t.Every <= 0 || t.Until <= t.Departure {
		return 1
	}
	return int((t.Until - t.Departure + t.Every - 1) / t.Every)
}

// estimate returns an estimate of the stations' ridership, from the calls of a weekday,
// a Saturday and a Sunday, and the hourly shares.
func estimate(n *cta.Network, days [3]cta.Date) (map[*cta.Station]cta.Ridership, [24]float64) {
	entries := make(map[*cta.Station]cta.Ridership, len(n.Stations))
	var hourly [24]float64
	var total float64
	for k, d := range days {
		if d == 0 {
			continue
		}
		for _, l := range n.Lines {
			each := riders[l.Mode]
			for _, p := range l.Patterns {
				var here float64
				for i := range p.Trips {
					t := &p.Trips[i]
					if !t.Calendar.Includes(d) {
						continue
					}
					here += each * float64(runs(t))
					for at := t.Departure; d == n.Typical; at += t.Every {
						hourly[at/3600%24] += each * float64(len(p.Calls))
						total += each * float64(len(p.Calls))
						if t.Every <= 0 || at+t.Every >= t.Until {
							break
						}
					}
				}
				for _, c := range p.Calls[:len(p.Calls)-1] {
					e := entries[c.Station]
					switch k {
					case 0:
						e.Weekday += here
					case 1:
						e.Saturday += here
					default:
						e.Sunday += here
					}
					entries[c.Station] = e
				}
			}
		}
	}
	for h := range hourly {
		if total > 0 {
			hourly[h] /= total
		}
	}
	return entries, hourly
}
