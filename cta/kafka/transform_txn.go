package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// transactionTimeout is after how long the coordinator aborts a transaction whose
// producer has died. Until then it holds up readers of committed records, so it
// is short; a transaction takes milliseconds.
const transactionTimeout = 10 * time.Second

// transaction sends records and positions in Kafka transactions, one at a time.
// It is used by one goroutine at a time.
type transaction struct {
	group    string
	instance *string // nil for a dynamic member
	id       string  // the transactional id
	dial     func() (sarama.Client, error)
	alive    func() bool // whether it's worth trying again

	client   sarama.Client
	producer *txnProducer // nil until open, and after a failure
	yielded  bool         // the id may be another process's by now
}

func newTransaction(cfg TransformConfig, dial func() (sarama.Client, error), alive func() bool) *transaction {
	t := &transaction{group: cfg.Group, dial: dial, alive: alive}
	if cfg.InstanceID != "" {
		t.instance = &cfg.InstanceID
	}
	return t
}

// open makes the producer if there's none. That ends the last transaction of the
// same id, whichever way it was going. Each member has an id of its own: a static
// one the same after a restart, so that it ends what it left open before.
func (t *transaction) open(member string) error {
	id := t.group + memberInfix + member
	if t.instance != nil {
		id = t.group + instanceInfix + *t.instance
	}
	if t.id != id {
		t.id, t.producer = id, nil
	}
	t.yielded = false
	return t.reopen()
}

// renew makes the producer if there's none and its id is known, unless the id has
// become another process's. It comes before every joining of the group: positions
// wait for a transaction that this member has left open itself, and while it is in
// its group nobody else ends that.
func (t *transaction) renew() error {
	switch {
	case t.yielded:
		return nil
	case t.id != "":
		return t.reopen()
	case t.instance != nil:
		return t.open("")
	}
	return nil
}

func (t *transaction) reopen() error {
	if t.producer != nil {
		return nil
	}
	if t.client == nil {
		client, err := t.dial()
		if err != nil {
			return fmt.Errorf("connect for transactions: %w", err)
		}
		t.client = client
	}
	producer, err := newTxnProducer(t.client, t.id, t.alive)
	if err != nil {
		return fmt.Errorf("begin transactions as %s: %w", t.id, err)
	}
	t.producer = producer
	return nil
}

// reset gives the producer up after a failed session.
func (t *transaction) reset(cause error) {
	if t.producer == nil {
		return
	}
	t.producer = nil
	t.yielded = t.instance != nil && fenced(cause)
}

// close gives everything up.
func (t *transaction) close() {
	t.producer = nil
	if t.client != nil {
		_ = t.client.Close()
		t.client = nil
	}
}

// fenced reports whether a newer producer has the same transactional id, or the
// coordinator has aborted a transaction that took too long.
func fenced(err error) bool {
	return errors.Is(err, sarama.ErrProducerFenced) || errors.Is(err, sarama.ErrInvalidProducerEpoch)
}

// commit sends the records, and with them the positions, as the member that s is.
//
// The group may come to a new generation at any moment; a position sent under the
// old one is refused then. That says nothing about our right to it: while this
// member has not given the partition up, nobody else gets it, unless the group had a
// generation without this member, which ends the session before that can be seen. So
// the same transaction is sent again under the new generation.
func (t *transaction) commit(s *session, next map[Partition]int64, out []Record) error {
	for i := range out {
		if i == 0 || out[i].Topic != out[i-1].Topic {
			s.x.client.held.watch(out[i].Topic)
		}
	}
	for {
		if t.producer == nil {
			return errors.New("no producer")
		}
		as := sarama.NewConsumerGroupMetadataFromSession(s.sarama, t.group, t.instance)
		if err := s.lost(); err != nil {
			return err
		}
		err := t.producer.commit(as, next, out)
		if err == nil || !errors.Is(err, sarama.ErrIllegalGeneration) {
			return err
		}
		if aerr := t.producer.abort(); aerr != nil {
			return fmt.Errorf("%w, and the abort failed: %w", err, aerr)
		}
		s.x.metrics.aborted.Inc()
		if !s.awaitGeneration(as.GenerationID) || !s.owns(next) {
			return err
		}
	}
}

// awaitGeneration waits until the member is in another generation than g. It
// returns false when the session is lost first, or nothing happens for as long.
func (s *session) awaitGeneration(g int32) bool {
	ctx, cancel := context.WithTimeout(s.sarama.Context(), s.x.cfg.SessionTimeout)
	defer cancel()
	for s.sarama.GenerationID() == g {
		if retry.Pause(ctx, time.Millisecond) != nil {
			return false
		}
	}
	return ctx.Err() == nil
}

// backoff grows the pause between attempts, with jitter so that members that
// failed together don't come back together.
type backoff struct{ d time.Duration }

const (
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

func (b *backoff) wait(ctx context.Context) {
	b.d = min(max(2*b.d, firstPause), lastPause)
	retry.Pause(ctx, retry.Spread(b.d))
}

func (b *backoff) reset() { b.d = 0 }
