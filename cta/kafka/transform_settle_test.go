package kafka

import (
	"context"
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
		if err := c.Restore(t.Context(), "sums", func(Record) { got++ }); err != nil || got != n {
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
	begun := false // both are asked by the cluster, one after the other
	moved := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 1, When: func(kmsg.Request) bool {
		begun = true
		return true
	}})
	left := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.LeaderNotAvailable, Count: 1, When: func(r kmsg.Request) bool {
		return begun && r.(*kmsg.MetadataRequest).Topics == nil
	}})
	n := 0
	if err := c.Restore(t.Context(), "sums", func(Record) { n++ }); err != nil || n != 1 {
		t.Errorf("%d records (%v), want 1", n, err)
	}
	if moved.Hits() == 0 || left.Hits() == 0 {
		t.Errorf("faults met: %d and %d, want each", moved.Hits(), left.Hits())
	}
}

// A static member stays in its group when that has a generation without it, and may
// lose partitions unasked. So it gives its session up before it can be seen. A dynamic
// member is thrown out.
func TestSessionEndsWhereAStaticMemberMissesAGeneration(t *testing.T) {
	for _, test := range []struct {
		instance    string
		generations []int32
		lost        bool
	}{
		{"one", []int32{3, 4, 5}, false},
		{"one", []int32{3, 4, 6}, true},
		{"", []int32{3, 4, 6}, false},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSession(&transform{cfg: TransformConfig{InstanceID: test.instance}, share: newShare()}, cancel)
		for _, g := range test.generations {
			s.joined(map[string][]int32{"in": {0}}, g)
		}
		if lost := s.lost() != nil && ctx.Err() != nil; lost != test.lost {
			t.Errorf("instance %q in generations %v: session lost is %t, want %t", test.instance, test.generations, lost, test.lost)
		}
		cancel()
	}
}
