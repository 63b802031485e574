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
// # Workers
//
//	worker                 reads                       writes
//	[TurnstileSummary]     entries, in either layout   TURNSTILE_SUMMARY: the count of each station
//	[StationTransformer]   rows of the stations table  stations.table: the stations of each line
//	[Inspector]            arrivals and weather        nothing but dead letters
//
// Any number of workers of a kind, in one process or many, share the partitions
// as members of one consumer group. Topics that appear later are picked up.
//
// A worker's Ready reports whether the worker has caught up, for a readiness probe.
//
// # Guarantees
//
// A station's published count equals the number of its entries, even if workers are
// killed, paused, fenced or given other partitions, at any moment. A reader of
// committed records never sees a count fall.
//
// Each batch of records is processed in one transaction. Its results, its dead letters
// and its positions are committed together, or not at all.
//
// A worker restores its state from its output and the dead letters. So the time of a
// restart depends on the number of stations and dead letters, not of entries.
//
// A count is published when the previous transaction is done: some milliseconds after
// the entry, or a full batch later under load. Counts between two transactions are not
// published one by one.
//
// # Dead letters
//
// An unreadable record doesn't stop the flow. The worker writes it to the topic of dead
// letters exactly once, key and value unchanged, with these headers as text:
//
//   - topic, partition, offset: where the record was
//   - reason: one of a few fixed texts
//   - error: the details
//   - topic-id: the id of the topic, if the cluster assigns one
//   - truncated: the record's size in bytes, if it was too large to be copied whole
//
// The record is counted in ctalive_stream_dead_letters_total, and logged once for each
// topic and reason. If the registry doesn't answer, the worker waits for it instead.
//
// # Metrics
//
// A worker registers these metrics with [Config.Metrics]:
//
//   - by group: ctalive_stream_restored_keys and ctalive_stream_restore_seconds
//   - by topic and reason: ctalive_stream_dead_letters_total
//
// The worker's client registers those of the transactions, by group, with its own
// [kafka.Config.Metrics]:
//
//   - ctalive_stream_records_processed_total and _committed_total
//   - ctalive_stream_transactions_committed_total and _aborted_total
//   - ctalive_stream_rebalances_total
//   - ctalive_stream_commit_seconds
//   - ctalive_stream_caught_up
//   - ctalive_stream_lag_records, also by topic
//
// The cluster is asked for the lag every Config.Refresh, so the lag of a stuck worker
// grows.
//
// # Testing
//
// Package ctatest runs a broker and a registry inside a test; every example here
// uses package embedded in the same way.
//
// # How it works
//
//   - After an aborted transaction the worker drops all state and joins the group again,
//     because an abort doesn't rewind positions.
//   - State is read once the positions are settled, with the records of open transactions
//     ([kafka.Client.Restore]). A transaction is committed in one topic after the other.
//     The committed part of the output may therefore lag behind the positions.
//   - State is read again for every generation of an assignment, except for partitions
//     that stay.
//   - Each count names the topic id and the position up to which entries are counted. So
//     entries are neither lost nor counted twice if the group's positions are lost, the
//     topic is recreated, or its end is lost in a crash. Each dead letter names its
//     record. Rows of stations may be read again, which changes nothing.
//
// The rules of fencing, and the test of each, are in cta/kafka/INVARIANTS.md.
package ctastream
