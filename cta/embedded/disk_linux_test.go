package embedded

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestFullDisk has a process find its disk full, at other places of its files each
// time. Every transaction that was acknowledged is there for the next process, none
// is there in part, and the group's position goes with them.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv("CTALIVE_TEST_FULL_DISK"); dir != "" {
		fillDisk(t, dir, os.Getenv("CTALIVE_TEST_LIMIT"))
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Second)
	defer cancel()
	// With padding, it is a segment that can't grow any more, at a record or at a
	// marker; without, it is the log of producers.
	for i, limit := range []int{4000, 4060, 4100, 4150, 4180, 4240, 4300, 4360} {
		padding, dir := i%2*300, t.TempDir()
		child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFullDisk$")
		child.Env = append(os.Environ(), "CTALIVE_TEST_FULL_DISK="+dir, "CTALIVE_TEST_LIMIT="+strconv.Itoa(limit),
			"CTALIVE_TEST_PADDING="+strconv.Itoa(padding))
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("limit %d: %v\n%s", limit, err, out)
		}
		acknowledged := 0
		for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
			if n, ok := strings.CutPrefix(lines.Text(), "acknowledged "); ok {
				if acknowledged, err = strconv.Atoi(n); err != nil {
					t.Fatal(err)
				}
			}
		}
		if acknowledged == 0 {
			t.Fatalf("limit %d: nothing was acknowledged:\n%s", limit, out)
		}
		s := startIn(t, dir)
		got := committed(t, ctx, s)
		n := len(got.Left)
		if n != acknowledged && n != acknowledged+1 || len(got.Right) != n || got.Position != int64(n) {
			t.Errorf("limit %d: %d transactions acknowledged, then %d and %d records, position %d", limit, acknowledged, n, len(got.Right), got.Position)
		}
		for i, value := range append(got.Left, got.Right...) {
			if want := fmt.Sprint(i%n + 1); value != want {
				t.Errorf("limit %d: record %d is %s, want %s", limit, i, value, want)
			}
		}
		w := newWorker(t, ctx, s)
		w.commit("more", int64(n+1))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// fillDisk commits transactions until the broker stops. Files can't grow beyond a
// limit, as on a disk that is full. It ends the process: the client waits for what
// became of its records.
func fillDisk(t *testing.T, dir, limit string) {
	signal.Ignore(syscall.SIGXFSZ) // else it ends the process
	bytes, err := strconv.ParseUint(limit, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	padding, err := strconv.Atoi(os.Getenv("CTALIVE_TEST_PADDING"))
	if err != nil {
		t.Fatal(err)
	}
	s := startIn(t, dir)
	w := newWorker(t, t.Context(), s)
	go func() {
		for i := 1; ; i++ {
			if i == 5 {
				if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes}); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
			}
			if err := w.transaction(fmt.Sprint(i), int64(i), padding); err != nil {
				fmt.Println("ended by", err)
				return
			}
			fmt.Println("acknowledged", i)
		}
	}()
	for end := time.Now().Add(time.Minute); !s.broker.ln.stopped.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the broker goes on")
		}
	}
	if padding > 0 { // else it is as after a kill
		_ = s.Close() // which can't write either
	}
	os.Exit(0)
}

// transaction commits a value, with so many bytes beside it, and a position.
func (w *worker) transaction(value string, offset int64, padding int) error {
	if err := w.c.BeginTransaction(); err != nil {
		return err
	}
	for _, topic := range []string{"left", "right"} {
		if err := w.c.ProduceSync(w.ctx, &kgo.Record{Topic: topic, Value: []byte(value),
			Headers: []kgo.RecordHeader{{Key: "padding", Value: make([]byte, padding)}}}).FirstErr(); err != nil {
			return err
		}
	}
	if err := w.stageErr(w.ctx, offset); err != nil {
		return err
	}
	return w.c.EndTransaction(w.ctx, kgo.TryCommit)
}
