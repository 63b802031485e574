package ctastream

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// BenchmarkSummaryDelay measures the time from an entry's acknowledgement until a
// reader of committed records has the count that includes it, at 1,000 entries a
// second over 12 partitions.
func BenchmarkSummaryDelay(b *testing.B) {
	const rate, seconds = 1000, 5
	sys := ctatest.Start(b)
	sys.Topics.Layout = cta.LayoutShared
	lake := cta.Chicago().Station(40380)
	stations := cta.Chicago().Stations
	templates := make([]kafka.Record, len(stations))
	for i, s := range stations {
		sys.Enter(ctatest.At(8, 0), s, 1)
		p := kafka.PartitionOf(cta.PartitionKey(s.ID), ctatest.SharedPartitions)
		for _, r := range sys.Read(sys.Topics.Turnstiles(lake)) {
			if r.Partition == p {
				templates[i] = kafka.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, PartitionBy: cta.PartitionKey(s.ID)}
			}
		}
	}
	s, err := NewTurnstileSummary(sys.Kafka, sys.Registry, Config{Topics: sys.Topics, Group: sys.Topics.Prefix + "g"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	running := make(chan error, 1)
	go func() { running <- s.Run(ctx) }()
	for _, st := range stations {
		sys.AwaitCount(st, 1)
	}

	var mu sync.Mutex
	acked := make(map[int][]time.Time)  // by station: when each entry was acknowledged
	counts := make(map[int][]published) // by station, rising
	var wait sync.WaitGroup
	wait.Go(func() {
		err := sys.Kafka.Read(ctx, kafka.ReadConfig{Match: kafka.Names(sys.Topics.TurnstileSummary())}, func(_ context.Context, r kafka.Record) error {
			at := time.Now()
			c, _, err := tables.ParseTurnstileCount(r.Key, r.Value)
			if err == nil {
				mu.Lock()
				counts[c.StationID] = append(counts[c.StationID], published{c.Count - 1, at}) // one was there before
				mu.Unlock()
			}
			return err
		})
		if err != nil {
			b.Error(err)
		}
	})
	producer, err := sys.Kafka.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	tick := time.NewTicker(time.Second / rate)
	b.ResetTimer()
	for i := range rate * seconds {
		<-tick.C
		station := stations[i%len(stations)].ID
		err := producer.Send(ctx, templates[i%len(stations)], func(error) {
			mu.Lock()
			defer mu.Unlock()
			acked[station] = append(acked[station], time.Now())
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	tick.Stop()
	if err := producer.Close(); err != nil {
		b.Fatal(err)
	}
	for i, st := range stations {
		n := rate * seconds / len(stations)
		if i < rate*seconds%len(stations) {
			n++
		}
		sys.AwaitCount(st, int64(n+1))
	}
	cancel()
	if err := <-running; err != nil {
		b.Fatal(err)
	}
	wait.Wait()

	var delays []time.Duration
	for station, times := range acked {
		rest := counts[station]
		for i, at := range times {
			for len(rest) > 0 && rest[0].count <= int64(i) {
				rest = rest[1:]
			}
			if len(rest) > 0 {
				delays = append(delays, max(0, rest[0].at.Sub(at)))
			}
		}
	}
	slices.Sort(delays)
	if len(delays) < rate*seconds*9/10 { // the reader may have ended before the last counts
		b.Fatalf("%d delays of %d entries", len(delays), rate*seconds)
	}
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
}

// published is a count, and when a reader of committed records had it.
type published struct {
	count int64
	at    time.Time
}
