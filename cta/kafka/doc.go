// Package kafka sends, reads and transforms Kafka records. It is the system's
// one seam over its Kafka client, sarama: whatever is set or known about Kafka,
// is here.
//
//	client, err := kafka.Connect(ctx, kafka.Config{Brokers: []string{"127.0.0.1:9092"}})
//	if err != nil {
//		return err // names the broker, and says what to do
//	}
//	defer client.Close()
//	err = client.EnsureTopics(ctx, kafka.EventTopic("arrivals", 12))
//
// # Concepts
//
// A [Client] is a connection to one cluster; everything else is made from it.
// [Client.EnsureTopics] creates topics on purpose: nothing here ever creates one
// by naming it. A [Producer] sends records. [Client.Read] reads all partitions of
// the topics that a [Match] means, without a group: for a program that wants
// everything, as a dashboard does. [Client.Last] returns the newest records.
// [Client.Transform] shares the partitions with the other members of a group, and
// publishes what it makes of them exactly once. What the bytes of records mean is
// the business of package wire.
//
// # Guarantees
//
// Sending: a record is acknowledged by all in-sync replicas, is in the log once,
// and is in order within its partition. At most [ProducerConfig.MaxBuffered]
// records wait in memory; then Send blocks. A failed delivery reaches the
// callback given with the record or, without one, the next Flush or Close: it is
// never only a line in a log. While the cluster is away, records wait for up to
// two minutes before they fail. A failed record may have been written all the
// same: the answer was lost.
//
// One limit stands out. A broker that has lost what it knew of a producer (its
// disk, or an unclean change of leader) can't tell a repeated batch from a new
// one. The producer then goes on under a new id, and says so in its log.
//
// Reading: only committed records, in order within a partition. Whether a reader
// has caught up is decided by positions, not by counting: offsets have gaps where
// transactions end or were aborted and where compaction was at work.
//
// Outages: after [Connect], a cluster that goes away is waited for, with pauses
// that grow to a second or two. A broker that doesn't answer is told of once, and
// so is that it answers again; sending that waits is one warning, with its reason.
// A broker that is dead or hangs costs what it leads, and what needs its replica, until
// the controller has taken it out: after broker.session.timeout.ms (9 s by default), and
// an election if it was the controller. A partition without a leader costs that partition.
// Close never takes longer than about 5 s, and logs how many records were accepted,
// delivered and given up.
//
// # Concurrency
//
// All methods are safe for concurrent use. handle and CaughtUp are called by the
// goroutine that called [Client.Read]; a done function by one of the producer's,
// so it must be quick and must not call the producer.
//
// # The caller's duties
//
// Close a producer before its client. Give [Config.TLS] for brokers that aren't
// on this machine, and [Config.SASL] only with it: PLAIN sends the password as it
// is. Records that were read share memory: they may be kept, not changed.
//
// # Metrics
//
// With [Config.Metrics]: ctalive_kafka_sent_bytes_total by topic,
// ctalive_kafka_send_seconds, ctalive_kafka_send_errors_total,
// ctalive_kafka_send_retries_total, ctalive_kafka_buffered_records,
// ctalive_kafka_read_errors_total, and by topic ctalive_kafka_read_lag_records, which
// the cluster is asked for every Refresh, whether records arrive or not. How many
// records a topic gets, the brokers' own metrics report.
//
// # Operations
//
// An open transaction holds up all that comes after it in its partitions: readers of
// committed records, [Client.Restore], and members that need the group's positions.
// Milliseconds are usual. The other members end that of one which has died, once its
// session has timed out; where there are none, the broker does, within 30 s. A broker that
// hangs just as it is to note how a transaction has ended holds it up until the broker is
// back, or the others' request.timeout.ms has passed (30 s by default). A broker that was
// killed under load may forget one (seen with Apache Kafka 4.3.1). The broker's own
// metric PartitionsWithLateTransactionsCount tells; kafka-transactions.sh finds it
// (find-hanging) and ends it (abort). In __consumer_offsets that is always safe for the
// counts of package ctastream, which tell by themselves what they count. In a topic of
// counts it is safe unless the coordinator says CompleteCommit: then the abort drops
// counts that were committed. To have them exact again stop the workers, abort, delete
// the topic of counts, set the group's positions to the earliest, and start the workers.
//
// # Invariants
//
// Each has an everyday test that fails when the rule is broken.
//
// Fencing, so that a member which the group no longer has publishes nothing:
//   - positions carry the group's generation and the member's id, and the id of a
//     transaction names its member: TestPositionsNameGenerationAndMember
//   - a transactional id belongs to its newest process: TestTransformOfTheSameInstanceIsFenced
//   - a request that may come late is of an older epoch: TestTransformChangesItsEpochAfterALostAnswer
//   - a static member gives all up that it may have lost: TestStaticMemberThatMissesAGenerationBeginsAnew
//   - a member that was silent for too long counts nothing: TestTransformFencesZombies
//
// Sequence numbers, so that a record is in the log once, and in order:
//   - a batch is sent again as it was; one of a partition is under way: TestRestartLosesAndDoublesNothing
//   - numbers grow by the records of a batch; one that was given up, or whose sequence the
//     broker has lost, ends its producer id: TestGivenUpBatchEndsItsProducerID
//   - what waits for a topic that is gone doesn't come behind what follows: TestOrderIsKeptOverADeletedTopic
//
// Positions:
//   - a position is the offset after the last record: TestTransformCountsAcrossRestarts
//   - one of another topic or outside of the log is none: TestPositionOfAnotherLogIsNone
//   - a topic that is made anew while it is read begins anew: TestTopicMadeAnewIsReadFromItsBeginning
//   - positions wait for open transactions; the member's own is ended before they are asked
//     for: TestTransformEndsItsOwnTransactionFirst; those of the dead, and of nobody else,
//     are ended: TestTransformEndsTransactionsOfTheDead, TestSweepLeavesTransactionsOfTheLivingAlone,
//     TestTransformLeavesOtherGroupsTransactionsAlone
//   - committed records are read, and no others: TestReadReadsCommittedRecords
//   - what compaction has emptied is passed: TestEmptiedBatchesArePassed
//
// Assigning and revoking:
//   - what is under way of a partition is committed before it goes, and the member doesn't
//     join before that: TestLeavingPartitionsAreCommittedFirst, TestLeavingPartitionsOutlastAnotherRebalance
//   - state is read after open transactions and from all partitions: TestTransformLeavesOtherGroupsTransactionsAlone,
//     TestRestoreReadsAllWhateverAnAnswerLeavesOut, TestRestoreOfATopicThatIsGoneFails
//   - state of a partition that has gone meanwhile isn't used: TestTransformRestoresWhatItNeverBegan
//   - whatever step fails, what isn't committed is dropped and read again:
//     TestTransformSurvivesRefusedSteps, TestTransformSurvivesLostConnections,
//     TestTransformRestoresWhereAPositionIsGone
//
// Bounds and brokers:
//   - a batch is bounded in records and bytes, a buffer in records: TestBatchesAreBounded, TestSendBlocksWhenBufferIsFull
//   - a request ends in time, or when another broker serves it: TestOneBrokerOfThreeIsGone,
//     TestJoiningFollowsTheCoordinator
//   - topics wait for the brokers that they need, and until all know them:
//     TestEnsureTopicsWaitsForBrokers, TestEnsureTopicsWaitsUntilAllBrokersKnow
//   - a topic that is gone is not waited for: TestTopicThatIsGoneIsNotWaitedFor
//   - a partition that nobody leads costs itself alone, and one of state those that need it:
//     TestPartitionWithoutALeaderCostsItselfAlone, TestStateWithoutALeaderCostsWhatNeedsItAlone
//   - ending is bounded: TestCloseIsBoundedWhileTheBrokerIsMute, TestTransformLeavesWithoutItsCluster,
//     TestTransformLeavesItsGroupThoughACommitHangs
//   - what waits is told once, an outage too, and a broker that only waits is none:
//     TestSendingThatWaitsIsToldOnce, TestOneOutageIsToldOnce, TestBrokerThatWaitsForOthersIsNotAway
//
// # Testing
//
// Package embedded runs a broker inside the process; every example here uses it.
package kafka
