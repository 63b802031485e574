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
// Sending: all in-sync replicas acknowledge a record. The log contains the record once,
// in order within its partition. At most [ProducerConfig.MaxBuffered] records wait in
// memory; then Send blocks. A failed delivery is reported to the record's callback.
// Without a callback, the next Flush or Close returns the failure. While the cluster is
// away, a record waits for up to two minutes before it fails. A failed record may have
// been written: only the answer may have been lost.
//
// One limit: a broker may lose its state of a producer, with its disk or in an unclean
// leader election. Then it cannot tell a repeated batch from a new one. The producer
// continues under a new id and logs that.
//
// Reading: only committed records are read, in order within a partition. Positions
// decide whether a reader has caught up, not counts: offsets have gaps where
// transactions ended or aborted, and after compaction.
//
// Outages: after [Connect], calls retry while the cluster is away, with pauses that grow
// to a second or two. The log reports a silent broker once, and its return once.
// Sending that waits is one warning, with its reason. A dead or hung broker stops the
// partitions it leads, and writes that need its replica, until the controller removes
// it: after broker.session.timeout.ms (9 s by default), plus an election if it was the
// controller. A partition without a leader stops only itself. Close takes at most about
// 3 s, and logs how many records were accepted, delivered and given up.
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
// is read from the cluster every Refresh, even when no records arrive. The brokers' own
// metrics report how many records a topic receives.
//
// # Operations
//
// An open transaction blocks everything after it in its partitions: readers of committed
// records, [Client.Restore], and members that need the group's positions. Usually the
// delay is milliseconds. After a member dies, the other members end its transaction once
// its session has timed out; if there are none, the broker does, within 30 s. A broker
// that hangs while it ends a transaction delays the end until it is back, or until the
// other brokers' request.timeout.ms has passed (30 s by default).
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
// # Invariants
//
// Each has an everyday test that fails when the rule is broken.
//
// Fencing: a member outside the group publishes nothing.
//   - Positions carry the group's generation and the member's id; a transactional id names
//     its member: TestPositionsNameGenerationAndMember
//   - A transactional id belongs to its newest process: TestTransformOfTheSameInstanceIsFenced
//   - A request that may arrive late has an older epoch: TestTransformChangesItsEpochAfterALostAnswer
//   - A static member drops all it may have lost: TestStaticMemberThatMissesAGenerationBeginsAnew
//   - A member that was silent for too long counts nothing: TestTransformFencesZombies
//
// Sequence numbers: the log contains a record once, in order.
//   - A batch is resent unchanged; each partition has one in flight: TestRestartLosesAndDoublesNothing,
//     TestSealedBatchStaysAsItIs
//   - Numbers grow by a batch's records. A batch that was given up, or whose sequence the
//     broker has lost, ends its producer id: TestGivenUpBatchEndsItsProducerID
//   - Records that wait for a deleted topic never follow later ones: TestOrderIsKeptOverADeletedTopic
//
// Positions:
//   - A position is the offset after the last record: TestTransformCountsAcrossRestarts
//   - A position of another topic or outside the log is ignored: TestPositionOfAnotherLogIsNone
//   - A topic that is recreated is read from its start: TestTopicMadeAnewIsReadFromItsBeginning
//   - Positions wait for open transactions. The member ends its own first, then those of
//     dead members, and no others: TestTransformEndsItsOwnTransactionFirst,
//     TestTransformEndsTransactionsOfTheDead, TestSweepLeavesTransactionsOfTheLivingAlone,
//     TestTransformLeavesOtherGroupsTransactionsAlone
//   - Only committed records are read: TestReadReadsCommittedRecords
//   - Batches emptied by compaction are passed: TestEmptiedBatchesArePassed,
//     TestDecodeGoesOnAtABatchThatIsCutOff
//   - A position requested before a revocation is ignored after it: TestPositionOfAnEarlierAssignmentIsIgnored
//
// Assigning and revoking:
//   - A member commits a partition's work before it gives the partition up and joins again:
//     TestLeavingPartitionsAreCommittedFirst, TestLeavingPartitionsOutlastAnotherRebalance
//   - State is read after open transactions, from all partitions: TestTransformLeavesOtherGroupsTransactionsAlone,
//     TestRestoreReadsAllWhateverAnAnswerLeavesOut, TestRestoreOfATopicThatIsGoneFails
//   - State of a partition revoked meanwhile is dropped: TestStateOfAPartitionRevokedMeanwhileIsDropped
//   - Whichever step fails, uncommitted work is dropped and read again: TestTransformSurvivesRefusedSteps,
//     TestTransformSurvivesLostConnections, TestTransformRestoresWhereAPositionIsGone
//   - After an error of the Transformer nothing is committed: TestNothingIsCommittedAfterAFailure
//   - A member joins without the partitions that it lost, so that others get them: TestMemberJoinsWithoutWhatItLost
//
// Bounds and brokers:
//   - Batches are bounded in records and bytes, buffers in records: TestBatchesAreBounded, TestSendBlocksWhenBufferIsFull
//   - A request ends in time, or when another broker serves it: TestOneBrokerOfThreeIsGone, TestJoiningFollowsTheCoordinator
//   - EnsureTopics waits for the brokers that topics need, and until all brokers know the topics:
//     TestEnsureTopicsWaitsForBrokers, TestEnsureTopicsWaitsUntilAllBrokersKnow
//   - A broker that was hung isn't believed until it has caught up: TestBrokerThatLagsIsNotBelieved
//   - Nothing waits for a deleted topic: TestTopicThatIsGoneIsNotWaitedFor
//   - A partition without a leader stops only itself; a state partition, only those that need it:
//     TestPartitionWithoutALeaderCostsItselfAlone, TestStateWithoutALeaderCostsWhatNeedsItAlone,
//     TestPositionsWaitForTheirOwnLeaderAlone
//   - Partitions and positions are added to a transaction one after the other; the coordinator
//     refuses both at once: TestTransactionAddsOneThingAtATime
//   - A batch is transformed when its transaction can follow: TestBatchAndItsTransactionFollowEachOther
//   - Ending is bounded: TestCloseIsBoundedWhileTheBrokerIsMute, TestTransformLeavesWithoutItsCluster,
//     TestTransformLeavesItsGroupThoughACommitHangs
//   - A wait or an outage is logged once; a broker that waits for others is not reported as away:
//     TestSendingThatWaitsIsToldOnce, TestTransactionThatWaitsIsLoggedOnce, TestOneOutageIsToldOnce,
//     TestBrokerThatWaitsForOthersIsNotAway
//
// # Testing
//
// Package embedded runs a broker inside the process; every example here uses it.
package kafka
