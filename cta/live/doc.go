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
//   - All times are event times.
//   - A [Tracker] remembers the arrivals of the last two hours. [Tracker.View] derives
//     everything from them anew, so the order of delivery and repetition don't matter.
//   - Memory is bounded: 4,000 trains of 160 events, 100,000 predictions that wait to be
//     scored, 155 counts of each station.
//   - A View of the 'L' takes about a millisecond. It is made again only when events
//     or the time have changed.
//   - Everything may be used by many goroutines at once.
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
// An id is one train's, and turns up elsewhere with it. Reports from two places in turn,
// each of which leads on from its own, are those of two trains under one id. They are
// shown as two after six such reports, the one that was known later as "id (2)".
//
// A train isn't overdue while a train ahead of it holds it up: one that is on its way
// or broken down, and isn't silent. A train that another has passed is in nobody's way.
// It isn't predicted at the station where it was passed, nor to depart, and a
// line isn't said to stand because of it.
//
// # Destinations
//
// A train runs where it said that its run ends. When it didn't say, it runs where the
// services lead by which it may have begun. Boards, trains and arrivals name the same
// destination for the same train: the loop before trains come to it, "Kimball via the
// Loop" inside it. Arrivals of trains that end their runs at a platform are kept apart
// from those that riders may board.
//
// The last train of a service that sends trains off a headway apart is known 70 minutes
// ahead at most: see [Board.Last] and [DirectionStatus.Last].
//
// # Predictions
//
// For a train on its way, times add up from where it was last:
//
//  1. A segment takes, from arrival to arrival, the mean of its last eight trains,
//     newer ones counting more. Times far from their median are left out, as are
//     those of trains that broke down.
//  2. Where none was seen, it takes the distance over the mean speed of the line's
//     other segments, or 9 m/s. One or two trains are averaged with that.
//  3. A broken-down train leaves after the usual length of breakdowns, and in a
//     minute and a half at the earliest.
//  4. Trains don't pass one another: one comes a minute after the one ahead, or later.
//  5. A train closer to the one ahead than 0.7 of the intended headway is held, for
//     four minutes at most.
//  6. A train that is overdue comes in a few seconds, up to a minute when it is very
//     late.
//  7. A run ends at an end of the line, or where the hour's service turns back. The next
//     departs a headway after the last, and is likely the train that has waited longest.
//     When it is overdue by three quarters of a headway, the one after it is expected.
//     Round the Loop and back trains run through.
//  8. Where branches part, a train is predicted for both until it is known which one
//     it takes, as [Arrival.Maybe].
//
// A prediction of a broken-down train, and those of trains behind it, name the train that
// they suppose to go on, as [Arrival.Rests].
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
//  1. [NoService], not running: no service is intended, and no train is on its way.
//  2. [ServiceBegins], good: no event of the line was seen in two hours, and service
//     began less than fifteen minutes ago. [NeverHeard], unknown: it began earlier.
//  3. [LineSilent], unknown, when one of these holds. Trains that fell silent while
//     others were heard of don't count.
//     Nothing was heard of the line for two minutes, and three trains or departures, or
//     all there are, were due more than a minute ago.
//     Nothing was heard of it for 25 seconds but of other lines, and three trains are
//     late by 8 seconds, or two by 20, or one by 40 where at most two run.
//     Nothing was heard of it for fifteen minutes of service, and no train is known.
//  4. [TrainStuck]: a train is broken down, and none has passed it; major after five
//     minutes, else minor.
//  5. [TrainOverdue]: a train that didn't say why should have come to its next station
//     25 seconds ago, or three standard deviations of what trains take to it if that
//     is more, and none has passed it; major after five minutes or with a major gap,
//     else minor.
//  6. [LongGap]: more than 1.5 of the intended headway lies between the last train
//     at a station and the next expected; major above 3, else minor. The longest is
//     named.
//  7. [CloseUp], minor: the latest two trains at a station, where the second is still the
//     last heard of, came at less than half of the intended headway, and closer than the
//     median of all stations. The closest are named.
//  8. [LastTrains], good: no service is intended any more, but trains are on their way.
//  9. [OnHeadway], good: the median time between trains at the stations is known.
//
// 10. [TooEarly], good: trains run, but too few were seen to say how often.
//
// What goes wrong is told within half a minute of when it can be known:
//
//   - A breakdown says so itself.
//   - A train that stands without a word is known when it should have come to the next
//     station.
//   - A line's silence is known when two of its trains should have been heard of: in
//     the rush hour after seconds on the Red and the Blue Line, a minute and a half
//     where trains are eight minutes apart, and minutes on the Yellow Line.
//
// Headways:
//
//   - The one intended at a station is that of the hour in which its trains began their
//     runs. Where only some routes of the line pass, it is a multiple.
//   - When headways change, the longer one counts for gaps and the shorter for bunching.
//   - While a line is silent its trains run on unseen. The time between two trains with
//     two unusually silent minutes between them doesn't count, and no gap is told until
//     five minutes after a silence.
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
