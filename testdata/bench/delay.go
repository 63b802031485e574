package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// delays measures every peer that publishes counts.
func (b *system) delays(ctx context.Context) error {
	fmt.Printf("\nfrom acknowledged entry to committed count, %d entries/s for %d s\n", b.rate, b.seconds)
	return b.compare(ctx, b.of(counts), []column{
		{"p50", "%.0f ms"}, {"p90", "%.0f ms"}, {"p99", "%.0f ms"}, {"max", "%.0f ms"}, {"memory", "%.0f MB"}, {"CPU", "%.1f s"},
	}, b.delay)
}

// journal notes when entries were acknowledged, and when counts came.
type journal struct {
	mu     sync.Mutex
	acked  map[int][]time.Time // by station, in the order of sending
	counts map[int][]arrived   // by station, rising
	total  int64               // of the latest counts
	enough chan struct{}       // closed when total has reached want
	want   int64
}

type arrived struct {
	count int64
	at    time.Time
}

// delay runs a peer over entries that come at a steady rate.
func (b *system) delay(ctx context.Context, p peer) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(b.seconds)*time.Second+2*time.Minute)
	defer cancel()
	input := fmt.Sprintf("%slive%d", b.tag, b.started)
	e, err := b.entriesOf(ctx, input)
	if err != nil {
		return nil, err
	}
	run, output, err := b.start(p, input)
	if err != nil {
		return nil, err
	}
	ctx, stop := run.guard(ctx)
	defer stop()
	j := &journal{acked: make(map[int][]time.Time), counts: make(map[int][]arrived)}
	followed := make(chan error, 1)
	go func() {
		followed <- b.follow(ctx, output, func(c tables.TurnstileCount) bool { j.count(c); return true })
	}()
	warm := len(e.stations)
	err = b.pace(ctx, e, j, warm) // the process has joined once these are counted
	if err == nil {
		err = b.pace(ctx, e, j, b.rate*b.seconds)
	}
	u := run.end()
	stop()
	if ferr := <-followed; err == nil {
		err = ferr
	}
	if err != nil {
		return nil, run.fault(err)
	}
	delays := j.delays(1) // the first entry of each station was for joining
	at := func(q float64) float64 { return 1000 * delays[int(q*float64(len(delays)-1))].Seconds() }
	return []float64{at(0.5), at(0.9), at(0.99), at(1), u.peak, u.cpu}, nil
}

// pace sends n entries at the rate, and waits until all are counted.
func (b *system) pace(ctx context.Context, e *entries, j *journal, n int) error {
	producer, err := b.kafka.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		return err
	}
	defer producer.Close()
	enough := j.expect(n)
	for begun, i := time.Now(), 0; i < n; i++ {
		r, station, err := e.next(ctx)
		if err != nil {
			return err
		}
		time.Sleep(time.Until(begun.Add(time.Duration(i) * time.Second / time.Duration(b.rate))))
		if err := producer.Send(ctx, r, func(err error) { j.ack(station.ID, err) }); err != nil {
			return err
		}
	}
	select {
	case <-enough:
		return nil
	case <-ctx.Done():
		j.mu.Lock()
		defer j.mu.Unlock()
		return fmt.Errorf("%d of %d entries counted: %w", j.total, j.want, ctx.Err())
	}
}

// expect returns a channel that is closed when n more entries are counted.
func (j *journal) expect(n int) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.want += int64(n)
	j.enough = make(chan struct{})
	return j.enough
}

func (j *journal) ack(station int, err error) {
	now := time.Now()
	if err != nil {
		return // never counted then, which the wait for all shows
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acked[station] = append(j.acked[station], now)
}

func (j *journal) count(c tables.TurnstileCount) {
	now := time.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	last := int64(0)
	if seen := j.counts[c.StationID]; len(seen) > 0 {
		last = seen[len(seen)-1].count
	}
	j.total += c.Count - last
	j.counts[c.StationID] = append(j.counts[c.StationID], arrived{c.Count, now})
	if j.total == j.want && j.enough != nil {
		close(j.enough)
		j.enough = nil
	}
}

// delays returns the delays of all entries but each station's first ones, sorted.
func (j *journal) delays(skip int) []time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	var delays []time.Duration
	for station, acked := range j.acked {
		counts := j.counts[station]
		for i, at := range acked {
			for counts[0].count <= int64(i) {
				counts = counts[1:]
			}
			if i >= skip {
				delays = append(delays, max(0, counts[0].at.Sub(at)))
			}
		}
	}
	slices.Sort(delays)
	return delays
}
