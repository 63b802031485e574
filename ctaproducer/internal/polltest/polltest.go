// Package polltest runs polls in a time of their own, for the tests of sources.
package polltest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/ctaproducer/internal/poll"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Clock is a time that goes on in pauses alone.
type Clock struct {
	Mu   sync.Mutex
	Now  time.Time
	Ends time.Time
}

// Drive calls run with a poll in the clock's time, until that ends. It calls each before
// each pause, with Mu held, unless it is nil.
func (c *Clock) Drive(tb testing.TB, p *poll.Poll, each func(now time.Time), run func(context.Context) error) error {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	defer cancel()
	p.Clock = retry.Clock{
		Now: func() time.Time { c.Mu.Lock(); defer c.Mu.Unlock(); return c.Now },
		Pause: func(ctx context.Context, d time.Duration) error {
			c.Mu.Lock()
			defer c.Mu.Unlock()
			if each != nil {
				each(c.Now)
			}
			if c.Now = c.Now.Add(d); c.Now.After(c.Ends) {
				cancel()
			}
			return ctx.Err()
		},
		Spread: func(d time.Duration) time.Duration { return d },
	}
	return run(ctx)
}

// Quantile returns the q-quantile of durations, which it sorts; 0 of none.
func Quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[int(q*float64(len(of)-1))]
}
