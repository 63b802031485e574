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
// A lasting refusal, such as that of a wrong key, ends Run if it is the first answer. Other
// failures are retried with growing pauses, and logged once: HTTP errors, pages of HTML, error
// codes. Once the CTA's daily limit is reached, calls are retried every quarter of an hour. No
// text contains the key.
//
// The package was tested with a fake of the Train Tracker, that of package traintrackertest,
// not with the real one.
//
// # Events
//
// A train's id is a line, a run number and a service day, such as blue-113-20261127. A
// service day ends at 4 in the morning. Lines share run numbers. A run that turns keeps
// its number.
//
// Times of arrivals are right to within a poll, and never after the time of the answer. No
// arrival comes of the first sight of a train, or of a passage at any time of a longer gap.
//
// A run gets a last event with status out_of_service, so that pages drop the train:
//
//   - six minutes after the answers lack it, or twenty at its end
//   - at once, if it is missing after a gap in the data
//
// A sink that is also a [PredictionSink] receives each train's expected time at its next
// station (arrT), at a change of 5 s or more, and every two minutes. The answers contain no
// other predictions.
//
// # Which train has arrived
//
// The answers contain positions, but no arrivals. A train has arrived at a station if:
//
//   - Its next station has changed. The arrival time is that of its present position
//     (prdt), if that is at the station. Otherwise, the time between two positions is
//     divided by distance. A station that was skipped between two answers was passed.
//     At a closed station no train arrives.
//   - It approaches the station, and its position is within 200 m.
//   - It was due at the end of its run, and two successive answers lack it.
//   - It now runs in the other direction, from the station at which its run ended.
//   - It leaves the station at which its run begins. A waiting train is not reported.
//
// The platform (nextStpId) determines the direction; without a platform the destination, and
// then trDr. On the Yellow Line trDr is not used: there it is always 1.
//
// # Wrong answers
//
// Some answers are not used. ctalive_train_tracker_set_aside_total counts them by reason:
//
//   - A step that is not evident, until a second answer confirms it. An evident step leads
//     one station ahead, to a new position that lies there.
//   - An answer no newer than the last, or more than two minutes ahead of this machine's
//     clock.
//   - A train that is older than before.
//
// While no train moves, or most trains of a line are missing, no train counts as lost.
//
// # Sources
//
// Fields, error codes and the limit of calls: the CTA's Train Tracker API documentation
// (https://www.transitchicago.com/developers/ttdocs/). Answers that users of the API have
// published show three more facts:
//
//   - positions are those of track circuits
//   - prdt does not change while a train stands
//   - nextStaId changes as a train arrives at its station
package traintracker
