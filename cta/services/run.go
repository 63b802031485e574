package services

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Together runs parts of a program side by side, such as the Run methods of a worker and
// of a source. It returns once all have returned. The first error ends the context of
// the others; a part that returns nil does not. The errors are joined, without those
// that only report the end of ctx.
func Together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() {
			if err := part(ctx); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
				errs[i] = err
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ServeHealth serves /metrics, /healthz and /readyz on l until ctx ends, then closes l. The
// process is alive if /healthz answers. /readyz answers 200 if all checks return nil, else
// 503 with their errors. Programs with a page don't need it: package ctaweb's handler has
// the same three paths.
func ServeHealth(ctx context.Context, l net.Listener, metrics prometheus.Gatherer, ready ...func() error) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		var waits []error
		for _, check := range ready {
			waits = append(waits, check())
		}
		if err := errors.Join(waits...); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
