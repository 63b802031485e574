package member

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

// membership is the member's state in its group. It speaks the classic protocol through
// package cluster, with sarama's requests. Sarama's own ConsumerGroup ends the session
// when topics change, keeps to a coordinator that has died, and assigns no partition
// while one has no leader.
type membership struct {
	id         string  // as the coordinator calls the member; empty before it does
	instance   *string // of a static member; else nil
	generation int32   // of the group; 0 before the first
	joined     bool
	joining    bool
	again      bool     // a rebalance has begun
	subscribed []string // topics at the last join
	layout     string   // the topics and their numbers of partitions
	held       []record.Partition
	beating    bool      // a heartbeat is under way
	beaten     time.Time // start of the last heartbeat
	// strategy is sarama's cooperative one. It moves only partitions that must move, and only
	// after their member has given them up.
	strategy sarama.BalanceStrategy
}

// as is a member in one generation.
type as struct {
	id         string
	generation int32
}

// seen updates the topics to read from a view, and decides whether the member must join
// again.
func (m *member) seen(view *cluster.View) {
	var topics []string
	layout := ""
	for _, name := range slices.Sorted(maps.Keys(view.Topics)) {
		if t := view.Topics[name]; !t.Internal && t.Err == nil && len(t.Leaders) > 0 && m.cfg.Match(name) {
			topics = append(topics, name)
			layout += fmt.Sprintf("%s/%d ", name, len(t.Leaders))
		}
	}
	first := !m.looked
	m.looked = true
	grown := layout != m.layout
	m.topics, m.layout = topics, layout
	switch {
	case slices.Equal(topics, m.subscribed) && !grown:
	case m.joined:
		m.log.log.Info("topics changed, joining again", "topics", len(topics), "before", len(m.subscribed))
		m.again = true
	case len(topics) == 0 && first:
		m.log.log.Info("there are no topics to read yet")
	}
}

// join joins the group with the member's partitions, and handles the new assignment.
func (m *member) join() {
	m.joining, m.again = true, false
	m.subscribed = m.topics
	topics, owned := m.topics, m.held
	was := as{m.id, m.generation}
	m.beside(func() func() {
		now, given, err := m.joinGroup(was, topics, owned)
		return func() {
			m.joining = false
			m.id = now.id
			switch {
			case err == nil:
				m.given(now, owned, given)
			case m.ends(err), m.thrownOut(err):
			default:
				if !errors.Is(err, sarama.ErrRebalanceInProgress) {
					m.slow(err)
				}
				m.again = m.joined
			}
		}
	})
}

// joinGroup makes one attempt to join. It returns the member's id with an error, too.
func (m *member) joinGroup(was as, topics []string, owned []record.Partition) (now as, given map[string][]int32, _ error) {
	now = as{id: was.id}
	rebalance := max(m.cfg.SessionTimeout, minRebalance)
	var resp *sarama.JoinGroupResponse
	for range 2 { // the first answer may only assign an id to a new member
		req := sarama.NewJoinGroupRequest(m.cl.Version())
		req.GroupId, req.MemberId, req.GroupInstanceId, req.ProtocolType = m.cfg.Group, now.id, m.instance, "consumer"
		req.SessionTimeout, req.RebalanceTimeout = int32(m.cfg.SessionTimeout.Milliseconds()), int32(rebalance.Milliseconds())
		meta := &sarama.ConsumerGroupMemberMetadata{Version: 2, Topics: topics, GenerationID: -1}
		if len(owned) > 0 {
			meta.GenerationID = was.generation
		}
		for topic, partitions := range byTopic(owned) {
			meta.OwnedPartitions = append(meta.OwnedPartitions, &sarama.OwnedPartition{Topic: topic, Partitions: partitions})
		}
		if err := req.AddGroupProtocolMetadata(m.strategy.Name(), meta); err != nil {
			return now, nil, err
		}
		err := m.cl.Ask(m.ctx, cluster.Group(m.cfg.Group), rebalance+cluster.Quick, func(b *sarama.Broker) (err error) {
			if resp, err = b.JoinGroup(req); err != nil {
				return err
			}
			return cluster.Refusal(resp.Err)
		})
		if errors.Is(err, sarama.ErrMemberIdRequired) {
			now.id = resp.MemberId
			continue
		}
		if err != nil {
			return now, nil, err
		}
		break
	}
	if resp.Err != sarama.ErrNoError {
		return now, nil, resp.Err
	}
	now = as{resp.MemberId, resp.GenerationId}
	name, kind := m.strategy.Name(), "consumer"
	sync := &sarama.SyncGroupRequest{
		Version: 5, GroupId: m.cfg.Group, GenerationId: now.generation, MemberId: now.id, GroupInstanceId: m.instance,
		ProtocolType: &kind, ProtocolName: &name,
	}
	if resp.LeaderId == resp.MemberId {
		if err := m.share(resp, sync); err != nil {
			return now, nil, err
		}
	}
	err := m.cl.Ask(m.ctx, cluster.Group(m.cfg.Group), rebalance+cluster.Quick, func(b *sarama.Broker) error {
		resp, err := b.SyncGroup(sync)
		if err != nil {
			return err
		}
		if resp.Err != sarama.ErrNoError {
			return resp.Err
		}
		if len(resp.MemberAssignment) == 0 {
			return nil
		}
		assignment, err := resp.GetMemberAssignment()
		if err != nil {
			return err
		}
		given = assignment.Topics
		return nil
	})
	return now, given, err
}

// share assigns the group's partitions to its members.
func (m *member) share(joined *sarama.JoinGroupResponse, sync *sarama.SyncGroupRequest) error {
	members, err := joined.GetMembers()
	if err != nil {
		return err
	}
	view, err := m.cl.Fresh(m.ctx)
	if err != nil {
		return err
	}
	topics := make(map[string][]int32)
	for _, meta := range members {
		for _, name := range meta.Topics {
			if t := view.Topics[name]; t != nil && topics[name] == nil {
				for n := range t.Leaders {
					topics[name] = append(topics[name], int32(n))
				}
			}
		}
	}
	plan, err := m.strategy.Plan(members, topics)
	if err != nil {
		return err
	}
	for id := range members {
		if err := sync.AddGroupAssignmentMember(id, &sarama.ConsumerGroupMemberAssignment{Version: 1, Topics: plan[id]}); err != nil {
			return err
		}
	}
	return nil
}

// given handles the partitions that the group assigns to this member in a generation.
// claimed are those that it had when it joined: the group assigns them to no other member
// until this one has joined without them.
func (m *member) given(now as, claimed []record.Partition, topics map[string][]int32) {
	if m.cfg.InstanceID != "" && m.generation != 0 && m.joined && now.generation > m.generation+1 {
		// The group has had a generation without this member. It removes a dynamic member
		// then. It keeps a static one, but may have assigned its partitions to another:
		// the group knows of them only from the member's last join.
		m.lose(errors.New("the group has had a generation without this member"))
		m.id, m.generation = now.id, now.generation
		return
	}
	m.id, m.generation, m.joined = now.id, now.generation, true
	var held []record.Partition
	for topic, partitions := range topics {
		for _, n := range partitions {
			held = append(held, record.Partition{Topic: topic, Partition: n})
		}
	}
	m.held = held
	if len(held) == 0 && m.since.IsZero() {
		m.begun() // on standby: there is nothing to restore first
	}
	if m.session != nil && !m.session.lost {
		m.session.given(held)
	} else if slices.ContainsFunc(claimed, func(p record.Partition) bool { return !slices.Contains(held, p) }) {
		m.gaveUp()
	}
}

// gaveUp is called when the session has given partitions up. The group may assign them
// to others once this member joins without them.
func (m *member) gaveUp() { m.again = m.joined }

// heartbeat keeps the member alive in the group, and detects a rebalance.
func (m *member) heartbeat() {
	if !m.joined || m.joining || m.beating || time.Since(m.beaten) < min(heartbeatEvery, m.cfg.SessionTimeout/4) {
		return
	}
	m.beating, m.beaten = true, time.Now()
	was := as{m.id, m.generation}
	m.beside(func() func() {
		err := m.beat(was)
		return func() {
			m.beating = false
			if was != (as{m.id, m.generation}) || !m.joined || m.joining {
				return
			}
			switch {
			case err == nil:
			case errors.Is(err, sarama.ErrRebalanceInProgress):
				m.again = true
			case m.ends(err), m.thrownOut(err):
			default: // the coordinator is away; the next beat finds another
				m.log.warn("the group's coordinator is not reached", err)
			}
		}
	})
}

// thrownOut reports whether an error means that the group has removed this member. Then
// the member has lost its partitions.
func (m *member) thrownOut(err error) bool {
	unknown := errors.Is(err, sarama.ErrUnknownMemberId)
	if !unknown && !errors.Is(err, sarama.ErrIllegalGeneration) {
		return false
	}
	if unknown {
		m.id = ""
	}
	m.lose(err)
	return true
}

func (m *member) beat(who as) error {
	return m.cl.Ask(m.ctx, cluster.Group(m.cfg.Group), heartbeatLimit, func(b *sarama.Broker) error {
		resp, err := b.Heartbeat(&sarama.HeartbeatRequest{
			Version: 4, GroupId: m.cfg.Group, GenerationId: who.generation, MemberId: who.id, GroupInstanceId: m.instance,
		})
		if err != nil {
			return err
		}
		return cluster.Refusal(resp.Err)
	})
}

// leave removes a dynamic member from the group, so that its partitions need not wait for
// the session time-out.
func (m *member) leave() {
	if m.id == "" || m.cfg.InstanceID != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // m.ctx may have ended
	defer cancel()
	err := m.cl.Ask(ctx, cluster.Group(m.cfg.Group), time.Second, func(b *sarama.Broker) error {
		resp, err := b.LeaveGroup(&sarama.LeaveGroupRequest{
			Version: 4, GroupId: m.cfg.Group, Members: []sarama.MemberIdentity{{MemberId: m.id}},
		})
		if err != nil {
			return err
		}
		return cluster.Refusal(resp.Err)
	})
	if err != nil && !errors.Is(err, sarama.ErrUnknownMemberId) {
		m.log.warn("leaving the group failed", err)
	}
}

func byTopic(partitions []record.Partition) map[string][]int32 {
	topics := make(map[string][]int32)
	for _, p := range partitions {
		topics[p.Topic] = append(topics[p.Topic], p.Partition)
	}
	return topics
}
