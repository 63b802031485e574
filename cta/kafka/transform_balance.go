package kafka

import "github.com/IBM/sarama"

// cooperative is what sarama's cooperative strategy offers.
type cooperative interface {
	sarama.RebalanceProtocolBalanceStrategy
	sarama.SubscriptionUserDataBalanceStrategy
	sarama.OnAssignmentBalanceStrategy
}

// balance is sarama's cooperative strategy, which moves only the partitions that have
// to move. Beside that, it tells a session what the group gives to it. Nothing else
// does: sarama begins a claim late, or never, when its partition has no leader.
type balance struct {
	cooperative
	x *transform
}

func newBalance(x *transform) *balance {
	return &balance{sarama.NewBalanceStrategyCooperativeSticky().(cooperative), x}
}

// OnAssignment is called by the goroutine that joins the group, before the new
// generation can be seen.
func (b *balance) OnAssignment(assignment *sarama.ConsumerGroupMemberAssignment, generation int32) {
	b.cooperative.OnAssignment(assignment, generation)
	b.x.now.joined(assignment.Topics, generation)
}
