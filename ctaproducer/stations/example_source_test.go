package stations_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
)

// The network's own stops are sent as Kafka Connect would send them from a
// database, and read back.
func ExampleSource() {
	ctx := context.Background()
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

	source, err := stations.NewSource(client, cta.Chicago(), stations.SourceConfig{})
	if err != nil {
		log.Fatal(err)
	}
	if err := source.Run(ctx); err != nil { // without a database it ends when all are sent
		log.Fatal(err)
	}

	var rows []string
	err = client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(cta.Topics{}.Stations()), StopAtEnd: true},
		func(_ context.Context, r kafka.Record) error {
			rows = append(rows, string(r.Value))
			return nil
		})
	fmt.Println(len(rows), err)
	fmt.Println(rows[0])

	// Output:
	// 300 <nil>
	// {"stop_id":30001,"direction_id":"E","stop_name":"Austin (O'Hare-bound)","station_name":"Austin","station_descriptive_name":"Austin (Blue Line)","station_id":40010,"order":29,"red":false,"blue":true,"green":false,"brown":false,"orange":false,"pink":false,"purple":false,"yellow":false}
}
