// Bench holds the turnstile summary against its peers, side by side on one
// Kafka cluster, in one run:
//
//	testdata/stack/stack up
//	eval "$(testdata/stack/stack env)"
//	go run ./testdata/bench            # records per second while draining, and the delay
//	go run ./testdata/bench -streams   # Kafka Streams, too
//	go run ./testdata/bench -before ../old/turnstiles   # an earlier build of ours alone
//
// Drain: so many entries wait in 12 partitions. A process is started, joins a new
// group, and works until all are counted. Its peers are
//
//   - ours: examples/turnstiles, exactly once, counts published and committed;
//   - bare: a sarama consumer group that decodes nothing, counts nothing and
//     publishes nothing, with sarama's settings as fast as we know them: the
//     ceiling of what the client library does;
//   - streams: Kafka Streams 4.3.1, exactly-once v2, its other settings at their
//     defaults, state in memory (streams/Count.java).
//
// Delay: entries come at a steady rate. What is measured is the time from an
// entry's acknowledgement until a reader of committed records has a count that
// includes it.
//
// The peers take turns, so that what else the machine does meets all of them
// alike; medians are compared. Memory is the peak of the process's resident set
// (VmHWM), processor time that of the process alone. Ratios can be compared
// between machines, the rest can't. The topics stay until the stack is taken down.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// settings are the flags.
type settings struct {
	brokers, registry string
	entries           int
	partitions        int
	runs              int
	rate              int
	seconds           int
	only              string
	streams           bool
	program, before   string

	role, topic, group string // of the processes that bench starts itself as
}

func main() {
	var s settings
	flag.StringVar(&s.brokers, "brokers", os.Getenv("CTALIVE_BROKERS"), "Kafka broker, `host:port`")
	flag.StringVar(&s.registry, "registry", os.Getenv("CTALIVE_REGISTRY"), "Schema Registry, `URL`")
	flag.IntVar(&s.entries, "entries", 2_000_000, "`number` of entries that wait to be drained")
	flag.IntVar(&s.partitions, "partitions", 12, "`number` of partitions")
	flag.IntVar(&s.runs, "runs", 3, "`number` of runs of each peer")
	flag.IntVar(&s.rate, "rate", 1000, "entries a second whose delay is measured, `number`")
	flag.IntVar(&s.seconds, "seconds", 15, "`number` of seconds for which the delay is measured")
	flag.StringVar(&s.only, "only", "", "drain or delay; empty: both")
	flag.BoolVar(&s.streams, "streams", false, "hold Kafka Streams against it, too: wants a JDK, 17 or newer")
	flag.StringVar(&s.program, "bin", "", "run this `program` instead of building examples/turnstiles")
	flag.StringVar(&s.before, "before", "", "hold this earlier build of examples/turnstiles against it instead of other peers, `program`")
	flag.StringVar(&s.role, "role", "", "for bench's own use")
	flag.StringVar(&s.topic, "topic", "", "of a role")
	flag.StringVar(&s.group, "group", "", "of a role")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := bench
	if s.role == "bare" {
		run = bare
	}
	if err := run(ctx, &s); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// system is the cluster and what runs on it.
type system struct {
	*settings
	kafka    *kafka.Client
	registry *wire.Registry
	dir      string // programs and logs
	peers    []peer
	tag      string // of this run's groups and topics
	started  int
}

func bench(ctx context.Context, s *settings) error {
	if s.brokers == "" || s.registry == "" {
		return errors.New(`no cluster: run testdata/stack/stack up, then eval "$(testdata/stack/stack env)"`)
	}
	dir, err := os.MkdirTemp("", "ctalive-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &system{settings: s, dir: dir, tag: fmt.Sprintf("bench%d.", time.Now().Unix())}
	if err := b.open(ctx); err != nil {
		return err
	}
	defer b.kafka.Close()
	defer b.registry.Close()
	fmt.Printf("cluster %s, load %s\n", s.brokers, load())
	if s.only != "delay" {
		if err := b.drains(ctx); err != nil {
			return err
		}
	}
	if s.only != "drain" {
		return b.delays(ctx)
	}
	return nil
}

// open connects, and gets the programs of the peers.
func (b *system) open(ctx context.Context) (err error) {
	if b.kafka, err = kafka.Connect(ctx, kafka.Config{Brokers: []string{b.brokers}, ClientID: "bench"}); err != nil {
		return err
	}
	if b.registry, err = wire.NewRegistry(wire.RegistryConfig{URL: b.settings.registry}); err != nil {
		return err
	}
	if err := b.registry.Wait(ctx); err != nil {
		return err
	}
	if b.program == "" {
		b.program = filepath.Join(b.dir, "turnstiles")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.program, "github.com/seed-921eec07/ctalive/examples/turnstiles")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("examples/turnstiles doesn't build: %w\n%s", err, out)
		}
	}
	b.peers = []peer{b.ours("ours", b.program), b.bare()}
	if b.before != "" {
		b.peers[1] = b.ours("before", b.before)
	}
	if b.settings.streams {
		p, err := b.streams()
		if err != nil {
			return err
		}
		b.peers = append(b.peers, p)
	}
	return nil
}

// turn returns the peers in the order of a run. Each run begins with the next peer: the
// first one of a run pays for what the one before has left, such as the broker's deletions.
func (b *system) turn(run int) []peer {
	n := run % len(b.peers)
	return append(slices.Clone(b.peers[n:]), b.peers[:n]...)
}

// load returns the load averages of the machine.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}
