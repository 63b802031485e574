package ctaproducer

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Clients that fail together don't come back together, and give up in time.
func TestPatienceIsBoundedAndSpread(t *testing.T) {
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
		err := p.run(t.Context(), nil, func(context.Context) (verdict, error) { return verdict{again: true}, away })
		if !errors.Is(err, away) {
			t.Fatalf("error %v, want %v", err, away)
		}
		if took := now.Sub(begun); took > time.Minute || took < 50*time.Second {
			t.Errorf("gave up after %v, want a minute", took)
		}
		for i, d := range pauses {
			if most := min(firstPause<<i, longPause); d < most/2 || d > most {
				t.Errorf("pause %d is %v, want %v to %v", i, d, most/2, most)
			}
		}
		first[pauses[0]] = true
	}
	if len(first) < 10 {
		t.Errorf("50 clients have %d different first pauses", len(first))
	}
}
