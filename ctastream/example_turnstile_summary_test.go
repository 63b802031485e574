package ctastream_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/schemas"
)

// Three riders enter at Clark/Lake; the summary publishes how many there were.
func ExampleTurnstileSummary() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	services, err := embedded.Start(ctx, embedded.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer services.Close()
	client, err := kafka.Connect(ctx, kafka.Config{Brokers: services.Brokers()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: services.RegistryURL()})
	if err != nil {
		log.Fatal(err)
	}
	if err := enter(ctx, client, registry, 3); err != nil {
		log.Fatal(err)
	}

	summary, err := ctastream.NewTurnstileSummary(client, registry, ctastream.Config{})
	if err != nil {
		log.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- summary.Run(running) }()

	reading := kafka.ReadConfig{Match: kafka.Names(cta.Topics{}.TurnstileSummary()), Refresh: 50 * time.Millisecond}
	readOne, found := context.WithCancel(ctx)
	err = client.Read(readOne, reading, func(_ context.Context, r kafka.Record) error {
		fmt.Printf("%s %s\n", r.Key, r.Value)
		found()
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	stop()
	fmt.Println("stopped:", <-done)

	// Output:
	// 40380 {"STATION_ID":40380,"COUNT":3}
	// stopped: <nil>
}

// enter publishes n entries at Clark/Lake.
func enter(ctx context.Context, client *kafka.Client, registry *wire.Registry, n int) error {
	lake := cta.Chicago().Station(40380)
	topic := cta.Topics{}.Turnstiles(lake)
	if err := client.EnsureTopics(ctx, kafka.EventTopic(topic, 1)); err != nil {
		return err
	}
	entries, err := wire.AvroRecords[cta.Key, cta.TurnstileEntry](registry, schemas.TurnstileKey, schemas.TurnstileValue)
	if err != nil {
		return err
	}
	producer, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		return err
	}
	for range n {
		r, err := entries.Record(ctx, topic, cta.KeyAt(time.Now()), cta.TurnstileEntry{StationID: lake.ID, StationName: lake.Name, Line: "blue"})
		if err != nil {
			return err
		}
		if err := producer.Send(ctx, r, nil); err != nil {
			return err
		}
	}
	return producer.Close()
}
