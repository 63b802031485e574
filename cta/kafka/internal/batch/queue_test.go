package batch

import (
	"fmt"
	"testing"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

func add(q *Queue, values ...string) {
	for _, v := range values {
		r := record.Record{Topic: q.Topic, Value: []byte(v)}
		q.Add(&r, Size(&r), 0, nil)
	}
}

// values returns the values of a queue's batches.
func values(q *Queue) string {
	var all [][]string
	for _, b := range q.queue {
		var of []string
		for i, r := range b.Records.Records {
			if r.OffsetDelta != int64(i) || b.Records.LastOffsetDelta != int32(len(b.Records.Records)-1) {
				panic(fmt.Sprintf("record %d has offset %d of %d", i, r.OffsetDelta, b.Records.LastOffsetDelta))
			}
			of = append(of, string(r.Value))
		}
		all = append(all, of)
	}
	return fmt.Sprint(all)
}

// Once a request holds a batch, it stays as it is, also when it is resent, or split because
// the broker takes less: records that come meanwhile are in the next one.
func TestSealedBatchStaysAsItIs(t *testing.T) {
	q := &Queue{Partition: record.Partition{Topic: "t"}}
	q.SetProducer(7, 0)
	add(q, "a", "b")
	first := Request("", []*Queue{q})
	add(q, "c")
	if got := values(q); got != "[[a b] [c]]" {
		t.Errorf("batches are %s, want [[a b] [c]]", got)
	}
	if Request("", []*Queue{q}); q.Oldest().Records.FirstSequence != 0 {
		t.Errorf("the batch is resent with sequence %d, want 0", q.Oldest().Records.FirstSequence)
	}
	if got := values(q); first == nil || got != "[[a b] [c]]" {
		t.Errorf("after it was resent, batches are %s, want [[a b] [c]]", got)
	}
	q.Pop(true)
	if Request("", []*Queue{q}); q.Oldest().Records.FirstSequence != 2 {
		t.Errorf("the next batch has sequence %d, want 2", q.Oldest().Records.FirstSequence)
	}
	q.Pop(false)
	if q.PID != -1 {
		t.Errorf("after a batch that was given up, the producer id is %d, want none", q.PID)
	}

	add(q, "d", "e", "f")
	q.Seal()
	if !q.Split() {
		t.Fatal("a batch of three can't be split")
	}
	add(q, "g")
	if got := values(q); got != "[[d] [e f] [g]]" {
		t.Errorf("after a split, batches are %s, want [[d] [e f] [g]]", got)
	}
}

// Sarama leaves out batches that compaction has emptied. A part of the batch after them says
// where that begins.
func TestDecodeGoesOnAtABatchThatIsCutOff(t *testing.T) {
	cut := &sarama.Records{RecordBatch: &sarama.RecordBatch{FirstOffset: 20, PartialTrailingRecord: true}}
	records, _, next := Decode(record.Partition{Topic: "t"}, &sarama.FetchResponseBlock{RecordsSet: []*sarama.Records{cut}}, 3, nil)
	if len(records) > 0 || next != 20 {
		t.Errorf("%d records and the next offset %d, want none and 20", len(records), next)
	}
}
