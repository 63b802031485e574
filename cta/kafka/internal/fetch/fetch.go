// Package fetch reads the records of partitions from the brokers that lead them. Readers
// and members of a group share it: they name the partitions and the first offsets. An
// [Engine] finds the leaders, follows them when they move, and asks all brokers in
// parallel. So a hung broker, or a partition without a leader, delays no other partition.
//
// Sarama's own consumer is not used, for two reasons of its version 1.61.1. It allocates
// two objects per record and sends each through a channel: half of the work of a busy
// reader. And committed positions do not move past batches that compaction has emptied.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
	gometrics "github.com/rcrowley/go-metrics"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

const (
	// wait is how long a broker holds a fetch without records. Partitions found
	// meanwhile join the next fetch.
	wait = 100 * time.Millisecond
	// A response holds up to responseBytes, partitionBytes of each partition (which
	// is a batch of our producers), or one batch if that is more. Decoded records
	// take seven times that: larger responses need more memory, without a higher rate.
	responseBytes  = 1 << 20
	partitionBytes = 256 << 10
	// maxBuffers bounds the responses of a broker that are in flight or wait to be handled.
	maxBuffers = 2
	// warnAfter is when an unreadable partition is logged: the cluster has had time to
	// elect another leader.
	warnAfter = 15 * time.Second
	// emptyRetries is how often a broker must return nothing, where records should be, before
	// one offset is skipped.
	emptyRetries = 3
)

// ErrGone means that the cluster no longer holds a position: retention has removed it, or
// a new topic has the name.
var ErrGone = errors.New("the position is no longer in the log")

// Cursor is a position in one partition.
type Cursor struct {
	record.Partition
	topicID string // of the position's topic; empty when unknown

	// Guarded by Engine.mu.
	broker       int32     // to ask; -1 when the leader is unknown
	position     int64     // offset to fetch
	emptyFetches int       // fetches without data where some should be
	pausedUntil  time.Time // no fetch before
	failingSince time.Time // reading; else zero
	cause        error     // of the failure
}

// Fetched holds one response's records of one partition, or the error that ended it.
type Fetched struct {
	Cursor   *Cursor
	Records  []record.Record
	Bytes    int   // of the records' keys and values when they were fetched
	Position int64 // the offset after everything read with the records, including markers
	Err      error // the cursor has ended: ErrGone, or the user may not read the topic
	done     func()
}

// Done releases the memory of the records for the next response. Call it for each Fetched,
// in order.
func (f Fetched) Done() {
	if f.done != nil {
		f.done()
	}
}

// Engine fetches. It is safe for concurrent use.
type Engine struct {
	cl            *cluster.Cluster
	log           *slog.Logger
	failed        func() // called for each failed fetch
	wg            sync.WaitGroup
	leadersWanted chan struct{} // signals trackLeaders
	queued        chan struct{} // signals deliver: the queue is not empty
	// Out delivers fetched records.
	Out <-chan []Fetched

	mu       sync.Mutex
	cursors  map[record.Partition]*Cursor
	fetchers map[int32]*fetcher // by broker id
	queue    []Fetched          // in the order of fetching
	warned   bool               // an unreadable partition was logged
}

// Start returns an Engine that works until ctx ends. The caller then calls Wait. failed is
// called for each failed fetch.
func Start(ctx context.Context, cl *cluster.Cluster, log *slog.Logger, failed func()) *Engine {
	out := make(chan []Fetched)
	e := &Engine{
		cl: cl, log: log, failed: failed, Out: out,
		leadersWanted: make(chan struct{}, 1), queued: make(chan struct{}, 1),
		cursors: make(map[record.Partition]*Cursor), fetchers: make(map[int32]*fetcher),
	}
	e.wg.Go(func() { e.trackLeaders(ctx) })
	e.wg.Go(func() { e.deliver(ctx, out) })
	return e
}

// Wait waits until all goroutines have ended.
func (e *Engine) Wait() { e.wg.Wait() }

// Add starts fetching a partition of the topic with that id.
func (e *Engine) Add(p record.Partition, topicID string, position int64) *Cursor {
	// Sarama 1.61.1 starts a meter for each topic that is fetched, in the process's registry,
	// with a goroutine that never ends. A meter that is there keeps sarama from it.
	gometrics.DefaultRegistry.GetOrRegister("consumer-fetch-rate-for-topic-"+strings.ReplaceAll(p.Topic, ".", "_"), gometrics.NilMeter{})
	cur := &Cursor{Partition: p, topicID: topicID, position: position, broker: -1}
	e.mu.Lock()
	e.cursors[p] = cur
	e.mu.Unlock()
	signal(e.leadersWanted)
	return cur
}

// Remove stops fetching a partition; cur may be nil. Records fetched before may still be
// delivered.
func (e *Engine) Remove(cur *Cursor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if cur != nil && e.cursors[cur.Partition] == cur {
		delete(e.cursors, cur.Partition)
	}
}

// deliver sends the queue to out until ctx ends.
func (e *Engine) deliver(ctx context.Context, out chan<- []Fetched) {
	for {
		e.mu.Lock()
		queue := e.queue
		e.queue = nil
		e.mu.Unlock()
		to, queued := out, e.queued
		if len(queue) == 0 {
			to = nil
		} else {
			queued = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-queued:
		case to <- queue:
		}
	}
}

func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// trackLeaders finds the leaders of partitions, with growing pauses while one is missing.
func (e *Engine) trackLeaders(ctx context.Context) {
	const often, seldom = 20 * time.Millisecond, time.Second
	for pause := often; ; {
		view, err := e.cl.CurrentView(ctx)
		all := err == nil && e.assign(ctx, view)
		e.warnUnreadable(time.Now())
		if all {
			pause = often
			select {
			case <-ctx.Done():
			case <-e.leadersWanted:
			case <-time.After(seldom): // another caller may have a new view
			}
		} else {
			pause = min(2*pause, seldom)
			_ = retry.Pause(ctx, pause)
			e.cl.Invalidate()
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// assign assigns partitions to fetchers, and reports whether every partition has a leader.
func (e *Engine) assign(ctx context.Context, view *cluster.View) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := true
	for _, cur := range e.cursors {
		t := view.Topics[cur.Topic]
		if t != nil && t.Err == nil && cur.topicID != "" && t.ID != "" && t.ID != cur.topicID {
			e.endLocked(cur, fmt.Errorf("topic %s was recreated: %w", cur.Topic, ErrGone))
			continue
		}
		if cur.broker >= 0 && view.Brokers[cur.broker] != "" && cur.failingSince.IsZero() && e.cl.Rack() != "" {
			continue // the broker may be a nearer replica
		}
		leader := view.Leader(cur.Partition)
		if leader < 0 {
			all = false
			e.fail(cur, cluster.ErrNoLeader)
		} else if cur.broker != leader {
			e.wakeOrStart(ctx, leader)
		}
		cur.broker = leader
	}
	return all
}

// endLocked ends a cursor that e.cursors holds. e.mu is held.
func (e *Engine) endLocked(cur *Cursor, err error) {
	delete(e.cursors, cur.Partition)
	e.queue = append(e.queue, Fetched{Cursor: cur, Err: err})
	signal(e.queued)
}

// warnUnreadable logs once which partitions have been unreadable for long, and when all are readable.
func (e *Engine) warnUnreadable(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var waiting []string
	var cause error
	failing := false
	for _, cur := range e.cursors {
		if cur.failingSince.IsZero() {
			continue
		}
		failing = true
		if now.Sub(cur.failingSince) >= warnAfter {
			waiting, cause = append(waiting, cur.Partition.String()), cur.cause
		}
	}
	switch {
	case len(waiting) > 0 && !e.warned:
		e.warned = true
		slices.Sort(waiting)
		e.log.Warn("cannot read partitions; reading the others; retrying", "waiting", strings.Join(waiting, " "),
			"reason", e.cl.Explain(cause).Text)
	case !failing && e.warned:
		e.warned = false
		e.log.Info("all partitions can be read again")
	}
}

type fetcher struct {
	*Engine
	broker int32
	wake   chan struct{} // partitions were added
	// buffers holds the memory of each response that may be fetched. Once its records are
	// handled, the next response reuses it.
	buffers     chan []record.Record
	suspectLast bool // a partition that seems empty was fetched alone; next, the others are
}

// wakeOrStart makes the broker's fetcher look for its partitions. e.mu is held.
func (e *Engine) wakeOrStart(ctx context.Context, broker int32) {
	f := e.fetchers[broker]
	if f == nil {
		f = &fetcher{Engine: e, broker: broker, wake: make(chan struct{}, 1), buffers: make(chan []record.Record, maxBuffers)}
		for range maxBuffers {
			f.buffers <- nil
		}
		e.fetchers[broker] = f
		e.wg.Go(func() { f.run(ctx) })
	}
	signal(f.wake)
}

func (f *fetcher) run(ctx context.Context) {
	const often = 50 * time.Millisecond
	backoff := often
	for {
		var buffer []record.Record
		select {
		case buffer = <-f.buffers:
		case <-ctx.Done():
			return
		}
		ok, idle := f.fetch(ctx, buffer)
		if ok {
			backoff = often
			continue // the queued records release the buffer
		}
		f.buffers <- buffer
		switch {
		case ctx.Err() != nil:
			return
		case idle:
			select {
			case <-f.wake:
			case <-time.After(wait): // a partition's pause may have ended
			case <-ctx.Done():
			}
		default:
			f.failed()
			signal(f.leadersWanted)
			if retry.Pause(ctx, backoff) != nil {
				return
			}
			backoff = min(2*backoff, time.Second)
		}
	}
}

// fetch makes one request. ok means that the broker answered; idle, that it leads no
// partition now.
func (f *fetcher) fetch(ctx context.Context, buffer []record.Record) (ok, idle bool) {
	req := &sarama.FetchRequest{
		Version:      12, // sarama's newest; older brokers get an older one
		MinBytes:     1,
		MaxWaitTime:  int32(wait.Milliseconds()),
		MaxBytes:     responseBytes,
		Isolation:    sarama.ReadCommitted,
		SessionEpoch: -1, // no session: every request names all its partitions
		RackID:       f.cl.Rack(),
	}
	requested, view := make(map[*Cursor]int64), f.cl.View()
	f.mu.Lock()
	// In turn: one partition that seems empty, alone, and all the others. Of many busy
	// partitions, most seem empty, since an answer has room for a few.
	for _, suspects := range []bool{!f.suspectLast, f.suspectLast} {
		bytes := int32(partitionBytes)
		if suspects {
			bytes = responseBytes
		}
		for _, cur := range f.cursors {
			if cur.broker == f.broker && (cur.emptyFetches > 0) == suspects && !time.Now().Before(cur.pausedUntil) {
				requested[cur] = cur.position
				req.AddBlock(cur.Topic, cur.Partition.Partition, cur.position, bytes, view.Epoch(cur.Partition))
				if suspects {
					break // fetched alone, it is sure to have room
				}
			}
		}
		if len(requested) > 0 {
			f.suspectLast = suspects
			break
		}
	}
	f.mu.Unlock()
	if len(requested) == 0 {
		return false, true
	}
	var resp *sarama.FetchResponse
	err := f.cl.Ask(ctx, cluster.Broker(f.broker), wait+cluster.RequestTimeout, cluster.Send((*sarama.Broker).Fetch, req, cluster.Into(&resp)))
	if err != nil {
		f.cl.Invalidate()
		f.mu.Lock()
		defer f.mu.Unlock()
		for cur := range requested {
			f.fail(cur, err)
		}
		return false, false
	}
	f.handle(ctx, resp, requested, buffer)
	return true, false
}

// handle queues the records of a response. The positions move and the queue grows under one
// lock, so that a partition's records stay in order when its leader changes.
func (f *fetcher) handle(ctx context.Context, resp *sarama.FetchResponse, requested map[*Cursor]int64, buffer []record.Record) {
	type outcome struct {
		Fetched
		emptied bool // no data where some should be
		err     sarama.KError
		replica int32
	}
	got := make([]outcome, 0, len(requested))
	for cur, from := range requested {
		block := resp.GetBlock(cur.Topic, cur.Partition.Partition)
		if block == nil {
			continue // left out: no room
		}
		o := outcome{Fetched: Fetched{Cursor: cur}, err: block.Err, replica: block.PreferredReadReplica}
		if block.Err == sarama.ErrNoError {
			n := len(buffer)
			buffer, o.Bytes, o.Position = batch.Decode(cur.Partition, block, from, buffer)
			o.Records = buffer[n:]
			o.emptied = len(block.RecordsSet) == 0 && block.LastStableOffset > from
		}
		if len(block.RecordsSet) > 0 && block.RecordsSet[0].RecordBatch == nil { // from before Kafka 0.11
			o.err = sarama.ErrUnsupportedForMessageFormat
		}
		got = append(got, o)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	queued := false
	for _, o := range got {
		cur := o.Cursor
		if f.cursors[cur.Partition] != cur || cur.position != requested[cur] {
			continue // removed, or the new leader's fetcher was faster
		}
		if o.err != sarama.ErrNoError {
			f.fail(cur, o.err)
			f.handleRefusal(cur, o.err)
			continue
		}
		cur.failingSince, cur.cause = time.Time{}, nil
		switch {
		case !o.emptied:
			cur.emptyFetches = 0
		case cur.emptyFetches < emptyRetries:
			cur.emptyFetches++ // maybe for lack of room
		default:
			// Compaction has emptied a batch and kept it for its producer's sequence. Sarama
			// omits the batch and its end. So the fetcher skips it offset by offset;
			// otherwise a reader would stay here forever.
			o.Position = cur.position + 1
		}
		if o.replica >= 0 && f.cl.Rack() != "" && o.replica != cur.broker {
			cur.broker = o.replica // nearer than the leader
			f.wakeOrStart(ctx, o.replica)
		}
		if o.Position > cur.position {
			cur.position = o.Position
			f.queue = append(f.queue, o.Fetched)
			f.queue[len(f.queue)-1].Position = o.Position
			queued = true
		}
	}
	if !queued {
		f.buffers <- buffer[:0]
		return
	}
	f.queue[len(f.queue)-1].done = func() { f.buffers <- buffer[:0] }
	signal(f.queued)
}

// fail records that a partition can't be read now. e.mu is held.
func (e *Engine) fail(cur *Cursor, err error) {
	cur.cause = err
	if cur.failingSince.IsZero() {
		cur.failingSince = time.Now()
	}
}

// handleRefusal handles a broker's refusal of a partition. f.mu is held.
func (f *fetcher) handleRefusal(cur *Cursor, kerr sarama.KError) {
	f.failed()
	if time.Since(cur.failingSince) > time.Second {
		cur.pausedUntil = time.Now().Add(wait)
	}
	switch kerr {
	case sarama.ErrOffsetOutOfRange:
		if view := f.cl.View(); view.Leader(cur.Partition) == f.broker {
			f.endLocked(cur, fmt.Errorf("offset %d of %v: %w", cur.position, cur.Partition, ErrGone))
			return
		}
	case sarama.ErrTopicAuthorizationFailed:
		f.endLocked(cur, fmt.Errorf("topic %s: %w", cur.Topic, kerr))
		return
	}
	// The leader has moved, or the topic is gone. Reading continues once it is known to be
	// the same topic.
	cur.broker = -1
	f.cl.Invalidate()
	signal(f.leadersWanted)
}
