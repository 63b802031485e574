package traintrackertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/form"
)

const (
	delay   = 10 * time.Second // of positions
	dwell   = 25 * time.Second
	circuit = 280.0            // metres
	ahead   = 30 * time.Minute // of predictions
	delayed = 4 * time.Minute  // of a train that stands
)

type call struct {
	station int
	d       cta.Direction
	at      time.Time
	out     bool // out of service: the train is gone from then on
}

type train struct {
	route string // such as "brn"
	line  *cta.Line
	run   string
	calls []call // in order of time
}

func (t *Tracker) read(arrivals iter.Seq2[time.Time, cta.Arrival]) (trains []*train) {
	codes := map[string]string{}
	for code, line := range form.Lines {
		codes[line] = code
	}
	byID, count := map[string]*train{}, map[string]int{}
	for at, a := range arrivals {
		line := t.net.Line(a.Line)
		if line == nil || codes[a.Line] == "" {
			continue
		}
		tr := byID[a.TrainID]
		if tr == nil {
			count[a.Line]++ // lines share run numbers, and some begin with zeros
			tr = &train{route: codes[a.Line], line: line, run: fmt.Sprintf("%03d", count[a.Line])}
			byID[a.TrainID], t.runs[a.TrainID] = tr, tr.run
			trains = append(trains, tr)
		}
		c := call{a.StationID, a.Direction, at, a.TrainStatus == cta.TrainOutOfService}
		if n := len(tr.calls); n > 0 && tr.calls[n-1].station == c.station && tr.calls[n-1].d == c.d && c.out {
			tr.calls[n-1].out = true
			continue
		}
		if !t.net.Station(a.StationID).Closed {
			tr.calls = append(tr.calls, c)
		}
	}
	return trains
}

func stop(l *cta.Line, c call) cta.Stop {
	for _, p := range l.Patterns {
		for _, of := range p.Calls {
			if of.Station.ID != c.station || of.Direction != c.d {
				continue
			}
			for _, s := range of.Station.Stops {
				if s.ID == of.Stop {
					return s
				}
			}
		}
	}
	return cta.Stop{}
}

// end returns the index of the last call of the run of call i.
func (tr *train) end(i int) int {
	for i+1 < len(tr.calls) && tr.calls[i].station != tr.calls[i+1].station && !tr.calls[i].out {
		i++
	}
	return i
}

type spot struct {
	from, to int // calls
	part     float64
	entered  time.Time // when it came to its circuit
}

// spot returns where a train is known to be at a time; ok is false when nobody sees it:
// before its first call, and between the end of a run and the next.
func (t *Tracker) spot(tr *train, now time.Time) (s spot, ok bool) {
	seen := now.Add(-delay)
	i := sort.Search(len(tr.calls), func(i int) bool { return tr.calls[i].at.After(seen) }) - 1
	if i < 0 || i+1 >= len(tr.calls) || tr.calls[i].out {
		return s, false
	}
	if leaves := tr.calls[i].at.Add(dwell); t.late && i > 0 && seen.Before(leaves) && tr.calls[i-1].station != tr.calls[i].station {
		i-- // it stands in the last circuit before
		seen = tr.calls[i+1].at.Add(-time.Millisecond)
	}
	from, to := tr.calls[i], tr.calls[i+1]
	if from.station == to.station {
		return s, false // it turns
	}
	left := from.at.Add(min(dwell, to.at.Sub(from.at)/2))
	s = spot{from: i, to: i + 1, entered: from.at}
	if run := to.at.Sub(left); seen.After(left) {
		circuits := max(1, math.Floor(t.net.Station(from.station).Distance(t.net.Station(to.station).Point)/circuit))
		if k := math.Floor(float64(seen.Sub(left)) / float64(run) * circuits); k > 0 {
			s.part = k / circuits
			s.entered = left.Add(time.Duration(s.part * float64(run)))
		}
	}
	return s, true
}

// clock writes a time as the Train Tracker does: local, without an offset.
func (t *Tracker) clock(at time.Time) string {
	return at.In(t.net.Location).Format("2006-01-02T15:04:05")
}

// away returns the whole minutes from one time to another, one at least, as the Train
// Tracker predicts.
func away(from, to time.Time) time.Duration {
	return max(time.Minute, to.Sub(from).Round(time.Minute))
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// position returns a train as ttpositions has it; nil without one.
func (t *Tracker) position(tr *train, now time.Time) *Train {
	s, ok := t.spot(tr, now)
	if !ok {
		return nil
	}
	a, b := t.net.Station(tr.calls[s.from].station), t.net.Station(tr.calls[s.to].station)
	to := tr.calls[s.to]
	takes := away(s.entered, to.at)
	p := &Train{
		Rn: tr.run, NextStaID: strconv.Itoa(to.station), NextStpID: strconv.Itoa(stop(tr.line, to).ID), NextStaNm: b.Name,
		Prdt: t.clock(s.entered), ArrT: t.clock(s.entered.Add(takes)), IsApp: flag(takes <= time.Minute), IsDly: flag(now.Sub(s.entered) > delayed),
		Lat: fmt.Sprintf("%.5f", a.Latitude+s.part*(b.Latitude-a.Latitude)), Lon: fmt.Sprintf("%.5f", a.Longitude+s.part*(b.Longitude-a.Longitude)),
		Heading: strconv.Itoa(bearing(a, b)),
	}
	p.TrDr, p.DestSt, p.DestNm = t.direct(tr, s.to)
	return p
}

// bearing returns the direction from one station to another in degrees.
func bearing(a, b *cta.Station) int {
	x := (b.Longitude - a.Longitude) * math.Cos(a.Latitude*math.Pi/180)
	return (int(math.Round(math.Atan2(x, b.Latitude-a.Latitude)*180/math.Pi)) + 360) % 360
}

// direct returns the direction and the destination of a train before a call.
func (t *Tracker) direct(tr *train, next int) (direction, stopID, name string) {
	last, to := tr.calls[tr.end(next)], tr.calls[next]
	inLoop := slices.ContainsFunc(tr.line.Stations, func(s cta.LineStation) bool { return s.ID == to.station && s.Loop })
	in := to.d == cta.DirectionA
	switch tr.route {
	case "y":
		direction = "1"
	case "org", "pink": // they change direction as they enter the Loop
		direction = map[bool]string{true: "1", false: "5"}[in && !inLoop]
	default:
		direction = map[bool]string{true: "5", false: "1"}[in]
	}
	if tr.line.Loop != "" && to.d != last.d && !inLoop {
		return direction, "0", "Loop"
	}
	return direction, strconv.Itoa(stop(tr.line, last).ID), t.net.Station(last.station).Name
}

// raw returns the recorded answer of a time; nil without one.
func (t *Tracker) raw(now time.Time) []byte {
	i := sort.Search(len(t.recorded), func(i int) bool { return t.recorded[i].Came.After(now) })
	if i == 0 {
		return nil
	}
	return t.recorded[i-1].Body
}

func (t *Tracker) positions(now time.Time) *Answer {
	if raw := t.raw(now); raw != nil {
		var recorded struct {
			Root *Answer `json:"ctatt"`
		}
		if json.Unmarshal(raw, &recorded) == nil && recorded.Root != nil {
			return recorded.Root
		}
	}
	a := &Answer{Tmst: t.clock(now), ErrCd: "0"}
	routes := map[string]*Route{}
	for _, tr := range t.trains {
		p := t.position(tr, now)
		if p == nil {
			continue
		}
		if routes[tr.route] == nil {
			routes[tr.route] = &Route{Name: tr.route}
			a.Route = append(a.Route, routes[tr.route])
		}
		routes[tr.route].Train = append(routes[tr.route].Train, p)
	}
	slices.SortFunc(a.Route, func(a, b *Route) int { return cmp.Compare(a.Name, b.Name) })
	for _, r := range a.Route {
		slices.SortFunc(r.Train, func(a, b *Train) int { return cmp.Compare(a.Rn, b.Rn) })
	}
	return a
}

// routeName is a line's id in ttarrivals.
func routeName(code string) string { return strings.ToUpper(code[:1]) + code[1:] }

// etas returns the arrivals that are expected, in order of time. Of a recording, they are
// those at the next stations.
func (t *Tracker) etas(now time.Time) (all []*eta) {
	for _, r := range t.positions(now).Route {
		for _, p := range r.Train {
			if t.recorded == nil {
				break
			}
			id, _ := strconv.Atoi(p.NextStpID)
			all = append(all, &eta{StaID: p.NextStaID, StpID: p.NextStpID, StaNm: p.NextStaNm, StpDe: t.describe(id), Rn: p.Rn, Rt: routeName(r.Name),
				DestSt: p.DestSt, DestNm: p.DestNm, TrDr: p.TrDr, Prdt: p.Prdt, ArrT: p.ArrT, IsApp: p.IsApp, IsSch: "0", IsDly: p.IsDly, IsFlt: "0",
				Flags: p.Flags, Lat: &p.Lat, Lon: &p.Lon, Heading: &p.Heading})
		}
	}
	for _, tr := range t.trains {
		at := t.position(tr, now)
		from, next, made := now, sort.Search(len(tr.calls), func(i int) bool { return tr.calls[i].at.After(now) }), now
		if s, ok := t.spot(tr, now); ok {
			from, next, made = s.entered, s.to, s.entered
		}
		if next >= len(tr.calls) || next > 0 && tr.calls[next-1].out {
			continue
		}
		for i := next; i <= tr.end(next) && tr.calls[i].at.Sub(now) < ahead; i++ {
			c := tr.calls[i]
			if at == nil && i == tr.end(i) {
				continue // a run that has not begun ends there, or does not leave
			}
			takes := away(from, c.at)
			platform := stop(tr.line, c)
			e := &eta{StaID: strconv.Itoa(c.station), StpID: strconv.Itoa(platform.ID), StaNm: t.net.Station(c.station).Name, StpDe: service(platform.Name),
				Rn: tr.run, Rt: routeName(tr.route), Prdt: t.clock(made), ArrT: t.clock(made.Add(takes)), IsApp: flag(at != nil && takes <= time.Minute), IsSch: flag(at == nil), IsDly: "0", IsFlt: "0"}
			e.TrDr, e.DestSt, e.DestNm = t.direct(tr, i)
			if at != nil {
				e.IsDly, e.Lat, e.Lon, e.Heading = at.IsDly, &at.Lat, &at.Lon, &at.Heading
			}
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b *eta) int { return cmp.Compare(a.ArrT, b.ArrT) })
	return all
}

func (t *Tracker) describe(id int) string {
	for _, s := range t.net.Stations {
		for _, p := range s.Stops {
			if p.ID == id {
				return service(p.Name)
			}
		}
	}
	return ""
}

// service is what the Train Tracker says of a platform such as "Clark/Lake (Inner Loop)".
func service(platform string) string {
	_, text, _ := strings.Cut(platform, " (")
	text = strings.TrimSuffix(text, ")")
	if to, ok := strings.CutSuffix(text, "-bound"); ok {
		return "Service toward " + to
	}
	return "Service at " + text + " platform"
}
