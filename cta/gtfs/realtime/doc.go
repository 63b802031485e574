// Package realtime publishes what is known of a network's trains as GTFS-Realtime
// (gtfs.org/realtime), which trip planners read: vehicle positions, trip updates and
// alerts.
//
//	p, err := realtime.NewPublisher(net)
//	if err != nil {
//		return err
//	}
//	feeds := p.Publish(realtime.Now{View: tracker.View(now), Said: tracker.Said})
//	w.Write(feeds.TripUpdates.Protobuf)
//
// Package ctaweb serves them under the dashboard's handler.
//
// # Trips
//
// The feeds belong to a static feed: the agency's own, if the network was read from one,
// or what [gtfs.Write] writes of the network. Ids of routes, trips and stops, numbers of
// calls and directions are those of the static feed. Where only headways are known,
// trips are those of [gtfs.Frequencies], and their start_time is when the train left.
//
// A train makes the run that its id names (see [cta.Run]), or the only one that fits what
// it said: the order of its calls, its destination, and the timetable. Where two runs
// fit alike, the train is a vehicle without a trip. A run that was found stays
// until the train leaves it. start_date is the service day, also past midnight.
//
// # Times
//
// The header has the time that the feed is of. When nothing new is known, that time
// stands still, and so does the feed: it is never empty because the input is late. It
// grows with every change. A train that has fallen silent has the time and the place of
// its last word. Times are predicted for some twenty minutes ahead; before them comes
// the call that was made last. uncertainty is half the range of a prediction, in
// seconds, and 0 of what has happened. A call at a closed station is SKIPPED.
//
// A run is told of until a minute after its end. Positions lie on the straight line
// between two stations.
package realtime
