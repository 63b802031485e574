package live

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
)

func smalltown(tb testing.TB) *cta.Network {
	tb.Helper()
	net, err := cta.Load(os.DirFS("../testdata/smalltown"))
	if err != nil {
		tb.Fatal(err)
	}
	return net
}

// A view is consistent for any reports.
func TestAnyEventsGiveASoundView(t *testing.T) {
	statuses := []cta.TrainStatus{cta.TrainInService, cta.TrainInService, cta.TrainInService, cta.TrainOutOfService, cta.TrainBrokenDown}
	nets := []*cta.Network{cta.Chicago(), smalltown(t)}
	rapid.Check(t, func(rt *rapid.T) {
		net := nets[rapid.IntRange(0, 1).Draw(rt, "network")]
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		now := day(rapid.IntRange(0, 23).Draw(rt, "hour"))
		tr := NewTracker(net)
		for range rapid.IntRange(0, 500).Draw(rt, "events") {
			l := net.Lines[random.IntN(len(net.Lines))]
			a := cta.Arrival{
				TrainID: l.ID + string(rune('a'+random.IntN(20))), Line: l.ID,
				StationID: l.Stations[random.IntN(len(l.Stations))].ID,
				Direction: cta.DirectionA, TrainStatus: statuses[random.IntN(len(statuses))],
			}
			if random.IntN(2) == 0 {
				a.Direction = cta.DirectionB
			}
			tr.ApplyArrival(cta.KeyAt(now.Add(-time.Duration(random.IntN(130*60))*time.Second)), a)
		}
		tr.Prefer(rapid.SampledFrom([]Source{SourceOurs, SourceAgency, SourceBetter}).Draw(rt, "prefer"))
		for range 3 {
			for _, train := range tr.View(now).Trains { // the agency's are anything
				p := cta.Prediction{TrainID: train.ID, Line: train.Line, Made: now.UnixMilli()}
				for i, a := range train.Stops {
					if random.IntN(3) > 0 {
						p.Stops = append(p.Stops, cta.PredictedStop{StationID: a.Station, Direction: a.Direction, At: now.Add(time.Duration(i*random.IntN(200)) * time.Second).UnixMilli()})
					}
				}
				slices.SortFunc(p.Stops, func(a, b cta.PredictedStop) int { return int(a.At - b.At) })
				tr.ApplyPrediction(p)
			}
			tr.ScorePredictions(now)
			sound(rt, tr.View(now))
			now = now.Add(time.Minute)
		}
	})
}

func sound(t *rapid.T, v *View) {
	t.Helper()
	for _, tr := range v.Trains {
		if !(tr.Fraction >= 0 && tr.Fraction < 1) || !(tr.Latitude > 40 && tr.Latitude < 50) {
			t.Errorf("train %s has gone %v of its way, to %v", tr.ID, tr.Fraction, tr.Latitude)
		}
		for i, a := range tr.Stops {
			if a.Train != tr.ID || i > 0 && !a.Maybe && a.Expected.Before(tr.Stops[i-1].Expected) {
				t.Errorf("train %s: stops are %v", tr.ID, tr.Stops)
			}
		}
	}
	for _, b := range v.Boards {
		if len(b.Next) > perBoard || len(b.Ending) > perBoard || slices.ContainsFunc(b.Next, func(a Arrival) bool { return a.Ends }) || !slices.IsSortedFunc(b.Next, func(x, y Arrival) int { return x.Expected.Compare(y.Expected) }) {
			t.Errorf("board %+v", b)
		}
		for _, a := range b.Next {
			if a.Expected.Before(v.AsOf) || a.Earliest.Before(v.AsOf) || a.Earliest.After(a.Expected) || !a.Latest.After(a.Expected) {
				t.Errorf("at %v: %+v", v.AsOf, a)
			}
		}
	}
	for _, l := range v.Lines {
		for _, d := range l.Directions {
			if d.Level == "" || d.Cause == "" || d.Towards == "" || d.Gap.Apart < 0 || d.Bunch.Apart < 0 {
				t.Errorf("status %+v", d)
			}
		}
	}
}

func TestBranchIsOpenUntilKnown(t *testing.T) {
	const garfield, king, halsted = 40510, 41140, 40940
	tr := NewTracker(cta.Chicago())
	arrive := func(at time.Duration, train string, station int) {
		tr.ApplyArrival(cta.KeyAt(day(8).Add(at)), cta.Arrival{
			StationID: station, TrainID: train, Line: "green", Direction: cta.DirectionA, TrainStatus: cta.TrainInService,
		})
	}
	at := func(station int) Arrival {
		for _, b := range tr.View(day(8).Add(time.Minute)).BoardsAt(station) {
			for _, a := range slices.Concat(b.Next, b.Ending) {
				if b.Line == "green" && b.Direction == cta.DirectionA && a.Train == "GR001" {
					return a
				}
			}
		}
		return Arrival{}
	}
	arrive(0, "GR001", garfield)
	if !at(king).Maybe || !at(halsted).Maybe {
		t.Errorf("before the branches: %+v and %+v, want both, as maybe", at(king), at(halsted))
	}
	if train, _ := tr.View(day(8).Add(time.Minute)).Train("GR001"); len(train.Next) != 2 {
		t.Errorf("next is %v, want a station of each branch", train.Next)
	}
	const cottage = 40720
	arrive(time.Minute, "GR001", king)
	if a := at(cottage); a.Maybe || a.Train == "" || at(halsted).Train != "" {
		t.Errorf("on a branch: %+v and %+v, want the one, for sure", a, at(halsted))
	}
}

func TestTrainsRunRoundTheLoopAndBack(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	stations := cta.Chicago().Line("brown").Stations
	before := stations[slices.IndexFunc(stations, func(s cta.LineStation) bool { return s.Loop })-1]
	tr.ApplyArrival(cta.KeyAt(day(8)), cta.Arrival{
		StationID: before.ID, TrainID: "BR001", Line: "brown", Direction: cta.DirectionA, TrainStatus: cta.TrainInService,
	})
	train, _ := tr.View(day(8).Add(10 * time.Second)).Train("BR001")
	var back []Arrival
	for i, a := range train.Stops {
		if a.Direction == cta.DirectionB {
			back = train.Stops[i:]
			break
		}
	}
	if len(train.Stops) < 10 || len(back) == 0 || back[0].Station != before.ID {
		t.Fatalf("stops %v, want those of the Loop and then %s", train.Stops, before.Name)
	}
	first, again := train.Stops[0], back[0]
	if first.Latest.Sub(first.Earliest) >= again.Latest.Sub(again.Earliest) {
		t.Error("the range is no wider on the way back")
	}
}

func TestWhatIsSaidWithoutTrains(t *testing.T) {
	three := time.Date(2026, time.October, 7, 3, 0, 0, 0, cta.Chicago().Location)
	for name, tt := range map[string]struct {
		at      time.Time
		line    string
		want    Cause
		resumes time.Time
	}{
		"at night":                       {three, "pink", CauseNoService, day(4)},
		"late in the evening":            {day(23).Add(30 * time.Minute), "yellow", CauseNoService, day(29)},
		"when service begins":            {day(5).Add(5 * time.Minute), "yellow", CauseBeginning, time.Time{}},
		"in service":                     {day(8), "blue", CauseNeverHeard, time.Time{}},
		"where trains turn at this hour": {day(12), "purple", CauseNeverHeard, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := NewTracker(cta.Chicago()).View(tt.at).Line(tt.line)
			level := LevelUnknown
			if tt.want == CauseNoService {
				level = LevelNotRunning
			}
			if got := l.Directions[1]; got.Level != level || got.Cause != tt.want || !got.Resumes.Equal(tt.resumes) {
				t.Errorf("said %+v, want %s and %s, to begin again %v", got, level, tt.want, tt.resumes)
			}
		})
	}
	l, _ := NewTracker(cta.Chicago()).View(day(12)).Line("purple")
	if got := l.Directions[0].Towards; got != "Howard" {
		t.Errorf("towards %s at noon, want Howard", got)
	}
	l, _ = NewTracker(cta.Chicago()).View(three).Line("purple")
	if got := l.Directions[0].Towards; got != "Howard" {
		t.Errorf("towards %s at night, want Howard, where the first trains turn", got)
	}
}

func TestCrowding(t *testing.T) {
	const lake = 40380
	usual := cta.Chicago().Station(lake).Entries.Weekday * cta.Chicago().Hourly[8] / 4
	for name, tt := range map[string]struct {
		share float64       // of the usual entries
		over  time.Duration // that are counted
		want  Crowding
	}{
		"as usual":     {1, 20 * time.Minute, CrowdingUsual},
		"half":         {0.5, 20 * time.Minute, CrowdingQuiet},
		"half as much": {1.6, 20 * time.Minute, CrowdingBusy},
		"three times":  {3, 20 * time.Minute, CrowdingVeryBusy},
		"for a while":  {1, 8 * time.Minute, CrowdingUsual},
		"not for long": {3, 3 * time.Minute, CrowdingUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			tr := NewTracker(cta.Chicago())
			now := day(8).Add(45 * time.Minute)
			for since := time.Duration(0); since <= tt.over; since += 10 * time.Second {
				n := 1000 + tt.share*usual*since.Minutes()/15
				tr.ApplyCount(lake, int64(n), now.Add(since-tt.over))
			}
			got := tr.View(now).Crowds[lake]
			if got.Level != tt.want {
				t.Errorf("%+v, want %s", got, tt.want)
			}
		})
	}
	if got := NewTracker(cta.Chicago()).View(day(8)).Crowds[lake].Level; got != CrowdingUnknown {
		t.Errorf("crowding without a count is %s", got)
	}
}

func TestCountThatBeganAnew(t *testing.T) {
	var c counter
	for i, n := range []int64{100, 130, 10, 40} {
		c.add(int64(i+1)*minute, n)
	}
	if n, _ := c.entered(0, 4*minute); n != 60 {
		t.Errorf("%d entered, want 30 and 30", n)
	}
}

// Day gives the course of a day, from the first count.
func TestDay(t *testing.T) {
	const lake = 40380
	type told struct {
		at time.Time
		n  int64
	}
	midnight := day(0)
	counts := []told{
		{midnight.Add(-31 * time.Minute), 1000}, {midnight.Add(14 * time.Minute), 1012},
		{midnight.Add(8*time.Hour + time.Minute), 1022}, {midnight.Add(8*time.Hour + 50*time.Minute), 1100},
		{midnight.Add(9*time.Hour + 5*time.Minute), 1150},
	}
	evening := told{day(-2), 500}
	type want struct {
		since            time.Time
		all, eight, nine int64
		unknown          int // hours, of those that have begun
	}
	for name, tt := range map[string]struct {
		counts []told
		at     time.Time
		want   want
	}{
		"nothing":                  {nil, day(10), want{unknown: 11}},
		"the whole day":            {counts, day(10), want{midnight, 142, 88, 50, 0}},
		"not what is still to be":  {counts, day(9).Add(-time.Second), want{midnight, 92, 88, 0, 0}},
		"since half past seven":    {[]told{{day(7).Add(30 * time.Minute), 1022}, counts[3], counts[4]}, day(10), want{day(7).Add(30 * time.Minute), 128, 0, 50, 9}},
		"the day before is over":   {counts[:1], day(10), want{midnight, 0, 0, 0, 0}},
		"counting that began anew": {append(slices.Clone(counts[:4]), told{day(9), 5}, told{day(9).Add(20 * time.Minute), 9}), day(10), want{midnight, 96, 88, 4, 0}},
		"a fast clock's count first": {append(slices.Clone(counts[:4]), told{day(9).Add(5 * time.Minute), 1130}, told{day(9), 1140}, told{day(9).Add(time.Minute), 1150}), day(10),
			want{midnight, 142, 88, 50, 0}},
		"riders of two days counted in the morning": {[]told{evening, {day(6), 4500}, {day(6).Add(10 * time.Minute), 4505}}, day(10), want{day(6), 5, 0, 0, 6}},
		"riders of three hours counted late":        {[]told{evening, {midnight.Add(-time.Minute), 501}, {day(6), 508}, {day(9).Add(time.Minute), 908}}, day(10), want{midnight, 407, 0, 0, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := NewTracker(cta.Chicago())
			for _, c := range tt.counts {
				tr.ApplyCount(lake, c.n, c.at)
			}
			d := tr.Day(lake, tt.at)
			got := want{d.Since, d.Entries, d.Hours[8].Entries, d.Hours[9].Entries, 0}
			var usual float64
			for _, h := range d.Hours {
				usual += h.Usual
				if !h.Known && !h.From.After(tt.at) {
					got.unknown++
				}
			}
			if !got.since.Equal(tt.want.since) || got.all != tt.want.all || got.eight != tt.want.eight || got.nine != tt.want.nine || got.unknown != tt.want.unknown {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
			if math.Abs(usual-d.Usual) > d.Usual/100 || d.Usual < 1000 {
				t.Errorf("the usual hours are %v together, want %v", usual, d.Usual)
			}
		})
	}
}

// A late count of many riders makes no crowd.
func TestLateCountIsNoCrowd(t *testing.T) {
	const lake = 40380
	tr := NewTracker(cta.Chicago())
	tr.ApplyCount(lake, 1000, day(8))
	tr.ApplyCount(lake, 4000, day(9))
	if got := tr.View(day(9).Add(time.Minute)).Crowds[lake]; got.Level != CrowdingUnknown || got.Entries != 0 {
		t.Errorf("%+v, want an unknown crowd", got)
	}
}

// Day covers the local day from its first moment to its last, also when clocks change.
func TestDayWhenClocksChange(t *testing.T) {
	const lake = 40380
	for _, tt := range []struct {
		zone, day, first string
		hours            int
	}{
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00", 23},
		{"America/Santiago", "2026-04-04", "2026-04-04T00:00:00-03:00", 25},
		{"America/Santiago", "2026-04-05", "2026-04-05T00:00:00-04:00", 24},
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00", 23},
		{"America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00", 23},
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", 25},
		{"Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00", 23},
		{"America/Chicago", "2026-11-01", "2026-11-01T00:00:00-05:00", 25},
		{"America/Chicago", "2027-03-14", "2027-03-14T00:00:00-06:00", 23},
		{"Australia/Lord_Howe", "2026-04-05", "2026-04-05T00:00:00+11:00", 25},
		{"Asia/Kathmandu", "2026-04-05", "2026-04-05T00:00:00+05:45", 24},
	} {
		loc, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		net := *cta.Chicago()
		net.Location = loc
		tr := NewTracker(&net)
		noon, err := time.ParseInLocation("2006-01-02 15", tt.day+" 12", loc)
		if err != nil {
			t.Fatal(err)
		}
		var n, truth, second int64
		var seen []string // hours of the clock, as they come
		for at := noon.Add(-40 * time.Hour); at.Before(noon.Add(40 * time.Hour)); at = at.Add(time.Minute) {
			n++
			local := at.In(loc)
			tr.ApplyCount(lake, n, at)
			if local.Format(time.DateOnly) != tt.day {
				continue
			}
			truth++
			if local.Hour() == 1 {
				second++
			}
			if hour := local.Format("15 MST"); len(seen) == 0 || seen[len(seen)-1] != hour {
				seen = append(seen, hour)
			}
			d := tr.Day(lake, local)
			var all, one int64
			for _, h := range d.Hours {
				all += h.Entries
				if h.From.Hour() == 1 {
					one += h.Entries
				}
			}
			if d.Entries != truth || all != truth || one != second {
				t.Fatalf("%s at %s: %d entries today, %d in its hours, %d at one; want %d, %d", tt.zone, local, d.Entries, all, one, truth, second)
			}
			if got := d.Start.Format(time.RFC3339); got != tt.first || !d.Since.Equal(d.Start) || len(d.Hours) != tt.hours {
				t.Fatalf("%s: the day of %s begins %s and has %d hours, want %s and %d", tt.zone, local, got, len(d.Hours), tt.first, tt.hours)
			}
		}
		if len(seen) != tt.hours {
			t.Errorf("%s %s has %d hours: %q", tt.zone, tt.day, len(seen), seen)
		}
	}
}

// A counter that runs for days drops the first of them.
func TestDayAfterDays(t *testing.T) {
	const lake = 40380
	tr := NewTracker(cta.Chicago())
	for q := range int64(3 * 24 * 4) {
		tr.ApplyCount(lake, 10*q, day(0).Add(time.Duration(q)*15*time.Minute))
	}
	d := tr.Day(lake, day(71).Add(59*time.Minute))
	if !d.Since.Equal(day(48)) || d.Entries != 960 || d.Hours[8].Entries != 40 {
		t.Errorf("since %v %d, at eight %d, want 960 since midnight, 40 in an hour", d.Since, d.Entries, d.Hours[8].Entries)
	}
}
