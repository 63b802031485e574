// Connector brings the stations table to Kafka by the real products. The program loads
// the table into PostgreSQL, has Kafka Connect read it, and waits until the rows
// are in the topic.
//
//	go run ./examples/connector -postgres postgres://cta_admin:chicago@127.0.0.1:5432/cta
//	go run ./examples/connector -status
//	go run ./examples/connector -delete
//
// The program can be repeated: existing rows stay, and an existing connector gets the present
// settings. -status changes nothing.
package main

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
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
		return remove(ctx, s, connector)
	}
	client, err := s.OpenKafka(ctx)
	if err != nil {
		return err
	}
	if s.Status {
		return status(ctx, s, connector, client)
	}
	return create(ctx, s, connector, client)
}

func create(ctx context.Context, s *app.Settings, connector *stations.Connector, client *kafka.Client) error {
	before, err := connector.Delivered(ctx, client)
	if err != nil {
		return err
	}
	table, err := stations.CreateTable(ctx, s.Postgres, s.Network)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "table stations: %d rows inserted, %d updated, %d unchanged\n", table.Inserted, table.Updated, table.Unchanged)
	created, err := connector.Create(ctx)
	if err != nil {
		return err
	}
	d, err := connector.AwaitDelivery(ctx, client, before, len(tables.Rows(s.Network))) // RUNNING alone proves nothing
	if err != nil {
		return err
	}
	state, err := connector.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "connector %s: created %t, %v\n", connector.Name(), created, state)
	fmt.Fprintf(s.Stdout, "delivered: %d new records\n", d.New)
	return show(ctx, s, client, d)
}

func status(ctx context.Context, s *app.Settings, connector *stations.Connector, client *kafka.Client) error {
	state, err := connector.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, "connector %s: %v\n", connector.Name(), state)
	d, err := connector.Delivered(ctx, client)
	if err != nil {
		return err
	}
	return show(ctx, s, client, d)
}

func remove(ctx context.Context, s *app.Settings, connector *stations.Connector) error {
	if err := connector.Delete(ctx); err != nil {
		return err
	}
	fmt.Fprintf(s.Stdout, `connector %s is deleted. What stays:
  topic %s
  the worker's position in the table: a connector of this name goes on from there
  if it was Debezium's, a replication slot, for which the database keeps its log; when
  none of this name is to come back: SELECT pg_drop_replication_slot('%s')
`, connector.Name(), s.Topics.Stations(), connector.Slot())
	return nil
}

// show prints what the topic holds, and its first records.
func show(ctx context.Context, s *app.Settings, client *kafka.Client, d stations.Delivery) error {
	fmt.Fprintf(s.Stdout, "topic %s: %d records of %d stops\n", s.Topics.Stations(), d.Records, d.Stops)
	shown := 0
	err := client.Read(ctx, kafka.ReadConfig{Match: kafka.Names(s.Topics.Stations()), StopAtEnd: true}, func(_ context.Context, r kafka.Record) error {
		if shown++; shown <= 3 {
			fmt.Fprintf(s.Stdout, "  partition %d, offset %d, key %s: %s\n", r.Partition, r.Offset, orNull(r.Key), orNull(r.Value))
		}
		return nil
	})
	if err == nil && !d.Proven {
		fmt.Fprintln(s.Stdout, "None of them is known to be this connector's: whether it delivers isn't shown."+
			" Add a row to the table, or read it anew by a connector of another -name.")
	}
	return err
}

func orNull(b []byte) string {
	if b == nil {
		return "null"
	}
	return string(b)
}
