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

// external takes the services' addresses and the settings of their client from the
// environment.
func (s *System) external() {
	s.tb.Helper()
	s.Brokers = strings.Split(os.Getenv("CTALIVE_BROKERS"), ",")
	s.RegistryURL = s.env("CTALIVE_REGISTRY")
	s.RESTProxyURL = s.env("CTALIVE_REST_PROXY")
	s.Config = kafka.Config{
		Brokers: s.Brokers, Wait: Patience,
		SASL: kafka.SASL{Mechanism: os.Getenv("CTALIVE_SASL"), User: os.Getenv("CTALIVE_SASL_USER"), Password: os.Getenv("CTALIVE_SASL_PASSWORD")},
	}
	file := os.Getenv("CTALIVE_TLS_CA")
	if file == "" {
		return
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		s.tb.Fatalf("ctatest: start: CTALIVE_TLS_CA: %v", err)
	}
	s.Config.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if !s.Config.TLS.RootCAs.AppendCertsFromPEM(pem) {
		s.tb.Fatalf("ctatest: start: CTALIVE_TLS_CA: no certificate in %s, want PEM", file)
	}
}

// env returns a variable that is required with CTALIVE_BROKERS.
func (s *System) env(name string) string {
	s.tb.Helper()
	v := os.Getenv(name)
	if v == "" {
		s.tb.Fatalf("ctatest: start: CTALIVE_BROKERS is set, so %s has to be, too", name)
	}
	return v
}
