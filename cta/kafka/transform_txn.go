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
	dial     func(id string) (sarama.Client, error)

	client   sarama.Client
	producer sarama.AsyncProducer // nil until open, and after a failure
	yielded  bool                 // the id may be another process's by now
}

func newTransaction(cfg TransformConfig, dial func(string) (sarama.Client, error)) *transaction {
	t := &transaction{group: cfg.Group, dial: dial}
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
		t.close()
		t.id = id
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
		client, err := t.dial(t.id)
		if err != nil {
			return fmt.Errorf("connect for transactions: %w", err)
		}
		t.client = client
	}
	producer, err := sarama.NewAsyncProducerFromClient(t.client)
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
	discard(t.producer)
	t.producer = nil
	t.yielded = t.instance != nil && fenced(cause)
}

// close gives everything up.
func (t *transaction) close() {
	if t.producer != nil {
		discard(t.producer)
		t.producer = nil
	}
	if t.client != nil {
		_ = t.client.Close()
		t.client = nil
	}
}

// discard closes a producer whose undelivered records don't matter any more.
func discard(p sarama.AsyncProducer) { _ = p.Close() }

// fenced reports whether a newer producer has the same transactional id, or the
// coordinator has aborted a transaction that took too long.
func fenced(err error) bool {
	return errors.Is(err, sarama.ErrProducerFenced) || errors.Is(err, sarama.ErrInvalidProducerEpoch)
}

// commit sends the records, and with them the positions, as the member that s is.
//
// The group may come to a new generation at any moment; a position sent under the
// old one is refused then. That says nothing about our right to it: while this
// member has not given the partition up, nobody else gets it. So the same
// transaction is sent again under the new generation.
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
		err := t.try(as, next, out)
		if err == nil || !errors.Is(err, sarama.ErrIllegalGeneration) {
			return err
		}
		if aerr := t.producer.AbortTxn(); aerr != nil {
			return fmt.Errorf("%w, and the abort failed: %w", err, aerr)
		}
		s.x.metrics.aborted.Inc()
		if !s.awaitGeneration(as.GenerationID) || !s.owns(next) {
			return err
		}
	}
}

// try sends one transaction. When it fails with ErrIllegalGeneration it was not
// committed; with other errors it may have been.
func (t *transaction) try(as *sarama.ConsumerGroupMetadata, next map[Partition]int64, out []Record) error {
	p := t.producer
	if err := p.BeginTxn(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := t.send(out); err != nil {
		return err
	}
	offsets := make(map[string][]*sarama.PartitionOffsetMetadata, len(next))
	for tp, offset := range next {
		offsets[tp.Topic] = append(offsets[tp.Topic], &sarama.PartitionOffsetMetadata{
			Partition: tp.Partition, Offset: offset, LeaderEpoch: -1,
		})
	}
	if err := p.AddOffsetsToTxnWithGroupMetadata(offsets, as); err != nil {
		return fmt.Errorf("add positions to transaction: %w", err)
	}
	if err := p.CommitTxn(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// send delivers the records of a transaction, and waits for all of them.
func (t *transaction) send(out []Record) error {
	var failed error
	messages := make([]sarama.ProducerMessage, len(out))
	for i := range out {
		toSarama(&messages[i], &out[i])
	}
	for sent, done := 0, 0; done < len(out); {
		var input chan<- *sarama.ProducerMessage
		var m *sarama.ProducerMessage
		if sent < len(out) && failed == nil {
			input, m = t.producer.Input(), &messages[sent]
		} else if done == sent {
			break
		}
		select {
		case input <- m:
			sent++
		case <-t.producer.Successes():
			done++
		case e := <-t.producer.Errors():
			done++
			if failed == nil {
				failed = fmt.Errorf("publish to topic %s: %w", e.Msg.Topic, e.Err)
			}
		}
	}
	return failed
}

func fromSarama(m *sarama.ConsumerMessage) Record {
	r := Record{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value, Time: m.Timestamp}
	if len(m.Headers) > 0 {
		r.Headers = make([]Header, len(m.Headers))
		for i, h := range m.Headers {
			r.Headers[i] = Header{Key: string(h.Key), Value: h.Value}
		}
	}
	return r
}

func toSarama(m *sarama.ProducerMessage, r *Record) {
	m.Topic, m.Timestamp = r.Topic, r.Time
	if r.Key != nil {
		m.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		m.Value = sarama.ByteEncoder(r.Value)
	}
	m.Metadata = r.PartitionBy
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
}

// partitioner puts a message where PartitionBy says, else its key.
type partitioner struct{ sarama.Partitioner }

func newPartitioner(topic string) sarama.Partitioner {
	return partitioner{sarama.NewMurmur2Partitioner(topic)}
}

// Partition chooses among n partitions.
func (p partitioner) Partition(m *sarama.ProducerMessage, n int32) (int32, error) {
	if by, _ := m.Metadata.([]byte); by != nil {
		return p.Partitioner.Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(by)}, n)
	}
	return p.Partitioner.Partition(m, n)
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
