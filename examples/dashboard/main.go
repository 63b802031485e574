// Dashboard shows riders the state of the network, live, at
// http://localhost:8888.
//
//	go run ./examples/dashboard
//
// The page reads from the broker at 127.0.0.1:9092, or at -brokers. If no broker answers,
// the program runs everything in its own process: broker, registry, REST Proxy, simulation,
// workers and page.
package main

import (
	"context"
	"fmt"

	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctaweb"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "dashboard",
		About: "Shows where the trains are, the weather, and the entries at every station, live.",
		Flags: app.Page | app.Web | app.Simulated | app.Database,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) error {
	listener, err := s.Listener(ctx) // first: a port in use is known before anything starts
	if err != nil {
		return err
	}
	defer listener.Close()
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	model := ctaweb.NewModel(s.Network)
	model.Prefer(s.Predictions)
	handler, err := ctaweb.NewHandler(model, ctaweb.HandlerConfig{
		AllowOrigin: s.AllowOrigin, MaxClientStreams: s.MaxClientStreams,
		Log: s.Log, Metrics: s.Metrics, Gatherer: s.Gatherer(),
	})
	if err != nil {
		return err
	}
	s.Ready(model.Ready)
	roles := append(s.Health(),
		func(ctx context.Context) error {
			return ctaweb.Consume(ctx, v.Kafka, v.Registry, s.Topics, model, ctaweb.ConsumeConfig{Log: s.Log, Metrics: s.Metrics})
		},
		func(ctx context.Context) error { return ctaweb.Serve(ctx, listener, handler, nil) })
	if v.Embedded() {
		workers, err := s.Workers(v)
		if err != nil {
			return err
		}
		roles = append(append(roles, workers...), func(ctx context.Context) error {
			_, err := s.Simulate(ctx, v, nil)
			return err
		})
	}
	fmt.Fprintf(s.Stdout, "dashboard at http://%s\n", listener.Addr())
	return services.Together(ctx, roles...)
}
