package embedded

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// webServer serves one of the HTTP services.
type webServer struct {
	srv  *http.Server
	done chan struct{}
}

func serve(service string, ln net.Listener, h http.Handler, log *slog.Logger) *webServer {
	w := &webServer{
		srv: &http.Server{
			Handler:           h,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      90 * time.Second, // a produce may wait for the broker
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    32 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		done: make(chan struct{}),
	}
	go func() {
		defer close(w.done)
		if err := w.srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("embedded service ended", "service", service, "err", err)
		}
	}()
	return w
}

// close waits for requests in hand until ctx ends, then cuts them off.
func (w *webServer) close(ctx context.Context) error {
	err := w.srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = w.srv.Close()
	}
	<-w.done
	return err
}
