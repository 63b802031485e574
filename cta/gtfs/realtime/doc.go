// Package realtime publishes the trains of a network as GTFS-Realtime
// (gtfs.org/realtime), which trip planners read: vehicle positions, trip updates and
// alerts.
//
//	p, err := realtime.NewPublisher(net)
//	if err != nil {
//		return err
//	}
//	feeds := p.Publish(realtime.State{View: tracker.View(now), Reports: tracker.Reports})
//	w.Write(feeds.TripUpdates.Protobuf)
//
// Package ctaweb serves the feeds under the dashboard's handler.
//
// # Trips
//
// The feeds refer to a static feed: the agency's own if the network was read from one,
// else the output of [gtfs.Write]. They use the static feed's ids of routes, trips and
// stops, its stop sequences and its directions. Where only headways are known, trips are
// those of [gtfs.WithFrequencies], and start_time is the train's departure.
//
//   - A train makes the run that its id names (see [cta.Run]).
//   - Otherwise it makes the only run that fits its calls, its destination and the
//     timetable.
//   - Where two runs fit equally well, the train is a vehicle without a trip.
//   - A train keeps its run until it leaves the run's course.
//   - start_date is the service day, also past midnight.
//   - A run stays in the feeds until a minute after its end.
//
// # Times
//
//   - The header's timestamp is the time of the data. It increases with every change.
//   - Without new data, the timestamp and the feed stay the same. Late input never
//     empties a feed.
//   - A silent train keeps the time and the place of its last report.
//   - Predictions reach about twenty minutes ahead. The latest call made precedes them.
//   - uncertainty is half the range of a prediction, in seconds; it is 0 for past calls.
//   - A call at a closed station is SKIPPED.
//
// Positions lie on the shape of the trip, or on the straight line between two stations if
// the network has no shapes.
//
// [Reader] reads the alerts of an agency's feed.
package realtime
