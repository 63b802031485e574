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

// delayed is one run of a peer over entries that come at a steady rate.
type delayed struct {
	p50, p90, p99, max time.Duration
	usage
}

// delays measures every peer that publishes counts.
func (b *system) delays(ctx context.Context) error {
	results := make(map[string][]delayed)
	fmt.Printf("\nfrom acknowledged entry to committed count, %d entries/s for %d s\n", b.rate, b.seconds)
	fmt.Printf("%-8s %9s %9s %9s %9s %9s %8s   %s\n", "", "p50", "p90", "p99", "max", "peak RSS", "CPU", "load")
	for run := range b.runs {
		for _, p := range b.turn(run) {
			if !p.counts {
				continue
			}
			d, err := b.delay(ctx, p)
			if err != nil {
				return fmt.Errorf("delay of %s: %w", p.name, err)
			}
			results[p.name] = append(results[p.name], d)
			d.print(p.name)
		}
	}
	fmt.Println("medians")
	for _, p := range b.peers {
		if all := results[p.name]; len(all) > 0 {
			delayed{
				p50:   median(all, func(d delayed) time.Duration { return d.p50 }),
				p90:   median(all, func(d delayed) time.Duration { return d.p90 }),
				p99:   median(all, func(d delayed) time.Duration { return d.p99 }),
				max:   median(all, func(d delayed) time.Duration { return d.max }),
				usage: usage{median(all, func(d delayed) int64 { return d.peak }), median(all, func(d delayed) time.Duration { return d.cpu })},
			}.print(p.name)
		}
	}
	return nil
}

func (d delayed) print(name string) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%-8s %6.1f ms %6.1f ms %6.1f ms %6.1f ms %6.0f MB %7.2fs   %s\n", name, ms(d.p50), ms(d.p90), ms(d.p99), ms(d.max),
		float64(d.peak)/1024, d.cpu.Seconds(), load())
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

func (b *system) delay(ctx context.Context, p peer) (delayed, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(b.seconds)*time.Second+2*time.Minute)
	defer cancel()
	input := fmt.Sprintf("%slive%d", b.tag, b.started)
	e, err := b.entriesOf(ctx, input)
	if err != nil {
		return delayed{}, err
	}
	run, output, err := b.start(p, input)
	if err != nil {
		return delayed{}, err
	}
	ctx, stop := run.guard(ctx)
	defer stop()
	j := &journal{acked: make(map[int][]time.Time), counts: make(map[int][]arrived)}
	followed := make(chan error, 1)
	go func() {
		followed <- b.follow(ctx, output, func(c tables.TurnstileCount) bool { j.count(c); return true })
	}()
	warm := len(e.stations)
	err = b.emit(ctx, e, j, warm) // the process has joined once these are counted
	if err == nil {
		err = b.emit(ctx, e, j, b.rate*b.seconds)
	}
	u := run.end()
	stop()
	if ferr := <-followed; err == nil {
		err = ferr
	}
	if err != nil {
		return delayed{}, run.fault(err)
	}
	delays := j.delays(1) // the first entry of each station was for joining
	at := func(q float64) time.Duration { return delays[int(q*float64(len(delays)-1))] }
	return delayed{at(0.5), at(0.9), at(0.99), at(1), u}, nil
}

// emit sends n entries at the rate, and waits until all are counted.
func (b *system) emit(ctx context.Context, e *entries, j *journal, n int) error {
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
