package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/internal/retry"
	"github.com/seed-921eec07/ctalive/internal/topicname"
)

const (
	// deliveryTimeout bounds the time from adding a record to a batch to its
	// acknowledgement, over all retries: the Java producer's delivery.timeout.ms.
	deliveryTimeout = 2 * time.Minute
	// closeTimeout bounds Close: a program that must end within five seconds still reports.
	closeTimeout = 3 * time.Second
	// unknownTopicTimeout bounds the wait for an unknown topic: metadata trails the
	// creation of a topic.
	unknownTopicTimeout = 5 * time.Second
	// maxBufferedBytes bounds the memory of a producer's records, whatever their
	// number: sixteen thousand records of the largest size are 16 GB.
	maxBufferedBytes = 64 << 20
)

// ErrClosed is returned by [Producer.Send] and [Producer.Flush] after Close, and
// is the outcome of records that Close did not deliver.
var ErrClosed = errors.New("kafka: producer is closed")

// ErrTooLarge is the failure of a record that exceeds the brokers' or its topic's limit.
var ErrTooLarge error = sarama.ErrMessageSizeTooLarge

// ProducerConfig holds the optional settings of a [Producer].
type ProducerConfig struct {
	// MaxBuffered bounds the records accepted and not yet acknowledged. Send blocks
	// at this number, or at 64 MB of records. Default: 16384.
	MaxBuffered int
}

// Producer sends records, idempotently and in order within a partition. All in-sync
// replicas acknowledge them. It is safe for concurrent use; records that one goroutine
// sends to one partition stay in order.
//
// An idle producer sends a record at once. While a request is in flight, records gather
// for the next: short delays when quiet, big batches when busy.
//
// A retried batch keeps its sequence number, so the broker drops duplicates. After a batch
// that fails, which may have been written, its partition continues under a new producer id.
type Producer struct {
	client *Client
	limit  int
	ctx    context.Context // of the requests and the senders
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu         sync.Mutex
	settled    chan struct{} // closed when records are settled, if a caller waits; else nil
	buffered   int           // records accepted and not settled
	bytes      int           // of the buffered records
	closed     bool
	topics     map[string]*topicRoute
	outboxes   []*outbox         // of all topics, including deleted ones
	senders    map[int32]*sender // by broker id
	unreported failures          // not reported to any callback

	waiting      map[any]bool // outboxes whose batch has failed twice, and searches for topics
	waitingSince time.Time    // when the wait was logged; else zero
	givingUp     bool         // the last batch was given up
	report       report

	pidLock sync.Mutex
	pid     int64 // for partitions without one; -1: request a new one
	epoch   int16
}

// topicRoute is the producer's state of a topic.
type topicRoute struct {
	partitioner *batch.Partitioner // not safe for concurrent use: Producer.mu
	outboxes    []*outbox          // by partition
	next        int                // for records with neither key nor PartitionBy
}

// outbox holds a partition's records and the state of sending them. Producer.mu guards
// its fields.
type outbox struct {
	batch.Queue
	leader       int32     // broker id; -1 when there is none
	inFlight     bool      // the oldest batch, or it waits for its retry
	queued       bool      // in its sender's list
	unknownSince time.Time // the topic; else zero
	backoff      time.Duration
	cause        error // why the batch in flight must be resent; else nil
}

// report counts a producer's records by outcome.
type report struct {
	Accepted  uint64 // by Send
	Delivered uint64
	GivenUp   uint64
	Reasons   map[string]uint64 // records given up, by reason
}

// counts returns the report so far. After Close, every record is delivered or given up.
func (p *Producer) counts() report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.report
	r.Reasons = maps.Clone(r.Reasons)
	return r
}

// NewProducer returns a producer. Close it.
func (c *Client) NewProducer(cfg ProducerConfig) (*Producer, error) {
	if cfg.MaxBuffered < 0 {
		return nil, fmt.Errorf("kafka: producer: settings: MaxBuffered is %d, want a positive number", cfg.MaxBuffered)
	}
	p := &Producer{
		client: c, limit: cmp.Or(cfg.MaxBuffered, 16384), pid: -1,
		topics: make(map[string]*topicRoute), senders: make(map[int32]*sender),
		waiting: make(map[any]bool), report: report{Reasons: make(map[string]uint64)},
	}
	p.ctx, p.cancel = context.WithCancel(c.ctx)
	return p, nil
}

// Send accepts r for delivery. Send blocks while MaxBuffered records wait, until ctx
// ends. done, if not nil, is called once from another goroutine with the outcome. With a
// nil done, the next Flush or Close returns a failure.
//
// After an error of Send, r was not accepted, and done is not called. The error reports that
// ctx has ended, the producer is closed, the topic does not exist, or r exceeds the brokers'
// limit (1 MB).
//
// done must be quick, and must not call the producer. The bytes of r must not change before
// its outcome is known.
func (p *Producer) Send(ctx context.Context, r Record, done func(error)) error {
	size := batch.Size(&r)
	if size > maxMessageBytes {
		return fmt.Errorf("kafka: record for %s has %d bytes, want at most %d: %w", r.Topic, size, maxMessageBytes, ErrTooLarge)
	}
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return ErrClosed
		}
		if p.buffered >= p.limit || p.bytes >= maxBufferedBytes {
			err := p.awaitLocked(ctx)
			p.mu.Unlock()
			if err != nil {
				return fmt.Errorf("kafka: the buffer is full of records that wait for the broker: %w", err)
			}
			continue
		}
		route := p.topics[r.Topic]
		if route == nil {
			p.mu.Unlock()
			if err := p.findTopic(ctx, r.Topic); err != nil {
				return err
			}
			continue
		}
		p.acceptLocked(route, &r, size, done)
		p.mu.Unlock()
		return nil
	}
}

func (p *Producer) acceptLocked(route *topicRoute, r *Record, size int, done func(error)) {
	n, ok := route.partitioner.Choose(r, int32(len(route.outboxes)))
	if !ok {
		n = int32(route.next)
		route.next = (route.next + 1) % len(route.outboxes)
	}
	o := route.outboxes[n]
	p.report.Accepted++
	o.Add(r, size, p.report.Accepted, done)
	p.buffered++
	p.bytes += size
	p.client.stats.buffered.Inc()
	p.enqueueLocked(o)
}

// findTopic looks up a topic, and waits while the cluster is away.
func (p *Producer) findTopic(ctx context.Context, topic string) (err error) {
	if !topicname.Legal(topic) {
		return fmt.Errorf("kafka: topic name is %q, want 1 to 249 letters, digits, dots, dashes or underscores", topic)
	}
	unknownSince, begun, search := time.Time{}, time.Now(), new(any)
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.waiting[search] {
			p.resumeLocked(search, err == nil && !p.closed)
		}
	}()
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		t, err := p.client.cl.TopicMetadata(ctx, topic)
		switch {
		case err == nil && len(t.Leaders) > 0:
			p.addRoute(topic, t.Leaders)
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("kafka: looking for topic %s: %w", topic, ctx.Err())
		case p.ctx.Err() != nil:
			return ErrClosed
		case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrInvalidTopic):
			return fmt.Errorf("kafka: topic %s: %w", topic, err)
		case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
			if unknownSince.IsZero() {
				unknownSince = time.Now()
			}
			if time.Since(unknownSince) > unknownTopicTimeout {
				return fmt.Errorf("kafka: topic %s doesn't exist; create it with EnsureTopics: %w", topic, err)
			}
		case time.Since(begun) > 100*time.Millisecond: // a single failure is normal
			p.mu.Lock()
			p.waitLocked(search, cmp.Or(err, cluster.ErrNoLeader), "topic", topic)
			p.mu.Unlock()
		}
		if retry.Pause(ctx, wait) != nil {
			return fmt.Errorf("kafka: looking for topic %s: %w", topic, errors.Join(ctx.Err(), err))
		}
	}
}

// addRoute adds a topic's partitions, including new ones of a known topic.
func (p *Producer) addRoute(topic string, leaders []int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(leaders) == 0 {
		return
	}
	route := p.topics[topic]
	if route == nil {
		route = &topicRoute{partitioner: batch.NewPartitioner()}
		p.topics[topic] = route
	}
	route.outboxes = route.outboxes[:min(len(leaders), len(route.outboxes))] // the topic was recreated with fewer
	for i := len(route.outboxes); i < len(leaders); i++ {
		o := &outbox{leader: leaders[i]}
		o.Partition, o.PID = Partition{Topic: topic, Partition: int32(i)}, -1
		route.outboxes = append(route.outboxes, o)
		p.outboxes = append(p.outboxes, o)
	}
	route.next %= len(leaders)
}

// Flush waits until the records accepted before the call are delivered. It
// returns the failures since the last Flush.
func (p *Producer) Flush(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		defer p.mu.Unlock()
		return errors.Join(p.unreported.take(), ErrClosed)
	}
	upTo := p.report.Accepted
	p.mu.Unlock()
	if err := p.drain(ctx, upTo); err != nil {
		return fmt.Errorf("kafka: flush: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unreported.take()
}

// drain waits until the first upTo records accepted are settled.
func (p *Producer) drain(ctx context.Context, upTo uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.oldestLocked() <= upTo {
		if err := p.awaitLocked(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awaitLocked waits until records are settled. p.mu is released meanwhile.
func (p *Producer) awaitLocked(ctx context.Context) error {
	if p.settled == nil {
		p.settled = make(chan struct{})
	}
	settled := p.settled
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ctx.Done(): // the producer or its client is closed
		return ErrClosed
	}
}

// wakeLocked wakes all waiting callers.
func (p *Producer) wakeLocked() {
	if p.settled != nil {
		close(p.settled)
		p.settled = nil
	}
}

// Close delivers accepted records, for up to 3 s, and returns unreported failures.
// Remaining records then fail with [ErrClosed]; they may or may not have been written.
func (p *Producer) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true // no more records
	upTo := p.report.Accepted
	p.wakeLocked()
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = p.drain(ctx, upTo) // what it leaves is failed below

	p.cancel() // closes the connections
	p.mu.Lock()
	for _, s := range p.senders {
		s.cond.Broadcast()
	}
	p.mu.Unlock()
	p.wg.Wait()
	for _, o := range p.outboxes {
		for !o.Empty() {
			p.complete(ErrClosed, o)
		}
	}
	r := p.counts()
	level := slog.LevelInfo
	if r.GivenUp > 0 {
		level = slog.LevelWarn
	}
	p.client.cfg.Log.Log(context.Background(), level, "producer closed",
		"accepted", r.Accepted, "delivered", r.Delivered, "given up", r.GivenUp, "reasons", r.Reasons)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unreported.take()
}

// failures collects errors and keeps the text short.
type failures struct {
	first error
	count int
}

func (f *failures) add(err error, n int) {
	f.first = cmp.Or(f.first, err)
	f.count += n
}

func (f *failures) take() error {
	err := f.first
	if err != nil && f.count > 1 {
		err = fmt.Errorf("kafka: %d records were not delivered, the first: %w", f.count, err)
	}
	*f = failures{}
	return err
}
