package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// peer is a program that reads the entries, or emits.
type peer struct {
	name  string // -peers has it
	label string // of its row
	does  task
	share int // it drains the share-th part of the entries
	// command starts it on a topic, as a group, with a topic for its counts.
	command func(topic, group, output string) *exec.Cmd
}

// task is what a peer does.
type task int

const (
	counts task = iota // the entries, and publishes the counts
	reads              // the entries, tells its progress, and ends by itself
	emits              // records, and the same
)

// all are the peers that we know, the first of a task ours.
func (b *system) all() []peer {
	self := func(name, label string, does task) peer { // is bench itself
		return peer{name, label, does, 1, func(topic, group, _ string) *exec.Cmd {
			return exec.Command(os.Args[0], "-role", name, "-brokers", b.brokers, "-topic", topic, "-group", group, "-entries", strconv.Itoa(b.entries))
		}}
	}
	java := func(class string, args ...string) *exec.Cmd {
		classes := os.Getenv("CTALIVE_JAVA_CLASSPATH") + string(filepath.ListSeparator) + b.dir
		return exec.Command("java", append([]string{"-cp", classes, class, b.brokers}, args...)...)
	}
	return []peer{
		b.ours("ours", "ctalive, exactly once", b.program),
		{"streams", "Kafka Streams, exactly once", counts, 1, func(input, group, output string) *exec.Cmd {
			return java("Count", group, input, output, filepath.Join(b.dir, group))
		}},
		{"goka", "goka, at least once", counts, 1, func(input, group, output string) *exec.Cmd {
			return exec.Command(filepath.Join(b.dir, "goka"), b.brokers, group, input, output)
		}},
		{"faust", "Faust, at least once", counts, 20, func(input, group, output string) *exec.Cmd {
			c := exec.Command(b.python(), filepath.Join(b.source, "count.py"), "worker", "-l", "warn")
			c.Env = append(os.Environ(), "BROKERS="+b.brokers, "GROUP="+group, "TOPIC="+input, "OUTPUT="+output,
				"PARTITIONS="+strconv.Itoa(b.partitions), "DATA="+filepath.Join(b.dir, group))
			return c
		}},
		self("franz", "a bare franz-go group: publishes nothing", reads),
		self("bare", "a bare sarama group: the same", reads),
		self("ours-emits", "ctalive", emits),
		self("franz-emits", "franz-go", emits),
		self("sarama-emits", "sarama", emits),
		{"java", "Kafka's own, Java", emits, 1, func(topic, _, _ string) *exec.Cmd { return java("Emit", topic, strconv.Itoa(b.entries)) }},
		{"python", "confluent-kafka, Python", emits, 1, func(topic, _, _ string) *exec.Cmd {
			return exec.Command(b.python(), filepath.Join(b.source, "emit.py"), b.brokers, topic, strconv.Itoa(b.entries))
		}},
	}
}

// ours is a build of examples/turnstiles.
func (b *system) ours(name, label, program string) peer {
	return peer{name, label, counts, 1, func(input, group, output string) *exec.Cmd {
		return exec.Command(program, "-brokers", b.brokers, "-registry", b.settings.registry, "-prefix", b.tag, "-layout", "shared",
			"-input", input, "-group", group, "-output", output)
	}}
}

// choose chooses the peers that are wanted, and builds their programs.
func (b *system) choose(ctx context.Context) error {
	dir, err := tell(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/seed-921eec07/ctalive/testdata/bench")
	if err != nil {
		return fmt.Errorf("bench's own folder is not found: run it in the repository: %w", err)
	}
	b.source = filepath.Join(dir, "peers")
	if b.program == "" {
		b.program = filepath.Join(b.dir, "turnstiles")
		if _, err := tell(ctx, "go", "build", "-o", b.program, "github.com/seed-921eec07/ctalive/examples/turnstiles"); err != nil {
			return err
		}
	}
	if b.before != "" {
		b.chosen = []peer{b.ours("ours", "ctalive", b.program), b.ours("before", "ctalive before", b.before)}
		return nil
	}
	wanted := strings.Split(b.peers, ",")
	b.chosen = slices.DeleteFunc(b.all(), func(p peer) bool { return !strings.HasPrefix(p.name, "ours") && !slices.Contains(wanted, p.name) })
	if n := len(b.chosen) - 2; n != len(wanted) {
		return fmt.Errorf("-peers is %q: %d of its %d names are known", b.peers, n, len(wanted))
	}
	for _, p := range b.chosen {
		var err error
		switch p.name {
		case "goka":
			_, err = tell(ctx, "go", "-C", filepath.Join(b.source, "goka"), "build", "-o", filepath.Join(b.dir, "goka"), ".")
		case "streams", "java":
			if os.Getenv("CTALIVE_JAVA_CLASSPATH") == "" {
				err = errors.New(`CTALIVE_JAVA_CLASSPATH is not set: eval "$(testdata/stack/stack env)"`)
				break
			}
			_, err = tell(ctx, "javac", "-cp", os.Getenv("CTALIVE_JAVA_CLASSPATH"), "-d", b.dir, filepath.Join(b.source, "Count.java"), filepath.Join(b.source, "Emit.java"))
		case "faust", "python":
			_, err = tell(ctx, b.python(), "-c", "import "+strings.Replace(p.name, "python", "confluent_kafka", 1))
		}
		if err != nil {
			return fmt.Errorf("peer %s: %w (or leave it out: -peers)", p.name, err)
		}
	}
	return nil
}

// python is the Python that has the clients.
func (b *system) python() string { return cmp.Or(os.Getenv("CTALIVE_PYTHON"), "python3") }

// of are the chosen peers of some tasks.
func (b *system) of(does ...task) []peer {
	return slices.DeleteFunc(slices.Clone(b.chosen), func(p peer) bool { return !slices.Contains(does, p.does) })
}

// tell runs a command, and returns what it printed.
func tell(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
