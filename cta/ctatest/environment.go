package ctatest

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// External reports whether the environment names real services for the tests.
func External() bool { return os.Getenv("CTALIVE_BROKERS") != "" }

// external takes the services' addresses from the environment, and returns the
// settings of their client.
func (s *System) external() kafka.Config {
	s.tb.Helper()
	s.Brokers = strings.Split(os.Getenv("CTALIVE_BROKERS"), ",")
	s.RegistryURL = s.env("CTALIVE_REGISTRY")
	s.RESTProxyURL = s.env("CTALIVE_REST_PROXY")
	cfg := kafka.Config{
		Brokers: s.Brokers, Wait: Patience,
		SASL: kafka.SASL{Mechanism: os.Getenv("CTALIVE_SASL"), User: os.Getenv("CTALIVE_SASL_USER"), Password: os.Getenv("CTALIVE_SASL_PASSWORD")},
	}
	file := os.Getenv("CTALIVE_TLS_CA")
	if file == "" {
		return cfg
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		s.tb.Fatalf("ctatest: start: CTALIVE_TLS_CA: %v", err)
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !cfg.TLS.RootCAs.AppendCertsFromPEM(pem) {
		s.tb.Fatalf("ctatest: start: CTALIVE_TLS_CA: no certificate in %s, want PEM", file)
	}
	return cfg
}

// env returns a variable that has to be set since CTALIVE_BROKERS is.
func (s *System) env(name string) string {
	s.tb.Helper()
	v := os.Getenv(name)
	if v == "" {
		s.tb.Fatalf("ctatest: start: CTALIVE_BROKERS is set, so %s has to be, too", name)
	}
	return v
}
