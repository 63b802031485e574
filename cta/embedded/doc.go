// Package embedded runs a Kafka broker, a Schema Registry and a REST Proxy inside the
// process: for tests, examples and trials. Nothing must be installed.
//
//	services, err := embedded.Start(ctx, embedded.Config{})
//	if err != nil {
//		return err
//	}
//	defer services.Close()
//	client, err := kafka.Connect(ctx, kafka.Config{Brokers: services.Brokers()})
//
// For the features that clients use, the services behave like the real ones:
//
//	broker       Kafka's protocol with groups, transactions, compaction and retention; it is
//	             kfake of the franz-go project
//	registry     Confluent's API with compatibility checks; srfake, of the same project
//	REST Proxy   Confluent's v2 API for producing; our own
//
// # Data
//
// Without Config.DataDir all data is in memory and is lost at [Services.Close]. Topics that
// are not compacted keep the newest 16 MiB together, whatever their retention: about four
// hours of the Chicago 'L'. Records that a consumer group with members has not read yet are
// kept too, up to 64 MiB.
//
// With DataDir, a restart keeps topics, records, group positions, transactions and schemas.
// One process at a time can use the directory; a second one is refused.
//
//	killed process         acknowledged records and schemas are kept
//	crashed machine        the last seconds may be lost, as with Kafka's defaults; schemas that
//	                       a client knows are kept
//	resent batch           stored once
//	open transaction       aborted
//	interrupted compaction undone: links keep the old files. Without links in the file system,
//	                       nothing is compacted
//
// # Where it differs
//
// There is one broker without authentication or encryption: listen only on addresses of
// this machine, as the defaults do.
//
//   - A client that requests an unknown topic and allows its creation gets the topic, with
//     one partition, as with Kafka's own defaults.
//   - Groups start without Kafka's initial delay of 3 s.
//   - Retention is applied every Config.CleanEvery.
//   - Compaction runs when compacted topics have grown by Config.CompactAfter and have no
//     open transaction. Rows of transactions may then occur a second time, with new offsets.
//   - The registry and the REST Proxy reject bodies without their content type, and answer
//     only to hosts of this machine, see Config.Hosts.
//   - The REST Proxy has neither consumers nor API v3 nor v1, and refuses Protobuf, JSON
//     Schema and requests of more than 1 MiB. Records for a topic that does not exist fail at
//     once, unless the broker creates the topic.
//   - The mode of a subject is stored, but READONLY forbids nothing.
//   - Compatibility is checked only between Avro schemas without references; other schemas
//     are accepted unchecked.
package embedded
