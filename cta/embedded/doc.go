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
//   - The broker implements Kafka's protocol with groups, transactions, compaction and
//     retention.
//   - The registry implements Confluent's API with compatibility checks.
//   - The REST Proxy implements Confluent's v2 API for producing.
//
// The broker is kfake and the registry srfake, both of the franz-go project. The REST
// Proxy is our own.
//
// # Where it differs
//
// There is one broker without authentication or encryption: listen only on addresses of
// this machine, as the defaults do.
//
//   - A client that requests an unknown topic and allows its creation gets the topic, with
//     one partition, as with Kafka's own defaults.
//   - Groups start without Kafka's initial delay of 3 s.
//   - Retention is applied every [Config.CleanEvery].
//   - Compaction runs when compacted topics have grown by [Config.CompactAfter] and have no
//     open transaction. It drops the transactions' markers by copying: rows that
//     transactions wrote may then be there a second time, with new offsets.
//   - Topics' names and settings are refused as Kafka 4.3 refuses them.
//   - The registry and the REST Proxy reject bodies without their content type, and answer
//     only to hosts of this machine, see [Config.Hosts].
//   - The REST Proxy has neither consumers nor API v3 nor v1, and refuses Protobuf, JSON
//     Schema and requests of more than 1 MiB. Records for a topic that doesn't exist fail
//     at once, unless the broker creates it.
//   - Compatibility is checked only between Avro schemas without references; other schemas
//     are accepted unchecked.
//
// # Data
//
// Without [Config.DataDir] all data is in memory and is lost at [Services.Close]. Of topics
// that aren't compacted, the newest 16 MiB are kept, whatever their retention: about four
// hours of the Chicago 'L'. What a consumer group with members hasn't read yet is kept too,
// up to 64 MiB.
//
// With DataDir, a restart keeps topics, records, group positions, transactions and
// schemas:
//   - After a kill of the process, acknowledged records are kept: they have left the
//     process.
//   - After a crash of the machine, the last seconds may be lost: as with Kafka's defaults,
//     acknowledged records may be only in the operating system's memory. Schemas are on
//     disk before a client hears of them.
//   - A batch that an idempotent producer resends, because the process died before it
//     answered, is stored once.
//   - An open transaction is aborted, and an interrupted compaction is undone. During
//     compaction, links keep the old files: without links in the file system, nothing is
//     compacted.
//
// One process at a time can use the directory; a second one is refused.
package embedded
