package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A seed gives the same kinds of faults, victims and times, whatever state the system
// is in, and whatever of the schedule before could not be done.
func TestScheduleFollowsFromTheSeed(t *testing.T) {
	for _, broker := range []string{"kafka", "cluster"} {
		t.Run(broker, func(t *testing.T) { scheduleFollows(t, broker) })
	}
}

func scheduleFollows(t *testing.T, broker string) {
	schedule := func(seed uint64, begin bool) (all []string) {
		h := &run{s: &settings{seed: seed, every: time.Second, session: 6 * time.Second, broker: broker, away: 10 * time.Second}}
		p := func(name string) *process { return &process{name: name} } // none runs: no fault can begin
		h.nodes = []*process{p("broker")}
		h.registry, h.producer, h.extra = p("registry"), p("producer"), p("extra")
		h.workers = []*process{p("worker-1"), p("worker-2"), p("worker-3")}
		for n := range uint64(300) {
			after, k, f := h.next(n + 1)
			all = append(all, fmt.Sprintf("after %v %s %s for %v", after, k.name, f.on, f.lasts))
			if begin && strings.HasSuffix(k.name, "-kill") && f.begin() {
				t.Errorf("%s has killed what doesn't run", k.name)
			}
		}
		return all
	}
	want := schedule(7, false)
	if d := cmp.Diff(want, schedule(7, true)); d != "" {
		t.Errorf("the same seed, in another state (-want +got):\n%s", d)
	}
	if cmp.Equal(want, schedule(8, false)) {
		t.Error("another seed gives the same schedule")
	}
	seen := make(map[string]bool)
	for _, line := range want {
		var after time.Duration
		var kind, d string
		if _, err := fmt.Sscanf(line, "after %s %s", &d, &kind); err != nil {
			t.Fatal(err)
		}
		if after, _ = time.ParseDuration(d); after < 500*time.Millisecond || after >= 1500*time.Millisecond {
			t.Errorf("%s: want half a second to one and a half", line)
		}
		seen[kind] = true
	}
	for _, k := range kinds {
		if want := (&settings{broker: broker}).fits(k.of); seen[k.name] != want {
			t.Errorf("of 300 faults, some is a %s: %v, want %v", k.name, seen[k.name], want)
		}
	}
}

// It gives the same connections to cut, if as many are open.
func TestCutFollowsFromTheSeed(t *testing.T) {
	cut := func(seed uint64) (which []int) {
		var p proxy
		var ends []net.Conn
		for range 30 {
			client, end := net.Pipe()
			server, _ := net.Pipe()
			p.conns, ends = append(p.conns, &link{client, server}), append(ends, end)
		}
		n := p.cut(rand.New(rand.NewPCG(seed, 0)), 0.5)
		for i, end := range ends {
			_ = end.SetDeadline(time.Now().Add(-time.Second)) // nobody reads
			if _, err := end.Write([]byte{0}); errors.Is(err, io.ErrClosedPipe) {
				which = append(which, i)
			}
		}
		if len(which) != n || n == 0 {
			t.Errorf("%d were cut, which says that %d were", len(which), n)
		}
		return which
	}
	if d := cmp.Diff(cut(7), cut(7)); d != "" {
		t.Errorf("the same seed (-first +second):\n%s", d)
	}
	if cmp.Equal(cut(7), cut(8)) {
		t.Error("another seed cuts the same connections")
	}
}
