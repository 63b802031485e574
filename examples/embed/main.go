// Embed mounts the dashboard inside another program's site, for a small invented agency. Its
// network is loaded from the files in agency/.
//
//	go run ./examples/embed
//
// Then open http://localhost:8888 for the site, and /live/ under it for the
// dashboard.
package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctaweb"
	"github.com/seed-921eec07/ctalive/examples/internal/app"
)

//go:embed agency
var files embed.FS

func main() {
	app.Main(app.Program{
		Name:     "embed",
		About:    "Mounts the dashboard of a made-up agency under /live/ of another program's site.",
		Flags:    app.Page | app.Simulated,
		Network:  network,
		Services: "embedded", // another agency's topics are none of its business
		Run:      run,
	})
}

func network() (*cta.Network, error) {
	agency, err := fs.Sub(files, "agency")
	if err != nil {
		return nil, err
	}
	return cta.Load(agency)
}

func run(ctx context.Context, s *app.Settings) error {
	listener, err := s.Listener(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	v, err := s.Open(ctx)
	if err != nil {
		return err
	}
	model := ctaweb.NewModel(s.Network)
	live := ctaweb.Default(model)

	site := http.NewServeMux() // somebody else's
	site.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Welcome to Port Wendel. Trams: see /live/")
	})
	site.Handle("/live/", http.StripPrefix("/live", live))

	roles, err := s.Workers(v)
	if err != nil {
		return err
	}
	roles = append(roles,
		func(ctx context.Context) error {
			_, err := s.Simulate(ctx, v, nil)
			return err
		},
		func(ctx context.Context) error {
			return ctaweb.Consume(ctx, v.Kafka, v.Registry, s.Topics, model, ctaweb.ConsumeConfig{Log: s.Log})
		},
		func(ctx context.Context) error { return ctaweb.Serve(ctx, listener, live, site) })
	fmt.Fprintf(s.Stdout, "site at http://%s, dashboard at /live/\n", listener.Addr())
	return services.Together(ctx, roles...)
}
