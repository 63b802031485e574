package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

func TestEnsureTopicsCreatesHundreds(t *testing.T) {
	_, c := newPair(t, kfake.NumBrokers(3))
	var specs []TopicSpec
	for i := range 2*topicsPerRequest + 50 {
		specs = append(specs, EventTopic(fmt.Sprintf("station.%d", i), 2))
	}
	ensure(t, c, specs...)
	ensure(t, c, specs...) // existing is success
	names, err := c.Topics(t.Context(), func(topic string) bool { return strings.HasPrefix(topic, "station.") })
	if err != nil || len(names) != len(specs) {
		t.Fatalf("%d topics, %v, want %d", len(names), err, len(specs))
	}
	if names[0] != "station.0" || names[1] != "station.1" || names[2] != "station.10" {
		t.Errorf("not sorted: %v", names[:3])
	}
}

func TestEnsureTopicsWarnsOfDifferences(t *testing.T) {
	cluster := newBroker(t)
	c, logs := newClient(t, Config{Brokers: cluster.ListenAddrs()})
	ensure(t, c, EventTopic("same", 1), EventTopic("other", 3))
	if logs.String() != "" {
		t.Errorf("warned of new topics:\n%s", logs)
	}
	ensure(t, c, EventTopic("same", 1), TableTopic("other", 2))
	got := logs.String()
	for _, want := range []string{
		"topic=other partitions=3 wanted=2",
		"topic=other setting=cleanup.policy is=delete wanted=compact",
		"topic=other setting=segment.ms",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "topic=same") {
		t.Errorf("warned of a topic that is as wanted:\n%s", got)
	}
}

func TestEnsureTopicsErrorsNameTheTopic(t *testing.T) {
	_, c := newPair(t)
	ensure(t, c, EventTopic("taken.name", 1)) // differs from taken_name to us, not to the broker's metrics
	for _, test := range []struct {
		name  string
		specs []TopicSpec
		want  []string
	}{
		{"illegal names and counts are all listed", []TopicSpec{EventTopic("a b", 1), EventTopic("c", 0)}, []string{`"a b"`, "topic c: Partitions is 0"}},
		{"the broker's refusal", []TopicSpec{EventTopic("good", 1), EventTopic("taken_name", 1)}, []string{"topic taken_name: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := c.EnsureTopics(t.Context(), test.specs...)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q in it", err, want)
				}
			}
		})
	}
}

func TestMatch(t *testing.T) {
	m := AnyOf(Names("a", "b"), func(topic string) bool { return strings.HasPrefix(topic, "x.") })
	for topic, want := range map[string]bool{"a": true, "b": true, "c": false, "x.1": true, "": false} {
		if m(topic) != want {
			t.Errorf("match of %q is %v", topic, !want)
		}
	}
}
