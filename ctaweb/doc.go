// Package ctaweb shows a transit network live: where its trains are, how many
// riders its stations have counted, and the weather, as a page, a stream and JSON.
//
//	m := ctaweb.NewModel(cta.Chicago())
//	go ctaweb.Consume(ctx, client, registry, cta.Topics{}, m, ctaweb.ConsumeConfig{})
//	http.Handle("/trains/", http.StripPrefix("/trains", ctaweb.Default(m)))
//
// # Concepts
//
// A [Model] is the state of the network, made of its events. [Consume] feeds it
// from Kafka; the Apply methods feed it from anywhere else. [Model.Status] says
// what it shows at a moment, and is all that the web part knows of it: use it
// without the web as well.
//
// A [Handler] serves a model. [Default] makes one that does the right thing,
// [NewHandler] one with settings, and [Serve] runs it as a server of its own with
// sensible limits. These are its routes, under any prefix:
//
//	/                the system: a map, how the lines run, every station
//	/lines/{id}      a line as a diagram
//	/map             what stays of the map, for a page of a large network
//	/stations        all stations; with ?q= those with that in their name or line
//	/stations/{id}   a station: its next trains, and its riders
//	/trains/{id}     one train, and its next stops
//	/board/{id}      a station's next trains for a big screen
//	/events          the stream that keeps the pages current
//	/gtfs-rt/…       what trip planners read (GTFS-Realtime): vehicle-positions,
//	                 trip-updates and alerts, as protobuf; with .json behind it as JSON
//	/api/v1/…        the same as JSON: see /api/v1/openapi.json
//	/healthz         200 while the process is alive
//	/readyz          200 when the model is complete and its services answer, else
//	                 503 with the reason
//	/metrics         Prometheus metrics, if HandlerConfig.Gatherer is set
//	/static/…        the pages' style sheet, script and icon
//
// In an address, the ids "/", "." and "..", and those that begin with a tilde, have
// a tilde in front: /trains/~.. is the page of train "..".
//
// Pages are rendered by the server and useful without scripts. HandlerConfig
// replaces their title, logo, templates and words.
//
// # Languages
//
// Pages, streams and the sentences of the API are in a language of
// HandlerConfig.Languages: the one that the query's lang names, else the one that
// its reader has chosen on a page before (a cookie holds it), else the one of
// Accept-Language, else the first. Its words are in one file, as in English: see
// assets/words.en.json in this package's source. What a language lacks is an error
// of [NewHandler] that lists it all. What runs is called by the mode of its lines:
// {vehicle}, {vehicles} and, where a sentence begins, {Vehicle} and {Vehicles} stand
// for the words of vehicle-train, -tram, -bus or -ferry; of -any where several run.
//
// # Pages of one's own
//
// HandlerConfig.Files replaces the files of assets in this package's source, one by
// one: a page by its template, base.html with what all share, the style sheet, the
// icon, words. Templates are those of html/template. Their functions are t (a text of
// the page's language, with pairs of placeholder and value), number, hm (a time of
// the day), segment (of an address), mark (a level's sign), minutes (of seconds) and
// percent (of a share). base.html defines top and end, which enclose a page, and
// badge, pill, next and mark.
//
// All pages have .Site, .Title, .Root (leads to the handler's own root, where links
// begin), .Kind, .Part (true where the script asks for the page without head and
// foot), .Events, .ID, .Layout, .Quiet, .Pace, .Style, .Live, .Icon, .Status (a
// [Status]), .Clock, .Date, .Fresh (its Class and Text), .Weather, .Degrees (C or F), .Query, .Language
// and .Languages; further
//
//	page.html      .Lines, .Map, .Trains, .Alerts, .Scores, .Counted, .Brief (too many stations to list)
//	line.html      .Line, .More (by station's id), .Heard, .Counted, .Ways and .Variants
//	station.html   .Station, .StepFree, .Steps, .Code, .Lines, .Boards, .Day; board.html has the same
//	stations.html  .Found, .All (how many), .More (some are left out)
//	train.html     .Train (a [Train]), .Ended (its run), .Line, .Text, .Says, .Ways (its stops)
//
// and what the embedded templates use of them stays as it is within a major version.
//
// The script keeps a page current that has, on its body, data-kind, data-root,
// data-events, data-layout, data-quiet, data-pace and data-degrees, as base.html writes them. It
// brings elements with an id and data-live up to date with what the server renders
// now; what is in them and has a data-key, data-s, data-t, an id or an address of
// its own is known again by it, and keeps the focus. It looks for these ids, and does
// without those that a page leaves out: main, fresh, time, clock, date, weather, icon,
// temperature, sky, measured; q and found, of the search; and on the page of the
// system trains, alerts, counted, scores, map, chart and moving. There a line is an element
// with data-line and data-mode, a station's row has data-s, a train data-t, and on the map a track
// has data-k, a train data-m; how a line runs is told in data-status.
//
// # What is derived
//
// Where trains are, when they come, how lines run and how crowded stations are comes
// from package [github.com/seed-921eec07/ctalive/cta/live], which is fed the same
// events and can be used without the web: [Model.View] has it whole, a [Status] as
// readers are told of it. Every train that it knows is shown, but those at stations
// that the stations table has taken from their line. What it predicts is shown with
// its range. Predictions are scored while the model is ready.
//
// # The day of a station
//
// Counts carry no event time. A count gets the event time at which its record was
// sent, which the arrivals and the weather sent around then tell. The arrivals of the
// last two hours and the weather of the last day are read at the start. So a page
// knows the day as far back as the topic of counts is not compacted, and shows since
// when. The last count of the log holds, whatever the clocks of its senders say.
// Riders who were counted late, over an hour after the count before, belong to no
// hour: those hours are shown as not known. If midnight lies between, they belong to no
// day. A day begins with its first moment in the network's zone. When clocks change,
// it has 23 or 25 hours.
//
// # The clock
//
// Every time above is event time. The model learns it from the pairs of an
// event's time (the record's key) and the wall clock of its sending (the record's
// timestamp). In real time both run alike. In an accelerated simulation or a replay
// event time runs faster, and ages and minutes are right in each. Between events the
// clock runs on at the speed observed, up to two minutes past the last event. Then it
// stands, and the age of the data, which is wall time, grows. Data is stale from 30
// seconds, or four times the usual time between its records.
//
// The clock is within two seconds of event time, up to 300 times real time. Two things
// add to that, times the speed: by how much the clocks of the reader and of most senders
// differ, and the milliseconds in which records tell their time.
//
// When more than a quarter of the stations move to another event time, and nobody
// contradicts for five seconds, the clock follows. If the new time is five minutes
// earlier or more (at speed n, 5n seconds more than that), the source was started anew: trains of its former life are dropped. A
// source that a page hears from its first record on is judged after two seconds.
//
// # Wrong clocks
//
// Up to a quarter of the stations may have wrong clocks, in the event's time, the
// record's or both. The time of the page, its age, and what other stations report stay
// right, also when the page is started again. Each station has one vote, however many
// records it sends.
//
//   - A time that is wrong once: the record is dropped if its event is ahead of its
//     sending. Otherwise it counts as one that came late.
//   - A station is found to be wrong after three such times. What it reported is taken
//     back. From then on its events count as of when they are received.
//   - What such a station reported before the page started is left out: which of its
//     times is right can't be known.
//   - A log line and the metric ctalive_web_wrong_clock name the station.
//   - Records that wait on their way, for the page or for one station, make no clock wrong.
//
// Limits: an error under 30 seconds is not told from an ordinary delay (at speed n add
// n half seconds). A network of fewer than four stations has no quarter. The reader's
// own clock is relied on. A station that is behind in both times alike is found out by
// when its records are received, so not from those before the page started.
//
// # The stream
//
// GET /events is a stream of server-sent events: "snapshot" with everything, then
// "update" with what changed, several changes in one. Each has an id. Who comes
// back with it, in Last-Event-ID or the query's "since", is told what was missed
// if that is still known, and else gets a snapshot. In silence comes "quiet", which
// has no id and tells nothing. A client that is too slow is dropped without harm to
// others. ?line= and ?station= narrow a stream to a line or a station. A train's
// event is told at once, if there weren't many just before; counts with the next
// such event, or within a second.
//
// # Guarantees
//
// Everything here is safe for concurrent use. A model's memory is bounded,
// whatever its topics hold. Any number of handlers can show one model, and any
// number of processes the same topics: none needs a consumer group. A reader
// never sees the text of an internal error. The page loads nothing from other
// hosts and has no inline script or style; its Content-Security-Policy says so,
// and allows frames of the same origin.
//
// # Duties of the caller
//
// Close a [Handler] when its server shuts down, or streams hold the shutdown up;
// [Serve] does, and bounds connections. Behind a reverse proxy all clients have one
// address: see HandlerConfig.MaxClientStreams. Middleware that wraps the
// ResponseWriter needs an Unwrap method for the stream to be flushed. A server of
// one's own needs ReadHeaderTimeout and MaxHeaderBytes; its WriteTimeout is no matter
// to the stream.
//
// # Testing
//
// Feed a [Model] by its Apply methods and give the wall clock: [Model.Status] and
// HandlerConfig.Now take it. Package ctatest has a broker for [Consume].
package ctaweb
