// Package member runs a member of a consumer group that reads, transforms and publishes
// exactly once. [Run] runs the member; [Transformer] is the work that the caller provides.
// [github.com/seed-921eec07/ctalive/cta/kafka.Client.Transform] calls Run.
//
// Transform handles a batch of records, Assign reads the state that a partition needs, and
// Revoke drops that state. The records that Transform returns are published together with
// the positions of its batch, or not at all. When a member dies or is cut off, another one
// continues where the last transaction ended: nothing is lost or counted twice.
//
// # From a rebalance to the first commit
//
// One goroutine, member.loop, owns all state. Requests and calls of the Transformer run
// in other goroutines, and return a function that the loop runs. After each such event,
// member.advance and session.advance start the steps that are ready.
//
//  1. A heartbeat reports a rebalance. The member joins (group.go) with the list of its
//     partitions, and continues to read and commit.
//  2. membership.given handles the outcome. Partitions that move elsewhere are no longer
//     read. Their work in flight is committed, then Revoke is called, and the member joins
//     again without them. Only then does the group assign them to other members.
//  3. session.begin takes over the member's transactional id, once per session. That
//     aborts a transaction that this member, or its last process, left open.
//  4. session.locate reads the group's positions of new partitions. Positions wait for
//     transactions open on them; sweep.go ends those of dead members. A partition without
//     a leader, or whose state is in a partition without one, does not delay the others.
//  5. session.restore calls Assign, in parallel with all else, and installs the state it
//     read. From then on the partitions are read (package fetch).
//  6. session.gather, transform and commit process the records; txn.go sends the
//     transactions.
//
// When a step fails, the session ends (member.restart), and a new one begins at 3 with the
// same partitions. When the group has removed the member (member.lose), it begins at 1.
package member
