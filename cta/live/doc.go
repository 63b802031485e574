// Package live derives from a network's events what riders ask: where the trains
// are, when the next ones come and how sure that is, whether a line runs well, and
// how crowded a station is. It knows no clock but the time it is given, no Kafka
// and no web.
//
//	t := live.NewTracker(net)
//	t.ApplyArrival(key, arrival) // as events come, in any order
//	t.Record(now)                // every half minute, to score predictions
//	v := t.View(now)
//	for _, b := range v.Station(40380) {
//		fmt.Println(b.Line, b.Direction, b.Next)
//	}
//
// # Concepts
//
// All times are event times. A [Tracker] remembers the arrivals of the last two
// hours, and [Tracker.View] derives everything from them anew, so that a [View]
// depends on the set of events and the moment only: late and repeated events end
// up where they belong, and the order of delivery doesn't matter. What a tracker
// takes of memory is bounded: 4,000 trains of 160 events, 100,000 predictions that
// wait to be scored, 155 counts of each station. A View of the 'L' takes about a
// millisecond, and is made again only when events or the time have changed.
// Everything may be used by many goroutines at once.
//
// # Trains
//
// A train is where it was heard of last, on whichever line that was. What it does:
//
//   - [Stopped]: it came to a station less than 25 seconds ago.
//   - [Running]: it is on its way to the next, as far as trains usually are by then,
//     and just before it when it is late.
//   - [Silent]: it is overdue at the next by three minutes, or by the time its segment
//     takes if that is longer. It is shown, and nothing is predicted of it.
//   - [Standing]: it said last that it is broken down.
//   - [Turning]: it is at the end of its run, or out of service.
//
// A train is dropped when it is overdue by fifteen minutes, two minutes after it
// left service, and an hour after it broke down or ended its run. It comes back when
// it is heard of again.
//
// A train isn't overdue while a train ahead of it holds it up: one that is on its way
// or broken down, and isn't silent. A train that another has passed is in nobody's way.
// It isn't predicted at the station where it was passed, nor to depart, and a
// line isn't said to stand because of it.
//
// # Predictions
//
// For a train on its way, times add up from where it was last, by these rules:
//
//  1. A segment takes, from arrival to arrival, the mean of its last eight trains,
//     newer ones counting more. Times far from their median are left out, as are
//     those of trains that broke down.
//  2. Where none was seen, it takes the distance over the mean speed of the line's
//     other segments, or 9 m/s. One or two trains are averaged with that.
//  3. A broken-down train leaves when breakdowns end, going by those seen, and in a
//     minute and a half at the earliest.
//  4. Trains don't pass one another: one comes a minute after the one ahead leaves,
//     or later.
//  5. A train closer to the one ahead than 0.7 of the intended headway is held, for
//     four minutes at most.
//  6. A train that is overdue comes in a few seconds, up to a minute when it is very
//     late.
//  7. Round the Loop and back trains run through. At an end of the line, or where
//     the hour's service turns back, the run ends; the next departs a headway after
//     the last, and is likely the train that has waited longest. When a departure
//     is overdue by three quarters of a headway, the next is expected instead.
//  8. Where branches part and it isn't known which one a train takes, it is
//     predicted for both, as [Arrival.Maybe].
//
// The range of a prediction grows with the spread of every segment's times, with
// distance, lateness, a breakdown and a departure still to come.
//
// [Tracker.Record] keeps what the boards say, and [View.Scores] how wrong it was,
// by [Horizons], beside distance over mean speed for the same trains.
//
// # Status
//
// A direction's level and cause come from the first of these rules that holds:
//
//  1. [NoService], good: no service is intended, and no train is on its way.
//  2. [ServiceBegins], good: no event of the line was seen in two hours, and service
//     began less than fifteen minutes ago. [NeverHeard], unknown: it began earlier.
//  3. [LineSilent], unknown: nothing was heard of the line for two minutes, though
//     three trains or departures, or all there are, were due more than a minute
//     ago; or for 25 seconds, though other lines were heard of, and three trains are
//     late by 8 seconds or more, or two by 20, or one by 40 where at most two run; or
//     no train is known, for fifteen minutes of service.
//  4. [TrainStuck]: a train is broken down; major after five minutes, else minor.
//  5. [TrainOverdue]: a train that didn't say why should have come to its next station
//     25 seconds ago, or three standard deviations of what trains take to it if that
//     is more, and none from behind has come there; major after five minutes or with
//     a major gap, else minor.
//  6. [LongGap]: more than 1.5 of the intended headway lies between the last train
//     at a station and the next expected; major above 3. The longest is named, and
//     bunched trains, which are its usual counterpart.
//  7. [CloseUp]: the latest two trains at a station, where the second is
//     still the last heard of, came at less than 0.75 of the intended headway; minor
//     below a half, else good. The closest are named, unless trains come no less
//     often elsewhere, as before branches part.
//  8. [OnHeadway], good: the median time between trains at the stations is known.
//  9. [LastTrains], good: no service is intended any more, but trains are on their way.
//
// 10. [TooEarly], good: trains run, but too few were seen to say how often.
//
// So what goes wrong is told within half a minute of when it can be known. A
// breakdown says so itself. That a train stands which says nothing is known when it
// should have come to the next station. A line's silence is known when two of its
// trains should have been heard of, which depends on how many run: in the rush hour
// that takes seconds on the Red and the Blue Line, up to a minute and a half where
// trains are eight minutes apart, and minutes on the Yellow Line, whose two trains
// have up to five minutes to go to the next station.
//
// The intended headway at a station is that of the hour in which its trains
// began their runs; where only some routes of the line pass, a multiple of it.
// When headways change, the longer one counts for gaps and the shorter one for
// bunching.
//
// While a line is silent its trains run on unseen. So times between trains that a
// silence of two minutes or more lies between, by what is usual for the line, don't
// count, and no gap is told of until five minutes after its end.
//
// # Crowding
//
// Entries of the last fifteen minutes are compared with the station's average for
// such a day, times the hour's share: [Quiet] under 0.6 of it, [Busy] over 1.4,
// [VeryBusy] over twice, if they differ by more than chance would explain.
// [Tracker.Day] has the hours since midnight, as far back as counts were heard of.
//
// # Duties of the caller
//
// The time passed to View and Record should come from the events (see package
// ctaweb for a clock that does). Events more than a minute ahead of it don't count
// yet. A View is made once for each time it is asked for: cut the time to seconds
// to share it. When the source of events starts anew at an earlier time, call
// [Tracker.Reset].
package live
