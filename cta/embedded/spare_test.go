package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCompactionCutShort has the broker start with what a kill leaves in the middle of
// a compaction, at each of its steps.
func TestCompactionCutShort(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	dir := t.TempDir()
	s := startIn(t, dir)
	write(t, ctx, s, "a=1", "b=1", "a=2", "c=1")

	untouched := copied(t, dir)
	sp := spare{filepath.Join(dir, "kafka")}
	if err := sp.keep(s.broker.cleaner.partitions([]string{"table"})); err != nil {
		t.Fatal(err)
	}
	begun := copied(t, dir)
	s.broker.cluster.Compact()
	done := copied(t, dir)
	sp.drop(s.log)
	if got, want := records(t, ctx, s, "table"), []string{"b=1", "a=2", "c=1"}; !cmp.Equal(got, want) {
		t.Fatalf("after the compaction: %v, want %v", got, want)
	}

	table := func(dir string) string { return filepath.Join(dir, "kafka", "partitions", "table-0") }
	for _, tt := range []struct {
		name string
		dir  string
		do   func(dir string) error
	}{
		{"while the spare files are made", untouched, func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, "kafka", "compacting.new", "table-0"), 0o750)
		}},
		{"before it", begun, func(string) error { return nil }},
		{"with the old files deleted", begun, func(dir string) error {
			return errors.Join(os.RemoveAll(table(dir)), os.Mkdir(table(dir), 0o750))
		}},
		{"with half a file written", begun, func(dir string) error {
			return errors.Join(os.Truncate(filepath.Join(table(dir), "0.dat"), 70), os.Truncate(filepath.Join(table(dir), "0.idx"), 0))
		}},
		{"with the spare files put back in part", begun, func(dir string) error { return os.RemoveAll(table(dir)) }},
		{"after it", done, func(string) error { return nil }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := copied(t, tt.dir)
			if err := tt.do(dir); err != nil {
				t.Fatal(err)
			}
			s := startIn(t, dir)
			if got, want := records(t, ctx, s, "table"), []string{"a=1", "b=1", "a=2", "c=1"}; !cmp.Equal(got, want) {
				t.Errorf("after the restart: %v, want %v", got, want)
			}
			write(t, ctx, s, "b=2")
			if _, err := os.Stat(filepath.Join(dir, "kafka", "compacting")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the spare files are still there: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = startIn(t, dir)
			if got, want := records(t, ctx, s, "table"), []string{"a=1", "b=1", "a=2", "c=1", "b=2"}; !cmp.Equal(got, want) {
				t.Errorf("after the second restart: %v, want %v", got, want)
			}
		})
	}
}

// startIn starts services with a data directory, or in memory without one.
func startIn(t *testing.T, dir string) *Services {
	t.Helper()
	s, err := Start(t.Context(), Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// copied returns a copy of a data directory: what a kill would leave at this moment.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// write writes records to topic table, each a key and a value, creating it if need be.
func write(t *testing.T, ctx context.Context, s *Services, records ...string) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.DefaultProduceTopic("table"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s.broker.cluster.TopicInfo("table") == nil {
		createTopics(t, ctx, c, map[string]string{"table": "compact"})
	}
	for _, r := range records {
		if err := c.ProduceSync(ctx, &kgo.Record{Key: []byte(r[:1]), Value: []byte(r[2:])}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}
