package ctaweb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Bounds on the requests that Serve takes.
const (
	headerTimeout   = 5 * time.Second
	idleTimeout     = 2 * time.Minute
	maxHeader       = 32 << 10 // bytes
	shutdownTimeout = 4 * time.Second
)

// Serve serves h on ln until ctx ends; then it ends h's streams, lets other
// requests finish for up to 4 s and returns nil. It closes ln, and h. root is
// what is served: h itself when it is nil, or a handler that h is mounted in.
func Serve(ctx context.Context, ln net.Listener, h *Handler, root http.Handler) error {
	if root == nil {
		root = h
	}
	srv := &http.Server{
		Handler:           root,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(h.cfg.Log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(h.Close)
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		h.Close()
		return fmt.Errorf("ctaweb: serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	// The grace is for requests under way; ctx has ended already.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-failed
	if err != nil {
		return fmt.Errorf("ctaweb: serve %s: %w", ln.Addr(), err)
	}
	return nil
}
