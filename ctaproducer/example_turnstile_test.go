package ctaproducer_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// Three riders enter at Clark/Lake, and a train of the Blue Line comes in.
func ExampleProducer() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
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

	net := cta.Chicago()
	producer, err := ctaproducer.NewProducer(client, registry, net, ctaproducer.ProducerConfig{})
	if err != nil {
		log.Fatal(err)
	}
	if err := producer.Prepare(ctx); err != nil {
		log.Fatal(err)
	}
	lake := net.Station(40380)
	turnstile, err := producer.Turnstile(lake.ID)
	if err != nil {
		log.Fatal(err)
	}
	sensor, err := producer.Station(lake.ID)
	if err != nil {
		log.Fatal(err)
	}
	at := time.Date(2026, time.October, 7, 7, 30, 0, 0, net.Location)
	fmt.Println(turnstile.Run(ctx, at, "blue", 3))
	fmt.Println(sensor.Run(ctx, at.Add(time.Second), cta.Arrival{
		StationID:   lake.ID,
		TrainID:     "BL001",
		Direction:   cta.DirectionA,
		Line:        "blue",
		TrainStatus: cta.TrainInService,
	}))
	fmt.Println(producer.Flush(ctx))
	last, err := producer.LastEvent(ctx)
	fmt.Println("last event:", last.In(net.Location).Format("15:04:05"), err)
	fmt.Println(producer.Close())

	// Output:
	// <nil>
	// <nil>
	// <nil>
	// last event: 07:30:01 <nil>
	// <nil>
}
