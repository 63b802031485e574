package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// onBoth runs a test on Apache Kafka and on the embedded broker.
func onBoth(t *testing.T, test func(t *testing.T, sys *ctatest.System)) {
	t.Run("Apache Kafka", func(t *testing.T) {
		variable(t, "CTALIVE_BROKERS")
		test(t, newSystem(t))
	})
	t.Run("embedded", func(t *testing.T) {
		for _, name := range []string{"CTALIVE_BROKERS", "CTALIVE_SASL", "CTALIVE_TLS_CA"} {
			t.Setenv(name, "")
		}
		test(t, newSystem(t))
	})
}

// run returns what a program prints on its standard output.
func run(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, &out, &errs)
	}
	return out.String()
}

// java runs one of Kafka's own tools.
func java(t *testing.T, stdin, class string, args ...string) string {
	t.Helper()
	return run(t, stdin, "java", append([]string{
		"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m", "-Dlog4j2.level=ERROR",
		"-cp", variable(t, "CTALIVE_JAVA_CLASSPATH"), class,
	}, args...)...)
}

// The console tools of Apache Kafka 4.3.1 on our topics, and we on theirs.
func TestJavaTools(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		broker := sys.Brokers[0]
		topic := sys.Topics.Prefix + "java"
		java(t, "", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker,
			"--create", "--topic", topic, "--partitions", "3", "--config", "retention.ms=3600000")
		if all, err := sys.Kafka.Partitions(t.Context(), topic); err != nil || len(all) != 3 {
			t.Errorf("the topic has partitions %v, %v, want 3", all, err)
		}

		java(t, "k1:v1\nk2:v2\n", "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker,
			"--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:")
		for _, r := range sys.AwaitRecords(topic, 2) {
			want := kafka.PartitionOf(r.Key, 3)
			if r.Partition != want {
				t.Errorf("%s is in partition %d, want %d: the same partitioner", r.Key, r.Partition, want)
			}
		}

		clark := cta.Chicago().Station(40380)
		sys.Enter(ctatest.At(8, 0), clark, 5)
		group := sys.Topics.Prefix + "java-readers"
		turnstiles := sys.Topics.Turnstiles(clark)
		out := java(t, "", "org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", broker,
			"--topic", turnstiles, "--group", group, "--from-beginning", "--max-messages", "5", "--timeout-ms", "20000",
			"--command-property", "isolation.level=read_committed")
		if got := strings.Count(out, "Clark/Lake"); got != 5 {
			t.Errorf("the Java consumer read Clark/Lake %d times, want 5:\n%q", got, out)
		}

		out = java(t, "", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", broker, "--describe", "--group", group)
		if fields := strings.Fields(lineWith(out, turnstiles)); len(fields) < 6 || fields[3] != "5" || fields[5] != "0" {
			t.Errorf("the group's position: want 5, with lag 0:\n%s", out)
		}
		out = java(t, "", "kafka.admin.ConfigCommand", "--bootstrap-server", broker, "--describe", "--entity-type", "topics", "--entity-name", topic)
		if !strings.Contains(out, "retention.ms=3600000") {
			t.Errorf("the topic's settings lack retention.ms=3600000:\n%s", out)
		}
	})
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestKcat(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		broker, topic := sys.Brokers[0], sys.Topics.Prefix+"words"
		if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(topic, 1)); err != nil {
			t.Fatal(err)
		}
		run(t, "a:1\nb:2\n", "kcat", "-b", broker, "-P", "-t", topic, "-K", ":")
		var got []string
		for _, r := range sys.AwaitRecords(topic, 2) {
			got = append(got, string(r.Key)+"="+string(r.Value))
		}
		if d := cmp.Diff([]string{"a=1", "b=2"}, got); d != "" {
			t.Errorf("records (-want +got):\n%s", d)
		}
		sys.Send(kafka.Record{Topic: topic, Key: []byte("c"), Value: []byte("3")})
		if got, want := run(t, "", "kcat", "-b", broker, "-C", "-t", topic, "-e", "-q", "-f", "%k=%s "), "a=1 b=2 c=3 "; got != want {
			t.Errorf("kcat reads %q, want %q", got, want)
		}
	})
}

// The Python client reads and writes Avro by the registry, groups, transacts; what
// it writes, a page shows.
func TestConfluentKafka(t *testing.T) {
	python := os.Getenv("CTALIVE_PYTHON")
	if python == "" {
		python = "python3"
	}
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		clark, austin := cta.Chicago().Station(40380), cta.Chicago().Station(40010)
		sys.Arrive(time.UnixMilli(1590000000000), ctatest.ArrivalFrom(austin, clark, cta.DirectionA, "blue", "BL001"))
		model := ctaweb.NewModel(cta.Chicago())
		background(t, func(ctx context.Context) error {
			return ctaweb.Consume(ctx, sys.Kafka, sys.Registry, sys.Topics, model, ctaweb.ConsumeConfig{Refresh: 50 * time.Millisecond})
		})
		out := run(t, "", python, "../../cta/embedded/testdata/foreign/confluent.py", sys.Brokers[0], sys.RegistryURL, sys.Topics.Arrivals(clark), sys.Topics.Prefix)
		want := []string{
			"arrival: 1590000000000 40380 BL001 in_service 40010",
			"committed: 1",
			"never committed: -1001", // librdkafka's name for none
			"weather: [0.5, 1.5, 2.5]",
			"committed records: ['kept', 'kept too']",
			"done",
		}
		if d := cmp.Diff(want, strings.Split(strings.TrimSpace(out), "\n")); d != "" {
			t.Errorf("output (-want +got):\n%s", d)
		}
		sys.Await("the trains of both clients at Clark/Lake", func(context.Context) (string, bool, error) {
			var trains []string
			for _, l := range model.Status(time.Now()).Lines {
				for _, train := range l.Trains {
					trains = append(trains, fmt.Sprint(train.ID, " ", train.Line, " at ", train.Station))
				}
			}
			slices.Sort(trains)
			return fmt.Sprint(trains), slices.Equal(trains, []string{"BL001 blue at 40380", "BL002 blue at 40380"}), nil
		})
	})
}
