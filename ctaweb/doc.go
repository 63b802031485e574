// Package ctaweb shows a transit network live: where its trains are, how many
// riders its stations have counted, and the weather, as a page, a stream and JSON.
//
//	m := ctaweb.NewModel(cta.Chicago())
//	go ctaweb.Consume(ctx, client, registry, cta.Topics{}, m, ctaweb.ConsumeConfig{})
//	http.Handle("/trains/", http.StripPrefix("/trains", ctaweb.Default(m)))
//
// # Concepts
//
//   - A [Model] holds the state of the network. [Consume] feeds a model from Kafka; the
//     Apply methods feed it from any other source. [Model.Status] returns the state at a
//     moment, [Model.View] all derived data. A model is useful without the web too.
//   - A [Handler] serves a model. [Default] makes one with the default settings,
//     [NewHandler] one with yours. [Serve] runs a handler as a server with sensible limits.
//   - Package [github.com/seed-921eec07/ctalive/cta/live] derives positions, predictions,
//     status and crowding from the same events, without the web.
//
// A handler has these routes, under any prefix:
//
//	/                the system: a map, how the lines run, every station
//	/lines/{id}      a line as a diagram, and its last 24 hours
//	/map             the fixed part of the map, for the page of a large network
//	/stations        all stations; with ?q= those whose name or line contains the text
//	/stations/{id}   a station: its next trains and riders; by=time or by=line, line and
//	                 direction select trains
//	/trains/{id}     a train, and its next stops
//	/board/{id}      a station's next trains for a big screen
//	/departures      the next trains at up to 12 stations: ?station=40380&station=40890
//	/worker.js       the service worker of the pages
//	/events          the stream that keeps the pages current
//	/gtfs-rt/…       GTFS-Realtime for trip planners: vehicle-positions, trip-updates
//	                 and alerts, as protobuf; as JSON with .json appended
//	/api/v1/…        the same data as JSON: see /api/v1/openapi.json
//	/healthz         200 while the process is alive
//	/readyz          200 when the model is complete and its services answer, else
//	                 503 with the reason
//	/metrics         Prometheus metrics, if HandlerConfig.Gatherer is set
//	/static/…        the pages' style sheet, script and icon
//
// In an address, the ids "/", "." and "..", and ids that begin with a tilde, get a
// tilde in front: /trains/~.. is the page of train "..".
//
// # Duties of the caller
//
//   - Close a [Handler] when its server shuts down, or open streams delay the
//     shutdown. [Serve] closes it, and bounds connections.
//   - Behind a reverse proxy, all clients have one address: see
//     HandlerConfig.MaxClientStreams.
//   - Middleware that wraps the ResponseWriter needs an Unwrap method, or the stream
//     can't be flushed.
//   - Your own server needs ReadHeaderTimeout and MaxHeaderBytes. Its WriteTimeout
//     doesn't affect the stream.
//
// # Guarantees
//
//   - Everything here is safe for concurrent use.
//   - A model's memory is bounded, whatever its topics hold.
//   - Any number of handlers can show one model.
//   - Any number of processes can show the same topics, without a consumer group.
//   - A reader never sees the text of an internal error.
//   - The page loads nothing from other hosts, and has no inline script or style. Its
//     Content-Security-Policy enforces both, and allows frames of the same origin.
//
// # Languages
//
// Pages, streams and the API's sentences use the first available language of:
//
//  1. the query's lang
//  2. the reader's earlier choice on a page, from a cookie
//  3. the best match of Accept-Language
//  4. the first of HandlerConfig.Languages
//
// The words of a language are in one file, such as assets/words.en.json in this
// package's source. [NewHandler] returns an error that lists all missing words. Nouns
// depend on the mode of lines: buses have stops, trains have stations.
//
// # Your own look
//
// HandlerConfig sets title, logo and words. HandlerConfig.Files replaces any file of the
// directory assets: a page's template, the style sheet, the icon, the words.
// TEMPLATES.md lists the fields and functions of templates, and the ids and
// attributes that the script uses. The server renders the pages: without scripts they
// are complete, but do not change on their own.
//
// # The stream
//
// GET /events is a stream of server-sent events:
//
//	snapshot   everything
//	update     the changes; several may share one event
//	quiet      no news, after a silence; it has no id
//
// A client that reconnects with the last id, in Last-Event-ID or the query's "since",
// gets the missed updates, or a snapshot if they are no longer stored. A client that is
// too slow is dropped, without harm to others. ?line= and ?station= narrow a stream to a
// line or a station. A train's event is sent at once, unless many were sent just before.
// Counts are sent with the next such event, or within a second.
//
// # Testing
//
// Feed a [Model] through its Apply methods and choose the wall clock: [Model.Status]
// takes a time, and HandlerConfig has Now. Package ctatest has a broker for [Consume].
//
// # On the pages
//
//   - The map is one SVG; its densest part is drawn once more, larger, where there is room.
//     Trains are drawn to the right of their line, to tell both directions apart. Lists,
//     search and station pages contain everything that the map shows.
//   - The browser stores the reader's favourite and recent stations, and finds the nearest
//     ones; none of this is sent.
//   - Pages can be installed, over HTTPS or on localhost. The service worker stores recent
//     pages. If the server does not answer within a second, it shows a stored page with its
//     time, marked as not live.
//   - Every known train is shown, except at a station that the stations table has removed
//     from the train's line.
//
// # How it works: the clock
//
// Every time above is event time. The model derives event time from pairs of an event's
// time (the record's key) and the wall time of sending (the record's timestamp). In an
// accelerated simulation or a replay, event time runs faster; ages and minutes are right.
// Where event time is over two hours from the wall time, pages say that they show a
// simulation or a recording, and of which year.
//
//   - Between events the clock runs on at the observed speed, up to two minutes past the
//     last event. Then it stops, and the age of the data, which is wall time, grows.
//   - Data is stale after four times the usual time between its records: at least 30
//     seconds, at most five minutes.
//   - The clock is within two seconds of event time, up to 300 times real time, plus the
//     difference between the clocks of the reader and of most senders, times the speed.
//   - The clock jumps when more than a quarter of the stations move to another event time,
//     and no station contradicts them for five seconds.
//   - If the new time is at least five minutes earlier (at speed n, 5n seconds more), the
//     source has restarted: the earlier trains are dropped.
//
// # How it works: wrong clocks
//
// Up to a quarter of the stations may have wrong clocks, in the event's time, the
// record's or both. The page's time, its age and the reports of other stations stay
// right, also after a restart of the page. Each station has one vote, however many
// records it sends.
//
//   - One wrong time: the record is dropped if its event is ahead of its sending.
//     Otherwise it counts as a late record.
//   - Three wrong times: the station's clock is wrong. Earlier reports of the station are
//     withdrawn. Later events get the time of receipt. A log line and the metric
//     ctalive_web_wrong_clock name the station.
//   - Its reports from before the page started are ignored.
//   - Records that are delayed, for the page or for one station, make no clock wrong.
//
// Limits: an error under 30 seconds (at speed n, add n half seconds) looks like a delay. A
// network needs four stations. The reader's own clock must be right. If a station's event
// and record times are both behind, only its records since the page's start show it.
//
// # How it works: the last day
//
// A line's last 24 hours follow from the arrivals alone. The page is ready as soon as the
// arrivals of the last two hours have been read; those of 26 hours are read then. So a page
// that restarts shows the same strip, as far back as the topics reach. At most the latest
// 300,000 arrivals are used. Stations with wrong clocks, and records from before a restart
// of the source, are ignored.
//
// Counts carry no event time; it is derived from the record's send time, by the arrivals
// and the weather sent around then. After a restart, a station's day begins where the
// topic's compacted part ends; the page shows that time. Riders who were counted over an
// hour after the previous count belong to no hour, and after midnight to no day.
package ctaweb
