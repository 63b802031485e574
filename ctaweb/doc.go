// Package ctaweb shows a transit network live, as pages, a stream and a JSON API. They
// show where trains are, how lines run, and how many riders entered the stations.
//
//		m := ctaweb.NewModel(cta.Chicago())
//		go ctaweb.Consume(ctx, client, registry, cta.Topics{}, m, ctaweb.ConsumeConfig{})
//		http.Handle("/trains/", http.StripPrefix("/trains", ctaweb.Default(m)))
//
//	  - A [Model] holds the state of a network. [Consume] feeds it from Kafka. Its Apply
//	    methods feed it from any other source. It is useful without the web too:
//	    [Model.Status] and [Model.View] return what it knows.
//	  - A [Handler] serves a model. [Default] and [NewHandler] make one. [Serve] runs it as a
//	    server with sensible limits.
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
// In an address, the ids "/", "." and "..", and ids that begin with a tilde, get a
// tilde in front: /trains/~.. is the page of train "..".
//
// # Duties of the caller
//
//   - Close a [Handler] when its server shuts down. Otherwise open streams delay the
//     shutdown. [Serve] does so, and bounds connections.
//   - Behind a reverse proxy, all clients have one address: set
//     HandlerConfig.MaxClientStreams.
//   - Middleware that wraps the ResponseWriter needs a method Unwrap. Otherwise the stream
//     cannot be flushed.
//   - Your own server needs ReadHeaderTimeout and MaxHeaderBytes. Its WriteTimeout does not
//     affect the stream.
//
// # Your own look and language
//
// HandlerConfig.Files replaces any file of the directory assets in this package's source:
// templates, style sheet, icon, words. TEMPLATES.md lists the fields and functions of
// templates, and the ids and attributes that the script uses.
//
// A language is one file, such as assets/words.es.json. [NewHandler] lists all missing
// words. A request gets the first available language of: the query's lang, the choice in
// the reader's cookie, Accept-Language, the first of HandlerConfig.Languages.
//
// # The stream
//
// GET /events sends server-sent events. ?line= and ?station= select a part.
//
//	snapshot   everything
//	update     the changes; several may share one event
//	quiet      no news, after a silence; it has no id
//
// A client that reconnects with the last id, in Last-Event-ID or ?since=, gets the missed
// updates, or a snapshot. A client that is too slow is dropped. Trains are sent at once,
// unless many were sent just before; counts within a second.
//
// # Testing
//
// Feed a [Model] by its Apply methods and choose the time: [Model.Status] takes one, and
// HandlerConfig has Now. Package ctatest has a broker for [Consume].
//
// # Guarantees
//
//   - Everything is safe for concurrent use. Memory is bounded, whatever the topics hold.
//   - Many handlers can show one model, and many processes the same topics. There is no
//     consumer group.
//   - The pages are complete without scripts. They load nothing from other hosts, and have
//     no inline script. Their only inline style is the style sheet. The
//     Content-Security-Policy enforces all of this.
//   - No reader sees the text of an internal error.
//   - The browser stores favourite and recent stations, and finds the nearest ones. None of
//     this is sent.
//   - Without a network, installed pages open as last stored, marked as not live.
//
// # The clock
//
// All times on the pages are event time. The model derives it from pairs of an event's
// time (the record's key) and its time of sending (the record's timestamp). So ages and
// minutes are right in an accelerated simulation or a replay too.
//
//	between events       the clock runs on at the observed speed, for two minutes at most;
//	                     then only the age of the data, in wall time, grows
//	stale                after four times the usual time between records, from 30 s to 5 min
//	accuracy             two seconds, up to 300 times real time, plus the difference between
//	                     the reader's and the senders' clocks times the speed
//	jumps                when over a quarter of the stations move to another time, and none
//	                     contradicts for five seconds
//	restarts             at a jump back by five minutes or more; the earlier trains are dropped
//	two hours from now   pages call it a simulation or a recording, with its year
//
// # Wrong clocks
//
// Up to a quarter of the stations may have wrong clocks without an effect on the others.
// Each station has one vote.
//
//	one wrong time       the record counts as late; it is dropped if its event is ahead of
//	                     its sending
//	three wrong times    the station's clock is wrong: its reports are withdrawn, and later
//	                     ones get the time of receipt. The log and the metric
//	                     ctalive_web_wrong_clock name the station
//
// Delayed records make no clock wrong. Errors under 30 seconds look like delays. A network
// needs four stations for this, and the reader's own clock must be right.
//
// # Restarts
//
// A page is ready once the arrivals of the last two hours are read. Those of 26 hours
// follow, 300,000 at most: the strip of the last 24 hours derives from arrivals alone. Counts
// carry no event time; it is derived from the record's send time. A station's day begins
// where the compacted part of the topic ends, and the page shows that time.
package ctaweb
