package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// countedWithin bounds the wait, at the end of a simulation, for the worker that
// counts its entries.
const countedWithin = 30 * time.Second

// Simulate runs the simulation until ctx or -for ends it, and delivers its events.
// Without -start, it continues after the stored data.
func (s *Settings) Simulate(ctx context.Context, v *services.Services, progress func(ctaproducer.SimulationProgress)) (sum ctaproducer.SimulationSummary, err error) {
	producer, err := ctaproducer.NewProducer(v.Kafka, v.Registry, s.Network, ctaproducer.ProducerConfig{Topics: s.Topics, Log: s.Log, Metrics: s.Metrics})
	if err != nil {
		return sum, err
	}
	closers := []io.Closer{producer}
	defer func() { err = errors.Join(err, Close(closers...)) }()
	if err := producer.Prepare(ctx); err != nil {
		return sum, err
	}
	s.prepared.Store(true)
	access, err := s.access()
	if err != nil {
		return sum, err
	}
	weather, err := ctaproducer.NewWeather(v.RESTProxy, s.Topics, ctaproducer.WeatherConfig{Access: access, Wait: s.Wait, Log: s.Log, Metrics: s.Metrics})
	if err != nil {
		return sum, err
	}
	cfg := ctaproducer.SimulationConfig{Seed: s.Seed, Start: s.Start, For: s.For, Speed: s.Speed, Progress: progress, Log: s.Log}
	if s.Start.IsZero() {
		if cfg.After, err = producer.LastEvent(ctx); err != nil {
			return sum, err
		}
	}
	sim, err := ctaproducer.NewSimulation(s.Network, cfg)
	if err != nil {
		return sum, err
	}
	if !cfg.After.IsZero() {
		fmt.Fprintf(s.Stderr, "%s: continuing after the stored events, which end at %s\n", s.name, cfg.After.In(s.Network.Location).Format("Mon 2006-01-02 15:04:05 MST"))
	}
	emitter := ctaproducer.NewEmitter(producer, weather)
	closers = append(closers, emitter)
	if sum, err = sim.Run(ctx, emitter); err == nil && ctx.Err() == nil {
		err = producer.Flush(ctx) // after Ctrl+C, Close delivers what it can in its time
	}
	return sum, err
}

// Prepared returns nil once Simulate has its topics and schemas: a check for Ready.
func (s *Settings) Prepared() error {
	if !s.prepared.Load() {
		return errors.New("simulation: topics and schemas are not ready yet")
	}
	return nil
}

// Counted waits until the published counts add up to at least entries, so that
// a program which ends leaves complete counts behind.
func (s *Settings) Counted(ctx context.Context, v *services.Services, entries int64) error {
	ctx, cancel := context.WithTimeout(ctx, countedWithin)
	defer cancel()
	for {
		total, err := s.Total(ctx, v.Kafka)
		if err == nil && total >= entries {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d of %d entries are counted after %v", total, entries, countedWithin), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Total returns the sum of the published counts of all stations: 0 if there are none yet.
// Unreadable values are left out.
func (s *Settings) Total(ctx context.Context, client *kafka.Client) (int64, error) {
	topic := s.Topics.TurnstileSummary()
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
		return 0, fmt.Errorf("total of %s: %w", topic, err)
	}
	var total int64
	for _, n := range counts {
		total += n
	}
	return total, nil
}

// ShowProgress returns a function that writes the progress of a simulation to w, on one
// line.
func ShowProgress(w io.Writer) func(ctaproducer.SimulationProgress) {
	return func(p ctaproducer.SimulationProgress) {
		done := ""
		if p.Done > 0 && !math.IsInf(p.Done, 0) {
			done = fmt.Sprintf(" %3.0f%%", 100*p.Done)
		}
		fmt.Fprintf(w, "%s%s  %d arrivals, %d entries, %.0f events/s\n", p.To.Format("Mon 15:04:05"), done, p.Arrivals, p.Entries, p.Rate())
	}
}
