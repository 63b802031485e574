package ctatest

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Read returns every committed record of a topic, each partition in order; none
// when the topic doesn't exist.
func (s *System) Read(topic string) []kafka.Record {
	s.tb.Helper()
	ctx, cancel := s.context()
	defer cancel()
	records, err := s.read(ctx, topic)
	if err != nil {
		s.tb.Fatalf("ctatest: read %s: %v", topic, err)
	}
	return records
}

func (s *System) read(ctx context.Context, topic string) ([]kafka.Record, error) {
	var records []kafka.Record
	err := s.Kafka.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), StopAtEnd: true},
		func(_ context.Context, r kafka.Record) error {
			records = append(records, r)
			return nil
		})
	return records, cmp.Or(err, ctx.Err()) // Read returns nil when ctx ends, and may have missed records
}

// AwaitRecords waits until a topic holds at least n committed records, and returns all.
func (s *System) AwaitRecords(topic string, n int) []kafka.Record {
	s.tb.Helper()
	var records []kafka.Record
	s.Await(fmt.Sprintf("%d records in %s", n, topic), func(ctx context.Context) (string, bool, error) {
		all, err := s.read(ctx, topic)
		if err == nil {
			records = all
		}
		return fmt.Sprintf("%d records", len(records)), len(records) >= n, err
	})
	return records
}

// AwaitCount waits until the published count of entries at a station is n. More
// than n fails the test at once, since counts don't go down.
func (s *System) AwaitCount(station *cta.Station, n int64) {
	s.tb.Helper()
	topic := s.Topics.TurnstileSummary()
	s.Await(fmt.Sprintf("count %d of %s in %s", n, station.Name, topic), func(ctx context.Context) (string, bool, error) {
		counts, err := s.counts(ctx)
		if err != nil {
			return "", false, err
		}
		count, ok := counts[station.ID]
		switch {
		case !ok:
			return fmt.Sprintf("no count of this station, %d of others", len(counts)), n == 0, nil
		case count > n:
			return "", false, fmt.Errorf("the count is %d", count)
		}
		return fmt.Sprintf("count %d", count), count == n, nil
	})
}

// Counts returns the published count of every station that has one.
func (s *System) Counts() map[int]int64 {
	s.tb.Helper()
	ctx, cancel := s.context()
	defer cancel()
	counts, err := s.counts(ctx)
	if err != nil {
		s.tb.Fatalf("ctatest: counts: %v", err)
	}
	return counts
}

func (s *System) counts(ctx context.Context) (map[int]int64, error) {
	records, err := s.read(ctx, s.Topics.TurnstileSummary())
	if err != nil {
		return nil, err
	}
	var reader tables.TurnstileCounts
	counts := make(map[int]int64)
	for _, r := range records {
		c, deleted, err := reader.Read(r.Key, r.Value)
		if err != nil {
			return nil, fmt.Errorf("offset %d of %s: %w", r.Offset, r.Topic, err)
		}
		if deleted {
			delete(counts, c.StationID)
			continue
		}
		counts[c.StationID] = c.Count
	}
	return counts, nil
}

// Await waits until check returns true. what names the expected state; check's text
// describes the actual state, for the failure. An error of check fails the test at once.
func (s *System) Await(what string, check func(ctx context.Context) (state string, ok bool, err error)) {
	s.tb.Helper()
	ctx, cancel := s.context()
	defer cancel()
	begun := time.Now()
	state := "nothing yet"
	for {
		now, ok, err := check(ctx)
		if ok {
			return
		}
		if ctx.Err() != nil {
			s.tb.Fatalf("ctatest: waited %v for %s: there is %s", time.Since(begun).Round(time.Millisecond), what, state)
		}
		if err != nil {
			s.tb.Fatalf("ctatest: waiting for %s: %v", what, err)
		}
		state = now
		_ = retry.Pause(ctx, awaitPause) // when ctx ends, check is called a last time
	}
}

// awaitPause is the time between two calls of check.
const awaitPause = 10 * time.Millisecond
