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
// # How it works: invariants
//
//   - An aborted transaction doesn't rewind the position in a partition. So the worker
//     leaves the session and drops all state. The group then assigns the partitions
//     again, from the committed positions.
//   - State is read after the positions are settled, up to the end of the output at that
//     time, open transactions included ([kafka.Client.Restore]). A transaction's markers
//     reach its topics one after the other. So the committed part of the output may lack
//     counts that the positions include.
//   - A worker keeps the state of partitions that stay with it: that state may include a
//     batch whose commit is in flight.
//   - A partition may leave a worker and return before the worker has begun with it. So a
//     worker reads the state again for every generation of an assignment.
//   - A topic may end before the position up to which it is counted. Either it was
//     recreated under the same name, or it lost its end in a crash. The topic id in each
//     count shows which. If the topic id is unchanged, the lost entries are already counted.
//   - The group's positions can be lost. They expire with an unused group, and a broker
//     that was killed has been seen to answer without them after its restart. So each
//     count names the entries it includes, and those are skipped. Each dead letter names
//     its record, which gets no second one. Rows of stations may be read again, which
//     changes nothing.
//   - A transaction that a dead member left open blocks its successors and all readers
//     until it times out. So a transaction's id names its member, and members end the
//     transactions of members that have left the group.
//   - Positions are sent with the member and generation of the batch's session. The group
//     refuses them once the partitions may belong to another member.
package ctastream
