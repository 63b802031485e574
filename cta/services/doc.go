// Package services opens what every program of the system works with: the Kafka brokers,
// the Schema Registry and the REST Proxy. [Open] takes external services, or starts embedded
// ones in this process, which need nothing but Go. [Together] runs the parts of a program,
// and [ServeHealth] answers Prometheus and an orchestrator.
//
// This package links the embedded services. A program for external services alone can do
// with [kafka.Connect] and [wire.NewRegistry], and links less.
package services
