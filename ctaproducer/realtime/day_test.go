package realtime

import (
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	pb "github.com/MobilityData/gtfs-realtime-bindings/golang/gtfs"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime/realtimetest"
)

// Every fault of feeds, switched on and off at random for hours. The source makes no more
// calls than its interval allows, and leaves no train behind. With CTALIVE_DAY set, it is
// for a whole day, from five to eleven at night.
func TestADayOfFaults(t *testing.T) {
	from, length := 17*time.Hour, 90*time.Minute
	if os.Getenv("CTALIVE_DAY") != "" {
		from, length = 5*time.Hour, 18*time.Hour
	}
	const quiet = 40 * time.Minute // without faults, at the end
	random := rand.New(rand.NewPCG(7, 1))
	all := []realtimetest.Fault{
		realtimetest.NoStops, realtimetest.NoCoordinates, realtimetest.StopIDs, realtimetest.YearsAhead, realtimetest.Jumps,
		realtimetest.NoDates, realtimetest.OldTrips, realtimetest.Added, realtimetest.Twice, realtimetest.Coupled,
		func(_ time.Time, m *pb.FeedMessage) { m.Entity = m.Entity[:len(m.Entity)/3] },
		func(now time.Time, m *pb.FeedMessage) { *m.Header.Timestamp += uint64(now.Unix() % 200) },
	}
	f := evening(t, from, length)
	start, change := f.Now, f.Now
	switched, goroutines, outages := 0, 0, map[realtimetest.Outage]int{}
	s, got := f.start(t, "vt", Config{}, func(now time.Time, _ *Source) {
		goroutines = max(goroutines, runtime.NumGoroutine())
		if now.Before(change) {
			return
		}
		change = now.Add(time.Duration(30+random.IntN(300)) * time.Second)
		if f.Ends.Sub(now) < quiet {
			f.feed.Set(realtimetest.None)
			change = f.Ends.Add(time.Hour)
			return
		}
		var faults []realtimetest.Fault
		for _, fault := range all {
			if random.IntN(5) == 0 {
				faults = append(faults, sound(fault))
				switched++
			}
		}
		outage := realtimetest.Outage(max(0, random.IntN(8)-3))
		outages[outage]++
		f.feed.Set(outage, faults...)
	})
	polls := int(f.Ends.Sub(start)/(15*time.Second)) + 2
	t.Logf("%d faults, outages %v, %d events, %d requests in %d polls of two feeds, at most %d goroutines", switched, outages, len(got.all), f.requests, polls, goroutines)
	if f.requests > 2*polls || f.requests < polls/2 {
		t.Errorf("%d requests in %d polls of two feeds", f.requests, polls)
	}
	if goroutines > 60 {
		t.Errorf("%d goroutines", goroutines)
	}
	last, times := map[string]arrival{}, map[string]time.Time{}
	var late []arrival // after the faults
	for _, a := range got.all {
		if a.at.Before(times[a.TrainID]) {
			t.Errorf("%s goes back in time", a.TrainID)
		}
		if times[a.TrainID], last[a.TrainID] = a.at, a; f.Ends.Sub(a.at) < 27*time.Minute {
			late = append(late, a)
		}
	}
	for id, a := range last {
		if away := f.Ends.Sub(a.at); a.TrainStatus == cta.TrainInService && away > 25*time.Minute {
			t.Errorf("%s was left behind at %d %v ago", id, a.StationID, away)
		}
	}
	if err := s.Ready(); err != nil {
		t.Errorf("after the last fault, Ready returned %v", err)
	}
	if j := f.judge(t, late, f.Ends.Add(-25*time.Minute), f.Ends.Add(-2*time.Minute)); j.wanted < 10 || j.share() < 0.97 || j.false_ > 0 {
		t.Errorf("after the last fault, found %d of %d, %d false", j.found, j.wanted, j.false_)
	}
}

// sound keeps a fault from vehicles that another fault has left without a position.
func sound(fault realtimetest.Fault) realtimetest.Fault {
	return func(now time.Time, m *pb.FeedMessage) {
		for _, e := range m.Entity {
			if v := e.Vehicle; v != nil && v.Position == nil {
				return
			}
		}
		fault(now, m)
	}
}
