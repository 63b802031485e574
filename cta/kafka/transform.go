package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// ErrFenced is returned by [Client.Transform] when another process has taken
// over this one's identity. Nothing is lost: start again.
var ErrFenced = errors.New("kafka: fenced by a newer member")

// Partition is one partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

// TransformConfig holds the settings of [Client.Transform]. Group and Match are
// required.
type TransformConfig struct {
	Group string // consumer group; its members share the partitions
	Match Match  // topics to read; those that appear later are picked up
	// InstanceID, if set, makes this a static member: a restart within the session
	// time-out keeps its partitions, and they are idle until then when it ends. It
	// must be unique in the group.
	InstanceID string
	// Refresh is how often topics are looked for. Default: 2s.
	Refresh time.Duration
	// SessionTimeout is how long a member may be silent before its partitions go
	// to others. Shorter finds a dead process sooner; brokers accept from 6s to 30m
	// by default. Default: 10s.
	SessionTimeout time.Duration
	// MaxBatch bounds the records of one call of Transform. Default: 8192.
	MaxBatch int
	// Progress, if not nil, is told every Refresh how far this member is, from a
	// goroutine of its own, whether records arrive or not. Default: nobody is.
	Progress func(Progress)
}

// Transformer is the work done by [Client.Transform]. Its methods, and the functions
// that Assign returns, are called one at a time, but for Assign: one call of that may
// go on beside the others.
type Transformer interface {
	// Assign is called before the first record of partitions that were given to
	// this member, to read their state. The positions of those partitions are
	// settled by then: [Client.Restore] reads all that was published for them.
	//
	// It may take long: neither the group nor the member's other partitions wait for
	// it. So it leaves alone what Transform and Revoke use; the function that it
	// returns takes what was read into use. That is called at once, and Revoke after
	// it for those of gained that have gone elsewhere meanwhile. When the member is
	// lost, ctx ends, and what Assign returns is dropped.
	Assign(ctx context.Context, gained []Partition) (take func(), err error)
	// Revoke is called after the last record of partitions that go elsewhere.
	Revoke(lost []Partition)
	// Transform returns the records to publish for a batch of records read. What
	// it returns and the batch's positions are committed together, or not at all;
	// then Revoke and Assign follow for every partition before any of its records
	// comes again. The next batch may come before the last one is committed. The
	// batch is only valid during the call (the bytes of its records stay valid).
	Transform(ctx context.Context, batch []Record) ([]Record, error)
}

const (
	defaultRefresh        = 2 * time.Second
	defaultSessionTimeout = 10 * time.Second
	defaultMaxBatch       = 8192

	// leaveTimeout bounds how long Transform goes on committing once its context
	// has ended; hangTimeout when it stops waiting for the cluster at all.
	leaveTimeout = 3 * time.Second
	hangTimeout  = 4 * time.Second
)

// Transform reads, transforms and publishes in transactions, as a member of a
// group, until ctx ends; then it commits what it has, leaves the group and
// returns nil. It returns [ErrFenced], or the error of t. The cluster going away
// is not an error: Transform goes on when it is back.
//
// A partition that the group has no position of is read from its oldest record.
// One transaction is under way at a time; the records that come meanwhile make up
// the next. So a quiet topic is committed record by record, and a busy one in
// transactions that grow with the load: up to sixteen batches of MaxBatch records.
func (c *Client) Transform(ctx context.Context, cfg TransformConfig, t Transformer) error {
	x, err := newTransform(ctx, c, cfg, t)
	if err != nil {
		return err
	}
	defer x.close()
	return x.run(ctx)
}

// transform is one call of Client.Transform.
type transform struct {
	client  *Client
	cfg     TransformConfig
	work    Transformer
	metrics *transformMetrics
	log     *reasons

	ctx    context.Context // that of every connection
	cancel context.CancelFunc
	fetch  sarama.Client
	coord  sarama.Client
	group  sarama.ConsumerGroup
	txn    *transaction
	now    *session // as which the member joins

	share   *share
	helpers sync.WaitGroup // goroutines beside the members'
	swept   atomic.Int64   // when sweepSoon last did something, in ns
}

func newTransform(ctx context.Context, c *Client, cfg TransformConfig, t Transformer) (*transform, error) {
	var faults []error
	if cfg.Group == "" {
		faults = append(faults, errors.New("Group is empty, want the name of a consumer group"))
	}
	if cfg.Match == nil {
		faults = append(faults, errors.New("Match is nil, want the topics to read"))
	}
	for name, d := range map[string]time.Duration{"Refresh": cfg.Refresh, "SessionTimeout": cfg.SessionTimeout} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("%s is %v, want a positive duration", name, d))
		}
	}
	if cfg.MaxBatch < 0 {
		faults = append(faults, fmt.Errorf("MaxBatch is %d, want a positive number", cfg.MaxBatch))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("kafka: transform: %w", err)
	}
	if cfg.Refresh == 0 {
		cfg.Refresh = defaultRefresh
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = defaultSessionTimeout
	}
	if cfg.MaxBatch == 0 {
		cfg.MaxBatch = defaultMaxBatch
	}
	x := &transform{
		client:  c,
		cfg:     cfg,
		work:    t,
		metrics: newTransformMetrics(c.cfg.Metrics, cfg.Group),
		log:     newReasons(c.cfg.Log, "group", cfg.Group),
		share:   newShare(),
	}
	if cfg.InstanceID != "" {
		x.log.log = x.log.log.With("instance", cfg.InstanceID)
	}
	x.ctx, x.cancel = context.WithCancel(context.WithoutCancel(ctx))
	x.txn = newTransaction(cfg, x.dialTransactions, func() bool { return x.ctx.Err() == nil })
	c.held.watchGroup(cfg.Group)
	return x, nil
}

// run is a member of the group again and again until ctx ends.
func (x *transform) run(ctx context.Context) error {
	// Sarama heeds no context; that its connections end makes it give up.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(hangTimeout, x.cancel) })()
	observed, stop := context.WithCancel(ctx)
	var observer sync.WaitGroup
	observer.Go(func() { x.observe(observed) })
	defer observer.Wait()
	defer stop()
	var pause backoff
	for ctx.Err() == nil {
		err := x.open()
		if err == nil {
			err = x.member(ctx, &pause)
		}
		var fatal *fatalError
		switch {
		case errors.As(err, &fatal):
			return fatal.err
		case errors.Is(err, sarama.ErrFencedInstancedId):
			return fmt.Errorf("%w: instance %s of group %s", ErrFenced, x.cfg.InstanceID, x.cfg.Group)
		case refused(err):
			return fmt.Errorf("kafka: transform: group %s: %w", x.cfg.Group, err)
		case err != nil && ctx.Err() == nil:
			x.log.warn("stream interrupted, trying again", err)
			pause.wait(ctx)
		}
	}
	return nil
}

// refused reports whether the cluster has refused settings or rights, which
// trying again doesn't mend.
func refused(err error) bool {
	for _, r := range []error{
		sarama.ErrInvalidSessionTimeout, sarama.ErrInvalidGroupId, sarama.ErrInconsistentGroupProtocol,
		sarama.ErrInvalidTransactionTimeout, sarama.ErrUnsupportedVersion, sarama.ErrSASLAuthenticationFailed,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
	} {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// fatalError is an error that ends Transform: one of the Transformer.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }

// member joins the group for the topics there are now, and works until the
// topics change, the session is lost or ctx ends.
func (x *transform) member(ctx context.Context, pause *backoff) error {
	topics, err := x.topics(ctx)
	if err != nil || len(topics) == 0 {
		return err
	}
	// The session outlives ctx, so that what is in hand can be committed.
	sctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s := newSession(x, cancel)
	x.now = s
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		x.watch(ctx, sctx, topics, s)
	}()
	err = x.group.Consume(sctx, topics, s)
	cancel()
	<-watched
	if serr := s.end(); serr != nil {
		err = serr // says more than what sarama makes of it
	}
	if s.worked() {
		pause.reset()
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	x.txn.reset(err)
	// Sarama keeps the coordinator that it knows, though it may have died for good.
	if rerr := x.coord.RefreshCoordinator(x.cfg.Group); rerr != nil {
		x.log.warn("the group's coordinator is not found", rerr)
	}
	return err
}

// watch stops s when ctx ends or there are other topics than before.
func (x *transform) watch(ctx, sctx context.Context, topics []string, s *session) {
	tick := time.NewTicker(x.cfg.Refresh)
	defer tick.Stop()
	for {
		select {
		case <-sctx.Done():
			return
		case <-ctx.Done():
			s.stop()
			leave := time.AfterFunc(leaveTimeout, s.cancel)
			defer leave.Stop()
			<-sctx.Done()
			return
		case <-tick.C:
			now, err := x.client.Topics(ctx, x.cfg.Match)
			if err != nil || len(now) == 0 || slices.Equal(now, topics) {
				continue
			}
			x.log.info("topics changed, joining again", "topics", len(now), "before", len(topics))
			s.stop()
			<-sctx.Done()
			return
		}
	}
}

// topics waits until there are topics to read.
func (x *transform) topics(ctx context.Context) ([]string, error) {
	for {
		topics, err := x.client.Topics(ctx, x.cfg.Match)
		if err != nil || len(topics) > 0 {
			return topics, err
		}
		x.share.left(errNoTopics)
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(min(x.cfg.Refresh, defaultRefresh)):
		}
	}
}
