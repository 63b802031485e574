// Package retry has the two things that every loop over a service that may be
// away needs: a pause that ends with its context, and a spread of the pauses, so
// that many clients don't come back at once. What to try again, and how long,
// stays with the loop.
package retry

import (
	"context"
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
