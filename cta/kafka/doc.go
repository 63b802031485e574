// Package kafka sends, reads and transforms Kafka records. It is the only package
// that uses the Kafka client library, sarama.
//
//	client, err := kafka.Connect(ctx, kafka.Config{Brokers: []string{"127.0.0.1:9092"}})
//	if err != nil {
//		return err // names the broker and the remedy
//	}
//	defer client.Close()
//	err = client.EnsureTopics(ctx, kafka.EventTopic("arrivals", 12))
//
// # Concepts
//
//   - A [Client] is a connection to one cluster. Everything else is made from it.
//   - [Client.EnsureTopics] creates topics. Nothing else in the package creates one.
//   - A [Producer] sends records.
//   - [Client.Read] reads all partitions of the topics that a [Match] selects, without
//     a group. Use it where one program needs everything, such as a dashboard.
//   - [Client.Last] returns the newest record of each partition.
//   - [Client.Transform] shares the partitions with the other members of a group, and
//     publishes its results exactly once.
//
// Package wire encodes and decodes the bytes of records.
//
// # Guarantees
//
// Sending:
//
//   - All in-sync replicas acknowledge a record. The log contains the record once, in order
//     within its partition.
//   - At most [ProducerConfig.MaxBuffered] records, and 64 MB, wait in memory; then Send blocks.
//   - While the cluster is away, a record waits for up to two minutes before it fails.
//   - A failed delivery is reported to the record's callback, otherwise by the next Flush or
//     Close. A failed record may have been written: only the answer may have been lost.
//   - One limit: a broker may lose its state of a producer, with its disk or in an unclean
//     leader election. Then it cannot tell a repeated batch from a new one. The producer
//     continues under a new id and logs that.
//
// Reading: only committed records are read, in order within a partition. Positions
// decide whether a reader has caught up, not counts: offsets have gaps where
// transactions ended or aborted, and after compaction.
//
// Outages:
//
//   - After [Connect], every call retries while the cluster is away. Pauses grow to one
//     or two seconds.
//   - A silent broker is logged once, its return once. Sending that waits is one warning,
//     with its reason.
//   - A dead or hung broker stops its partitions, and writes that need its replica, until
//     the controller removes the broker. That takes broker.session.timeout.ms (9 s by
//     default), plus an election if the broker was the controller.
//   - A partition without a leader stops only itself.
//   - [Producer.Close] takes at most about 3 s, and logs how many records were accepted,
//     delivered and given up. [Client.Transform] ends within 5 s.
//
// # Concurrency
//
// All methods are safe for concurrent use. handle and CaughtUp run on the goroutine that
// called [Client.Read]. A done function runs on one of the producer's goroutines: it must
// be quick and must not call the producer.
//
// # The caller's duties
//
// Close a producer before its client. Set [Config.TLS] for brokers on other machines.
// Set [Config.SASL] only with TLS: PLAIN sends the password unencrypted. Records that
// were read share memory: they may be kept, not changed.
//
// # Metrics
//
// With [Config.Metrics]: ctalive_kafka_sent_bytes_total by topic,
// ctalive_kafka_send_seconds, ctalive_kafka_send_errors_total,
// ctalive_kafka_send_retries_total, ctalive_kafka_buffered_records,
// ctalive_kafka_read_errors_total, and by topic ctalive_kafka_read_lag_records. The lag
// is read from the cluster every Refresh, even when no records arrive. Transform has those
// of ctalive_stream_, by group: records_processed_total, records_committed_total,
// transactions_committed_total, transactions_aborted_total, rebalances_total,
// commit_seconds, caught_up, and by topic lag_records. The brokers' own metrics report how
// many records a topic receives.
//
// # Operations
//
// An open transaction blocks everything after it in its partitions: readers of committed
// records, [Client.Restore], and members that need the group's positions. Usually the
// delay is milliseconds. Otherwise the transaction is ended:
//
//   - by another member, after the dead member's session time-out
//   - by the broker within 30 s, if no member is left
//   - by nobody while the coordinator hangs: the delay lasts until the coordinator is back,
//     or until request.timeout.ms of the other brokers (30 s by default)
//
// A broker that was killed under load may forget a transaction (seen with Apache Kafka
// 4.3.1). The broker's metric PartitionsWithLateTransactionsCount reports that;
// kafka-transactions.sh finds it (find-hanging) and ends it (abort). An abort is safe:
//   - in __consumer_offsets: always, for the counts of package ctastream. Each count
//     itself states which records it covers.
//   - in a topic of counts: unless the coordinator reports CompleteCommit. Then the abort
//     drops committed counts. To make them exact again: stop the workers, abort, delete the
//     topic of counts, set the group's positions to the earliest, start the workers.
//
// # Testing
//
// Package embedded runs a broker inside the process; most examples here use it. The rules
// of exactly-once processing, with the test of each, are in INVARIANTS.md.
package kafka
