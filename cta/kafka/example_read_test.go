package kafka_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// A dashboard reads all topics of a kind, also those that come later, until it
// has seen what there is.
func ExampleClient_Read() {
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

	if err := client.EnsureTopics(ctx, kafka.EventTopic("arrivals.lake", 1), kafka.TableTopic("stations", 1)); err != nil {
		log.Fatal(err)
	}
	producer, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer producer.Close()
	for _, train := range []string{"B101", "G204"} {
		record := kafka.Record{Topic: "arrivals.lake", Key: []byte("08:01"), Value: []byte(train)}
		if err := producer.Send(ctx, record, nil); err != nil {
			log.Fatal(err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		log.Fatal(err)
	}

	err = client.Read(ctx, kafka.ReadConfig{
		Match:     func(topic string) bool { return strings.HasPrefix(topic, "arrivals.") },
		CaughtUp:  func() { fmt.Println("caught up") },
		StopAtEnd: true, // without it, Read goes on until ctx ends
	}, func(_ context.Context, r kafka.Record) error {
		fmt.Printf("%s %s %s\n", r.Topic, r.Key, r.Value)
		return nil
	})
	fmt.Println(err)

	// Output:
	// arrivals.lake 08:01 B101
	// arrivals.lake 08:01 G204
	// caught up
	// <nil>
}
