package realtime

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/internal/gtfsrt"
)

// Reader reads the alerts of an agency's feed. It is safe for concurrent use.
type Reader struct {
	net   *cta.Network
	lines map[string]*cta.Line    // by route id
	stops map[string]*cta.Station // by stop id
	trips map[string]served       // by trip id
}

type served struct {
	line    *cta.Line
	pattern *cta.Pattern
}

// NewReader returns a reader of the feeds about net. It finds lines, stations and trips
// by the ids in the agency's static feed, or by the network's own.
func NewReader(net *cta.Network) *Reader {
	r := &Reader{net: net, lines: map[string]*cta.Line{}, stops: map[string]*cta.Station{}, trips: map[string]served{}}
	for _, s := range net.Stations {
		for _, p := range s.Stops {
			r.stops[gtfs.PlatformID(p)] = s
		}
	}
	for _, s := range net.Stations {
		r.stops[gtfs.StationID(s)] = s
	}
	for _, l := range net.Lines {
		r.lines[l.ID] = l
	}
	for _, l := range net.Lines {
		r.lines[gtfs.RouteID(l)] = l
		for _, p := range l.Patterns {
			for i := range p.Trips {
				r.trips[p.Trips[i].ID] = served{l, p}
			}
		}
	}
	return r
}

// Alerts reads a feed, in protobuf or in its JSON mapping. Texts are as in the feed.
// leftOut counts the parts left out:
//
//   - unreadable entities
//   - alerts without an id
//   - selectors that do not fit the network, and alerts without any other selector
func (r *Reader) Alerts(data []byte) (alerts []alert.Alert, leftOut int, err error) {
	_, odd, err := gtfsrt.Read(data, func(e *pb.FeedEntity) {
		in := e.GetAlert()
		if in == nil {
			return
		}
		a, unfit := r.alert(e.GetId(), in)
		leftOut += unfit
		if a.ID == "" || len(a.Informed) == 0 {
			leftOut++
			return
		}
		alerts = append(alerts, a)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("realtime: %w", err)
	}
	return alerts, leftOut + odd, nil
}

// alert returns an alert of a feed, and the number of its selectors that don't fit the
// network.
func (r *Reader) alert(id string, in *pb.Alert) (a alert.Alert, unfit int) {
	a = alert.Alert{
		ID:       id,
		Cause:    known(pb.Alert_Cause_value, in.GetCause().String(), alert.CauseUnknown),
		Effect:   known(pb.Alert_Effect_value, in.GetEffect().String(), alert.EffectUnknown),
		Severity: known(pb.Alert_SeverityLevel_value, in.GetSeverityLevel().String(), alert.SeverityUnknown),
		Header:   texts(in.HeaderText), Description: texts(in.DescriptionText), URL: texts(in.Url),
	}
	for _, p := range in.ActivePeriod {
		a.Active = append(a.Active, alert.Period{From: milliseconds(p.GetStart()), Until: milliseconds(p.GetEnd())})
	}
	for _, s := range in.InformedEntity {
		i, ok := r.informed(s)
		switch {
		case !ok:
			unfit++
		case !slices.Contains(a.Informed, i):
			a.Informed = append(a.Informed, i)
		}
	}
	return a, unfit
}

// known returns a name of a vocabulary, or unknown. A number that the vocabulary lacks is its
// own name.
func known[T ~string](names map[string]int32, name string, unknown T) T {
	if _, ok := names[name]; ok {
		return T(name)
	}
	return unknown
}

// milliseconds returns the time of seconds since 1970. Some feeds write the largest
// number for an open end.
func milliseconds(seconds uint64) int64 {
	if seconds >= math.MaxUint32 {
		return 0
	}
	return int64(seconds) * 1000
}

func texts(s *pb.TranslatedString) (list []alert.Text) {
	for _, t := range s.GetTranslation() {
		if t.Text != nil { // required, but missing in some feeds
			list = append(list, alert.Text{Language: t.GetLanguage(), Text: *t.Text})
		}
	}
	return list
}

// informed returns whom a selector selects; ok is false if the network lacks any part.
// The agency isn't looked at: a network has one.
func (r *Reader) informed(s *pb.EntitySelector) (i alert.Informed, ok bool) {
	route, trip := s.GetRouteId(), s.GetTrip()
	direction := s.DirectionId
	var pattern *cta.Pattern
	var line *cta.Line
	if trip != nil {
		if route == "" {
			route = trip.GetRouteId()
		}
		direction = cmp.Or(direction, trip.DirectionId)
		of := r.trips[trip.GetTripId()]
		line, pattern = of.line, of.pattern
	}
	if route != "" {
		of := r.lines[route]
		if of == nil || line != nil && line != of {
			return i, false
		}
		line = of
	}
	if trip != nil && line == nil {
		return i, false
	}
	if line != nil {
		i.Line = line.ID
		switch {
		case direction != nil:
			i.Direction = directionOf(line, *direction)
		case pattern != nil && !slices.ContainsFunc(pattern.Calls, func(c cta.Call) bool { return c.Direction != pattern.Calls[0].Direction }):
			i.Direction = pattern.Calls[0].Direction
		}
	}
	if stop := s.GetStopId(); stop != "" {
		station := r.stops[stop]
		if station == nil || line != nil && !slices.Contains(station.Lines, line.ID) {
			return i, false
		}
		i.Station = station.ID
	}
	if s.RouteType != nil {
		i.Mode = gtfs.Mode(int(*s.RouteType))
		if !slices.ContainsFunc(r.net.Lines, func(l *cta.Line) bool { return l.Mode == i.Mode && (line == nil || l == line) }) {
			return i, false
		}
	}
	return i, i != alert.Informed{} || strings.TrimSpace(s.GetAgencyId()) != ""
}

// directionOf returns the direction with an agency's id; empty if the trips do not show
// it.
func directionOf(l *cta.Line, id uint32) cta.Direction {
	found := cta.Direction("")
	for _, d := range []cta.Direction{cta.DirectionA, cta.DirectionB} {
		if n, ok := directionID(l, d); ok && n == id {
			if found != "" {
				return ""
			}
			found = d
		}
	}
	return found
}
