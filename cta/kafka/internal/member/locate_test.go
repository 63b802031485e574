package member

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

func (none) Needs(record.Assigned) []record.Partition { return nil }

// atCluster returns a session of a bare member with the partitions of topic in.
func atCluster(t *testing.T, c *kfake.Cluster, partitions ...int32) *session {
	m := bare(t, "")
	conf := sarama.NewConfig()
	conf.Version, conf.ApiVersionsRequest = sarama.V3_9_0_0, true
	m.cl = cluster.New(c.ListenAddrs(), conf, nil, m.log.Logger)
	t.Cleanup(m.cl.Close)
	m.cfg.Group = "g"
	if _, err := m.cl.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) { // the group has none
		c.KeepControl()
		req, resp := r.(*kmsg.OffsetFetchRequest), r.ResponseKind().(*kmsg.OffsetFetchResponse)
		group := kmsg.NewOffsetFetchResponseGroup()
		group.Group = "g"
		for _, t := range req.Groups[0].Topics {
			topic := kmsg.NewOffsetFetchResponseGroupTopic()
			topic.Topic = t.Topic
			for _, n := range t.Partitions {
				p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
				p.Partition, p.Offset = n, -1
				topic.Partitions = append(topic.Partitions, p)
			}
			group.Topics = append(group.Topics, topic)
		}
		resp.Groups = append(resp.Groups, group)
		return resp, nil, true
	})
	m.onAssignment(generation{"id", 3}, nil, map[string][]int32{"in": partitions})
	m.session = newSession(m, m.assigned)
	return m.session
}

// A partition may be revoked while its position is requested, and assigned again: then the
// group's position may be another, so that the answer says nothing.
func TestPositionOfAnEarlierAssignmentIsIgnored(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	s := atCluster(t, c, 0, 1)
	s.locate()
	answer := <-s.m.events
	kept, back := record.Partition{Topic: "in"}, record.Partition{Topic: "in", Partition: 1}
	s.assign([]record.Partition{kept})
	s.assign([]record.Partition{kept, back})
	answer()
	if s.parts[kept].state != stateLocated || s.parts[back].state != stateAssigned {
		t.Errorf("states are %d and %d, want located (%d) and assigned (%d)", s.parts[kept].state, s.parts[back].state, stateLocated, stateAssigned)
	}
}

// A leader that doesn't answer delays only the partitions that it leads.
func TestPositionsWaitForTheirOwnLeaderAlone(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, "in"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for n := range int32(2) {
		if err := c.MoveTopicPartition("in", n, n); err != nil {
			t.Fatal(err)
		}
	}
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	c.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if c.CurrentNode() == 1 {
			c.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	s := atCluster(t, c, 0, 1)
	s.locate()
	select {
	case answer := <-s.m.events:
		answer()
	case <-time.After(30 * time.Second):
		t.Fatal("no answer")
	}
	led, held := s.parts[record.Partition{Topic: "in"}], s.parts[record.Partition{Topic: "in", Partition: 1}]
	if led.state != stateLocated || held.state != stateLocating {
		t.Errorf("states are %d and %d, want located (%d), and locating (%d) while its leader hangs", led.state, held.state, stateLocated, stateLocating)
	}
}

// revocations notes what is revoked.
type revocations struct {
	none
	all []record.Partition
}

func (*revocations) Assign(context.Context, []record.Assigned) (func(), error) { return func() {}, nil }

func (r *revocations) Revoke(lost []record.Partition) { r.all = append(r.all, lost...) }

// What Assign has read of a partition that was revoked meanwhile is dropped at once.
func TestStateOfAPartitionRevokedMeanwhileIsDropped(t *testing.T) {
	m, r := bare(t, ""), &revocations{}
	m.transformer = r
	m.onAssignment(generation{"id", 3}, nil, map[string][]int32{"in": {0, 1}})
	m.session = newSession(m, m.assigned)
	for _, p := range m.session.parts {
		p.state = stateLocated
	}
	m.session.restore()
	assigned := <-m.events
	m.session.assign([]record.Partition{{Topic: "in"}})
	assigned()
	(<-m.events)()
	if want := []record.Partition{{Topic: "in", Partition: 1}}; !slices.Equal(r.all, want) {
		t.Errorf("revoked %v, want %v", r.all, want)
	}
}
