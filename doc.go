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
//   - Two stream processors derive tables: the stations of each line, and the entries
//     counted at each station.
//   - A web handler consumes all topics and shows riders the state of the system.
//
// The parts communicate only through Kafka topics. Each part can therefore be replaced
// by another product: Kafka Connect, Faust, ksqlDB, or your own.
//
// # Packages
//
//   - [github.com/seed-921eec07/ctalive/cta]: the domain. Network, lines, stations,
//     events, topic names; the Chicago data, and a loader for another agency's files.
//   - [github.com/seed-921eec07/ctalive/schemas]: the Avro schemas of the events.
//   - [github.com/seed-921eec07/ctalive/ctaproducer]: the producers. Stations, turnstiles,
//     weather, the stations table, a connector for Kafka Connect, a simulation.
//   - [github.com/seed-921eec07/ctalive/ctastream]: the stream processors, exactly once.
//   - [github.com/seed-921eec07/ctalive/ctaweb]: the web pages. A model fed from Kafka and
//     an [net/http.Handler] with a live page and a JSON API.
//   - [github.com/seed-921eec07/ctalive/cta/live]: train positions, arrival predictions
//     and line status, derived from the events.
//   - [github.com/seed-921eec07/ctalive/cta/kafka]: the Kafka clients.
//   - [github.com/seed-921eec07/ctalive/cta/wire]: the encoding of keys and values.
//   - [github.com/seed-921eec07/ctalive/cta/rest]: the client for HTTP services:
//     retries, TLS, tokens, errors.
//   - [github.com/seed-921eec07/ctalive/cta/services]: opens external or embedded services,
//     and runs the parts of a program together.
//   - [github.com/seed-921eec07/ctalive/cta/embedded]: a broker, a registry and a REST
//     Proxy inside your process, for demonstrations and tests.
//   - [github.com/seed-921eec07/ctalive/cta/ctatest]: a test kit built on embedded.
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
