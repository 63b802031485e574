package ctastream

import (
	"cmp"
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// Total returns the sum over all stations of the counts in a topic now: 0 if the topic
// doesn't exist. Unreadable values are left out.
func Total(ctx context.Context, client *kafka.Client, topic string) (int64, error) {
	var reader tables.TurnstileCounts
	counts := make(map[int]int64)
	err := client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), StopAtEnd: true}, func(_ context.Context, r kafka.Record) error {
		switch c, deleted, err := reader.Read(r.Key, r.Value); {
		case err != nil:
		case deleted:
			delete(counts, c.StationID)
		default:
			counts[c.StationID] = c.Count
		}
		return nil
	})
	if err = cmp.Or(err, ctx.Err()); err != nil { // an interrupted reading has no sum
		return 0, fmt.Errorf("ctastream: total of %s: %w", topic, err)
	}
	var total int64
	for _, n := range counts {
		total += n
	}
	return total, nil
}
