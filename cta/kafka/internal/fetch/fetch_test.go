package fetch

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// A late answer about a cursor that was removed changes nothing for the partition's next cursor.
func TestLateAnswerLeavesTheNextCursorAlone(t *testing.T) {
	e := &Engine{failed: func() {}, queued: make(chan struct{}, 1), leadersWanted: make(chan struct{}, 1), cursors: make(map[record.Partition]*Cursor)}
	f := &fetcher{Engine: e, buffers: make(chan []record.Record, 1)}
	p := record.Partition{Topic: "in"}
	old := e.Add(p, "", 7)
	e.Remove(old)
	next := e.Add(p, "", 3)
	resp := new(sarama.FetchResponse)
	resp.AddError(p.Topic, p.Partition, sarama.ErrTopicAuthorizationFailed)
	f.handle(t.Context(), resp, map[*Cursor]int64{old: 7}, nil)
	if e.cursors[p] != next || len(e.queue) != 0 {
		t.Errorf("the next cursor is gone, or %d answers are queued", len(e.queue))
	}
}
