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
	m := NewModel(only(t, "blue"))
	_, wall := clockAt("08:00:00")
	var now atomic.Int64
	now.Store(wall.UnixNano())
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	srv := serving(t, h, nil)
	step := func(i int) string { // makes update number i, and returns its id
		now.Add(int64(time.Second))
		at := time.Unix(0, now.Load())
		m.ApplyArrival(cta.KeyAt(at), cta.Arrival{Line: "blue", TrainID: fmt.Sprint("B", i), StationID: ohare, Direction: "a", TrainStatus: cta.TrainInService}, at)
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

	for i := backlog / 2; i <= backlog+10; i++ {
		step(i)
	}
	next, cancel = follow(t, srv.URL+"/events", first)
	defer cancel()
	if s := next(); s.name != "snapshot" || len(s.update.Trains) <= backlog {
		t.Errorf("who was away for long gets %s with %d trains, want a snapshot with all", s.name, len(s.update.Trains))
	}
}

// What streams narrowed in many ways hold doesn't grow with the updates that are
// kept for those that come back, and a stream that is late gets all of them.
func TestNarrowedStreamsHoldFewUpdates(t *testing.T) {
	m := NewModel(only(t, "blue"))
	_, wall := clockAt("08:00:00")
	var now atomic.Int64
	now.Store(wall.UnixNano())
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	var filters []filter
	for _, s := range m.net.Stations {
		filters = append(filters, filter{station: s.ID})
	}
	at, _ := h.pub.join("")
	defer h.pub.leave()
	first := at
	held := 0
	for i := range backlog {
		h.pub.mu.Lock() // the second and its train are one update, whenever the publisher makes its own
		now.Add(int64(time.Second))
		wall := time.Unix(0, now.Load())
		m.ApplyArrival(cta.KeyAt(wall), cta.Arrival{Line: "blue", TrainID: fmt.Sprint("B", i), StationID: ohare, Direction: "a", TrainStatus: cta.TrainInService}, wall)
		h.pub.advance()
		h.pub.mu.Unlock()
		for at.done() {
			at = at.next
			for _, f := range filters {
				at.bytes(m.net, f)
			}
		}
		n := 0
		h.pub.mu.Lock()
		for _, r := range h.pub.recent {
			n += len(r.parts.made)
		}
		h.pub.mu.Unlock()
		held = max(held, n)
	}
	if most := (narrowedUpdates + 1) * len(filters); held < len(filters) || held > most {
		t.Errorf("%d updates are held for %d filters, want %d at the most", held, len(filters), most)
	}
	late := 0
	for first.done() {
		first = first.next
		if strings.Contains(string(first.bytes(m.net, filter{station: ohare}).plain), `"B`+fmt.Sprint(late)+`"`) {
			late++
		}
	}
	if late != backlog {
		t.Errorf("a late stream gets %d of %d updates", late, backlog)
	}
}
