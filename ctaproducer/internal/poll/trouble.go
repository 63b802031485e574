package poll

import (
	"log/slog"
	"sync"
)

// Trouble logs the beginning and the end of each kind of trouble, once. It is for one
// goroutine.
type Trouble struct {
	Log *slog.Logger
	on  map[string]string // kind and the message that was logged
}

// Report logs the beginning of trouble of a kind, unless the same was logged, and its end.
// Of errors among args, the text tells whether it is the same.
func (l *Trouble) Report(kind string, bad bool, message string, args ...any) {
	was := l.on[kind]
	if !bad {
		if was != "" {
			l.Log.Info("no longer: " + was)
			delete(l.on, kind)
		}
		return
	}
	said := message
	for _, a := range args {
		if err, ok := a.(error); ok {
			said = err.Error()
		}
	}
	if was == said {
		return
	}
	if l.on == nil {
		l.on = map[string]string{}
	}
	l.on[kind] = said
	l.Log.Warn(message, args...)
}

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
