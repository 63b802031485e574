package ctatest_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// warnings is what a client of the broker has to say.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *warnings) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// talkative returns another client of the broker, with its warnings.
func talkative(t *testing.T, sys *ctatest.System) (*kafka.Client, *warnings) {
	t.Helper()
	said, cfg := new(warnings), sys.Config
	cfg.Log = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c, err := kafka.Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, said
}

func ensure(t *testing.T, c *kafka.Client, topics ...kafka.TopicSpec) {
	t.Helper()
	if err := c.EnsureTopics(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
}

func TestBrokerTellsOfOtherSettings(t *testing.T) {
	sys := ctatest.Start(t)
	c, said := talkative(t, sys)
	same, other := sys.Topics.Prefix+"same", sys.Topics.Prefix+"other"
	ensure(t, c, kafka.EventTopic(same, 1), kafka.EventTopic(other, 3))
	if strings.Contains(said.String(), "topic=") {
		t.Errorf("warned of new topics:\n%s", said)
	}
	ensure(t, c, kafka.EventTopic(same, 1), kafka.TableTopic(other, 2))
	for _, want := range []string{
		"topic=" + other + " partitions=3 wanted=2",
		"topic=" + other + " setting=cleanup.policy is=delete wanted=compact",
		"topic=" + other + " setting=segment.ms",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
	if strings.Contains(said.String(), same) {
		t.Errorf("warned of a topic that is as wanted:\n%s", said)
	}
}

func TestBrokersRefusalNamesTheTopic(t *testing.T) {
	sys := ctatest.Start(t)
	good, taken := sys.Topics.Prefix+"good", sys.Topics.Prefix+"taken"
	ensure(t, sys.Kafka, kafka.EventTopic(taken+".name", 1)) // not the same name, but for the broker's metrics
	err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(good, 1), kafka.EventTopic(taken+"_name", 1))
	if err == nil || !strings.Contains(err.Error(), "topic "+taken+"_name: ") || strings.Contains(err.Error(), good) {
		t.Errorf("%v, want an error that names the topic that was refused", err)
	}
}
