package services

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// The usual addresses of the services, and the defaults of [Config].
const (
	UsualBroker    = "127.0.0.1:9092"
	UsualRegistry  = "http://127.0.0.1:8081"
	UsualRESTProxy = "http://127.0.0.1:8082"
)

// Where is the place where the services run.
type Where string

// Every Where. WhereAuto means WhereExternal if [Config] has an address or a broker answers at
// [UsualBroker], else WhereEmbedded.
const (
	WhereAuto     Where = "auto"
	WhereExternal Where = "external"
	WhereEmbedded Where = "embedded" // in this process
)

// Config holds the settings of [Open]. The zero value is ready to use.
type Config struct {
	Where Where // Default: WhereAuto
	// Kafka.Brokers, Registry.URL and RESTProxy are the addresses of external services, or
	// those at which embedded services listen. Default: the usual addresses; embedded
	// services take a free port of 127.0.0.1 where a usual one is in use.
	Kafka     kafka.Config
	Registry  wire.RegistryConfig
	RESTProxy string // URL
	// DataDir keeps the data of embedded services over a restart. Default: in memory only.
	DataDir string
	// Log receives the reports of embedded services, and of clients without a log of their
	// own. Default: silent.
	Log *slog.Logger
}

// Services are open services.
type Services struct {
	Kafka     *kafka.Client
	Registry  *wire.Registry
	RESTProxy string // URL. Open does not ask whether an external one answers.

	brokers     []string
	registryURL string
	why         string
	embedded    *embedded.Services // nil if external
}

// Open chooses the services, and waits for them: at most Kafka.Wait for a broker and
// Registry.Wait for the registry. A [*cta.ServiceError] names a service that is missing.
// The caller calls [Services.Close].
func Open(ctx context.Context, cfg Config) (*Services, error) {
	cfg.Kafka.Log, cfg.Registry.Log = cmp.Or(cfg.Kafka.Log, cfg.Log), cmp.Or(cfg.Registry.Log, cfg.Log)
	s := new(Services)
	if err := s.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Services) open(ctx context.Context, cfg Config) (err error) {
	var where Where
	if where, s.why, err = choose(ctx, cfg); err != nil {
		return err
	}
	if where == WhereEmbedded {
		s.embedded, err = embedded.Start(ctx, embedded.Config{
			DataDir:   cfg.DataDir,
			Kafka:     listenAt(strings.Join(cfg.Kafka.Brokers, ","), UsualBroker),
			Registry:  listenAt(cfg.Registry.URL, UsualRegistry),
			RESTProxy: listenAt(cfg.RESTProxy, UsualRESTProxy),
			Log:       cfg.Log,
		})
		if err != nil {
			return err
		}
		cfg.Kafka.Brokers, cfg.Registry.URL, cfg.RESTProxy = s.embedded.Brokers(), s.embedded.RegistryURL(), s.embedded.RESTProxyURL()
	}
	if len(cfg.Kafka.Brokers) == 0 {
		cfg.Kafka.Brokers = []string{UsualBroker}
	}
	cfg.Registry.URL = cmp.Or(cfg.Registry.URL, UsualRegistry)
	s.brokers, s.registryURL, s.RESTProxy = cfg.Kafka.Brokers, cfg.Registry.URL, cmp.Or(cfg.RESTProxy, UsualRESTProxy)
	if s.Kafka, err = kafka.Connect(ctx, cfg.Kafka); err != nil {
		return err
	}
	if s.Registry, err = wire.NewRegistry(cfg.Registry); err != nil {
		return err
	}
	return s.Registry.Wait(ctx)
}

// choose returns WhereExternal or WhereEmbedded, and the reason.
func choose(ctx context.Context, cfg Config) (where Where, why string, err error) {
	switch cfg.Where {
	case WhereExternal, WhereEmbedded:
		return cfg.Where, "as chosen", nil
	case WhereAuto, "":
	default:
		return "", "", fmt.Errorf("services: Config.Where is %q, want auto, external or embedded", cfg.Where)
	}
	if len(cfg.Kafka.Brokers) > 0 || cfg.Registry.URL != "" || cfg.RESTProxy != "" {
		return WhereExternal, "an address is given", nil
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", UsualBroker)
	if err != nil {
		return WhereEmbedded, "no broker at " + UsualBroker, ctx.Err()
	}
	conn.Close()
	// Any program may listen there.
	cfg.Kafka.Brokers, cfg.Kafka.Wait, cfg.Kafka.Metrics = []string{UsualBroker}, 3*time.Second, nil
	client, err := kafka.Connect(ctx, cfg.Kafka)
	if err != nil {
		return WhereEmbedded, "the program at " + UsualBroker + " is no Kafka broker", ctx.Err()
	}
	return WhereExternal, "a broker answers at " + UsualBroker, client.Close()
}

// listenAt returns the host and port at which an embedded service listens. Without an
// address, that is the usual one, or empty for a free port if the usual one is in use.
func listenAt(given, usual string) string {
	addr := cmp.Or(given, usual)
	if u, err := url.Parse(addr); err == nil && u.Host != "" {
		addr = u.Host
	}
	if given != "" {
		return addr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return ""
	}
	l.Close()
	return addr
}

// Embedded reports whether the services run in this process. No other program then fills
// the roles around them.
func (s *Services) Embedded() bool { return s.embedded != nil }

// String describes the services in one line: which, why, and their addresses without
// passwords.
func (s *Services) String() string {
	where := "external"
	if s.Embedded() {
		where = "embedded"
	}
	return fmt.Sprintf("%s services (%s): Kafka %s, Schema Registry %s, REST Proxy %s",
		where, s.why, strings.Join(s.brokers, ","), cta.Redacted(s.registryURL), cta.Redacted(s.RESTProxy))
}

// Close closes the clients, then the embedded services. Producers and readers of the
// clients must have ended.
func (s *Services) Close() error {
	var errs []error
	if s.Registry != nil {
		s.Registry.Close()
	}
	if s.Kafka != nil {
		errs = append(errs, s.Kafka.Close())
	}
	if s.embedded != nil {
		errs = append(errs, s.embedded.Close())
	}
	return errors.Join(errs...)
}
