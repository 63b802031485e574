package realtime

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// State is the state of a network at a moment.
type State struct {
	View *live.View
	// Reports returns a train's reports up to now, as [live.Tracker.Reports] does.
	Reports func(train string, now time.Time) []live.Report
	// Closed reports whether a line's trains pass a station without stopping. If nil,
	// they stop everywhere.
	Closed func(line string, station int) bool
	Alerts []alert.Alert
}

// Feeds are the three feeds of a moment.
type Feeds struct {
	VehiclePositions, TripUpdates, Alerts *Feed
}

// Feed is a published feed.
type Feed struct {
	Time     time.Time // of the header
	Protobuf []byte
	message  *pb.FeedMessage
}

// JSON returns the feed in protobuf's JSON mapping.
func (f *Feed) JSON() ([]byte, error) {
	text, err := protojson.Marshal(f.message)
	if err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	var b bytes.Buffer
	err = json.Compact(&b, text) // protojson varies its whitespace on purpose
	return b.Bytes(), err
}

// Publisher makes the feeds of a network. It is safe for concurrent use.
type Publisher struct {
	net *cta.Network // all patterns have trips

	mu    sync.Mutex
	runs  *runs
	feeds Feeds
}

// NewPublisher returns a publisher of a network.
func NewPublisher(net *cta.Network) (*Publisher, error) {
	net, err := gtfs.WithFrequencies(net)
	if err != nil {
		return nil, fmt.Errorf("realtime: %w", err)
	}
	return &Publisher{net: net, runs: newRuns(net)}, nil
}

// Publish returns the feeds of a moment. A feed is unchanged if its time and content
// are.
func (p *Publisher) Publish(n State) Feeds {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.Closed == nil {
		n.Closed = func(string, int) bool { return false }
	}
	asOf := n.View.AsOf
	runs := p.runs.assign(n.View, func(train string) []live.Report { return n.Reports(train, asOf) })
	var vehicles, trips, alerts []*pb.FeedEntity
	for i := range n.View.Trains {
		t := &n.View.Trains[i]
		a := runs[t.ID]
		if t.Status == cta.TrainOutOfService || a == nil && t.State == live.StateTurning || a != nil && a.over(asOf) {
			continue
		}
		vehicles = append(vehicles, p.vehicle(t, a, asOf))
		if a != nil {
			trips = append(trips, p.trip(t, a, asOf, n.Closed))
		}
	}
	for i := range n.Alerts {
		if e := p.alert(&n.Alerts[i]); e != nil {
			alerts = append(alerts, e)
		}
	}
	p.feeds.VehiclePositions = publish(p.feeds.VehiclePositions, vehicles, asOf)
	p.feeds.TripUpdates = publish(p.feeds.TripUpdates, trips, asOf)
	p.feeds.Alerts = publish(p.feeds.Alerts, alerts, asOf)
	return p.feeds
}

// restarted is how far back a feed's time must go to mean that its source has
// restarted.
const restarted = 5 * time.Minute

// publish returns a feed of a moment, given the previous feed.
func publish(last *Feed, entities []*pb.FeedEntity, asOf time.Time) *Feed {
	at := uint64(asOf.Unix())
	f := &Feed{message: &pb.FeedMessage{
		Header: &pb.FeedHeader{
			GtfsRealtimeVersion: proto.String("2.0"), Incrementality: pb.FeedHeader_FULL_DATASET.Enum(), Timestamp: &at,
		},
		Entity: entities,
	}}
	if last != nil && last.Time.Sub(asOf) < restarted {
		before := uint64(last.Time.Unix())
		at = max(at, before)
		if at == before {
			if f.encode(); bytes.Equal(f.Protobuf, last.Protobuf) {
				return last
			}
			at++
		}
	}
	f.Time = time.Unix(int64(at), 0).In(asOf.Location())
	f.encode()
	return f
}

func (f *Feed) encode() {
	// Marshal can't fail: texts are valid UTF-8, and all required fields are set.
	f.Protobuf, _ = proto.MarshalOptions{Deterministic: true}.Marshal(f.message)
}

// over reports whether a run ended too long ago to be published.
func (a *assignment) over(now time.Time) bool {
	return a.at == len(a.Calls)-1 && now.Sub(a.made[a.at]) > time.Minute
}

// descriptor identifies the run in feeds.
func (a *assignment) descriptor() *pb.TripDescriptor {
	d := &pb.TripDescriptor{
		TripId: &a.Trip.ID, RouteId: proto.String(gtfs.RouteID(a.line)),
		StartDate:            proto.String(fmt.Sprintf("%08d", int(a.Date))),
		ScheduleRelationship: pb.TripDescriptor_SCHEDULED.Enum(),
	}
	if id := a.DirectionID; id != "" {
		d.DirectionId = proto.Uint32(uint32(id[0] - '0'))
	}
	if a.Every > 0 {
		d.StartTime = proto.String(a.Start())
		if !a.Exact {
			d.ScheduleRelationship = pb.TripDescriptor_UNSCHEDULED.Enum()
		}
	}
	return d
}

func descriptor(t *live.Train, a *assignment) *pb.VehicleDescriptor {
	label := t.ID
	if a != nil && a.Number != "" {
		label = a.Number
	}
	return &pb.VehicleDescriptor{Id: proto.String(text(t.ID)), Label: proto.String(text(label))}
}

// heard returns the time of a train's data: now, or the time of a silent train's last
// report.
func heard(t *live.Train, now time.Time) *uint64 {
	if t.State == live.StateSilent && t.Arrived.Before(now) {
		now = t.Arrived
	}
	return proto.Uint64(uint64(now.Unix()))
}

func (p *Publisher) vehicle(t *live.Train, a *assignment, now time.Time) *pb.FeedEntity {
	v := &pb.VehiclePosition{
		Vehicle: descriptor(t, a), Timestamp: heard(t, now), Position: new(pb.Position),
	}
	place := t.Point
	if last := p.net.Station(t.Station); t.State == live.StateSilent && last != nil {
		place = last.Point
	}
	if a != nil {
		v.Trip = a.descriptor()
		to, status := a.at, pb.VehiclePosition_STOPPED_AT
		if on := a.next(); (t.State == live.StateRunning || t.State == live.StateSilent) && on > a.at {
			to, status = on, pb.VehiclePosition_IN_TRANSIT_TO
			const near = 0.9 // of the way
			if t.State == live.StateRunning && t.Fraction >= near {
				status = pb.VehiclePosition_INCOMING_AT
			}
		}
		degrees, moves := 0.0, false
		if place, degrees, moves = a.place(t); moves && to > a.at {
			v.Position.Bearing = proto.Float32(float32(degrees))
		}
		v.CurrentStopSequence = proto.Uint32(uint32(a.Profile.Sequence(to)))
		v.StopId = proto.String(gtfs.StopID(a.Calls[to]))
		v.CurrentStatus = status.Enum()
	}
	v.Position.Latitude, v.Position.Longitude = proto.Float32(float32(place.Latitude)), proto.Float32(float32(place.Longitude))
	return &pb.FeedEntity{Id: proto.String("vehicle:" + text(t.ID)), Vehicle: v}
}

// next returns the run's next call at another station, or the current call at the end.
func (a *assignment) next() int {
	for i := a.at + 1; i < len(a.Calls); i++ {
		if a.Calls[i].Station != a.Calls[a.at].Station {
			return i
		}
	}
	return a.at
}

// place returns where a train is on its trip's shape, and the direction of travel there;
// moves is false at the end.
func (a *assignment) place(t *live.Train) (at cta.Point, degrees float64, moves bool) {
	from := a.at
	for i := a.at + 1; i < len(a.Calls)-1 && (a.Calls[i].Station.ID == t.Station || a.Calls[i].Station.Closed); i++ {
		if a.Calls[i].Station.ID == t.Station {
			from = i // another stop of the station, or a closed one that it has passed
		}
	}
	part := 0.0
	if t.State == live.StateRunning {
		part = t.Fraction
	}
	return a.Path(a.Trip.Shape, from).At(part)
}

func (p *Publisher) trip(t *live.Train, a *assignment, now time.Time, closed func(string, int) bool) *pb.FeedEntity {
	u := &pb.TripUpdate{Trip: a.descriptor(), Vehicle: descriptor(t, a), Timestamp: heard(t, now)}
	last := int64(math.MinInt64)
	add := func(i int, at time.Time, uncertainty time.Duration) {
		s := &pb.TripUpdate_StopTimeUpdate{
			StopSequence: proto.Uint32(uint32(a.Profile.Sequence(i))), StopId: proto.String(gtfs.StopID(a.Calls[i])),
			ScheduleRelationship: pb.TripUpdate_StopTimeUpdate_SCHEDULED.Enum(),
		}
		u.StopTimeUpdate = append(u.StopTimeUpdate, s)
		if at.IsZero() {
			s.ScheduleRelationship = pb.TripUpdate_StopTimeUpdate_SKIPPED.Enum()
			return
		}
		last = max(last+1, at.Unix())
		s.Arrival = &pb.TripUpdate_StopTimeEvent{Time: proto.Int64(last), Uncertainty: proto.Int32(int32(math.Ceil(uncertainty.Seconds())))}
	}
	for i := range a.at {
		// Without the actual time, a reader would expect the train still there.
		if came := a.made[i]; !came.IsZero() && !frequent(a.Trip) && a.Arrival(i).After(now) {
			add(i, came, 0)
		}
	}
	add(a.at, a.made[a.at], 0)
	c := a.at
	for _, s := range t.Stops {
		to := c
		for i := c + 1; i < len(a.Calls) && i <= c+2; i++ { // the next call, or one after another stop of the same station
			if at(a.Calls[i], live.Hop{Station: s.Station, Direction: s.Direction}) {
				to = i
				break
			}
		}
		switch {
		case to == c: // of another branch
			continue
		case closed(a.line.ID, s.Station):
			add(to, time.Time{}, 0)
		default:
			expected := s.Expected
			if expected.Before(now) {
				expected = now
			}
			add(to, expected, s.Latest.Sub(s.Earliest)/2)
		}
		c = to
	}
	id := "trip:" + a.Trip.ID + ":" + *u.Trip.StartDate
	if u.Trip.StartTime != nil {
		id += ":" + *u.Trip.StartTime
	}
	return &pb.FeedEntity{Id: &id, TripUpdate: u}
}

// text returns s as valid UTF-8, which protobuf requires.
func text(s string) string { return string([]rune(s)) }
