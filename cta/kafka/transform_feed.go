package kafka

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// feed fetches the records of a session's claims. The group's own consumer is
// paused: it makes two objects of every record and sends each through a channel,
// which is half of the work of a drain, and it asks for more only when all has been
// taken. Here, the readers' fetchers get the records, while those before are handled.
type feed struct {
	*reader
	s *session
}

// newFeed starts to feed s, until ctx ends. Whoever has ended ctx then waits for wg.
func newFeed(ctx context.Context, s *session) *feed {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &feed{&reader{
		client: s.x.client, sc: s.x.fetch, cancel: cancel,
		// Joining again finds the position anew, and restores the state that fits it.
		reading: reading{exact: true},
		stale:   make(chan struct{}, 1), work: make(chan struct{}, 1),
		cursors: make(map[Partition]*cursor), fetchers: make(map[int32]*fetcher),
	}, s}
	f.wg.Go(func() { f.find(ctx) })
	f.wg.Go(func() { f.handle(ctx) })
	return f
}

// locate returns a cursor for a claim, whose next record has that offset. It returns
// nil when the claim goes or ctx ends before the offset is known.
func (f *feed) locate(ctx context.Context, c *claimed, p Partition, offset int64) *cursor {
	for offset < 0 { // the group has no position, or one that the topic no longer holds
		at, err := f.sc.GetOffset(p.Topic, p.Partition, offset)
		if err == nil {
			offset = at
			break
		}
		_ = f.sc.RefreshMetadata(p.Topic)
		if c.going() || retry.Pause(ctx, 100*time.Millisecond) != nil {
			return nil
		}
	}
	return &cursor{Partition: p, leader: -1, next: offset}
}

// begin adds a partition.
func (f *feed) begin(cur *cursor) {
	f.s.x.group.Pause(map[string][]int32{cur.Topic: {cur.Partition.Partition}})
	silence(cur.Topic)
	f.mu.Lock()
	f.cursors[cur.Partition] = cur
	f.mu.Unlock()
	f.signal(f.stale)
}

// end removes a partition. What was fetched of it and not handled is dropped.
func (f *feed) end(cur *cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cursors[cur.Partition] == cur {
		delete(f.cursors, cur.Partition)
	}
}

// find looks for the leaders of partitions whenever one is not known or has moved,
// ever more seldom while one is missing.
func (f *feed) find(ctx context.Context) {
	const often, seldom = 20 * time.Millisecond, 500 * time.Millisecond
	for wait := often; ; {
		select {
		case <-ctx.Done():
			return
		case <-f.stale:
		}
		if f.lead(ctx) {
			wait = often
		} else {
			wait = min(2*wait, seldom)
			f.signal(f.stale)
		}
		if retry.Pause(ctx, wait) != nil {
			return
		}
	}
}

// lead tells the fetchers which partitions to fetch, and reports whether every
// partition has a leader.
func (f *feed) lead(ctx context.Context) bool {
	f.mu.Lock()
	var partitions []Partition
	var topics []string
	for p := range f.cursors {
		partitions = append(partitions, p)
		topics = append(topics, p.Topic)
	}
	f.mu.Unlock()
	if len(topics) == 0 {
		return true
	}
	slices.Sort(topics)
	_ = f.sc.RefreshMetadata(slices.Compact(topics)...)
	all := true
	leaders := make(map[Partition]int32)
	for _, p := range partitions {
		leader, err := f.sc.Leader(p.Topic, p.Partition)
		if err != nil {
			all = false
			continue
		}
		leaders[p] = leader.ID()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, leader := range leaders {
		if cur := f.cursors[p]; cur != nil && cur.leader != leader {
			cur.leader, cur.paused = leader, time.Time{}
		}
		f.fetcherOf(ctx, leader)
	}
	for _, fetcher := range f.fetchers {
		f.signal(fetcher.wake)
	}
	return all
}

// handle puts what was fetched into the session's batches.
func (f *feed) handle(ctx context.Context) {
	for {
		f.mu.Lock()
		queue := f.queue
		f.queue = nil
		f.mu.Unlock()
		for _, got := range queue {
			f.s.put(got.cur, got.records, got.next)
			if got.done != nil {
				got.done()
			}
		}
		if len(queue) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				f.s.fail(err) // a partition can't be read
			}
			return
		case <-f.work:
		}
	}
}
