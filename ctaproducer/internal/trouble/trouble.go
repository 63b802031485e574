// Package trouble logs the beginning and the end of each kind of trouble, once.
package trouble

import "log/slog"

// Log logs changes of state. It is for one goroutine.
type Log struct {
	Log *slog.Logger
	on  map[string]string // kind and the message that was logged
}

// Report logs the beginning of trouble of a kind, unless the same was logged, and its end.
// Of errors among args, the text tells whether it is the same.
func (l *Log) Report(kind string, bad bool, message string, args ...any) {
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
