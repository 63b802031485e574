// Trains emits the arrivals, predictions and alerts of the real 'L', or of any agency with
// GTFS-Realtime feeds.
//
//	CTALIVE_KEY=… go run ./examples/trains
//	go run ./examples/dashboard   # in another terminal
//
// The CTA gives keys free of charge:
// https://www.transitchicago.com/developers/traintrackerapply/
//
// If no broker answers at 127.0.0.1:9092, the program starts one in its own process, with a
// Schema Registry, a REST Proxy and the workers. It emits no entries and no weather.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctaproducer/alerts"
	"github.com/seed-921eec07/ctalive/ctaproducer/realtime"
	"github.com/seed-921eec07/ctalive/ctaproducer/recording"
	"github.com/seed-921eec07/ctalive/ctaproducer/traintracker"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "trains",
		About: "Emits the arrivals, predictions and alerts of the real 'L', or of any agency with GTFS-Realtime feeds.",
		Flags: app.Health | app.Tracked | app.Database,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) (err error) {
	if s.Record != "" {
		recorder, failed := recording.New(s.Record)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, recorder.Close()) }()
		s.TrainTracker.Record, s.Realtime.Record, s.Alerts.Record = recorder, recorder, recorder
	}
	source, err := open(s)
	if err != nil {
		return err
	}
	var notices *alerts.Source
	if s.Alerts.URL != "" || s.Alerts.Replay != "" {
		s.Alerts.Log, s.Alerts.Metrics = s.Log, s.Metrics
		if notices, err = alerts.New(s.Network, s.Alerts); err != nil {
			return err
		}
	}
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	producer, err := ctaproducer.NewProducer(v.Kafka, v.Registry, s.Network, ctaproducer.ProducerConfig{Topics: s.Topics, Log: s.Log, Metrics: s.Metrics})
	if err != nil {
		return err
	}
	closers := []io.Closer{producer}
	defer func() { err = errors.Join(err, app.Close(closers...)) }()
	if err := producer.Prepare(ctx); err != nil {
		return err
	}
	table, err := ctaproducer.NewAlertTable(v.Kafka, v.Registry, s.Topics)
	if err != nil {
		return err
	}
	closers = append(closers, table)
	predictions, err := ctaproducer.NewPredictionTable(v.Kafka, v.Registry, s.Topics)
	if err != nil {
		return err
	}
	closers = append(closers, predictions)
	if err := predictions.Prepare(ctx); err != nil {
		return err
	}
	emitter := ctaproducer.NewEmitter(producer, nil)
	closers = append(closers, emitter)
	s.Ready(source.ready)
	roles := append(s.Health(), func(ctx context.Context) error { return source.run(ctx, sink{emitter, predictions}) })
	if notices != nil {
		roles = append(roles, func(ctx context.Context) error { return notices.Run(ctx, table) })
	}
	if v.Embedded() {
		workers, err := s.Workers(v)
		if err != nil {
			return err
		}
		roles = append(roles, workers...)
	}
	pace := fmt.Sprintf("one call every %v", s.Realtime.Every)
	if s.TrainTracker.Replay != "" {
		pace = "replays " + s.TrainTracker.Replay
	}
	fmt.Fprintf(s.Stderr, "trains: %s; the dashboard shows what comes: go run ./examples/dashboard\n", pace)
	return services.Together(ctx, roles...)
}

// sink takes what a source shows.
type sink struct {
	*ctaproducer.Emitter
	*ctaproducer.PredictionTable
}

// source is where trains come from.
type source struct {
	run   func(context.Context, sink) error
	ready func() error
}

func open(s *app.Settings) (source, error) {
	if s.Realtime.Vehicles != "" || s.Realtime.Trips != "" || s.Realtime.Replay != "" {
		s.Realtime.Log, s.Realtime.Metrics = s.Log, s.Metrics
		feeds, err := realtime.New(s.Network, s.Realtime)
		if err != nil {
			return source{}, err
		}
		return source{func(ctx context.Context, to sink) error { return feeds.Run(ctx, to) }, feeds.Ready}, nil
	}
	s.TrainTracker.Log, s.TrainTracker.Metrics = s.Log, s.Metrics
	tracker, err := traintracker.New(s.Network, s.TrainTracker)
	if err != nil {
		return source{}, err
	}
	return source{func(ctx context.Context, to sink) error { return tracker.Run(ctx, to) }, tracker.Ready}, nil
}
