package ctaweb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds on the requests that Serve accepts.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 30 * time.Second // of a whole request
	idleTimeout     = 2 * time.Minute
	maxHeader       = 32 << 10        // bytes
	shutdownTimeout = 3 * time.Second // a program may have five, and more to close

	// moreConnections is the number of connections without an event stream.
	moreConnections = 2000
)

// Serve serves root on ln until ctx ends. If root is nil, it serves h itself; otherwise
// root is a handler in which h is mounted. When ctx ends, Serve ends h's streams, lets
// other requests finish for up to 3 s, and returns nil. It closes ln and h in any case.
//
// Serve accepts up to HandlerConfig.MaxStreams plus 2000 connections; others wait. One
// address has up to HandlerConfig.MaxClientStreams plus 1000 connections; its others are
// closed.
func Serve(ctx context.Context, ln net.Listener, h *Handler, root http.Handler) error {
	if root == nil {
		root = h
	}
	srv := &http.Server{
		Handler:           root,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout, // streams lift it
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(h.cfg.Log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(h.Close)
	failed := make(chan error, 1)
	go func() {
		failed <- srv.Serve(newBounded(ln, h.cfg.MaxStreams+moreConnections, h.cfg.MaxClientStreams+moreConnections/2))
	}()
	select {
	case err := <-failed:
		h.Close()
		return fmt.Errorf("ctaweb: serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	// ctx has ended already; the grace period is for requests under way.
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

// bounded is a listener that closes connections of which a client has too many.
type bounded struct {
	net.Listener
	clients perClient
}

func newBounded(ln net.Listener, most, ofClient int) *bounded {
	return &bounded{netutil.LimitListener(ln, most), perClient{most: ofClient}}
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if exit := b.clients.enter(c.RemoteAddr().String()); exit != nil {
			return &boundedConn{c, exit}, nil
		}
		_ = c.Close()
	}
}

type boundedConn struct {
	net.Conn
	leave func()
}

// Close leaves first: closing lets the listener take the client's next connection,
// which must find room.
func (c *boundedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
