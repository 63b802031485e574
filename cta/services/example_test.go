package services_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/services"
)

// A program with two parts, here a writer and a reader, on services inside the process.
// Without Mode, it takes the broker at the usual address if there is one.
func Example() {
	ctx := context.Background()
	s, err := services.Open(ctx, services.Config{Where: services.WhereEmbedded})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if err := s.Kafka.EnsureTopics(ctx, kafka.TopicSpec{Name: "greetings", Partitions: 1}); err != nil {
		log.Fatal(err)
	}
	ctx, done := context.WithCancel(ctx)
	err = services.Together(ctx,
		func(ctx context.Context) error {
			p, err := s.Kafka.NewProducer(kafka.ProducerConfig{})
			if err != nil {
				return err
			}
			defer p.Close()
			return p.Send(ctx, kafka.Record{Topic: "greetings", Value: []byte("hello")}, nil)
		},
		func(ctx context.Context) error {
			return s.Kafka.Read(ctx, kafka.ReadConfig{Match: kafka.Names("greetings")}, func(_ context.Context, r kafka.Record) error {
				fmt.Println(string(r.Value))
				done()
				return nil
			})
		})
	if err != nil {
		log.Fatal(err)
	}
	// Output: hello
}
