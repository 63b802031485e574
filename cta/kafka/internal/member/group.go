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
	current       generation // that the member last joined, or tried to
	instanceID    *string    // of a static member; else nil
	joined        bool
	joining       bool
	joinCtx       context.Context // of the requests to join; ends when the member leaves
	cancelJoin    context.CancelFunc
	rejoin        bool   // a rebalance has begun, or revoked partitions must be given up
	wanted        string // the topics to read, with their numbers of partitions
	subscribed    string // wanted at the last join
	assigned      []record.Partition
	heartbeating  bool
	lastHeartbeat time.Time // its start
	known         bool      // the group has had a generation with this member
	anew          bool      // the member was fenced before that, and joined as a new one
	// strategy is sarama's cooperative one. It moves only partitions that must move, and only
	// after their member has given them up.
	strategy sarama.BalanceStrategy
}

// generation is the member's identity in one generation of its group.
type generation struct {
	memberID string // assigned by the coordinator; empty before that
	number   int32  // 0 before the first
}

// updateTopics updates the topics to read from a view, and decides whether the member must join
// again.
func (m *member) updateTopics(view *cluster.View) {
	var topics []string
	wanted := ""
	for _, name := range slices.Sorted(maps.Keys(view.Topics)) {
		if t := view.Topics[name]; !t.Internal && t.Err == nil && len(t.Leaders) > 0 && m.cfg.Match(name) {
			topics = append(topics, name)
			wanted += fmt.Sprintf("%s/%d ", name, len(t.Leaders))
		}
	}
	switch {
	case !m.topicsKnown && len(topics) == 0:
		m.log.Info("there are no topics to read yet")
	case m.joined && wanted != m.subscribed && !m.rejoin: // also if they changed while the member joined
		m.log.Info("topics changed, joining again", "topics", len(topics), "before", len(m.topics))
		m.rejoin = true
	}
	m.topicsKnown, m.topics, m.wanted = true, topics, wanted
}

// join joins the group with the member's partitions, and handles the new assignment.
func (m *member) join() {
	m.joining, m.rejoin = true, false
	m.subscribed = m.wanted
	topics, owned := m.topics, m.assigned
	was := m.current
	m.async(func() func() {
		now, assigned, err := m.joinGroup(was, topics, owned)
		return func() {
			m.joining = false
			if err == nil {
				m.onAssignment(now, owned, assigned)
				return
			}
			m.current = now // without an assignment; the member still has its partitions
			switch {
			case errors.Is(err, sarama.ErrFencedInstancedId) && !m.known && !m.anew:
				// A coordinator that moves before a generation is complete forgets that this
				// member has replaced the last one of its instance. If another process has
				// really replaced this one, the second attempt says so.
				m.anew, m.current = true, generation{}
				m.backOff(errors.New("the group's coordinator has forgotten this member"))
			case m.failIfFatal(err), m.removed(err):
			default:
				if !errors.Is(err, sarama.ErrRebalanceInProgress) {
					m.backOff(err)
				}
				m.rejoin = m.joined
			}
		}
	})
}

// joinGroup makes one attempt to join, and asks for the assignment. With an error too, it
// returns the generation that the member has joined.
func (m *member) joinGroup(was generation, topics []string, owned []record.Partition) (now generation, assigned map[string][]int32, _ error) {
	now = was
	rebalance := max(m.cfg.SessionTimeout, minRebalance)
	var resp *sarama.JoinGroupResponse
	err := error(sarama.ErrMemberIdRequired)
	for try := 0; try < 2 && errors.Is(err, sarama.ErrMemberIdRequired); try++ { // a new member first gets its id
		req := sarama.NewJoinGroupRequest(m.cl.Version())
		req.GroupId, req.MemberId, req.GroupInstanceId, req.ProtocolType = m.cfg.Group, now.memberID, m.instanceID, "consumer"
		req.SessionTimeout, req.RebalanceTimeout = int32(m.cfg.SessionTimeout.Milliseconds()), int32(rebalance.Milliseconds())
		meta := &sarama.ConsumerGroupMemberMetadata{Version: 2, Topics: topics, GenerationID: -1}
		if len(owned) > 0 {
			meta.GenerationID = was.number
		}
		for topic, partitions := range byTopic(owned) {
			meta.OwnedPartitions = append(meta.OwnedPartitions, &sarama.OwnedPartition{Topic: topic, Partitions: partitions})
		}
		if err := req.AddGroupProtocolMetadata(m.strategy.Name(), meta); err != nil {
			return now, nil, err
		}
		err = m.cl.Ask(m.joinCtx, cluster.Group(m.cfg.Group), rebalance+cluster.RequestTimeout, cluster.Send((*sarama.Broker).JoinGroup, req, func(r *sarama.JoinGroupResponse) error {
			if resp = r; r.Err == sarama.ErrNoError || r.Err == sarama.ErrMemberIdRequired {
				now.memberID = r.MemberId
			}
			return cluster.Refusal(r.Err)
		}))
	}
	if err != nil {
		return now, nil, err
	}
	now.number = resp.GenerationId
	name, kind := m.strategy.Name(), "consumer"
	sync := &sarama.SyncGroupRequest{
		Version: 5, GroupId: m.cfg.Group, GenerationId: now.number, MemberId: now.memberID, GroupInstanceId: m.instanceID,
		ProtocolType: &kind, ProtocolName: &name,
	}
	if resp.LeaderId == resp.MemberId {
		if err := m.planAssignment(resp, sync); err != nil {
			return now, nil, err
		}
	}
	err = m.cl.Ask(m.joinCtx, cluster.Group(m.cfg.Group), rebalance+cluster.RequestTimeout, cluster.Send((*sarama.Broker).SyncGroup, sync, func(resp *sarama.SyncGroupResponse) error {
		if resp.Err != sarama.ErrNoError || len(resp.MemberAssignment) == 0 {
			return cluster.Refusal(resp.Err)
		}
		assignment, err := resp.GetMemberAssignment()
		if err != nil {
			return err
		}
		assigned = assignment.Topics
		return nil
	}))
	return now, assigned, err
}

// planAssignment assigns the group's partitions to its members.
func (m *member) planAssignment(joined *sarama.JoinGroupResponse, sync *sarama.SyncGroupRequest) error {
	members, err := joined.GetMembers()
	if err != nil {
		return err
	}
	view, err := m.cl.CurrentView(m.joinCtx)
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

// onAssignment handles the partitions that the group assigns to this member in a generation.
// claimed are those that it had when it joined: the group assigns them to no other member
// until this one has joined without them.
func (m *member) onAssignment(now generation, claimed []record.Partition, topics map[string][]int32) {
	if m.cfg.InstanceID != "" && m.current.number != 0 && m.joined && now.number > m.current.number+1 {
		// The group has had a generation without this member. It removes a dynamic member
		// then. It keeps a static one, but may have assigned its partitions to another:
		// the group knows of them only from the member's last join.
		m.loseAssignment(errors.New("the group rebalanced without this member"))
		m.current = now
		return
	}
	m.current, m.joined, m.known = now, true, true
	var assigned []record.Partition
	for topic, partitions := range topics {
		for _, n := range partitions {
			assigned = append(assigned, record.Partition{Topic: topic, Partition: n})
		}
	}
	m.assigned = assigned
	if len(assigned) == 0 && m.assignedAt.IsZero() {
		m.restartProgress() // on standby: there is nothing to restore first
	}
	if m.session != nil && !m.session.ended {
		m.session.assign(assigned)
	} else if slices.ContainsFunc(claimed, func(p record.Partition) bool { return !slices.Contains(assigned, p) }) {
		m.rejoinWithout()
	}
}

// rejoinWithout is called when the session has given partitions up. The group may assign them
// to others once this member joins without them.
func (m *member) rejoinWithout() { m.rejoin = m.joined }

// heartbeat keeps the member alive in the group, and detects a rebalance.
func (m *member) heartbeat() {
	if !m.joined || m.joining || m.heartbeating || time.Since(m.lastHeartbeat) < min(heartbeatEvery, m.cfg.SessionTimeout/4) {
		return
	}
	m.heartbeating, m.lastHeartbeat = true, time.Now()
	was := m.current
	m.async(func() func() {
		err := m.sendHeartbeat(was)
		return func() {
			m.heartbeating = false
			if was != m.current || !m.joined || m.joining {
				return
			}
			switch {
			case err == nil:
			case errors.Is(err, sarama.ErrRebalanceInProgress):
				m.rejoin = true
			case m.failIfFatal(err), m.removed(err):
			default: // the coordinator is away; the next beat finds another
				m.log.warnOnce("cannot reach the group's coordinator; retrying", err)
			}
		}
	})
}

// removed reports whether an error means that the group has removed this member. Then
// the member has lost its partitions.
func (m *member) removed(err error) bool {
	unknown := errors.Is(err, sarama.ErrUnknownMemberId)
	if !unknown && !errors.Is(err, sarama.ErrIllegalGeneration) {
		return false
	}
	if unknown {
		m.current.memberID = ""
	}
	m.loseAssignment(err)
	return true
}

func (m *member) sendHeartbeat(who generation) error {
	req := &sarama.HeartbeatRequest{
		Version: 4, GroupId: m.cfg.Group, GenerationId: who.number, MemberId: who.memberID, GroupInstanceId: m.instanceID,
	}
	return m.cl.Ask(m.ctx, cluster.Group(m.cfg.Group), heartbeatLimit, cluster.Send((*sarama.Broker).Heartbeat, req, func(resp *sarama.HeartbeatResponse) error {
		return cluster.Refusal(resp.Err)
	}))
}

// leave removes a dynamic member from the group, so that its partitions need not wait for
// the session time-out.
func (m *member) leave() {
	if m.current.memberID == "" || m.cfg.InstanceID != "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeTimeout) // m.ctx may have ended
	defer cancel()
	req := &sarama.LeaveGroupRequest{Version: 4, GroupId: m.cfg.Group, Members: []sarama.MemberIdentity{{MemberId: m.current.memberID}}}
	err := m.cl.Ask(ctx, cluster.Group(m.cfg.Group), goodbyeTimeout, cluster.Send((*sarama.Broker).LeaveGroup, req, func(resp *sarama.LeaveGroupResponse) error {
		return cluster.Refusal(resp.Err)
	}))
	if err != nil && !errors.Is(err, sarama.ErrUnknownMemberId) {
		m.log.warnOnce("cannot leave the group; its coordinator removes this member after the session time-out", err)
	}
}

func byTopic(partitions []record.Partition) map[string][]int32 {
	topics := make(map[string][]int32)
	for _, p := range partitions {
		topics[p.Topic] = append(topics[p.Topic], p.Partition)
	}
	return topics
}
