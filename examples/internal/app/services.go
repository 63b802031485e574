package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// Open chooses the services by the flags, prints the choice on stderr, and waits for the
// services. The end of the program closes them.
func (s *Settings) Open(ctx context.Context) (*services.Services, error) {
	cfg := services.Config{Where: services.Where(s.Services), DataDir: s.DataDir, Log: s.Log}
	var err error
	if cfg.Kafka, err = s.kafka(); err != nil {
		return nil, err
	}
	if cfg.Registry, err = s.registry(); err != nil {
		return nil, err
	}
	if !s.Given("brokers") {
		cfg.Kafka.Brokers = nil
	}
	if !s.Given("registry") {
		cfg.Registry.URL = ""
	}
	if s.Given("rest-proxy") {
		cfg.RESTProxy = s.RESTProxy
	}
	v, err := services.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.close = v.Close
	fmt.Fprintf(s.Stderr, "%s: %v\n", s.name, v)
	if v.Embedded() && os.Getenv("GOGC") == "" {
		// The broker's logs live long: by default, as much memory again would lie idle.
		debug.SetGCPercent(50)
	}
	s.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return v, nil
}

// OpenRegistry waits for the registry of -registry.
func (s *Settings) OpenRegistry(ctx context.Context) (*wire.Registry, error) {
	cfg, err := s.registry()
	if err != nil {
		return nil, err
	}
	r, err := wire.NewRegistry(cfg)
	if err == nil {
		err = r.Wait(ctx)
	}
	return r, err
}

func (s *Settings) registry() (wire.RegistryConfig, error) {
	access, err := s.access()
	return wire.RegistryConfig{URL: s.Registry, Access: access, Wait: s.Wait, Log: s.Log}, err
}

// OpenKafka connects to external brokers alone, for a program that has no use
// for the other services.
func (s *Settings) OpenKafka(ctx context.Context) (*kafka.Client, error) {
	cfg, err := s.kafka()
	if err != nil {
		return nil, err
	}
	client, err := kafka.Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.close = client.Close
	return client, nil
}

// kafka returns the settings of the connection to the brokers.
func (s *Settings) kafka() (cfg kafka.Config, err error) {
	cfg = kafka.Config{Brokers: s.Brokers, ClientID: "ctalive-" + s.name, SASL: s.sasl, Wait: s.Wait, Log: s.Log, Metrics: s.Metrics,
		Rack: s.rack, ReplicationFactor: s.replication, MinInSyncReplicas: s.minInSync}
	if s.tls {
		cfg.TLS, err = s.tlsConfig()
	}
	return cfg, err
}

// tlsConfig returns the settings of -tls-ca, -tls-cert and -tls-key, for the brokers and
// for services with an https address.
func (s *Settings) tlsConfig() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tlsCA != "" {
		pem, err := os.ReadFile(s.tlsCA)
		if err != nil {
			return nil, fmt.Errorf("-tls-ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("-tls-ca: found no certificate in %s, want PEM", s.tlsCA)
		}
	}
	if s.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("-tls-cert, -tls-key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// access returns how the services that speak HTTP let this program in.
func (s *Settings) access() (a rest.Access, err error) {
	if a.TLS, err = s.tlsConfig(); err != nil || s.tokenFile == "" {
		return a, err
	}
	a.Token = func(context.Context) (string, error) { // anew each time: tokens expire
		token, err := os.ReadFile(s.tokenFile)
		return strings.TrimSpace(string(token)), err
	}
	return a, nil
}

// NewKSQL returns the server of -ksql, which counts with the schemas in registry.
func (s *Settings) NewKSQL(registry *wire.Registry) (*ctastream.KSQL, error) {
	access, err := s.access()
	if err != nil {
		return nil, err
	}
	return ctastream.NewKSQL(s.KSQL, registry, ctastream.KSQLConfig{Topics: s.Topics, Access: access, Wait: s.Wait, Log: s.Log})
}
