package ctaproducer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Turnstile represents the turnstiles of a station. It comes from [Producer.Turnstile],
// and is safe for concurrent use.
type Turnstile struct {
	producer  *Producer
	station   *cta.Station
	topic     string
	partition []byte
	emitted   prometheus.Counter

	// values holds the encoded entry of each of the station's lines, nil before its
	// first: entries of a station for a line differ in their keys only.
	values []atomic.Pointer[[]byte]
}

// Run emits a number of entries of riders for a line, all at the given time, to the
// station's topic. Run returns once the entries are accepted for delivery, and blocks
// while too many wait. [Producer.Flush] and [Producer.Close] return delivery failures.
// If Run returns an error, some of the entries may have been accepted. A line that does
// not stop at the station is an error.
func (t *Turnstile) Run(ctx context.Context, at time.Time, line string, entries int) error {
	if err := t.run(ctx, at, line, entries); err != nil {
		return fmt.Errorf("ctaproducer: entry at %s: %w", t.station.Slug(), err)
	}
	return nil
}

func (t *Turnstile) run(ctx context.Context, at time.Time, line string, entries int) error {
	i := slices.Index(t.station.Lines, line)
	if i < 0 {
		return fmt.Errorf("line is %q, want one of %s", line, strings.Join(t.station.Lines, ", "))
	}
	if entries < 0 {
		return fmt.Errorf("entries is %d, want 0 or more", entries)
	}
	value, err := t.encoded(ctx, i)
	if err != nil {
		return err
	}
	key, err := t.producer.turnstiles.Key.Encode(ctx, t.topic, cta.KeyAt(at))
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	r := kafka.Record{Topic: t.topic, Key: key, Value: value, PartitionBy: t.partition}
	for range entries {
		if err := t.producer.out.Send(ctx, r, nil); err != nil {
			return err
		}
		t.emitted.Inc()
	}
	return nil
}

func (t *Turnstile) encoded(ctx context.Context, line int) ([]byte, error) {
	if v := t.values[line].Load(); v != nil {
		return *v, nil
	}
	v, err := t.producer.turnstiles.Value.Encode(ctx, t.topic, cta.TurnstileEntry{
		StationID:   t.station.ID,
		StationName: t.station.Name,
		Line:        t.station.Lines[line],
	})
	if err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	t.values[line].Store(&v)
	return v, nil
}
