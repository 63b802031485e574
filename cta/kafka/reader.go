package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/fetch"
	"github.com/seed-921eec07/ctalive/cta/metric"
	"github.com/seed-921eec07/ctalive/cta/retry"
)

// Start says where a reader begins.
type Start struct {
	from startKind
	time time.Time
}

type startKind int8

const (
	fromStart startKind = iota
	fromEnd
	fromTime
)

// FromStart begins at the oldest record.
func FromStart() Start { return Start{} }

// FromEnd begins at the records that come after the call.
func FromEnd() Start { return Start{from: fromEnd} }

// FromTime begins at the first record whose timestamp is t or later.
func FromTime(t time.Time) Start { return Start{from: fromTime, time: t} }

// ReaderConfig holds the settings of a [Client.Read]. Match is required.
type ReaderConfig struct {
	Match Match
	// Start is where topics that exist at the call are begun; those that appear
	// later are read from their oldest record. Default: FromStart.
	Start func(topic string) Start
	// CaughtUp, if not nil, is called once, when every record that was there at
	// the call has been handled, from the goroutine that calls handle.
	CaughtUp func()
	// Refresh is how often topics are looked for. Default: 2s.
	Refresh time.Duration
	// StopAtEnd makes Read return nil once it has caught up.
	StopAtEnd bool
}

func (c ReaderConfig) withDefaults() ReaderConfig {
	if c.Start == nil {
		c.Start = func(string) Start { return FromStart() }
	}
	if c.Refresh == 0 {
		c.Refresh = 2 * time.Second
	}
	return c
}

func (c ReaderConfig) validate() error {
	var faults []error
	if c.Match == nil {
		faults = append(faults, errors.New("Match is not set"))
	}
	if c.Refresh < 0 {
		faults = append(faults, fmt.Errorf("Refresh is %v, want a positive time", c.Refresh))
	}
	return errors.Join(faults...)
}

// Read reads committed records of all partitions of the matching topics, without
// a group, and passes them to handle, one at a time and in order within a
// partition. It returns nil when ctx ends, and handle's error when it returns one.
// The cluster going away is not an error: Read goes on when it is back. A topic
// that the user may not read is one.
//
// A record that was there at the call is one below the partition's last stable
// offset at that time: neither part of an open transaction nor a transaction's
// marker. A position that the cluster no longer holds, because retention or a
// new topic of the same name has overtaken it, is logged, and reading goes on at
// the oldest record.
//
// handle may keep a record, but must not change its bytes.
func (c *Client) Read(ctx context.Context, cfg ReaderConfig, handle func(context.Context, Record) error) error {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return fmt.Errorf("kafka: read: settings: %w", err)
	}
	return c.read(ctx, reading{
		ReaderConfig: cfg,
		begin: func(p Partition, oldest, end int64) (int64, time.Time) {
			switch s := cfg.Start(p.Topic); s.from {
			case fromEnd:
				return end, time.Time{}
			case fromTime:
				return end, s.time
			default:
				return oldest, time.Time{}
			}
		},
	}, handle)
}

// reading is what one reader does.
type reading struct {
	ReaderConfig // without Start
	// ends, if not nil, are partitions that are to be read up to there. They are waited
	// for, and stay, though the cluster's answers may leave them out for a while.
	ends map[Partition]int64
	// begin gives the first offset of a partition that exists at the call, or a
	// time to look it up by, when that isn't zero.
	begin func(p Partition, oldest, end int64) (int64, time.Time)
}

// reader is one call of Read: an engine gets the records, scout finds partitions and
// where they begin, and the caller's own goroutine handles the records.
type reader struct {
	client *Client
	reading
	engine *fetch.Engine
	cancel context.CancelCauseFunc
	found  chan struct{} // tells the handler that partitions or targets have changed
	lag    *metric.Lag   // of scout

	mu      sync.Mutex
	parts   map[Partition]*part
	scouted bool // all partitions that existed at the call are known
}

// part is how far one partition is read. Its fields are guarded by reader.mu.
type part struct {
	cur     *fetch.Cursor // nil while its position is looked for
	handled int64         // everything below has been handled
	target  int64         // handled has to reach it to have caught up; 0 for later partitions
}

func (c *Client) read(ctx context.Context, what reading, handle func(context.Context, Record) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(c.ctx, func() { cancel(ErrClosed) })()
	r := &reader{
		client: c, reading: what, cancel: cancel, found: make(chan struct{}, 1),
		parts: make(map[Partition]*part), lag: metric.NewLag(c.stats.readLag),
		engine: fetch.Start(inner, c.cl, c.cfg.Log, c.stats.readErrors.Inc),
	}
	var scout sync.WaitGroup
	scout.Go(func() { r.scout(inner) })
	err := r.handleAll(inner, handle)
	cancel(nil) // nobody waits for a response
	scout.Wait()
	r.engine.Wait()
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, errCaughtUp):
		return nil
	}
	return err
}

// errCaughtUp ends a reader that stops at the end.
var errCaughtUp = errors.New("caught up")

// handleAll passes records to handle until ctx ends, in the caller's goroutine.
func (r *reader) handleAll(ctx context.Context, handle func(context.Context, Record) error) error {
	fetched := make(chan []fetch.Fetched)
	go func() {
		defer close(fetched)
		for ctx.Err() == nil {
			select {
			case fetched <- r.engine.Next(ctx):
			case <-ctx.Done():
			}
		}
	}()
	caughtUp := false
	for {
		if !caughtUp && r.hasCaughtUp() {
			caughtUp = true
			if r.CaughtUp != nil {
				r.CaughtUp()
			}
			if r.StopAtEnd {
				return errCaughtUp
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.found:
		case queue := <-fetched:
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

// finish notes how far a partition is handled.
func (r *reader) finish(f fetch.Fetched) {
	r.mu.Lock()
	p := r.parts[f.Cursor.Partition]
	mine := p != nil && p.cur == f.Cursor
	switch {
	case mine && errors.Is(f.Err, fetch.ErrGone):
		p.cur = nil // scout looks for where to go on
		r.client.cfg.Log.Warn("records were removed before they were read; going on at the oldest",
			"topic", f.Cursor.Topic, "partition", f.Cursor.Partition.Partition, "reason", f.Err)
	case mine && f.Err != nil:
		r.cancel(fmt.Errorf("kafka: read: %w", f.Err))
	case mine:
		p.handled = max(p.handled, f.Next)
	}
	r.mu.Unlock()
	f.Done() // from here on, f.Records are others
}

// hasCaughtUp compares positions with the ends at the call. Counting records
// would not do: markers of transactions, aborted records and compaction leave
// gaps, at the end too.
func (r *reader) hasCaughtUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.scouted {
		return false
	}
	for _, p := range r.parts {
		if p.handled < p.target {
			return false
		}
	}
	return true
}

// scout looks for partitions of matching topics until ctx ends.
func (r *reader) scout(ctx context.Context) {
	log := r.client.cfg.Log
	defer r.lag.Set(nil)
	var last string
	const often = 20 * time.Millisecond
	for backoff := often; ; {
		all, err := r.lookAround(ctx)
		pause := r.Refresh
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrSASLAuthenticationFailed):
			r.cancel(fmt.Errorf("kafka: read: %w", err))
			return
		case err != nil:
			if text := r.client.cl.Explain(err).Text; text != last {
				log.Warn("reading waits for the Kafka cluster", "reason", text)
				last = text
			}
		case last != "":
			log.Info("reading goes on", "brokers", r.client.cfg.Brokers)
			last = ""
		}
		if err != nil || !all {
			pause = min(backoff, pause)
			backoff = min(2*backoff, 2*time.Second)
		} else {
			backoff = often
		}
		if !r.StopAtEnd && err == nil {
			r.look(ctx)
		}
		if retry.Pause(ctx, pause) != nil {
			return
		}
	}
}

// lookAround begins partitions that are new, and ends those that are gone. It reports
// whether there are none that have to be looked for again soon.
func (r *reader) lookAround(ctx context.Context) (all bool, _ error) {
	view, err := r.client.cl.Refresh(ctx)
	if err != nil {
		return false, err
	}
	all = true
	fresh := make(map[Partition]bool)
	r.mu.Lock()
	for name, t := range view.Topics {
		if t.Internal || !r.Match(name) {
			continue
		}
		if t.Err != nil && errors.Is(t.Err, sarama.ErrTopicAuthorizationFailed) {
			r.mu.Unlock()
			return false, fmt.Errorf("topic %s: %w", name, t.Err)
		}
		for n, leader := range t.Leaders {
			p := Partition{Topic: name, Partition: int32(n)}
			switch known := r.parts[p]; {
			case known != nil && known.cur != nil:
			case leader < 0:
				all = false // it may be one that exists at the call
			default:
				fresh[p] = true
			}
		}
	}
	for p := range r.ends {
		if r.parts[p] == nil && !fresh[p] {
			all = false
		}
	}
	for p, known := range r.parts {
		if _, wanted := r.ends[p]; !wanted && view.Topics[p.Topic] == nil {
			r.client.cfg.Log.Info("topic is gone", "topic", p.Topic, "partition", p.Partition)
			if known.cur != nil {
				r.engine.Remove(known.cur)
			}
			delete(r.parts, p)
		}
	}
	scouted := r.scouted
	r.mu.Unlock()

	begun, err := r.locate(ctx, fresh, scouted)
	r.mu.Lock()
	for p, at := range begun {
		if was := r.parts[p]; was != nil { // in a new topic of the old name there is less to catch up with
			at.target = min(was.target, at.target)
		}
		at.cur = r.engine.Add(p, view.Topics[p.Topic].ID, at.handled)
		r.parts[p] = at
	}
	all = all && len(begun) == len(fresh)
	r.scouted = r.scouted || all
	r.mu.Unlock()
	select {
	case r.found <- struct{}{}:
	default:
	}
	if errors.Is(err, sarama.ErrTopicAuthorizationFailed) {
		return false, err
	}
	if !scouted && !all && len(begun) == 0 && err == nil && len(fresh) == 0 && len(r.ends) > 0 {
		err = cluster.ErrNoLeader
	}
	return all, err
}

// locate finds where partitions begin and, for those that exist at the call,
// where they end. Partitions whose leader doesn't answer now are left out.
func (r *reader) locate(ctx context.Context, fresh map[Partition]bool, late bool) (map[Partition]*part, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	ask := func(at cluster.At) (map[Partition]int64, error) {
		of := make(map[Partition]cluster.At, len(fresh))
		for p := range fresh {
			of[p] = at
		}
		return r.client.cl.Offsets(ctx, of, true)
	}
	oldest, err := ask(cluster.Oldest)
	ends, err2 := ask(cluster.Newest)
	if err == nil {
		err = err2
	}
	begun := make(map[Partition]*part, len(oldest))
	times := make(map[Partition]cluster.At)
	for p, at := range oldest {
		end, ok := ends[p]
		if !ok {
			continue
		}
		r.mu.Lock()
		again := r.parts[p] != nil
		r.mu.Unlock()
		if late && !again {
			begun[p] = &part{handled: at}
			continue
		}
		if again {
			begun[p] = &part{handled: at, target: end}
			continue
		}
		if to, ok := r.ends[p]; ok {
			end = to
		}
		next, t := r.begin(p, at, end)
		if !t.IsZero() {
			times[p] = cluster.At(max(t.UnixMilli(), 0))
		}
		begun[p] = &part{handled: next, target: end}
	}
	if len(times) == 0 {
		return begun, err
	}
	at, err := r.client.cl.Offsets(ctx, times, true)
	for p := range times {
		next, answered := at[p]
		if !answered {
			delete(begun, p)
		} else if next >= 0 { // otherwise no record is that young, and it begins at the end
			begun[p].handled = next
		}
	}
	return begun, err
}

// look measures how many records the reader has yet to handle. The cluster is asked, and
// not what arrives: nothing does while a reader is stuck. What can't be asked now will be
// the next time.
func (r *reader) look(ctx context.Context) {
	of := make(map[Partition]cluster.At)
	r.mu.Lock()
	for p := range r.parts {
		of[p] = cluster.Newest
	}
	r.mu.Unlock()
	ends, _ := r.client.cl.Offsets(ctx, of, true)
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
