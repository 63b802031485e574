// Turnstiles counts the entries at each station, exactly once: ksqlDB's role.
//
//	go run ./examples/turnstiles
//
// Run it more than once, and the processes share the work. Kill one at any
// moment: another goes on where its last commit was.
package main

import (
	"context"

	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "turnstiles",
		About: "Counts the entries at each station, exactly once.",
		Flags: app.Worker,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) error {
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	summary, err := ctastream.NewTurnstileSummary(v.Kafka, v.Registry, s.Stream())
	if err != nil {
		return err
	}
	return app.Together(ctx, append(s.Health(), app.Role{Name: "turnstile summary", Run: summary.Run})...)
}
