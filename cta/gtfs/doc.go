// Package gtfs reads a network from a GTFS feed, and writes a network as a feed. A feed
// is a zip or a folder of CSV files, as agencies publish them (gtfs.org/schedule).
//
//	net, report, err := gtfs.Load("feed.zip", gtfs.Options{})
//	err = gtfs.WriteFolder("town", net) // to edit; gtfs.Load("town", …) reads it back
//
// [Load] takes the name of a zip or a folder, and [Read] any file system. Load also reads
// hand-written CSV files without a timetable (see [cta.Load]).
//
// An error lists every fault, each a [*cta.DataError] with file, line and column.
// Harmless oddities are notices of the [Report]. Unknown files and columns are ignored.
//
// # Mapping
//
//	route                 a cta.Line; its trips become patterns, by the order of their calls
//	stop                  a platform of the cta.Station that its parent becomes; without a
//	                      parent, both
//	direction_id          0 is direction a; without one, by the order of the calls
//	a trip that returns   direction a until it turns, then b: the Loop lines of the 'L'
//	missing times         interpolated by distance
//	a stop without place  between its neighbours
//	transfers.txt         cta.Station.Transfers: between two stations, the shortest one
//
// Events hold ids of stations and stops as 32-bit integers:
//
//   - An id that is such a number is kept.
//   - Any other id becomes its hash, the same in every publication and on every machine.
//     Where two hashes collide, the id that sorts first keeps the hash.
//   - Ref keeps the agency's own id.
//
// # Extensions
//
// Facts that GTFS has no place for are stored where other readers ignore them:
//
//	ridership.csv  station_id (a stop_id), weekday, saturday and sunday: entries per day
//	hourly.csv     hour (0 to 23) and share: of a day's entries
//	agency.txt     temperature: C or F; default: the usual unit of the time zone
//	stops.txt      direction_id: N, E, S or W, the direction in which trains leave
//	stops.txt      closed: true where trains pass, and nobody gets on or off
//	stops.txt      also: well-known places at the station, with semicolons between
//
// Without ridership.csv, a simulation has estimated riders: a number by mode for each call of
// a day. The estimate is our own rough model, and is never written.
//
// # What is left out
//
// Reading ignores these, so that a feed from [Write] lacks them. Everything else comes back as
// it was:
//
//   - fares, pathways, levels, feed_info.txt, translations, attributions
//   - transfers within a station, and of single routes or trips
//   - agency.txt: all but the first agency's name and time zone
//   - routes.txt: route_desc, route_url; an extended route_type becomes a basic one
//   - stops.txt: stop_url, zone_id, entrances and boarding areas, stops that no remaining trip
//     calls at; the place and wheelchair_boarding of a platform become its station's
//   - trips.txt: trips of fewer than two calls; wheelchair_accessible, bikes_allowed
//   - shapes.txt: points within 10 m of the line without them, and what lies before the first
//     call or after the last
//   - stop_times.txt: stop_headsign, timepoint, shape_dist_traveled, pickup_type and
//     drop_off_type; calls at which nobody gets on or off; a missing time becomes the
//     interpolated one
//
// The headways of hand-written files (see [cta.Load]) become trips of frequencies.txt.
//
// # Limits
//
// Memory is bounded for any input. A row has up to 64 kB, and a file up to 1 GB
// uncompressed. The numbers of rows and calls are limited too.
package gtfs
