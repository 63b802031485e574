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
)

// BenchmarkSummaryDelay measures the time from an entry's acknowledgement until a
// reader of committed records has the count that includes it, at 1,000 entries a
// second over 12 partitions.
func BenchmarkSummaryDelay(b *testing.B) {
	const rate, seconds = 1000, 5
	sys := ctatest.Start(b)
	sys.Topics.Layout = cta.Shared
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
	acked := make(map[int][]time.Time) // by station: when each entry was acknowledged
	var delays []time.Duration
	var wait sync.WaitGroup
	wait.Go(func() {
		_ = sys.Kafka.Read(ctx, kafka.ReaderConfig{Match: kafka.Names(sys.Topics.TurnstileSummary())}, func(_ context.Context, r kafka.Record) error {
			now := time.Now()
			c, _, err := cta.ParseTurnstileCount(r.Key, r.Value)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for ; c.Count > 1 && len(acked[c.StationID]) > 0; c.Count-- {
				if at := acked[c.StationID][0]; now.After(at) {
					delays = append(delays, now.Sub(at))
				}
				acked[c.StationID] = acked[c.StationID][1:]
				break // a count stands for the oldest entry that it may be the first to include
			}
			return nil
		})
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
	_ = producer.Close()
	time.Sleep(200 * time.Millisecond)
	cancel()
	if err := <-running; err != nil {
		b.Fatal(err)
	}
	wait.Wait()
	slices.Sort(delays)
	if len(delays) == 0 {
		b.Fatal("no delays")
	}
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(delays)), "delays")
}
