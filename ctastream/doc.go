// Package ctastream derives the tables that riders see from the raw topics: the
// entries counted at each station, and the stations of each line. A third worker
// moves unreadable arrivals and weather readings to a topic of dead letters.
//
//	sum, err := ctastream.NewTurnstileSummary(client, registry, ctastream.Config{})
//	if err != nil {
//		return err // names every setting that is wrong
//	}
//	return sum.Run(ctx) // nil once ctx ends
//
//	worker               reads                       writes
//	TurnstileSummary     entries, in either layout   TURNSTILE_SUMMARY: the count of each station
//	StationTransformer   rows of the stations table  stations.table: the stations of each line
//	Inspector            arrivals and weather        nothing but dead letters
//
// Any number of workers of a kind, in one process or many, share the partitions as members
// of one consumer group. Topics that appear later are read too. A worker's Ready reports
// whether the worker has caught up, for a readiness probe.
//
// # Dead letters
//
// A worker writes an unreadable record to the topic of dead letters exactly once, and
// continues. Key and value are unchanged. The headers are text:
//
//	topic, partition, offset   where the record was
//	reason                     one of a few fixed texts
//	error                      the details
//	topic-id                   the id of the topic, if the cluster assigns one
//	truncated                  the size in bytes of a record too large to be copied whole
//
// The record is counted in ctalive_stream_dead_letters_total, and logged once for each topic
// and reason. If the registry does not answer, the worker waits instead.
//
// # Metrics
//
// A worker with [Config.Metrics] has the metrics of its dead letters and restored state. Its
// client with [kafka.Config.Metrics] has those of records, transactions, rebalances and lag.
// All begin with ctalive_stream_; OPERATIONS.md explains each. The lag is read every
// Config.Refresh, so the lag of a stuck worker grows.
//
// # Testing
//
// Package ctatest runs a broker and a registry inside a test; the examples here use package
// embedded in the same way.
//
// # Guarantees
//
//   - A station's published count equals the number of its entries, even if workers are
//     killed, paused, fenced or given other partitions, at any moment. A reader of committed
//     records never sees a count fall.
//   - The results of a batch, its dead letters and its positions are committed in one
//     transaction, or not at all.
//   - A count is published some milliseconds after the entry, or a full batch later under
//     load. Counts between two transactions are not published.
//   - The time of a restart depends on the number of stations and dead letters, not of
//     entries: a worker restores its state from its output.
//   - Each count names the topic id and the position up to which entries are counted, and
//     each dead letter its record. So the counts stay exact if the group's positions are
//     lost, a topic is recreated, or its end is lost in a crash.
//
// # Invariants
//
//   - After an aborted transaction, a worker drops all state and joins the group again: an
//     abort does not rewind positions.
//   - State is read once the positions are settled, with the records of open transactions
//     ([kafka.Client.Restore]): a transaction is committed in one topic after the other.
//   - State is read again for every assignment, except for partitions that stay.
//
// The rules of fencing, with the test of each, are in cta/kafka/INVARIANTS.md.
package ctastream
