// Package ctalive is the overview of a live transit status system on Kafka. Its
// packages can be used together or alone. The first network is the Chicago 'L'.
//
// To run it with only Go installed:
//
//	go run ./examples/dashboard
//
// Then open http://localhost:8888.
//
// # Data flow
//
//   - Stations emit train arrivals, and turnstiles emit entries.
//   - Weather hardware sends readings through a Kafka REST Proxy.
//   - A connector reads the stations table of a database, row by row.
//   - Three workers process the topics. Two derive tables: the stations of each line, and
//     the entries counted at each station. The third moves unreadable records aside.
//   - A web handler consumes all topics and shows riders the state of the system.
//
// The parts communicate only through Kafka topics. Each part can therefore be replaced
// by another product: Kafka Connect, Faust, ksqlDB, or your own.
//
// # Packages
//
//   - [github.com/seed-921eec07/ctalive/cta]: the domain. Network, lines, stations,
//     events, topic names; the Chicago data, and a loader for another agency's files.
//   - [github.com/seed-921eec07/ctalive/cta/gtfs]: GTFS feeds as networks.
//   - [github.com/seed-921eec07/ctalive/ctaproducer]: the producers and a simulation. The
//     packages below it derive events from the CTA's and any agency's live feeds.
//   - [github.com/seed-921eec07/ctalive/ctastream]: the workers, exactly once.
//   - [github.com/seed-921eec07/ctalive/ctaweb]: the web pages. A model fed from Kafka and
//     an [net/http.Handler] with a live page and a JSON API.
//   - [github.com/seed-921eec07/ctalive/cta/live]: train positions, arrival predictions
//     and line status, derived from the events.
//   - [github.com/seed-921eec07/ctalive/cta/services]: opens external or embedded services,
//     and runs the parts of a program together.
//   - [github.com/seed-921eec07/ctalive/cta/ctatest]: a test kit with a broker, a registry
//     and a REST Proxy.
//
// README.md lists all packages.
//
// The programs under examples show each part alone and all parts together.
//
// # Guarantees
//
//   - An acknowledged event is never lost, duplicated, or reordered within its station.
//   - A station's published count equals the entries acknowledged, whichever process is
//     killed.
//   - An unreadable record goes to a dead-letter topic with the reason. Processing
//     continues.
//   - Each page shows the age of its data.
//
// The package docs list the conditions for these guarantees.
package ctalive
