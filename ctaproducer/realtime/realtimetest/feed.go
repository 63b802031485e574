// Package realtimetest is a fake of an agency's GTFS-Realtime server, for tests. Its
// trains are those of a simulation or of any other arrivals, and it has the faults that
// real feeds have.
//
//	feed, err := realtimetest.New(net, arrivals, time.Now)
//	server := httptest.NewServer(feed) // /vehicle-positions and /trip-updates
//	feed.Set(realtimetest.None, realtimetest.YearsAhead)
package realtimetest

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs/realtime"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Delay is how far the feeds are behind.
const Delay = 10 * time.Second

// Feed serves the feeds of a network. It is safe for concurrent use.
type Feed struct {
	now func() time.Time

	mu        sync.Mutex
	tracker   *live.Tracker
	publisher *realtime.Publisher
	arrivals  []arrival // to come
	faults    []Fault
	outage    Outage
	last      map[string]*pb.FeedMessage // by path, before the outage
}

// arrival is an event with its time.
type arrival struct {
	at time.Time
	cta.Arrival
}

// New returns the feeds of arrivals, in order of time, in a network with a timetable. It
// reads all of them. now is the clock of the server; it must not go back.
func New(net *cta.Network, arrivals iter.Seq2[time.Time, cta.Arrival], now func() time.Time) (*Feed, error) {
	publisher, err := realtime.NewPublisher(net)
	if err != nil {
		return nil, fmt.Errorf("realtimetest: %w", err)
	}
	f := &Feed{now: now, tracker: live.NewTracker(net), publisher: publisher, last: map[string]*pb.FeedMessage{}}
	for at, a := range arrivals {
		f.arrivals = append(f.arrivals, arrival{at, a})
	}
	return f, nil
}

// Set replaces the faults of the feeds.
func (f *Feed) Set(outage Outage, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outage, f.faults = outage, faults
}

// Message returns the feed of a path, with its faults. In an outage, it is what the server
// has last; nil if it has no feed.
func (f *Feed) Message(path string) *pb.FeedMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.outage == Frozen && f.last[path] != nil {
		return f.last[path]
	}
	at := now.Add(-Delay)
	for ; len(f.arrivals) > 0 && !f.arrivals[0].at.After(at); f.arrivals = f.arrivals[1:] {
		f.tracker.ApplyArrival(cta.KeyAt(f.arrivals[0].at), f.arrivals[0].Arrival)
	}
	feeds := f.publisher.Publish(realtime.State{View: f.tracker.View(at), Reports: f.tracker.Reports})
	feed := feeds.VehiclePositions
	if strings.HasSuffix(path, "/trip-updates") {
		feed = feeds.TripUpdates
	}
	m := &pb.FeedMessage{}
	if proto.Unmarshal(feed.Protobuf, m) != nil {
		return nil
	}
	for _, fault := range f.faults {
		fault(now, m)
	}
	if f.last[path] = m; f.outage == Empty {
		m.Entity = nil
	}
	return m
}

// ServeHTTP serves /vehicle-positions and /trip-updates, with Last-Modified.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	outage := f.outage
	f.mu.Unlock()
	switch outage {
	case Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>We are sorry.</html>")
		return
	case Trouble:
		http.Error(w, "overloaded", http.StatusServiceUnavailable)
		return
	}
	if !strings.HasSuffix(r.URL.Path, "/vehicle-positions") && !strings.HasSuffix(r.URL.Path, "/trip-updates") {
		http.NotFound(w, r)
		return
	}
	m := f.Message(r.URL.Path)
	body, err := proto.MarshalOptions{AllowPartial: true}.Marshal(m)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	http.ServeContent(w, r, "", time.Unix(int64(m.GetHeader().GetTimestamp()), 0), bytes.NewReader(body))
}

// Outage is a fault of a server as a whole.
type Outage int

// Every Outage.
const (
	None    Outage = iota
	Frozen         // answers with the last content
	Empty          // answers without a vehicle or a trip
	Page           // answers with a page of HTML
	Trouble        // refuses with status 503
)

// Fault changes a feed as agencies' feeds differ, or go wrong.
type Fault func(now time.Time, m *pb.FeedMessage)

func each(of func(now time.Time, v *pb.VehiclePosition)) Fault {
	return func(now time.Time, m *pb.FeedMessage) {
		for _, e := range m.Entity {
			if e.Vehicle != nil {
				of(now, e.Vehicle)
			}
		}
	}
}

// trips makes a fault of what is done to each description of a trip.
func trips(of func(d *pb.TripDescriptor)) Fault {
	return func(_ time.Time, m *pb.FeedMessage) {
		for _, e := range m.Entity {
			if d := e.GetVehicle().GetTrip(); d != nil {
				of(d)
			}
			if d := e.GetTripUpdate().GetTrip(); d != nil {
				of(d)
			}
		}
	}
}

// The faults of vehicles and trips.
var (
	// NoStops leaves vehicles their coordinates alone.
	NoStops = each(func(_ time.Time, v *pb.VehiclePosition) {
		v.StopId, v.CurrentStopSequence, v.CurrentStatus = nil, nil, nil
	})
	// NoCoordinates puts vehicles at 0,0.
	NoCoordinates = each(func(_ time.Time, v *pb.VehiclePosition) {
		v.Position.Latitude, v.Position.Longitude = proto.Float32(0), proto.Float32(0)
	})
	// StopIDs leaves vehicles the id of their stop alone.
	StopIDs = each(func(_ time.Time, v *pb.VehiclePosition) {
		v.Position, v.CurrentStopSequence, v.Timestamp = nil, nil, nil
	})
	// YearsAhead sets the clocks of vehicles three years ahead.
	YearsAhead = each(func(_ time.Time, v *pb.VehiclePosition) {
		v.Timestamp = proto.Uint64(v.GetTimestamp() + 3*365*86400)
	})
	// Jumps puts each vehicle far away, at another stop, in one answer of seven.
	Jumps = each(func(now time.Time, v *pb.VehiclePosition) {
		if (now.Unix()/15+int64(len(v.GetVehicle().GetId())))%7 == 0 {
			v.Position.Latitude = proto.Float32(v.Position.GetLatitude() + 1)
			if v.StopId != nil {
				v.StopId, v.CurrentStopSequence = nil, proto.Uint32(9)
			}
		}
	})
	// NoDates leaves out the service days.
	NoDates = trips(func(d *pb.TripDescriptor) { d.StartDate = nil })
	// OldTrips has the trip ids of another week's timetable.
	OldTrips = trips(func(d *pb.TripDescriptor) {
		d.TripId, d.ScheduleRelationship = proto.String("old-"+d.GetTripId()), nil
	})
	// Added has trips that the timetable doesn't have.
	Added = trips(func(d *pb.TripDescriptor) {
		d.TripId, d.ScheduleRelationship = proto.String("extra "+d.GetTripId()), pb.TripDescriptor_ADDED.Enum()
	})
)

// Twice has each vehicle a second time, as it was a minute ago at its first stop.
func Twice(_ time.Time, m *pb.FeedMessage) {
	again(m, func(v *pb.VehiclePosition) {
		v.Timestamp = proto.Uint64(v.GetTimestamp() - 60)
		v.CurrentStopSequence, v.StopId = proto.Uint32(1), nil
	})
}

// Coupled has a second vehicle on each trip.
func Coupled(_ time.Time, m *pb.FeedMessage) {
	again(m, func(v *pb.VehiclePosition) {
		v.Vehicle.Id = proto.String("coupled " + v.Vehicle.GetId())
		v.Timestamp = proto.Uint64(v.GetTimestamp() - 10)
	})
}

// again adds a changed copy of each vehicle before it.
func again(m *pb.FeedMessage, change func(*pb.VehiclePosition)) {
	var all []*pb.FeedEntity
	for _, e := range m.Entity {
		if e.Vehicle != nil {
			c := proto.Clone(e).(*pb.FeedEntity)
			c.Id = proto.String("again " + e.GetId())
			change(c.Vehicle)
			all = append(all, c)
		}
		all = append(all, e)
	}
	m.Entity = all
}
