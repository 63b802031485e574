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
// The domain:
//   - [github.com/seed-921eec07/ctalive/cta]: network, lines, stations, events, topic
//     names; the Chicago data, and a loader for CSV folders
//   - [github.com/seed-921eec07/ctalive/cta/alert]: notices to riders
//   - [github.com/seed-921eec07/ctalive/cta/tables]: the JSON records of stations and
//     counts, as each program writes them
//   - [github.com/seed-921eec07/ctalive/cta/gtfs]: GTFS feeds to and from networks
//   - [github.com/seed-921eec07/ctalive/cta/gtfs/realtime]: the state as GTFS-Realtime
//     feeds; alerts of such feeds
//   - [github.com/seed-921eec07/ctalive/cta/live]: train positions, predictions and
//     line status, derived from the events
//   - [github.com/seed-921eec07/ctalive/schemas]: the Avro schemas
//
// Producers, workers, page:
//   - [github.com/seed-921eec07/ctalive/ctaproducer]: emits arrivals, entries and
//     weather; simulates a network
//   - [github.com/seed-921eec07/ctalive/ctaproducer/stations]: brings the stations
//     table to Kafka: from a network, from PostgreSQL, or by Kafka Connect
//   - [github.com/seed-921eec07/ctalive/ctaproducer/traintracker]: derives arrivals of
//     the real 'L' from the CTA's Train Tracker
//   - [github.com/seed-921eec07/ctalive/ctaproducer/realtime]: derives arrivals from an
//     agency's GTFS-Realtime feeds
//   - [github.com/seed-921eec07/ctalive/ctaproducer/alerts]: writes an agency's alerts
//     to a topic
//   - [github.com/seed-921eec07/ctalive/ctaproducer/recording]: records the answers of
//     the live sources, and replays them
//   - [github.com/seed-921eec07/ctalive/ctastream]: builds the stations table; counts
//     entries exactly once
//   - [github.com/seed-921eec07/ctalive/ctaweb]: a model of the state, and an
//     [net/http.Handler] that shows it
//
// Kafka and services:
//   - [github.com/seed-921eec07/ctalive/cta/kafka]: sends, reads and transforms records
//   - [github.com/seed-921eec07/ctalive/cta/kafka/record]: records and topics as types,
//     without a Kafka client
//   - [github.com/seed-921eec07/ctalive/cta/wire]: encodes and decodes records: Avro,
//     JSON, text
//   - [github.com/seed-921eec07/ctalive/cta/rest]: access to HTTP services
//   - [github.com/seed-921eec07/ctalive/cta/services]: opens external or embedded
//     services; runs the parts of a program together; serves health
//   - [github.com/seed-921eec07/ctalive/cta/embedded]: broker, Schema Registry and REST
//     Proxy in the process
//
// Testing:
//   - [github.com/seed-921eec07/ctalive/cta/ctatest]: a test kit with a broker, a
//     registry and a REST Proxy
//   - [github.com/seed-921eec07/ctalive/ctaproducer/traintracker/traintrackertest]: a
//     fake Train Tracker
//   - [github.com/seed-921eec07/ctalive/ctaproducer/realtime/realtimetest]: a fake
//     GTFS-Realtime server
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
