package kafka

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topics are replicated as the settings say, and by default as the cluster says; one
// replica alone, where there could be more, is told of.
func TestEnsureTopicsReplicates(t *testing.T) {
	for _, test := range []struct {
		name    string
		brokers int
		cfg     Config
		want    int // replicas
		inSync  string
		warns   bool
	}{
		{"the cluster's", 3, Config{}, -1, "", false},
		{"two of three", 3, Config{ReplicationFactor: 2, MinInSyncReplicas: 1}, 2, "1", false},
		{"one of three", 3, Config{ReplicationFactor: 1}, 1, "", true},
		{"one of one", 1, Config{ReplicationFactor: 1}, 1, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster := newBroker(t, kfake.NumBrokers(test.brokers))
			var asked *kmsg.CreateTopicsRequestTopic
			cluster.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
				asked = &req.(*kmsg.CreateTopicsRequest).Topics[0]
				return nil, nil, false
			})
			test.cfg.Brokers = cluster.ListenAddrs()
			c, logs := newClient(t, test.cfg)
			ensure(t, c, EventTopic("t", 1))
			if asked == nil || int(asked.ReplicationFactor) != test.want {
				t.Fatalf("asked for %+v, want %d replicas", asked, test.want)
			}
			inSync := ""
			for _, s := range asked.Configs {
				if s.Name == "min.insync.replicas" {
					inSync = *s.Value
				}
			}
			if inSync != test.inSync {
				t.Errorf("min.insync.replicas is %q, want %q", inSync, test.inSync)
			}
			if warned := strings.Contains(logs.String(), "one replica each"); warned != test.warns {
				t.Errorf("warns: %v, want %v:\n%s", warned, test.warns, logs)
			}
		})
	}
}

func TestReplicationIsChecked(t *testing.T) {
	for _, cfg := range []Config{{ReplicationFactor: -1}, {ReplicationFactor: 1 << 15}, {ReplicationFactor: 2, MinInSyncReplicas: 3}, {MinInSyncReplicas: -1}} {
		cfg.Brokers = []string{"127.0.0.1:1"}
		if err := cfg.validate(); err == nil || !strings.Contains(err.Error(), "Replica") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if err := (Config{Brokers: []string{"127.0.0.1:1"}, ReplicationFactor: 3, MinInSyncReplicas: 2}).validate(); err != nil {
		t.Error(err)
	}
}
