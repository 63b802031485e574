// Package ctaweb shows a transit network live: where its trains are, how many
// riders its stations have counted, and the weather, as a page, a stream and JSON.
//
//	m := ctaweb.NewModel(cta.Chicago())
//	go ctaweb.Consume(ctx, client, registry, cta.Topics{}, m, ctaweb.ConsumeConfig{})
//	http.Handle("/trains/", http.StripPrefix("/trains", ctaweb.Default(m)))
//
// # Concepts
//
// A [Model] holds the state of the network. [Consume] feeds a model from Kafka; the
// Apply methods feed it from any other source. [Model.Status] returns the state at a
// moment. The web part reads nothing else, so a model is useful without the web too.
//
// A [Handler] serves a model. [Default] makes one with the default settings,
// [NewHandler] one with yours. [Serve] runs a handler as a server with sensible
// limits. A handler has these routes, under any prefix:
//
//	/                the system: a map, how the lines run, every station
//	/lines/{id}      a line as a diagram
//	/map             the fixed part of the map, for the page of a large network
//	/stations        all stations; with ?q= those whose name or line contains the text
//	/stations/{id}   a station: its next trains, and its riders; by=time or by=line, line and
//	                 direction choose of them
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
// The server renders the pages, and they are useful without scripts. HandlerConfig
// replaces their title, logo, templates and words.
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
// Pages, streams and the API's sentences are in a language of HandlerConfig.Languages,
// the first of these that is available:
//
//  1. the language in the query's lang
//  2. the language that the reader chose on a page before, from a cookie
//  3. the best match of Accept-Language
//  4. the first of HandlerConfig.Languages
//
// The words of a language are in one file, such as assets/words.en.json in this
// package's source. [NewHandler] returns an error that lists all missing words.
//
// Some nouns depend on the mode of lines: buses have stops, trains have stations. The
// words nouns-train, -tram, -bus and -ferry, and nouns-any where several modes run, are
// lists for the placeholders {vehicle}, {vehicles}, {place}, {places} and {platform}.
// {Vehicle}, {Places} and so on begin a sentence.
//
// # Pages of one's own
//
// HandlerConfig.Files replaces single files of the directory assets in this package's
// source: a page's template, base.html with the parts that all pages share, the style
// sheet, the icon, the words. Templates are those of html/template. They can call:
//
//	t         a text in the page's language, with pairs of placeholder and value
//	number    a number
//	hm        a time of the day
//	segment   an id as part of an address
//	mark      the sign of a level
//	minutes   the minutes of a number of seconds
//	percent   the percentage of a share
//
// base.html defines top and end, which enclose a page, and lane, pill, next and mark.
//
// All pages have these fields: .Site, .Title, .Root (the relative address of the
// handler's root, where links begin), .Kind, .Part (true if the script asks for the page
// without head and foot), .Events, .ID, .Layout, .Quiet, .Pace, .Style, .Live, .Icon,
// .Picture (the icon as PNG), .Manifest (to install the pages), .Status (a [Status]), .Clock, .Date, .Fresh (its Class and Text), .Weather, .Degrees
// (C or F), .Query, .FindLabel and .FoundLabel (of the search), .Language and .Languages. Each page has more:
//
//	page.html      .Lines, .Map, .Trains, .Alerts, .Notices, .Scores, .Rivals, .Prefer, .Counted, .Brief (too many stations to list), .Located (stations have coordinates)
//	line.html      .Line, .More (by station id), .Notices, .Heard, .Counted, .Ways, .Variants and .Past
//	station.html   .Station, .StepFree, .Steps, .Code, .Lines, .Notices, .Choices (.By, .Lines, .Directions), .Boards, .Soon (all trains by time, if chosen), .Walks, .Day; board.html has the same
//	stations.html  .Found, .All (how many), .More (some are left out)
//	departures.html  .Stations
//	train.html     .Train (a [Train]), .Ended (its run), .Line, .Text, .Says, .Ways (its stops)
//
// The fields that the embedded templates use don't change within a major version.
//
// The script keeps a page current if the body has data-kind, data-root, data-events,
// data-layout, data-quiet, data-pace and data-degrees, as base.html writes them. It
// replaces the content of elements that have an id and data-live with what the server
// renders now. In them it recognizes an element by its data-key, data-s, data-t, id or
// address, and keeps the focus there.
//
// The script looks for these ids. A page may leave any of them out:
//
//   - on every page: main, fresh, time, clock, date, weather, icon, temperature, sky,
//     measured
//   - for the search: q, found and found-says
//   - for the reader's own stations: mine, cards, near and near-says on the system's page,
//     star, star-says and choices on a station's
//   - on the system's page: trains, alerts, counted, scores, map, chart, tracks and moving;
//     moving-near, for the trains in the larger drawing; tools and stop, for the map by hand
//
// It leaves elements with data-own as they are.
//
// On the system's page it also looks for these attributes:
//
//   - data-line and data-mode: a line
//   - data-s: a station's row. Its links of the classes a and b are its lanes, for trains
//     in each direction
//   - data-t: a train
//   - data-k: a track on the map
//   - data-m: a train on the map
//   - data-status: the element that shows how a line runs
//
// # The map
//
// The map is one SVG. Its densest part, where most stations of most lines lie, is drawn once
// more, larger, where there is room. Trains are drawn to the right of their line, so that
// both directions are told apart. map.js, which a page loads with the first touch, enlarges
// the map by two fingers, the wheel with Ctrl, buttons and keys, names the stations in sight,
// and shows the next trains at a station that is touched. Without it, a station leads to its
// page. All of it is in the lists, the search and the pages of stations as well.
//
// # The reader's own stations
//
// A reader keeps favourite stations, and the stations opened last, in the browser's
// localStorage. The system's page shows their next trains above everything else. The
// nearest stations are found on the device, from the coordinates of all stations: its
// position is never sent. All this is in rider.js, which a page loads where it is needed.
//
// Pages can be installed. The service worker keeps the pages opened last. If the server
// does not answer within a second, the worker shows a kept page, which states that it is
// not live, and as of when. A new version of the pages replaces the worker and drops what
// it kept. Browsers allow all this by HTTPS, and on localhost.
//
// # Derived data
//
// Package [github.com/seed-921eec07/ctalive/cta/live] derives where trains are, when
// they arrive, how lines run and how crowded stations are. The model feeds it the same
// events; it can be used without the web. [Model.View] returns all that it derives, a
// [Status] the part that readers see.
//
// Every known train is shown, except at a station that the stations table has removed
// from the train's line. Predictions are shown with their range, and are scored while
// the model is ready. Where an agency predicts too, both are scored side by side, and
// [Model.Prefer] sets which of them are shown.
//
// # The last day of a line
//
// A line's page shows its last 24 hours as a strip for each direction: the level, and the
// measured and the intended time between trains. A sentence names the latest trouble, and a
// table the periods. GET /api/v1/lines/{id}/history has the same.
//
// All of it follows from the arrivals. At the start, the page is ready as soon as the
// arrivals of the last two hours have been read. Older ones, of 26 hours of event time, are
// read then. So a page that restarts shows the same strip, as far back as the topics reach.
// 300,000 of these arrivals are used at most, the latest. Stations whose clocks differ from
// the others' are left out, and so is what a source sent before it restarted at an earlier
// time.
//
// # The day of a station
//
// Counts carry no event time; it is derived from the record's send time, by the arrivals
// and the weather sent around then. At the start, the arrivals of the last two hours and
// the weather of the last day are read. So a page knows the day as far back as the topic
// of counts is not compacted, and shows since when.
//
// The last count in the log is the valid one, whatever the clocks of its senders say.
// Riders who were counted over an hour after the previous count belong to no hour:
// those hours are shown as not known. If midnight lies between, they belong to no day.
//
// A day begins with its first moment in the network's zone. It has 23 or 25 hours when
// clocks change.
//
// # The clock
//
// Every time above is event time. The model derives it from pairs of an event's time
// (the record's key) and the wall time of sending (the record's timestamp). Both run
// alike in real time. In an accelerated simulation or a replay, event time runs faster;
// ages and minutes are right in each. Where event time is over two hours from the wall time,
// pages say that they show a simulation or a recording, and of which year.
//
// Between events the clock runs on at the observed speed, up to two minutes past the
// last event. Then it stops, and the age of the data, which is wall time, grows. Data is
// stale after four times the usual time between its records: at least 30 seconds, at
// most five minutes.
//
// The clock is within two seconds of event time, up to 300 times real time. Two things
// add to the error, each times the speed:
//
//   - the difference between the clock of the reader and those of most senders
//   - the resolution of a record's times, a millisecond
//
// The clock jumps when more than a quarter of the stations move to another event time,
// and no station contradicts them for five seconds. If the new time is at least five
// minutes earlier (at speed n, 5n seconds more), the source has restarted: the trains
// from before are dropped. A source that a page hears from its first record on is judged
// after two seconds.
//
// # Wrong clocks
//
// Up to a quarter of the stations may have wrong clocks, in the event's time, the
// record's or both. The page's time, its age and the reports of other stations stay
// right, also after a restart of the page. Each station has one vote, however many
// records it sends.
//
//   - One wrong time: the record is dropped if its event is ahead of its sending.
//     Otherwise it counts as a late record.
//   - Three wrong times: the station's clock is wrong. Its reports are taken back. From
//     then on, its events count as of when they are received.
//   - Its reports from before the page started are left out, because nobody can know
//     which of their times is right.
//   - A log line and the metric ctalive_web_wrong_clock name the station.
//   - Records that are delayed, for the page or for one station, make no clock wrong.
//
// Limits:
//
//   - An error under 30 seconds (at speed n, add n half seconds) looks like an ordinary
//     delay.
//   - A network of fewer than four stations has no quarter.
//   - The reader's own clock must be right.
//   - A station that is behind in both times alike is found by when its records are
//     received, so not from records sent before the page started.
//
// # The stream
//
// GET /events is a stream of server-sent events:
//
//	snapshot   everything
//	update     what changed; several changes may share one event
//	quiet      no news, after a silence; it has no id
//
// A client that reconnects with the last id, in Last-Event-ID or the query's "since",
// gets the updates that it missed, or a snapshot if they are no longer kept. A client
// that is too slow is dropped, without harm to others. ?line= and ?station= narrow a
// stream to a line or a station.
//
// A train's event is sent at once, unless many were sent just before. Counts are sent
// with the next such event, or within a second.
//
// # Testing
//
// Feed a [Model] through its Apply methods and choose the wall clock: [Model.Status]
// takes a time, and HandlerConfig has Now. Package ctatest has a broker for [Consume].
package ctaweb
