package embedded

import (
	"context"
	"log/slog"
)

// Config holds the optional settings of [Start].
type Config struct {
	// DataDir keeps topics, offsets and schemas over a restart. Default: in memory only.
	DataDir string
	// Kafka, Registry and RESTProxy are the addresses to listen on, as
	// "127.0.0.1:9092". An empty one is a free port of 127.0.0.1.
	Kafka, Registry, RESTProxy string
	Log                        *slog.Logger // default: silent
}

// Services is a Kafka broker, a Schema Registry and a REST Proxy in this process.
type Services struct{}

// Start starts the services. An address in use is an error that names it.
func Start(ctx context.Context, cfg Config) (*Services, error) { panic("TODO") }

// Brokers returns the address of the broker.
func (s *Services) Brokers() []string { panic("TODO") }

// RegistryURL returns the registry's address, as "http://127.0.0.1:8081".
func (s *Services) RegistryURL() string { panic("TODO") }

// RESTProxyURL returns the REST Proxy's address.
func (s *Services) RESTProxyURL() string { panic("TODO") }

// Close stops the services, and writes what is to be kept to DataDir.
func (s *Services) Close() error { panic("TODO") }
