package ctaweb

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"
	"google.golang.org/protobuf/proto"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime/realtimetest"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/testdata/race"
)

// foreseen is what a source derives from an agency's feeds.
type foreseen struct {
	arrivals    []ctaproducer.Event
	predictions []cta.Prediction
}

func (f *foreseen) Arrive(_ context.Context, at time.Time, a cta.Arrival) error {
	f.arrivals = append(f.arrivals, ctaproducer.Event{Kind: ctaproducer.EventArrival, At: at, Arrival: a})
	return nil
}

func (f *foreseen) Predict(_ context.Context, p cta.Prediction) error {
	f.predictions = append(f.predictions, p)
	return nil
}

// foresee returns what a source derives from the feeds of an agency that knows when its
// trains will come, and is off by a time.
func foresee(t *testing.T, from time.Time, length, off time.Duration) *foreseen {
	t.Helper()
	net, err := gtfs.WithFrequencies(only(t, "orange"))
	if err != nil {
		t.Fatal(err)
	}
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{Seed: 3, NoFaults: true, Start: from, For: length + 40*time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	type call struct {
		train   string
		station int
	}
	truth := map[call][]time.Time{}
	events := func(yield func(time.Time, cta.Arrival) bool) {
		for e := range sim.Events() {
			if e.Kind != ctaproducer.EventArrival || e.Arrival.TrainStatus != cta.TrainInService {
				continue
			}
			c := call{e.Arrival.TrainID, e.Arrival.StationID}
			truth[c] = append(truth[c], e.At)
			if !yield(e.At, e.Arrival) {
				return
			}
		}
	}
	now := from
	feed, err := realtimetest.New(net, events, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	station := map[string]int{}
	for _, l := range net.Lines {
		for _, p := range l.Patterns {
			for _, c := range p.Calls {
				station[gtfs.StopID(c)] = c.Station.ID
			}
		}
	}
	feed.Set(realtimetest.None, func(_ time.Time, m *pb.FeedMessage) {
		for _, e := range m.Entity {
			u := e.GetTripUpdate()
			for _, s := range u.GetStopTimeUpdate() {
				s.Departure = nil
				foretold := time.Unix(s.GetArrival().GetTime(), 0)
				for _, at := range truth[call{u.GetVehicle().GetId(), station[s.GetStopId()]}] {
					if at.Sub(foretold).Abs() < 5*time.Minute { // of the same round
						s.Arrival = &pb.TripUpdate_StopTimeEvent{Time: proto.Int64(at.Add(off).Unix())}
						break
					}
				}
			}
		}
	})
	dir := t.TempDir()
	recorder, err := recording.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	for ; now.Before(from.Add(length)); now = now.Add(20 * time.Second) {
		for name, path := range map[string]string{"vehicles": "/vehicle-positions", "trips": "/trip-updates"} {
			body, err := proto.Marshal(feed.Message(path))
			if err == nil {
				err = recorder.Add(recording.Answer{Feed: name, Came: now, Body: body})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := realtime.New(net, realtime.Config{Replay: dir, Speed: math.Inf(1)})
	if err != nil {
		t.Fatal(err)
	}
	f := &foreseen{}
	if err := s.Run(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	return f
}

// An agency's predictions come from its feed to the page, which tells whose are better, and
// shows those.
func TestAgencysPredictionsOnThePage(t *testing.T) {
	from := ctatest.At(7, 30)
	for _, c := range []struct {
		off    time.Duration
		better live.Source
		says   string
	}{
		{0, live.SourceAgency, "The agency predicts too"},
		{4 * time.Minute, live.SourceOurs, "This site shows the better predictions."},
	} {
		t.Run(fmt.Sprint(c.off, " late"), func(t *testing.T) {
			if race.Enabled && c.better == live.SourceAgency {
				t.Skip("without -race: half an hour of a line is ten times slower with it")
			}
			f := foresee(t, from, 30*time.Minute, c.off)
			if n := len(f.predictions); n < 100 || n > 5*len(f.arrivals) {
				t.Errorf("%d predictions, for %d arrivals", n, len(f.arrivals))
			}
			sys := ctatest.Start(t)
			r := replaying(t, sys, sys.Send, only(t, "orange"), f.arrivals, 20, f.arrivals[0].At)
			r.foretold = f.predictions
			r.m.Prefer(live.SourceBetter)
			end := f.arrivals[len(f.arrivals)-1].At
			for at := r.from; at.Before(end); at = at.Add(30 * time.Second) {
				r.to(at)
				r.m.View(*r.now.Load()) // as readers do, so that the clock is judged
			}
			var status struct {
				Accuracy []scoreSummary `json:"accuracy"`
				Prefer   live.Source    `json:"prefer"`
			}
			if err := json.Unmarshal([]byte(text(t, get(t, r.h, "GET", "/api/v1/status"))), &status); err != nil {
				t.Fatal(err)
			}
			var better [4]live.Source
			for i, s := range status.Accuracy {
				if s.Rivals == nil {
					t.Fatalf("%d to %d s: the agency's aren't scored", s.FromSeconds, s.ToSeconds)
				}
				t.Logf("%d to %d s: %d predictions, %+v", s.FromSeconds, s.ToSeconds, s.Predictions, *s.Rivals)
				// Not far ahead, ours are as good as exact: the trains are regular.
				if better[i] = s.Rivals.Better; (i > 1 || c.off > 0) && better[i] != c.better || s.Rivals.Predictions < 50 {
					t.Errorf("%d to %d s: %+v, want %s better", s.FromSeconds, s.ToSeconds, *s.Rivals, c.better)
				}
			}
			if status.Prefer != live.SourceBetter {
				t.Errorf("prefers %s", status.Prefer)
			}
			if page := text(t, get(t, r.h, "GET", "/?lang=en")); !strings.Contains(page, c.says) {
				t.Errorf("the page lacks %q", c.says)
			}
			both := 0
			for _, st := range cta.Chicago().Line("orange").Stations {
				var answer struct {
					AsOf        time.Time       `json:"as_of"`
					Predictions []platformBoard `json:"predictions"`
				}
				if err := json.Unmarshal([]byte(text(t, get(t, r.h, "GET", fmt.Sprintf("/api/v1/stations/%d/predictions", st.ID)))), &answer); err != nil {
					t.Fatal(err)
				}
				for _, b := range answer.Predictions {
					for _, a := range b.Next {
						ahead := a.Ours.Sub(answer.AsOf)
						if a.Agency.IsZero() || ahead < 190*time.Second || ahead > 350*time.Second {
							continue // none, or of another horizon
						}
						both++
						if expected := map[live.Source]time.Time{live.SourceOurs: a.Ours, live.SourceAgency: a.Agency}[better[1]]; a.Source != better[1] || !a.Expected.Equal(expected) {
							t.Errorf("%+v, want that of %s", a, better[1])
						}
					}
				}
			}
			if both < 10 {
				t.Errorf("%d arrivals are predicted by both", both)
			}
		})
	}
}
