package kafka_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Three riders enter two stations. Each station's records stay in order, because
// the station decides the partition.
func ExampleProducer() {
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
	if err := client.EnsureTopics(ctx, kafka.EventTopic("entries", 12)); err != nil {
		log.Fatal(err)
	}

	producer, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		log.Fatal(err)
	}
	for _, rider := range []struct{ station, name string }{{"40380", "Ann"}, {"40900", "Ben"}, {"40380", "Cleo"}} {
		err := producer.Send(ctx, kafka.Record{
			Topic: "entries", Value: []byte(rider.name), PartitionBy: []byte(rider.station),
		}, nil)
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := producer.Close(); err != nil { // delivers, and returns what failed
		log.Fatal(err)
	}

	// The newest record of each partition that has one.
	newest, err := client.Last(ctx, kafka.Names("entries"))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range newest {
		fmt.Printf("partition %d, offset %d: %s\n", r.Partition, r.Offset, r.Value)
	}

	// Output:
	// partition 7, offset 1: Cleo
	// partition 9, offset 0: Ben
}
