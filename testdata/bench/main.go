// Bench compares ctalive with its peers on one Kafka cluster, in one run:
//
//	testdata/stack/stack up
//	eval "$(testdata/stack/stack env)"
//	go run ./testdata/bench                             # all peers
//	go run ./testdata/bench -peers bare,franz           # peers in Go: bare, franz, goka, franz-emits, sarama-emits
//	go run ./testdata/bench -before ../old/turnstiles   # an earlier build of ctalive alone
//
// All peers need a JDK, and CTALIVE_PYTHON with the packages of .ci/requirements.txt and
// testdata/faust/requirements.txt.
//
// # What is measured
//
//	drain   a process starts, joins a new group, and counts all entries that wait in 12
//	        partitions: records/s, also from the process's start
//	delay   at a steady rate of entries, the time from an entry's acknowledgement until a reader
//	        of committed records has a count that includes the entry
//	emit    the rate of records of an entry's size; the topic's end is checked
//
// # Peers
//
//	ours             examples/turnstiles: exactly once, counts published and committed
//	bare, franz      a group of sarama's and one of franz-go's that decode, count and publish
//	                 nothing: the ceiling of a client library. Sarama has the fastest settings
//	                 that we know, franz-go its defaults
//	goka, faust      lovoo/goka and Faust: at least once, state in memory
//	streams          Kafka Streams 4.3.1: exactly-once v2, state in memory, otherwise defaults
//	emitters         franz-go, sarama, Kafka (Java), confluent-kafka (Python): idempotent,
//	                 otherwise defaults
//
// Faust counts a twentieth of the entries: all would take minutes.
//
// The peers take turns, so that other load of the machine affects all alike. The output is
// the medians as Markdown, as in README.md. Memory is the peak of the process's resident set
// (VmHWM), CPU the process's processor time. Compare ratios between machines, not the other
// figures. The topics stay until the stack is taken down.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
	only, peers       string
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
	flag.StringVar(&s.only, "only", "", "drain, delay or emit; empty: all")
	flag.StringVar(&s.peers, "peers", "bare,franz,goka,faust,streams,franz-emits,sarama-emits,java,python", "`names` of the peers, by commas")
	flag.StringVar(&s.program, "bin", "", "run this `program` instead of building examples/turnstiles")
	flag.StringVar(&s.before, "before", "", "hold this earlier build of examples/turnstiles against it instead of other peers, `program`")
	flag.StringVar(&s.role, "role", "", "for bench's own use")
	flag.StringVar(&s.topic, "topic", "", "of a role")
	flag.StringVar(&s.group, "group", "", "of a role")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	roles := map[string]func(context.Context, *settings) error{
		"": bench, "bare": bare, "franz": franz, "ours-emits": oursEmits, "franz-emits": franzEmits, "sarama-emits": saramaEmits,
	}
	if err := roles[s.role](ctx, &s); err != nil {
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
	source   string // of the peers' programs
	chosen   []peer
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
	if s.only == "" || s.only == "drain" {
		err = b.drains(ctx)
	}
	if err == nil && (s.only == "" || s.only == "delay") {
		err = b.delays(ctx)
	}
	if err == nil && s.before == "" && (s.only == "" || s.only == "emit") {
		err = b.emits(ctx)
	}
	return err
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
	return b.choose(ctx)
}

// load returns the load averages of the machine.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}
