// Package retry has what loops over a service that may be away need: a pause that
// ends with its context, a spread of the pauses, so that many clients don't come
// back at once, and the loop itself, for those that are bounded in time.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Pause waits for d and returns nil, or for the end of ctx and returns its
// error.
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

// The pauses of [Clock.Run], of which a random half is waited at least.
const (
	firstPause = 200 * time.Millisecond
	longPause  = 5 * time.Second
)

// Clock is the time by which a loop waits.
type Clock struct {
	Now    func() time.Time
	Pause  func(context.Context, time.Duration) error
	Spread func(time.Duration) time.Duration
}

// System is the clock of every loop outside of tests.
var System = Clock{Now: time.Now, Pause: Pause, Spread: Spread}

// Run calls try until it succeeds, until again says that another try is of no use,
// or until limit is over, when it tries a last time. again is called before each
// further try, and returns how long the service wants to be left alone besides. The
// error tells the number of tries; when ctx ends, it wraps the error of ctx.
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
		pause += c.Spread(next) // many clients may be asked for the same pause
		last = pause >= left
		if c.Pause(ctx, min(pause, left)) != nil {
			return fmt.Errorf("stopped: %w, after: %w", ctx.Err(), err)
		}
		next = min(2*next, longPause)
	}
}
