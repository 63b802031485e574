package ctaproducer_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

// Ten simulated minutes of a network go to Kafka, as fast as the machine can:
// here to a broker in the process.
func ExampleEmitter() {
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
	weather, err := ctaproducer.NewWeather(services.RESTProxyURL(), cta.Topics{}, ctaproducer.WeatherConfig{})
	if err != nil {
		log.Fatal(err)
	}
	sim, err := ctaproducer.NewSimulation(net, ctaproducer.SimulationConfig{
		Seed:  1,
		For:   10 * time.Minute,
		Speed: math.Inf(1),
	})
	if err != nil {
		log.Fatal(err)
	}
	emitter := ctaproducer.NewEmitter(producer, weather)
	summary, err := sim.Run(ctx, emitter)
	fmt.Println(summary.Arrivals, "arrivals,", summary.Entries, "entries,", summary.Readings, "readings of the weather;", err)
	fmt.Println("emitter closed:", emitter.Close())
	fmt.Println("producer closed:", producer.Close())

	// Output:
	// 794 arrivals, 8041 entries, 2 readings of the weather; <nil>
	// emitter closed: <nil>
	// producer closed: <nil>
}
