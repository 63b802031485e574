// Package live derives rider information from a network's events: train positions,
// arrival predictions and their uncertainty, line status, and crowding at stations. Its
// only clock is the time passed in. It uses neither Kafka nor HTTP.
//
//	t := live.NewTracker(net)
//	err := t.ApplyArrival(key, arrival) // as events come, in any order
//	t.ScorePredictions(now)             // every half minute
//	v := t.View(now)
//	for _, b := range v.Station(40380) {
//		fmt.Println(b.Line, b.Direction, b.Next)
//	}
//
// # Duties of the caller
//
//   - Pass times that follow the events; package ctaweb has such a clock. Events more than
//     a minute ahead of that time don't count yet.
//   - Cut the time to whole seconds to share a View: there is one View for each time.
//   - Call [Tracker.Reset] when the source of events restarts at an earlier time.
//
// # Guarantees
//
//   - All times are event times.
//   - A [Tracker] keeps the arrivals of the last two hours. [Tracker.View] derives everything
//     but recoveries from them, so the order of delivery and duplicates don't matter.
//   - Memory is bounded: 4,000 trains of 160 events, 100,000 predictions waiting for their
//     score, an agency's predictions of 4,000 trains, 155 counts per station, 10 kB per line
//     for its last day. At most 300,000 arrivals are kept to judge past minutes again,
//     usually those of four hours: 0.2 MB for the 'L'.
//   - A View of the 'L' takes about a millisecond, and is computed only when events or the
//     time have changed.
//   - Everything is safe for concurrent use.
//
// # Trains
//
// A train is at the place of its last report, on whichever line. Between stations its
// position follows the usual running time; a late train is just before the station.
//
//   - [StateStopped]: it arrived at a station less than 25 seconds ago.
//   - [StateSilent]: it is overdue at the next station by three minutes, or by the running time
//     of its segment if that is longer. It is not predicted.
//   - A train is dropped fifteen minutes overdue, two minutes after it left service, or an
//     hour after it broke down or ended its run. It returns with its next report.
//   - Its destination is the reported one, or follows from the services by which its run
//     may have begun: the loop before the train reaches it, "Kimball via the Loop" inside it.
//
// # Boards and predictions
//
// [Board.Next] has the trains that riders may board, [Board.Ending] those that end their
// runs there. The last train of a headway service is known at most 70 minutes ahead.
// [Tracker.ScorePredictions] stores the predictions on the boards. [View.Scores] has their
// errors by [Horizons], and those of distance over mean speed for the same trains.
//
// An agency's own predictions are added with [Tracker.ApplyPrediction]. They belong to a
// train by its id, or by the trip's id for a run that has not begun. [Arrival.Agency] is
// the agency's prediction, [Arrival.Ours] ours. [Tracker.Prefer] sets which of them
// [Arrival.Expected] is. [Score.Better] is the more accurate side, for the same arrivals.
//
// # Status
//
// The first matching rule sets a direction's level and cause:
//
//  1. [CauseNoService], not running: no service is intended, and no train is on its way.
//     This rule needs a known headway or trip of the line. A timetable has no service where
//     none of its runs is on its way for more than an hour.
//  2. No event of the line was seen in two hours. [CauseBeginning], unknown: service
//     began less than fifteen minutes ago, or is in the first half of a shorter time of a
//     timetable. [CauseNeverHeard], unknown: it began earlier.
//  3. [CauseSilent], unknown: the line is silent, see below.
//  4. [CauseStanding]: a train is broken down, and none has passed it; major after five
//     minutes, else minor.
//  5. [CauseOverdue]: a train has not reported at its next station, and no other train
//     passed it. Threshold: 25 seconds, or three standard deviations of the running time if
//     longer, and one later report of any train. Major after five minutes or with a major
//     gap, else minor.
//  6. [CauseTooEarly], good: the line's first report came less than ten minutes ago. Its other
//     trains have yet to report, and seem to leave gaps.
//  7. [CauseGap]: more than 1.5 of the intended headway lies between the last train at a
//     station and the next expected; major above 3, else minor. The longest gap is named.
//  8. [CauseBunched], minor: the latest two trains at a station came at less than half of the
//     intended headway, and closer than the median of all stations. The second
//     train's last report must be from that station. The closest pair is named.
//  9. [CauseEnding], good: service has ended for the service day, but trains are on their
//     way. [CausePausing], good: it pauses.
//  10. [CauseRegular], good: the median time between trains at the stations is known. With a
//     timetable it is the median of averages over the latest trains.
//     [CauseTooEarly], good: trains run, but too few were seen for a median.
//
// A level lasts. For five minutes after trouble, a direction that would run well is
// [CauseRecovering], minor: gaps and bunched trains come and go by the minute. This follows
// from the views so far; the first view of a tracker knows of no earlier trouble.
//
// Trouble shows within half a minute of the earliest time at which it can be known:
//
//   - A breakdown is reported by its train.
//   - A train that stops without a report is noticed when it is due at the next station.
//   - A line's silence is noticed when two of its trains should have reported: after seconds
//     on the Red and the Blue Line in the rush hour, after a minute and a half at headways
//     of eight minutes, after minutes on the Yellow Line.
//
// # The last day
//
// [Tracker.Past] is how a line ran in the last 24 hours: its level in slots of five minutes,
// the measured and the intended time between trains, and the spells of trouble with the
// longest wait of each. A recovery is no part of a spell. [Tracker.JudgePast] judges every
// minute by the status of a View of that minute, two minutes later. [Tracker.AddPast] adds
// the arrivals of a day at once, for example after a restart.
//
// # Crowding
//
// The entries of the last fifteen minutes are compared with the station's average for the
// type of day, times the hour's share. A [Crowding] must exceed chance. [Tracker.Day] returns
// the entries of each hour since midnight, as far back as counts reach.
//
// # How it works: predictions
//
// The prediction of a train on its way adds up times from its last report:
//
//  1. A segment's time is the mean of its last eight trains. Newer trains weigh more.
//     Without observations it is the distance over the mean speed of the line's other
//     segments, or over 9 m/s.
//  2. With a timetable, a segment takes the scheduled time plus the mean delay of recent
//     trains. A train up to two minutes early waits. An express overtakes as scheduled.
//  3. A broken-down train departs after the mean length of breakdowns, and at the
//     earliest in a minute and a half.
//  4. Without a timetable, each train arrives at least a minute after the one ahead. A
//     train closer to it than 0.7 of the intended headway is held, for up to four minutes.
//  5. A run ends at the end of the line, or where this hour's service turns back. The next
//     run departs one headway after the previous one, probably with the train that has
//     waited longest. A run three quarters of a headway late is skipped.
//  6. Where branches part, a train is predicted for both until its branch is known.
//
// A range grows with the spread of every segment's times, with distance, lateness, a
// breakdown and a departure still to come. It also widens until nine of ten recorded
// predictions hold.
//
// An agency's prediction is ignored if it is over five minutes old, more than a minute
// ahead of now or past, if it is more than half an hour from ours, or if we do not predict
// the train. A train's stops are always in order: where the agency has the train later, our
// times of the following stops move with it. Headways and status always follow our
// predictions.
//
// # How it works: trains that don't report
//
//   - Trains do not report from a closed station, and pass it when they are due.
//   - A train isn't overdue while a train ahead holds it up.
//   - A train that another has passed holds up no other train, causes neither [CauseStanding]
//     nor [CauseOverdue], and is not predicted at the station where it was passed.
//   - If six reports of an id alternate between two places, two trains share it: the one
//     seen later becomes "id (2)".
//
// A line is silent if one of these holds. Trains that fell silent while others of the
// line reported don't count.
//
//   - The line sent nothing for two minutes, and three trains or departures, or all there
//     are, were due more than a minute ago.
//   - The line sent nothing for 25 seconds while other lines did, and three trains are late
//     by 8 seconds, or two by 20. Where at most two run, one late by 40 seconds is enough.
//   - The line sent nothing for fifteen minutes of service, and no train is known.
//   - No line sent anything for a minute, six reports are missing at the rate of the last
//     hour, and three trains are due. Then the source of all lines is silent, and no train
//     becomes more overdue.
//
// # How it works: headways and the past
//
//   - A station's intended headway is that of the hour in which its trains began their runs.
//     When headways change, the longer one counts for gaps and the shorter for bunching.
//   - A timetable's trains have a headway if the times between them are within 1.5 of each
//     other or up to 15 minutes: [Headway.Uneven] and [DirectionStatus.Uneven] are for others.
//   - An interval with two unusually silent minutes in it doesn't count. For eight minutes
//     after a silence, no gap and no overdue train is reported: feeds may repeat old answers.
//   - The past follows from the arrivals alone, in whichever order they come. An arrival up
//     to two hours late changes the minutes after it.
//   - When a line turns out to be silent, all minutes since its last event are unknown. No
//     wait is measured across them, or across a pause of the service.
//   - In the twenty minutes after the first arrival of all, no trouble is known.
package live
