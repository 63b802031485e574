package kafka_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A member that was killed within a transaction holds up neither the positions of
// its partitions nor those who read what it published.
func TestTransformEndsTransactionsOfTheDead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		offsets bool
	}{{"before it sent positions", false}, {"after it sent positions", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, "in")
			client := connect(t, cluster, testLog(t))
			produce(t, cluster, "in", 100)
			orphan(t, cluster, "g.member:dead", c.offsets)
			start(t, client, config("g"), newSummer(client))
			await(t, client, 100, 20*time.Second) // they would time out after a minute
		})
	}
}

// A group whose name begins like another's leaves the other's transactions alone.
func TestTransformLeavesOtherGroupsTransactionsAlone(t *testing.T) {
	t.Parallel()
	c := newCluster(t, "in")
	client := connect(t, c, testLog(t))
	cl := orphan(t, c, "g.member2.member:alive", false)
	s := newSummer(client)
	start(t, client, config("g"), s)
	for c.GroupInfo("g") == nil || c.GroupInfo("g").State != "Stable" {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-s.begun:
		t.Error("the state was read while a transaction was open")
	case <-time.After(200 * time.Millisecond):
	}
	if err := cl.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Errorf("commit of the other group's transaction: %v", err)
	}
	<-s.begun
}

// orphan leaves a transaction open that has published a wrong sum.
func orphan(t *testing.T, c *kfake.Cluster, id string, offsets bool) *kgo.Client {
	t.Helper()
	ctx := context.Background()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID(id), kgo.TransactionTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.CloseAllowingRebalance)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	wrong := &kgo.Record{Topic: "sums", Key: []byte("in/0"), Value: binary.BigEndian.AppendUint64(nil, 1<<40)}
	if err := cl.ProduceSync(ctx, wrong).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if !offsets {
		return cl
	}
	pid, epoch, err := cl.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = id, pid, epoch, "g"
	if _, err := add.RequestWith(ctx, cl); err != nil {
		t.Fatal(err)
	}
	commit := kmsg.NewTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = id, pid, epoch, "g"
	partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	partition.Offset = 20
	topic := kmsg.NewTxnOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = "in", c.TopicInfo("in").TopicID, append(topic.Partitions, partition)
	commit.Topics = append(commit.Topics, topic)
	resp, err := commit.RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		t.Fatalf("positions refused: error %d", code)
	}
	return cl
}
