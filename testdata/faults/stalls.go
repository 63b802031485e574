package main

import (
	"fmt"
	"sync"
	"time"
)

// stalls measures how long the count of a station stands still, and says of what.
type stalls struct {
	mu      sync.Mutex
	first   map[int]time.Time // by station: when its first count was published
	last    map[int]time.Time // by station: when its count last rose
	faults  []happened
	longest []time.Duration // by fault
	ended   bool
}

// happened is a fault that began at a moment.
type happened struct {
	kind string
	at   time.Time
}

func newStalls() *stalls {
	return &stalls{first: make(map[int]time.Time), last: make(map[int]time.Time)}
}

func (s *stalls) begin(kind string, at time.Time) {
	s.mu.Lock()
	s.faults = append(s.faults, happened{kind, at})
	s.longest = append(s.longest, 0)
	s.mu.Unlock()
}

// end stops measuring: the producer is about to end.
func (s *stalls) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
}

// rising returns how many stations' counts have risen since.
func (s *stalls) rising(since time.Time) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, last := range s.last {
		if last.After(since) {
			n++
		}
	}
	return n
}

// since reports whether a station's count has risen since.
func (s *stalls) since(station int, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[station].After(at)
}

// firstCount returns when the first count of a station was published.
func (s *stalls) firstCount(station int) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first[station]
}

// progress takes it that a station's count has risen. The time since it last did
// is put to the account of the last fault that began before it stood still, or in
// the first half second after: what a fault takes to show.
func (s *stalls) progress(station int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.last[station]
	s.last[station] = now
	if !known {
		s.first[station] = now
	}
	if !known || s.ended {
		return
	}
	still := now.Sub(last)
	for i := len(s.faults) - 1; i >= 0; i-- {
		f := s.faults[i]
		if f.at.After(last.Add(min(still, 500*time.Millisecond))) {
			continue
		}
		if last.Sub(f.at) < 30*time.Second {
			s.longest[i] = max(s.longest[i], still)
		}
		return
	}
}

// stall is what is known of the faults of a kind.
type stall struct {
	faults            int
	longest, shortest time.Duration // of the longest stall of each
	mean              time.Duration
}

// String is the shortest, mean and longest.
func (k stall) String() string {
	return fmt.Sprintf("%v, %v, %v", k.shortest.Round(time.Millisecond), k.mean.Round(time.Millisecond), k.longest.Round(time.Millisecond))
}

func (s *stalls) byKind() map[string]stall {
	s.mu.Lock()
	defer s.mu.Unlock()
	kinds := make(map[string]stall)
	for i, f := range s.faults {
		k := kinds[f.kind]
		d := s.longest[i]
		if k.faults == 0 || d < k.shortest {
			k.shortest = d
		}
		k.faults++
		k.longest = max(k.longest, d)
		k.mean += d
		kinds[f.kind] = k
	}
	for kind, k := range kinds {
		k.mean /= time.Duration(k.faults)
		kinds[kind] = k
	}
	return kinds
}
