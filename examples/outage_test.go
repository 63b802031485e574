package examples_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// moment is what a rider who keeps the page open is told at one time.
type moment struct {
	AsOf       time.Time `json:"as_of"`
	AgeSeconds int64     `json:"age_seconds"`
	Stale      bool      `json:"stale"`
	Ready      bool      `json:"ready"`
	Lines      []struct {
		Trains []struct {
			ID      string    `json:"id"`
			Station int       `json:"station"`
			Since   time.Time `json:"since"`
		} `json:"trains"`
		Stations []struct {
			ID      int   `json:"id"`
			Entries int64 `json:"entries"`
		} `json:"stations"`
	} `json:"lines"`
}

// rider asks a dashboard again and again, and notes what goes backwards.
type rider struct {
	mu      sync.Mutex
	last    moment
	entries map[int]int64
	trains  map[string]time.Time
	asked   int
	faults  []string
}

func (r *rider) ask(url string) {
	resp, err := http.Get(url + "/api/v1/status")
	r.mu.Lock()
	defer r.mu.Unlock()
	fault := func(format string, a ...any) { r.faults = append(r.faults, fmt.Sprintf(format, a...)) }
	if err != nil {
		fault("%v", err)
		return
	}
	defer resp.Body.Close()
	var m moment
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || resp.StatusCode != http.StatusOK {
		fault("status %d: %v", resp.StatusCode, err)
		return
	}
	r.asked++
	if m.AsOf.Before(r.last.AsOf) {
		fault("the clock goes from %v to %v", r.last.AsOf, m.AsOf)
	}
	for _, l := range m.Lines {
		for _, s := range l.Stations {
			if s.Entries < r.entries[s.ID] {
				fault("entries at station %d go from %d to %d", s.ID, r.entries[s.ID], s.Entries)
			}
			r.entries[s.ID] = s.Entries
		}
		for _, train := range l.Trains {
			if cta.Chicago().Station(train.Station).Closed {
				continue // nobody saw it there: the time is an estimate, which may improve
			}
			if train.Since.Before(r.trains[train.ID]) {
				fault("train %s goes back from %v to %v", train.ID, r.trains[train.ID], train.Since)
			}
			r.trains[train.ID] = train.Since
		}
	}
	r.last = m
}

func (r *rider) now() (m moment, entries int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.entries {
		entries += n
	}
	return r.last, entries
}

// The process that is broker, registry, workers and simulation in one is killed
// and started again on what it kept. Whoever looks at the dashboard sees the
// last state and its age, then more, and never a count, a train or the clock go back.
func TestDashboardOutlivesAllElse(t *testing.T) {
	args := []string{"-services", "embedded", "-data-dir", t.TempDir()}
	for _, flag := range []string{"-brokers", "-registry", "-rest-proxy"} {
		addr := unused(t)
		if flag != "-brokers" {
			addr = "http://" + addr
		}
		args = append(args, flag, addr)
	}
	sim := start(t, "simulation", args...)
	dash := start(t, "dashboard", append(args[4:], "-services", "external", "-listen", "127.0.0.1:0")...)
	url := dash.await(`dashboard at (\S+)`)
	awaitStatus(t, url, "a live system", alive)

	r := &rider{entries: make(map[int]int64), trains: make(map[string]time.Time)}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				r.ask(url)
			}
		}
	}()
	until := func(what string, ok func(m moment, entries int64) bool) {
		t.Helper()
		for deadline := time.Now().Add(40 * time.Second); !ok(r.now()); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				m, entries := r.now()
				t.Fatalf("no %s: as of %v, age %d s, stale %t, ready %t, %d entries", what, m.AsOf, m.AgeSeconds, m.Stale, m.Ready, entries)
			}
		}
	}
	until("state that is ready", func(m moment, n int64) bool { return m.Ready && n > 0 })
	if err := sim.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-sim.done
	until("sign of the outage", func(m moment, _ int64) bool { return !m.Ready })
	until("age of the data", func(m moment, _ int64) bool { return m.AgeSeconds >= 2 })
	before, counted := r.now()
	if counted == 0 || len(before.Lines) != 8 {
		t.Errorf("in the outage %d entries on %d lines are shown, want the last state", counted, len(before.Lines))
	}
	sim = start(t, "simulation", args...)
	until("state that goes on", func(m moment, n int64) bool {
		return m.Ready && m.AgeSeconds < 2 && m.AsOf.After(before.AsOf) && n > counted
	})
	close(stop)
	<-stopped
	for i, f := range r.faults {
		if i == 10 {
			t.Errorf("and %d more", len(r.faults)-i)
			break
		}
		t.Error(f)
	}
	if r.asked < 100 {
		t.Errorf("asked only %d times", r.asked)
	}
	dash.interrupt()
	sim.interrupt()
}

// unused returns an address where nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
