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
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// TestKilledBetweenWrites has the broker start with what a kill leaves after each of
// the writes by which a transaction grows and is committed. It is there as a whole or
// not at all, records and positions, and stays so after a further transaction.
func TestKilledBetweenWrites(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	dir := t.TempDir()
	s := startIn(t, dir)
	w := newWorker(t, ctx, s)
	w.commit("one", 1)
	w.begin()
	before := copied(t, dir)
	w.put("two")
	w.stage(2)
	produced := copied(t, dir)
	w.end()
	ended := copied(t, dir)

	part := func(topic, ext string) string { return "kafka/partitions/" + topic + "-0/0." + ext }
	whole := []string{"one", "two"}
	for _, tt := range []struct {
		name     string
		from, to string
		files    []string // written in this order
		commits  int      // from how many of them on the transaction counts
	}{
		{"a record", before, produced, []string{part("left", "dat"), part("left", "idx"), part("right", "dat"), part("right", "idx")}, 99},
		{"the end", produced, ended, []string{"kafka/commitment.json", part("left", "dat"), part("left", "idx"), part("right", "dat"),
			part("right", "idx"), "kafka/groups.log", "kafka/pids.log"}, 1},
		{"the end, otherwise", produced, ended, []string{"kafka/commitment.json", part("right", "dat"), part("right", "idx"),
			part("left", "dat"), part("left", "idx"), "kafka/groups.log", "kafka/pids.log"}, 1},
	} {
		for n := range len(tt.files) + 1 {
			dir := copied(t, tt.from)
			for _, f := range tt.files[:n] {
				data, err := os.ReadFile(filepath.Join(tt.to, f))
				if err == nil {
					err = os.WriteFile(filepath.Join(dir, f), data, 0o600)
				}
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			want, position := whole[:1], int64(1)
			if n >= tt.commits {
				want, position = whole, 2
			}
			// A kill, a start, a transaction, a kill, a start.
			s := startIn(t, dir)
			if got := committed(t, ctx, s); !cmp.Equal(got, state{want, want, position}) {
				t.Errorf("%s, killed after %d writes: %v, want %v up to %d", tt.name, n, got, want, position)
			}
			next := newWorker(t, ctx, s)
			next.commit("three", 3)
			s = startIn(t, copied(t, dir))
			want = append(want[:len(want):len(want)], "three")
			if got := committed(t, ctx, s); !cmp.Equal(got, state{want, want, 3}) {
				t.Errorf("%s, killed after %d writes, and again after one more transaction: %v, want %v", tt.name, n, got, want)
			}
		}
	}
}

// A request to commit that isn't one more commit leaves nothing to be done at the next start:
// one of a worker that another has taken the place of, and one that is repeated because its
// answer was lost.
func TestVainCommitIsNotDueAfterAKill(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
	defer cancel()
	dir := t.TempDir()
	s := startIn(t, dir)
	w := newWorker(t, ctx, s, kgo.MaxVersions(kversion.V3_6_0())) // an end doesn't begin an epoch
	stage := func(offset int64) {
		t.Helper()
		req := kmsg.NewPtrAddOffsetsToTxnRequest()
		var err error
		if req.ProducerID, req.ProducerEpoch, err = w.c.ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
		req.TransactionalID, req.Group = "worker", "group"
		if resp, err := req.RequestWith(ctx, w.c); err != nil || resp.ErrorCode != 0 {
			t.Fatal(resp, err)
		}
		w.stage(offset)
	}
	w.begin()
	w.put("one")
	stage(1)
	w.end()
	killed := func(when string) {
		t.Helper()
		want := []string{"one"}
		if got := committed(t, ctx, startIn(t, copied(t, dir))); !cmp.Equal(got, state{want, want, 1}) {
			t.Errorf("killed after %s: %v, want %v up to 1", when, got, want)
		}
	}
	pid, epoch, err := w.c.ProducerID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_ = endRaw(ctx, w.c, pid, epoch) // Kafka answers as before, kfake that there is no transaction
	w.begin()
	w.put("two")
	killed("a repeated end, and records of the next transaction")

	stage(9)
	next := newWorker(t, ctx, s)
	next.begin()
	next.put("three")
	if err := endRaw(ctx, w.c, pid, epoch); err == nil {
		t.Error("a fenced worker has committed")
	}
	killed("the end of a fenced worker")
}

func endRaw(ctx context.Context, c *kgo.Client, pid int64, epoch int16) error {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = "worker", pid, epoch, true
	resp, err := req.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// state is what a reader of committed records finds, and the group's position.
type state struct {
	Left, Right []string
	Position    int64
}

func committed(t *testing.T, ctx context.Context, s *Services) (found state) {
	t.Helper()
	values := func(topic string) (got []string) {
		for _, r := range records(t, ctx, s, topic) {
			got = append(got, r[1:]) // without a key
		}
		return got
	}
	found.Left, found.Right = values("left"), values("right")
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = "group"
	rt := kmsg.NewOffsetFetchRequestGroupTopic()
	rt.Topic, rt.Partitions = "left", []int32{0}
	info := s.broker.cluster.TopicInfo("left")
	rt.TopicID = info.TopicID
	g.Topics = append(g.Topics, rt)
	req.Groups = append(req.Groups, g)
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	resp, err := req.RequestWith(ctx, c)
	if err != nil || resp.Groups[0].ErrorCode != 0 {
		t.Fatal(resp, err)
	}
	found.Position = resp.Groups[0].Topics[0].Partitions[0].Offset
	return found
}

// worker writes to two topics and moves a group's position in transactions.
type worker struct {
	t   *testing.T
	ctx context.Context
	s   *Services
	c   *kgo.Client
}

func newWorker(t *testing.T, ctx context.Context, s *Services, opts ...kgo.Opt) *worker {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(s.Brokers()...), kgo.TransactionalID("worker"), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if s.broker.cluster.TopicInfo("left") == nil {
		createTopics(t, ctx, c, map[string]string{"left": "delete", "right": "delete"})
	}
	return &worker{t, ctx, s, c}
}

// commit makes a transaction of a record to each topic and a position.
func (w *worker) commit(value string, position int64) {
	w.t.Helper()
	w.begin()
	w.put(value)
	w.stage(position)
	w.end()
}

func (w *worker) begin() {
	w.t.Helper()
	if err := w.c.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) put(value string) {
	w.t.Helper()
	for _, topic := range []string{"left", "right"} {
		if err := w.c.ProduceSync(w.ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *worker) stage(offset int64) {
	w.t.Helper()
	if err := w.stageErr(w.ctx, offset); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) stageErr(ctx context.Context, offset int64) error {
	pid, epoch, err := w.c.ProducerID(ctx)
	if err != nil {
		return err
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.Group, req.ProducerID, req.ProducerEpoch, req.Generation = "worker", "group", pid, epoch, -1
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	rt.Topic, rt.TopicID = "left", w.s.broker.cluster.TopicInfo("left").TopicID
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Offset = offset
	rt.Partitions = append(rt.Partitions, p)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, w.c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
}

func (w *worker) end() {
	w.t.Helper()
	if err := w.c.EndTransaction(w.ctx, kgo.TryCommit); err != nil {
		w.t.Fatal(err)
	}
}

// A kill in the middle of an entry leaves a piece of it. What is written behind it counts.
func TestTornLogs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	dir := t.TempDir()
	s := startIn(t, dir)
	w := newWorker(t, ctx, s)
	w.commit("one", 1)
	torn := copied(t, dir)
	for _, log := range []string{"pids.log", "groups.log"} {
		f, err := os.OpenFile(filepath.Join(torn, "kafka", log), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write([]byte{40, 0, 0, 0, 1, 2, 3, 4, 1, 0, '{'})
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	s = startIn(t, torn)
	w = newWorker(t, ctx, s)
	w.commit("two", 2)
	want := []string{"one", "two"}
	if got := committed(t, ctx, startIn(t, copied(t, torn))); !cmp.Equal(got, state{want, want, 2}) {
		t.Errorf("%v, want %v up to 2", got, want)
	}
}
