package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// A member that dies within a transaction leaves it open. Until it times out, which
// the coordinator looks at every ten seconds only, readers of what it published see
// nothing that comes after, and whoever gets its partitions has to wait for their
// positions. So members end the transactions of those that the group has given up.
// The ids of transactions tell whose they are.

const (
	memberInfix   = ".member:"   // between the group's name and a dynamic member's id
	instanceInfix = ".instance:" // and a static member's instance id

	sweepPause = time.Second // between looks while something has to be waited for
)

// sweepSoon looks for transactions of dead members, beside what goes on, unless
// that was done just now.
func (x *transform) sweepSoon() {
	now := time.Now().UnixNano()
	last := x.swept.Load()
	if now-last < int64(sweepPause) || !x.swept.CompareAndSwap(last, now) {
		return
	}
	x.helpers.Go(x.sweep)
}

// sweeping sweeps again and again until stop is called: a member may be found dead
// while its transaction is already waited for.
func (x *transform) sweeping() (stop func()) {
	ctx, stop := context.WithCancel(x.ctx)
	x.helpers.Go(func() {
		for x.sweep(); retry.Pause(ctx, sweepPause) == nil; {
			x.sweep()
		}
	})
	return stop
}

// sweep ends the transactions of dead members. It is for speed alone: what fails
// is left to the transactions' time-out.
func (x *transform) sweep() {
	_, err := await(x.ctx, func() (struct{}, error) { return struct{}{}, x.endOrphans() }, nil)
	if err != nil && x.ctx.Err() == nil {
		x.log.log.Debug("looking for transactions of dead members failed", "err", err)
	}
}

func (x *transform) endOrphans() error {
	open, err := x.openTransactions()
	if err != nil || len(open) == 0 {
		return err
	}
	alive, err := x.aliveTransactions() // after those open: a newcomer's are not orphans
	if err != nil {
		return err
	}
	var faults []error
	for _, id := range open {
		if alive[id] {
			continue
		}
		x.log.info("ending the transaction of a dead member", "transaction", id)
		faults = append(faults, x.endTransaction(id))
	}
	return errors.Join(faults...)
}

// openTransactions returns the ids of the group's transactions under way.
func (x *transform) openTransactions() (ids []string, _ error) {
	for _, b := range x.client.sc.Brokers() {
		under, err := x.client.transactionsAt(b, func(req *sarama.ListTransactionsRequest) {
			req.StateFilters = []string{sarama.TransactionStateOngoing}
		})
		if err != nil {
			return nil, err
		}
		for _, t := range under {
			if id := t.TransactionalID; strings.HasPrefix(id, x.cfg.Group+memberInfix) || strings.HasPrefix(id, x.cfg.Group+instanceInfix) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// transactionsAt returns the transactions that a broker coordinates.
func (c *Client) transactionsAt(b *sarama.Broker, filter func(*sarama.ListTransactionsRequest)) ([]sarama.ListTransactionsResponseTransactionState, error) {
	if err := b.Open(c.sc.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return nil, err
	}
	req := sarama.NewListTransactionsRequest(c.sc.Config().Version)
	filter(req)
	resp, err := b.ListTransactions(req)
	if err == nil && resp.ErrorCode != sarama.ErrNoError {
		err = resp.ErrorCode
	}
	if err != nil {
		return nil, fmt.Errorf("list transactions: %w", err)
	}
	return resp.TransactionStates, nil
}

// aliveTransactions returns the ids that the group's members use.
func (x *transform) aliveTransactions() (map[string]bool, error) {
	broker, err := x.client.sc.Coordinator(x.cfg.Group)
	if err != nil {
		return nil, fmt.Errorf("describe group: %w", err)
	}
	resp, err := broker.DescribeGroups(&sarama.DescribeGroupsRequest{Version: 4, Groups: []string{x.cfg.Group}})
	if err != nil {
		_ = x.client.sc.RefreshCoordinator(x.cfg.Group)
		return nil, fmt.Errorf("describe group: %w", err)
	}
	if len(resp.Groups) != 1 || resp.Groups[0].Err != sarama.ErrNoError {
		_ = x.client.sc.RefreshCoordinator(x.cfg.Group)
		return nil, errors.New("describe group: refused")
	}
	alive := make(map[string]bool)
	for id, m := range resp.Groups[0].Members {
		alive[x.cfg.Group+memberInfix+id] = true
		if m.GroupInstanceId != nil {
			alive[x.cfg.Group+instanceInfix+*m.GroupInstanceId] = true
		}
	}
	return alive, nil
}

// endTransaction makes the coordinator abort the open transaction of an id, by
// taking the id over. Its producer, if there still is one, is fenced: it gives its
// session up and joins the group again.
func (x *transform) endTransaction(id string) error {
	broker, err := x.client.sc.TransactionCoordinator(id)
	if err != nil {
		return fmt.Errorf("end transaction %s: %w", id, err)
	}
	resp, err := broker.InitProducerID(&sarama.InitProducerIDRequest{
		Version: 4, TransactionalID: &id, TransactionTimeout: transactionTimeout, ProducerID: -1, ProducerEpoch: -1,
	})
	if err != nil {
		return fmt.Errorf("end transaction %s: %w", id, err)
	}
	// Concurrent: the abort has begun.
	if resp.Err != sarama.ErrNoError && resp.Err != sarama.ErrConcurrentTransactions {
		return fmt.Errorf("end transaction %s: %w", id, resp.Err)
	}
	return nil
}
