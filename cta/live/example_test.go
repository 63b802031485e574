package live_test

import (
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// Three trains of the Yellow Line have run from Dempster-Skokie to Oakton-Skokie. A
// fourth has just left.
func ExampleTracker() {
	net := cta.Chicago()
	const oakton, dempster = 41680, 40140
	eight := time.Date(2026, time.October, 7, 8, 0, 0, 0, net.Location)

	t := live.NewTracker(net)
	arrive := func(at time.Duration, train string, station int) {
		if err := t.ApplyArrival(cta.KeyAt(eight.Add(at)), cta.Arrival{
			StationID: station, TrainID: train, Line: "yellow",
			Direction: cta.DirectionA, TrainStatus: cta.TrainInService,
		}); err != nil {
			fmt.Println(err)
		}
	}
	for i, train := range []string{"YE001", "YE002", "YE003"} {
		begin := time.Duration(10*i-30) * time.Minute
		arrive(begin, train, dempster)
		arrive(begin+2*time.Minute, train, oakton)
	}
	arrive(0, "YE004", dempster)

	v := t.View(eight.Add(time.Minute))
	next := v.BoardsAt(oakton)[0].Next[0]
	fmt.Printf("%s at %s, from %s to %s (%s)\n", next.Train, next.Expected.Format("15:04:05"),
		next.Earliest.Format("15:04:05"), next.Latest.Format("15:04:05"), next.Basis)
	train, _ := v.Train("YE004")
	fmt.Printf("%s is %s, %.0f %% of the way\n", train.ID, train.State, 100*train.Fraction)
	yellow, _ := v.Line("yellow")
	howard := yellow.Directions[0]
	fmt.Println("towards", howard.Towards, howard.Level, howard.Cause, howard.Every)

	// Output:
	// YE004 at 08:01:59, from 08:01:41 to 08:02:27 (observed)
	// YE004 is running, 37 % of the way
	// towards Howard good regular 10m0s
}
