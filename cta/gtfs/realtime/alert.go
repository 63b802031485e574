package realtime

import (
	"slices"
	"strconv"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

// alert returns the feed entity of an alert, nil if the alert concerns nothing in the
// network.
func (p *Publisher) alert(a *alert.Alert) *pb.FeedEntity {
	out := &pb.Alert{
		Cause:         pb.Alert_Cause(named(pb.Alert_Cause_value, string(a.Cause), pb.Alert_UNKNOWN_CAUSE)).Enum(),
		Effect:        pb.Alert_Effect(named(pb.Alert_Effect_value, string(a.Effect), pb.Alert_UNKNOWN_EFFECT)).Enum(),
		SeverityLevel: pb.Alert_SeverityLevel(named(pb.Alert_SeverityLevel_value, string(a.Severity), pb.Alert_UNKNOWN_SEVERITY)).Enum(),
		HeaderText:    translated(a.Header), DescriptionText: translated(a.Description), Url: translated(a.URL),
	}
	for _, s := range a.Active {
		r := &pb.TimeRange{}
		if s.From > 0 {
			r.Start = proto.Uint64(uint64(s.From / 1000))
		}
		if s.Until > 0 {
			r.End = proto.Uint64(uint64(s.Until / 1000))
		}
		out.ActivePeriod = append(out.ActivePeriod, r)
	}
	for _, i := range a.Informed {
		out.InformedEntity = append(out.InformedEntity, p.informed(i)...)
	}
	if len(out.InformedEntity) == 0 || out.HeaderText == nil {
		return nil
	}
	return &pb.FeedEntity{Id: proto.String("alert:" + text(a.ID)), Alert: out}
}

// named returns the number of an enum's name, or otherwise for an unknown name.
func named[T ~int32](numbers map[string]int32, name string, otherwise T) int32 {
	if n, ok := numbers[name]; ok {
		return n
	}
	return int32(otherwise)
}

func translated(texts []alert.Text) *pb.TranslatedString {
	if len(texts) == 0 {
		return nil
	}
	out := &pb.TranslatedString{}
	for _, t := range texts {
		tr := &pb.TranslatedString_Translation{Text: proto.String(text(t.Text))}
		if t.Language != "" {
			tr.Language = proto.String(text(t.Language))
		}
		out.Translation = append(out.Translation, tr)
	}
	return out
}

// informed returns the selectors for the riders concerned. A line at a station has one
// selector per stop.
func (p *Publisher) informed(i alert.Informed) []*pb.EntitySelector {
	s := &pb.EntitySelector{}
	line, station := p.net.Line(i.Line), p.net.Station(i.Station)
	if i.Line != "" && line == nil || i.Station != 0 && station == nil {
		return nil
	}
	if kind, ok := gtfs.RouteType(i.Mode); ok {
		s.RouteType = proto.Int32(int32(kind))
	}
	if line != nil {
		s.RouteId = proto.String(gtfs.RouteID(line))
		if id, ok := directionID(line, i.Direction); ok {
			s.DirectionId = &id
		}
	}
	switch {
	case station == nil && line == nil && s.RouteType == nil: // everybody: no single selector covers that
		var all []*pb.EntitySelector
		for _, l := range p.net.Lines {
			all = append(all, &pb.EntitySelector{RouteId: proto.String(gtfs.RouteID(l))})
		}
		return all
	case station != nil && line == nil:
		s.StopId = proto.String(gtfs.StationID(station))
	case station != nil:
		var all []*pb.EntitySelector
		var stops []string
		for _, pattern := range line.Patterns {
			for _, c := range pattern.Calls {
				id := gtfs.StopID(c)
				if c.Station != station || i.Direction != "" && c.Direction != i.Direction || slices.Contains(stops, id) {
					continue
				}
				stops = append(stops, id)
				all = append(all, &pb.EntitySelector{RouteId: s.RouteId, RouteType: s.RouteType, DirectionId: s.DirectionId, StopId: &id})
			}
		}
		return all
	}
	return []*pb.EntitySelector{s}
}

// directionID returns the agency's id of a direction, if all its trips have the same.
func directionID(l *cta.Line, d cta.Direction) (id uint32, ok bool) {
	name := ""
	for _, p := range l.Patterns {
		if !slices.ContainsFunc(p.Calls, func(c cta.Call) bool { return c.Direction == d }) {
			continue
		}
		for i := range p.Trips {
			of := p.Trips[i].DirectionID
			if of == "" || name != "" && name != of {
				return 0, false
			}
			name = of
		}
	}
	n, err := strconv.ParseUint(name, 10, 1)
	return uint32(n), err == nil
}
