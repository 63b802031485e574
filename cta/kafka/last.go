package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
)

// Last returns the newest committed record of each partition of the matching topics,
// by topic and partition. Partitions without a record are left out.
//
// The end of a partition may hold no record, only markers, aborted records or gaps of
// compaction. So Last reads a little from the end, then more, up to the whole partition.
func (c *Client) Last(ctx context.Context, match Match) ([]Record, error) {
	var mu sync.Mutex // begin is called by another goroutine than handle
	last := make(map[Partition]Record)
	for back := int64(8); ; back *= 16 {
		cut := make(map[Partition]bool) // not read from the oldest record
		err := c.read(ctx, reading{
			ReadConfig: ReadConfig{Match: match, Refresh: time.Minute, StopAtEnd: true},
			begin: func(p Partition, has cluster.Bounds) int64 {
				mu.Lock()
				defer mu.Unlock()
				if _, ok := last[p]; ok {
					return has.Newest
				}
				cut[p] = has.Newest-back > has.Oldest
				return max(has.Newest-back, has.Oldest)
			},
		}, func(_ context.Context, r Record) error {
			mu.Lock()
			defer mu.Unlock()
			last[Partition{Topic: r.Topic, Partition: r.Partition}] = r
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("kafka: newest records: %w", err)
		}
		maps.DeleteFunc(cut, func(p Partition, cut bool) bool {
			_, ok := last[p]
			return ok || !cut
		})
		if len(cut) == 0 {
			break
		}
	}
	return slices.SortedFunc(maps.Values(last), func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	}), nil
}
