package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/seed-921eec07/ctalive/ctaproducer"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// Role is one part of the system: it works until ctx ends.
type Role func(ctx context.Context) error

// Together runs the roles side by side until ctx ends or one fails, which ends the
// others. A role that returns early without an error doesn't end the others.
func Together(ctx context.Context, roles ...Role) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(roles))
	var wg sync.WaitGroup
	for i, r := range roles {
		wg.Go(func() {
			if err := r(ctx); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
				errs[i] = err
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Workers returns the roles between the producers and the page: the source of
// the stations table, the two stream processors, and the inspector.
func (s *Settings) Workers(v *Services) ([]Role, error) {
	source, err := ctaproducer.NewStationSource(v.Kafka, s.Network, ctaproducer.StationSourceConfig{
		Topics: s.Topics, Postgres: s.Postgres, Log: s.Log, Metrics: s.Metrics})
	stations, err2 := ctastream.NewStationTransformer(v.Kafka, s.Network, s.Stream())
	summary, err3 := ctastream.NewTurnstileSummary(v.Kafka, v.Registry, s.Stream())
	inspector, err4 := ctastream.NewInspector(v.Kafka, v.Registry, s.Stream())
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return nil, err
	}
	s.Ready(stations.Ready, summary.Ready, inspector.Ready)
	return []Role{source.Run, stations.Run, summary.Run, inspector.Run}, nil
}

// Ready adds checks to those of /readyz. Each returns what is waited for, or nil.
func (s *Settings) Ready(checks ...func() error) { s.ready = append(s.ready, checks...) }

// Stream returns the settings of a stream processor, with those of the group
// Worker where the program has them.
func (s *Settings) Stream() ctastream.Config {
	return ctastream.Config{Topics: s.Topics, Input: s.Input, Output: s.Output, Group: s.Group,
		InstanceID: s.InstanceID, SessionTimeout: s.SessionTimeout, Log: s.Log, Metrics: s.Metrics}
}

// Listener listens at -listen. An address in use is an error that says what to do.
func (s *Settings) Listener(ctx context.Context) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		return nil, fmt.Errorf("can't listen at %s: %w (end what is there, or choose another address by -listen)", s.Listen, err)
	}
	return l, nil
}

// Health returns the role that serves /metrics, /healthz and /readyz at -listen:
// none when the flag is empty. The process is alive when it answers; it is ready
// when every check that was given to Ready says so.
func (s *Settings) Health() []Role {
	if s.Listen == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	return []Role{func(ctx context.Context) error {
		l, err := s.Listener(ctx)
		if err != nil {
			return err
		}
		return serve(ctx, l, mux)
	}}
}

func (s *Settings) serveReady(w http.ResponseWriter, _ *http.Request) {
	var waits []error
	for _, check := range s.ready {
		waits = append(waits, check())
	}
	if err := errors.Join(waits...); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// serve serves h on l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
