package stack

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// javaProgram is a program of one source file, as Java 17 runs it.
func javaProgram(t *testing.T, file string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command("java", append([]string{
		"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx192m", "-Dlog4j2.level=ERROR",
		"-cp", variable(t, "CTALIVE_JAVA_CLASSPATH"), filepath.Join("java", file),
	}, args...)...)
}

// countEntries runs our worker.
func countEntries(t *testing.T, sys *ctatest.System) {
	t.Helper()
	summary, err := ctastream.NewTurnstileSummary(sys.Kafka, sys.Registry, ctastream.Config{Topics: sys.Topics, Group: sys.Topics.Prefix + "summary"})
	if err != nil {
		t.Fatal(err)
	}
	background(t, summary.Run)
}

// countsIn returns the counts that a topic holds, read as TURNSTILE_SUMMARY.
func countsIn(sys *ctatest.System, topic string) map[int]int64 {
	ours := sys.Topics.Counts
	defer func() { sys.Topics.Counts = ours }()
	sys.Topics.Counts = topic
	return sys.Counts()
}

// An application of Kafka Streams, exactly once, counts what our worker counts,
// station by station, and a page that reads its topic shows the same.
func TestKafkaStreamsCountsAsWeDo(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		sys.Topics.Layout = cta.LayoutShared
		stations := cta.Chicago().Stations
		want := make(map[int]int64)
		enter := func(hour, most int) {
			for i, s := range stations {
				n := 1 + i%most
				sys.Enter(ctatest.At(hour, 0), s, n)
				want[s.ID] += int64(n)
			}
		}
		enter(7, 20)
		countEntries(t, sys)

		theirs := sys.Topics
		theirs.Counts = sys.Topics.Prefix + "streams.TURNSTILE_SUMMARY"
		if err := sys.Kafka.EnsureTopics(t.Context(), kafka.TableTopic(theirs.Counts, 1)); err != nil {
			t.Fatal(err)
		}
		app := start(t, javaProgram(t, "EntryCounter.java", sys.Brokers[0], sys.RegistryURL,
			sys.Topics.Prefix+"streams", sys.Topics.Turnstiles(stations[0]), theirs.Counts, t.TempDir()))
		sys.Await("the application to run", func(context.Context) (string, bool, error) {
			return app.printed(), strings.Contains(app.printed(), "RUNNING"), app.failure()
		})
		await := func(topic string) {
			t.Helper()
			sys.Await("the counts in "+topic, func(context.Context) (string, bool, error) {
				d := cmp.Diff(want, countsIn(sys, topic))
				return "a difference (-entered +counted):\n" + d, d == "", nil
			})
		}
		await(theirs.Counts)
		enter(8, 7) // while both are at work
		await(sys.Topics.Counts)
		await(theirs.Counts)

		model := ctaweb.NewModel(cta.Chicago())
		background(t, func(ctx context.Context) error {
			return ctaweb.Consume(ctx, sys.Kafka, sys.Registry, theirs, model, ctaweb.ConsumeConfig{Refresh: 50 * time.Millisecond})
		})
		sys.Await("a page of the application's counts", func(context.Context) (string, bool, error) {
			shown := make(map[int]int64)
			for _, l := range model.Status(time.Now()).Lines {
				for _, s := range l.Stations {
					shown[s.ID] = s.Entries
				}
			}
			d := cmp.Diff(want, shown)
			return "a difference (-entered +shown):\n" + d, d == "", nil
		})
	})
}

// A Java client's transactions are counted, the aborted one is not, and it reads
// our counts.
func TestJavaClient(t *testing.T) {
	onBoth(t, func(t *testing.T, sys *ctatest.System) {
		sys.Topics.Layout = cta.LayoutShared
		clark := cta.Chicago().Station(40380)
		sys.Enter(ctatest.At(7, 0), clark, 5)
		countEntries(t, sys)
		sys.AwaitCount(clark, 5)
		const more = 400
		out, err := javaProgram(t, "Rider.java", sys.Brokers[0], sys.RegistryURL, sys.Topics.Turnstiles(clark), sys.Topics.TurnstileSummary(),
			strconv.Itoa(clark.ID), clark.Name, "blue", strconv.Itoa(more), strconv.Itoa(5+more)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		counts := strings.Fields(strings.ReplaceAll(string(out), "count: ", ""))
		if len(counts) < 2 || counts[0] != "5" || counts[len(counts)-1] != strconv.Itoa(5+more) {
			t.Errorf("Java read counts %v, want 5 first and %d last", counts, 5+more)
		}
		sys.AwaitCount(clark, 5+more)
	})
}
