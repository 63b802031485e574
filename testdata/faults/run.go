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
)

// run is one run of the harness.
type run struct {
	s         *settings
	dir       string
	self      string // the harness's own program
	worker    string // examples/turnstiles
	dashboard string // examples/dashboard
	network   *cta.Network
	direct    []string // the brokers' addresses
	faultAddr string   // where the embedded broker is told to answer with errors

	proxies   proxies    // of the brokers and of the registry
	nodes     []*process // brokers
	others    []*process // controllers of their own, or ZooKeeper
	byID      map[int32]*process
	breaking  sync.Mutex  // held while brokers of a cluster are away
	admin     *kgo.Client // of a cluster
	registry  *process
	producer  *process
	workers   []*process
	extra     *process    // a worker that comes and goes
	poisoner  *kgo.Client // writes what nobody can read
	watcher   *watcher
	stalls    *stalls
	control   *stalls
	page      *page      // nil: there's none
	controls  []*process // a member of the control for each worker
	beside    []*process // these and the page
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
	faults      []string        // what of the run itself wasn't right
	atFault     int             // transactions that the broker itself left open
	led         map[int32]int32 // the brokers that lead the partitions of the one topic of entries, when all was whole
	leaderless  int
}

func (s *settings) validate() error {
	var faults []error
	if !slices.Contains([]string{"embedded", "kafka", "cluster"}, s.broker) {
		faults = append(faults, fmt.Errorf("-broker is %q, want embedded, kafka or cluster", s.broker))
	}
	if s.broker == "embedded" && s.version != "" {
		faults = append(faults, errors.New("-kafka is for Apache Kafka: -broker kafka or cluster"))
	}
	if s.broker != "cluster" && (s.dedicated || s.copies != 3) {
		faults = append(faults, errors.New("-dedicated and -copies are for -broker cluster"))
	}
	if s.copies != 3 && (s.copies != 1 || s.layout != string(cta.LayoutShared)) {
		faults = append(faults, errors.New("-copies wants 3, or 1 with -layout shared"))
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
		openFirst: make(map[int]bool), refusals: make(map[string]int), stalls: newStalls(), control: newStalls(), byID: make(map[int32]*process), begun: time.Now()}
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
	var flags []string
	if s.race {
		flags = append(flags, "-race")
		if h.self, err = h.build(ctx, "testdata/faults", flags); err != nil {
			return nil, err
		}
	}
	if s.broker == "cluster" {
		if h.dashboard, err = h.build(ctx, "examples/dashboard", flags); err != nil {
			return nil, err
		}
	}
	h.worker, err = h.build(ctx, "examples/turnstiles", flags)
	return h, err
}

// build builds a command of this module.
func (h *run) build(ctx context.Context, path string, flags []string) (program string, err error) {
	program = filepath.Join(h.dir, filepath.Base(path))
	args := slices.Concat([]string{"build", "-buildvcs=false", "-o", program}, flags, []string{"github.com/seed-921eec07/ctalive/" + path})
	build := exec.CommandContext(ctx, "go", args...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build %s: %w", path, err)
	}
	return program, nil
}

// start starts everything, and returns when the first counts are published.
func (h *run) start(ctx context.Context) error {
	if err := h.startServices(ctx); err != nil {
		return err
	}
	h.producer = h.process("producer", func() *exec.Cmd {
		h.mu.Lock()
		h.incarnation++
		n := h.incarnation
		lines := strings.Join(h.openLines(), ",")
		h.mu.Unlock()
		return exec.Command(h.self, "-role", "producer", "-brokers", h.brokers(), "-registry", h.registryURL(), "-rate", strconv.Itoa(h.s.rate),
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
	if h.watcher, err = newWatcher(h.options(), h.s, h.stalls); err != nil {
		return err
	}
	wctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.unwatch = cancel
	h.watching.Go(func() { h.watcher.run(wctx) })
	if h.s.broker == "cluster" {
		if err := h.startBeside(ctx, wctx); err != nil {
			return err
		}
	}
	for _, p := range slices.Concat([]*process{h.producer}, h.workers, h.beside) {
		if err := p.start(); err != nil {
			return err
		}
	}
	return h.await(ctx, "the first counts", 3*time.Minute, func() bool { n, _ := h.watcher.total(); return n > 0 })
}

func (h *run) startServices(ctx context.Context) (err error) {
	count := 1
	if h.s.broker == "cluster" {
		count = 3
	}
	addrs := make([]string, 2*count+2)
	for i := range addrs {
		if addrs[i], err = freeAddr(); err != nil {
			return err
		}
	}
	h.direct = addrs[:count]
	behind, registry := addrs[count:2*count], addrs[2*count]
	h.faultAddr = addrs[2*count+1]
	if h.s.broker == "embedded" {
		behind = h.direct // one listener, which goes by the proxy's address
	}
	for _, target := range append(slices.Clip(behind), registry) {
		p, err := newProxy(target)
		if err != nil {
			return err
		}
		h.proxies = append(h.proxies, p)
	}
	h.registry = h.process("registry", func() *exec.Cmd {
		return exec.Command(h.self, "-role", "services", "-registry", registry, "-data", filepath.Join(h.dir, "registry"))
	})
	if h.s.broker == "embedded" {
		h.nodes = append(h.nodes, h.process("broker", func() *exec.Cmd {
			return exec.Command(h.self, "-role", "services", "-brokers", h.direct[0], "-advertise", h.brokers(),
				"-control", h.faultAddr, "-data", filepath.Join(h.dir, "data"))
		}))
	} else if err := h.newKafka(ctx, behind); err != nil {
		return err
	}
	for _, p := range slices.Concat(h.others, h.nodes, []*process{h.registry}) {
		if err := p.start(); err != nil {
			return err
		}
	}
	return h.await(ctx, "answer of all brokers", 4*time.Minute, func() bool { return h.answers(ctx, count) })
}

// newKafka makes the folders of Apache Kafka, and its processes.
func (h *run) newKafka(ctx context.Context, behind []string) error {
	k := kafkaCluster{version: h.s.version, brokers: len(behind), dedicated: h.s.dedicated, sessionMS: 9000, dir: h.dir, direct: h.direct, behind: behind}
	if len(behind) == 1 {
		k.sessionMS = 2000
	}
	k.proxied = strings.Split(h.brokers(), ",")
	brokers, others, err := k.nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range brokers {
		p := h.process(n.name, n.command)
		h.nodes, h.byID[int32(n.id)] = append(h.nodes, p), p
	}
	for _, n := range others {
		p := h.process(n.name, n.command)
		h.others, h.byID[int32(n.id)] = append(h.others, p), p
	}
	return nil
}

// startBeside has a control and a page ready to start, and follows them.
func (h *run) startBeside(ctx, wctx context.Context) (err error) {
	if h.admin, err = kgo.NewClient(h.options()...); err != nil {
		return err
	}
	if err := createTopic(ctx, h.admin, controlTopic, 1, -1); err != nil {
		return err
	}
	if h.s.copies == 1 {
		for _, topic := range h.entryTopics() {
			if err := createTopic(ctx, h.admin, topic, 12, 1); err != nil {
				return err
			}
		}
	}
	listen, err := freeAddr()
	if err != nil {
		return err
	}
	h.page = &page{url: "http://" + listen, stalls: newStalls(), counts: make(map[int]int64)}
	for n := range h.s.workers {
		name := "control-" + strconv.Itoa(n+1)
		h.controls = append(h.controls, h.process(name, func() *exec.Cmd {
			return exec.Command(h.self, "-role", "control", "-name", name, "-brokers", h.brokers(), "-layout", h.s.layout, "-lines", h.s.lines, "-session-timeout", h.s.session.String())
		}))
	}
	h.beside = append(slices.Clone(h.controls),
		h.process("page", func() *exec.Cmd {
			return exec.Command(h.dashboard, "-services", "external", "-brokers", h.brokers(), "-registry", h.registryURL(), "-layout", h.s.layout, "-wait", "1m", "-listen", listen)
		}))
	h.watching.Go(func() { h.page.run(wctx) })
	return h.followControl(wctx)
}

// measured are the stalls of all that is looked at.
func (h *run) measured() []*stalls {
	all := []*stalls{h.stalls, h.control}
	if h.page != nil {
		all = append(all, h.page.stalls)
	}
	return all
}

// brokers and registryURL are the addresses that the system under test is given.
func (h *run) brokers() string {
	var addrs []string
	for _, p := range h.proxies[:len(h.proxies)-1] {
		addrs = append(addrs, p.addr())
	}
	return strings.Join(addrs, ",")
}
func (h *run) registryURL() string { return "http://" + h.proxies[len(h.proxies)-1].addr() }

// answers reports whether that many brokers do.
func (h *run) answers(ctx context.Context, count int) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := kgo.NewClient(h.options()...)
	if err != nil {
		return false
	}
	defer c.Close()
	meta, err := allTopics(ctx, c)
	return err == nil && len(meta.Brokers) >= count
}

// options are those of the harness's own clients: to the brokers directly, and quick to
// notice that one of them is gone. The embedded broker has the proxy's address, wherever
// it is.
func (h *run) options() []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(h.direct...), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond })}
	if h.s.broker == "embedded" {
		return append(opts, kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, h.direct[0])
		}))
	}
	return append(opts, kgo.RequestTimeoutOverhead(2*time.Second), kgo.DialTimeout(2*time.Second))
}

func (h *run) process(name string, command func() *exec.Cmd) *process {
	return &process{name: name, logs: h.dir, make: command}
}

func (h *run) workerCommand(name string) *exec.Cmd {
	if h.s.careless {
		return exec.Command(h.self, "-role", "careless", "-brokers", h.brokers(), "-layout", h.s.layout, "-lines", h.s.lines, "-session-timeout", h.s.session.String())
	}
	args := []string{"-services", "external", "-brokers", h.brokers(), "-registry", h.registryURL(), "-layout", h.s.layout,
		"-group", workersGroup, "-session-timeout", h.s.session.String(), "-wait", "1m"}
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

// fault notes what wasn't right, so that the run fails.
func (h *run) fault(format string, a ...any) {
	h.mu.Lock()
	h.faults = append(h.faults, fmt.Sprintf(format, a...))
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
	for _, p := range slices.Concat(h.others, h.nodes, []*process{h.registry, h.producer}, h.workers, h.beside) {
		if err := p.start(); err != nil {
			return err
		}
	}
	h.openLine(h.unopened)
	recovering, looked := time.Now(), time.Now()
	patient, limit := recovering, time.Minute
	if h.s.broker == "cluster" {
		limit = 2 * time.Minute // brokers that have just started fetch what they missed first
	}
	for h.stalls.rising(recovering) < len(h.network.Stations) {
		if h.answered == 0 && h.answers(ctx, 1) {
			h.answered = time.Since(recovering)
		}
		if ctx.Err() != nil || time.Since(patient) > limit {
			h.fault("only %d of %d stations are counted %v after the last fault", h.stalls.rising(recovering), len(h.network.Stations), limit)
			break
		}
		if h.s.broker != "embedded" && time.Since(looked) > 15*time.Second {
			looked = time.Now()
			n, err := h.endHanging(ctx)
			if err != nil {
				h.note("looking for transactions that the broker left open: %v", err)
			}
			if h.atFault += n; n > 0 {
				patient = looked // the minute begins when the broker's fault is mended
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
	for _, s := range h.measured() {
		s.end()
	}
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
	patience := 45 * time.Second
	if h.s.careless {
		patience = 5 * time.Second // they needn't ever match
	}
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
	time.Sleep(500*time.Millisecond + 2*glance) // for what the watcher has not read yet, and nobody has seen on the page
	h.unwatch()
	h.watching.Wait()
	return ctx.Err()
}

func (h *run) keepLogs() string {
	h.s.keep = true
	return h.dir
}

func (h *run) processes() []*process {
	all := slices.Concat(h.workers, h.beside, h.nodes, h.others)
	for _, p := range []*process{h.extra, h.producer, h.registry} {
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
	for _, c := range []*kgo.Client{h.poisoner, h.admin} {
		if c != nil {
			c.Close()
		}
	}
	for _, p := range h.proxies {
		_ = p.close() // nobody is left
	}
	if h.s.keep {
		fmt.Printf("data and logs: %s\n", h.dir)
	} else if err := os.RemoveAll(h.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
