package ctaproducer

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Clients that fail together don't come back together, and give up in time; nor do
// those that were all asked for the same pause, which is kept.
func TestPatienceIsBoundedAndSpread(t *testing.T) {
	for _, asked := range []time.Duration{0, 3 * time.Second} {
		t.Run("asked for "+asked.String(), func(t *testing.T) { testPatience(t, asked) })
	}
}

func testPatience(t *testing.T, asked time.Duration) {
	first := make(map[time.Duration]bool)
	for range 50 {
		p := newPatience(time.Minute)
		now := time.Now()
		var pauses []time.Duration
		p.now = func() time.Time { return now }
		p.pause = func(_ context.Context, d time.Duration) error {
			now = now.Add(d)
			pauses = append(pauses, d)
			return nil
		}
		begun, away := now, errors.New("away")
		err := p.run(t.Context(), nil, func(context.Context) (verdict, error) { return verdict{again: true, after: asked}, away })
		if !errors.Is(err, away) {
			t.Fatalf("error %v, want %v", err, away)
		}
		if took := now.Sub(begun); took > time.Minute || took < 50*time.Second {
			t.Errorf("gave up after %v, want a minute", took)
		}
		for i, d := range pauses {
			if most := min(firstPause<<i, longPause); d < asked+most/2 || d > asked+most {
				t.Errorf("pause %d is %v, want %v to %v", i, d, asked+most/2, asked+most)
			}
		}
		first[pauses[0]] = true
	}
	if len(first) < 10 {
		t.Errorf("50 clients have %d different first pauses", len(first))
	}
}
