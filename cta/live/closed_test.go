package live

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Trains pass a closed station without a stop: it has no board, is no stop of a train,
// and no status names it.
func TestClosedStations(t *testing.T) {
	net := cta.Chicago()
	const clark, state = 40380, 40260
	if !net.Station(state).Closed || net.Station(clark).Closed {
		t.Fatal("State/Lake is not closed, or Clark/Lake is")
	}
	tr := NewTracker(net)
	at := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	for i, id := range []int{41160, clark} { // Clinton, Clark/Lake: the next is State/Lake
		tr.ApplyArrival(cta.KeyAt(at.Add(time.Duration(i)*3*time.Minute)), cta.Arrival{Line: "green", TrainID: "G1", StationID: id, Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	}
	v := tr.View(at.Add(4 * time.Minute))
	train, ok := v.Train("G1")
	if !ok || len(train.Stops) < 3 {
		t.Fatalf("the train is %+v, want one with stops to come", train)
	}
	for _, s := range train.Stops {
		if s.Station == state {
			t.Errorf("the train stops at the closed station, %v", s.Expected)
		}
	}
	if b := v.BoardsAt(state); len(b) > 0 {
		t.Errorf("the closed station has %d boards", len(b))
	}
	if b := v.BoardsAt(clark); len(b) == 0 {
		t.Error("the station before it has none")
	}

	// No report comes from there: the train passes when it is due, and the time from the
	// stop before to the stop behind is known from trains that went before.
	const wabash = 41700 // Washington/Wabash
	for i := range 4 {
		for j, id := range []int{41160, clark, wabash} {
			tr.ApplyArrival(cta.KeyAt(at.Add(time.Duration(i*10+j*4-60)*time.Minute)), cta.Arrival{Line: "green", TrainID: fmt.Sprint("E", i), StationID: id, Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
		}
	}
	train, _ = tr.View(at.Add(6 * time.Minute)).Train("G1")
	if train.State != StateRunning || train.Station != state || len(train.Next) != 1 || train.Next[0].Station != wabash || !train.Since.After(at.Add(3*time.Minute)) {
		t.Errorf("past the closed station the train is %+v", train)
	}
	if took := train.Stops[0].Expected.Sub(at.Add(3 * time.Minute)); took < 225*time.Second || took > 255*time.Second {
		t.Errorf("it takes %v to the next stop, want about 4 minutes as before", took)
	}
	tr.ApplyArrival(cta.KeyAt(at.Add(5*time.Minute)), cta.Arrival{Line: "green", TrainID: "G1", StationID: state, Direction: cta.DirectionA, TrainStatus: cta.TrainInService})
	for _, b := range tr.View(at.Add(5 * time.Minute)).Boards {
		if b.Station == state && len(b.Here)+len(b.Next)+len(b.Ending) > 0 {
			t.Errorf("a board of the closed station has trains: %+v", b)
		}
	}
}
