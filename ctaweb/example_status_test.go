package ctaweb_test

import (
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// A train comes to Clark/Lake, where 42 riders have entered; half a minute later
// it is on its way to Washington.
func ExampleModel_Status() {
	m := ctaweb.NewModel(cta.Chicago())
	at := time.Date(2026, 10, 7, 8, 0, 0, 0, m.Network().Location)
	sent := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) // by another clock
	if err := m.ApplyArrival(cta.KeyAt(at), cta.Arrival{
		StationID: 40380, TrainID: "B101", Direction: cta.DirectionA,
		Line: "blue", TrainStatus: cta.TrainInService,
	}, sent); err != nil {
		fmt.Println(err)
	}
	m.ApplyCount(tables.TurnstileCount{StationID: 40380, Count: 42}, sent)

	for _, later := range []time.Duration{10 * time.Second, time.Minute} {
		st := m.Status(sent.Add(later))
		train := st.Lines[1].Trains[0]
		fmt.Println(st.AsOf.Format("15:04:05"), "towards", train.Towards, train.State, train.Station, "then", train.Next[0].Station)
	}
	// Output:
	// 08:00:10 towards Forest Park stopped 40380 then 40370
	// 08:01:00 towards Forest Park running 40380 then 40370
}
