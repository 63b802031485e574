// Stations turns the raw rows of the stations table into the clean table of the
// stations of each line: Faust's role. It also inspects arrivals and weather, and
// moves unreadable records to the dead-letter topic.
//
//	go run ./examples/stations
//
// Run it more than once, and the processes share the work.
package main

import (
	"context"
	"errors"

	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

func main() {
	app.Main(app.Program{
		Name:  "stations",
		About: "Turns the raw rows of the stations table into the stations of each line.",
		Flags: app.Health | app.Worker,
		Run:   run,
	})
}

func run(ctx context.Context, s *app.Settings) error {
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	transformer, err := ctastream.NewStationTransformer(v.Kafka, s.Network, s.Stream())
	inspector, err2 := ctastream.NewInspector(v.Kafka, v.Registry, ctastream.Config{Topics: s.Topics, Log: s.Log, Metrics: s.Metrics})
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	s.Ready(transformer.Ready, inspector.Ready)
	return services.Together(ctx, append(s.Health(),
		transformer.Run,
		inspector.Run)...)
}
