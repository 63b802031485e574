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
//   - A [Station] has one or more stops, and is on one or more lines. A [Stop] is a
//     platform. Station names are not unique; ids are.
//   - A [Line] has patterns. A [Pattern] is the ordered list of calls of a run, from its
//     first station to its last. It may call at a station twice, on a ring or a loop.
//   - Each [Call] has a direction, a or b. [Line.Towards] returns the riders' name of a
//     direction.
//   - [Line.Stations] lists the stations in drawing order: the main line, then the
//     branches.
//   - A [Trip] is a timetabled run. It departs at a fixed time on the service days of its
//     [Calendar], and calls at the times of its [Profile].
//   - A [Headway] gives only the time between trains during some hours, as the Chicago
//     data do.
//   - [Pattern.Runs] and [Pattern.HeadwayAt] look up trips and headways.
//   - The events are [Arrival], [TurnstileEntry] and [Weather]. The [Key] of each holds
//     the event time.
//   - [StationRow] is a row of the raw stations table. [StationRecord] and
//     [TurnstileCount] are derived from the events. [Topics] names the topics.
//
// Everything here is safe for concurrent use.
//
// # Another agency's network
//
// Load reads CSV files of up to 8 MB each, in UTF-8. Each file starts with a header line.
// Columns may be in any order. A field that contains a comma is quoted.
//
// Files and columns marked * are optional. Any file may have a column note, which is
// ignored. Any file with a station_id may have a column station_name, which is checked.
//
//	network.csv        one row
//	  name             for riders, such as: Chicago 'L'
//	  timezone         such as: America/Chicago
//	* temperature      C or F: the unit that riders read; default F
//	lines.csv          in the order in which riders see them
//	  line             the id: 1 to 32 letters, digits, hyphens, underscores, dots
//	  name             such as: Blue Line
//	  color            such as: #00a1de
//	  text_color       legible on color
//	* loop_from        id of the first station of the loop at the end of a run; of the
//	                   line's first station for a ring; else empty
//	* loop_name        for riders, such as: Loop; default: the name of its first station
//	* mode             rail, metro, tram, bus or ferry
//	stations.csv
//	  station_id       1 to 2147483647
//	  station_name     need not be unique
//	  accessible       true or false: without steps; empty when unknown
//	  latitude         degrees, such as: 41.885737
//	  longitude        degrees, such as: -87.630886
//	* closed           true: trains pass without a stop; default false
//	* also             well-known places at the station, such as: Wrigley Field;Wrigleyville
//	line_stations.csv  the stations of each line
//	  line             an id of lines.csv
//	  order            from 0, without gaps; branches continue from the end of the trunk
//	  station_id       once per line; a ring may repeat its first station at its end
//	  branch           name of the branch; empty on the trunk
//	* stops.csv        default: one stop per station, with the station's id
//	  stop_id          1 to 2147483647
//	* direction_id     N, E, S or W: the direction in which trains leave
//	  stop_name        such as: Clark/Lake (Forest Pk-bound)
//	* station_descriptive_name
//	  station_id
//	* (each line's id) true or false: whether its trains use the stop; all or none
//	* ridership.csv    a row for each station, with zeros when unknown
//	  station_id
//	  weekday          average entries per day
//	  saturday
//	  sunday
//	* hourly.csv       24 rows
//	  hour             0 to 23, local time
//	  share            of a day's entries; the shares sum to 1
//	service.csv        one or more rows per line; no service in hours without a row
//	  line
//	  days             daily, weekday (Monday to Friday), weekend, saturday or sunday
//	  from             hour, 0 to 23, local time
//	  to               hour, up to 24; a service past midnight takes two rows
//	  headway_minutes  between trains of one direction on the trunk
//	* last_station_id  where trains turn back; empty for the whole line
//
// The line columns of stops.csv become the boolean columns of the stations table, in the
// same order. Every station needs a line and a stop. A line's stations must be exactly
// those with a stop where the line's column is true.
//
// Load lists every fault by file, line and column:
//
//	lines.csv:2:1: line is "main", want a line with two stations or more in line_stations.csv
//	stations.csv:3:17: latitude is "north", want a number from -90 to 90
//
// The files under data/chicago in the source are an example to start from. The smallest
// example with a branch and a loop is testdata/smalltown.
package cta
