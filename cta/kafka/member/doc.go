// Package member is a member of a consumer group that reads, transforms and publishes
// exactly once: [Run] is all of it, seen from outside, and [Transformer] is the work that
// it is given. [github.com/seed-921eec07/ctalive/cta/kafka.Client.Transform] runs one.
//
// Say what to do with a batch of records in Transform, what state a partition needs in
// Assign, and drop that state in Revoke. What Transform returns is published together
// with the positions of its batch, or not at all. A member that dies or is cut off loses
// nothing and counts nothing twice: another one begins where the last transaction ended.
//
// # From a rebalance to the first commit
//
// One goroutine, member.loop, owns all state. What takes time, a request or a call of the
// Transformer, runs beside it, and comes back as a function that the loop runs. After
// each such event, member.advance and session.advance start whatever can be started.
//
//  1. A heartbeat hears that the group shares its partitions anew. The member joins
//     (group.go) and says which partitions it has. It goes on reading and committing.
//  2. membership.given takes the outcome. Partitions that go elsewhere are read no
//     longer; what is under way of them is committed; then Revoke is called, and the
//     member joins again without them. Only then does the group give them to others.
//  3. session.begin takes over the member's transactional id. That aborts what this
//     member, or its last process, has left open. It is done once for a session.
//  4. session.locate asks for the group's positions of new partitions. They wait for
//     transactions that are open on them; those of dead members are ended (sweep.go).
//     A partition without a leader waits by itself, and so does one whose state is in a
//     partition without a leader; the others go on.
//  5. session.restore calls Assign, beside all else, and puts what it read into use.
//     The partitions are read from then on (package fetch).
//  6. Records are gathered, transformed and committed: session.gather, transform, commit
//     and, in txn.go, what a transaction is made of.
//
// When a step fails, the session ends (member.restart), and a new one begins at 3 with
// the same partitions; when the group has thrown the member out (member.lose), at 1.
package member
