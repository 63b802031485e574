// Package cta is the domain of a transit network: its lines, stations, riders
// and service, the events that happen in it, and the names of the topics that
// carry them. It imports the standard library only, and does no I/O but for
// reading the files given to [Load].
//
//	net := cta.Chicago()
//	lake := net.Station(40380)
//	fmt.Println(lake.Name, lake.Lines) // Clark/Lake [blue brown green orange purple pink]
//
// # Concepts
//
// A [Station] has one or more stops ([Stop], a platform) and is on one or more lines.
// Names are not unique, ids are. A [Line] has patterns: a [Pattern] is an order of
// calls in which trains run, from where they begin to where they end. It may pass a
// station twice: round a ring, or round a loop and back. Each [Call] has a
// direction, a or b; [Line.Towards] gives the riders' name. [Line.Stations] lists the
// stations as they are drawn: the main line, then its branches.
//
// When trains run is said in two ways. A [Trip] of a timetable leaves at a time of
// the service days of its [Calendar], and calls at the times of its [Profile]. A
// [Headway] promises only how far apart trains leave during some hours, as the
// data of Chicago do. [Pattern.Runs] and [Pattern.HeadwayAt] look them up.
//
// Events are [Arrival], [TurnstileEntry] and [Weather], each under a [Key] that holds
// its time. [Topics] names the topics. [StationRow] is a row of the raw stations
// table, [StationRecord] and [TurnstileCount] are what is derived.
//
// Everything here may be used by many goroutines at once.
//
// # Another agency's network
//
// Load reads CSV files: UTF-8, a header line, columns in any order, fields quoted
// where they hold a comma. What is marked with * may be left out, files and columns.
// Each file may have a column note, for people, that is not read; each with a
// station_id may have a column station_name, which is then checked. A file has up to
// 8 MB.
//
//	network.csv        one row
//	  name             for riders, as: Chicago 'L'
//	  timezone         as: America/Chicago
//	* temperature      C or F: the unit that riders read; F if left out
//	lines.csv          in the order in which riders should see them
//	  line             the id: 1 to 32 letters, digits, hyphens, underscores, dots
//	  name             as: Blue Line
//	  color            as: #00a1de
//	  text_color       legible on color
//	* loop_from        id of the first station of the loop in which runs end; of the
//	                   line's first for a ring; else empty
//	* loop_name        for riders, as: Loop; else the name of its first station
//	* mode             rail, metro, tram, bus or ferry
//	stations.csv
//	  station_id       1 to 2147483647
//	  station_name     need not be unique
//	  accessible       true or false: without steps; empty when it isn't known
//	  latitude         degrees, as: 41.885737
//	  longitude        degrees, as: -87.630886
//	line_stations.csv  the stations of each line
//	  line             an id of lines.csv
//	  order            from 0, without gaps; branches go on where the trunk ends
//	  station_id       once a line; in a ring the first may come again, last
//	  branch           name of the branch; empty on the trunk
//	* stops.csv        without it each station has one stop, with the station's id
//	  stop_id          1 to 2147483647
//	* direction_id     N, E, S or W: where trains leave to
//	  stop_name        as: Clark/Lake (Forest Pk-bound)
//	* station_descriptive_name
//	  station_id
//	* (each line's id) true or false: whether its trains use the stop; all or none
//	* ridership.csv    a row for each station, of zeros if nothing is known
//	  station_id
//	  weekday          average entries a day
//	  saturday
//	  sunday
//	* hourly.csv       24 rows
//	  hour             0 to 23, local time
//	  share            of a day's entries; the shares sum to 1
//	service.csv        a row or more for each line; in hours without one it doesn't run
//	  line
//	  days             daily, weekday (Monday to Friday), weekend, saturday or sunday
//	  from             hour, 0 to 23, local time
//	  to               hour, up to 24; a service past midnight takes two rows
//	  headway_minutes  between trains of one direction on the trunk
//	* last_station_id  where trains turn back; empty for the whole line
//
// The columns of stops.csv named after lines are, in that order, the boolean
// columns of the stations table. The files have to agree: every station has a line
// and a stop, and a line's stations are those where some stop's column of that line is
// true. Load lists every fault by file, line and column:
//
//	lines.csv:2:1: line is "main", want a line with two stations or more in line_stations.csv
//	stations.csv:3:17: latitude is "north", want a number from -90 to 90
//
// Files under data/chicago in the source are an example to start from, and
// testdata/smalltown is the smallest that shows a branch and a loop.
package cta
