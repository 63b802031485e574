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
// The answers hold no arrivals. A train has come to a station when one of these holds:
//
//   - Its next station has moved on. The time is when the train came to its present
//     position (prdt) if that is at the station; else the time between two positions is
//     shared out by distance. A station that was skipped between two answers was passed.
//   - It approaches the end of its run, and its position is that station's.
//   - It was due at the end of its run, and two answers in a row don't have it.
//   - It runs in the other direction now, from the station at which its run ended.
//   - It leaves the station at which its run begins. That is also when a train that
//     waits there is first heard of.
//
// Times are right to within a poll, and never after the time of the answer. A passage
// that may have happened at any time of a longer gap has no time, and is left out.
// Nothing is derived from the first sight of a train, nor from its state before Run.
//
// A train is a line, a run number and a service day, such as blue-113-20261127; days end
// at 3 in the morning. Lines share run numbers. A run that turns keeps its number.
//
// A run that is missing from the answers for six minutes, or for twenty at its end,
// gets a last event with status out_of_service, so that pages drop the train.
//
// # What is not believed
//
//   - A step that isn't evident (one station ahead, at a new position that lies there)
//     counts when a second answer says so too. Single answers may be wrong.
//   - An answer no newer than the last, a train that is older than before, and an
//     answer more than two minutes ahead of this machine's clock change nothing.
//   - The direction is that of the platform (nextStpId). Without one it is that of the
//     destination, and then trDr, but not on the Yellow Line, where trDr is always 1.
//   - While no train moves, or most trains of a line are missing, no train is lost.
//
// All of it is counted by reason, in ctalive_train_tracker_set_aside_total.
//
// # Trouble
//
// A refusal that lasts, such as a wrong key, ends Run when it is the first answer.
// Other failures are retried with growing pauses, and are logged once. They are
// HTTP errors, pages of HTML, and error codes. Once the CTA's daily limit is reached,
// calls are tried every quarter of an hour. No text holds the key.
//
// # Sources
//
// The shape and the meaning of the fields, the error codes and the limit of calls come
// from the CTA's Train Tracker API documentation
// (https://www.transitchicago.com/developers/ttdocs/). That positions are those of track
// circuits, that prdt stands still with a train, and that nextStaId moves on as a train
// comes to its station was seen in answers that users of the API have published.
// The package was tested with a fake of the Train Tracker, not with the real one.
package traintracker
