// Package cta is the domain of a transit network: lines, stations, riders, service,
// events, and the names of the topics that carry the events. It imports only the
// standard library. Its only I/O is reading the files given to [Load].
//
//	net := cta.Chicago()
//	lake := net.Station(40380)
//	fmt.Println(lake.Name, lake.Lines) // Clark/Lake [blue brown green orange purple pink]
//
// # Concepts
//
//   - A [Station] has stops, and is on lines. A [Stop] is a platform. Station names are
//     not unique, ids are.
//   - A [Line] has patterns; [Network.LinesNamed] finds one by name. A [Pattern] is the
//     ordered list of calls of a run. It may call at a station twice, on a ring or a loop.
//   - Each [Call] has a direction, a or b. [Line.Towards] returns the riders' name of a
//     direction, [Heading] that of the trains at some positions.
//   - A [Trip] is a timetabled run. It departs at a fixed time on the service days of its
//     [Calendar], and calls at the times of its [Profile].
//   - A [Headway] gives only the time between trains, as the Chicago data do. [CombinedHeadway]
//     is that of two services. [Pattern.AppendRuns] and [Pattern.HeadwayAt] look both up.
//   - The events are [Arrival], [TurnstileEntry] and [Weather]. The [Key] of each holds
//     the event time. [Topics] names their topics, and [PartitionKey] keeps a station's
//     events in order.
//   - [Plain] reduces a text to what searches compare, and [Redacted] hides the secrets
//     of an address.
//
// Another agency's network comes from its GTFS feed (package gtfs), or from a few CSV
// files: see [Load]. Package tables has the JSON records of the stations table and of
// counts, and package alert the notices to riders.
//
// Everything here is safe for concurrent use.
package cta
