// Package retry helps loops that wait for a service. It has a pause that ends with its
// context, random pauses, so that many clients do not return at once, and a retry loop
// bounded in time.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Pause waits for d and returns nil. If ctx ends first, it returns ctx's error.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Spread returns a random time from d/2 up to d.
func Spread(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// Forever is a limit that is never reached.
const Forever time.Duration = math.MaxInt64

// The pauses of [Clock.Run]. At least half of each is waited; the rest is random.
const (
	firstPause = 200 * time.Millisecond
	longPause  = 5 * time.Second
)

// Clock is a retry loop's source of time.
type Clock struct {
	Now    func() time.Time
	Pause  func(context.Context, time.Duration) error
	Spread func(time.Duration) time.Duration
}

// System is the clock of every loop outside of tests.
var System = Clock{Now: time.Now, Pause: Pause, Spread: Spread}

// Run calls try until one of these:
//   - try succeeds;
//   - again reports false: another try is useless;
//   - limit is over. Then try is called a last time.
//
// again is called before each further try, and returns the extra pause that the service
// asks for. The error contains the number of tries; when ctx ends, it wraps ctx's error.
func (c Clock) Run(ctx context.Context, limit time.Duration, again func(error) (after time.Duration, again bool), try func(context.Context) error) error {
	start, next := c.Now(), firstPause
	for tries, last := 1, false; ; tries++ {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			if errors.Is(err, ctx.Err()) {
				return fmt.Errorf("stopped: %w", ctx.Err())
			}
			return fmt.Errorf("stopped: %w, after: %w", ctx.Err(), err)
		}
		left, useful := limit-c.Now().Sub(start), false
		var pause time.Duration
		if !last && left > 0 {
			pause, useful = again(err)
		}
		if !useful {
			if tries > 1 {
				err = fmt.Errorf("%w, after %d tries", err, tries)
			}
			return err
		}
		pause += c.Spread(next) // the service may ask many clients for the same pause
		last = pause >= left
		if c.Pause(ctx, min(pause, left)) != nil {
			return fmt.Errorf("stopped: %w, after: %w", ctx.Err(), err)
		}
		next = min(2*next, longPause)
	}
}
