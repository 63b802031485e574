package kafka

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Of partitions that can't be read, the first that stays so is told of, and the end of
// it all. What passes is not.
func TestReaderTellsOfPartitionsThatCantBeRead(t *testing.T) {
	_, c := newPair(t)
	logs := &logged{tb: t}
	c.cfg.Log = slog.New(logs)
	a, b := &cursor{Partition: Partition{"in", 0}}, &cursor{Partition: Partition{"in", 1}}
	r := &reader{client: c, cursors: map[Partition]*cursor{a.Partition: a, b.Partition: b}}
	began := time.Now()
	for _, step := range []struct {
		at      time.Duration
		failing []*cursor
		want    string // the line that is logged; empty: none
	}{
		{0, []*cursor{a, b}, ""},
		{unreadableTooLong - 1, []*cursor{b}, ""}, // a has recovered
		{unreadableTooLong, []*cursor{a, b}, "WARN a partition can't be read, nor may others; still trying topic=in partition=1 broker=0 for=30s err=away"},
		{2 * unreadableTooLong, []*cursor{a, b}, ""},
		{2*unreadableTooLong + 1, []*cursor{a}, ""},
		{2*unreadableTooLong + 2, nil, "INFO all partitions can be read again"},
		{3 * unreadableTooLong, nil, ""},
	} {
		failing := make(map[*cursor]bool)
		for _, cur := range step.failing {
			failing[cur] = true
		}
		before := logs.String()
		r.note(began.Add(step.at), map[*cursor]int64{a: 0, b: 0}, func(cur *cursor) error {
			if failing[cur] {
				return errors.New("away")
			}
			return nil
		})
		if got := strings.TrimSpace(strings.TrimPrefix(logs.String(), before)); got != step.want {
			t.Errorf("after %v: log %q, want %q", step.at, got, step.want)
		}
	}
}
