package ctatest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// The tests of broker_*_test.go say what the system needs of a broker, and run alike
// on the embedded one and on real ones; those of registry_test.go and
// restproxy_test.go, what it needs of the others. What needs faults is tested in
// cta/kafka, and by testdata/faults.

// The topics of the whole network are created in one batch, and again without harm.
func TestBrokerCreatesHundredsOfTopics(t *testing.T) {
	sys := ctatest.Start(t)
	var specs []kafka.TopicSpec
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("%smany.%03d", sys.Topics.Prefix, i))
		specs = append(specs, kafka.EventTopic(names[i], 1))
	}
	for _, round := range []string{"created", "again"} {
		begun := time.Now()
		if err := sys.Kafka.EnsureTopics(t.Context(), specs...); err != nil {
			t.Fatal(err)
		}
		t.Logf("300 topics %s: %v", round, time.Since(begun).Round(time.Millisecond))
	}
	got, err := sys.Kafka.Topics(t.Context(), func(name string) bool { return slices.Contains(names, name) })
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(names, got); d != "" {
		t.Errorf("topics (-want +got):\n%s", d)
	}
}

// doubler publishes each record's key to another topic.
type doubler struct{ output string }

func (doubler) Assign(context.Context, []kafka.Assigned) (func(), error) { return func() {}, nil }
func (doubler) Needs(kafka.Assigned) []kafka.Partition                   { return nil }
func (doubler) Revoke([]kafka.Partition)                                 {}
func (d doubler) Transform(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	var out []kafka.Record
	for _, r := range batch {
		out = append(out, kafka.Record{Topic: d.output, Key: r.Key, Value: r.Value})
	}
	return out, nil
}

// Two members of a group share the partitions, both leave, another comes, and each
// record is published once. Readers see no transaction's marker and end where it stands.
func TestBrokerTransactsAndSharesPartitions(t *testing.T) {
	sys := ctatest.Start(t)
	in, out := sys.Topics.Prefix+"in", sys.Topics.Prefix+"out"
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(in, 6), kafka.EventTopic(out, 3)); err != nil {
		t.Fatal(err)
	}
	next := 0
	send := func(n int) {
		var records []kafka.Record
		for range n {
			records = append(records, kafka.Record{Topic: in, Key: fmt.Appendf(nil, "%05d", next), Value: []byte("x")})
			next++
		}
		sys.Send(records...)
	}
	join := func() (leave func()) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			err := sys.Kafka.Transform(ctx, kafka.TransformConfig{Group: sys.Topics.Prefix + "group", Match: kafka.Names(in)}, doubler{output: out})
			if err != nil {
				t.Error(err)
			}
		})
		return sync.OnceFunc(func() { cancel(); wg.Wait() })
	}
	send(500)
	first := join()
	defer first()
	sys.AwaitRecords(out, 500)
	second := join()
	defer second()
	send(500)
	sys.AwaitRecords(out, 1000)
	first()
	send(500)
	sys.AwaitRecords(out, 1500)
	second()
	send(500) // while there is none
	third := join()
	defer third()
	sys.AwaitRecords(out, 2000)
	third()

	var want, got []string
	for i := range next {
		want = append(want, fmt.Sprintf("%05d", i))
	}
	for _, r := range sys.Read(out) {
		got = append(got, string(r.Key))
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("published (-want +got):\n%s", d)
	}
	last, err := sys.Kafka.Last(t.Context(), kafka.Names(out))
	if err != nil {
		t.Fatal(err)
	}
	if len(last) != 3 {
		t.Errorf("Last found %d records, want one of each of 3 partitions, before the markers", len(last))
	}
}
