package realtimerules

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"
)

// Feeds are three feeds that were fetched together.
type Feeds struct{ VehiclePositions, TripUpdates, Alerts *pb.FeedMessage }

// Checker checks feeds that are fetched again and again.
type Checker struct {
	static *Static
	last   Feeds
	broken []string
	now    time.Time
}

// NewChecker returns a checker of feeds that belong to a static one.
func NewChecker(s *Static) *Checker { return &Checker{static: s} }

// Check returns the rules that feeds break at a moment, with what breaks each.
func (c *Checker) Check(f Feeds, now time.Time) []string {
	c.broken, c.now = nil, now
	c.message("positions", f.VehiclePositions, c.last.VehiclePositions)
	c.message("updates", f.TripUpdates, c.last.TripUpdates)
	c.message("alerts", f.Alerts, c.last.Alerts)
	runs := map[string]string{} // vehicle by run
	vehicles := map[string]bool{}
	for _, e := range f.VehiclePositions.GetEntity() {
		c.position(e, vehicles, runs)
	}
	updated := map[string]string{}
	for _, e := range f.TripUpdates.GetEntity() {
		c.update(e, updated)
	}
	for run, vehicle := range updated {
		if of, ok := runs[run]; !ok {
			c.say("W003", "%s is in the updates alone", run)
		} else if of != vehicle {
			c.say("E047", "%s is vehicle %s in the positions, %s in the updates", run, of, vehicle)
		}
	}
	for run := range runs {
		if _, ok := updated[run]; !ok {
			c.say("W003", "%s is in the positions alone", run)
		}
	}
	for _, e := range f.Alerts.GetEntity() {
		c.alert(e)
	}
	c.last = f
	slices.Sort(c.broken)
	return c.broken
}

func (c *Checker) say(rule, format string, a ...any) {
	c.broken = append(c.broken, rule+": "+fmt.Sprintf(format, a...))
}

// message checks what holds of any feed.
func (c *Checker) message(name string, m, last *pb.FeedMessage) {
	h := m.GetHeader()
	if v := h.GetGtfsRealtimeVersion(); v != "1.0" && v != "2.0" {
		c.say("E038", "%s: version %q", name, v)
	}
	if h == nil || h.Incrementality == nil {
		c.say("E049", "%s: no incrementality", name)
	}
	if h.GetTimestamp() == 0 {
		c.say("E048", "%s: no timestamp in the header", name)
	}
	c.stamp(name+" header", proto.Uint64(h.GetTimestamp()))
	if age := c.now.Sub(time.Unix(int64(h.GetTimestamp()), 0)); age > 65*time.Second {
		c.say("W008", "%s: header is %v old", name, age)
	}
	ids := map[string]bool{}
	for _, e := range m.GetEntity() {
		if ids[e.GetId()] || e.GetId() == "" {
			c.say("entity id", "%s: %q is empty or there twice", name, e.GetId())
		}
		ids[e.GetId()] = true
		if e.GetIsDeleted() {
			c.say("E039", "%s: %s is deleted, in a full dataset", name, e.GetId())
		}
		payloads := 0
		for _, there := range []bool{e.Vehicle != nil, e.TripUpdate != nil, e.Alert != nil} {
			if there {
				payloads++
			}
		}
		if payloads != 1 {
			c.say("payload", "%s: %s has %d", name, e.GetId(), payloads)
		}
		if max(e.GetVehicle().GetTimestamp(), e.GetTripUpdate().GetTimestamp()) > h.GetTimestamp() {
			c.say("E012", "%s: %s is newer than the header", name, e.GetId())
		}
	}
	if last == nil {
		return
	}
	if h.GetTimestamp() < last.GetHeader().GetTimestamp() {
		c.say("E018", "%s: header went back from %d to %d", name, last.GetHeader().GetTimestamp(), h.GetTimestamp())
	}
	if h.GetTimestamp() == last.GetHeader().GetTimestamp() && !bytes.Equal(wire(m), wire(last)) {
		c.say("E017", "%s: other content at the same time", name)
	}
	if d := int64(h.GetTimestamp()) - int64(last.GetHeader().GetTimestamp()); d > 35 {
		c.say("W007", "%s: %d s from one to the next", name, d)
	}
}

func wire(m *pb.FeedMessage) []byte {
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(m) // equal or not is all that is asked
	return data
}

// stamp checks a time in POSIX seconds.
func (c *Checker) stamp(what string, t *uint64) {
	switch {
	case t == nil:
	case *t < 1_104_537_600 || *t > 4_102_444_800: // 2005 to 2100
		c.say("E001", "%s: %d isn't in POSIX seconds", what, *t)
	case int64(*t) > c.now.Unix()+60:
		c.say("E050", "%s: %d is %d s ahead", what, *t, int64(*t)-c.now.Unix())
	}
}

var (
	dateForm = regexp.MustCompile(`^\d{8}$`)
	timeForm = regexp.MustCompile(`^\d{1,3}:[0-5]\d:[0-5]\d$`)
)

// descriptor checks a trip, and returns what identifies the run.
func (c *Checker) descriptor(what string, d *pb.TripDescriptor, vehicle *pb.VehicleDescriptor) (*trip, string) {
	if vehicle.GetId() == "" {
		c.say("W002", "%s: no vehicle id", what)
	}
	if d == nil {
		return nil, ""
	}
	if d.TripId == nil {
		c.say("W006", "%s: no trip_id", what)
		return nil, ""
	}
	if d.ScheduleRelationship == nil {
		c.say("W009", "%s: no schedule_relationship", what)
	}
	if s := d.StartDate; s != nil {
		if _, err := time.Parse("20060102", *s); err != nil || !dateForm.MatchString(*s) {
			c.say("E021", "%s: start_date %q", what, *s)
		}
	}
	if s := d.StartTime; s != nil && !timeForm.MatchString(*s) {
		c.say("E020", "%s: start_time %q", what, *s)
	}
	t := c.static.trips[d.GetTripId()]
	added := d.GetScheduleRelationship() == pb.TripDescriptor_ADDED
	switch {
	case t == nil && !added:
		c.say("E003", "%s: trip %q isn't in the static feed", what, d.GetTripId())
		return nil, d.GetTripId()
	case t != nil && added:
		c.say("E016", "%s: added trip %q is in the static feed", what, d.GetTripId())
	case t == nil:
		return nil, d.GetTripId()
	}
	if r := d.GetRouteId(); r != "" && !c.static.routes[r] {
		c.say("E004", "%s: route %q isn't in the static feed", what, r)
	}
	if d.GetRouteId() != "" && d.GetRouteId() != t.route {
		c.say("E035", "%s: trip %q isn't of route %q", what, d.GetTripId(), d.GetRouteId())
	}
	if d.DirectionId != nil && strconv.Itoa(int(*d.DirectionId)) != t.direction {
		c.say("E024", "%s: direction %d, in the static feed %q", what, *d.DirectionId, t.direction)
	}
	c.start(what, d, t, vehicle)
	return t, d.GetTripId() + " " + d.GetStartDate() + " " + d.GetStartTime()
}

// start checks when a run begins.
func (c *Checker) start(what string, d *pb.TripDescriptor, t *trip, vehicle *pb.VehicleDescriptor) {
	if len(t.spans) == 0 {
		if d.StartTime != nil && seconds(*d.StartTime) != t.calls[0].arrival {
			c.say("E023", "%s: start_time %s, in the static feed %d s", what, *d.StartTime, t.calls[0].arrival)
		}
	} else {
		if d.StartTime == nil || d.StartDate == nil {
			c.say("E006", "%s: no start_date and start_time of a trip at headways", what)
		}
		exact, fits := false, false
		for _, s := range t.spans {
			exact = exact || s.exact
			at := seconds(d.GetStartTime())
			fits = fits || s.exact && s.from <= at && at < s.until && (at-s.from)%s.every == 0
		}
		if !exact && d.ScheduleRelationship != nil && d.GetScheduleRelationship() != pb.TripDescriptor_UNSCHEDULED {
			c.say("E013", "%s: %v, of a trip at headways", what, d.GetScheduleRelationship())
		}
		if exact && !fits {
			c.say("E019", "%s: start_time %s isn't of the headways", what, d.GetStartTime())
		}
		if !exact && vehicle.GetId() == "" {
			c.say("W005", "%s: no vehicle id, of a trip at headways", what)
		}
	}
	// The validator doesn't look at the service day.
	day, err := time.ParseInLocation("20060102", d.GetStartDate(), c.static.zone)
	if err != nil {
		c.say("service day", "%s: no start_date", what)
		return
	}
	if !c.static.services[t.service].runs(day) {
		c.say("service day", "%s: trip %q doesn't run on %s", what, d.GetTripId(), d.GetStartDate())
	}
	first, last := t.calls[0].departure, t.calls[len(t.calls)-1].arrival
	if len(t.spans) > 0 {
		first, last = seconds(d.GetStartTime()), seconds(d.GetStartTime())+last-first
	}
	begin := time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, c.static.zone).Add(-12 * time.Hour)
	const slack = 3 * time.Hour
	if c.now.Before(begin.Add(time.Duration(first)*time.Second-slack)) || c.now.After(begin.Add(time.Duration(last)*time.Second+slack)) {
		c.say("service day", "%s: trip %q of %s runs from %d to %d s of it", what, d.GetTripId(), d.GetStartDate(), first, last)
	}
}

func (c *Checker) position(e *pb.FeedEntity, vehicles map[string]bool, runs map[string]string) {
	v, what := e.GetVehicle(), e.GetId()
	if v.GetTimestamp() == 0 {
		c.say("W001", "%s: no timestamp", what)
	}
	c.stamp(what, v.Timestamp)
	if id := v.GetVehicle().GetId(); vehicles[id] {
		c.say("E052", "%s: vehicle id %q is there twice", what, id)
	} else {
		vehicles[id] = true
	}
	t, run := c.descriptor(what, v.GetTrip(), v.GetVehicle())
	if run != "" {
		runs[run] = v.GetVehicle().GetId()
	}
	p := v.GetPosition()
	lat, lon := float64(p.GetLatitude()), float64(p.GetLongitude())
	const mile = 1609.344
	box := func(lat, lon float64) (outside float64) {
		return metres(lat, lon, min(max(lat, c.static.south), c.static.north), min(max(lon, c.static.west), c.static.east))
	}
	switch {
	case p == nil || math.Abs(lat) > 90 || math.Abs(lon) > 180 || lat == 0 && lon == 0:
		c.say("E026", "%s: position %v %v", what, lat, lon)
	case box(lat, lon) > mile:
		c.say("E028", "%s: position %v %v is outside of where the agency is", what, lat, lon)
	}
	if p.GetBearing() < 0 || p.GetBearing() > 360 {
		c.say("E027", "%s: bearing %v", what, p.GetBearing())
	}
	if p.GetSpeed() > 26 || p.GetSpeed() < 0 {
		c.say("W004", "%s: speed %v m/s", what, p.GetSpeed())
	}
	if t != nil {
		if shape := c.static.shapes[t.shape]; len(shape) > 1 && p != nil {
			if d := off(shape, lat, lon); d > 200 {
				c.say("E029", "%s: position %v %v is %.0f m from the shape of trip %q", what, lat, lon, d, v.GetTrip().GetTripId())
			}
		}
		c.stop(what, t, v.CurrentStopSequence, v.StopId)
	}
}

// stop checks a stop of a trip, and returns its place in it.
func (c *Checker) stop(what string, t *trip, sequence *uint32, id *string) int {
	if id != nil {
		s, ok := c.static.stops[*id]
		if !ok {
			c.say("E011", "%s: stop %q isn't in the static feed", what, *id)
		}
		if ok && s.kind != "" && s.kind != "0" {
			c.say("E015", "%s: stop %q is a location of type %s", what, *id, s.kind)
		}
	}
	if sequence == nil {
		twice := 0
		for _, k := range t.calls {
			if k.stop == *id {
				twice++
			}
		}
		if twice > 1 {
			c.say("E009", "%s: no stop_sequence, at a stop that the trip calls at twice", what)
		}
		return -1
	}
	i := slices.IndexFunc(t.calls, func(k call) bool { return k.sequence == int(*sequence) })
	switch {
	case i < 0:
		c.say("E051", "%s: stop_sequence %d isn't in the static feed", what, *sequence)
	case id != nil && t.calls[i].stop != *id:
		c.say("E045", "%s: stop %q at stop_sequence %d, in the static feed %q", what, *id, *sequence, t.calls[i].stop)
	}
	return i
}

func (c *Checker) update(e *pb.FeedEntity, runs map[string]string) {
	u, what := e.GetTripUpdate(), e.GetId()
	if u.GetTimestamp() == 0 {
		c.say("W001", "%s: no timestamp", what)
	}
	c.stamp(what, u.Timestamp)
	t, run := c.descriptor(what, u.GetTrip(), u.GetVehicle())
	if run != "" {
		if other, twice := runs[run]; twice {
			c.say("run twice", "%s: %s is that of %s, too", what, run, other)
		}
		runs[run] = u.GetVehicle().GetId()
	}
	if len(u.GetStopTimeUpdate()) == 0 && u.GetTrip().GetScheduleRelationship() != pb.TripDescriptor_CANCELED {
		c.say("E041", "%s: no stop_time_update", what)
	}
	sequence, stop, time := -1, "", int64(0)
	for i, s := range u.GetStopTimeUpdate() {
		if s.StopSequence == nil && s.StopId == nil {
			c.say("E040", "%s: update %d has no stop", what, i)
			continue
		}
		place := -1
		if t != nil {
			place = c.stop(what, t, s.StopSequence, s.StopId)
		}
		if s.ScheduleRelationship == nil {
			c.say("W009", "%s: no schedule_relationship of update %d", what, i)
		}
		if s.StopSequence != nil {
			switch n := int(s.GetStopSequence()); {
			case n == sequence:
				c.say("E036", "%s: stop_sequence %d twice", what, n)
			case n < sequence:
				c.say("E002", "%s: stop_sequence %d behind %d", what, n, sequence)
			}
			sequence = int(s.GetStopSequence())
		}
		if s.StopId != nil && s.GetStopId() == stop {
			c.say("E037", "%s: stop %q twice, one behind the other", what, stop)
		}
		stop = s.GetStopId()
		relation := s.GetScheduleRelationship()
		none := s.Arrival == nil && s.Departure == nil
		if none && relation == pb.TripUpdate_StopTimeUpdate_SCHEDULED {
			c.say("E043", "%s: no time at stop_sequence %d", what, sequence)
		}
		if !none && relation == pb.TripUpdate_StopTimeUpdate_NO_DATA {
			c.say("E042", "%s: a time without data at stop_sequence %d", what, sequence)
		}
		if !none && relation == pb.TripUpdate_StopTimeUpdate_SKIPPED {
			c.say("skipped", "%s: a time at stop_sequence %d, which is skipped", what, sequence)
		}
		for k, at := range []*pb.TripUpdate_StopTimeEvent{s.Arrival, s.Departure} {
			if at == nil {
				continue
			}
			if at.Time == nil && at.Delay == nil {
				c.say("E044", "%s: neither time nor delay at stop_sequence %d", what, sequence)
				continue
			}
			if at.Time == nil {
				if place >= 0 && []int{t.calls[place].arrival, t.calls[place].departure}[k] < 0 {
					c.say("E046", "%s: a delay at stop_sequence %d, which has no time in the static feed", what, sequence)
				}
				continue
			}
			if n := uint64(*at.Time); n < 1_104_537_600 || n > 4_102_444_800 {
				c.say("E001", "%s: %d isn't in POSIX seconds", what, n)
			}
			if k == 1 && s.Arrival != nil && *at.Time < s.Arrival.GetTime() {
				c.say("E025", "%s: leaves stop_sequence %d before it comes", what, sequence)
			}
			if later := k == 0 || s.Arrival == nil; later && *at.Time <= time || *at.Time < time {
				c.say("E022", "%s: at stop_sequence %d at %d, at the one before at %d", what, sequence, *at.Time, time)
			}
			time = *at.Time
			if at.GetUncertainty() < 0 || at.GetUncertainty() > 3600 {
				c.say("uncertainty", "%s: %d s", what, at.GetUncertainty())
			}
			// What is predicted hasn't happened.
			if at.GetUncertainty() > 0 && *at.Time < int64(u.GetTimestamp()) {
				c.say("past", "%s: stop_sequence %d predicted for %d s ago", what, sequence, int64(u.GetTimestamp())-*at.Time)
			}
		}
	}
}

func (c *Checker) alert(e *pb.FeedEntity) {
	a, what := e.GetAlert(), e.GetId()
	for _, of := range a.GetActivePeriod() {
		for _, at := range []*uint64{of.Start, of.End} {
			if at != nil && (*at < 1_104_537_600 || *at > 4_102_444_800) {
				c.say("E001", "%s: %d isn't in POSIX seconds", what, *at)
			}
		}
	}
	if len(a.GetInformedEntity()) == 0 {
		c.say("E032", "%s: informs nobody", what)
	}
	for _, i := range a.GetInformedEntity() {
		if i.AgencyId == nil && i.RouteId == nil && i.RouteType == nil && i.Trip == nil && i.StopId == nil {
			c.say("E033", "%s: a selector of nothing", what)
		}
		if i.AgencyId != nil && !c.static.agencies[*i.AgencyId] {
			c.say("E034", "%s: agency %q", what, *i.AgencyId)
		}
		if i.RouteId != nil && !c.static.routes[*i.RouteId] {
			c.say("E004", "%s: route %q isn't in the static feed", what, *i.RouteId)
		}
		if i.StopId != nil {
			if _, ok := c.static.stops[*i.StopId]; !ok {
				c.say("E011", "%s: stop %q isn't in the static feed", what, *i.StopId)
			}
		}
		if i.Trip != nil {
			t, _ := c.descriptor(what, i.Trip, &pb.VehicleDescriptor{Id: proto.String("any")})
			if t != nil && i.RouteId != nil && t.route != *i.RouteId {
				c.say("E030", "%s: trip of route %q, and route %q", what, t.route, *i.RouteId)
			}
			if i.RouteId != nil && i.Trip.RouteId != nil && *i.RouteId != *i.Trip.RouteId {
				c.say("E031", "%s: route %q, and of the trip %q", what, *i.RouteId, *i.Trip.RouteId)
			}
		}
	}
	if a.Cause == nil || a.Effect == nil || a.SeverityLevel == nil {
		c.say("alert", "%s: no cause, effect or severity", what)
	}
	for name, texts := range map[string]*pb.TranslatedString{"header": a.HeaderText, "description": a.DescriptionText} {
		seen := map[string]bool{}
		for _, t := range texts.GetTranslation() {
			if seen[t.GetLanguage()] || strings.TrimSpace(t.GetText()) == "" || strings.Contains(t.GetText(), "{") {
				c.say("alert", "%s: %s %q in %q", what, name, t.GetText(), t.GetLanguage())
			}
			seen[t.GetLanguage()] = true
		}
	}
}
