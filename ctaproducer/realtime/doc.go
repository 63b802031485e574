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
// Failures are retried with growing pauses, and logged once: HTTP errors, pages of HTML,
// answers that are cut short, and those with incrementality DIFFERENTIAL. No text contains a
// header's value.
//
// The package was tested with recorded feeds of Redding and Davis in California, and with
// feeds of simulated trains. It was not run against an agency's server.
//
// # Events
//
// A train's id is [cta.Run.ID]. Each stop of a run is emitted once, the first when the train
// leaves it. Times are right to within a poll, and never after the time of the feed. No
// arrival comes of the first sight of a train, or of a stop that was passed at any time of a
// longer gap.
//
// A train gets a last event with status out_of_service, so that pages drop the train:
//
//	at the end of its run   when the feed lacks the train, its vehicle begins another trip, or
//	                        after two minutes
//	missing elsewhere       after six minutes
//	cancelled               at once
//
// A sink that is also a [PredictionSink] receives the expected times of trip updates: a
// train's next stops of half an hour. They are passed on when the list has changed or a time
// has moved by 5 s or more, and every two minutes. A stop without a time is as late as the
// departure before it. NO_DATA holds for the stops that follow. A train that is cancelled, or
// at its end, gets a prediction without stops.
//
// # Which trip it is
//
// A trip is found by its trip_id, start_date and start_time; without a date, on the service
// day that is nearest to the feed's times. Stops are found by their id and stop_sequence. A
// platform that the trip does not have stands for its station.
//
//	unknown trip_id   matched by route, stops and times, if exactly one trip fits
//	added             followed along the pattern that has its stops
//	others            left out; the log names the first one
//
// # Which stop was reached
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
// Otherwise, the time between two positions is divided by distance.
//
// # Wrong answers
//
// These are not used. ctalive_realtime_set_aside_total counts them by reason:
//
//   - An answer no newer than the last, or more than two minutes ahead of this machine's
//     clock.
//   - A time or a delay that is two days off.
//   - A position five minutes older than its feed.
//   - A step that no train can make in the time, or that leads far from the coordinates,
//     until a second answer confirms it.
//   - A vehicle without a trip, and the second of two vehicles with one id or one trip.
//
// While a feed's content does not change, or most of its trains are missing, no train counts
// as lost.
package realtime
