// Package realtime derives the arrivals of real trains and buses from an agency's
// GTFS-Realtime feeds (gtfs.org/realtime), as protobuf or JSON.
//
//	net, _, err := gtfs.Load("feed.zip", gtfs.Options{}) // the agency's timetable
//	source, err := realtime.New(net, realtime.Config{Vehicles: "https://…", Trips: "https://…"})
//	if err != nil {
//		return err // names every setting that is wrong
//	}
//	return source.Run(ctx, ctaproducer.NewEmitter(producer, nil)) // nil once ctx ends
//
// # Trips
//
// A trip is found by its trip_id, start_date and start_time. Without a date, the service
// day is that on which the trip runs nearest to the feed's times. It may have begun
// yesterday. Stops are found by their id and stop_sequence. A platform that the trip
// doesn't have stands for its station. A train's id is [cta.Run.ID].
//
// The trip ids of another week's timetable are unknown. Such a trip is matched by route,
// stops and times, if exactly one trip fits. A trip that was added is followed along the
// pattern that has its stops. All other trips are left out, and the log says so once.
//
// # Arrivals
//
// The feeds contain positions and expected times, but no arrivals. A train has arrived at
// a stop if:
//
//   - Its vehicle is at that stop, or comes to a later one, by current_status, stop_id
//     and current_stop_sequence.
//   - Without these, its coordinates are within 100 m of the stop, or beyond it on the
//     trip's way.
//   - Without a vehicle, the stop's time in the trip update has passed, or the update now
//     begins with a later stop.
//
// The arrival time is that of the trip update, if that lies between the two answers.
// Otherwise, the time between two positions is divided by distance. Times are right to
// within a poll, and never after the time of the feed. A stop that may have been passed at
// any time of a longer gap is left out. Each stop of a run is emitted once. The first stop
// is emitted when the train leaves it. The first sight of a train yields no arrival.
//
// At the end of its run a train gets a last event with status out_of_service, so that pages
// drop the train. That happens when the feed no longer has the train, when its vehicle
// begins another trip, or after two minutes. A train that is missing elsewhere gets the
// event after six minutes, and a cancelled one at once.
//
// # The agency's predictions
//
// A sink that is also a [PredictionSink] receives the expected times of trip updates, by
// train: its next stops of half an hour. They are passed on when a stop's time has moved by
// 5 s or more, when the list has changed, and else every two minutes. A stop without a time
// is as late as the departure before it. NO_DATA holds for the stops that follow. A train
// that is cancelled, or at its end, gets a prediction without stops.
//
// # What is set aside
//
//   - An answer no newer than the last, or more than two minutes ahead of this machine's
//     clock.
//   - A time or a delay that is two days off.
//   - A position five minutes older than its feed.
//   - A step that no train can make in the time, or that leads far from the coordinates,
//     until a second answer confirms it.
//   - A vehicle without a trip, and the second of two vehicles with one id or one trip.
//
// While a feed's content doesn't change, or most of its trains are missing, no train counts
// as lost. The metric ctalive_realtime_set_aside_total counts what is set aside, by
// reason.
//
// # Failures
//
// HTTP errors, pages of HTML, answers that are cut short and those with incrementality
// DIFFERENTIAL are retried with growing pauses, and logged once. No text contains a header's value.
//
// The package was tested with recorded feeds of Redding and Davis in California, and with
// feeds of simulated trains. It was not run against an agency's server.
package realtime
