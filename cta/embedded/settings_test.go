package embedded_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// What Kafka refuses of topics' names and settings is refused, and nothing of it is
// done; what else is in the request is.
func TestRefusals(t *testing.T) {
	s := start(t, embedded.Config{})
	c := client(t, s)
	ctx := deadline(t)
	create := func(name string, settings ...string) error {
		t.Helper()
		req := kmsg.NewPtrCreateTopicsRequest()
		for _, name := range []string{name, "beside"} {
			rt := kmsg.NewCreateTopicsRequestTopic()
			rt.Topic, rt.NumPartitions, rt.ReplicationFactor = name, 1, 1
			for i := 0; i < len(settings) && len(req.Topics) == 0; i += 2 {
				rt.Configs = append(rt.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: settings[i], Value: &settings[i+1]})
			}
			req.Topics = append(req.Topics, rt)
		}
		resp, err := req.RequestWith(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, rt := range resp.Topics {
			if rt.Topic == name {
				err = kerr.ErrorForCode(rt.ErrorCode)
			}
		}
		if (err == nil) != (s.Cluster().TopicInfo(name) != nil) {
			t.Errorf("topic %q: answered %v, but it is there: %t", name, err, s.Cluster().TopicInfo(name) != nil)
		}
		return err
	}
	for _, name := range []string{"a b", "a/b", ".", "..", "ä", strings.Repeat("a", 250)} {
		if err := create(name); err != kerr.InvalidTopicException {
			t.Errorf("topic %q: %v, want %v", name, err, kerr.InvalidTopicException)
		}
	}
	if s.Cluster().TopicInfo("beside") == nil {
		t.Error("the topic beside a refused one isn't there")
	}
	wrong := [][2]string{
		{"retention.hours", "1"}, {"retention.ms", "a week"}, {"retention.ms", "-2"}, {"cleanup.policy", "drop"},
		{"min.cleanable.dirty.ratio", "2"}, {"preallocate", "yes"}, {"segment.ms", "0"}, {"compression.type", "brotli"},
		{"max.message.bytes", "4294967296"}, {"kfake.is_internal", "true"},
	}
	for _, w := range wrong {
		if err := create("wrong", w[0], w[1]); err != kerr.InvalidConfig {
			t.Errorf("%s=%s: %v, want %v", w[0], w[1], err, kerr.InvalidConfig)
		}
	}
	if err := create("right", "cleanup.policy", "compact,delete", "retention.ms", "-1", "min.insync.replicas", "1", "min.cleanable.dirty.ratio", "0.5"); err != nil {
		t.Errorf("right settings: %v", err)
	}

	alter := func(name, value string, op kmsg.IncrementalAlterConfigOp) error {
		t.Helper()
		req := kmsg.NewPtrIncrementalAlterConfigsRequest()
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, "right"
		res.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: name, Value: &value, Op: op}}
		req.Resources = append(req.Resources, res)
		resp, err := req.RequestWith(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	old := func(name, value string) error {
		t.Helper()
		req := kmsg.NewPtrAlterConfigsRequest()
		res := kmsg.NewAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, "right"
		res.Configs = []kmsg.AlterConfigsRequestResourceConfig{{Name: name, Value: &value}}
		req.Resources = append(req.Resources, res)
		resp, err := req.RequestWith(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return kerr.ErrorForCode(resp.Resources[0].ErrorCode)
	}
	for _, w := range wrong {
		if err := alter(w[0], w[1], kmsg.IncrementalAlterConfigOpSet); err != kerr.InvalidConfig {
			t.Errorf("altered to %s=%s: %v, want %v", w[0], w[1], err, kerr.InvalidConfig)
		}
		if err := old(w[0], w[1]); err != kerr.InvalidConfig {
			t.Errorf("set to %s=%s: %v, want %v", w[0], w[1], err, kerr.InvalidConfig)
		}
	}
	if err := alter("retention.ms", "1", kmsg.IncrementalAlterConfigOpAppend); err != kerr.InvalidConfig {
		t.Errorf("added to a number: %v, want %v", err, kerr.InvalidConfig)
	}
	if err := alter("retention.ms", "5000", kmsg.IncrementalAlterConfigOpSet); err != nil {
		t.Errorf("a right value: %v", err)
	}
	if got := s.Cluster().TopicInfo("right").Configs["retention.ms"]; got == nil || *got != "5000" {
		t.Errorf("retention.ms is %v afterwards, want 5000", got)
	}
}
