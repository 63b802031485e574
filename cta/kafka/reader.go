package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/fetch"
	"github.com/seed-921eec07/ctalive/internal/metric"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Names returns a Match for exactly those topics.
func Names(topics ...string) Match {
	topics = slices.Clone(topics)
	return func(topic string) bool { return slices.Contains(topics, topic) }
}

// AnyOf returns a Match for topics that at least one of matches selects.
func AnyOf(matches ...Match) Match {
	matches = slices.Clone(matches)
	return func(topic string) bool { return slices.ContainsFunc(matches, func(m Match) bool { return m(topic) }) }
}

// Read reads committed records of all partitions of the matching topics, without
// a group. It passes them to handle, one at a time and in order within a partition.
// It returns nil when ctx ends, the error of handle, or an error for a topic that the
// user may not read. While the cluster is away, Read waits and retries.
//
// For CaughtUp and StopAtEnd, a record exists if it is below the partition's last stable
// offset at the call. Retention or a new topic of the same name may remove a position:
// Read logs that, and continues at the oldest record.
func (c *Client) Read(ctx context.Context, cfg ReadConfig, handle func(context.Context, Record) error) error {
	var faults []error
	if cfg.Match == nil {
		faults = append(faults, errors.New("Match is nil, want the topics to read"))
	}
	if cfg.Refresh < 0 {
		faults = append(faults, fmt.Errorf("Refresh is %v, want a positive duration", cfg.Refresh))
	}
	if len(faults) > 0 {
		return fmt.Errorf("kafka: read: settings: %w", errors.Join(faults...))
	}
	if err := c.read(ctx, reading{ReadConfig: cfg}, handle); ctx.Err() == nil {
		return err
	}
	return nil
}

type reading struct {
	ReadConfig
	// only, if not empty, lists the partitions to read. The reader waits for them, and keeps
	// them when an answer omits them for a while. A partition without a leader for longer
	// is an error. The reader also waits for the transactions open at the call.
	only []Partition
	// begin, if not nil, returns the first offset of a partition that exists at the call.
	begin func(p Partition, has cluster.Bounds) int64
}

// reader is one call of Read: an engine fetches records, discoverPartitions finds partitions and
// their first offsets, and the caller's goroutine handles the records.
type reader struct {
	client *Client
	reading
	engine     *fetch.Engine
	cancel     context.CancelCauseFunc
	changed    chan struct{}           // signals the handler: partitions or targets have changed
	lag        *metric.Lag             // used by discoverPartitions, as is the next field
	leaderless map[Partition]time.Time // partitions of only, since when

	mu         sync.Mutex
	parts      map[Partition]*part
	discovered bool // all partitions that existed at the call are known
}

// part is the progress of one partition. reader.mu guards its fields.
type part struct {
	cursor  *fetch.Cursor // nil until its position is known
	handled int64         // everything below has been handled
	target  int64         // to be caught up, handled must reach it; 0 for later partitions
}

// read returns the error of ctx, too.
func (c *Client) read(ctx context.Context, what reading, handle func(context.Context, Record) error) error {
	what.Refresh = cmp.Or(what.Refresh, 2*time.Second)
	inner, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(c.ctx, func() { cancel(fmt.Errorf("kafka: read: %w", cluster.ErrClosed)) })()
	r := &reader{
		client: c, reading: what, cancel: cancel, changed: make(chan struct{}, 1),
		parts: make(map[Partition]*part), lag: metric.NewLag(c.stats.readLag), leaderless: make(map[Partition]time.Time),
		engine: fetch.Start(inner, c.cl, c.cfg.Log, c.stats.readErrors.Inc),
	}
	var discovery sync.WaitGroup
	discovery.Go(func() { r.discoverPartitions(inner) })
	err := r.handleAll(inner, handle)
	cancel(nil) // stop waiting for responses
	discovery.Wait()
	r.engine.Wait()
	return cmp.Or(ctx.Err(), err)
}

// leaderTimeout bounds how long a required partition may lack a leader. An election is
// faster.
const leaderTimeout = 5 * time.Second

// handleAll passes records to handle until ctx ends or, with StopAtEnd, all are handled.
func (r *reader) handleAll(ctx context.Context, handle func(context.Context, Record) error) error {
	caughtUp := false
	for {
		if !caughtUp && r.hasCaughtUp() {
			caughtUp = true
			if r.CaughtUp != nil {
				r.CaughtUp()
			}
			if r.StopAtEnd {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.changed:
		case queue := <-r.engine.Out:
			for _, f := range queue {
				for _, rec := range f.Records {
					if ctx.Err() != nil {
						return context.Cause(ctx)
					}
					if err := handle(ctx, rec); err != nil {
						return err
					}
				}
				r.finish(f)
			}
		}
	}
}

// finish records a partition's progress.
func (r *reader) finish(f fetch.Fetched) {
	r.mu.Lock()
	p := r.parts[f.Cursor.Partition]
	mine := p != nil && p.cursor == f.Cursor
	switch {
	case mine && errors.Is(f.Err, fetch.ErrGone):
		p.cursor = nil // discoverPartitions finds the next position
		r.client.cfg.Log.Warn("records expired before they were read, or the topic was recreated; continuing at the oldest",
			"topic", f.Cursor.Topic, "partition", f.Cursor.Partition.Partition, "reason", f.Err)
	case mine && f.Err != nil:
		r.cancel(fmt.Errorf("kafka: read: %w", f.Err))
	case mine:
		p.handled = max(p.handled, f.Position)
	}
	r.mu.Unlock()
	f.Done() // f.Records are reused from here
}

// hasCaughtUp compares positions with the ends at the call. Counting records would fail:
// markers, aborted records and compaction leave gaps, at the end too.
func (r *reader) hasCaughtUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.discovered {
		return false
	}
	for _, p := range r.parts {
		if p.handled < p.target {
			return false
		}
	}
	return true
}

// discoverPartitions looks for partitions of matching topics until ctx ends.
func (r *reader) discoverPartitions(ctx context.Context) {
	log := r.client.cfg.Log
	defer r.lag.Set(nil)
	var last string
	const often = 20 * time.Millisecond
	for backoff := often; ; {
		all, err := r.discoverOnce(ctx)
		pause := r.Refresh
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrSASLAuthenticationFailed):
			r.cancel(fmt.Errorf("kafka: read: %w", err))
			return
		case err != nil:
			if text := r.client.cl.Explain(err).Text; text != last {
				log.Warn("waiting to read from the Kafka cluster", "reason", text)
				last = text
			}
		case last != "":
			log.Info("reading from the Kafka cluster again", "brokers", r.client.cfg.Brokers)
			last = ""
		}
		if err != nil || !all {
			pause = min(backoff, pause)
			backoff = min(2*backoff, 2*time.Second)
		} else {
			backoff = often
		}
		if !r.StopAtEnd && err == nil {
			r.measureLag(ctx)
		}
		if retry.Pause(ctx, pause) != nil {
			return
		}
	}
}

// discoverOnce adds new partitions and removes deleted ones. all is false when some must be
// looked for again soon.
func (r *reader) discoverOnce(ctx context.Context) (all bool, _ error) {
	view, err := r.client.cl.Refresh(ctx)
	if err != nil {
		return false, err
	}
	wanted := r.only
	for name, t := range view.Topics {
		switch {
		case t.Internal || !r.Match(name):
		case errors.Is(t.Err, sarama.ErrTopicAuthorizationFailed):
			return false, fmt.Errorf("topic %s: %w", name, t.Err)
		case len(r.only) == 0:
			for n := range t.Leaders {
				wanted = append(wanted, Partition{Topic: name, Partition: int32(n)})
			}
		}
	}
	all = true
	var added []Partition
	r.mu.Lock()
	for _, p := range wanted {
		led := view.Leader(p) >= 0
		switch since := r.leaderless[p]; {
		case led:
			delete(r.leaderless, p)
		case since.IsZero():
			r.leaderless[p] = time.Now()
		case len(r.only) > 0 && time.Since(since) > leaderTimeout:
			r.cancel(fmt.Errorf("%v: %w", p, cluster.ErrNoLeader))
		}
		switch known := r.parts[p]; {
		case known != nil && known.cursor != nil:
		case led:
			added = append(added, p)
		default:
			all = false // it may have existed at the call
		}
	}
	for p, known := range r.parts {
		if len(r.only) == 0 && view.Topics[p.Topic] == nil {
			r.client.cfg.Log.Info("topic deleted", "topic", p.Topic, "partition", p.Partition)
			r.engine.Remove(known.cursor)
			delete(r.parts, p)
		}
	}
	r.mu.Unlock()
	var wg sync.WaitGroup
	for _, some := range view.ByLeader(added) { // one that doesn't answer delays only its own
		wg.Go(func() {
			begun, lerr := r.startPositions(ctx, some)
			r.mu.Lock()
			defer r.mu.Unlock()
			for p, at := range begun {
				at.cursor = r.engine.Add(p, view.Topics[p.Topic].ID, at.handled)
				r.parts[p] = at
			}
			all, err = all && len(begun) == len(some), cmp.Or(err, lerr)
		})
	}
	wg.Wait()
	r.mu.Lock()
	r.discovered = r.discovered || all
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
	return all, err
}

// startPositions finds where partitions begin and, for those that exist at the call, where they
// end. Partitions whose leader doesn't answer are left out.
func (r *reader) startPositions(ctx context.Context, added []Partition) (map[Partition]*part, error) {
	bounds, err := r.client.cl.Bounds(ctx, added, len(r.only) == 0)
	begun := make(map[Partition]*part, len(bounds))
	times := make(map[Partition]cluster.At)
	r.mu.Lock()
	for p, has := range bounds {
		switch was := r.parts[p]; {
		case was != nil: // in a new topic of the old name there is less to catch up with
			begun[p] = &part{handled: has.Oldest, target: min(was.target, has.Newest)}
		case r.discovered:
			begun[p] = &part{handled: has.Oldest}
		default:
			begun[p] = &part{handled: has.Oldest, target: has.Newest}
			if r.begin != nil {
				begun[p].handled = r.begin(p, has)
			} else if r.Since != nil && !r.Since(p.Topic).IsZero() {
				times[p] = cluster.At(max(r.Since(p.Topic).UnixMilli(), 0))
			}
		}
	}
	r.mu.Unlock()
	at, terr := r.client.cl.Offsets(ctx, times, true, cluster.RequestTimeout)
	for p := range times {
		switch next, answered := at[p]; {
		case !answered:
			delete(begun, p)
		case next < 0: // no record is that young
			begun[p].handled = begun[p].target
		default:
			begun[p].handled = next
		}
	}
	return begun, cmp.Or(err, terr)
}

// measureLag measures how many records the reader has yet to handle. The cluster is asked, and
// not what arrives: nothing does while a reader is stuck. What can't be asked now will be
// the next time.
func (r *reader) measureLag(ctx context.Context) {
	r.mu.Lock()
	of := slices.Collect(maps.Keys(r.parts))
	r.mu.Unlock()
	ends, _ := r.client.cl.Offsets(ctx, cluster.Each(of, cluster.Newest), true, cluster.PromptTimeout)
	behind := make(map[string]int64)
	r.mu.Lock()
	for p, end := range ends {
		if known := r.parts[p]; known != nil {
			behind[p.Topic] += max(end-known.handled, 0)
		}
	}
	r.mu.Unlock()
	r.lag.Set(behind)
}
