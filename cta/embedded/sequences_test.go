package embedded_test

import (
	"context"
	"hash/crc32"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// byName has produce requests name their topics, where later versions have ids.
var byName = kgo.MaxVersions(kversion.V3_0_0())

// A producer that has lost the answer to the broker's end sends its batch again.
func TestRepeatedBatchAfterKill(t *testing.T) {
	dir, killed := t.TempDir(), t.TempDir()
	s := start(t, embedded.Config{DataDir: dir})
	c := client(t, s, kgo.DefaultProduceTopic("numbers"), kgo.AllowAutoTopicCreation(), byName)
	ctx := deadline(t)
	if err := c.ProduceSync(ctx, kgo.StringRecord("first")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	init := kmsg.NewPtrInitProducerIDRequest()
	init.ProducerID, init.ProducerEpoch = -1, -1
	id, err := init.RequestWith(ctx, c)
	if err != nil || id.ErrorCode != 0 {
		t.Fatal(id, err)
	}
	for seq := range int32(7) {
		appendBatch(t, ctx, c, id.ProducerID, seq, nil)
	}
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil { // what a kill leaves
		t.Fatal(err)
	}

	next := start(t, embedded.Config{DataDir: killed})
	c = client(t, next, byName)
	appendBatch(t, ctx, c, id.ProducerID, 6, nil)                           // again
	appendBatch(t, ctx, c, id.ProducerID, 7, nil)                           // the next
	appendBatch(t, ctx, c, id.ProducerID, 9, kerr.OutOfOrderSequenceNumber) // one is missing
	list := kmsg.NewPtrListOffsetsRequest()
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = "numbers"
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1
	topic.Partitions = append(topic.Partitions, partition)
	list.Topics = append(list.Topics, topic)
	ends, err := list.RequestWith(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(int64(9), ends.Topics[0].Partitions[0].Offset); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// appendBatch sends a batch of one record as an idempotent producer does.
func appendBatch(t *testing.T, ctx context.Context, c *kgo.Client, pid int64, seq int32, want error) {
	t.Helper()
	record := kmsg.NewRecord()
	record.Value = []byte("numbered")
	record.Length = int32(len(record.AppendTo(nil)) - 1) // without the length itself
	batch := kmsg.NewRecordBatch()
	batch.Magic, batch.PartitionLeaderEpoch = 2, -1
	batch.FirstTimestamp, batch.MaxTimestamp = time.Now().UnixMilli(), time.Now().UnixMilli()
	batch.ProducerID, batch.FirstSequence = pid, seq
	batch.NumRecords, batch.Records = 1, record.AppendTo(nil)
	batch.Length = int32(len(batch.AppendTo(nil)) - 12)
	batch.CRC = int32(crc32.Checksum(batch.AppendTo(nil)[21:], crc32.MakeTable(crc32.Castagnoli)))

	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 1000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "numbers"
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = batch.AppendTo(nil)
	topic.Partitions = append(topic.Partitions, partition)
	req.Topics = append(req.Topics, topic)
	resp, err := c.Broker(0).RetriableRequest(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	p := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if got := kerr.ErrorForCode(p.ErrorCode); got != want {
		t.Errorf("batch with sequence %d: %v, want %v", seq, got, want)
	}
}
