// Package ctaweb shows a transit network live: where trains are, how lines run, and how many
// riders entered the stations. It serves pages, a stream and a JSON API.
//
//	m := ctaweb.NewModel(cta.Chicago())
//	go ctaweb.Consume(ctx, client, registry, cta.Topics{}, m, ctaweb.ConsumeConfig{})
//	http.Handle("/trains/", http.StripPrefix("/trains", ctaweb.Default(m)))
//
// A page has two parts:
//
//   - A [Model] holds the state of a network. [Consume] feeds a model from Kafka; its Apply
//     methods feed it from any other source. [Model.Status] and [Model.View] return the
//     state to programs without pages.
//   - A [Handler] serves a model: see [Default] and [NewHandler]. [Serve] runs a handler as
//     a server with sensible limits.
//
// # Routes
//
// A handler has these routes, under any prefix:
//
//	/                the system: a map, how the lines run, every station
//	/lines/{id}      a line as a diagram, and its last 24 hours
//	/stations        all stations; ?q= finds a part of a station's or line's name
//	/stations/{id}   a station's next trains and riders; ?by=time, ?by=line, ?line= and
//	                 ?direction= select trains
//	/trains/{id}     a train and its next stops
//	/board/{id}      a station's next trains for a big screen
//	/departures      the next trains at up to 12 stations: ?station=40380&station=40890
//	/events          the stream that keeps the pages current
//	/api/v1/…        the same data as JSON: see /api/v1/openapi.json
//	/gtfs-rt/…       GTFS-Realtime: vehicle-positions, trip-updates and alerts, as protobuf;
//	                 as JSON with .json appended
//	/healthz         200 while the process is alive
//	/readyz          200 when the model is complete and its services answer, else 503 with
//	                 the reason
//	/metrics         Prometheus metrics, if HandlerConfig.Gatherer is set
//	/map, /worker.js, /static/…   parts of the pages
//
// In an address, the ids "/", "." and "..", and ids that begin with a tilde, get a tilde in
// front: /trains/~.. is the page of train "..".
//
// # Duties of the caller
//
//   - Behind a reverse proxy, all clients have one address: set
//     HandlerConfig.MaxClientStreams.
//   - Middleware that wraps the ResponseWriter needs a method Unwrap, or the stream cannot be
//     flushed.
//   - With a server other than [Serve]: set ReadHeaderTimeout and MaxHeaderBytes, and close
//     the [Handler] at the shutdown, or open streams delay it. WriteTimeout does not affect
//     the stream.
//
// # Your own look and language
//
// HandlerConfig.Files replaces any file of this package's folder assets: templates, style
// sheet, icon, words. TEMPLATES.md describes templates. A language is one file, such as
// assets/words.es.json; [NewHandler] lists missing words. A request gets the first available
// language of:
//
//  1. the query's lang
//  2. the reader's choice, in a cookie
//  3. Accept-Language
//  4. the first of HandlerConfig.Languages
//
// # The stream
//
// GET /events sends server-sent events, which /api/v1/openapi.json describes: a snapshot,
// then updates, each with one or more changes. After a silence it sends "quiet", without an
// id. Changes of trains are sent at once, unless there are many; counts within a second. A
// client that is too slow is dropped, and gets the missed updates when it reconnects.
//
// # Testing
//
// Feed a [Model] by its Apply methods. The test chooses the time, as the argument of
// [Model.Status] and by HandlerConfig.Now. Package ctatest has a broker for [Consume].
//
// # Times
//
// All times on the pages are event time, derived from the keys and timestamps of records. So
// a simulation at any speed and a replay show the right ages and minutes.
//
//	no events              time continues for two minutes at most; the age of the data grows
//	stale data             after four times the usual time between records, 30 s to 5 min
//	events of other times  two hours from now or more: pages name a simulation or recording
//	a restarted source     a jump back by five minutes or more drops the earlier trains
//	a station's wrong clock, three times
//	                       its events get the time of receipt; the log and the metric
//	                       ctalive_web_wrong_clock name the station
//
// Up to a quarter of the stations, of four or more, may have wrong clocks without an effect
// on the others. Errors under 30 seconds look like delays. The reader's own clock must be
// right.
//
// # Guarantees
//
//   - Everything is safe for concurrent use. Memory is bounded, whatever the topics hold.
//   - Many handlers can show one model, and many processes the same topics: there is no
//     consumer group.
//   - The pages are complete without scripts. The Content-Security-Policy forbids content of
//     other hosts, inline scripts, and inline styles except the style sheet.
//   - No reader sees the text of an internal error.
//   - Favourite and recent stations, and the reader's position, stay in the browser.
//   - Without a network, installed pages open as last stored, marked as not live.
package ctaweb
