package member

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
)

// A member that dies in a transaction leaves it open until its time-out; the coordinator
// checks only every ten seconds. Until then, readers of its output see nothing later, and
// the next owner of its partitions waits for their positions. So members end transactions
// of members that the group has dropped. A transaction's id names its member.

const (
	memberInfix   = ".member:"   // between the group's name and a dynamic member's id
	instanceInfix = ".instance:" // between the group's name and a static member's instance id

	sweepEvery = time.Second
)

// transactionOf returns a member's own transactional id. A static member has the same id
// after a restart, so the restart ends its open transaction.
func transactionOf(group, instance, id string) string {
	if instance != "" {
		return group + instanceInfix + instance
	}
	return group + memberInfix + id
}

// sweep ends transactions of dead members, at most every sweepEvery. It only saves time:
// if it fails, the transactions time out.
func (m *member) sweep() {
	if m.sweeping || time.Since(m.lastSweep) < sweepEvery {
		return
	}
	m.sweeping = true
	m.async(func() func() {
		if err := m.endOrphans(); err != nil {
			m.log.Debug("looking for transactions of dead members failed", "err", err)
		}
		return func() { m.sweeping, m.lastSweep = false, time.Now() }
	})
}

func (m *member) endOrphans() error {
	var open []string
	var faults []error
	for id := range m.cl.View().Brokers {
		req := sarama.NewListTransactionsRequest(m.cl.Version())
		req.StateFilters = []string{sarama.TransactionStateOngoing}
		err := m.cl.Ask(m.ctx, cluster.Broker(id), cluster.RequestTimeout, cluster.Send((*sarama.Broker).ListTransactions, req, func(resp *sarama.ListTransactionsResponse) error {
			for _, t := range resp.TransactionStates {
				if id := t.TransactionalID; strings.HasPrefix(id, m.cfg.Group+memberInfix) || strings.HasPrefix(id, m.cfg.Group+instanceInfix) {
					open = append(open, id)
				}
			}
			return cluster.Refusal(resp.ErrorCode)
		}))
		faults = append(faults, err)
	}
	if len(open) == 0 {
		return errors.Join(faults...)
	}
	ctx, cancel := context.WithTimeout(m.ctx, 2*cluster.RequestTimeout)
	defer cancel()
	alive := make(map[string]bool) // asked after open: a newcomer's are not orphans
	req := &sarama.DescribeGroupsRequest{Version: 4, Groups: []string{m.cfg.Group}}
	err := m.cl.Ask(m.ctx, cluster.Group(m.cfg.Group), cluster.RequestTimeout, cluster.Send((*sarama.Broker).DescribeGroups, req, func(resp *sarama.DescribeGroupsResponse) error {
		if len(resp.Groups) != 1 {
			return sarama.ErrIncompleteResponse
		}
		for id, who := range resp.Groups[0].Members {
			alive[transactionOf(m.cfg.Group, "", id)] = true
			if who.GroupInstanceId != nil {
				alive[transactionOf(m.cfg.Group, *who.GroupInstanceId, id)] = true
			}
		}
		return cluster.Refusal(resp.Groups[0].Err)
	}))
	if err != nil {
		return fmt.Errorf("describe group: %w", err)
	}
	for _, id := range open {
		if !alive[id] {
			m.log.Info("ending the transaction of a dead member", "transaction", id)
			dead := &txn{cl: m.cl, log: m.log, id: id} // its producer, if it still exists, starts a new session
			faults = append(faults, dead.init(ctx))
		}
	}
	return errors.Join(faults...)
}
