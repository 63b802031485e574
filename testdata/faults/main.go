// Faults breaks a running system at random moments, and counts whether every
// entry was counted once.
//
//	go run ./testdata/faults -seed 1 -for 2m
//	go run ./testdata/faults -seed 1 -for 90s -broker kafka
//	go run ./testdata/faults -seed 1 -for 5m -broker cluster -layout shared -rate 2000
//
// It runs, as processes of their own: a broker, a registry, workers
// (examples/turnstiles) and a producer that emits as fast as it may. All of their
// traffic goes through proxies of the harness's own. By a schedule that follows from
// the seed, processes are killed, paused and ended, connections cut, delayed and held
// up, and the embedded broker answers with errors, and compacts all the time; workers
// join and leave, lines open whose stations have no topic yet, and records are written
// that nobody can read. A reader that shares no code with the library follows what is
// published. In the end another one reads all entries, and what was published is held
// against them:
//
//   - each station's last count is the number of its entries;
//   - no count of a station was ever below one published before, or repeated (the rows
//     that the embedded broker's compaction writes again, as they were, aside);
//   - each count says which entries it counts, truly, and never counted entries that
//     weren't there yet;
//   - an entry that was acknowledged is there, once, in the order of sending;
//   - a record that nobody can read has one dead letter, and no other record has any;
//   - no process but the producer ended by itself, none found a data race, and every
//     station is counted again within a minute of the last fault, or two with three brokers.
//
// The process ends with 1 when any of that is not so, and prints what was done,
// what was found, and how long counting stood still. With -careless, workers of its own
// count at least once rather than exactly once: then it has to end with 1.
//
// With -broker cluster there are three brokers, which are killed and paused by what they
// do: the leader of a partition, the coordinator of the group or of transactions, the
// controller; one after the other, or two at a time. Beside the workers are a page, which
// has to show the counts in the end and never a lower one, and a group of another client,
// whose stalls are measured in the same way.
//
// How long counting stands still is mostly up to the brokers' controller: until it has
// taken a broker out, after broker.session.timeout.ms (9 s) and, if it was the controller
// itself, an election, nothing that needs its replica is committed. The longest stalls of
// 28 faults on a quiet machine of two cores (-rate 5000, seeds 41 and 42), in seconds,
// ours and the control's: leader-kill 3 and 41, group-kill 14 and 18, transaction-kill 13
// and 59, controller-kill 13 and 43; leader-hang 16 and 40, group-hang 14 and 93,
// transaction-hang 25 and 1, controller-hang 23 and 88. Of two-kill for 45 to 51 s, 76 and 80
// (-rate 2000 -every 100s -away 60s, seed 55); of worker-kill alone, 9 and 6 (seed 61). A
// transaction whose coordinator hangs as it notes the end may be held up for longer: see
// "A hanging transaction" in OPERATIONS.md.
//
// Apache Kafka 4.3.1 has been seen to forget, after a kill, to end a transaction in
// some partition; then nothing goes on until an operator ends it. The harness does so,
// and says so: the minute begins anew.
//
// Counts were exact, too, with controllers of their own on Apache Kafka 4.3.1 (-dedicated, seed
// 53: 50 faults) and 3.9.1 (seed 54: 49), and with ZooKeeper on 2.8.2 (seed 56: 45).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// settings are the flags.
type settings struct {
	role      string
	seed      uint64
	duration  time.Duration
	broker    string
	workers   int
	rate      int
	layout    string
	lines     string
	every     time.Duration
	only      string
	static    bool
	session   time.Duration
	careless  bool
	copies    int
	away      time.Duration
	dedicated bool
	version   string
	race      bool
	keep      bool
	dump      time.Duration
	verbose   bool

	// Of the roles that the harness starts itself as.
	brokers, advertise, registry, control, data string
	incarnation                                 int
	name                                        string
}

func (s *settings) define(fs *flag.FlagSet) {
	fs.Uint64Var(&s.seed, "seed", 1, "the same `number` gives the same schedule of faults")
	fs.DurationVar(&s.duration, "for", 2*time.Minute, "how long to break things, `duration`; counting up to the end comes on top")
	fs.StringVar(&s.broker, "broker", "embedded", "embedded; or Apache Kafka, as testdata/stack downloads it: kafka is one broker, cluster three, with a control and a page")
	fs.IntVar(&s.workers, "workers", 3, "`number` of workers")
	fs.IntVar(&s.rate, "rate", 20000, "entries a second on average, in bursts, `number`; 0: as fast as possible")
	fs.StringVar(&s.layout, "layout", string(cta.LayoutPerStation), "per-station or shared")
	fs.StringVar(&s.lines, "lines", "", "only the stations of these lines, `id,…`; empty: all")
	fs.DurationVar(&s.every, "every", 1500*time.Millisecond, "a fault about every `duration`")
	fs.StringVar(&s.only, "only", "", "only these `kinds` of faults, with commas between; none: no faults; empty: all ("+strings.Join(kindNames(), ", ")+")")
	fs.BoolVar(&s.static, "static", false, "workers have stable names in their group")
	fs.DurationVar(&s.session, "session-timeout", 6*time.Second, "of the workers, `duration`")
	fs.BoolVar(&s.careless, "careless", false, "workers are other ones, that count at least once: to show that the harness sees it")
	fs.DurationVar(&s.away, "away", 15*time.Second, "how long brokers of a cluster are away, `duration`, a third less or more")
	fs.IntVar(&s.copies, "copies", 3, "replication factor of the entries on a cluster, `number`. With 1, a broker's absence must cost its partitions only")
	fs.BoolVar(&s.dedicated, "dedicated", false, "a cluster has three controllers of their own")
	fs.StringVar(&s.version, "kafka", "", "Apache Kafka of this `version`, as 3.9.1 or 2.8.2 (with ZooKeeper); empty: that of testdata/stack")
	fs.BoolVar(&s.race, "race", false, "build workers, producer and embedded services with the race detector")
	fs.BoolVar(&s.keep, "keep", false, "keep the folder of data and logs")
	fs.DurationVar(&s.dump, "dump", 0, "end the workers with their goroutines in their logs when counting has not recovered this `duration` after the last fault; 0: don't")
	fs.BoolVar(&s.verbose, "v", false, "print every fault as it happens")

	fs.StringVar(&s.role, "role", "", "for the harness's own use")
	fs.StringVar(&s.brokers, "brokers", "", "of a role")
	fs.StringVar(&s.advertise, "advertise", "", "of a role")
	fs.StringVar(&s.registry, "registry", "", "of a role")
	fs.StringVar(&s.control, "control", "", "of a role")
	fs.StringVar(&s.data, "data", "", "of a role")
	fs.StringVar(&s.name, "name", "", "of a role")
	fs.IntVar(&s.incarnation, "incarnation", 0, "of a role")
}

// seeds are the brokers that a role is given.
func (s *settings) seeds() []string { return strings.Split(s.brokers, ",") }

func (s *settings) topics() cta.Topics { return cta.Topics{Layout: cta.Layout(s.layout)} }

func (s *settings) network() (*cta.Network, error) {
	if s.lines == "" {
		return cta.Chicago(), nil
	}
	return cta.Chicago().Only(strings.Split(s.lines, ",")...)
}

func main() {
	var s settings
	s.define(flag.CommandLine)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch s.role {
	case "":
		err = harness(ctx, &s)
	case "services":
		err = runServices(ctx, &s)
	case "producer":
		err = runProducer(ctx, &s)
	case "careless":
		err = runCareless(ctx, &s)
	case "control":
		err = runControl(ctx, &s)
	default:
		err = fmt.Errorf("no role %q", s.role)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		os.Exit(1)
	}
}

// harness builds, runs and judges.
func harness(ctx context.Context, s *settings) error {
	if runtime.GOOS == "windows" {
		return fmt.Errorf("pauses of processes want a Unix system")
	}
	if err := s.validate(); err != nil {
		return err
	}
	// An end that can't be missed, whatever hangs.
	limit := s.duration + 6*time.Minute
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	h, err := newRun(ctx, s)
	if err != nil {
		return err
	}
	time.AfterFunc(limit+30*time.Second, func() {
		fmt.Fprintf(os.Stderr, "faults: no end within %v, leaving\n", limit)
		h.killAll()
		os.Exit(1)
	})
	defer h.close()
	if err := h.start(ctx); err != nil {
		return err
	}
	begun := time.Now()
	h.breakThings(ctx)
	h.broken = time.Since(begun)
	if err := h.mend(ctx); err != nil {
		return err
	}
	v, err := h.judge(ctx)
	if err != nil {
		return err
	}
	return h.report(os.Stdout, v)
}
