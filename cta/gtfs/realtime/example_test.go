package realtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs/realtime"
	"github.com/seed-921eec07/ctalive/cta/live"
)

// A tracker has seen one train of the Blue Line.
func Example() {
	net := cta.Chicago()
	now := time.Date(2026, 10, 7, 8, 0, 0, 0, net.Location)
	tracker := live.NewTracker(net)
	bound := 40390 // Forest Park
	tracker.ApplyArrival(cta.KeyAt(now.Add(-20*time.Second)), cta.Arrival{
		StationID: 40890, TrainID: "blue-7", Direction: cta.DirectionA, Line: "blue", TrainStatus: cta.TrainInService, Destination: &bound,
	})
	publisher, err := realtime.NewPublisher(net)
	if err != nil {
		fmt.Println(err)
		return
	}
	feeds := publisher.Publish(realtime.State{View: tracker.View(now), Reports: tracker.Reports})
	text, err := feeds.VehiclePositions.JSON()
	if err != nil {
		fmt.Println(err)
		return
	}
	var out bytes.Buffer
	_ = json.Indent(&out, text, "", "  ") // it is JSON
	fmt.Println(out.String())
	// Output:
	// {
	//   "header": {
	//     "gtfsRealtimeVersion": "2.0",
	//     "incrementality": "FULL_DATASET",
	//     "timestamp": "1791378000"
	//   },
	//   "entity": [
	//     {
	//       "id": "vehicle:blue-7",
	//       "vehicle": {
	//         "trip": {
	//           "tripId": "blue-1-weekday",
	//           "routeId": "blue",
	//           "directionId": 0,
	//           "startTime": "07:59:40",
	//           "startDate": "20261007",
	//           "scheduleRelationship": "UNSCHEDULED"
	//         },
	//         "vehicle": {
	//           "id": "blue-7",
	//           "label": "blue-7"
	//         },
	//         "position": {
	//           "latitude": 41.977665,
	//           "longitude": -87.90422
	//         },
	//         "currentStopSequence": 1,
	//         "stopId": "30172",
	//         "currentStatus": "STOPPED_AT",
	//         "timestamp": "1791378000"
	//       }
	//     }
	//   ]
	// }
}
