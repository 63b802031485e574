package kafka

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
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

// Topics that the controller is slow to create are waited for as long as Wait says.
func TestEnsureTopicsWaitsAsLongAsItMay(t *testing.T) {
	t.Parallel()
	cluster := newBroker(t)
	cluster.ControlKey(int16(kmsg.CreateTopics), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := r.(*kmsg.CreateTopicsRequest)
		resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		for _, topic := range req.Topics {
			slow := kmsg.NewCreateTopicsResponseTopic()
			slow.Topic, slow.ErrorCode = topic.Topic, 7 // REQUEST_TIMED_OUT
			resp.Topics = append(resp.Topics, slow)
		}
		return resp, nil, true
	})
	c, _ := newClient(t, Config{Brokers: cluster.ListenAddrs(), Wait: 3 * time.Second})
	if err := c.EnsureTopics(t.Context(), EventTopic("slow", 1)); err == nil || !strings.Contains(err.Error(), "not done within 3s") {
		t.Errorf("error %v, want that it wasn't done within 3s", err)
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
