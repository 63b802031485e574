package live

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// uneven is traffic on the Red Line that our predictions can't know: each second train takes
// longer. An agency predicts it.
type uneven struct {
	tr       *Tracker
	stations []int
	now      time.Time
	// agency returns what the agency predicts of an arrival; zero: nothing.
	agency func(k int, now, truth time.Time) time.Time
}

const unevenEvery = 12 * time.Minute

func newUneven(t *testing.T, agency func(k int, now, truth time.Time) time.Time) *uneven {
	t.Helper()
	net, err := cta.Chicago().Only("red")
	if err != nil {
		t.Fatal(err)
	}
	u := &uneven{tr: NewTracker(net), now: day(8), agency: agency}
	for _, s := range net.Line("red").Stations[:14] {
		u.stations = append(u.stations, s.ID)
	}
	return u
}

func unevenTrain(k int) string { return fmt.Sprintf("R%02d", k) }

// truth returns when a train comes to a station.
func (u *uneven) truth(k, station int) time.Time {
	hop := 100 + 40*(k%2)
	return day(8).Add(time.Duration(k)*unevenEvery + time.Duration(station*hop)*time.Second)
}

// to goes on to a time: trains arrive, the agency predicts, and predictions are recorded.
func (u *uneven) to(until time.Time) {
	for ; u.now.Before(until); u.now = u.now.Add(10 * time.Second) {
		for k := range int(u.now.Sub(day(8))/unevenEvery) + 1 {
			p := cta.Prediction{TrainID: unevenTrain(k), Line: "red", Made: u.now.UnixMilli()}
			for i, id := range u.stations {
				at := u.truth(k, i)
				if at.After(u.now.Add(-10*time.Second)) && !at.After(u.now) {
					u.tr.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: id, TrainID: p.TrainID, Line: "red", Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
				}
				if at := u.agency(k, u.now, at); at.After(u.now) {
					p.Stops = append(p.Stops, cta.PredictedStop{StationID: id, Direction: cta.DirectionA, At: at.UnixMilli()})
				}
			}
			u.tr.ApplyPrediction(p)
		}
		u.tr.ScorePredictions(u.now)
	}
}

// arrivals are those expected at the stations, of trains on their way to them.
func (u *uneven) arrivals() (list []Arrival) {
	v := u.tr.View(u.now)
	for _, id := range u.stations {
		for _, b := range v.BoardsAt(id) {
			for _, a := range b.Next {
				if b.Direction == cta.DirectionA && a.Basis != BasisHeadway {
					list = append(list, a)
				}
			}
		}
	}
	return list
}

func (u *uneven) trueTime(a Arrival) time.Time {
	k := 0
	fmt.Sscanf(a.Train, "R%d", &k)
	return u.truth(k, slices.Index(u.stations, a.Station))
}

func TestBetterPredictionsAreShown(t *testing.T) {
	exact := func(_ int, _, truth time.Time) time.Time { return truth }
	late := func(_ int, _, truth time.Time) time.Time { return truth.Add(6 * time.Minute) }
	for name, c := range map[string]struct {
		agency func(int, time.Time, time.Time) time.Time
		better [horizons]Source
	}{
		"the agency's": {exact, [horizons]Source{SourceAgency, SourceAgency, SourceAgency, SourceAgency}},
		"ours":         {late, [horizons]Source{SourceOurs, SourceOurs, SourceOurs, SourceOurs}},
		"the agency's up to six minutes": {func(_ int, now, truth time.Time) time.Time {
			if truth.Sub(now) < 8*time.Minute { // less, by ours
				return truth
			}
			return truth.Add(12 * time.Minute)
		}, [horizons]Source{SourceAgency, SourceAgency, SourceOurs, SourceOurs}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUneven(t, c.agency)
			u.to(day(8).Add(70 * time.Minute))
			for i, s := range u.tr.View(u.now).Scores {
				t.Logf("%v to %v: ours %+v, agency's %+v", s.From, s.To, s.Ours, s.Agency)
				if s.Better != c.better[i] || s.Agency.Count < enough || s.Ours.Count != s.Agency.Count {
					t.Errorf("%v to %v: %s is better, want %s; %d and %d scored", s.From, s.To, s.Better, c.better[i], s.Ours.Count, s.Agency.Count)
				}
			}
			for _, prefer := range []Source{SourceOurs, SourceAgency, SourceBetter} {
				u.tr.Prefer(prefer)
				list := u.arrivals()
				if len(list) < 9 {
					t.Fatalf("%d arrivals", len(list))
				}
				shown, inRange := map[Source]int{}, 0
				for _, a := range list {
					shown[a.Source]++
					want, expected := SourceOurs, a.Ours
					if h := horizon(a.Ours.Sub(u.now).Milliseconds()); prefer == SourceAgency || prefer == SourceBetter && h >= 0 && c.better[h] == SourceAgency {
						want, expected = SourceAgency, a.Agency
					}
					if a.Agency.IsZero() { // far ahead
						t.Errorf("%+v: the agency's is missing", a)
					}
					if a.Source != want || !a.Expected.Equal(expected) && !(prefer == SourceBetter && a.Expected.After(expected)) { // no train goes back
						t.Errorf("%q: %s at %d expected %v by %s; want %v by %s", prefer, a.Train, a.Station, a.Expected, a.Source, expected, want)
					}
					if truth := u.trueTime(a); a.Source == SourceAgency && name == "the agency's" && !a.Expected.Equal(truth) {
						t.Errorf("%+v: the agency's is wrong, want %v", a, truth)
					} else if a.Source == SourceAgency && !a.Earliest.After(truth) && !a.Latest.Before(truth) {
						inRange++
					}
					if a.Earliest.After(a.Expected) || !a.Latest.After(a.Expected) {
						t.Errorf("range of %+v", a)
					}
				}
				t.Logf("%q: shown %v, in range %d", prefer, shown, inRange)
				if prefer == SourceAgency && inRange < len(list)-1 { // ranges follow the errors of the agency's predictions too
					t.Errorf("%d of %d come in the range of the agency's prediction", inRange, len(list))
				}
			}
		})
	}
}

// Where the agency predicts slow trains alone, ours are compared for those alone.
func TestOnlyArrivalsThatBothPredictAreCompared(t *testing.T) {
	scores := func(slowAlone bool) [horizons]Score {
		u := newUneven(t, func(k int, _, truth time.Time) time.Time {
			if slowAlone && k%2 == 0 {
				return time.Time{}
			}
			return truth.Add(-20 * time.Second)
		})
		u.to(day(8).Add(100 * time.Minute))
		return u.tr.View(u.now).Scores
	}
	all := scores(false)
	for i, s := range scores(true) {
		if s.Ours.Count != s.Agency.Count || s.Ours.Count < enough || s.Ours.Count > all[i].Ours.Count*2/3 {
			t.Errorf("%v to %v: %d and %d compared, of %d", s.From, s.To, s.Ours.Count, s.Agency.Count, all[i].Ours.Count)
		}
		if s.Agency.Error != 20*time.Second || s.Agency.Bias != 20*time.Second || s.Agency.InBand != 1 {
			t.Errorf("%v to %v: agency's %+v, want all of them 20 s late", s.From, s.To, s.Agency)
		}
		if s.Ours.Bias < all[i].Ours.Bias+5*time.Second || s.Recent != all[i].Recent {
			t.Errorf("%v to %v: slow trains come %v late, want more than %v; in all %+v, want %+v", s.From, s.To, s.Ours.Bias, all[i].Ours.Bias, s.Recent, all[i].Recent)
		}
	}
}

// Whose predictions are shown doesn't change with each small difference.
func TestBetterIsDecidedByAClearDifference(t *testing.T) {
	c := newScore()
	for i, step := range []struct {
		n, ours, agency int64 // number, and mean errors in seconds
		want            Source
	}{
		{0, 0, 0, SourceOurs},
		{49, 100, 10, SourceOurs}, // too few
		{50, 100, 95, SourceOurs},
		{50, 100, 89, SourceAgency},
		{50, 100, 101, SourceAgency},
		{50, 100, 95, SourceAgency},
		{49, 10, 100, SourceAgency}, // too few
		{50, 100, 105, SourceAgency},
		{50, 89, 100, SourceOurs},
		{50, 0, 0, SourceOurs},
		{50, 1, 0, SourceAgency},
		{0, 0, 0, SourceOurs}, // the agency predicts no more
	} {
		of := &c.bucket().of[1]
		of.rivals, of.agency = sums{n: step.n, err: step.n * step.ours * second}, sums{n: step.n, err: step.n * step.agency * second}
		c.judge()
		if got := c.scores(0)[1].Better; got != step.want {
			t.Errorf("step %d, %+v: %s is better", i, step, got)
		}
	}
}

// Where the agency predicts one stop alone, the stops of the train stay in order, and apart.
func TestShownTimesAreInOrder(t *testing.T) {
	for name, net := range map[string]*cta.Network{"a timetable": timetable(t, 10, 3), "branches": cta.Chicago()} {
		line, stops := "t", []cta.Call{}
		if name == "branches" {
			line = "green"
		}
		for _, p := range net.Line(line).Patterns {
			if p.Direction() == cta.DirectionA {
				stops = p.Calls
				break
			}
		}
		now := day(8)
		for _, off := range []time.Duration{-8 * time.Minute, 8 * time.Minute} {
			for i := 1; i < min(8, len(stops)); i++ {
				tr := NewTracker(net)
				tr.Prefer(SourceAgency)
				tr.ApplyArrival(cta.KeyAt(now), cta.Arrival{StationID: stops[0].Station.ID, TrainID: "trip-00", Line: line, Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
				ours, _ := tr.View(now).Train("trip-00")
				for _, a := range ours.Stops {
					if a.Station != stops[i].Station.ID || !a.Ours.Add(off).After(now) {
						continue
					}
					tr.ApplyPrediction(cta.Prediction{TrainID: "trip-00", Line: line, Made: now.UnixMilli(), Stops: []cta.PredictedStop{
						{StationID: a.Station, Direction: cta.DirectionA, At: a.Ours.Add(off).UnixMilli()}}})
				}
				train, _ := tr.View(now).Train("trip-00")
				agencys, sure := false, now // the latest stop before the branches
				for _, a := range train.Stops {
					agencys = agencys || a.Source == SourceAgency
					if a.Expected.Sub(sure) < 10*time.Second {
						t.Errorf("%s, stop %d %v off: expected %v at %d, and %v at the stop before", name, i, off, a.Expected, a.Station, sure)
					}
					if !a.Maybe {
						sure = a.Expected
					}
				}
				if len(train.Stops) < 3 || off > 0 && !agencys {
					t.Errorf("%s, stop %d %v off: %d stops, the agency's %v", name, i, off, len(train.Stops), agencys)
				}
			}
		}
	}
}

// A few good predictions prove nothing.
func TestFewPredictionsDontDecide(t *testing.T) {
	u := newUneven(t, func(k int, now, truth time.Time) time.Time {
		if now.Before(day(9).Add(10 * time.Minute)) {
			return time.Time{}
		}
		return truth
	})
	u.to(day(9).Add(14 * time.Minute))
	scored := int64(0)
	for _, s := range u.tr.View(u.now).Scores {
		if scored += s.Agency.Count; s.Better != SourceOurs && s.Agency.Count < 50 {
			t.Errorf("%v to %v: %s is better by %d predictions", s.From, s.To, s.Better, s.Agency.Count)
		}
	}
	if scored == 0 {
		t.Error("none was put to the test")
	}
}

// An agency's predictions count while they are fresh, until it withdraws them, and until
// the train goes.
func TestAgencysPredictionsCount(t *testing.T) {
	net, err := cta.Chicago().Only("red")
	if err != nil {
		t.Fatal(err)
	}
	first, next := net.Line("red").Stations[3].ID, net.Line("red").Stations[4].ID
	now := day(8)
	predict := func(tr *Tracker, made, at time.Time) bool {
		return nil == tr.ApplyPrediction(cta.Prediction{TrainID: "R1", Line: "red", Made: made.UnixMilli(),
			Stops: []cta.PredictedStop{{StationID: next, Direction: cta.DirectionA, At: at.UnixMilli()}}})
	}
	report := func(tr *Tracker, at time.Time, status cta.TrainStatus) {
		tr.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: first, TrainID: "R1", Line: "red", Direction: cta.DirectionA, TrainStatus: status})
	}
	in := func(m int) time.Time { return now.Add(time.Duration(m) * time.Minute) }
	for name, c := range map[string]struct {
		then func(*Tracker)
		want time.Time
	}{
		"a fresh one":             {func(tr *Tracker) { predict(tr, now, in(2)) }, in(2)},
		"of another round":        {func(tr *Tracker) { predict(tr, now, in(40)) }, time.Time{}},
		"of the past":             {func(tr *Tracker) { predict(tr, in(-2), in(-1)) }, time.Time{}},
		"five minutes old":        {func(tr *Tracker) { predict(tr, in(-5), in(2)) }, in(2)},
		"six minutes old":         {func(tr *Tracker) { predict(tr, in(-6), in(2)) }, time.Time{}},
		"from the future":         {func(tr *Tracker) { predict(tr, in(2), in(2)) }, time.Time{}},
		"a newer one":             {func(tr *Tracker) { predict(tr, in(-1), in(2)); predict(tr, now, in(3)) }, in(3)},
		"an older one comes late": {func(tr *Tracker) { predict(tr, now, in(3)); predict(tr, in(-1), in(2)) }, in(3)},
		"withdrawn": {func(tr *Tracker) {
			predict(tr, in(-1), in(2))
			tr.ApplyPrediction(cta.Prediction{TrainID: "R1", Made: now.UnixMilli()})
		}, time.Time{}},
		"the source begins earlier": {func(tr *Tracker) { predict(tr, now, in(2)); tr.Reset(); report(tr, now, cta.TrainInService) }, time.Time{}},
		"the train has gone and comes again": {func(tr *Tracker) {
			predict(tr, in(-1), in(2))
			report(tr, now.Add(-time.Second), cta.TrainOutOfService)
			report(tr, now, cta.TrainInService)
		}, time.Time{}},
	} {
		tr := NewTracker(net)
		tr.Prefer(SourceAgency)
		report(tr, now.Add(-90*time.Second), cta.TrainInService)
		tr.View(now) // what comes then counts by the same rules
		c.then(tr)
		found := false
		for _, b := range tr.View(now).BoardsAt(next) {
			for _, a := range b.Next {
				if b.Direction == cta.DirectionA && a.Train == "R1" && a.Basis != BasisHeadway {
					found = true
					if !a.Agency.Equal(c.want) || (a.Source == SourceAgency) == c.want.IsZero() {
						t.Errorf("%s: the agency expects it at %v, shown %s; want %v", name, a.Agency, a.Source, c.want)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s: no train", name)
		}
	}
}

func TestPromisesAreBounded(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	apply := func(id string, made time.Time) error {
		return tr.ApplyPrediction(cta.Prediction{TrainID: id, Line: "red", Made: made.UnixMilli(),
			Stops: []cta.PredictedStop{{StationID: 41320, Direction: cta.DirectionA, At: made.Add(time.Minute).UnixMilli()}}})
	}
	for i := range maxTrains + 10 {
		if err := apply(fmt.Sprint(i), day(8)); i < maxTrains && err != nil || i >= maxTrains && !errors.Is(err, ErrFull) {
			t.Fatalf("train %d", i)
		}
	}
	if apply("7", day(8).Add(time.Second)) != nil {
		t.Error("a known train's is refused")
	}
	tr.View(day(8).Add(6 * time.Minute))
	if n := len(tr.promises); n != 0 || apply("new", day(8).Add(6*time.Minute)) != nil {
		t.Errorf("%d stale ones are kept", n)
	}
	for name, tt := range map[string]struct {
		p    cta.Prediction
		want error
	}{
		"of no train": {cta.Prediction{Made: 1, Line: "red", Stops: []cta.PredictedStop{{StationID: 41320, Direction: cta.DirectionA, At: 1}}}, ErrInvalid},
		"nowhere":     {cta.Prediction{TrainID: "x", Made: 1, Line: "gold", Stops: []cta.PredictedStop{{StationID: 41320, Direction: cta.DirectionA, At: 1}}}, ErrUnknown},
		"withdrawn":   {cta.Prediction{TrainID: "x", Made: 1, Line: "red"}, ErrKnown},
		"no newer":    {cta.Prediction{TrainID: "new", Made: 1, Line: "red", Stops: []cta.PredictedStop{{StationID: 41320, Direction: cta.DirectionA, At: 1}}}, ErrKnown},
	} {
		if err := tr.ApplyPrediction(tt.p); !errors.Is(err, tt.want) {
			t.Errorf("prediction %s: %v, want %v", name, err, tt.want)
		}
	}
}

// timetable is a line of six stations, two minutes apart, with a run every so many minutes
// from eight on.
func timetable(t *testing.T, every, runs int) *cta.Network {
	t.Helper()
	net := ring(t)
	p := &cta.Pattern{}
	profile := &cta.Profile{}
	stations := net.Lines[0].Stations
	for i := range min(6, len(stations)) {
		p.Calls = append(p.Calls, cta.Call{Station: stations[i].Station, Direction: cta.DirectionA})
		profile.Arrivals, profile.Departures = append(profile.Arrivals, int32(120*i)), append(profile.Departures, int32(120*i))
	}
	for k := range runs {
		p.Trips = append(p.Trips, cta.Trip{ID: fmt.Sprintf("trip-%02d", k), Calendar: &cta.Calendar{ID: "daily", Days: 0x7F}, Departure: int32(8*3600 + 60*every*k), Profile: profile})
	}
	l := &cta.Line{ID: "t", Name: "Timed", Color: "#000000", TextColor: "#ffffff", Patterns: []*cta.Pattern{p}}
	timed, err := cta.NewNetwork(cta.Network{Name: "Timed", Location: net.Location, Lines: []*cta.Line{l}, Stations: net.Stations})
	if err != nil {
		t.Fatal(err)
	}
	return timed
}

// Predictions are scored by the run that they are of, however late it leaves.
func TestLateRunsAreScoredByTheirTrains(t *testing.T) {
	for _, late := range []time.Duration{0, 8 * time.Minute} {
		net := timetable(t, 10, 18)
		p := net.Lines[0].Patterns[0]
		eight := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
		tr := NewTracker(net)
		truth := func(k, i int) time.Time {
			return eight.Add(time.Duration(10*k+2*i)*time.Minute + late)
		}
		for now := eight.Add(-10 * time.Minute); now.Before(eight.Add(3 * time.Hour)); now = now.Add(10 * time.Second) {
			for k, trip := range p.Trips {
				f := cta.Prediction{TrainID: trip.ID, Line: "t", Made: now.UnixMilli()}
				for i, c := range p.Calls {
					at := truth(k, i)
					if at.After(now.Add(-10*time.Second)) && !at.After(now) {
						tr.ApplyArrival(cta.KeyAt(at), cta.Arrival{StationID: c.Station.ID, TrainID: trip.ID, Line: "t", Direction: c.Direction, TrainStatus: cta.TrainInService})
					}
					if at.After(now) && at.Sub(now) < 20*time.Minute {
						f.Stops = append(f.Stops, cta.PredictedStop{StationID: c.Station.ID, Direction: c.Direction, At: at.UnixMilli()})
					}
				}
				tr.ApplyPrediction(f)
			}
			tr.ScorePredictions(now)
		}
		for _, s := range tr.View(eight.Add(3 * time.Hour)).Scores {
			if s.Agency.Count < 50 || s.Agency.Error > time.Second || s.All.Missed > 0 {
				t.Errorf("%v late, %v to %v: agency's %+v, %d missed; want no error", late, s.From, s.To, s.Agency, s.All.Missed)
			}
		}
	}
}

// An agency also predicts runs that have not begun, by the trip's id.
func TestAgencyPredictsDepartures(t *testing.T) {
	net := ring(t)
	stations := net.Lines[0].Stations
	l := &cta.Line{ID: "t", Name: "Timed", Color: "#000000", TextColor: "#ffffff"}
	p := &cta.Pattern{Trips: []cta.Trip{{ID: "first", Calendar: &cta.Calendar{ID: "daily", Days: 0x7F}, Departure: 8 * 3600,
		Profile: &cta.Profile{Arrivals: []int32{0, 300, 600}, Departures: []int32{0, 300, 600}}}}}
	for _, s := range stations[:3] {
		p.Calls = append(p.Calls, cta.Call{Station: s.Station, Direction: cta.DirectionA})
	}
	l.Patterns = []*cta.Pattern{p}
	timed, err := cta.NewNetwork(cta.Network{Name: "Timed", Location: net.Location, Lines: []*cta.Line{l}, Stations: net.Stations})
	if err != nil {
		t.Fatal(err)
	}
	eight := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	now := eight.Add(-5 * time.Minute)
	tr := NewTracker(timed)
	tr.Prefer(SourceAgency)
	tr.ApplyPrediction(cta.Prediction{TrainID: "first", Line: "t", Made: now.UnixMilli(), Stops: []cta.PredictedStop{
		{StationID: stations[1].ID, Direction: cta.DirectionA, At: eight.Add(12 * time.Minute).UnixMilli()}}})
	next := tr.View(now).BoardsAt(stations[1].ID)[0].Next
	if len(next) != 1 || next[0].Source != SourceAgency || !next[0].Expected.Equal(eight.Add(12*time.Minute)) || next[0].Basis != BasisTimetable {
		t.Errorf("expected: %+v, want 8:12 by the agency", next)
	}
}
