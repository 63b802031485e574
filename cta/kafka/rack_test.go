package kafka

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
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
	err := c.Read(ctx, ReadConfig{Match: Names("t")}, func(_ context.Context, r Record) error {
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

// A broker that was hung describes the cluster as it was. Its description isn't believed, and
// a fetch names the leader's epoch, so that a former leader refuses it.
func TestBrokerThatLagsIsNotBelieved(t *testing.T) {
	t.Parallel()
	cluster := newBroker(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "t"))
	c, _ := newClient(t, Config{Brokers: cluster.ListenAddrs()})
	send(t, c, text("t", "one"))
	asked, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	all := kmsg.NewPtrMetadataRequest()
	all.Topics = nil
	before, err := all.RequestWith(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	former := cluster.LeaderFor("t", 0)
	now := (former + 1) % 3
	if err := cluster.MoveTopicPartition("t", 0, now); err != nil {
		t.Fatal(err)
	}
	if _, err := c.cl.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	cluster.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := *before
		resp.Version = r.GetVersion()
		return &resp, nil, true
	})
	epoch := cluster.PartitionInfo("t", 0).Epoch
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		for _, topic := range r.(*kmsg.FetchRequest).Topics {
			for _, p := range topic.Partitions {
				if p.CurrentLeaderEpoch != epoch {
					t.Errorf("a fetch names epoch %d, want %d", p.CurrentLeaderEpoch, epoch)
				}
			}
		}
		return nil, nil, false
	})
	view, err := c.cl.Refresh(t.Context())
	if got := view.Leader(Partition{Topic: "t"}); err != nil || got != now {
		t.Errorf("broker %d is thought to lead, want %d (%v)", got, now, err)
	}
	if got := values(readAll(t, c, Names("t"))); len(got) != 1 {
		t.Errorf("read %q", got)
	}
}
