package ctaproducer_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/schemas"
)

// An agency's own vehicle reports its stations: tram 12 runs along a line. Its events go
// to Kafka, here to a broker in the process, and are read back.
func ExampleProducer_vehicles() {
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
	defer registry.Close()

	net, err := cta.Load(os.DirFS("../cta/testdata/smalltown")) // the agency's lines and stations
	if err != nil {
		log.Fatal(err)
	}
	topics := cta.Topics{Prefix: "smalltown.", Layout: cta.LayoutShared}
	producer, err := ctaproducer.NewProducer(client, registry, net, ctaproducer.ProducerConfig{Topics: topics})
	if err != nil {
		log.Fatal(err)
	}
	if err := producer.Prepare(ctx); err != nil { // creates topics, registers schemas
		log.Fatal(err)
	}
	at := time.Date(2026, time.October, 7, 7, 30, 0, 0, net.Location)
	var prev *int // none at the first station
	for _, id := range []int{1, 2, 3} {
		station, err := producer.Station(id)
		if err != nil {
			log.Fatal(err)
		}
		arrival := cta.Arrival{StationID: id, TrainID: "12", Line: "T1", Direction: cta.DirectionA, TrainStatus: cta.TrainInService, PrevStationID: prev}
		if prev != nil {
			arrival.PrevDirection = &arrival.Direction
		}
		if err := station.Run(ctx, at, arrival); err != nil {
			log.Fatal(err)
		}
		prev, at = &id, at.Add(3*time.Minute)
	}
	if err := producer.Close(); err != nil { // the broker has acknowledged all events
		log.Fatal(err)
	}

	arrivals, err := wire.AvroRecords[cta.Key, cta.Arrival](registry, schemas.ArrivalKey, schemas.ArrivalValue)
	if err != nil {
		log.Fatal(err)
	}
	topic := topics.Arrivals(net.Station(1))
	when := map[int]string{}
	err = client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(topic), StopAtEnd: true},
		func(ctx context.Context, r kafka.Record) error {
			key, a, err := arrivals.Decode(ctx, r)
			when[a.StationID] = key.Time().In(net.Location).Format("15:04")
			return err
		})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []int{1, 2, 3} {
		fmt.Println(when[id], net.Station(id).Name)
	}

	// Output:
	// 07:30 Station
	// 07:33 Market
	// 07:36 Lake, West Bank
}
