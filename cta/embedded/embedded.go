package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/internal/restproxy"
)

// Config holds the optional settings of [Start]. The zero value is ready to use.
type Config struct {
	// DataDir keeps topics, offsets and schemas over a restart; it is created if
	// missing. Default: in memory only.
	DataDir string
	// Kafka, Registry and RESTProxy are the addresses to listen on, such as
	// "127.0.0.1:9092". The host is required: the broker also advertises it to its
	// clients. An empty address means a free port of 127.0.0.1.
	Kafka, Registry, RESTProxy string
	// Advertise is the address that the broker advertises to its clients, such as the
	// address of a proxy in front. Default: the address on which it listens.
	Advertise string
	// Hosts lists further names under which clients reach the registry and the REST
	// Proxy, such as the name of a proxy in front. By default, both answer only to
	// loopback names and addresses, and to those on which they listen.
	Hosts []string
	// CleanEvery is the interval of retention and compaction. Default: 15 seconds.
	CleanEvery time.Duration
	// CompactAfter is the growth of all compacted topics together, in bytes, that starts
	// their compaction. Default: 8 MiB.
	CompactAfter int64
	// Log receives starts, stops and faults. Default: silent.
	Log *slog.Logger
}

// Services is a Kafka broker, a Schema Registry and a REST Proxy in this
// process. Its methods are safe for concurrent use.
type Services struct {
	log      *slog.Logger
	lock     *os.File // locked; nil without a data directory
	broker   *broker
	registry *registry
	web      []*http.Server
	serving  sync.WaitGroup // web's goroutines
	proxy    *restproxy.Handler
	client   *wire.Registry // the proxy's

	brokerAddr, registryURL, proxyURL string

	closing  sync.Once
	closeErr error
}

// Start starts the services and returns once all of them answer. The error is a
// [*cta.ServiceError] when one of them can't listen on its address, for example because
// it is in use. ctx bounds only the start: end the services with [Services.Close].
func Start(ctx context.Context, cfg Config) (*Services, error) {
	cfg.Log = cmp.Or(cfg.Log, slog.New(slog.DiscardHandler))
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("embedded: start: %w", err)
	}
	s := &Services{log: cfg.Log}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.log.Info("embedded services started", "kafka", s.brokerAddr, "registry", s.registryURL,
		"rest_proxy", s.proxyURL, "data_dir", cfg.DataDir)
	return s, nil
}

func (c Config) validate() error {
	var faults []error
	for _, a := range []struct{ field, addr string }{
		{"Kafka", c.Kafka}, {"Registry", c.Registry}, {"RESTProxy", c.RESTProxy}, {"Advertise", c.Advertise},
	} {
		if a.addr == "" {
			continue
		}
		host, _, err := net.SplitHostPort(a.addr)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s is %q, want host:port: %w", a.field, a.addr, err))
		} else if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			faults = append(faults, fmt.Errorf("%s is %q, want the host that clients connect to, as 127.0.0.1", a.field, a.addr))
		}
	}
	if c.CleanEvery < 0 {
		faults = append(faults, fmt.Errorf("CleanEvery is %v, want a positive duration", c.CleanEvery))
	}
	if c.CompactAfter < 0 {
		faults = append(faults, fmt.Errorf("CompactAfter is %d, want a positive number of bytes", c.CompactAfter))
	}
	if len(faults) > 0 {
		return fmt.Errorf("embedded: %w", errors.Join(faults...))
	}
	return nil
}

func (s *Services) start(ctx context.Context, cfg Config) (err error) {
	var brokerDir, journal string
	if cfg.DataDir != "" {
		brokerDir = filepath.Join(cfg.DataDir, "kafka")
		journal = filepath.Join(cfg.DataDir, "registry.jsonl")
		if err := os.MkdirAll(brokerDir, 0o750); err != nil {
			return fmt.Errorf("embedded: data directory: %w", err)
		}
		if s.lock, err = lockDir(cfg.DataDir); err != nil {
			return err
		}
	}
	// Listen on all addresses before anything is written or started, so that a failed
	// start leaves nothing behind.
	var listeners []net.Listener
	defer func() {
		if err == nil {
			return
		}
		for _, l := range listeners {
			_ = l.Close() // nobody uses it, or Start closes its service
		}
	}()
	for _, a := range []struct{ service, addr string }{
		{"Kafka broker", cfg.Kafka}, {"schema registry", cfg.Registry}, {"REST Proxy", cfg.RESTProxy},
	} {
		ln, err := listen(ctx, a.service, a.addr)
		if err != nil {
			return err
		}
		listeners = append(listeners, ln)
	}
	if cfg.Advertise != "" {
		listeners[0] = advertised{listeners[0], cfg.Advertise}
	}
	s.brokerAddr = listeners[0].Addr().String()
	s.registryURL = "http://" + listeners[1].Addr().String()
	s.proxyURL = "http://" + listeners[2].Addr().String()

	if s.broker, err = startBroker(listeners[0], brokerDir, cfg); err != nil {
		return err
	}
	if s.registry, err = openRegistry(journal, cfg.Log); err != nil {
		return err
	}
	if s.client, err = wire.NewRegistry(wire.RegistryConfig{URL: s.registryURL, Log: cfg.Log}); err != nil {
		return fmt.Errorf("embedded: REST Proxy: %w", err)
	}
	if s.proxy, err = restproxy.New(restproxy.Config{Brokers: s.Brokers(), Registry: s.client, Log: cfg.Log}); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	hosts := cfg.hosts()
	s.serve("schema registry", listeners[1], ownHosts(s.registry, hosts))
	s.serve("REST Proxy", listeners[2], ownHosts(s.proxy, hosts))
	return nil
}

// hosts are the names that the services answer to, besides loopback.
func (c Config) hosts() []string {
	names := slices.Clone(c.Hosts)
	for _, addr := range []string{c.Registry, c.RESTProxy} {
		if host, _, err := net.SplitHostPort(addr); err == nil {
			names = append(names, host)
		}
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	return names
}

// listen listens on addr, or on a free port of 127.0.0.1 when that is empty.
func listen(ctx context.Context, service, addr string) (net.Listener, error) {
	addr = cmp.Or(addr, "127.0.0.1:0")
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		hint := "choose another address"
		// The standard library has no common name for the error numbers of Unix and Windows.
		if s := err.Error(); strings.Contains(s, "address already in use") || strings.Contains(s, "Only one usage of each socket address") {
			hint = "another program listens there: stop it, use it instead, or choose another address"
		}
		if op, ok := errors.AsType[*net.OpError](err); ok {
			err = op.Err // without the address, which the ServiceError contains
		}
		return nil, &cta.ServiceError{Service: "embedded " + service, Addr: addr, Hint: hint, Err: err}
	}
	return ln, nil
}

// Brokers returns the broker's address as a list of one, for the settings of Kafka
// clients.
func (s *Services) Brokers() []string { return []string{s.brokerAddr} }

// RegistryURL returns the registry's address, such as "http://127.0.0.1:8081".
func (s *Services) RegistryURL() string { return s.registryURL }

// RESTProxyURL returns the REST Proxy's address, such as "http://127.0.0.1:8082".
func (s *Services) RESTProxyURL() string { return s.proxyURL }

// Close stops the services, the REST Proxy first and the broker last, and writes kept
// data to the data directory. Close waits up to 1 s for requests in progress. Further
// calls return the same.
func (s *Services) Close() error {
	s.closing.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		var errs []error
		for _, w := range slices.Backward(s.web) {
			errs = append(errs, shutdown(ctx, w))
		}
		s.serving.Wait()
		if s.proxy != nil {
			errs = append(errs, s.proxy.Close())
		}
		if s.client != nil {
			s.client.Close()
		}
		if s.registry != nil {
			errs = append(errs, s.registry.close())
		}
		if s.broker != nil {
			s.broker.close()
		}
		if s.lock != nil {
			errs = append(errs, s.lock.Close())
		}
		if s.closeErr = errors.Join(errs...); s.closeErr != nil {
			s.closeErr = fmt.Errorf("embedded: close: %w", s.closeErr)
		}
	})
	return s.closeErr
}

// closeTimeout bounds the wait for requests in flight.
const closeTimeout = time.Second
