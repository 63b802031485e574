package ctaproducer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// patience repeats what may work the next time, with growing pauses, for a
// bounded time.
type patience struct {
	wait time.Duration // no try begins later than this after the first
	// now and pause are the clock, spread is the dice; tests give others.
	now    func() time.Time
	pause  func(ctx context.Context, d time.Duration) error
	spread func(d time.Duration) time.Duration
}

func newPatience(wait time.Duration) patience {
	return patience{wait: wait, now: time.Now, pause: retry.Pause, spread: retry.Spread}
}

const (
	firstPause = 200 * time.Millisecond
	longPause  = 5 * time.Second
	// fewTries is for failures that look passing but are often lasting.
	fewTries = 5
)

// verdict says what to do after a failed try.
type verdict struct {
	again bool          // it may work the next time
	few   bool          // but hardly after fewTries
	after time.Duration // pause that was asked for, which the usual one follows
}

// run calls try until it succeeds, until its verdict is not to try again, or
// until the time is up. told, if not nil, is called before every pause.
func (p patience) run(ctx context.Context, told func(err error, after time.Duration), try func(context.Context) (verdict, error)) error {
	start, next := p.now(), firstPause
	for tries := 1; ; tries++ {
		v, err := try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			if errors.Is(err, ctx.Err()) {
				return fmt.Errorf("stopped: %w", ctx.Err())
			}
			return fmt.Errorf("stopped: %w, after: %w", ctx.Err(), err)
		}
		after := v.after + p.spread(next) // many clients may be asked for the same pause
		if !v.again || v.few && tries >= fewTries || p.now().Add(after).Sub(start) > p.wait {
			if tries > 1 {
				err = fmt.Errorf("%w, after %d tries", err, tries)
			}
			return err
		}
		if told != nil {
			told(err, after)
		}
		if p.pause(ctx, after) != nil {
			return fmt.Errorf("stopped: %w, after: %w", ctx.Err(), err)
		}
		next = min(2*next, longPause)
	}
}
