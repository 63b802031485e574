package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
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
		match: cfg.Match, refresh: cfg.Refresh, caughtUp: cfg.CaughtUp, stopAtEnd: cfg.StopAtEnd,
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
	match     Match
	refresh   time.Duration
	caughtUp  func()
	stopAtEnd bool
	exact     bool // a position that the cluster doesn't hold ends the reading
	// ends, if not nil, are partitions that are to be read up to there. They are waited
	// for, and stay, though the cluster's answers may leave them out for a while.
	ends map[Partition]int64
	// begin gives the first offset of a partition that exists at the call, or a
	// time to look it up by, when that isn't zero.
	begin func(p Partition, oldest, end int64) (int64, time.Time)
}

// reader is one call of Read. Three kinds of goroutines work on it: scout finds
// partitions and where they begin, one fetcher a broker gets records, and the
// caller's own handles them.
type reader struct {
	client *Client
	reading
	sc sarama.Client

	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	stale  chan struct{} // tells scout that leaders have moved
	work   chan struct{} // tells the handler that the queue or the targets changed

	mu       sync.Mutex
	cursors  map[Partition]*cursor
	fetchers map[int32]*fetcher // by broker id
	queue    []fetched          // in the order of fetching
	scouted  bool               // all partitions that existed at the call are known
	told     bool               // of one that can't be read
}

// cursor is the position in one partition. Its fields are guarded by reader.mu.
type cursor struct {
	Partition
	leader  int32
	next    int64     // offset to fetch
	handled int64     // everything below has been handled
	target  int64     // handled has to reach it to have caught up; 0 for later partitions
	paused  time.Time // no fetching before, after an error
	failing time.Time // since when it can't be read; zero when it can
}

// fetched is what one response held of one partition.
type fetched struct {
	cur     *cursor
	records []Record
	next    int64
	done    func() // called once when handled; nil but for a response's last
}

func (c *Client) read(ctx context.Context, what reading, handle func(context.Context, Record) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	sc, err := c.dial(inner, nil)
	if err != nil {
		cancel(nil)
		return fmt.Errorf("kafka: read: %w", err)
	}
	r := &reader{
		client: c, reading: what, sc: sc, cancel: cancel,
		stale: make(chan struct{}, 1), work: make(chan struct{}, 1),
		cursors: make(map[Partition]*cursor), fetchers: make(map[int32]*fetcher),
	}
	r.wg.Add(1)
	go r.scout(inner)
	err = r.handleAll(inner, handle)
	cancel(nil) // closes the connections, so nobody waits for a response
	r.wg.Wait()
	_ = sc.Close()
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
	caughtUp := false
	for {
		r.mu.Lock()
		queue := r.queue
		r.queue = nil
		r.mu.Unlock()
		for _, f := range queue {
			for _, rec := range f.records {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if err := handle(ctx, rec); err != nil {
					return err
				}
			}
			r.finish(f)
		}
		if !caughtUp && r.hasCaughtUp() {
			caughtUp = true
			if r.caughtUp != nil {
				r.caughtUp()
			}
			if r.stopAtEnd {
				return errCaughtUp
			}
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-r.work:
		}
	}
}

func (r *reader) finish(f fetched) {
	r.mu.Lock()
	f.cur.handled = max(f.cur.handled, f.next)
	r.mu.Unlock()
	if n := len(f.records); n > 0 {
		bytes := 0
		for i := range f.records {
			bytes += len(f.records[i].Key) + len(f.records[i].Value)
		}
		r.client.stats.readRecords.WithLabelValues(f.cur.Topic).Add(float64(n))
		r.client.stats.readBytes.WithLabelValues(f.cur.Topic).Add(float64(bytes))
	}
	if f.done != nil {
		f.done() // from here on, f.records are others
	}
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
	for _, cur := range r.cursors {
		if cur.handled < cur.target {
			return false
		}
	}
	return true
}

func (r *reader) signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
