package kafka

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A reader that says where it is reads from the replica that the leader names, also one
// that leads nothing; and from the leader when that one can't serve it.
func TestReadFromTheNearestReplica(t *testing.T) {
	cluster := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "t"))
	leader := cluster.LeaderFor("t", 0)
	near := (leader + 1) % 3
	var named atomic.Bool
	var asked atomic.Int32
	cluster.ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		if cluster.CurrentNode() == near {
			asked.Add(1) // kfake's answer is that it isn't the leader
			return nil, nil, false
		}
		if req.Rack != "near" || named.Swap(true) {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range req.Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
			for _, p := range topic.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.PreferredReadReplica = p.Partition, near
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	c, _ := newClient(t, Config{Brokers: cluster.ListenAddrs(), Rack: "near"})
	send(t, c, text("t", "one"))
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err := c.Read(ctx, ReaderConfig{Match: Names("t")}, func(_ context.Context, r Record) error {
		got = append(got, string(r.Value))
		cancel()
		return nil
	})
	if err != nil || len(got) != 1 || got[0] != "one" {
		t.Errorf("read %q, %v", got, err)
	}
	if !named.Load() || asked.Load() == 0 {
		t.Errorf("the leader named a nearer replica: %v; that one was asked %d times", named.Load(), asked.Load())
	}
}
