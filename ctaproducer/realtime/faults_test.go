package realtime

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime/realtimetest"
	"github.com/seed-921eec07/ctalive/internal/logtest"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// day is a day of the Purple and Yellow Line as a timetable, until three at night.
var day = sync.OnceValues(func() (*cta.Network, error) {
	source, err := cta.Chicago().Only("purple", "yellow")
	if err != nil {
		return nil, err
	}
	date := cta.Date(20261007)
	sim, err := ctaproducer.NewSimulation(source, ctaproducer.SimulationConfig{Seed: 2, NoFaults: true, Start: date.Begin(source.Location).Add(-time.Hour), For: 28 * time.Hour})
	if err != nil {
		return nil, err
	}
	var arrivals iter.Seq2[time.Time, cta.Arrival] = func(yield func(time.Time, cta.Arrival) bool) {
		for ev := range sim.Events() {
			if ev.Kind == ctaproducer.EventArrival && !yield(ev.At, ev.Arrival) {
				return
			}
		}
	}
	return gtfs.WithTimetable(source, date, arrivals)
})

// evening returns a fake from an hour of that day on.
func evening(t *testing.T, from, length time.Duration) *fake {
	t.Helper()
	net, err := day()
	if err != nil {
		t.Fatal(err)
	}
	return newFake(t, net, net, cta.Date(20261007).Begin(net.Location).Add(from), length)
}

const (
	rush     = 17 * time.Hour
	midnight = 23*time.Hour + 40*time.Minute
)

// Each fault of feeds: what the feed shows despite it is found, and nothing is made up.
func TestFaults(t *testing.T) {
	for i, c := range []struct {
		name, feeds string
		from        time.Duration
		edit        realtimetest.Fault
		found       float64
		aside       string // a reason that must be counted
	}{
		{"none", "v", rush, nil, 1, ""},
		{"past midnight without dates", "vt", midnight, realtimetest.NoDates, 1, ""},
		{"twice, one of them old", "v", rush, realtimetest.Twice, 1, asideRepeated},
		{"another vehicle on the same trip", "v", rush, realtimetest.Coupled, 1, asideRepeated},
		{"clocks years ahead", "v", rush, realtimetest.YearsAhead, 1, asideAhead},
		{"a jump now and then", "v", rush, realtimetest.Jumps, 0.97, asideUnsure},
		{"coordinates that jump", "v", rush, func(now time.Time, m *pb.FeedMessage) {
			realtimetest.NoStops(now, m)
			realtimetest.Jumps(now, m)
		}, 0.97, asideElsewhere},
		{"a server's clock that is a minute ahead", "vt", rush, func(_ time.Time, m *pb.FeedMessage) {
			ahead := func(at *uint64) *uint64 { return proto.Uint64(*at + 60) }
			m.Header.Timestamp = ahead(m.Header.Timestamp)
			for _, e := range m.Entity {
				if e.Vehicle != nil {
					e.Vehicle.Timestamp = ahead(e.Vehicle.Timestamp)
				}
			}
		}, 0.97, ""},
		{"no coordinates", "v", rush, realtimetest.NoCoordinates, 1, ""},
		{"delays alone", "t", rush, func(_ time.Time, m *pb.FeedMessage) { delays(t, m) }, 0.97, ""},
		{"last week's trip ids", "t", rush, realtimetest.OldTrips, 0.9, ""},
		{"trips that were added", "vt", rush, realtimetest.Added, 0.9, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if race.Enabled && i%4 > 0 {
				t.Skip("without -race: half an hour of feeds is ten times slower with it")
			}
			f := evening(t, c.from, 30*time.Minute)
			f.edit = c.edit
			j, s := tally(t, f, c.feeds)
			if j.wanted < 15 || j.share() < c.found || j.false_ > 0 || j.quantile(1) > 45*time.Second {
				t.Errorf("found %d of %d, %d false, errors up to %v", j.found, j.wanted, j.false_, j.quantile(1))
				for _, m := range j.extra[:min(5, len(j.extra))] {
					t.Logf("made up %s %s at %d %v", m.at.In(f.net.Location).Format(time.TimeOnly), m.TrainID, m.StationID, m.Direction)
				}
			}
			if c.aside != "" && count(t, s, c.aside) == 0 {
				t.Errorf("nothing counts as %s", c.aside)
			}
		})
	}
}

// delays replaces times by the delay at the next stop.
func delays(t *testing.T, m *pb.FeedMessage) {
	net, err := day()
	if err != nil {
		t.Fatal(err)
	}
	x := newIndex(net)
	for _, e := range m.Entity {
		u := e.TripUpdate
		d := describe(u.Trip)
		r := x.named(&d, "", nil, time.Unix(int64(m.Header.GetTimestamp()), 0))
		if r == nil {
			t.Fatalf("no trip %s", d.trip)
		}
		next := u.StopTimeUpdate[min(1, len(u.StopTimeUpdate)-1)]
		i := x.call(r, next.GetStopId(), int(next.GetStopSequence()), 0)
		late := time.Unix(next.Arrival.GetTime(), 0).Sub(r.scheduled(i))
		next.Arrival = &pb.TripUpdate_StopTimeEvent{Delay: proto.Int32(int32(late.Seconds()))}
		u.StopTimeUpdate = []*pb.TripUpdate_StopTimeUpdate{next}
	}
}

// count returns how often something was set aside for a reason.
func count(t *testing.T, s *Source, reason string) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(s.aside)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == reason {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// A train whose trip ends, that is lost, or whose trip is cancelled leaves in time, once,
// and nothing is said of it afterwards.
func TestTrainsLeave(t *testing.T) {
	f := evening(t, rush, 50*time.Minute)
	lost, cancelled := "", ""
	from := f.Now.Add(15 * time.Minute)
	f.edit = func(now time.Time, m *pb.FeedMessage) {
		var left []*pb.FeedEntity
		for _, e := range m.Entity {
			d := e.GetVehicle().GetTrip()
			if e.TripUpdate != nil {
				d = e.TripUpdate.Trip
			}
			id := d.GetTripId()
			if middle := e.TripUpdate != nil && len(e.TripUpdate.StopTimeUpdate) > 5; now.After(from) && middle && id != lost && id != cancelled {
				if lost == "" {
					lost = id
				} else if cancelled == "" {
					cancelled = id
				}
			}
			if id == lost && lost != "" {
				continue
			}
			if id == cancelled && cancelled != "" && e.TripUpdate != nil {
				d.ScheduleRelationship, e.TripUpdate.StopTimeUpdate = pb.TripDescriptor_CANCELED.Enum(), nil
			}
			left = append(left, e)
		}
		m.Entity = left
	}
	got, _ := f.run(t, "vt", Config{})
	in, out := map[string]time.Time{}, map[string]time.Time{}
	for _, a := range got.all {
		if !out[a.TrainID].IsZero() {
			t.Errorf("%s is %s at %v, after it has left", a.TrainID, a.TrainStatus, a.at)
		}
		if a.TrainStatus == cta.TrainOutOfService {
			out[a.TrainID] = a.at
		} else {
			in[a.TrainID] = a.at
		}
		if a.TrainStatus == cta.TrainInService && (a.Destination == nil || f.net.Station(*a.Destination) == nil) {
			t.Errorf("%s has destination %v", a.TrainID, a.Destination)
		}
	}
	if away := out[lost].Sub(in[lost]); lost == "" || away < lostAfter-time.Minute || away > lostAfter+3*time.Minute {
		t.Errorf("the lost train %q left %v after its last arrival", lost, away)
	}
	if away := out[cancelled].Sub(from); cancelled == "" || away < 0 || away > time.Minute {
		t.Errorf("the cancelled train %q left %v after that was said", cancelled, away)
	}
	ended := 0
	for _, c := range f.truth {
		at := in[c.TrainID]
		if c.TrainStatus == cta.TrainOutOfService && !at.IsZero() && c.at.Before(f.Ends.Add(-5*time.Minute)) && c.TrainID != lost && c.TrainID != cancelled {
			ended++
			if away := out[c.TrainID].Sub(c.at); away < 0 || away > endedAfter+2*time.Minute {
				t.Errorf("%s ended at %v, and left %v later", c.TrainID, c.at, away)
			}
		}
	}
	if ended < 5 {
		t.Errorf("%d trains ended", ended)
	}
}

// A stop that trains skip has no arrivals.
func TestSkippedStops(t *testing.T) {
	f := evening(t, rush, 30*time.Minute)
	skipped := map[string]bool{}
	f.edit = func(_ time.Time, m *pb.FeedMessage) {
		for _, e := range m.Entity {
			for _, s := range e.GetTripUpdate().GetStopTimeUpdate() {
				if s.GetStopSequence() == 2 {
					s.ScheduleRelationship, s.Arrival = pb.TripUpdate_StopTimeUpdate_SKIPPED.Enum(), nil
					skipped[e.TripUpdate.Trip.GetTripId()+" "+s.GetStopId()] = true
				}
			}
		}
	}
	got, _ := f.run(t, "tv", Config{})
	x, others := newIndex(f.net), 0
	for _, a := range got.all {
		w := x.trips[a.TrainID][0].way
		if c := w.Calls[1]; c.Station.ID == a.StationID && c.Direction == a.Direction && skipped[a.TrainID+" "+w.stops[1]] {
			t.Errorf("%s calls at %d, which it skips", a.TrainID, a.StationID)
		}
		if w.Calls[2].Station.ID == a.StationID {
			others++
		}
	}
	if len(skipped) < 5 || others == 0 {
		t.Errorf("%d calls are skipped, %d after them made", len(skipped), others)
	}
}

// Answers that are wrong as a whole: trains stay, and the trouble is said once.
func TestOutages(t *testing.T) {
	from := 15 * time.Minute
	const length = 12 * time.Minute
	for i, c := range []struct {
		name        string
		outage      realtimetest.Outage
		said, ready string
	}{
		{"frozen", realtimetest.Frozen, "its content doesn't change", "nothing has changed since"},
		{"empty", realtimetest.Empty, "most trains are missing", ""},
		{"a page", realtimetest.Page, "not GTFS-Realtime", "not GTFS-Realtime"},
		{"trouble", realtimetest.Trouble, "HTTP 503", "HTTP 503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if race.Enabled && i%2 > 0 {
				t.Skip("without -race: an hour of feeds is ten times slower with it")
			}
			f := evening(t, rush, 50*time.Minute)
			begin := f.Now.Add(from)
			notReady := ""
			var log logtest.Buffer
			s, got := f.start(t, "v", Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, func(now time.Time, s *Source) {
				outage := realtimetest.None
				if now.After(begin) && now.Before(begin.Add(length)) {
					outage = c.outage
				}
				f.feed.Set(outage)
				if err := s.Ready(); err != nil && now.After(begin) && now.Before(begin.Add(length)) {
					notReady = err.Error()
				}
			})
			for _, a := range got.all {
				if a.TrainStatus == cta.TrainOutOfService && a.at.After(begin.Add(time.Minute)) && a.at.Before(begin.Add(length)) {
					t.Errorf("%s left at %v, in the outage", a.TrainID, a.at.In(f.net.Location))
				}
			}
			text := log.String()
			if strings.Count(text, c.said) != 1 && strings.Count(text, c.said) != 2 || !strings.Contains(notReady, c.ready) {
				t.Errorf("Ready returned %q, the log is\n%s", notReady, text)
			}
			if err := s.Ready(); err != nil {
				t.Errorf("after the outage, Ready returned %v", err)
			}
			j := f.judge(t, got.all, begin.Add(length+8*time.Minute), f.Ends.Add(-2*time.Minute))
			if j.wanted < 20 || j.share() < 0.97 || j.false_ > 0 {
				t.Errorf("after the outage, found %d of %d; %d false", j.found, j.wanted, j.false_)
			}
		})
	}
}

// A source whose feed answers from the future alone has nothing to emit, and is not ready.
func TestFeedFromTheFutureIsNotReady(t *testing.T) {
	f := evening(t, rush, 5*time.Minute)
	f.edit = func(_ time.Time, m *pb.FeedMessage) {
		m.Header.Timestamp = proto.Uint64(*m.Header.Timestamp + 3600)
	}
	got, s := f.run(t, "v", Config{})
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "no answer so far can be used") {
		t.Errorf("ready: %v, after %d arrivals", err, len(got.all))
	}
}

// A feed whose header goes on while its vehicles stand still in time is frozen too: no
// train is lost.
func TestVehiclesFreezeAlone(t *testing.T) {
	f := evening(t, rush, 40*time.Minute)
	begin := f.Now.Add(15 * time.Minute)
	var kept []*pb.FeedEntity
	f.edit = func(now time.Time, m *pb.FeedMessage) {
		if now.After(begin) {
			m.Entity = kept
		}
		kept = m.Entity
	}
	said := ""
	_, got := f.start(t, "v", Config{}, func(_ time.Time, s *Source) {
		if err := s.Ready(); err != nil {
			said = err.Error()
		}
	})
	for _, a := range got.all {
		if a.at.After(begin.Add(endedAfter + time.Minute)) {
			t.Errorf("%s is %s at %v, after the feed froze", a.TrainID, a.TrainStatus, a.at)
		}
	}
	if !strings.Contains(said, "nothing has changed since") {
		t.Errorf("Ready returned %q", said)
	}
}

// Old answers that come again change nothing.
func TestOldAnswersComeAgain(t *testing.T) {
	f := evening(t, rush, 30*time.Minute)
	var kept [][]byte
	f.replace = func(now time.Time, w http.ResponseWriter, r *http.Request) bool {
		body, _ := proto.Marshal(f.message(t, r.URL.Path))
		kept = append(kept, body)
		if n := len(kept); n%3 == 0 && n > 8 {
			body = kept[n-8]
		}
		w.Write(body)
		return true
	}
	j, s := tally(t, f, "v")
	if j.share() < 0.97 || j.false_ > 0 || count(t, s, asideRepeated) < 10 {
		t.Errorf("found %d of %d, %d false; %v answers are set aside", j.found, j.wanted, j.false_, count(t, s, asideRepeated))
	}
}

// Trips of another network are left out, and the log says so once.
func TestStrangersAreSaidOnce(t *testing.T) {
	f := evening(t, rush, 10*time.Minute)
	f.edit = func(_ time.Time, m *pb.FeedMessage) {
		for _, e := range m.Entity {
			e.Vehicle.Trip, e.Vehicle.StopId = &pb.TripDescriptor{TripId: proto.String("stranger " + e.GetId())}, proto.String("nowhere")
		}
	}
	var log logtest.Buffer
	s, got := f.start(t, "v", Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, nil)
	if len(got.all) != 0 || strings.Count(log.String(), "stranger") != 1 || count(t, s, asideUnmatched) < 10 {
		t.Errorf("%d arrivals, %v set aside; the log is\n%s", len(got.all), count(t, s, asideUnmatched), log.String())
	}
}

// A refusal of the sink ends Run.
func TestSinkFails(t *testing.T) {
	f := evening(t, rush, 30*time.Minute)
	if _, err := f.drive(t, "v", Config{}, nil, refusing{}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("Run returned %v", err)
	}
}

type refusing struct{}

func (refusing) Arrive(context.Context, time.Time, cta.Arrival) error { return errors.New("no room") }

func TestSettingsAreChecked(t *testing.T) {
	_, err := New(cta.Chicago(), Config{Every: time.Second})
	for _, want := range []string{"Vehicles and Trips are empty", "Every is 1s", "has no timetable"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New returned %v, want %q in it", err, want)
		}
	}
}

// Answers with damaged bytes: nothing that comes of them is after now.
func TestDamagedAnswers(t *testing.T) {
	f := evening(t, rush, 10*time.Minute)
	f.Now = f.Now.Add(5 * time.Minute)
	random := rand.New(rand.NewPCG(1, 2))
	for _, path := range []string{"/vehicle-positions", "/trip-updates"} {
		whole, _ := proto.Marshal(f.message(t, path))
		read := 0
		for range 50 {
			in := newInference(f.net, 1, 15*time.Second, func(string) {}, func(string) {})
			for i := range 8 {
				now := f.Now.Add(time.Duration(i) * 15 * time.Second)
				body := bytes.Clone(whole)
				for range random.IntN(20) {
					body[random.IntN(len(body))] = byte(random.IntN(256))
				}
				a, err := parse(body)
				if err != nil {
					continue
				}
				read++
				a.at = now
				arrivals, _ := in.apply(0, a, now)
				for _, arr := range arrivals {
					if arr.at.After(now) || arr.Check() != nil {
						t.Fatalf("at %v: %+v", now, arr)
					}
				}
			}
		}
		if read < 50 {
			t.Errorf("%s: %d damaged answers could be read", path, read)
		}
	}
}

// Whatever an answer holds, it is read or refused within bounds, and the inference
// stands it.
func FuzzAnswer(f *testing.F) {
	source, err := cta.Chicago().Only("yellow")
	if err != nil {
		f.Fatal(err)
	}
	net, err := gtfs.WithFrequencies(source) // small, for many runs
	if err != nil {
		f.Fatal(err)
	}
	fk := newFake(f, net, net, cta.Date(20261007).Begin(net.Location).Add(rush), 10*time.Minute)
	fk.Now = fk.Now.Add(5 * time.Minute)
	for _, path := range []string{"/vehicle-positions", "/trip-updates"} {
		body, _ := proto.Marshal(fk.message(f, path))
		f.Add(body[:min(len(body), 2000)], body)
	}
	f.Add([]byte("<html>"), []byte{})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		in := newInference(net, 1, 15*time.Second, func(string) {}, func(string) {})
		now := fk.Now
		emitted := map[string]bool{}
		for i, body := range [][]byte{first, second, first, second} {
			now = now.Add(15 * time.Second)
			a, err := parse(body)
			if err != nil {
				continue
			}
			if i > 1 { // the same again, later
				a.at = now
			}
			arrivals, _ := in.apply(0, a, now)
			for _, arr := range arrivals {
				if arr.at.After(now) || arr.Check() != nil {
					t.Fatalf("at %v: %+v", now, arr)
				}
				key := arr.TrainID + " " + string(arr.TrainStatus) + arr.at.String()
				if emitted[key] && arr.TrainStatus == cta.TrainInService {
					t.Fatalf("twice: %+v", arr)
				}
			}
		}
	})
}
