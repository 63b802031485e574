// Connector brings the stations table to Kafka by the real products: it loads
// the table into PostgreSQL, has Kafka Connect read it, and waits until the rows
// are in the topic.
//
//	go run ./examples/connector -postgres postgres://cta_admin:chicago@127.0.0.1:5432/cta
//	go run ./examples/connector -delete
//
// It can be repeated: rows that are there stay, a connector that is there is
// brought to the present settings.
package main

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "connector",
		About: "Loads the stations table into PostgreSQL and has Kafka Connect copy it to Kafka.",
		Flags: app.Database | app.Connect,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) error {
	connector, err := s.NewConnector()
	if err != nil {
		return err
	}
	if s.Delete {
		if err := connector.Delete(ctx); err != nil {
			return err
		}
		fmt.Fprintf(s.Stdout, "connector %s is deleted; its topic stays\n", connector.Name())
		return nil
	}
	client, err := s.OpenKafka(ctx)
	if err != nil {
		return err
	}
	table, err := ctaproducer.CreateStations(ctx, s.Postgres, s.Network)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "table stations: %d rows inserted, %d updated, %d unchanged\n", table.Inserted, table.Updated, table.Unchanged)
	created, err := connector.Create(ctx)
	if err != nil {
		return err
	}
	state, err := connector.AwaitRunning(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "connector %s: created %t, %v\n", connector.Name(), created, state)
	d, err := connector.AwaitDelivery(ctx, client, len(s.Network.Rows())) // RUNNING alone proves nothing
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "topic %s: %d records of %d stops\n", s.Topics.Stations(), d.Records, d.Stops)
	return nil
}
