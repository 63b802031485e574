package kafka

import (
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
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
			if warned := strings.Contains(logs.String(), "one replica on a cluster"); warned != test.warns {
				t.Errorf("warns: %v, want %v:\n%s", warned, test.warns, logs)
			}
		})
	}
}

// A cluster that starts has fewer brokers at first than a topic is to have replicas.
func TestEnsureTopicsWaitsForBrokers(t *testing.T) {
	cluster := newBroker(t, kfake.NumBrokers(3))
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.InvalidReplicationFactor, Count: 3})
	c, logs := newClient(t, Config{Brokers: cluster.ListenAddrs()})
	ensure(t, c, EventTopic("t", 1))
	if n := logs.count("waiting for brokers to create topics"); n != 1 {
		t.Errorf("told %d times, want once:\n%s", n, logs)
	}
}

// Every broker knows new topics when EnsureTopics returns.
func TestEnsureTopicsWaitsUntilAllBrokersKnow(t *testing.T) {
	cluster := newBroker(t, kfake.NumBrokers(3))
	c, _ := newClient(t, Config{Brokers: cluster.ListenAddrs()})
	var behind atomic.Int32
	behind.Store(5)
	cluster.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cluster.CurrentNode() != 2 || behind.Add(-1) < 0 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.MetadataResponse)
		for id, addr := range cluster.ListenAddrs() {
			host, port, _ := net.SplitHostPort(addr)
			n, _ := strconv.Atoi(port)
			b := kmsg.NewMetadataResponseBroker()
			b.NodeID, b.Host, b.Port = int32(id), host, int32(n)
			resp.Brokers = append(resp.Brokers, b)
		}
		return resp, nil, true
	})
	ensure(t, c, EventTopic("t", 1))
	if left := behind.Load(); left >= 0 {
		t.Errorf("a broker that doesn't know the topic wasn't waited for: %d answers of it are left", left+1)
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
