package ctatest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// Outside a test there is no testing.TB: a program starts the services itself,
// and does with them what ctatest.Start and System.Enter do.
func Example() {
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
	defer registry.Close()
	entries, err := wire.AvroRecords[cta.Key, cta.TurnstileEntry](registry, schemas.TurnstileKey, schemas.TurnstileValue)
	if err != nil {
		log.Fatal(err)
	}

	lake := cta.Chicago().Station(40380)
	topic := cta.Topics{}.Turnstiles(lake)
	if err := client.EnsureTopics(ctx, kafka.EventTopic(topic, 1)); err != nil {
		log.Fatal(err)
	}
	producer, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		log.Fatal(err)
	}
	record, err := entries.Record(ctx, topic, cta.KeyAt(time.UnixMilli(1590000000000)),
		cta.TurnstileEntry{StationID: lake.ID, StationName: lake.Name, Line: "blue"})
	if err != nil {
		log.Fatal(err)
	}
	if err := producer.Send(ctx, record, nil); err != nil {
		log.Fatal(err)
	}
	if err := producer.Close(); err != nil {
		log.Fatal(err)
	}

	err = client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), StopAtEnd: true},
		func(ctx context.Context, r kafka.Record) error {
			at, entry, err := entries.Decode(ctx, r)
			if err != nil {
				return err
			}
			fmt.Println(at.Time().Format(time.TimeOnly), entry.StationName, entry.Line)
			return nil
		})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 18:40:00 Clark/Lake blue
}
