package ctastream

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// BenchmarkCounting is the work on one record alone, without Kafka.
func BenchmarkCounting(b *testing.B) {
	sys := ctatest.Start(b)
	s, err := NewTurnstileSummary(sys.Kafka, sys.Registry, Config{Topics: sys.Topics})
	if err != nil {
		b.Fatal(err)
	}
	s.tallies, s.sizes = newTallies(), make(map[string]int32)
	s.reread()
	var batch []kafka.Record
	for _, st := range cta.Chicago().Stations {
		sys.Enter(ctatest.At(8, 0), st, 1)
		r := sys.Read(sys.Topics.Turnstiles(st))[0]
		for range 200 {
			batch = append(batch, r)
		}

	}
	for i := range batch {
		s.tallies.adopt(newTallies(), map[kafka.Partition]position{{Topic: batch[i].Topic, Partition: batch[i].Partition}: {}})
	}
	b.ResetTimer()
	b.ReportAllocs()
	for n := range b.N {
		for i := range batch {
			batch[i].Offset = int64(n*len(batch) + i)
		}
		if _, err := (*summarizer)(s).Transform(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch)), "ns/record")
}

// BenchmarkSummaryDrain counts entries that wait in 12 partitions.
func BenchmarkSummaryDrain(b *testing.B) {
	const n = 1_000_000
	sys := ctatest.Start(b)
	sys.Topics.Layout = cta.LayoutShared
	stations := cta.Chicago().Stations
	for i := 0; i < n; i += len(stations) * 100 {
		for _, st := range stations {
			sys.Enter(ctatest.At(8, 0), st, min(100, n/len(stations)))
		}
	}
	total := int64(0)
	for _, r := range sys.Read(sys.Topics.Turnstiles(stations[0])) {
		_ = r
		total++
	}
	b.ResetTimer()
	for i := range b.N {
		cfg := Config{Topics: sys.Topics, Group: "bench" + strconv.Itoa(i), Output: sys.Topics.Prefix + "out" + strconv.Itoa(i)}
		drain(b, sys, cfg, total)
	}
	b.ReportMetric(float64(total)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// drain runs a summary until total entries are counted.
func drain(b *testing.B, sys *ctatest.System, cfg Config, total int64) {
	s, err := NewTurnstileSummary(sys.Kafka, sys.Registry, cfg)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	rctx, found := context.WithTimeout(ctx, time.Minute)
	defer found()
	counts := make(map[string]int64)
	var sum int64
	err = sys.Kafka.Read(rctx, kafka.ReadConfig{Match: kafka.Names(cfg.Output), Refresh: 20 * time.Millisecond}, func(_ context.Context, r kafka.Record) error {
		c, _, err := tables.ParseTurnstileCount(r.Key, r.Value)
		if err != nil {
			return err
		}
		sum += c.Count - counts[string(r.Key)]
		counts[string(r.Key)] = c.Count
		if sum == total {
			found()
		}
		return nil
	})
	b.StopTimer()
	cancel()
	if rerr := <-done; err != nil || rerr != nil || sum != total {
		b.Fatalf("counted %d of %d: %v, %v", sum, total, err, rerr)
	}
	b.StartTimer()
}
