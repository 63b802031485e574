package ctatest

import (
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// Patience is how long a method waits before it fails the test, unless
// [System.Patience] is set. It is long because only failures use it up.
const Patience = 30 * time.Second

// SharedPartitions is the number of partitions of event topics in the layout [cta.LayoutShared].
const SharedPartitions = 12

// System is the services of one test, with its own topics. Call its methods from the
// test's goroutine: they end the test when they fail.
type System struct {
	Kafka    *kafka.Client
	Registry *wire.Registry
	// Topics are this test's topic names. For another layout than [cta.LayoutPerStation], set its
	// Layout before anything is sent.
	Topics cta.Topics

	// Brokers, RegistryURL and RESTProxyURL are the services' addresses, for
	// clients other than Kafka and Registry.
	Brokers      []string
	RegistryURL  string
	RESTProxyURL string

	// Config is Kafka's configuration, for a test's own clients, with a log or metrics.
	Config kafka.Config

	// Patience is how long the methods of this system wait. [Start] sets it to the
	// constant; raise it where a test waits for slow starters, such as a JVM.
	Patience time.Duration

	tb       testing.TB
	producer *kafka.Producer
	arrivals wire.Records[cta.Key, cta.Arrival]
	entries  wire.Records[cta.Key, cta.TurnstileEntry]
	weather  wire.Records[cta.Key, cta.Weather]
	ensured  map[string]bool
}

// Start returns a system for tb, stopped when the test ends.
func Start(tb testing.TB) *System {
	tb.Helper()
	s := &System{tb: tb, Patience: Patience, ensured: make(map[string]bool)}
	if External() {
		s.external()
	} else {
		services, err := embedded.Start(tb.Context(), embedded.Config{})
		if err != nil {
			tb.Fatalf("ctatest: start: %v", err)
		}
		s.onEnd("embedded services", services.Close)
		s.Brokers, s.RegistryURL, s.RESTProxyURL = services.Brokers(), services.RegistryURL(), services.RESTProxyURL()
		s.Config = kafka.Config{Brokers: s.Brokers, Wait: Patience}
	}
	name := "ctatest." + unlikeTopic.ReplaceAllString(tb.Name(), "-") + "." + strings.ToLower(rand.Text()[:8]) + "."
	s.Topics = cta.Topics{Prefix: name}

	var err error
	if s.Kafka, err = kafka.Connect(tb.Context(), s.Config); err != nil {
		tb.Fatalf("ctatest: start: %v", err)
	}
	s.onEnd("Kafka client", s.Kafka.Close)
	if s.Registry, err = wire.NewRegistry(wire.RegistryConfig{URL: s.RegistryURL}); err != nil {
		tb.Fatalf("ctatest: start: %v", err)
	}
	tb.Cleanup(s.Registry.Close)
	var errs [3]error
	s.arrivals, errs[0] = wire.AvroRecords[cta.Key, cta.Arrival](s.Registry, schemas.ArrivalKey, schemas.ArrivalValue)
	s.entries, errs[1] = wire.AvroRecords[cta.Key, cta.TurnstileEntry](s.Registry, schemas.TurnstileKey, schemas.TurnstileValue)
	s.weather, errs[2] = wire.AvroRecords[cta.Key, cta.Weather](s.Registry, schemas.WeatherKey, schemas.WeatherValue)
	if err := errors.Join(errs[:]...); err != nil {
		tb.Fatalf("ctatest: start: %v", err)
	}
	if s.producer, err = s.Kafka.NewProducer(kafka.ProducerConfig{}); err != nil {
		tb.Fatalf("ctatest: start: %v", err)
	}
	s.onEnd("producer", s.producer.Close)
	return s
}

// unlikeTopic is what a test's name may hold and a topic's may not.
var unlikeTopic = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

func (s *System) onEnd(what string, closer func() error) {
	s.tb.Cleanup(func() {
		if err := closer(); err != nil {
			s.tb.Errorf("ctatest: close %s: %v", what, err)
		}
	})
}

// context returns a context that ends with the test or after Patience.
func (s *System) context() (context.Context, context.CancelFunc) {
	limit := time.Now().Add(s.Patience)
	if t, ok := s.tb.(interface{ Deadline() (time.Time, bool) }); ok {
		// Stop a little before the test binary does: it would print only stacks.
		if end, ok := t.Deadline(); ok && end.Add(-2*time.Second).Before(limit) {
			limit = end.Add(-2 * time.Second)
		}
	}
	return context.WithDeadline(s.tb.Context(), limit)
}
