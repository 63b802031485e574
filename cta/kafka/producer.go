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
	"github.com/seed-921eec07/ctalive/cta/retry"
)

const (
	// deliveryTimeout bounds the time from a record's first place in a batch to
	// its acknowledgement, over all retries: the same as the Java producer's
	// delivery.timeout.ms.
	deliveryTimeout = 2 * time.Minute
	// closeTimeout bounds Close.
	closeTimeout = 5 * time.Second
	// unknownTopicTimeout is how long a topic that the cluster doesn't know yet is
	// waited for: metadata trails the creation of a topic.
	unknownTopicTimeout = 5 * time.Second
	// maxBufferedBytes bounds the memory of the records of one producer, whatever
	// their number: sixteen thousand records of the largest size are 16 GB.
	maxBufferedBytes = 64 << 20
)

// ErrClosed is returned by [Producer.Send] and [Producer.Flush] after Close, and
// given for records that Close had to leave behind.
var ErrClosed = errors.New("kafka: producer is closed")

// ProducerConfig holds the optional settings of a [Producer].
type ProducerConfig struct {
	// MaxBuffered bounds the records accepted and not yet acknowledged: Send
	// blocks when they are reached, or 64 MB of records are. Default: 16384.
	MaxBuffered int
}

// Producer sends records, idempotently and in order within a partition,
// acknowledged by all in-sync replicas. It is safe for concurrent use; records
// that one goroutine sends to one partition stay in its order.
//
// A record goes out at once while the producer is idle, and with those that
// gather meanwhile while a request is under way: small delay when it's quiet, big
// batches when it's busy.
//
// While the cluster is away, records are kept and tried again for up to two
// minutes each, then failed. A batch is sent again under its first sequence
// number, so the broker drops what it has already; a batch that fails in the end
// may or may not have been written, and its partition goes on under a new
// producer id.
type Producer struct {
	client *Client
	limit  int
	ctx    context.Context // of the requests and the senders
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	left     chan struct{} // closed when records are settled, if somebody waits; else nil
	buffered int           // records accepted and not settled
	bytes    int           // of those
	accepted uint64        // records ever accepted
	closed   bool
	topics   map[string]*topicRoute
	boxes    []*outbox         // of all topics, those since deleted too
	senders  map[int32]*sender // by broker id
	untold   failures          // that no callback was told of

	waiting map[*outbox]bool // whose batch has failed at least twice
	since   time.Time        // when waiting was told; zero when it wasn't
	losing  bool             // the last batch was given up
	report  Report

	pidLock sync.Mutex
	pid     int64 // for partitions that have none; -1 when the next one asks for a new one
	epoch   int16
}

// topicRoute is what a producer knows of a topic.
type topicRoute struct {
	partitioner batch.Partitioner // not safe for concurrent use: Producer.mu
	outboxes    []*outbox         // by partition
	next        int               // for records with neither key nor PartitionBy
}

// outbox is a partition's records, and how far sending them is. Its fields are guarded
// by Producer.mu.
type outbox struct {
	batch.Box
	leader  int32     // broker id; -1 when there is none
	taken   bool      // the oldest batch is under way, or waits for its next try
	listed  bool      // waits in its sender's list
	lost    time.Time // since when the cluster has not known the topic; else zero
	backoff time.Duration
}

// Report is what has become of a producer's records.
type Report struct {
	Accepted  uint64 // by Send
	Delivered uint64
	GivenUp   uint64
	Reasons   map[string]uint64 // why, and how many
}

// Report returns what has become of the records so far. After Close, all are either
// delivered or given up.
func (p *Producer) Report() Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.report
	r.Accepted, r.Reasons = p.accepted, maps.Clone(r.Reasons)
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
		waiting: make(map[*outbox]bool), report: Report{Reasons: make(map[string]uint64)},
	}
	p.ctx, p.cancel = context.WithCancel(c.ctx)
	return p, nil
}

// Send accepts r for delivery. It blocks while MaxBuffered records wait, until
// ctx ends. done, if not nil, is called once from another goroutine with the
// outcome; a failure that no done was told of is returned by the next Flush or Close.
//
// An error of Send means that r was not accepted and done won't be called: ctx
// has ended, the producer is closed, the topic doesn't exist, or r is larger than
// a broker takes (1 MB). done must be quick, and must not call the producer. The
// bytes of r must not change before its outcome is known.
func (p *Producer) Send(ctx context.Context, r Record, done func(error)) error {
	if size := batch.Size(r); size > maxMessageBytes {
		return fmt.Errorf("kafka: record for %s has %d bytes, want at most %d", r.Topic, size, maxMessageBytes)
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
			if err := p.find(ctx, r.Topic); err != nil {
				return err
			}
			continue
		}
		p.acceptLocked(route, r, done)
		p.mu.Unlock()
		return nil
	}
}

func (p *Producer) acceptLocked(route *topicRoute, r Record, done func(error)) {
	n, ok := route.partitioner.Choose(r, int32(len(route.outboxes)))
	if !ok {
		n = int32(route.next)
		route.next = (route.next + 1) % len(route.outboxes)
	}
	o := route.outboxes[n]
	p.accepted++
	o.Add(r, p.accepted, done)
	p.buffered++
	p.bytes += batch.Size(r)
	p.client.stats.buffered.Inc()
	p.readyLocked(o)
}

// find looks a topic up, and waits while the cluster is away.
func (p *Producer) find(ctx context.Context, topic string) error {
	if !legalTopic.MatchString(topic) {
		return fmt.Errorf("kafka: topic name is %q, want 1 to 249 letters, digits, dots, dashes or underscores", topic)
	}
	unknownSince := time.Time{}
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		t, err := p.client.cl.Lookup(ctx, topic)
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
		}
		if retry.Pause(ctx, wait) != nil {
			return fmt.Errorf("kafka: looking for topic %s: %w", topic, errors.Join(ctx.Err(), err))
		}
	}
}

// addRoute takes the partitions of a topic, and those that it has come to have.
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
	route.outboxes = route.outboxes[:min(len(leaders), len(route.outboxes))] // it was made anew with fewer
	for i := len(route.outboxes); i < len(leaders); i++ {
		o := &outbox{leader: leaders[i]}
		o.Partition, o.PID = Partition{Topic: topic, Partition: int32(i)}, -1
		route.outboxes = append(route.outboxes, o)
		p.boxes = append(p.boxes, o)
	}
	route.next %= len(leaders)
}

// Flush waits until all records accepted before the call are delivered. It
// returns the failures since the last Flush.
func (p *Producer) Flush(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		defer p.mu.Unlock()
		return errors.Join(p.untold.take(), ErrClosed)
	}
	upTo := p.accepted
	p.mu.Unlock()
	if err := p.drain(ctx, upTo); err != nil {
		return fmt.Errorf("kafka: flush: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.untold.take()
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

// awaitLocked waits until records are settled, with p.mu released meanwhile.
func (p *Producer) awaitLocked(ctx context.Context) error {
	if p.left == nil {
		p.left = make(chan struct{})
	}
	left := p.left
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.ctx.Done(): // closed, or the client was first
		return ErrClosed
	}
}

// wakeLocked wakes all that wait.
func (p *Producer) wakeLocked() {
	if p.left != nil {
		close(p.left)
		p.left = nil
	}
}

// Close delivers what was accepted, for up to 5 s, and returns the failures that
// nobody was told of. Records left then fail with [ErrClosed]; they may or may
// not have been written.
func (p *Producer) Close() error { return p.closeWithin(closeTimeout) }

func (p *Producer) closeWithin(limit time.Duration) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true // no more records
	upTo := p.accepted
	p.wakeLocked()
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = p.drain(ctx, upTo) // what it leaves is failed below

	p.cancel() // closes the connections
	p.mu.Lock()
	for _, s := range p.senders {
		s.cond.Broadcast()
	}
	p.mu.Unlock()
	p.wg.Wait()
	for _, o := range p.boxes {
		for !o.Empty() {
			p.end(o, ErrClosed)
		}
	}
	r := p.Report()
	level := slog.LevelInfo
	if r.GivenUp > 0 {
		level = slog.LevelWarn
	}
	p.client.cfg.Log.Log(context.Background(), level, "producer closed",
		"accepted", r.Accepted, "delivered", r.Delivered, "given up", r.GivenUp, "reasons", r.Reasons)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.untold.take()
}

// failures collects errors and keeps the text short.
type failures struct {
	first error
	count int
}

func (f *failures) add(err error, n int) {
	if f.first == nil {
		f.first = err
	}
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
