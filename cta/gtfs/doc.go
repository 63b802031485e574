// Package gtfs reads a network from a GTFS feed, and writes one as a feed: a zip or
// a folder of CSV files, as agencies publish them (gtfs.org/schedule).
//
//	net, report, err := gtfs.Load("feed.zip", gtfs.Options{})
//	err = gtfs.WriteFolder("town", net) // to edit; gtfs.Load("town", …) has the network back
//
// Load takes a folder of hand-written CSV files without a timetable too (see [cta.Load]). An error lists every
// fault, each a [*cta.DataError] with file, line and column. What is
// odd but does no harm is a notice of the [Report]. Unknown files and columns are
// passed over.
//
// # What becomes of a feed
//
// A route is a [cta.Line]; its trips, by the order of their calls, are its patterns. A
// stop's parent is the [cta.Station], the stop a platform of it; a stop without
// a parent is both. Directions are those of direction_id (0 is a), or follow from the
// order of the calls. A trip that comes back the way it went (a Loop line of the 'L')
// runs in direction a until it turns, and in b from there. Times that are missing
// between two calls are filled in by distance.
//
// Ids of stations and stops are 32-bit integers in events. An id that is such a number
// stays what it is. Any other becomes one by its hash, the same in every publication
// and on every machine; where two hashes collide, the id that sorts first has it. The
// agency's own ids are kept in Ref.
//
// # What feeds can't hold
//
// What is known of a network besides stands where other readers pass it over:
//
//	ridership.csv  station_id (its stop_id), weekday, saturday and sunday: entries a day
//	hourly.csv     hour (0 to 23) and share: of a day's entries
//	agency.txt     temperature: C or F; without it, as is usual in the time zone
//	stops.txt      direction_id: N, E, S or W, where trains leave to
//
// Without ridership.csv riders are estimated, so that a simulation has some: each call
// of a day brings a number of them by mode. That is our own model, as good as none, and
// isn't written.
//
// # Bounds
//
// Memory stays bounded whatever a file holds: rows have up to 64 kB, files up to 1 GB
// uncompressed, and there are bounds on the number of stops, trips and calls.
package gtfs
