// Package cluster sends requests to the brokers of a Kafka cluster. Every request of
// package kafka goes through [Cluster.Ask]. Ask finds the broker that serves the request:
// a partition's leader, the coordinator of a group or transaction, the controller, or any.
// It bounds the request's time, drops outdated knowledge, and logs a silent broker once.
//
// Sarama's own Client is not used, for three reasons of its version 1.61.1. It keeps to
// a coordinator that has died. It waits as long for a hung broker as for a working one.
// And one partition without a leader makes it fail for the others. Only its Broker is
// used: one connection, and the encoding of requests.
//
// A [View] holds the known state of the cluster. It never changes; a new one replaces it.
// A connection serves one request at a time. Idle connections are kept, by address, and
// more are opened while all are busy: a request that waits, such as a fetch, delays no
// other. Nor does one that the broker throttles: its response is held back for that time.
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

const (
	// RequestTimeout bounds a request that brokers answer at once.
	RequestTimeout = 5 * time.Second
	// PromptTimeout bounds a request while another may be quicker: the first round of those
	// that any broker serves, and the measuring of lag, in which a hung leader has a share.
	PromptTimeout = 2 * time.Second
	// watchInterval is the interval of checks, during a request, whether another broker serves it.
	watchInterval = time.Second
	// idleTime is when an unused connection is closed. Brokers close theirs after ten minutes.
	idleTime = time.Minute
	// maxLeaderlessAge is the maximum age of a view that shows no leader for a partition.
	maxLeaderlessAge = 250 * time.Millisecond
	dialTimeout      = 5 * time.Second
)

// ErrNoLeader means that a partition has no leader now.
var ErrNoLeader = errors.New("partition has no leader")

// ErrClosed means that the Cluster was closed.
var ErrClosed = errors.New("the Kafka client is closed")

// Cluster is a Kafka cluster, safe for concurrent use.
type Cluster struct {
	conf  *sarama.Config
	token Token
	seeds []string
	log   *slog.Logger

	ctx    context.Context // ends with Close, and every connection with it
	cancel context.CancelFunc
	view   atomic.Pointer[View]

	mu           sync.Mutex
	idle         map[string][]*Link   // by address; the most recently used last
	silent       map[string]time.Time // addresses reported as silent, and since when
	probed       map[string]bool      // addresses that are being probed
	lastAnswered string               // the address that answered last
	coordinators map[Target]int32
	invalidated  time.Time   // when the view last turned out wrong
	refreshing   *refreshing // in flight; else nil

	helpers sync.WaitGroup // goroutines, started with mu held; none once idle is nil
}

// Token returns the token of a new connection. ctx ends with the connection's first request.
type Token func(ctx context.Context) (*sarama.AccessToken, error)

// New returns a cluster that is first looked for at seeds. It connects on the first
// request. conf has the versions, TLS and SASL of the connections; token, if not nil,
// authenticates them.
func New(seeds []string, conf *sarama.Config, token Token, log *slog.Logger) *Cluster {
	own := *conf
	own.Net.Proxy.Enable = true // the only way to give sarama a dialer
	// Ask bounds requests by itself.
	own.Net.ReadTimeout, own.Net.WriteTimeout = time.Hour, time.Hour
	c := &Cluster{
		conf: &own, token: token, seeds: seeds, log: log,
		idle: make(map[string][]*Link), silent: make(map[string]time.Time), probed: make(map[string]bool),
		coordinators: make(map[Target]int32),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.view.Store(&View{})
	return c
}

// Close ends every connection and every request.
func (c *Cluster) Close() {
	c.cancel()
	c.mu.Lock()
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, links := range idle {
		for _, l := range links {
			l.close()
		}
	}
	c.helpers.Wait()
}

// Version is the newest version of Kafka whose requests are used.
func (c *Cluster) Version() sarama.KafkaVersion { return c.conf.Version }

// Rack is this program's location; empty when not set.
func (c *Cluster) Rack() string { return c.conf.RackID }

// Target names the broker that serves a request.
type Target struct {
	kind targetKind
	name string // of a topic, a group or a transaction
	n    int32  // a partition or a broker
}

type targetKind int8

const (
	toAny targetKind = iota
	toBroker
	toController
	toLeader
	toGroup
	toTransaction
)

// Any is whichever broker answers.
func Any() Target { return Target{} }

// Broker is the broker of that id.
func Broker(id int32) Target { return Target{kind: toBroker, n: id} }

// Controller is the broker that creates topics.
func Controller() Target { return Target{kind: toController} }

// Leader is the broker that leads p.
func Leader(p record.Partition) Target { return Target{toLeader, p.Topic, p.Partition} }

// Group is the coordinator of a group.
func Group(name string) Target { return Target{kind: toGroup, name: name} }

// Transaction is the coordinator of a transactional id.
func Transaction(id string) Target { return Target{kind: toTransaction, name: id} }

// String describes the broker in words.
func (to Target) String() string {
	switch to.kind {
	case toBroker:
		return fmt.Sprintf("broker %d", to.n)
	case toController:
		return "the controller"
	case toLeader:
		return fmt.Sprintf("the leader of %s/%d", to.name, to.n)
	case toGroup:
		return "the coordinator of group " + to.name
	case toTransaction:
		return "the coordinator of transaction " + to.name
	}
	return "any broker"
}

// Ask sends one request, of [Send], to the broker that serves it. A refusal is a
// [sarama.KError]. limit bounds the time of the request alone, without the look for its
// broker; ctx ends both. After a failure, Ask drops outdated knowledge, so that the next
// call finds another broker.
func (c *Cluster) Ask(ctx context.Context, to Target, limit time.Duration, send func(*Link) error) error {
	if to.kind == toAny {
		return c.askAny(ctx, limit, send)
	}
	addr, err := c.address(ctx, to)
	if err != nil {
		return err
	}
	served, stop := c.untilMoved(ctx, to, addr)
	err = c.request(served, addr, limit, send)
	stop()
	if err != nil && misdirected(err) {
		c.invalidate(to)
	}
	return err
}

// Send returns a function that sends req by a method of Broker. check returns the refusal
// in the response, if any.
func Send[Q, R any](method func(*sarama.Broker, Q) (R, error), req Q, check func(R) error) func(*Link) error {
	return func(l *Link) error {
		resp, err := method(l.Broker, req)
		if err != nil {
			return err
		}
		switch resp := any(resp).(type) { // brokers throttle other requests for a second at most
		case *sarama.ProduceResponse:
			l.throttled = resp.ThrottleTime
		case *sarama.FetchResponse:
			l.throttled = resp.ThrottleTime
		}
		return check(resp)
	}
}

// Into returns a check for [Send] that stores the response. Refusals in it are the caller's.
func Into[R any](to *R) func(R) error {
	return func(resp R) error {
		*to = resp
		return nil
	}
}

// askAny asks one broker after the other: first the one that answered last, then those
// that answer, then the others.
func (c *Cluster) askAny(ctx context.Context, limit time.Duration, send func(*Link) error) error {
	addrs := c.addresses()
	err := error(sarama.ErrOutOfBrokers)
	rounds := []time.Duration{min(PromptTimeout, limit), limit}
	if len(addrs) == 1 {
		rounds = rounds[1:]
	}
	for _, limit := range rounds {
		for _, addr := range addrs {
			if err = c.request(ctx, addr, limit, send); err == nil {
				c.mu.Lock()
				c.lastAnswered = addr
				c.mu.Unlock()
				return nil
			}
			var kerr sarama.KError
			if ctx.Err() != nil || errors.As(err, &kerr) || permanent(err) {
				return err
			}
		}
		if !isTimeout(err) {
			break
		}
	}
	return err
}

// addresses returns the addresses of all known brokers, the most promising first.
func (c *Cluster) addresses() []string {
	view := c.View()
	all := make([]string, 0, len(view.Brokers)+len(c.seeds))
	for _, addr := range view.Brokers {
		all = append(all, addr)
	}
	all = append(all, c.seeds...)
	c.mu.Lock()
	defer c.mu.Unlock()
	rank := func(addr string) int {
		switch {
		case !c.silent[addr].IsZero():
			return 2
		case addr == c.lastAnswered:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return slices.Compact(all)
}

// address returns the address of the broker that serves a request.
func (c *Cluster) address(ctx context.Context, to Target) (string, error) {
	id, view := to.n, c.View()
	switch to.kind {
	case toGroup, toTransaction:
		var err error
		if id, err = c.coordinator(ctx, to); err != nil {
			return "", fmt.Errorf("find %v: %w", to, err)
		}
		view = c.View()
	case toLeader, toController:
		if view.serves(to) < 0 && time.Since(view.at) > maxLeaderlessAge {
			c.invalidate(to)
		}
		var err error
		if view, err = c.CurrentView(ctx); err != nil {
			return "", err
		}
		if id = view.serves(to); id < 0 {
			switch {
			case to.kind == toController:
				return "", fmt.Errorf("%v is unknown: %w", to, sarama.ErrBrokerNotAvailable)
			case view.Topics[to.name] == nil:
				return "", fmt.Errorf("topic %s: %w", to.name, sarama.ErrUnknownTopicOrPartition)
			}
			return "", fmt.Errorf("%s/%d: %w", to.name, to.n, ErrNoLeader)
		}
	}
	addr, ok := view.Brokers[id]
	if !ok {
		c.invalidate(to)
		if view, err := c.Refresh(ctx); err != nil {
			return "", err
		} else if addr, ok = view.Brokers[id]; !ok {
			return "", fmt.Errorf("broker %d is not in the cluster: %w", id, sarama.ErrBrokerNotAvailable)
		}
	}
	return addr, nil
}

// invalidate drops the knowledge of which broker serves a request.
func (c *Cluster) invalidate(to Target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.coordinators, to)
	if to.kind == toLeader || to.kind == toController {
		c.invalidated = time.Now()
	}
}

// Invalidate reports that brokers may have changed their roles.
func (c *Cluster) Invalidate() { c.invalidate(Target{kind: toLeader}) }

func (c *Cluster) coordinator(ctx context.Context, to Target) (int32, error) {
	c.mu.Lock()
	id, ok := c.coordinators[to]
	c.mu.Unlock()
	if ok {
		return id, nil
	}
	addr := ""
	req := &sarama.FindCoordinatorRequest{Version: 2, CoordinatorKey: to.name, CoordinatorType: sarama.CoordinatorGroup}
	if to.kind == toTransaction {
		req.CoordinatorType = sarama.CoordinatorTransaction
	}
	err := c.askAny(ctx, RequestTimeout, Send((*sarama.Broker).FindCoordinator, req, func(resp *sarama.FindCoordinatorResponse) error {
		if resp.Err == sarama.ErrNoError {
			id, addr = resp.Coordinator.ID(), resp.Coordinator.Addr()
		}
		return Refusal(resp.Err)
	}))
	if err != nil {
		return -1, err
	}
	if c.View().Brokers[id] != addr {
		if _, err := c.Refresh(ctx); err != nil {
			return -1, err
		}
	}
	c.mu.Lock()
	c.coordinators[to] = id
	c.mu.Unlock()
	return id, nil
}

// untilMoved returns a context that ends when another broker, or none, serves a request:
// a hung broker would keep the request for its whole time.
func (c *Cluster) untilMoved(ctx context.Context, to Target, addr string) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	timer := time.AfterFunc(watchInterval, func() {
		defer close(done)
		for ; ctx.Err() == nil; _ = retry.Pause(ctx, watchInterval) {
			if err := c.checkMoved(ctx, to, addr); err != nil {
				cancel(err)
				c.probe(addr)
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		if !timer.Stop() {
			<-done
		}
	}
}

// checkMoved returns an error when another broker than that at addr serves a request.
func (c *Cluster) checkMoved(ctx context.Context, to Target, addr string) error {
	c.invalidate(to)
	if _, err := c.Refresh(ctx); err != nil {
		return nil // unknown
	}
	now, err := c.address(ctx, to)
	switch {
	case err == nil && now != addr:
		return fmt.Errorf("%v has changed", to)
	case errors.Is(err, ErrNoLeader), errors.Is(err, sarama.ErrBrokerNotAvailable):
		return err
	}
	return nil
}

// Link is one connection.
type Link struct {
	*sarama.Broker
	token     Token
	used      time.Time     // last use
	throttled time.Duration // by the last response
	ctx       context.Context
	cancel    context.CancelCauseFunc // ends the connection and its requests
}

func (l *Link) close() {
	l.cancel(nil)
	_ = l.Broker.Close()
}

// Dial opens the connection, for sarama.
func (l *Link) Dial(network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	nc, err := d.DialContext(l.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(l.ctx, func() { _ = nc.Close() })
	return nc, nil
}

// Token authenticates the connection, for sarama.
func (l *Link) Token() (*sarama.AccessToken, error) { return l.token(l.ctx) }

// connection returns an idle connection to a broker, or a new one.
func (c *Cluster) connection(addr string) (l *Link, fresh bool, err error) {
	var old []*Link
	c.mu.Lock()
	idle := c.idle[addr]
	for len(idle) > 0 && time.Since(idle[0].used) > idleTime {
		old, idle = append(old, idle[0]), idle[1:]
	}
	if n := len(idle); n > 0 {
		l, idle = idle[n-1], idle[:n-1]
	}
	closed := c.idle == nil
	if !closed {
		c.idle[addr] = idle
	}
	c.mu.Unlock()
	for _, o := range old {
		o.close()
	}
	switch {
	case closed:
		return nil, false, ErrClosed
	case l != nil:
		return l, false, nil
	}
	l = &Link{Broker: sarama.NewBroker(addr), token: c.token}
	l.ctx, l.cancel = context.WithCancelCause(c.ctx)
	conf := *c.conf
	conf.Net.Proxy.Dialer = l
	if l.token != nil {
		conf.Net.SASL.TokenProvider = l
	}
	return l, true, l.Open(&conf)
}

// request sends one request over one connection.
func (c *Cluster) request(ctx context.Context, addr string, limit time.Duration, send func(*Link) error) error {
	l, fresh, err := c.connection(addr)
	if err != nil {
		return err
	}
	asked := time.Now()
	timer := time.AfterFunc(limit, func() { l.cancel(fmt.Errorf("no answer within %v: %w", limit, os.ErrDeadlineExceeded)) })
	stop := context.AfterFunc(ctx, func() { l.cancel(context.Cause(ctx)) })
	_, err = l.Connected()
	if err == nil {
		l.throttled = 0
		err = send(l)
		if l.throttled > 0 { // sarama would sleep before the connection's next request, whatever has ended
			_ = retry.Pause(l.ctx, l.throttled) // the response is here, whatever ends the pause
		}
	}
	stopped := timer.Stop()
	stopped = stop() && stopped // else the connection is being ended
	var (
		kerr     sarama.KError
		encoding sarama.PacketEncodingError
	)
	if err != nil && !errors.As(err, &encoding) && (!errors.As(err, &kerr) || errors.Is(err, sarama.ErrSASLAuthenticationFailed)) {
		if cause := context.Cause(l.ctx); cause != nil {
			err = cause
		}
		l.close()
		if ctx.Err() == nil && c.ctx.Err() == nil {
			c.connectionLost(addr, fresh, err)
		}
		if c.ctx.Err() != nil {
			err = ErrClosed
		}
		return err
	}
	l.used = time.Now()
	c.mu.Lock()
	kept := c.idle != nil && stopped && l.ctx.Err() == nil
	if kept {
		c.idle[addr] = append(c.idle[addr], l)
	}
	since, silent := c.silent[addr]
	back := silent && asked.After(since) // else it answered an earlier request
	if back {
		delete(c.silent, addr)
	}
	c.mu.Unlock()
	if !kept {
		l.close()
	}
	if back {
		c.log.Info("a Kafka broker answers again", "broker", addr)
	}
	return err
}

// connectionLost closes the other connections to a broker, and checks whether it answers.
// The end of an idle connection means little: brokers close them.
func (c *Cluster) connectionLost(addr string, fresh bool, err error) {
	c.mu.Lock()
	idle := c.idle[addr]
	if c.idle != nil {
		delete(c.idle, addr)
	}
	if c.lastAnswered == addr {
		c.lastAnswered = ""
	}
	c.mu.Unlock()
	for _, l := range idle {
		l.close()
	}
	if isTimeout(err) {
		c.probe(addr)
	} else if fresh {
		c.warnSilent(addr, err)
	}
}

// probe checks whether a broker that keeps a request answers at all. It may only be waiting
// for other brokers, mostly its replicas.
func (c *Cluster) probe(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil || c.probed[addr] || !c.silent[addr].IsZero() {
		return
	}
	c.probed[addr] = true
	c.helpers.Go(func() {
		var resp *sarama.ApiVersionsResponse
		err := c.request(c.ctx, addr, PromptTimeout, Send((*sarama.Broker).ApiVersions, new(sarama.ApiVersionsRequest), Into(&resp)))
		if isTimeout(err) {
			c.warnSilent(addr, err)
		}
		c.mu.Lock()
		delete(c.probed, addr)
		c.mu.Unlock()
	})
}

// warnSilent logs once that a broker doesn't answer.
func (c *Cluster) warnSilent(addr string, err error) {
	c.mu.Lock()
	known := !c.silent[addr].IsZero()
	if !known {
		c.silent[addr] = time.Now()
	}
	c.mu.Unlock()
	if !known && len(c.View().Brokers) > 0 {
		c.log.Warn("a Kafka broker doesn't answer", "broker", addr, "reason", c.Explain(err).Text)
	}
}
