package services_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg services.Config) *services.Services {
	t.Helper()
	s, err := services.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func running(t *testing.T) *embedded.Services {
	t.Helper()
	sys, err := embedded.Start(t.Context(), embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Close() })
	return sys
}

func TestOpenEmbedded(t *testing.T) {
	s := open(t, services.Config{Where: services.WhereEmbedded})
	if !s.Embedded() {
		t.Error("the services aren't embedded")
	}
	if err := s.Kafka.EnsureTopics(t.Context(), kafka.TopicSpec{Name: "t", Partitions: 1}); err != nil {
		t.Error(err)
	}
	resp, err := http.Get(s.RESTProxy + "/topics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), `"t"`) {
		t.Errorf("the REST Proxy's topics are %s (%v), want t", body, err)
	}
}

// A given address decides, without asking whether anything listens at the usual ones.
func TestAddressMeansExternal(t *testing.T) {
	sys := running(t)
	s := open(t, services.Config{
		Kafka:     kafka.Config{Brokers: sys.Brokers()},
		Registry:  wire.RegistryConfig{URL: strings.Replace(sys.RegistryURL(), "http://", "http://user:secret@", 1)},
		RESTProxy: sys.RESTProxyURL(),
	})
	if s.Embedded() {
		t.Error("the services are embedded, want the given ones")
	}
	if got := s.String(); !strings.Contains(got, sys.Brokers()[0]) || strings.Contains(got, "secret") {
		t.Errorf("described as %q, want the broker and no password", got)
	}
}

func TestOpenNamesWhatIsMissing(t *testing.T) {
	sys := running(t)
	const nobody = "127.0.0.1:1"
	for service, cfg := range map[string]services.Config{
		"Kafka broker": {Kafka: kafka.Config{Brokers: []string{nobody}, Wait: 50 * time.Millisecond}},
		"schema registry": {Kafka: kafka.Config{Brokers: sys.Brokers()},
			Registry: wire.RegistryConfig{URL: "http://" + nobody, Wait: 50 * time.Millisecond}},
	} {
		_, err := services.Open(t.Context(), cfg)
		var missing *cta.ServiceError
		if !errors.As(err, &missing) || missing.Service != service {
			t.Errorf("Open: %v, want a ServiceError of %s", err, service)
		}
	}
	if _, err := services.Open(t.Context(), services.Config{Where: "nowhere"}); err == nil || !strings.Contains(err.Error(), "Config.Where") {
		t.Errorf("Open with an unknown Where: %v, want an error that names Config.Where", err)
	}
	// Two services at one address: what was started is closed, as goleak sees.
	_, err := services.Open(t.Context(), services.Config{Where: services.WhereEmbedded, RESTProxy: sys.RESTProxyURL()})
	if missing := (*cta.ServiceError)(nil); !errors.As(err, &missing) || missing.Service != "embedded REST Proxy" {
		t.Errorf("Open at an address in use: %v, want a ServiceError of the REST Proxy", err)
	}
}

func TestTogether(t *testing.T) {
	failed := errors.New("failed")
	until := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	nothing := func(context.Context) error { return nil }
	fail := func(context.Context) error { return failed }
	late := func(ctx context.Context) error { <-ctx.Done(); return errors.New("while it ended") }
	if err := services.Together(t.Context(), until, nothing, fail, until); err != failed && !errors.Is(err, failed) {
		t.Errorf("Together: %v, want the failure", err)
	}
	if err := services.Together(t.Context(), fail, late); err == nil || !strings.Contains(err.Error(), "while it ended") {
		t.Errorf("Together: %v, want the second failure too", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := services.Together(ctx, until, nothing); err != nil {
		t.Errorf("Together, when told to end: %v, want nil", err)
	}
	// A part that has nothing left to do ends no other.
	ended := make(chan struct{})
	if err := services.Together(t.Context(), func(context.Context) error { close(ended); return nil }, func(ctx context.Context) error {
		<-ended
		return ctx.Err()
	}); err != nil {
		t.Errorf("Together: %v, want nil", err)
	}
}

func TestServeHealth(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "up_to_now"})
	metrics.MustRegister(up)
	waits := []error{errors.New("partitions are yet to be read"), errors.New("no topic")}
	var checks []func() error
	for i := range waits {
		checks = append(checks, func() error { return waits[i] })
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- services.ServeHealth(ctx, l, metrics, checks...) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) string {
		resp, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(resp.StatusCode, " ", string(body))
	}
	if got := get("/healthz"); got != "200 ok\n" {
		t.Errorf("/healthz: %q", got)
	}
	if got := get("/readyz"); got != "503 partitions are yet to be read\nno topic\n" {
		t.Errorf("/readyz: %q, want each reason", got)
	}
	clear(waits)
	if got := get("/readyz"); got != "200 ready\n" {
		t.Errorf("/readyz: %q", got)
	}
	if got := get("/metrics"); !slices.Contains(strings.Split(got, "\n"), "up_to_now 0") {
		t.Errorf("/metrics: %q", got)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("ServeHealth: %v, want nil after its context ended", err)
	}
}
