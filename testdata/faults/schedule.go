package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// kind is a way to break things. plan draws all that there is to draw, so that it
// follows from the seed alone and not from what the system is at.
type kind struct {
	name   string
	weight int
	of     where
	plan   func(h *run, rng *rand.Rand) fault
}

// fault is one of a kind, planned.
type fault struct {
	on    string        // what it is done to, and how; empty when there's nothing to tell
	lasts time.Duration // how long it lasts
	begin func() bool   // false when it can't be done now, as there's nothing left to kill
	end   func()        // nil when it ends by itself
}

// where is the kind of broker that a kind of fault is for.
type where int

const (
	anywhere where = iota
	single         // embedded, and Kafka's one
	cluster
)

// fits reports whether the run's broker is of that kind.
func (s *settings) fits(of where) bool {
	return of == anywhere || (of == cluster) == (s.broker == "cluster")
}

var kinds = []kind{
	{"worker-kill", 4, anywhere, func(h *run, rng *rand.Rand) fault {
		return h.killed(h.anyWorker(rng), between(rng, 0, 500*time.Millisecond))
	}},
	{"worker-away", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		return h.killed(h.anyWorker(rng), h.s.session+between(rng, -3*time.Second, 6*time.Second))
	}},
	{"worker-restart", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		w := h.anyWorker(rng)
		return fault{w.name, 0, func() bool { return w.running() && h.leaving(w, func() { h.back(w) }) }, nil}
	}},
	{"worker-leave", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		w, away := h.anyWorker(rng), between(rng, 2*time.Second, h.s.session+4*time.Second)
		return fault{w.name, away, func() bool { return w.running() && h.leaving(w, nil) }, func() { h.back(w) }}
	}},
	{"scale-out", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		w := h.extra
		return fault{w.name, between(rng, 4*time.Second, h.s.session+8*time.Second), func() bool { return !w.present() && w.start() == nil }, func() { h.leave(w) }}
	}},
	{"line-opens", 4, anywhere, func(h *run, _ *rand.Rand) fault {
		return fault{begin: func() bool { return h.openLine(1) }}
	}},
	{"poison", 4, anywhere, func(h *run, rng *rand.Rand) fault {
		seed := rng.Uint64()
		return fault{begin: func() bool { return h.poison(seed) }}
	}},
	{"worker-zombie", 3, anywhere, func(h *run, rng *rand.Rand) fault {
		return h.paused(h.anyWorker(rng), h.s.session+between(rng, 500*time.Millisecond, 6*time.Second))
	}},
	{"producer-kill", 3, anywhere, func(h *run, rng *rand.Rand) fault { return h.killed(h.producer, between(rng, 0, time.Second)) }},
	{"producer-pause", 1, anywhere, func(h *run, rng *rand.Rand) fault {
		return h.paused(h.producer, between(rng, time.Second, 5*time.Second))
	}},
	{"broker-kill", 3, single, func(h *run, rng *rand.Rand) fault { return h.killed(h.nodes[0], between(rng, 0, 2*time.Second)) }},
	{"broker-pause", 1, single, func(h *run, rng *rand.Rand) fault {
		return h.paused(h.nodes[0], between(rng, 500*time.Millisecond, 5*time.Second))
	}},
	{"registry-kill", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		return h.killed(h.registry, between(rng, 0, 5*time.Second))
	}},
	{"cut", 5, anywhere, func(h *run, rng *rand.Rand) fault {
		share, seed := 0.2+0.8*rng.Float64(), rng.Uint64()
		return fault{on: fmt.Sprintf("%.0f%%", 100*share), begin: func() bool { return h.proxies.cut(seed, share) > 0 }}
	}},
	{"refuse", 1, anywhere, func(h *run, rng *rand.Rand) fault {
		lasts, seed := between(rng, 200*time.Millisecond, 3*time.Second), rng.Uint64()
		return fault{"", lasts, func() bool {
			h.proxies.set(func(p *proxy) { p.refused = true })
			h.proxies.cut(seed, 1)
			return true
		}, func() { h.proxies.set(func(p *proxy) { p.refused = false }) }}
	}},
	{"delay", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		by, lasts := between(rng, 10*time.Millisecond, 300*time.Millisecond), between(rng, time.Second, 4*time.Second)
		return fault{"by " + by.Round(time.Millisecond).String(), lasts, func() bool {
			h.proxies.set(func(p *proxy) { p.delay = by })
			return true
		}, func() { h.proxies.set(func(p *proxy) { p.delay = 0 }) }}
	}},
	{"hold", 2, anywhere, func(h *run, rng *rand.Rand) fault {
		lasts, seed := between(rng, 500*time.Millisecond, 8*time.Second), rng.Uint64()
		then := []string{"", "and cut"}[rng.IntN(2)]
		return fault{then, lasts, func() bool {
			h.proxies.set(func(p *proxy) { p.held = true })
			return true
		}, func() {
			if then != "" { // what was held is lost
				h.proxies.cut(seed, 1)
			}
			h.proxies.set(func(p *proxy) { p.held = false })
		}}
	}},
	{"refusal", 8, single, func(h *run, rng *rand.Rand) fault {
		r, count := refusals[rng.IntN(len(refusals))], 1+rng.IntN(3)
		return fault{on: fmt.Sprintf("%s is answered with %s, %d times", r.key.Name(), r.err.Message, count), begin: func() bool {
			return h.s.broker == "embedded" && h.nodes[0].running() && h.refuse(r, count)
		}}
	}},
}

// killed kills a process, and starts it again later.
func (h *run) killed(p *process, away time.Duration) fault {
	return fault{p.name, max(away, 0), func() bool {
		if !p.running() || !p.kill() {
			return false
		}
		for _, twin := range h.twin(p) {
			twin.kill()
		}
		return true
	}, func() { h.back(p) }}
}

// paused stops a process, and has it go on later.
func (h *run) paused(p *process, lasts time.Duration) fault {
	send := func(sig syscall.Signal) bool {
		for _, twin := range h.twin(p) {
			twin.signal(sig)
		}
		return p.signal(sig)
	}
	return fault{p.name, lasts, func() bool { return p.running() && send(syscall.SIGSTOP) }, func() { send(syscall.SIGCONT) }}
}

// twin is the member of the control that fares as a worker does; none of other processes.
func (h *run) twin(p *process) []*process {
	if i := slices.Index(h.workers, p); i >= 0 && i < len(h.controls) {
		return h.controls[i : i+1]
	}
	return nil
}

// back has a process run again.
func (h *run) back(p *process) {
	for _, p := range append(h.twin(p), p) {
		_ = p.start() // tried again by mend
	}
}

// leaving ends a worker as its operator would, beside what goes on.
func (h *run) leaving(w *process, then func()) bool {
	h.lasting.Go(func() {
		h.leave(w)
		if then != nil {
			then()
		}
	})
	return true
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func between(rng *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(rng.Int64N(int64(high-low)))
}

// leave ends a worker as its operator would.
func (h *run) leave(w *process) {
	for _, twin := range h.twin(w) {
		h.lasting.Go(func() { twin.stop(8 * time.Second) })
	}
	if !w.stop(8 * time.Second) {
		h.note("%s did not end within 8 s of SIGTERM", w.name)
	}
}

func (h *run) anyWorker(rng *rand.Rand) *process { return h.workers[rng.IntN(len(h.workers))] }

// refuse has the broker answer the next requests of a kind with an error.
func (h *run) refuse(r refusal, count int) bool {
	client := http.Client{Timeout: time.Second}
	resp, err := client.PostForm("http://"+h.faultAddr+"/fault", url.Values{
		"key": {strconv.Itoa(int(r.key))}, "code": {strconv.Itoa(int(r.err.Code))},
		"count": {strconv.Itoa(count)}, "transactional": {r.transactional},
	})
	if err != nil {
		return false
	}
	resp.Body.Close()
	h.mu.Lock()
	h.refusals[r.key.Name()+" "+r.err.Message]++
	h.mu.Unlock()
	return resp.StatusCode == http.StatusOK
}

// next plans the n-th fault, counted from 1, and says how long after the one before it
// begins. It follows from the seed and n alone.
func (h *run) next(n uint64) (after time.Duration, k kind, f fault) {
	rng := rand.New(rand.NewPCG(h.s.seed, n))
	after = between(rng, h.s.every/2, h.s.every*3/2)
	var chosen []kind
	for _, k := range kinds {
		if h.s.chosen(k.name) && h.s.fits(k.of) {
			for range k.weight {
				chosen = append(chosen, k)
			}
		}
	}
	if len(chosen) == 0 {
		return after, k, f
	}
	k = chosen[rng.IntN(len(chosen))]
	return after, k, k.plan(h, rng)
}

// breakThings begins a fault every now and then, whatever else is broken by then.
func (h *run) breakThings(ctx context.Context) {
	at := time.Now()
	end := at.Add(h.s.duration)
	check := time.NewTicker(time.Second)
	defer check.Stop()
	for n := uint64(1); ; n++ {
		after, k, f := h.next(n)
		at = at.Add(after)
		due := time.After(time.Until(at))
	waiting:
		for {
			select {
			case <-ctx.Done():
				return
			case <-check.C:
				_, _ = h.watcher.compare(ctx, h.entryTopics(), 5*time.Second) // the broker may be down
			case <-due:
				break waiting
			}
		}
		if at.After(end) {
			return
		}
		if f.begin != nil {
			h.begin(k.name, f)
		}
	}
}

// begin begins a fault, and sees to its end.
func (h *run) begin(kind string, f fault) {
	at := time.Now()
	if !f.begin() {
		h.say("%s %s: not now", kind, f.on)
		return
	}
	for _, s := range h.measured() {
		s.begin(kind, at)
	}
	if f.end == nil {
		h.say("%s %s", kind, f.on)
		return
	}
	h.say("%s %s for %v", kind, f.on, f.lasts.Round(time.Millisecond))
	h.lasting.Go(func() {
		select {
		case <-time.After(f.lasts):
		case <-h.mending:
		}
		f.end()
	})
}

// say prints with -v.
func (h *run) say(format string, a ...any) {
	if h.s.verbose {
		fmt.Printf("%7.2fs %s\n", time.Since(h.begun).Seconds(), fmt.Sprintf(format, a...))
	}
}
