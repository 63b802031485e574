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

// The tests of this file say what the system needs of a broker, and run alike on
// the embedded one and on real ones.

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
type doubler struct {
	output string
	fail   func(batch []kafka.Record) error
}

func (doubler) Assign(context.Context, []kafka.Partition) (func(), error) { return func() {}, nil }
func (doubler) Revoke([]kafka.Partition)                                  {}
func (d doubler) Transform(_ context.Context, batch []kafka.Record) ([]kafka.Record, error) {
	if d.fail != nil {
		if err := d.fail(batch); err != nil {
			return nil, err
		}
	}
	var out []kafka.Record
	for _, r := range batch {
		out = append(out, kafka.Record{Topic: d.output, Key: r.Key, Value: r.Value})
	}
	return out, nil
}

// Two members of a group share the partitions, one leaves, and each record is
// published once. Readers see no transaction's marker and end where it stands.
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

// A reader begins at a time of the wall clock, and at the end.
func TestBrokerFindsRecordsByTime(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Prefix + "times"
	if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(topic, 1)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	for i := range 10 {
		sys.Send(kafka.Record{Topic: topic, Value: fmt.Appendf(nil, "%d", i), Time: begin.Add(time.Duration(i) * time.Minute)})
	}
	for _, test := range []struct {
		name  string
		start kafka.Start
		want  []string
	}{
		{"from a record's own time", kafka.FromTime(begin.Add(8 * time.Minute)), []string{"8", "9"}},
		{"from between two", kafka.FromTime(begin.Add(8*time.Minute + time.Second)), []string{"9"}},
		{"from after the last", kafka.FromTime(begin.Add(time.Hour)), nil},
		{"from the end", kafka.FromEnd(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			err := sys.Kafka.Read(t.Context(), kafka.ReaderConfig{
				Match: kafka.Names(topic), StopAtEnd: true, Start: func(string) kafka.Start { return test.start },
			}, func(_ context.Context, r kafka.Record) error {
				got = append(got, string(r.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("read (-want +got):\n%s", d)
			}
		})
	}
}
