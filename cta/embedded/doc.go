// Package embedded runs a Kafka broker, a Schema Registry and a REST Proxy
// inside the process: for tests, for examples, and to look at a system with
// nothing installed.
//
//	services, err := embedded.Start(ctx, embedded.Config{})
//	if err != nil {
//		return err
//	}
//	defer services.Close()
//	client, err := kafka.Connect(ctx, kafka.Config{Brokers: services.Brokers()})
//
// Clients see no difference from the real services in what they use of them:
// the broker speaks Kafka's protocol with groups, transactions, compaction and
// retention, the registry Confluent's API with compatibility checks, the REST
// Proxy Confluent's v2 API for producing. The broker is kfake and the registry
// srfake, both of the franz-go project; the REST Proxy is package restproxy.
//
// # Where it differs
//
// There is one broker without authentication or encryption, so every address
// should be one of this machine alone, as the default ones are. As with Kafka's own
// defaults, a client that asks for an unknown topic and allows its creation gets
// it, with one partition. Groups start without Kafka's initial delay of 3 s.
// Retention is applied every [Config.CleanEvery]; compaction when compacted topics
// have grown by [Config.CompactAfter], at a moment when no transaction is open in them.
// Rows that transactions wrote may then be there a second time, with new offsets: that is
// how the transactions' markers are dropped. Topics' names and settings are refused as
// Kafka 4.3 refuses them. The registry and the REST Proxy read no body without its
// content type, and answer only to hosts of this machine, see [Config.Hosts].
// Compatibility is checked between Avro schemas without references to others; other
// schemas are taken as they are.
//
// # Data
//
// Without [Config.DataDir] everything is in memory, and gone after
// [Services.Close]; of topics that aren't compacted, the newest 16 MiB are kept,
// whatever their retention, about four hours of the Chicago 'L'. With it, topics,
// records, positions of groups, transactions and schemas are there again after a
// restart, and also after the process was killed: a record that was acknowledged has
// left the process. As with Kafka's defaults it may be in the operating system's memory
// alone, so that the machine's own crash can lose the last seconds; schemas are on disk
// before a client hears of them. A batch that an idempotent producer sends again,
// because the answer was lost with the process, isn't there twice. A transaction that
// was open is aborted, and a compaction that was cut short hasn't been. Its files are
// kept as links meanwhile: where the file system has none, nothing is compacted. One
// process at a time can use the directory; a second one is refused.
package embedded
