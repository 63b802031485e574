package ctatest_test

import (
	"context"
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// A test of a user: three riders enter at Clark/Lake, and are counted. The broker and the
// registry are in the test's process.
func TestRidersAreCounted(t *testing.T) {
	sys := ctatest.Start(t)
	summary, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, ctastream.Config{Topics: sys.Topics})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- summary.Run(ctx) }()

	lake := cta.Chicago().Station(40380)
	sys.Enter(ctatest.At(8, 0), lake, 3)
	sys.AwaitCount(lake, 3)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
