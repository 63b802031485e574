package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-921eec07/ctalive/internal/retry"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := retry.Pause(t.Context(), time.Minute); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("paused %s (%v), want a minute", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if err := retry.Pause(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("paused %s (%v), want a second and the context's error", time.Since(begin), err)
		}
	})
}

func TestSpread(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 2, time.Second} {
		for range 100 {
			if got := retry.Spread(d); got < d/2 || got > d {
				t.Fatalf("Spread(%s) = %s, want half of it to all of it", d, got)
			}
		}
	}
}

func Example() {
	tries, wait := 0, time.Millisecond
	ask := func() error {
		if tries++; tries < 3 {
			return errors.New("away")
		}
		return nil
	}
	for ask() != nil {
		if err := retry.Pause(context.Background(), retry.Spread(wait)); err != nil {
			fmt.Println(err)
			return
		}
		wait = min(2*wait, time.Second)
	}
	fmt.Println("answered at try", tries)
	// Output: answered at try 3
}
