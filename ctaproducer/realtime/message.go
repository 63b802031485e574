package realtime

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/gtfsrt"
)

// The limits of what an entity may hold.
const (
	maxCalls = 500 // of a trip
	maxID    = 150 // bytes: an arrival's train id has up to 200
)

type answer struct {
	at       time.Time // of the header; zero when it has none
	vehicles []vehicle
	updates  []update
	odd      int // entities that can't be read
}

type descriptor struct {
	trip, route string
	direction   string   // "0", "1"; empty when unknown
	date        cta.Date // service day; 0 when unknown
	start       int32    // departure in seconds of the service day; -1 when unknown
	relation    pb.TripDescriptor_ScheduleRelationship
}

// What the generated code lacks: DELETED, a trip that no longer exists, and NEW, one that
// was added.
const (
	deleted pb.TripDescriptor_ScheduleRelationship = 7
	fresh   pb.TripDescriptor_ScheduleRelationship = 8
)

// added reports whether the timetable doesn't have the trip.
func (d *descriptor) added() bool {
	return d.relation == pb.TripDescriptor_ADDED || d.relation == fresh
}

// cancelled reports whether the trip doesn't run.
func (d *descriptor) cancelled() bool {
	return d.relation == pb.TripDescriptor_CANCELED || d.relation == deleted
}

type vehicle struct {
	descriptor
	id       string
	at       time.Time // zero when unknown
	located  bool
	place    cta.Point
	sequence int    // of the stop that it is at or comes to; -1 when unknown
	stop     string // empty when unknown
	stands   bool   // at that stop
}

// update is what a feed says of one trip's times.
type update struct {
	descriptor
	vehicle string
	at      time.Time
	calls   []expected
}

// expected is what a feed says of one call.
type expected struct {
	sequence           int // -1 when unknown
	stop               string
	arrival, departure event
	skipped            bool
	noData             bool
}

// event is the expected, or actual, time of an arrival or a departure.
type event struct {
	at      time.Time     // zero when unknown
	delay   time.Duration // against the timetable
	delayed bool          // delay is known
}

// time returns the event's time, zero when unknown. planned is the timetable's, zero
// without one.
func (e event) time(planned time.Time) time.Time {
	if e.at.IsZero() && e.delayed && !planned.IsZero() {
		return planned.Add(e.delay)
	}
	return e.at
}

// parse reads an answer. What single entities have wrong doesn't concern the others.
func parse(body []byte) (*answer, error) {
	a := &answer{}
	header, odd, err := gtfsrt.Read(body, func(e *pb.FeedEntity) {
		if v := e.GetVehicle(); v != nil {
			a.vehicle(v)
		}
		if u := e.GetTripUpdate(); u != nil {
			a.update(u)
		}
	})
	if err != nil {
		return nil, err
	}
	a.at = posix(header.GetTimestamp())
	a.odd += odd
	return a, nil
}

func (a *answer) vehicle(p *pb.VehiclePosition) {
	v := vehicle{
		descriptor: describe(p.GetTrip()), id: id(p.GetVehicle().GetId(), p.GetVehicle().GetLabel()), at: posix(p.GetTimestamp()),
		sequence: -1, stop: id(p.GetStopId()), stands: p.GetCurrentStatus() == pb.VehiclePosition_STOPPED_AT,
	}
	if p.CurrentStopSequence != nil {
		v.sequence = int(p.GetCurrentStopSequence())
	}
	if at := p.GetPosition(); at != nil {
		v.place = cta.Point{Latitude: float64(at.GetLatitude()), Longitude: float64(at.GetLongitude())}
		// 0,0 stands for an unknown position.
		v.located = math.Abs(v.place.Latitude) <= 90 && math.Abs(v.place.Longitude) <= 180 && v.place != cta.Point{}
	}
	a.vehicles = append(a.vehicles, v)
}

func (a *answer) update(p *pb.TripUpdate) {
	u := update{descriptor: describe(p.GetTrip()), vehicle: id(p.GetVehicle().GetId(), p.GetVehicle().GetLabel()), at: posix(p.GetTimestamp())}
	if len(p.GetStopTimeUpdate()) > maxCalls {
		a.odd++
		return
	}
	for _, s := range p.GetStopTimeUpdate() {
		c := expected{sequence: -1, stop: id(s.GetStopId())}
		if s.StopSequence != nil {
			c.sequence = int(s.GetStopSequence())
		}
		switch s.GetScheduleRelationship() {
		case pb.TripUpdate_StopTimeUpdate_SKIPPED:
			c.skipped = true
		case pb.TripUpdate_StopTimeUpdate_NO_DATA:
			c.noData = true
		default:
			c.arrival, c.departure = eventOf(s.GetArrival()), eventOf(s.GetDeparture())
		}
		u.calls = append(u.calls, c)
	}
	a.updates = append(a.updates, u)
}

func eventOf(e *pb.TripUpdate_StopTimeEvent) (to event) {
	if e.GetTime() > 0 {
		to.at = posix(uint64(e.GetTime()))
	}
	if e != nil && e.Delay != nil {
		to.delay, to.delayed = time.Duration(e.GetDelay())*time.Second, true
	}
	return to
}

func describe(t *pb.TripDescriptor) descriptor {
	d := descriptor{trip: id(t.GetTripId()), route: id(t.GetRouteId()), start: clock(t.GetStartTime()), relation: t.GetScheduleRelationship()}
	if t != nil && t.DirectionId != nil && t.GetDirectionId() < 2 {
		d.direction = strconv.Itoa(int(t.GetDirectionId()))
	}
	if n, err := strconv.Atoi(t.GetStartDate()); err == nil && len(t.GetStartDate()) == 8 && cta.Date(n).Valid() {
		d.date = cta.Date(n)
	}
	return d
}

// id returns the first text that can be an id, empty if none can.
func id(texts ...string) string {
	for _, s := range texts {
		if s != "" && len(s) <= maxID && utf8.ValidString(s) {
			return s
		}
	}
	return ""
}

// posix returns a time of the years until 9999, else zero.
func posix(seconds uint64) time.Time {
	const last = 253_402_300_799
	if seconds == 0 || seconds > last {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// clock reads a time of the service day such as 25:10:00; -1 if it isn't one.
func clock(text string) int32 {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return -1
	}
	var total int32
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 || i > 0 && n > 59 || n > 99 {
			return -1
		}
		total = total*60 + int32(n)
	}
	return total
}
