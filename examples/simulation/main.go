// Simulation emits the arrivals, entries and weather of a simulated network.
//
//	go run ./examples/simulation                              # 20 times real time, until Ctrl+C
//	go run ./examples/simulation -speed max -for 24h -seed 1  # a whole weekday, as fast as it goes
//
// If no broker answers at 127.0.0.1:9092, the program starts one in its own process, with a
// Schema Registry, a REST Proxy and the workers. The dashboard, in another terminal, finds
// that broker. At its end the program prints a summary.
package main

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "simulation",
		About: "Emits the arrivals, entries and weather of a simulated network to Kafka.",
		Flags: app.Health | app.Simulated | app.Database,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) error {
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	s.Ready(s.Prepared)
	roles := s.Health()
	var before int64
	if v.Embedded() {
		workers, err := s.Workers(v)
		if err != nil {
			return err
		}
		roles = append(roles, workers...)
		if before, err = s.Total(ctx, v.Kafka); err != nil {
			return err
		}
	}
	var sum ctaproducer.SimulationSummary
	working, done := context.WithCancel(ctx)
	defer done()
	roles = append(roles, func(ctx context.Context) (err error) {
		defer done() // the workers are here for it alone
		if sum, err = s.Simulate(ctx, v, app.ShowProgress(s.Stderr)); err != nil || !v.Embedded() || ctx.Err() != nil {
			return err
		}
		return s.Counted(ctx, v, before+sum.Entries)
	})
	err = services.Together(working, roles...)
	if sum.Total() > 0 {
		fmt.Fprintln(s.Stdout, sum) // also of those that were given up
	}
	return err
}
