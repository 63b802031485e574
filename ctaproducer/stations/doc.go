// Package stations brings the rows of PostgreSQL's table stations to topic
// [cta.Topics.Stations], where the worker of the clean stations table reads them.
//
//	change, err := stations.CreateTable(ctx, "postgres://user:password@host:5432/cta", net)
//	if err != nil {
//		return err // names the database, the reason and the remedy
//	}
//	source, err := stations.NewSource(client, net, stations.SourceConfig{Postgres: "postgres://…"})
//	if err != nil {
//		return err
//	}
//	return source.Run(ctx) // until ctx ends
//
// Three ways lead to the same records:
//
//	without a database    a Source without SourceConfig.Postgres sends the network's own rows
//	with a database       a Source reads the table itself
//	with Kafka Connect    a Connector creates, checks and deletes the connector that reads the table
//
// [CreateTable] creates and fills the table.
//
// A program that imports this package links the client of PostgreSQL; package
// ctaproducer does not.
package stations
