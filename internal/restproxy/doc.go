// Package restproxy serves the part of Confluent's REST Proxy v2 API that
// produces records and looks at topics, as version 7.4 answers it.
//
//	h, err := restproxy.New(restproxy.Config{Brokers: brokers, Registry: registry})
//	if err != nil {
//		return err
//	}
//	defer h.Close()
//	err = http.Serve(listener, h)
//
// # What is there
//
//	POST /topics/{topic}                   records, to partitions by their keys
//	POST /topics/{topic}/partitions/{n}    records, to one partition
//	GET  /topics                           the names of topics
//	GET  /topics/{topic}                   its settings and partitions
//	GET  /topics/{topic}/partitions[/{n}]  its partitions, or one of them
//	GET  /brokers                          the brokers' ids
//
// Records are Avro (application/vnd.kafka.avro.v2+json, with a schema as text or by its
// id), JSON (application/vnd.kafka.json.v2+json) or base64
// (application/vnd.kafka.binary.v2+json). Schemas given as text are registered under the
// subjects topic-key and topic-value; ids must be of schemas registered there. Keys select
// the partition by Java's murmur2. All records of a request are converted before the first
// is sent. Then each has its own outcome in an answer of status 200.
//
// # What is left out
//
//	consumers, API v3, v1                  404 or 415
//	Protobuf and JSON Schema               415
//	a fraction, as 1.0, for an int         400: Confluent cuts it off
//	records of JSON, written anew          numbers and escapes stay as typed: \u0041, 1e3
//	waiting for a partition to be added    50003 at once: Confluent waits a minute before
//	requests of more than 1 MiB            413
//
// A topic that doesn't exist is created if the brokers create topics on demand. Otherwise
// its records fail with code 50003 in an answer of status 200.
//
// Records for Kafka's own topics, whose names begin with two underscores, and for names
// that Kafka refuses, are refused with 422.
//
// There is no authentication: serve it on a loopback address.
package restproxy
