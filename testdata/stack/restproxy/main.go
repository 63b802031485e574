// Restproxy serves this project's REST Proxy handler in front of real brokers:
// the one service of the stack that package registries don't have. The stack
// script builds and starts it.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/restproxy"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8082", "serve at `host:port`")
	brokers := flag.String("brokers", "127.0.0.1:9092", "Kafka brokers, `host:port,…`")
	registry := flag.String("registry", "http://127.0.0.1:8081", "Schema Registry, `URL`")
	flag.String("stack", "", "the stack's `folder`; only tells its processes from others")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *listen, strings.Split(*brokers, ","), *registry); err != nil {
		slog.Error("restproxy", "err", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, listen string, brokers []string, registryURL string) error {
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: registryURL})
	if err != nil {
		return err
	}
	defer registry.Close()
	handler, err := restproxy.New(restproxy.Config{Brokers: brokers, Registry: registry, Log: slog.Default()})
	if err != nil {
		return err
	}
	defer handler.Close()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() {
		end, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_ = server.Shutdown(end)
	})
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
