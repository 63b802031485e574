package live

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// from returns a tracker that has seen the hours before a moment of a simulated
// Wednesday.
func from(t *testing.T, at time.Time, hours int) *Tracker {
	t.Helper()
	tr := NewTracker(cta.Chicago())
	before := time.Duration(hours) * time.Hour
	for _, e := range simulated(t, ctaproducer.SimulationConfig{Seed: 3, Start: at.Add(-before), For: before + 30*time.Minute, NoFaults: true}) {
		if e.At.After(at) {
			break
		}
		tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
	}
	return tr
}

func board(t *testing.T, v *View, station int, line string, d cta.Direction) Board {
	t.Helper()
	for _, b := range v.BoardsAt(station) {
		if b.Line == line && b.Direction == d {
			return b
		}
	}
	t.Fatalf("station %d has no platform of %s %s", station, line, d)
	return Board{}
}

const (
	fullerton = 41220
	clarkLake = 40380
	kimball   = 41290
	linden    = 41050
	howard    = 40900
)

// Express trains of the Purple Line are still on their way when departing trains
// already turn back at Howard. Each train has one destination, on every board.
func TestOneDestinationForEachTrain(t *testing.T) {
	for _, at := range []time.Time{day(9).Add(5 * time.Minute), day(9).Add(15 * time.Minute), day(12), day(15).Add(10 * time.Minute)} {
		v := from(t, at, 2).View(at)
		for _, tr := range v.Trains {
			if tr.Line == "purple" && tr.Direction == cta.DirectionA && tr.Status == cta.TrainInService {
				loop := cta.Chicago().Line("purple").Stations
				i := slices.IndexFunc(loop, func(s cta.LineStation) bool { return s.ID == tr.Station })
				want := "Loop"
				switch {
				case tr.Bound == howard:
					want = "Howard"
				case loop[i].Loop && i == len(loop)-1: // it leaves the Loop
					want = "Linden"
				case loop[i].Loop:
					want = "Linden via the Loop"
				}
				if tr.Towards != want {
					t.Errorf("%s: train %s at %d, which ends at %d, runs towards %q, want %q", at.Format("15:04"), tr.ID, tr.Station, tr.Bound, tr.Towards, want)
				}
			}
			for _, a := range tr.Stops {
				if b := board(t, v, a.Station, a.Line, a.Direction); slices.ContainsFunc(slices.Concat(b.Next, b.Ending), func(o Arrival) bool {
					return o.Train == tr.ID && o.Expected.Equal(a.Expected) && (o.Towards != a.Towards || o.Ends != a.Ends)
				}) {
					t.Errorf("%s: train %s comes as %+v, the board has %+v", at.Format("15:04"), tr.ID, a, b)
				}
			}
		}
		b := board(t, v, fullerton, "purple", cta.DirectionA)
		if b.Towards != "Loop" || b.Ends || slices.ContainsFunc(b.Next, func(a Arrival) bool { return a.Towards != "Loop" }) {
			t.Errorf("%s: at Fullerton the Purple Line's board is %+v, want all towards the Loop", at.Format("15:04"), b)
		}
		if b := board(t, v, howard, "red", cta.DirectionB); !b.Ends || len(b.Next) > 0 || len(b.Ending) == 0 || len(b.Here) > 0 {
			t.Errorf("%s: at Howard trains that end there are shown as %+v", at.Format("15:04"), b)
		}
		if b := board(t, v, clarkLake, "orange", cta.DirectionA); b.Towards != "Midway via the Loop" {
			t.Errorf("%s: in the Loop the Orange Line runs towards %q", at.Format("15:04"), b.Towards)
		}
		if b := board(t, v, howard, "purple", cta.DirectionA); at.Hour() == 12 && (!b.Ends || len(b.Next) > 0 || len(b.Ending) == 0) {
			t.Errorf("at midday trains turn at Howard: %+v", b)
		}
	}
}

// Before the express service begins, a platform where all trains end also shows coming
// trains that continue.
func TestBoardOfAServiceToCome(t *testing.T) {
	at := day(6)
	b := board(t, from(t, at, 2).View(at), howard, "purple", cta.DirectionA)
	if b.Ends || len(b.Next) == 0 || b.Towards != "Loop" {
		t.Errorf("at six Howard has %+v, want the first trains to the Loop", b)
	}
}

// While a service gives way to another, its last departure isn't the direction's last. Where
// all trains to come end, the platform is their last stop, whichever service comes later.
func TestServicesThatFollowOneAnother(t *testing.T) {
	at := day(14).Add(30 * time.Minute)
	if l, _ := from(t, at, 2).View(at).Line("purple"); !l.Directions[1].Last.At.IsZero() || l.Directions[1].Level != LevelGood {
		t.Errorf("half an hour before the express, the Purple Line is %+v", l.Directions[1])
	}
	b := board(t, NewTracker(cta.Chicago()).View(day(4)), howard, "purple", cta.DirectionA)
	if !b.Ends || len(b.Next) > 0 || len(b.Ending) == 0 || b.Towards != "Howard" {
		t.Errorf("at four Howard has %+v, want trains that end there", b)
	}
}

// A train without a reported destination runs where the service of the hour does.
func TestDestinationByTheService(t *testing.T) {
	tr := NewTracker(cta.Chicago())
	tr.ApplyArrival(cta.KeyAt(day(12)), cta.Arrival{StationID: linden, TrainID: "P", Line: "purple", Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	if train, _ := tr.View(day(12).Add(time.Second)).Train("P"); train.Towards != "Howard" || train.Stops[len(train.Stops)-1].Ends != true {
		t.Errorf("at midday a train of Linden runs towards %q: %+v", train.Towards, train.Stops)
	}
}

// The last train of a service is shown while still to come, and comes as shown.
// Afterwards the line is not running, and its next start is shown.
func TestLastTrains(t *testing.T) {
	at := day(0).Add(30 * time.Minute)
	tr, young := from(t, at, 3), NewTracker(cta.Chicago())
	v := tr.View(at)
	b := board(t, v, fullerton, "brown", cta.DirectionA)
	if b.Last.IsZero() || b.Last.Before(day(1)) || b.Last.After(day(1).Add(40*time.Minute)) || b.Resumes != (time.Time{}) {
		t.Errorf("at %v the board is %+v, want a last train after one", at, b)
	}
	if b := board(t, v, fullerton, "red", cta.DirectionA); !b.Last.IsZero() {
		t.Errorf("the Red Line runs all night: %+v", b)
	}
	if l, _ := v.Line("brown"); l.Directions[0].Last.Station != kimball || !l.Directions[0].Last.At.Before(day(1)) || l.Level != LevelGood {
		t.Errorf("the Brown Line is %+v", l)
	}
	var came time.Time
	looked := false
	next := day(1).Add(20 * time.Minute)
	for _, e := range simulated(t, ctaproducer.SimulationConfig{Seed: 3, Start: at.Add(-3 * time.Hour), For: 6 * time.Hour, NoFaults: true}) {
		if e.Arrival.Line == "brown" && e.Arrival.StationID == fullerton && e.Arrival.Direction == cta.DirectionA {
			came = e.At
		}
		if e.At.After(at) {
			tr.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
		}
		if e.At.After(day(1).Add(15 * time.Minute)) {
			young.ApplyArrival(cta.KeyAt(e.At), e.Arrival)
		}
		for _, d := range directions {
			if !e.At.After(next) {
				break
			}
			if b := board(t, tr.View(next), fullerton, "brown", d); (len(b.Next) == 0) != b.Resumes.After(day(4)) {
				t.Errorf("at %v the board is %+v, want trains to come or when they do again", next, b)
			}
			if d == cta.DirectionB {
				next = next.Add(5 * time.Minute)
			}
		}
		if late := day(1).Add(20 * time.Minute); !looked && e.At.After(late) {
			looked = true
			if l, _ := tr.View(late).Line("brown"); l.Directions[0].Cause != CauseEnding {
				t.Errorf("after the last departure the Brown Line is %+v", l.Directions[0])
			}
			if l, _ := young.View(late).Line("brown"); l.Directions[0].Cause != CauseEnding {
				t.Errorf("five minutes after the first report and after the last departure the Brown Line is %+v", l.Directions[0])
			}
		}
	}
	if next.Before(day(3)) {
		t.Errorf("the boards were looked at until %v only", next)
	}
	if off := came.Sub(b.Last).Abs(); off > 4*time.Minute {
		t.Errorf("the last train came at %v, told was %v", came, b.Last)
	}
	v = tr.View(day(3))
	if l, _ := v.Line("brown"); l.Level != LevelNotRunning || l.Directions[0].Cause != CauseNoService || !l.Directions[0].Resumes.Equal(day(4)) {
		t.Errorf("at three the Brown Line is %+v", l)
	}
	if b := board(t, v, fullerton, "brown", cta.DirectionA); !b.Resumes.After(day(4)) || b.Resumes.After(day(5)) {
		t.Errorf("at three the board says %+v", b)
	}
}

// Riders can't board a broken-down train, and predictions behind it name it.
func TestPredictionsRestOnABreakdown(t *testing.T) {
	at := day(12)
	tr := from(t, at, 2)
	v := tr.View(at)
	first := board(t, v, fullerton, "red", cta.DirectionA).Next[0]
	tr.ApplyArrival(cta.KeyAt(at.Add(time.Second)), cta.Arrival{StationID: fullerton, TrainID: first.Train, Line: "red", Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	tr.ApplyArrival(cta.KeyAt(at.Add(2*time.Second)), cta.Arrival{StationID: fullerton, TrainID: first.Train, Line: "red", Direction: cta.DirectionA, TrainStatus: cta.TrainBrokenDown})
	v = tr.View(at.Add(time.Minute))
	b := board(t, v, fullerton, "red", cta.DirectionA)
	if len(b.Here) > 0 || len(b.Standing) != 1 || b.Standing[0] != first.Train {
		t.Errorf("the board has %v here, %v standing; want %s standing", b.Here, b.Standing, first.Train)
	}
	for _, a := range b.Next {
		if a.Behind == nil || a.Behind.Train != first.Train || a.Behind.Station != fullerton || !a.Behind.Until.After(v.AsOf) {
			t.Errorf("behind it comes %+v, which doesn't rest on it", a)
		}
	}
	standing, _ := v.Train(first.Train)
	if len(standing.Stops) == 0 || standing.Stops[0].Behind == nil || standing.Stops[0].Behind.Train != first.Train {
		t.Errorf("its own stops are %+v", standing.Stops)
	}
	if b := board(t, v, fullerton, "red", cta.DirectionB); len(b.Next) == 0 || b.Next[0].Behind != nil {
		t.Errorf("the other way is %+v", b)
	}
}
