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

func TestEnsureTopicsListsEveryWrongSetting(t *testing.T) {
	_, c := newPair(t)
	err := c.EnsureTopics(t.Context(), EventTopic("a b", 1), EventTopic("c", 0))
	for _, want := range []string{`"a b"`, "topic c: Partitions is 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
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
