package traintracker

import (
	"sync"
	"time"
)

// budget counts the calls of a day by the network's clock. It is safe for concurrent use.
type budget struct {
	daily int
	zone  *time.Location

	mu   sync.Mutex
	day  time.Time // its midnight
	used int
}

// roll begins a day.
func (b *budget) roll(now time.Time) {
	now = now.In(b.zone)
	if day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, b.zone); !day.Equal(b.day) {
		b.day, b.used = day, 0
	}
}

// take reports whether a call is left, and counts it.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	if b.used >= b.daily {
		return false
	}
	b.used++
	return true
}

// left returns the calls that are left today, and the time until midnight.
func (b *budget) left(now time.Time) (calls int, rest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	return b.daily - b.used, b.day.AddDate(0, 0, 1).Sub(now)
}

// interval returns the time from one call to the next: every, or longer where the
// calls would not last until midnight.
func (b *budget) interval(now time.Time, every time.Duration) time.Duration {
	calls, rest := b.left(now)
	if calls <= 0 {
		return rest
	}
	return max(every, rest/time.Duration(calls))
}
