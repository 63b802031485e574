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
// A [Client] is a connection to one cluster. Its methods do the rest:
//
//	EnsureTopics   creates topics; nothing else in the package creates one
//	NewProducer    returns a Producer, which sends records
//	Read           reads all partitions of the topics that a Match selects, without a
//	               group: where one program needs everything, such as a page
//	Last           returns the newest record of each partition
//	Transform      shares the partitions with the other members of a group, and publishes
//	               its results exactly once
//
// Package wire encodes and decodes the bytes of records. Package embedded runs a broker
// inside the process, for tests; most examples here use it.
//
// # The caller's duties
//
//   - Close a producer before its client.
//   - Set [Config.TLS] for brokers on other machines, and [Config.SASL] only with TLS: PLAIN
//     sends the password unencrypted.
//   - Keep records that were read as long as needed, but do not change them: they share
//     memory.
//
// All methods are safe for concurrent use. handle and CaughtUp run on the goroutine that
// called [Client.Read]. A done function runs on one of the producer's goroutines: it must
// be quick and must not call the producer.
//
// # When the cluster is away
//
//	Connect, EnsureTopics   fail after Config.Wait
//	Topics                  fails after 30 s
//	Send                    blocks while the buffer is full; a record fails after 2 minutes
//	Read, Last, Transform   retry until ctx ends, with pauses of up to two seconds
//	Producer.Close          takes at most about 3 s, and logs how many records were
//	                        accepted, delivered and given up
//
// Transform ends within 5 s of its context, in an outage too. A silent broker is logged
// once, its return once. Sending that waits is one warning, with its reason.
//
// A dead or hung broker stops its partitions, and writes that need its replica, until the
// controller removes the broker. That takes broker.session.timeout.ms (9 s by default), plus
// an election if the broker was the controller. A partition without a leader stops only
// itself.
//
// # Metrics
//
// A client with [Config.Metrics] has the metrics ctalive_kafka_ and, in Transform,
// ctalive_stream_. OPERATIONS.md explains each. The lag is read from the cluster every
// Refresh, even when no records arrive.
//
// # Guarantees
//
//   - All in-sync replicas acknowledge a record that was sent. The log contains the record
//     once, in order within its partition.
//   - A failed delivery is reported to the record's callback, otherwise by the next Flush or
//     Close. A failed record may have been written: only the answer may have been lost.
//   - At most [ProducerConfig.MaxBuffered] records, and 64 MB, wait in memory.
//   - Only committed records are read, in order within a partition. A reader has caught up by
//     its positions, not by a count: offsets have gaps.
//
// One limit: a broker may lose its state of a producer, with its disk or in an unclean
// leader election. Then the broker cannot tell a repeated batch from a new one. The producer
// continues under a new id and logs that.
//
// An open transaction blocks later records in its partitions: see OPERATIONS.md for a
// transaction that hangs. INVARIANTS.md lists the rules of exactly-once processing, with the
// test of each.
package kafka
