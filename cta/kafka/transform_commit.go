//go:build !ctalive_careless

package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
)

// commit publishes out and moves the group's positions to next, as the member of
// the group that as says, together or not at all. When it fails with
// ErrIllegalGeneration nothing was committed, and abort has to follow; with other
// errors, both is possible.
func (p *txnProducer) commit(as *sarama.ConsumerGroupMetadata, next map[Partition]int64, out []Record) error {
	if p.unsure.Load() {
		// A late request of the last transaction, to end it above all, is not to be one
		// of the next.
		if err := p.begin(); err != nil {
			return fmt.Errorf("begin anew: %w", err)
		}
	}
	published := make(chan error, 1)
	go func() { published <- p.publish(out) }()
	err := p.position(as, next)
	if perr := <-published; perr != nil {
		return fmt.Errorf("publish: %w", perr)
	}
	if err != nil {
		return fmt.Errorf("add positions to transaction: %w", err)
	}
	if err := p.end(true); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}
