// Package ctatest is the test kit of transit applications: a running system for
// each test, events for it, and waiting for what comes out. It needs nothing but
// Go, and the same tests run on real services.
//
//	func TestCounts(t *testing.T) {
//		sys := ctatest.Start(t) // stopped when the test ends
//		lake := cta.Chicago().Station(40380)
//		// … start what is tested on sys.Kafka, sys.Registry and sys.Topics …
//		sys.Enter(ctatest.At(7, 30), lake, 3)
//		sys.AwaitCount(lake, 3)
//	}
//
// Every method that can fail fails the test, with a text that says what was
// wanted and what was there. What waits gives up after [System.Patience], or shortly
// before the test binary's own deadline.
//
// # Embedded or real
//
// By default each test gets an embedded broker, registry and REST Proxy of its
// own (package embedded), in a few milliseconds. With CTALIVE_BROKERS,
// CTALIVE_REGISTRY and CTALIVE_REST_PROXY set, tests use those services instead;
// CTALIVE_TLS_CA (a PEM file), CTALIVE_SASL, CTALIVE_SASL_USER and
// CTALIVE_SASL_PASSWORD are for brokers that want TLS and SASL, and user and
// password of the other services go in their URLs. Each test then has topic names
// of its own; they stay behind, so give such tests a cluster that may be thrown
// away.
//
// # Outside tests
//
// An Example or a program has no testing.TB: it starts package embedded itself,
// as this package's example does.
package ctatest
