package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/embedded"
)

// run is one run of the harness.
type run struct {
	s        *settings
	dir      string
	self     string // the harness's own program
	worker   string // examples/turnstiles
	network  *cta.Network
	direct   string // the broker's address
	control  string
	registry string

	proxy     *proxy
	broker    *process
	producer  *process
	workers   []*process
	extra     *process           // a worker that comes and goes
	poisoner  *kgo.Client        // writes what nobody can read
	services  *embedded.Services // of which only the registry is used, beside Apache Kafka
	watcher   *watcher
	stalls    *stalls
	watching  sync.WaitGroup
	unwatch   context.CancelFunc
	lasting   sync.WaitGroup // faults that aren't over
	mending   chan struct{}  // closed when they all have to be
	begun     time.Time
	broken    time.Duration
	answered  time.Duration // from the end of the last fault until the broker answered
	recovered time.Duration // from the same until every station was counted again
	caughtUp  time.Duration // from the last entry until all were counted

	mu          sync.Mutex
	incarnation int
	acked       map[int]map[int]int64 // by incarnation and station
	firstAck    map[int]time.Time     // by station
	openFirst   map[int]bool          // stations that were open from the start
	unopened    int                   // lines that open later
	refusals    map[string]int        // that the broker was told to answer with
	notes       []string
}

func (s *settings) validate() error {
	var faults []error
	if s.broker != "embedded" && s.broker != "kafka" {
		faults = append(faults, fmt.Errorf("-broker is %q, want embedded or kafka", s.broker))
	}
	if s.workers < 1 {
		faults = append(faults, fmt.Errorf("-workers is %d, want 1 or more", s.workers))
	}
	if s.duration <= 0 || s.every <= 0 || s.rate < 0 {
		faults = append(faults, errors.New("-for and -every want more than 0, -rate not less"))
	}
	if _, err := cta.ParseLayout(s.layout); err != nil {
		faults = append(faults, fmt.Errorf("-layout: %w", err))
	}
	for name := range strings.SplitSeq(s.only, ",") {
		if s.only != "" && name != "none" && !slices.Contains(kindNames(), name) {
			faults = append(faults, fmt.Errorf("-only: no kind %q, want some of %v", name, kindNames()))
		}
	}
	return errors.Join(faults...)
}

func newRun(ctx context.Context, s *settings) (*run, error) {
	h := &run{s: s, mending: make(chan struct{}), acked: make(map[int]map[int]int64), firstAck: make(map[int]time.Time),
		openFirst: make(map[int]bool), refusals: make(map[string]int), stalls: newStalls(), begun: time.Now()}
	var err error
	if h.network, err = s.network(); err != nil {
		return nil, err
	}
	h.holdBack()
	for _, s := range h.openNetwork().Stations {
		h.openFirst[s.ID] = true
	}
	if h.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if h.dir, err = os.MkdirTemp("", "ctalive-faults-"); err != nil {
		return nil, err
	}
	h.worker = filepath.Join(h.dir, "turnstiles")
	args := []string{"build", "-buildvcs=false", "-o", h.worker}
	if s.race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(args, "github.com/seed-921eec07/ctalive/examples/turnstiles")...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the worker: %w", err)
	}
	return h, nil
}

// start starts everything, and returns when the first counts are published.
func (h *run) start(ctx context.Context) error {
	if err := h.startBroker(ctx); err != nil {
		return err
	}
	h.producer = h.process("producer", func() *exec.Cmd {
		h.mu.Lock()
		h.incarnation++
		n := h.incarnation
		lines := strings.Join(h.openLines(), ",")
		h.mu.Unlock()
		return exec.Command(h.self, "-role", "producer", "-brokers", h.proxy.addr(), "-registry", h.registry, "-rate", strconv.Itoa(h.s.rate),
			"-layout", h.s.layout, "-lines", lines, "-incarnation", strconv.Itoa(n))
	})
	h.producer.line = h.receipt
	for i := range h.s.workers {
		name := "worker-" + strconv.Itoa(i+1)
		h.workers = append(h.workers, h.process(name, func() *exec.Cmd { return h.workerCommand(name) }))
	}
	h.extra = h.process("worker-"+strconv.Itoa(h.s.workers+1), func() *exec.Cmd { return h.workerCommand(h.extra.name) })
	var err error
	if h.poisoner, err = h.newPoisoner(); err != nil {
		return err
	}
	if h.watcher, err = newWatcher(h.direct, h.dial(), h.s.topics(), h.stalls); err != nil {
		return err
	}
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.unwatch = cancel
	h.watching.Go(func() { h.watcher.run(wctx) })
	for _, p := range append([]*process{h.producer}, h.workers...) {
		if err := p.start(); err != nil {
			return err
		}
	}
	return h.await(ctx, "the first counts", 2*time.Minute, func() bool { n, _ := h.watcher.total(); return n > 0 })
}

func (h *run) startBroker(ctx context.Context) (err error) {
	addrs := make([]string, 4)
	for i := range addrs {
		if addrs[i], err = freeAddr(); err != nil {
			return err
		}
	}
	var behind, registry string
	h.direct, behind, registry, h.control = addrs[0], addrs[1], addrs[2], addrs[3]
	if h.s.broker == "embedded" {
		behind = h.direct // one listener, which goes by the proxy's address
	}
	if h.proxy, err = newProxy(behind); err != nil {
		return err
	}
	if h.s.broker == "embedded" {
		h.registry = "http://" + registry
		h.broker = h.process("broker", func() *exec.Cmd {
			return exec.Command(h.self, "-role", "broker", "-brokers", h.direct, "-advertise", h.proxy.addr(),
				"-registry", registry, "-control", h.control, "-data", filepath.Join(h.dir, "data"))
		})
	} else {
		node, err := newKafkaNode(ctx, h.dir, h.direct, behind, h.proxy.addr())
		if err != nil {
			return err
		}
		h.broker = h.process("broker", node.command)
		if h.services, err = embedded.Start(ctx, embedded.Config{}); err != nil {
			return err
		}
		h.registry = h.services.RegistryURL()
	}
	if err := h.broker.start(); err != nil {
		return err
	}
	return h.await(ctx, "the broker", 2*time.Minute, func() bool { return h.answers(ctx) })
}

// answers reports whether the broker does.
func (h *run) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := kgo.NewClient(kgo.SeedBrokers(h.direct), h.dial())
	if err != nil {
		return false
	}
	defer c.Close()
	return c.Ping(ctx) == nil
}

// dial goes to the broker directly, wherever it says it is.
func (h *run) dial() kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, h.direct)
	})
}

func (h *run) process(name string, command func() *exec.Cmd) *process {
	return &process{name: name, logs: h.dir, make: command}
}

func (h *run) workerCommand(name string) *exec.Cmd {
	if h.s.careless {
		return exec.Command(h.self, "-role", "careless", "-brokers", h.proxy.addr(), "-layout", h.s.layout, "-session-timeout", h.s.session.String())
	}
	args := []string{"-services", "external", "-brokers", h.proxy.addr(), "-registry", h.registry, "-layout", h.s.layout,
		"-session-timeout", h.s.session.String(), "-wait", "1m"}
	if h.s.static {
		args = append(args, "-instance-id", name)
	}
	return exec.Command(h.worker, args...)
}

// receipt takes a line of the producer's output.
func (h *run) receipt(line string) {
	var r receipt
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		h.note("producer said %q", line)
		return
	}
	h.mu.Lock()
	h.acked[r.Incarnation] = r.Acked
	h.acknowledged(r.Acked, time.Now())
	h.mu.Unlock()
}

func (h *run) note(format string, a ...any) {
	h.mu.Lock()
	h.notes = append(h.notes, fmt.Sprintf(format, a...))
	h.mu.Unlock()
}

func (h *run) await(ctx context.Context, what string, limit time.Duration, f func() bool) error {
	for end := time.Now().Add(limit); !f(); time.Sleep(100 * time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(end) {
			return fmt.Errorf("no %s after %v (logs: %s)", what, limit, h.keepLogs())
		}
	}
	return nil
}

// mend ends all faults and the producer, and waits until all is counted, or
// nothing more is.
func (h *run) mend(ctx context.Context) error {
	h.say("mending")
	close(h.mending)
	h.lasting.Wait()
	for _, p := range append([]*process{h.broker, h.producer}, h.workers...) {
		if err := p.start(); err != nil {
			return err
		}
	}
	h.openLine(h.unopened)
	recovering, looked := time.Now(), time.Now()
	for h.stalls.rising(recovering) < len(h.network.Stations) {
		if h.answered == 0 && h.answers(ctx) {
			h.answered = time.Since(recovering)
		}
		if ctx.Err() != nil || time.Since(recovering) > time.Minute {
			h.note("only %d of %d stations are counted a minute after the last fault", h.stalls.rising(recovering), len(h.network.Stations))
			break
		}
		if h.s.broker == "kafka" && time.Since(looked) > 15*time.Second {
			looked = time.Now()
			if _, err := h.endHanging(ctx); err != nil {
				h.note("looking for transactions that the broker left open: %v", err)
			}
		}
		if h.s.dump > 0 && time.Since(recovering) > h.s.dump {
			h.s.dump = 0
			for _, w := range h.workers {
				w.signal(syscall.SIGQUIT)
			}
			h.note("goroutines are in the workers' logs: %s", h.keepLogs())
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.recovered = time.Since(recovering)
	h.stalls.end()
	if err := h.poisoner.Flush(ctx); err != nil {
		return err
	}
	if !h.producer.stop(30 * time.Second) {
		h.note("the producer did not end within 30 s of SIGTERM")
	}
	begun := time.Now()
	var entries int64
	err := h.await(ctx, "answer of the broker", time.Minute, func() bool {
		n, err := h.watcher.compare(ctx, h.entryTopics(), 5*time.Second)
		entries = n
		return err == nil
	})
	if err != nil {
		return err
	}
	const patience = 45 * time.Second
	counted, since := int64(-1), time.Now()
	for ctx.Err() == nil && time.Since(since) < patience {
		n := h.watcher.settled()
		if n == entries {
			h.caughtUp = time.Since(begun)
			break
		}
		if n != counted {
			counted, since = n, time.Now()
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, w := range h.workers {
		h.leave(w)
	}
	time.Sleep(500 * time.Millisecond) // for what the watcher has not read yet
	h.unwatch()
	h.watching.Wait()
	return ctx.Err()
}

func (h *run) keepLogs() string {
	h.s.keep = true
	return h.dir
}

func (h *run) processes() []*process {
	all := slices.Clone(h.workers)
	for _, p := range []*process{h.extra, h.producer, h.broker} {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

func (h *run) killAll() {
	for _, p := range h.processes() {
		p.close()
	}
}

func (h *run) close() {
	h.killAll()
	if h.unwatch != nil {
		h.unwatch()
		h.watching.Wait()
		h.watcher.client.Close()
	}
	if h.poisoner != nil {
		h.poisoner.Close()
	}
	if h.proxy != nil {
		_ = h.proxy.close() // nobody is left
	}
	if h.services != nil {
		_ = h.services.Close()
	}
	if h.s.keep {
		fmt.Printf("data and logs: %s\n", h.dir)
	} else if err := os.RemoveAll(h.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
