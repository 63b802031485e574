package kafka

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Whichever of the cluster's answers leaves the topic out, all of it is restored.
func TestRestoreReadsAllWhateverAnAnswerLeavesOut(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, TableTopic("sums", 2))
	from := []Partition{{Topic: "sums"}, {Topic: "sums", Partition: 1}}
	const n = 20
	for i := range n {
		send(t, c, text("sums", fmt.Sprint(i)))
	}
	for left := range 8 { // of the answers about all topics
		seen := 0
		f := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: 1, When: func(r kmsg.Request) bool {
			if r.(*kmsg.MetadataRequest).Topics != nil {
				return false
			}
			seen++ // for each topic
			return seen == left+1
		}})
		got := 0
		if err := c.Restore(t.Context(), from, func(Record) { got++ }); err != nil || got != n {
			t.Errorf("answer %d leaves the topic out: %d records (%v), want %d", left, got, err, n)
		}
		f.Remove()
	}
}

// Nor does an answer that comes while it reads end it.
func TestRestoreReadsAllThoughATopicIsLeftOutMeanwhile(t *testing.T) {
	cluster, c := newPair(t)
	ensure(t, c, TableTopic("sums", 1))
	send(t, c, text("sums", "x"))
	from := []Partition{{Topic: "sums"}}
	begun := false // both are asked by the cluster, one after the other
	moved := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 1, When: func(kmsg.Request) bool {
		begun = true
		return true
	}})
	left := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: 1, When: func(r kmsg.Request) bool {
		return begun && r.(*kmsg.MetadataRequest).Topics == nil
	}})
	n := 0
	if err := c.Restore(t.Context(), from, func(Record) { n++ }); err != nil || n != 1 {
		t.Errorf("%d records (%v), want 1", n, err)
	}
	if moved.Hits() == 0 || left.Hits() == 0 {
		t.Errorf("faults met: %d and %d, want each", moved.Hits(), left.Hits())
	}
}

// A topic that is deleted while it is restored is no end of it: what was read is not all.
func TestRestoreOfATopicThatIsGoneFails(t *testing.T) {
	t.Parallel()
	cluster, c := newPair(t)
	ensure(t, c, TableTopic("sums", 1))
	send(t, c, text("sums", "x"))
	stuck := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: -1})
	restored := make(chan error, 1)
	go func() { restored <- c.Restore(t.Context(), []Partition{{Topic: "sums"}}, func(Record) {}) }()
	if err := stuck.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := cluster.DeleteTopic("sums"); err != nil {
		t.Fatal(err)
	}
	if err := <-restored; err == nil {
		t.Error("a topic that is gone counts as restored")
	}
}
