// Package ctalive is the overview of a live transit status system on Kafka: its
// parts are packages that can be used together or alone. The first network is
// the Chicago 'L'.
//
// To see it run, with nothing installed but Go:
//
//	go run ./examples/dashboard
//
// and open http://localhost:8888.
//
// # Data flow
//
// Station sensors emit train arrivals, turnstiles emit entries, weather hardware
// emits readings through a Kafka REST Proxy, and a database's stations table
// comes in row by row. Two stream processors turn that into tables: the stations
// of each line, and the entries counted at each station. A web handler consumes
// everything and shows riders the state of the system. Every arrow between two
// parts is a Kafka topic, so each part can be replaced by another product of the
// same role: Kafka Connect, Faust, ksqlDB, or your own.
//
// # Packages
//
//   - [github.com/seed-921eec07/ctalive/cta]: the domain. Network, lines, stations,
//     events, names of topics; the Chicago data, and a loader for another agency's files.
//   - [github.com/seed-921eec07/ctalive/schemas]: the Avro schemas of the events.
//   - [github.com/seed-921eec07/ctalive/ctaproducer]: emits. Stations, turnstiles,
//     weather, the stations table, a connector for Kafka Connect, a simulation.
//   - [github.com/seed-921eec07/ctalive/ctastream]: transforms and counts, exactly once.
//   - [github.com/seed-921eec07/ctalive/ctaweb]: shows. A model fed from Kafka and an
//     [net/http.Handler] with a live page and a JSON API.
//   - [github.com/seed-921eec07/ctalive/cta/live]: what riders want to know, worked out
//     from the events. Where trains are, when they come, how the lines run.
//   - [github.com/seed-921eec07/ctalive/cta/kafka] and
//     [github.com/seed-921eec07/ctalive/cta/wire]: the seams. Kafka clients, and the bytes on the wire.
//   - [github.com/seed-921eec07/ctalive/cta/rest]: the client of the services that
//     speak HTTP: retries, TLS, tokens, errors.
//   - [github.com/seed-921eec07/ctalive/cta/embedded]: a broker, a registry and a REST
//     Proxy inside your process, for demonstrations and tests.
//   - [github.com/seed-921eec07/ctalive/cta/ctatest]: the test kit over it.
//
// The programs under examples show each part alone and all of them together.
//
// # Guarantees
//
// An acknowledged event is neither lost nor doubled nor reordered within its
// station. A station's published count equals the entries acknowledged,
// whichever process is killed. A record that can't be read goes to a dead-letter
// topic with its reason, and stops nothing. A page shows the age of its data.
// The packages say precisely what that rests on.
package ctalive
