package live

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

var whole = cmp.AllowUnexported(View{})

// hourOf returns the events of some lines in an hour of a day with faults.
func hourOf(tb testing.TB, lines ...string) []ctaproducer.Event {
	tb.Helper()
	var all []ctaproducer.Event
	for _, e := range simulated(tb, ctaproducer.SimulationConfig{Seed: 5, Start: day(8), For: time.Hour}) {
		if slices.Contains(lines, e.Arrival.Line) {
			all = append(all, e)
		}
	}
	return all
}

func TestOrderAndRepetitionDontMatter(t *testing.T) {
	events := hourOf(t, "yellow", "green")
	net, err := cta.Chicago().Only("yellow", "green")
	if err != nil {
		t.Fatal(err)
	}
	now := day(9)
	feed := func(tr *Tracker, events []ctaproducer.Event) {
		for _, e := range events {
			tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
		}
	}
	type count struct {
		at time.Time
		n  int64
	}
	var counts []count
	for i := range 40 {
		counts = append(counts, count{day(8).Add(time.Duration(i) * 90 * time.Second), int64(i * i)})
	}
	const lake = 40380
	in := NewTracker(net)
	feed(in, events)
	for _, c := range counts {
		in.ApplyCount(lake, c.n, c.at)
	}
	want := in.View(now)
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		random := rand.New(rand.NewPCG(seed, 0))
		tr := NewTracker(net)
		mixed := slices.Clone(events)
		random.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		if early := rapid.IntRange(0, len(mixed)).Draw(rt, "early"); early < len(mixed) {
			feed(tr, mixed[:early])
			tr.View(now.Add(-time.Duration(random.IntN(60)) * time.Minute))
		}
		feed(tr, mixed)
		repeated := mixed[:rapid.IntRange(0, len(mixed)).Draw(rt, "repeated")]
		before := tr.version
		feed(tr, repeated)
		if tr.version != before {
			rt.Errorf("repeated events change the version")
		}
		for _, c := range counts { // these come in the order of their log
			tr.ApplyCount(lake, c.n, c.at)
			tr.ApplyCount(lake, c.n, c.at)
		}
		clear(tr.scratch.trouble)                               // a recovery follows from the views so far
		if got := tr.View(now); !reflect.DeepEqual(want, got) { // cmp is much slower
			rt.Fatalf("view (-in order +mixed):\n%s", cmp.Diff(want, got, whole))
		}
		if d := cmp.Diff(in.Day(lake, now), tr.Day(lake, now)); d != "" {
			rt.Fatalf("day (-in order +mixed):\n%s", d)
		}
	})
}

// arrived returns an arrival of a train on the Blue Line.
func arrived(train string, station int, d cta.Direction, status cta.TrainStatus) cta.Arrival {
	return cta.Arrival{StationID: station, TrainID: train, Direction: d, Line: "blue", TrainStatus: status}
}

const (
	ohare      = 40890
	rosemont   = 40820
	cumberland = 40230
	forestPark = 40390
)

func TestTrainIsWhereItsEventsSay(t *testing.T) {
	clock := day(8)
	type says struct {
		before  time.Duration // the moment looked at
		station int
		status  cta.TrainStatus
	}
	for name, tt := range map[string]struct {
		says  []says
		want  State
		at    int
		moved bool
		gone  bool
	}{
		"just come":                  {says: []says{{10 * time.Second, rosemont, cta.TrainInService}}, want: StateStopped, at: rosemont},
		"on its way":                 {says: []says{{70 * time.Second, rosemont, cta.TrainInService}}, want: StateRunning, at: rosemont, moved: true},
		"late event changes nothing": {says: []says{{10 * time.Second, rosemont, cta.TrainInService}, {5 * time.Minute, ohare, cta.TrainInService}}, want: StateStopped, at: rosemont},
		"broken down":                {says: []says{{5 * time.Minute, rosemont, cta.TrainBrokenDown}}, want: StateStanding, at: rosemont},
		"repaired":                   {says: []says{{5 * time.Minute, rosemont, cta.TrainBrokenDown}, {70 * time.Second, rosemont, cta.TrainInService}}, want: StateRunning, at: rosemont, moved: true},
		"silent":                     {says: []says{{12 * time.Minute, rosemont, cta.TrainInService}}, want: StateSilent, at: rosemont, moved: true},
		"silent for long":            {says: []says{{30 * time.Minute, rosemont, cta.TrainInService}}, gone: true},
		"at the end of its run":      {says: []says{{5 * time.Minute, forestPark, cta.TrainInService}}, want: StateTurning, at: forestPark},
		"out of service":             {says: []says{{time.Minute, forestPark, cta.TrainOutOfService}}, want: StateTurning, at: forestPark},
		"long out of service":        {says: []says{{3 * time.Minute, forestPark, cta.TrainOutOfService}}, gone: true},
		"event of the future":        {says: []says{{5 * time.Minute, ohare, cta.TrainInService}, {-10 * time.Minute, rosemont, cta.TrainInService}}, want: StateRunning, at: ohare, moved: true},
	} {
		t.Run(name, func(t *testing.T) {
			tr := NewTracker(cta.Chicago())
			for _, s := range tt.says {
				if err := tr.ApplyArrival(cta.KeyAt(clock.Add(-s.before)), arrived("BL001", s.station, cta.DirectionA, s.status)); err != nil {
					t.Errorf("event of %v ago: %v", s.before, err)
				}
			}
			got, ok := tr.View(clock).Train("BL001")
			if ok == tt.gone {
				t.Fatalf("train is shown: %v", ok)
			}
			if tt.gone {
				return
			}
			if got.State != tt.want || got.Station != tt.at || (got.Fraction > 0) != tt.moved || got.Fraction >= 1 {
				t.Errorf("%s at %d, moved %v, want %s at %d", got.State, got.Station, got.Fraction, tt.want, tt.at)
			}
		})
	}
}

func TestWhatIsNotTaken(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	long := make([]byte, maxText+1)
	platform := arrived("BL001", rosemont, cta.DirectionA, cta.TrainInService)
	for name, tt := range map[string]struct {
		a    cta.Arrival
		want error
	}{
		"no train":          {arrived("", rosemont, cta.DirectionA, cta.TrainInService), ErrInvalid},
		"long id":           {arrived(string(long), rosemont, cta.DirectionA, cta.TrainInService), ErrInvalid},
		"unknown station":   {arrived("BL001", 1, cta.DirectionA, cta.TrainInService), ErrUnknown},
		"unknown direction": {arrived("BL001", rosemont, "c", cta.TrainInService), ErrUnknown},
		"unknown status":    {arrived("BL001", rosemont, cta.DirectionA, "lost"), ErrInvalid},
		"right":             {platform, nil},
	} {
		if err := tr.ApplyArrival(cta.KeyAt(day(8)), tt.a); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if err := tr.ApplyArrival(cta.KeyAt(day(8)), platform); !errors.Is(err, ErrKnown) {
		t.Errorf("repeated: %v, want %v", err, ErrKnown)
	}
	for _, c := range []struct {
		station, entries int
		want             error
	}{{1, 1, ErrUnknown}, {rosemont, -1, ErrInvalid}, {rosemont, 1, nil}, {rosemont, 1, ErrKnown}} {
		if err := tr.ApplyCount(c.station, int64(c.entries), day(8)); !errors.Is(err, c.want) {
			t.Errorf("%d entries at %d: %v, want %v", c.entries, c.station, err, c.want)
		}
	}
	tr.View(day(8))
	if err := tr.ApplyArrival(cta.KeyAt(day(5)), platform); !errors.Is(err, ErrOld) {
		t.Errorf("event of three hours ago: %v, want %v", err, ErrOld)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	for i := range 1000 {
		tr.ApplyArrival(cta.KeyAt(day(8).Add(time.Duration(i)*time.Second)), arrived("BL001", rosemont, cta.DirectionA, cta.TrainInService))
		tr.ApplyCount(rosemont, int64(20*i), day(8).Add(time.Duration(i)*10*time.Second))
	}
	if n := len(tr.trains["BL001"].events); n != maxEvents {
		t.Errorf("%d events, want %d", n, maxEvents)
	}
	if n := len(tr.counters[rosemont].ticks); n != int(ticks) {
		t.Errorf("%d ticks, want %d", n, ticks)
	}
	for i := range 1000 {
		tr.ApplyCount(rosemont, int64(30*i+20_000), day(12).Add(time.Duration(i)*2*time.Hour))
	}
	if c := tr.counters[rosemont]; len(c.quarters) > int(quarters) || len(c.backlogs) == 0 || len(c.backlogs) > 14 {
		t.Errorf("%d quarters and %d backlogs, want at most %d and those of a day", len(c.quarters), len(c.backlogs), quarters)
	}
	tr.View(day(12))
	if len(tr.trains) != 0 || len(tr.order) != 0 {
		t.Errorf("%d trains after hours of silence", len(tr.trains))
	}
}

func TestResetTakesAnEarlierTime(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	tr.ApplyArrival(cta.KeyAt(day(12)), arrived("BL001", rosemont, cta.DirectionA, cta.TrainInService))
	tr.View(day(12))
	tr.Reset()
	if err := tr.ApplyArrival(cta.KeyAt(day(7)), arrived("BL002", rosemont, cta.DirectionA, cta.TrainInService)); err != nil {
		t.Errorf("event of the new life: %v", err)
	}
	if got := tr.View(day(7)).Trains; len(got) != 1 || got[0].ID != "BL002" {
		t.Errorf("trains %v, want BL002", got)
	}
}
