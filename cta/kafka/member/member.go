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
	"github.com/seed-921eec07/ctalive/cta/retry"
)

// ErrFenced is returned by [Run] when another process has taken over this one's
// identity. Nothing is lost: start again.
var ErrFenced = errors.New("kafka: fenced by a newer member")

// Config holds the settings of a member. Group and Match are required.
type Config struct {
	Group string                  // consumer group; its members share the partitions
	Match func(topic string) bool // topics to read; those that appear later are picked up
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
	// Progress, if not nil, is told every Refresh how far this member is, whether records
	// arrive or not. It has to be quick. Default: nobody is.
	Progress func(Progress)
}

// Gained is a partition that a member is given.
type Gained struct {
	record.Partition
	TopicID    string // that the cluster gave to the topic when it was made; empty before Kafka 2.8
	Partitions int32  // of the topic
	End        int64  // the offset that its next record had, when the group's position was settled
}

// Transformer is the work of a member. Its methods, and the functions that Assign
// returns, are called one at a time, but for Assign: one call of that may go on beside
// the others.
type Transformer interface {
	// Needs returns the partitions that Assign reads for one that is gained. That one waits
	// while one of them has no leader, and no other does. It may be called at any time.
	Needs(Gained) []record.Partition
	// Assign is called before the first record of partitions that were given to
	// this member, to read their state. The positions of those partitions are
	// settled by then, and they have a leader: what was published for them can be read.
	//
	// It may take long: neither the group nor the member's other partitions wait for
	// it. So it leaves alone what Transform and Revoke use; the function that it
	// returns takes what was read into use. That is called at once, and Revoke after
	// it for those of gained that have gone elsewhere meanwhile. When the member is
	// lost, ctx ends, and what Assign returns is dropped. It is called again after an
	// error that says that a partition which it reads has come to have no leader.
	Assign(ctx context.Context, gained []Gained) (take func(), err error)
	// Revoke is called after the last record of partitions that go elsewhere.
	Revoke(lost []record.Partition)
	// Transform returns the records to publish for a batch of records read. What
	// it returns and the batch's positions are committed together, or not at all;
	// then Revoke and Assign follow for every partition before any of its records
	// comes again. The next batch may come before the last one is committed. A batch has
	// up to 32,768 records, and 8 MB or one record. It is only valid during the call (the bytes of its records stay valid).
	Transform(ctx context.Context, batch []record.Record) ([]record.Record, error)
}

const (
	tickEvery      = 100 * time.Millisecond // what waits for a time is started so late
	heartbeatEvery = 500 * time.Millisecond // how soon a member hears of a rebalance
	heartbeatLimit = 3 * time.Second
	// minRebalance bounds from below how long members are waited for in a
	// rebalance. A member joins again within milliseconds, so no longer than a
	// silent one is: all wait for one that has died in the middle of it.
	minRebalance = 5 * time.Second
	// leaveTimeout bounds how long a member goes on committing once its context
	// has ended; hangTimeout when it stops waiting for the cluster at all.
	leaveTimeout = 3 * time.Second
	hangTimeout  = 4 * time.Second
)

func (c Config) withDefaults() (Config, error) {
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

// member is one call of Run. All fields below loop belong to the loop's goroutine.
type member struct {
	cfg     Config
	cl      *cluster.Cluster
	work    Transformer
	metrics *metrics
	log     *reasons

	ctx    context.Context // of every request; ends when nothing is waited for any more
	cancel context.CancelFunc
	helper sync.WaitGroup // goroutines beside the loop
	inbox  chan func()    // what they found out, as the loop is to take it
	ended  chan struct{}  // closed when the loop has ended
	jobs   chan func()    // calls of the Transformer, one at a time

	// loop
	membership
	topics    []string // to read, as of the last look
	looked    bool     // for topics
	looking   bool
	session   *session // what is done with the partitions; nil before the first join
	calls     int      // of the Transformer that wait or are under way
	assigning bool     // a call of Assign is under way, maybe of a session that was lost
	txn       *txn     // used by one goroutine at a time
	txnBusy   bool     // by one
	pause     time.Duration
	notBefore time.Time // when the next attempt may begin, after a failure
	stopping  bool      // ctx has ended
	fatal     error     // what Run returns
	swept     time.Time // when transactions of the dead were last looked for
	sweeping  bool
	measuring bool                       // how far it is
	since     time.Time                  // when the member was last given partitions
	caughtUp  bool                       // since then
	lastEnds  map[record.Partition]int64 // where partitions ended at the last look
}

// Run is a member of a group until ctx ends: it reads, has t transform, and publishes in
// transactions. Then it commits what it has, leaves the group and returns nil. It
// returns [ErrFenced], or the error of t. The cluster going away is not an error: Run
// goes on when it is back.
func Run(ctx context.Context, cl *cluster.Cluster, log *slog.Logger, reg prometheus.Registerer, cfg Config, t Transformer) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return fmt.Errorf("kafka: transform: %w", err)
	}
	log = log.With("group", cfg.Group)
	m := &member{
		cfg: cfg, cl: cl, work: t, metrics: newMetrics(reg, cfg.Group), log: &reasons{log, cl, make(map[string]time.Time)},
		inbox: make(chan func()), ended: make(chan struct{}), jobs: make(chan func(), 64),
		txn: &txn{cl: cl, group: cfg.Group}, membership: membership{strategy: sarama.NewBalanceStrategyCooperativeSticky().(strategy)},
	}
	if cfg.InstanceID != "" {
		m.instance = &m.cfg.InstanceID
		m.log.log = log.With("instance", cfg.InstanceID)
	}
	m.ctx, m.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer m.cancel()
	m.helper.Go(func() {
		for job := range m.jobs {
			job()
		}
	})
	err = m.loop(ctx)
	m.metrics.lag.Set(nil)
	m.cancel()
	close(m.ended)
	close(m.jobs)
	m.helper.Wait()
	return err
}

// loop is the one goroutine that owns the member's state. It takes what happens, one
// thing at a time, and then starts whatever can be started.
func (m *member) loop(ctx context.Context) error {
	tick := time.NewTicker(min(tickEvery, m.cfg.SessionTimeout/4))
	defer tick.Stop()
	look := time.NewTicker(m.cfg.Refresh)
	defer look.Stop()
	var leave, hang <-chan time.Time
	done := ctx.Done()
	m.look()
	m.measure()
	for {
		m.advance()
		if (m.stopping || m.fatal != nil) && m.idle() {
			m.leave()
			return m.fatal
		}
		if m.fatal != nil && hang == nil {
			m.lose(m.fatal)
			hang = time.After(leaveTimeout)
			continue
		}
		select {
		case <-done:
			done, m.stopping = nil, true
			leave, hang = time.After(leaveTimeout), time.After(hangTimeout)
			if m.session != nil {
				m.session.stop()
			}
		case <-leave:
			m.lose(context.Canceled)
		case <-hang:
			m.cancel()
		case then := <-m.inbox:
			then()
		case got := <-m.session.input():
			m.session.take(got)
		case <-tick.C:
			m.heartbeat()
		case <-look.C:
			m.look()
			m.measure()
		}
	}
}

// beside runs work in a goroutine of its own. The loop then runs what it returns, as long
// as there is a loop.
func (m *member) beside(work func() (then func())) {
	m.helper.Go(func() {
		then := work()
		select {
		case m.inbox <- then:
		case <-m.ended:
		}
	})
}

// call has the Transformer called, after the calls before.
func (m *member) call(job func() (then func())) {
	m.calls++
	m.jobs <- func() {
		then := job()
		select {
		case m.inbox <- func() {
			m.calls--
			then()
		}:
		case <-m.ended:
		}
	}
}

// idle reports whether nothing is under way any more.
func (m *member) idle() bool {
	if m.session != nil && !m.session.lost {
		if m.session.unfinished() {
			return false
		}
		m.session.close(nil)
	}
	return m.calls == 0 && !m.assigning && !m.txnBusy && !m.joining
}

// advance starts what can be started: joining, then the session's steps. It is called
// after whatever has happened, so that no step has to know which one comes before it.
func (m *member) advance() {
	if !m.stopping && m.fatal == nil && time.Now().After(m.notBefore) { // else the next tick comes here again
		without := m.session == nil || m.session.lost
		if without && m.joined && m.calls == 0 && !m.assigning && !m.txnBusy {
			m.session = newSession(m, m.held)
			without = false
		}
		if len(m.topics) > 0 && !m.joining && (!m.joined || m.again) && (without || !m.session.leaving()) {
			m.join()
		}
	}
	if m.session != nil {
		m.session.advance()
	}
}

// look finds the topics to read.
func (m *member) look() {
	if m.looking || m.stopping || m.fatal != nil {
		return
	}
	m.looking = true
	m.beside(func() func() {
		view, err := m.cl.Refresh(m.ctx)
		return func() {
			m.looking = false
			switch {
			case err == nil:
				m.seen(view)
			case !m.ends(err):
				m.log.warn("the cluster is not reached", err)
			}
		}
	})
}

// fail ends Run.
func (m *member) fail(err error) {
	if m.fatal == nil && !m.stopping {
		m.fatal = err
	}
}

// restart gives the session up, and begins with the same partitions anew: what is not
// committed is read again. The member stays in its group.
func (m *member) restart(err error) {
	if m.session == nil || m.session.lost {
		return
	}
	m.session.close(err)
	m.slow(err)
}

// lose gives the session and all partitions up: the group has given them to others.
func (m *member) lose(err error) {
	m.joined, m.again, m.held = false, false, nil
	if m.session != nil {
		m.session.close(err)
	}
	if !m.stopping && m.fatal == nil {
		m.slow(err)
	}
}

// slow has the next attempt wait, ever longer until one succeeds, with jitter so that
// members that failed together don't come back together.
func (m *member) slow(err error) {
	m.log.warn("stream interrupted, trying again", err)
	m.pause = min(max(2*m.pause, 50*time.Millisecond), time.Second)
	m.notBefore = time.Now().Add(retry.Spread(m.pause))
}

// ends reports whether an error ends Run: another process has this one's identity, or
// the cluster has refused settings or rights, which trying again doesn't mend.
func (m *member) ends(err error) bool {
	switch {
	case errors.Is(err, sarama.ErrFencedInstancedId):
		m.fail(fmt.Errorf("%w: instance %s of group %s", ErrFenced, m.cfg.InstanceID, m.cfg.Group))
	case refused(err):
		m.fail(fmt.Errorf("kafka: transform: group %s: %w", m.cfg.Group, err))
	default:
		return false
	}
	return true
}

func refused(err error) bool {
	return slices.ContainsFunc([]error{
		sarama.ErrGroupMaxSizeReached,
		sarama.ErrInvalidSessionTimeout, sarama.ErrInvalidGroupId, sarama.ErrInconsistentGroupProtocol,
		sarama.ErrInvalidTransactionTimeout, sarama.ErrUnsupportedVersion, sarama.ErrSASLAuthenticationFailed,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed,
		sarama.ErrTransactionalIDAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
	}, func(refusal error) bool { return errors.Is(err, refusal) })
}

// reasons logs each reason for trouble at most once a minute. It belongs to the loop.
type reasons struct {
	log     *slog.Logger
	explain interface{ Explain(error) cluster.Trouble }

	at map[string]time.Time
}

func (r *reasons) warn(msg string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	reason := r.explain.Explain(err).Text
	if time.Since(r.at[msg+reason]) > time.Minute {
		r.at[msg+reason] = time.Now()
		r.log.Warn(msg, "reason", reason)
	}
}
