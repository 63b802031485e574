package trouble

import "sync"

// State is what a source's Ready returns. It is safe for concurrent use.
type State struct {
	mu  sync.Mutex
	err error
}

// Set replaces the state: nil when the source is ready.
func (s *State) Set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Err returns the state.
func (s *State) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
