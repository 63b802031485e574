package ctastream_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/ctastream"
)

// Two systems on one cluster that differ in their prefix alone count their own
// entries, and only those.
func TestSystemsWithOtherPrefixesCountApart(t *testing.T) {
	sys := ctatest.Start(t)
	base, station := sys.Topics.Prefix, cta.Chicago().Station(40380)
	want := map[string]int64{"a.": 3, "b.": 13}
	for prefix, n := range want {
		sys.Topics = cta.Topics{Prefix: base + prefix, Layout: cta.LayoutShared}
		sys.Enter(ctatest.At(8, 0), station, int(n))
		s, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, ctastream.Config{Topics: sys.Topics})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	for prefix, n := range want {
		sys.Topics = cta.Topics{Prefix: base + prefix}
		sys.Await("the entries of "+prefix, func(context.Context) (string, bool, error) {
			got := sys.Counts()[station.ID]
			if got > n {
				t.Fatalf("%s counts %d entries, want %d", prefix, got, n)
			}
			return fmt.Sprint(got), got == n, nil
		})
	}
}
