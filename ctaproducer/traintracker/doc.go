// Package traintracker derives the arrivals of the real 'L' from the Chicago Transit
// Authority's Train Tracker.
//
//	source, err := traintracker.New(cta.Chicago(), traintracker.Config{Key: key})
//	if err != nil {
//		return err // names every setting that is wrong
//	}
//	return source.Run(ctx, ctaproducer.NewEmitter(producer, nil)) // nil once ctx ends
//
// One call of ttpositions returns the trains of all lines. A key is free of charge:
// see [KeyURL].
//
// # Arrivals
//
// The answers contain positions, but no arrivals. A train has arrived at a station if:
//
//   - Its next station has changed. The arrival time is that of its present position
//     (prdt), if that is at the station. Otherwise, the time between two positions is
//     divided by distance. A station that was skipped between two answers was passed.
//     At a closed station no train arrives.
//   - It approaches the station, and its position is there: within 200 m.
//   - It was due at the end of its run, and two successive answers lack it.
//   - It now runs in the other direction, from the station at which its run ended.
//   - It leaves the station at which its run begins. A train that waits there is not
//     reported before.
//
// Times are right to within a poll, and never after the time of the answer. A passage
// that may have happened at any time of a longer gap is left out. The first sight of a
// train yields no arrival, nor does its state before Run.
//
// A train's id is a line, a run number and a service day, such as blue-113-20261127. A
// service day ends at 4 in the morning. Lines share run numbers. A run that turns keeps
// its number.
//
// A run that is missing from the answers for six minutes, or for twenty at its end,
// gets a last event with status out_of_service, so that pages drop the train. So does one
// that is missing after a gap in the data, at once.
//
// # The CTA's predictions
//
// A sink that is also a [PredictionSink] receives when the CTA expects each train at its
// next station (arrT): when that has moved by 5 s or more, and else every two minutes. The
// answers hold no other predictions.
//
// # Answers that are set aside
//
// Single answers may be wrong. So these are not used:
//
//   - A step that isn't evident, until a second answer confirms it. A step is evident if
//     it leads one station ahead, to a new position that lies there.
//   - An answer no newer than the last, or more than two minutes ahead of this machine's
//     clock.
//   - A train that is older than before.
//
// The platform (nextStpId) determines the direction; without it the destination, and
// then trDr. On the Yellow Line trDr is not used, because it is always 1 there.
//
// While no train moves, or most trains of a line are missing, no train counts as lost.
//
// The metric ctalive_train_tracker_set_aside_total counts what is set aside, by reason.
//
// # Failures
//
//   - A lasting refusal, such as that of a wrong key, ends Run if it is the first answer.
//   - Other failures are HTTP errors, pages of HTML, and error codes. They are retried
//     with growing pauses, and logged once.
//   - Once the CTA's daily limit is reached, calls are retried every quarter of an hour.
//
// No text contains the key.
//
// # Sources
//
// The shape and the meaning of the fields, the error codes and the limit of calls come
// from the CTA's Train Tracker API documentation
// (https://www.transitchicago.com/developers/ttdocs/).
//
// Answers that users of the API have published show that:
//
//   - positions are those of track circuits
//   - prdt doesn't change while a train stands
//   - nextStaId changes as a train arrives at its station
//
// The package was tested with a fake of the Train Tracker, that of package traintrackertest,
// not with the real one.
package traintracker
