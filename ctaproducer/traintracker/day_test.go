package traintracker

import (
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest"
)

// Every fault of the Train Tracker, switched on and off at random for hours. The source
// keeps its budget, and leaves no train behind. With CTALIVE_DAY set, it is for a whole
// day, from eight to two at night.
func TestADayOfFaults(t *testing.T) {
	hours := 2
	if os.Getenv("CTALIVE_DAY") != "" {
		hours = 18
	}
	const quiet = 45 * time.Minute // without faults, at the end
	f := newFake(t, hours, "purple", "yellow")
	random := rand.New(rand.NewPCG(7, 1))
	all := []traintrackertest.Fault{
		traintrackertest.NoPositions, traintrackertest.NoPlatforms, traintrackertest.NoDestinations, traintrackertest.WrongDirections,
		traintrackertest.Gaps, traintrackertest.Elsewhere, traintrackertest.Rubbish, traintrackertest.Without("p"),
	}
	codes := []int{100, 101, 102, 106, 500, 502, 900}
	start, change := f.Now, f.Now.Add(2*time.Minute)
	switched, goroutines, outages, refusals := 0, 0, map[traintrackertest.Outage]int{}, 0
	f.each = func(now time.Time, _ *Source) {
		goroutines = max(goroutines, runtime.NumGoroutine())
		if now.Before(change) {
			return
		}
		change = now.Add(time.Duration(30+random.IntN(300)) * time.Second)
		if f.Ends.Sub(now) < quiet {
			f.Set(traintrackertest.None)
			f.MoveOnLate(false)
			change = f.Ends.Add(time.Hour)
			return
		}
		var faults []traintrackertest.Fault
		for _, fault := range all {
			if random.IntN(5) == 0 {
				faults = append(faults, fault)
				switched++
			}
		}
		outage := traintrackertest.Outage(max(0, random.IntN(14)-6))
		outages[outage]++
		f.Set(outage, faults...)
		f.MoveOnLate(random.IntN(2) == 0)
		if random.IntN(8) == 0 {
			f.Refuse(codes[random.IntN(len(codes))])
			refusals++
		}
	}
	const budget = 2700 // of a day: a call every 21 s until midnight
	f.Limit(budget)
	midnight := cta.DateOf(start).Add(1).Begin(f.net.Location)
	polls := int(budget*min(1, f.Ends.Sub(start).Hours()/midnight.Sub(start).Hours())) + int(max(0, f.Ends.Sub(midnight))/(15*time.Second)) + 2
	got, s, err := f.run(t, Config{DailyBudget: budget})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d faults, outages %v, %d refusals, %d events, %d calls of %d, at most %d goroutines", switched, outages, refusals, len(got.all), f.requests, polls, goroutines)
	if f.requests > polls || f.requests < polls/3 {
		t.Errorf("%d calls, the budget has %d until then", f.requests, polls)
	}
	if goroutines > 60 {
		t.Errorf("%d goroutines", goroutines)
	}
	last, times := map[string]arrival{}, map[string]time.Time{}
	for _, a := range got.all {
		if a.at.Before(times[a.TrainID]) || a.Check() != nil {
			t.Errorf("%s goes back in time, or %v", a.TrainID, a.Check())
		}
		times[a.TrainID], last[a.TrainID] = a.at, a
	}
	for id, a := range last {
		if away := f.Ends.Sub(a.at); a.TrainStatus == cta.TrainInService && away > endedAfter+7*time.Minute {
			t.Errorf("%s was left behind at %d %v ago", id, a.StationID, away)
		}
	}
	if err := s.Ready(); err != nil {
		t.Errorf("after the last fault, Ready returned %v", err)
	}
	sum := judged{}
	for _, j := range f.judge(got.all, f.Ends.Add(-quiet+10*time.Minute), f.Ends.Add(-2*time.Minute)) {
		sum.wanted, sum.found = sum.wanted+j.wanted, sum.found+j.found
	}
	if sum.wanted < 5 || sum.found*100 < sum.wanted*97 {
		t.Errorf("after the last fault, found %d of %d", sum.found, sum.wanted)
	}
}
