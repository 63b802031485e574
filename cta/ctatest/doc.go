// Package ctatest is the test kit of transit applications. It starts a system for each
// test, sends events, and waits for results. It needs only Go, and the same tests run on
// real services.
//
//	func TestCounts(t *testing.T) {
//		sys := ctatest.Start(t) // stopped when the test ends
//		lake := cta.Chicago().Station(40380)
//		// … start what is tested on sys.Kafka, sys.Registry and sys.Topics …
//		sys.Enter(ctatest.At(7, 30), lake, 3)
//		sys.AwaitCount(lake, 3)
//	}
//
// A method that fails ends the test, and reports the expected and the actual state. A
// method that waits gives up after [System.Patience], or shortly before the test binary's
// own deadline.
//
// # Embedded or real
//
// By default each test gets its own embedded broker, registry and REST Proxy (package
// embedded), in a few milliseconds. These variables select real services instead:
//   - CTALIVE_BROKERS, CTALIVE_REGISTRY and CTALIVE_REST_PROXY: the services. The URLs
//     contain the user and password of the registry and the REST Proxy.
//   - CTALIVE_TLS_CA (a PEM file), CTALIVE_SASL, CTALIVE_SASL_USER and
//     CTALIVE_SASL_PASSWORD: for brokers that require TLS and SASL.
//
// Each test then has its own topic names. The topics remain, so use a disposable cluster.
//
// # Outside tests
//
// An Example or a program has no testing.TB. It starts package embedded itself, as this
// package's example does.
package ctatest
