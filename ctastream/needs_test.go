package ctastream

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Whatever the numbers of partitions, the counts of an input partition's stations are in
// those that it needs; where both topics have as many, in one.
func TestNeedsHoldTheCountsOfAPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := rapid.Int32Range(1, 40).Draw(t, "in"), rapid.Int32Range(1, 40).Draw(t, "out")
		topics := cta.Topics{Layout: rapid.SampledFrom([]cta.Layout{cta.LayoutShared, cta.LayoutPerStation}).Draw(t, "layout")}
		station := rapid.SampledFrom(cta.Chicago().Stations).Draw(t, "station")
		key := cta.PartitionKey(station.ID)
		s := &summarizer{}
		for n := range out {
			s.output = append(s.output, kafka.Partition{Topic: "counts", Partition: n})
		}
		g := kafka.Assigned{Partitions: in}
		g.Topic, g.Partition.Partition = topics.Turnstiles(station), kafka.PartitionOf(key, in)
		needs := s.Needs(g)
		if !slices.Contains(needs, s.output[kafka.PartitionOf(key, out)]) {
			t.Fatalf("%v is not needed, but %v", s.output[kafka.PartitionOf(key, out)], needs)
		}
		if one := in == out || in == 1 && topics.Layout == cta.LayoutPerStation; one && len(needs) != 1 {
			t.Fatalf("%v are needed, want one", needs)
		}
	})
}
