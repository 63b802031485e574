package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// Services is what a program works with once it is open: the embedded services
// or external ones.
type Services struct {
	Kafka     *kafka.Client
	Registry  *wire.Registry
	RESTProxy string // URL
	// Embedded says that the services run in this process: the program fills
	// every role itself.
	Embedded bool

	services *embedded.Services // nil when external
}

// Open chooses the services as -services says, tells on stderr which, and waits
// for them. What it opens is closed when the program ends.
func (s *Settings) Open(ctx context.Context) (*Services, error) {
	mode, why, err := s.choose(ctx)
	if err != nil {
		return nil, err
	}
	v := &Services{Embedded: mode == "embedded"}
	s.close = v.close
	if v.Embedded {
		if err := s.startEmbedded(ctx, v); err != nil {
			return nil, err
		}
		fmt.Fprintf(s.Stderr, "%s: embedded services (%s): Kafka %s, Schema Registry %s, REST Proxy %s\n",
			s.name, why, strings.Join(s.Brokers, ","), s.Registry, s.RESTProxy)
	} else {
		fmt.Fprintf(s.Stderr, "%s: external services (%s): Kafka %s, Schema Registry %s\n",
			s.name, why, strings.Join(s.Brokers, ","), cta.Redacted(s.Registry))
	}
	v.RESTProxy = s.RESTProxy
	if v.Kafka, err = s.connect(ctx, s.Wait); err != nil {
		return nil, err
	}
	if v.Registry, err = s.OpenRegistry(ctx); err != nil {
		return nil, err
	}
	s.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return v, nil
}

// OpenRegistry waits for the registry of -registry.
func (s *Settings) OpenRegistry(ctx context.Context) (*wire.Registry, error) {
	access, err := s.access()
	if err != nil {
		return nil, err
	}
	r, err := wire.NewRegistry(wire.RegistryConfig{URL: s.Registry, Access: access, Wait: s.Wait, Log: s.Log})
	if err == nil {
		err = r.Wait(ctx)
	}
	return r, err
}

// choose returns "embedded" or "external", and the reason for riders of -services auto.
func (s *Settings) choose(ctx context.Context) (mode, why string, err error) {
	if s.Services != "auto" {
		return s.Services, "-services " + s.Services, nil
	}
	for _, flag := range []string{"brokers", "registry", "rest-proxy"} {
		if s.Given(flag) {
			return "external", "-" + flag + " is given", nil
		}
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", usualBroker)
	if err != nil {
		return "embedded", "no broker at " + usualBroker, ctx.Err()
	}
	conn.Close()
	// Something listens there; it may be no broker at all.
	client, err := s.connect(ctx, 3*time.Second)
	if err != nil {
		return "embedded", "what listens at " + usualBroker + " is no Kafka broker", ctx.Err()
	}
	return "external", "a broker answers at " + usualBroker, client.Close()
}

func (s *Settings) startEmbedded(ctx context.Context, v *Services) error {
	cfg := embedded.Config{
		DataDir:   s.DataDir,
		Kafka:     s.address("brokers", s.Brokers[0]),
		Registry:  s.address("registry", s.Registry),
		RESTProxy: s.address("rest-proxy", s.RESTProxy),
		Log:       s.Log,
	}
	if os.Getenv("GOGC") == "" {
		// The broker's logs live long: by default, as much memory again would lie idle.
		debug.SetGCPercent(50)
	}
	services, err := embedded.Start(ctx, cfg)
	if err != nil {
		return err
	}
	v.services = services
	s.Brokers, s.Registry, s.RESTProxy = services.Brokers(), services.RegistryURL(), services.RESTProxyURL()
	return nil
}

// address returns where an embedded service listens: where the flag says, else
// at its usual address, or on a free port where that is in use.
func (s *Settings) address(flag, usual string) string {
	addr := usual
	if u, err := url.Parse(usual); err == nil && u.Host != "" {
		addr = u.Host
	}
	if s.Given(flag) {
		return addr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return ""
	}
	l.Close()
	return addr
}

// OpenKafka connects to external brokers alone, for a program that has no use
// for the other services.
func (s *Settings) OpenKafka(ctx context.Context) (*kafka.Client, error) {
	client, err := s.connect(ctx, s.Wait)
	if err != nil {
		return nil, err
	}
	s.close = client.Close
	return client, nil
}

// connect connects to the brokers, as the flags on TLS and SASL say.
func (s *Settings) connect(ctx context.Context, wait time.Duration) (*kafka.Client, error) {
	cfg := kafka.Config{Brokers: s.Brokers, ClientID: "ctalive-" + s.name, SASL: s.sasl, Wait: wait, Log: s.Log, Metrics: s.Metrics,
		Rack: s.rack, ReplicationFactor: s.replication, MinInSyncReplicas: s.minInSync}
	if s.tls {
		var err error
		if cfg.TLS, err = s.tlsConfig(); err != nil {
			return nil, err
		}
	}
	return kafka.Connect(ctx, cfg)
}

// tlsConfig returns what -tls-ca, -tls-cert and -tls-key say, for the brokers and
// for services with an https address alike.
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

// close closes what is open, the embedded services last.
func (v *Services) close() error {
	var errs []error
	if v.Kafka != nil {
		errs = append(errs, v.Kafka.Close())
	}
	if v.services != nil {
		errs = append(errs, v.services.Close())
	}
	return errors.Join(errs...)
}
