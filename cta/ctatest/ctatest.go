package ctatest

import (
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// System is the services of one test: embedded ones, or those that the
// environment names (CTALIVE_BROKERS, CTALIVE_REGISTRY, CTALIVE_REST_PROXY), with
// topics of its own in either case.
type System struct {
	Kafka        *kafka.Client
	Registry     *wire.Registry
	RESTProxyURL string
	Topics       cta.Topics // a prefix and a summary topic of this test alone
}

// Start returns a system for tb, stopped when the test ends.
func Start(tb testing.TB) *System { panic("TODO") }
