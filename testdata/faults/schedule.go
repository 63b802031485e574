package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// kind is a way to break things. do begins it and returns what ends it, if
// anything, and how long it lasts; ok is false when it can't be done now, as
// there's nothing left to kill.
type kind struct {
	name   string
	weight int
	do     func(h *run, rng *rand.Rand) (end func(), after time.Duration, ok bool)
}

var kinds = []kind{
	{"worker-kill", 4, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		w := h.anyWorker(rng)
		return func() { _ = w.start() }, between(rng, 0, 500*time.Millisecond), w.running() && w.kill()
	}},
	{"worker-away", 2, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		w := h.anyWorker(rng)
		return func() { _ = w.start() }, h.s.session + between(rng, -3*time.Second, 6*time.Second), w.running() && w.kill()
	}},
	{"worker-restart", 2, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		w := h.anyWorker(rng)
		if !w.running() {
			return nil, 0, false
		}
		go func() {
			h.leave(w)
			_ = w.start()
		}()
		return nil, 0, true
	}},
	{"worker-leave", 2, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		w := h.anyWorker(rng)
		if !w.running() {
			return nil, 0, false
		}
		go h.leave(w)
		return func() { _ = w.start() }, between(rng, 2*time.Second, h.s.session+4*time.Second), true
	}},
	{"scale-out", 2, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		w := h.extra
		if w.present() || w.start() != nil {
			return nil, 0, false
		}
		return func() { h.leave(w) }, between(rng, 4*time.Second, h.s.session+8*time.Second), true
	}},
	{"line-opens", 4, func(h *run, _ *rand.Rand) (func(), time.Duration, bool) {
		return nil, 0, h.openLine(1)
	}},
	{"poison", 4, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		return nil, 0, h.poison(rng)
	}},
	{"worker-zombie", 3, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		w := h.anyWorker(rng)
		return func() { w.signal(syscall.SIGCONT) }, h.s.session + between(rng, 500*time.Millisecond, 6*time.Second), w.running() && w.signal(syscall.SIGSTOP)
	}},
	{"producer-kill", 3, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		return func() { _ = h.producer.start() }, between(rng, 0, time.Second), h.producer.running() && h.producer.kill()
	}},
	{"producer-pause", 1, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		return func() { h.producer.signal(syscall.SIGCONT) }, between(rng, time.Second, 5*time.Second), h.producer.running() && h.producer.signal(syscall.SIGSTOP)
	}},
	{"broker-kill", 3, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		return func() { _ = h.broker.start() }, between(rng, 0, 2*time.Second), h.broker.running() && h.broker.kill()
	}},
	{"broker-pause", 1, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		return func() { h.broker.signal(syscall.SIGCONT) }, between(rng, 500*time.Millisecond, 5*time.Second), h.broker.running() && h.broker.signal(syscall.SIGSTOP)
	}},
	{"cut", 5, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		return nil, 0, h.proxy.cut(rng, 0.2+0.8*rng.Float64()) > 0
	}},
	{"refuse", 1, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		h.proxy.set(func(p *proxy) { p.refused = true })
		h.proxy.cut(rng, 1)
		return func() { h.proxy.set(func(p *proxy) { p.refused = false }) }, between(rng, 200*time.Millisecond, 3*time.Second), true
	}},
	{"delay", 2, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		d := between(rng, 10*time.Millisecond, 300*time.Millisecond)
		h.proxy.set(func(p *proxy) { p.delay = d })
		return func() { h.proxy.set(func(p *proxy) { p.delay = 0 }) }, between(rng, time.Second, 4*time.Second), true
	}},
	{"hold", 2, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		h.proxy.set(func(p *proxy) { p.held = true })
		cut := rng.IntN(2) == 0
		later := rand.New(rand.NewPCG(rng.Uint64(), 0))
		return func() {
			if cut { // what was held is lost
				h.proxy.cut(later, 1)
			}
			h.proxy.set(func(p *proxy) { p.held = false })
		}, between(rng, 500*time.Millisecond, 8*time.Second), true
	}},
	{"refusal", 8, func(h *run, rng *rand.Rand) (func(), time.Duration, bool) {
		r := refusals[rng.IntN(len(refusals))]
		count := 1 + rng.IntN(3)
		if h.s.broker != "embedded" || !h.broker.running() {
			return nil, 0, false
		}
		return nil, 0, h.refuse(r, count)
	}},
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
	if !w.stop(8 * time.Second) {
		h.note("%s did not end within 8 s of SIGTERM", w.name)
	}
}

func (h *run) anyWorker(rng *rand.Rand) *process { return h.workers[rng.IntN(len(h.workers))] }

// refuse has the broker answer the next requests of a kind with an error.
func (h *run) refuse(r refusal, count int) bool {
	client := http.Client{Timeout: time.Second}
	resp, err := client.PostForm("http://"+h.control+"/fault", url.Values{
		"key": {strconv.Itoa(int(r.key))}, "code": {strconv.Itoa(int(r.err.Code))},
		"count": {strconv.Itoa(count)}, "transactional": {r.transactional},
	})
	if err != nil {
		return false
	}
	resp.Body.Close()
	h.say("  %s is answered with %s, %d times", r.key.Name(), r.err.Message, count)
	h.mu.Lock()
	h.refusals[r.key.Name()+" "+r.err.Message]++
	h.mu.Unlock()
	return resp.StatusCode == http.StatusOK
}

// breakThings begins a fault every now and then, whatever else is broken by then.
func (h *run) breakThings(ctx context.Context) {
	rng := rand.New(rand.NewPCG(h.s.seed, 0))
	var chosen []kind
	for _, k := range kinds {
		if h.s.chosen(k.name) {
			for range k.weight {
				chosen = append(chosen, k)
			}
		}
	}
	end := time.Now().Add(h.s.duration)
	check := time.NewTicker(time.Second)
	defer check.Stop()
	for {
		pause := time.After(between(rng, h.s.every/2, h.s.every*3/2))
	waiting:
		for {
			select {
			case <-ctx.Done():
				return
			case <-check.C:
				_, _ = h.watcher.compare(ctx, h.entryTopics(), 5*time.Second) // the broker may be down
				continue
			case <-pause:
				break waiting
			}
		}
		if time.Now().After(end) {
			return
		}
		if len(chosen) > 0 {
			h.fault(chosen[rng.IntN(len(chosen))], rng)
		}
	}
}

func (h *run) fault(k kind, rng *rand.Rand) {
	at := time.Now()
	finish, after, ok := k.do(h, rng)
	if !ok {
		return
	}
	h.stalls.begin(k.name, at)
	if finish == nil {
		h.say("%s", k.name)
		return
	}
	h.say("%s for %v", k.name, after.Round(time.Millisecond))
	h.lasting.Go(func() {
		select {
		case <-time.After(max(after, 0)):
		case <-h.mending:
		}
		finish()
	})
}

// say prints with -v.
func (h *run) say(format string, a ...any) {
	if h.s.verbose {
		fmt.Printf("%7.2fs %s\n", time.Since(h.begun).Seconds(), fmt.Sprintf(format, a...))
	}
}
