// Package member runs a member of a consumer group that reads, transforms and publishes
// exactly once. [Run] runs the member; [record.Transformer] is the work that the caller provides.
// [github.com/seed-921eec07/ctalive/cta/kafka.Client.Transform] calls Run.
//
// Transform handles a batch of records, Assign reads the state that a partition needs, and
// Revoke drops that state. The records that Transform returns are published together with
// the positions of its batch, or not at all. When a member dies or is cut off, another one
// continues where the last transaction ended: nothing is lost or counted twice.
//
// # From a rebalance to the first commit
//
//  1. A heartbeat reports that the group rebalances (member.heartbeat). The member joins
//     with the list of its partitions, and continues to read and commit them. JoinGroup
//     returns the new generation, SyncGroup the assignment (joinGroup). One member plans it
//     for all (planAssignment).
//  2. The assignment arrives (onAssignment), and the session takes it over
//     (session.assign). Without a session, advance begins one, once nothing of the last
//     runs. Revoked partitions are no longer fetched. Their records in flight are committed,
//     Revoke is called, and the member joins again without them (finishRevoking,
//     rejoinWithout). Only then does the group assign them to other members.
//  3. The session takes over the member's transactional id, once (initTransactions), by
//     InitProducerId. That aborts a transaction that this member, or its last process, left
//     open.
//  4. The group's positions of new partitions are fetched (locate). They wait for
//     transactions open on them; sweep.go ends those of dead members. A partition without
//     a leader, or whose state is in a partition without one, does not delay the others.
//  5. Assign reads the partitions' state, in parallel with all else, and installs it
//     (restore). From then on the partitions are fetched (package fetch).
//  6. Records are accumulated, transformed and committed (accumulate, transform, commit).
//     txn.commit publishes what Transform returned (AddPartitionsToTxn, Produce) and, at the
//     same time, the positions after the batch (AddOffsetsToTxn, TxnOffsetCommit). The first
//     of them begins the transaction; EndTxn commits it.
//
// The group's position is the committed offset of a partition's next record, part.position
// the offset up to which the member has read.
//
// A partition goes through these steps by its state: stateAssigned, stateLocating,
// stateLocated, stateRestoring, stateActive, and stateRevoking when it leaves.
//
// # Who runs what
//
// One goroutine, member.loop, owns all state. Requests and Assign (async), and the other
// calls of the Transformer, one at a time (callTransformer), run in other goroutines; each
// returns a function that the loop runs. After every event, member.advance and session.advance start the steps that
// are ready.
//
// When a step fails, the session ends (restartSession), and a new one begins at 3 with the
// same partitions. When the group has removed the member (loseAssignment), it begins at 1.
package member
