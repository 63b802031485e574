package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/services"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// Workers returns the roles between the producers and the page: the source of
// the stations table, the two stream processors, and the inspector.
func (s *Settings) Workers(v *services.Services) ([]func(context.Context) error, error) {
	source, err := stations.NewSource(v.Kafka, s.Network, stations.SourceConfig{
		Topics: s.Topics, Postgres: s.Postgres, Log: s.Log, Metrics: s.Metrics})
	transformer, err2 := ctastream.NewStationTransformer(v.Kafka, s.Network, s.Stream())
	summary, err3 := ctastream.NewTurnstileSummary(v.Kafka, v.Registry, s.Stream())
	inspector, err4 := ctastream.NewInspector(v.Kafka, v.Registry, s.Stream())
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return nil, err
	}
	s.Ready(transformer.Ready, summary.Ready, inspector.Ready)
	return []func(context.Context) error{source.Run, transformer.Run, summary.Run, inspector.Run}, nil
}

// Ready adds checks to those of /readyz. Each returns the reason to wait, or nil.
func (s *Settings) Ready(checks ...func() error) { s.ready = append(s.ready, checks...) }

// Stream returns the settings of a stream processor, with those of the group
// Worker where the program has them.
func (s *Settings) Stream() ctastream.Config {
	return ctastream.Config{Topics: s.Topics, Input: s.Input, Output: s.Output, Group: s.Group,
		InstanceID: s.InstanceID, SessionTimeout: s.SessionTimeout, Log: s.Log, Metrics: s.Metrics}
}

// Listener listens at -listen for the page. The error of an address in use names the
// remedy.
func (s *Settings) Listener(ctx context.Context) (net.Listener, error) {
	return listen(ctx, "listen", s.page)
}

func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w (stop the program that uses the address, or choose another one by -%s)", addr, err, flag)
	}
	return l, nil
}

// Gatherer returns the metrics to serve beside the page, none if they have an address of
// their own.
func (s *Settings) Gatherer() prometheus.Gatherer {
	if s.health != "" {
		return nil
	}
	return s.Metrics
}

// Health returns the part that serves /metrics, /healthz and /readyz at the address in
// -listen, or in -metrics if the program has a page; none if the flag is empty. Ready adds
// its checks, until the part runs.
func (s *Settings) Health() []func(context.Context) error {
	if s.health == "" {
		return nil
	}
	return []func(context.Context) error{func(ctx context.Context) error {
		flag := "listen"
		if s.page != "" {
			flag = "metrics"
		}
		l, err := listen(ctx, flag, s.health)
		if err != nil {
			return err
		}
		return services.ServeHealth(ctx, l, s.Metrics, s.ready...)
	}}
}

// askReady returns nil if the program that listens at -listen is ready. A container without
// a shell asks its own program so.
func (s *Settings) askReady(ctx context.Context) error {
	host, port, err := net.SplitHostPort(cmp.Or(s.page, s.health))
	if err != nil {
		return usageError{fmt.Errorf("-ready needs -listen: %w", err)}
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req) // by no proxy
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(io.LimitReader(res.Body, 1000))
		return fmt.Errorf("not ready: %s", bytes.TrimSpace(reason))
	}
	return nil
}
