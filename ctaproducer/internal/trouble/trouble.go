// Package trouble logs the beginning and the end of each kind of trouble, once.
package trouble

import "log/slog"

// Log logs changes of state. It is for one goroutine.
type Log struct {
	Log *slog.Logger
	on  map[string]string // kind and the message that was logged
}

// Begin logs trouble of a kind, unless the same was logged. Of errors among args, the text
// tells whether it is the same.
func (l *Log) Begin(kind, message string, args ...any) {
	said := message
	for _, a := range args {
		if err, ok := a.(error); ok {
			said = err.Error()
		}
	}
	if l.on[kind] == said {
		return
	}
	if l.on == nil {
		l.on = map[string]string{}
	}
	l.on[kind] = said
	l.Log.Warn(message, args...)
}

// End logs the end of trouble of a kind, if there was any.
func (l *Log) End(kind, message string) {
	if l.on[kind] != "" {
		l.Log.Info(message)
		delete(l.on, kind)
	}
}

// Report logs the change of a state.
func (l *Log) Report(kind string, bad bool, message string, args ...any) {
	if bad {
		l.Begin(kind, message, args...)
	} else {
		l.End(kind, "no longer: "+l.on[kind])
	}
}
