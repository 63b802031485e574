package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A simulation isn't ready before its topics and schemas are there.
func TestReadyOncePrepared(t *testing.T) {
	s := new(Settings)
	s.Ready(s.Prepared)
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		w := httptest.NewRecorder()
		s.serveReady(w, nil)
		if w.Code != want {
			t.Errorf("prepared %v: status %d, want %d", s.prepared.Load(), w.Code, want)
		}
		s.prepared.Store(true)
	}
}
