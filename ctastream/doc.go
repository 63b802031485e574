// Package ctastream derives what riders see from the raw topics: the entries
// counted at each station, and the stations of each line. A third worker puts
// aside the arrivals and weather readings that nobody can read.
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
// # Guarantees
//
// A station's published count equals the number of its entries, whichever worker
// is killed, paused, fenced or given other partitions, and at whatever moment. A
// reader of committed records never sees a count fall.
//
// Each batch of records is worked on in one transaction: what it changes, its dead
// letters and its positions are committed together, or not at all. All that a
// worker knows can be read from its output and from the dead letters, so a restart
// takes time by the number of these and of stations, not of entries. A count is
// published when the transaction before is done: some milliseconds after the entry,
// or a full batch later under load. Counts between two transactions are not published
// one by one.
//
// # Dead letters
//
// A record that can't be read doesn't stop the flow. It goes, key and value as
// they were, to the topic of dead letters, exactly once, with these headers as text:
//
//   - topic, partition, offset: where it was
//   - reason: one of a few fixed texts
//   - error: the details
//   - topic-id: of the topic, if the cluster gives it one
//   - truncated: its size in bytes, if it was too large to be copied whole
//
// It is counted in ctalive_stream_dead_letters_total, and logged once for each
// topic and reason. A registry that doesn't answer is no such reason: the worker
// waits for it.
//
// # Metrics
//
// With [Config.Metrics], by group: ctalive_stream_restored_keys and
// ctalive_stream_restore_seconds; and by topic and reason:
// ctalive_stream_dead_letters_total. The client that a worker was given has those of
// the transactions, by group, in its own [kafka.Config.Metrics]:
// ctalive_stream_records_processed_total and _committed_total,
// ctalive_stream_transactions_committed_total and _aborted_total,
// ctalive_stream_rebalances_total, ctalive_stream_commit_seconds,
// ctalive_stream_caught_up, and ctalive_stream_lag_records by topic. The lag is what
// the cluster says, asked for every Config.Refresh: that of a stuck worker grows.
//
// A worker's Ready tells whether it has caught up, for a readiness probe.
//
// # Invariants that once cost a bug
//
//   - After an aborted transaction, the position in a partition doesn't rewind by
//     itself: the session is given up and all state dropped, so that the group hands
//     out the partitions again from the committed positions.
//   - State is read after the positions are settled, and up to the end that the
//     output then has, open transactions included ([kafka.Client.Restore]). The
//     markers of one transaction reach its topics one after the other, so the end
//     of what is committed at that time may lack counts that the positions include.
//   - State of partitions that a worker keeps is not read again: it may be ahead of
//     what is published, by the batch that is being committed.
//   - A partition can be given to a worker, to another and back before the first could
//     begin with it, as when it has no leader. So it's what the group gives, and since
//     which generation, that says whether its state is to be read.
//   - A topic that ends before what is counted of it is another of that name, or has
//     lost its end in a crash. In that case, its entries are counted already. The
//     topic's id, which each count has, tells which.
//   - The group's positions can be lost: they expire with an unused group, and a
//     broker that was killed has been seen to answer without them after its restart.
//     So each count says which entries it counts, and those are passed over; each dead
//     letter says where it comes from, and the record gets no other. Rows of stations
//     may come again, which changes nothing.
//   - A transaction that a dead member left open holds up its heirs and all readers
//     until it times out. So the id of a transaction names its member, and members
//     end those of members that the group has given up.
//   - Positions are sent as the member and generation that the batch's session has.
//     The group refuses them once the partitions may be another's.
//
// # Testing
//
// Package ctatest runs a broker and a registry inside a test; every example here
// uses package embedded in the same way.
package ctastream
