package member

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// ErrFenced is returned by [Run] when another process has taken over this one's
// identity. Nothing is lost: start again.
var ErrFenced = errors.New("kafka: fenced by a newer member")

const (
	tickEvery      = 100 * time.Millisecond // delay of steps that wait for a time
	heartbeatEvery = 500 * time.Millisecond // how soon a member detects a rebalance
	heartbeatLimit = 3 * time.Second        // without the look for the coordinator
	// minRebalance is the minimum time that a rebalance waits for members. A member
	// rejoins within milliseconds. Longer than the session time-out is of no use: all
	// members wait for one that has died during a rebalance.
	minRebalance = 5 * time.Second
	// commitTimeout bounds how long a member continues to commit after its context has
	// ended. At hangTimeout all its requests end; then goodbyeTimeout bounds leaving the group:
	// together less than the five seconds that a program has for its end.
	commitTimeout  = 3 * time.Second
	hangTimeout    = 3500 * time.Millisecond
	goodbyeTimeout = time.Second
)

// withDefaults returns the settings with those that are left out.
func withDefaults(c record.TransformConfig) (record.TransformConfig, error) {
	var faults []error
	if c.Group == "" {
		faults = append(faults, errors.New("Group is empty, want the name of a consumer group"))
	}
	if c.Match == nil {
		faults = append(faults, errors.New("Match is nil, want the topics to read"))
	}
	if c.Refresh < 0 {
		faults = append(faults, fmt.Errorf("Refresh is %v, want a positive duration", c.Refresh))
	}
	if c.SessionTimeout < 0 {
		faults = append(faults, fmt.Errorf("SessionTimeout is %v, want a positive duration", c.SessionTimeout))
	}
	c.Refresh = cmp.Or(c.Refresh, 2*time.Second)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	return c, errors.Join(faults...)
}

// member is one call of Run. The fields below "loop" belong to the loop's goroutine.
type member struct {
	cfg         record.TransformConfig
	cl          *cluster.Cluster
	transformer record.Transformer
	metrics     *metrics
	log         *reasons

	ctx        context.Context // of every request; ends when the member stops waiting
	cancel     context.CancelFunc
	goroutines sync.WaitGroup // all but the loop
	events     chan func()    // their results, for the loop to run
	loopEnded  chan struct{}  // closed when the loop has ended

	// loop
	membership
	topics      []string // to read, as of the last refresh
	topicsKnown bool
	refreshing  bool            // topics
	session     *session        // what is done with the partitions; nil before the first join
	calls       []func() func() // of the Transformer; the first one runs
	assigning   bool            // a call of Assign runs, maybe of a session that has ended
	txn         *txn
	txnInUse    bool // by a goroutine; one at a time
	backoff     time.Duration
	notBefore   time.Time // start of the next attempt, after a failure
	stopping    bool      // ctx has ended
	fatal       error     // what Run returns
	lastSweep   time.Time // last search for transactions of dead members
	sweeping    bool
	measuring   bool                       // progress
	assignedAt  time.Time                  // when the member last received partitions
	caughtUp    bool                       // since then
	lastEnds    map[record.Partition]int64 // ends of partitions at the last look
}

// Run is what [github.com/seed-921eec07/ctalive/cta/kafka.Client.Transform] describes.
func Run(ctx context.Context, cl *cluster.Cluster, log *slog.Logger, reg prometheus.Registerer, cfg record.TransformConfig, t record.Transformer) error {
	cfg, err := withDefaults(cfg)
	if err != nil {
		return fmt.Errorf("kafka: transform: %w", err)
	}
	log = log.With("group", cfg.Group)
	m := &member{
		cfg: cfg, cl: cl, transformer: t, metrics: newMetrics(reg, cfg.Group), log: &reasons{Logger: log, explain: cl, at: make(map[string]time.Time)},
		events: make(chan func()), loopEnded: make(chan struct{}),
		membership: membership{strategy: sarama.NewBalanceStrategyCooperativeSticky()},
	}
	if cfg.InstanceID != "" {
		m.instanceID = &m.cfg.InstanceID
		m.log.Logger = log.With("instance", cfg.InstanceID)
	}
	m.txn = &txn{cl: cl, log: m.log, group: cfg.Group}
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer m.cancel()
	m.joinCtx, m.cancelJoin = context.WithCancel(m.ctx)
	err = m.loop(ctx)
	m.metrics.lag.Set(nil)
	m.cancel()
	close(m.loopEnded)
	m.goroutines.Wait()
	return err
}

// loop is the only goroutine that owns the member's state. It handles one event at a time,
// then starts the steps that are ready.
func (m *member) loop(ctx context.Context) error {
	tick := time.NewTicker(min(tickEvery, m.cfg.SessionTimeout/4))
	defer tick.Stop()
	refresh := time.NewTicker(m.cfg.Refresh)
	defer refresh.Stop()
	var leave, hang <-chan time.Time
	done := ctx.Done()
	m.refreshTopics()
	m.measureProgress()
	for {
		m.advance()
		if (m.stopping || m.fatal != nil) && m.idle() {
			m.cancelJoin() // which may wait for other members
			if !m.joining {
				m.leave()
				return m.fatal
			}
		}
		if m.fatal != nil && hang == nil {
			m.loseAssignment(m.fatal)
			hang = time.After(commitTimeout)
			continue
		}
		select {
		case <-done:
			done, m.stopping = nil, true
			leave, hang = time.After(commitTimeout), time.After(hangTimeout)
			if m.session != nil {
				m.session.stop()
			}
		case <-leave:
			m.loseAssignment(context.Canceled)
		case <-hang:
			m.cancel()
		case then := <-m.events:
			then()
		case fetched := <-m.session.fetchedRecords():
			m.session.fetched = fetched
		case <-tick.C:
			m.heartbeat()
		case <-refresh.C:
			m.refreshTopics()
			m.measureProgress()
		}
	}
}

// async runs work in its own goroutine. The loop then runs the result, unless it has ended.
func (m *member) async(work func() (then func())) {
	m.goroutines.Go(func() {
		then := work()
		select {
		case m.events <- then:
		case <-m.loopEnded:
		}
	})
}

// callTransformer queues a call of the Transformer. Calls run one at a time.
func (m *member) callTransformer(call func() (then func())) {
	m.calls = append(m.calls, call)
	if len(m.calls) == 1 {
		m.nextCall()
	}
}

func (m *member) nextCall() {
	call := m.calls[0]
	m.async(func() func() {
		then := call()
		return func() {
			m.calls = m.calls[1:]
			if len(m.calls) > 0 {
				m.nextCall()
			}
			then()
		}
	})
}

// idle reports whether nothing is in flight, apart from a join.
func (m *member) idle() bool {
	if m.session != nil && !m.session.ended {
		if m.session.hasUncommitted() {
			return false
		}
		m.session.close(nil)
	}
	return len(m.calls) == 0 && !m.assigning && !m.txnInUse
}

// advance starts the steps that are ready: joining, then the session's. It is called after
// every event, so no step needs to know its predecessor.
func (m *member) advance() {
	if !m.stopping && m.fatal == nil && time.Now().After(m.notBefore) { // else the next tick retries
		// A session begins once nothing of the last one runs.
		ended := m.session == nil || m.session.ended
		if ended && m.joined && len(m.calls) == 0 && !m.assigning && !m.txnInUse {
			m.session = newSession(m, m.assigned)
			ended = false
		}
		if len(m.topics) > 0 && !m.joining && (!m.joined || m.rejoin) && (ended || !m.session.revoking()) {
			m.join()
		}
	}
	if m.session != nil {
		m.session.advance()
	}
}

// refreshTopics finds the topics to read.
func (m *member) refreshTopics() {
	if m.refreshing || m.stopping || m.fatal != nil {
		return
	}
	m.refreshing = true
	m.async(func() func() {
		view, err := m.cl.Refresh(m.ctx)
		return func() {
			m.refreshing = false
			switch {
			case err == nil:
				m.updateTopics(view)
			case !m.failIfFatal(err):
				m.log.warnOnce("cannot reach the Kafka cluster; retrying", err)
			}
		}
	})
}

// fail ends Run. Nothing more is committed.
func (m *member) fail(err error) {
	if m.fatal == nil && !(m.stopping && errors.Is(err, context.Canceled)) {
		m.fatal = err
	}
	if m.session != nil {
		m.session.close(err)
	}
}

// restartSession ends the session. After a pause, advance begins a new one with the same
// partitions: uncommitted records are read again. The member stays in its group.
func (m *member) restartSession(err error) {
	if m.session == nil || m.session.ended {
		return
	}
	m.session.close(err)
	m.backOff(err)
}

// loseAssignment drops the session and all partitions: the group has assigned them to others.
func (m *member) loseAssignment(err error) {
	m.joined, m.rejoin, m.assigned = false, false, nil
	if m.session != nil {
		m.session.close(err)
	}
	if !m.stopping && m.fatal == nil {
		m.backOff(err)
	}
}

// backOff delays the next attempt, longer after each failure, with jitter: members that failed
// together should not return together.
func (m *member) backOff(err error) {
	m.log.warnOnce("processing interrupted; retrying", err)
	m.backoff = min(max(2*m.backoff, 50*time.Millisecond), time.Second)
	m.notBefore = time.Now().Add(retry.Spread(m.backoff))
}

// failIfFatal ends Run if an error must end it: another process has this one's identity, the client
// is closed, or the cluster refuses settings, rights or a record, so that retries are useless.
func (m *member) failIfFatal(err error) bool {
	if errors.Is(err, sarama.ErrFencedInstancedId) {
		m.fail(fmt.Errorf("%w: instance %s of group %s", ErrFenced, m.cfg.InstanceID, m.cfg.Group))
		return true
	}
	fatal := slices.ContainsFunc([]error{
		cluster.ErrClosed, sarama.ErrGroupMaxSizeReached, sarama.ErrMessageSizeTooLarge,
		sarama.ErrInvalidSessionTimeout, sarama.ErrInvalidGroupId, sarama.ErrInconsistentGroupProtocol,
		sarama.ErrInvalidTransactionTimeout, sarama.ErrUnsupportedVersion, sarama.ErrSASLAuthenticationFailed,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
	if fatal {
		m.fail(fmt.Errorf("kafka: transform: group %s: %w", m.cfg.Group, err))
	}
	return fatal
}

// reasons is the member's log. warnOnce logs each reason for trouble at most once a minute.
type reasons struct {
	*slog.Logger
	explain interface{ Explain(error) cluster.Trouble }
	mu      sync.Mutex
	at      map[string]time.Time
}

func (r *reasons) warnOnce(msg string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	reason := r.explain.Explain(err).Text
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.at[msg+reason]) > time.Minute {
		r.at[msg+reason] = time.Now()
		r.Warn(msg, "reason", reason)
	}
}
