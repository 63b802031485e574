// Turnstiles counts the entries at each station, exactly once: ksqlDB's role.
//
//	go run ./examples/turnstiles
//
// Run the program more than once, and the processes share the work. Kill one at any
// moment: another continues after its last commit.
//
//	go run ./examples/turnstiles -engine ksqldb -layout shared
//
// has the ksqlDB server at 127.0.0.1:8088 count instead, and ends. With -drop, that server
// stops counting. For this program to count again, delete the topic TURNSTILE_SUMMARY and
// choose a -group that has not counted before: counts of another engine cannot be continued.
package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "turnstiles",
		About: "Counts the entries at each station, exactly once.",
		Flags: app.Health | app.Worker | app.KSQL,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) error {
	if s.Engine == "ksqldb" {
		return ksql(ctx, s)
	}
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	summary, err := ctastream.NewTurnstileSummary(v.Kafka, v.Registry, s.Stream())
	if err != nil {
		return err
	}
	s.Ready(summary.Ready)
	return services.Together(ctx, append(s.Health(), summary.Run)...)
}

func ksql(ctx context.Context, s *app.Settings) error {
	var registry *wire.Registry // where Create finds or puts our schemas
	var err error
	if !s.Drop {
		if registry, err = s.OpenRegistry(ctx); err != nil {
			return err
		}
		defer registry.Close()
	}
	server, err := s.NewKSQL(registry)
	if err != nil {
		return err
	}
	work := server.Create
	if s.Drop {
		work = server.Drop
	}
	if err := work(ctx); err != nil {
		return err
	}
	status, err := server.Status(ctx)
	if err != nil {
		return err
	}
	stream, table := server.Names()
	fmt.Fprintf(s.Stdout, "ksqlDB %s: stream %s over %s, table %s over %s, queries %v\n",
		status.Version, stream, cmp.Or(status.Stream, "nothing"), table, cmp.Or(status.Table, "nothing"), status.Queries)
	return nil
}
