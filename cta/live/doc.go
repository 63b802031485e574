// Package live derives rider information from a network's events: train positions,
// predicted arrivals with ranges, line status, and crowding at stations. The package reads
// no clock, and uses neither Kafka nor HTTP.
//
//	t := live.NewTracker(net)
//	err := t.ApplyArrival(key, arrival) // as events come, in any order
//	t.ScorePredictions(now)             // every half minute
//	v := t.View(now)
//	for _, b := range v.BoardsAt(40380) {
//		fmt.Println(b.Line, b.Direction, b.Next)
//	}
//
// A [View] holds the state of one moment:
//
//	View.Trains   each Train: position, state, next stops
//	View.Boards   each platform's Board: the next trains
//	View.Lines    each LineStatus: how the line runs, and why
//	View.Crowds   each station's Crowd: today's entries, and whether it is busy
//	View.Scores   errors of past predictions, by Horizons
//
// [Tracker.Past] returns the last 24 hours of a line, [Tracker.Day] the entries of a station
// since midnight.
//
// # Duties of the caller
//
//   - Pass times that follow the events; package ctaweb has such a clock. Events more than
//     a minute ahead of the time passed do not count yet.
//   - Pass whole seconds, so that callers share one View per second.
//   - Call [Tracker.Reset] when the source of events restarts at an earlier time.
//
// # Trains
//
// A train is at its last reported station, or on its way to the next one by the usual
// running time.
//
//	stopped       for 25 seconds after an arrival
//	silent        overdue by three minutes, or by its segment's running time if longer; it is
//	              not predicted
//	dropped       fifteen minutes after it was due at the next station, two minutes after it
//	              left service, an hour after its last report at the end of its run or broken down
//	back          at its next report
//	two trains    with one id: the later one becomes "id (2)"
//
// Trains pass closed stations when they are due, without a report.
//
// # Predictions
//
// A train is predicted for both branches of a junction ([Arrival.Maybe]). Nine trains of ten
// or more come within a prediction's range.
//
// [Tracker.ApplyPrediction] adds an agency's predictions, and [Tracker.Prefer] chooses
// between them and ours for [Arrival.Expected]. Status and headways always follow ours. The
// agency's prediction of a train is ignored if:
//
//   - it is more than five minutes old, or made more than a minute ahead of now
//   - it is in the past, or more than half an hour from ours
//   - we do not predict the train
//
// # Status
//
// The first matching rule sets the level and cause of a direction:
//
//	cause              level        when
//	CauseNoService     not running  no service is intended, and no train is on its way
//	CauseBeginning     unknown      no event for two hours; service began under 15 minutes ago ¹
//	CauseNeverHeard    unknown      no event for two hours; service began earlier
//	CauseSilent        unknown      no event for some time, and the line's trains are late together
//	CauseStanding      minor        a train is broken down, and none has passed it
//	                   major        for five minutes
//	CauseOverdue       minor        a train is overdue at its next station, and none has passed it ²
//	                   major        for five minutes, or with a major gap
//	CauseTooEarly      good         the first report came under ten minutes ago, or a silence ended under eight,
//	                                and service isn't over
//	CauseGap           minor        over 1.5 intended headways between two trains at a station
//	                   major        over 3
//	CauseBunched       minor        the latest two trains at a station came at less than half of the
//	                                intended headway, and closer than the median of all stations ³
//	CauseEnding        good         service is over for the day; the last trains are on their way
//	CausePausing       good         service pauses; trains are on their way
//	CauseRecovering    minor        CauseRegular or CauseTooEarly, within five minutes of trouble that a View showed
//	CauseRegular       good         the median headway is known
//	CauseTooEarly      good         trains run; the median headway is not known yet
//
//	¹ With a timetable, at most half of the service's length.
//	² By 25 seconds, or three standard deviations of the running time if longer.
//	³ The second train's last report is from that station.
//
// CauseNoService needs a known headway or trip; a timetable without a run on its way for more
// than an hour has no service. A train that another has passed causes neither
// [CauseStanding] nor [CauseOverdue]. A train held up by the one ahead is not overdue. For
// eight minutes after a silence, no gap, bunching, overdue train or time between trains is
// reported.
//
// Only CauseRecovering depends on earlier results of [Tracker.View]. All else follows from the
// arrivals.
//
// # Guarantees
//
//   - All times are event times. The order of delivery and duplicates do not matter.
//   - Everything is safe for concurrent use.
//   - Views derive from the arrivals of the last two hours. A View of the 'L' takes about a
//     millisecond, and is computed only when the events or the time have changed.
//
// Memory is bounded:
//
//	trains                                  4,000 of 160 events each
//	an agency's predictions                 4,000 trains
//	predictions waiting for their score     100,000
//	counts                                  155 per station
//	a line's last day                       10 kB
//	arrivals to judge past minutes again    300,000; usually four hours, 0.2 MB for the 'L'
package live
