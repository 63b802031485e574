package retry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Clients that fail together don't come back together, and give up in time; nor do
// those that were all asked for the same pause, which is kept. The last try is made
// when the time is up.
func TestRunIsBoundedAndSpread(t *testing.T) {
	for _, asked := range []time.Duration{0, 3 * time.Second, time.Hour} {
		t.Run("asked for "+asked.String(), func(t *testing.T) {
			first := make(map[time.Duration]bool)
			for range 50 {
				now := time.Now()
				begun, away := now, errors.New("away")
				var pauses []time.Duration
				clock := retry.Clock{
					Now:    func() time.Time { return now },
					Spread: retry.Spread,
					Pause: func(_ context.Context, d time.Duration) error {
						now = now.Add(d)
						pauses = append(pauses, d)
						return nil
					},
				}
				again := func(error) (time.Duration, bool) { return asked, true }
				err := clock.Run(t.Context(), time.Minute, again, func(context.Context) error { return away })
				if !errors.Is(err, away) || !strings.Contains(err.Error(), ", after ") {
					t.Fatalf("error %v, want %v and the tries", err, away)
				}
				if took := now.Sub(begun); took != time.Minute {
					t.Errorf("gave up after %v, want a minute", took)
				}
				for i, d := range pauses[:len(pauses)-1] {
					if most := min(200*time.Millisecond<<i, 5*time.Second); d < asked+most/2 || d > asked+most {
						t.Errorf("pause %d is %v, want %v to %v", i, d, asked+most/2, asked+most)
					}
				}
				first[pauses[0]] = true
			}
			if len(first) < 10 && asked < time.Minute {
				t.Errorf("50 clients have %d different first pauses", len(first))
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	away := errors.New("away")
	again := func(error) (time.Duration, bool) { cancel(); return 0, true }
	err := retry.System.Run(ctx, retry.Forever, again, func(context.Context) error { return away })
	if !errors.Is(err, context.Canceled) || !errors.Is(err, away) {
		t.Errorf("error %v, want %v and %v", err, context.Canceled, away)
	}
}
