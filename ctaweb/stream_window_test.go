package ctaweb

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// Who comes back in time is told every update that was missed, in order and once;
// who comes back later gets one snapshot of everything.
func TestStreamResumesWithJustWhatWasMissed(t *testing.T) {
	m := NewModel(cta.Chicago())
	_, wall := clockAt("08:00:00")
	var now atomic.Int64
	now.Store(wall.UnixNano())
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	srv := serving(t, h, nil)
	step := func(i int) string { // makes update number i, and returns its id
		now.Add(int64(time.Second))
		at := time.Unix(0, now.Load())
		m.ApplyArrival(cta.KeyAt(at), cta.Arrival{Line: "blue", TrainID: fmt.Sprint("B", i), StationID: ohare, Direction: "a", TrainStatus: cta.InService}, at)
		return h.pub.snapshot().id
	}
	first := step(0)
	var last string
	for i := 1; i <= backlog/2; i++ {
		if id := step(i); i == backlog/4 {
			last = id
		}
	}

	next, cancel := follow(t, srv.URL+"/events", last)
	_, seq, _ := strings.Cut(last, "-")
	n, _ := strconv.Atoi(seq)
	for i := backlog/4 + 1; i <= backlog/2; i++ {
		s := next()
		n++
		if want := fmt.Sprintf("%s-%d", h.pub.epoch, n); s.name != "update" || s.id != want || !hasTrain(fmt.Sprint("B", i), ohare)(s) {
			t.Fatalf("update %d is %+v, want id %s with train B%d", i, s, want, i)
		}
	}
	cancel()

	for i := backlog / 2; i <= 2*backlog; i++ {
		step(i)
	}
	next, cancel = follow(t, srv.URL+"/events", first)
	defer cancel()
	if s := next(); s.name != "snapshot" || len(s.update.Trains) <= backlog {
		t.Errorf("who was away for long gets %s with %d trains, want a snapshot with all", s.name, len(s.update.Trains))
	}
}
