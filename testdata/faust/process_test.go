package faust

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// lines is a text that grows while it is read.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// app is a Faust app that runs as a process.
type app struct {
	t         *testing.T
	name      string
	cmd       *exec.Cmd
	out, errs lines
	ended     chan struct{}
	err       error // once ended is closed
	stop      func()
}

// start runs one of this folder's apps on the topics of sys, with more of the
// environment, until stop is called or the test ends.
func start(t *testing.T, sys *ctatest.System, file string, env ...string) *app {
	t.Helper()
	python := os.Getenv("CTALIVE_PYTHON")
	if python == "" {
		python = "python3"
	}
	dir := t.TempDir()
	a := &app{t: t, name: file, ended: make(chan struct{})}
	a.cmd = exec.Command(python, file, "--datadir", dir, "worker", "--without-web", "--loglevel", "info")
	a.cmd.Env = append(append(os.Environ(), env...), "PYTHONUNBUFFERED=1", "PYTHONUTF8=1", "PYTHONDONTWRITEBYTECODE=1",
		"APP="+sys.Topics.Prefix+file, "BROKER="+sys.Brokers[0],
		"ROWS="+sys.Topics.Stations(), "TABLE="+sys.Topics.StationsTable())
	a.cmd.Stdout, a.cmd.Stderr = &a.out, &a.errs
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		a.err = a.cmd.Wait()
		close(a.ended)
	}()
	a.stop = sync.OnceFunc(a.interrupt)
	t.Cleanup(func() {
		a.stop()
		if t.Failed() || testing.Verbose() {
			t.Logf("%s wrote:\n%s%s", file, a.out.String(), a.errs.String())
		}
	})
	return a
}

// interrupt ends the app as Ctrl+C does.
func (a *app) interrupt() {
	a.t.Helper()
	if err := a.cmd.Process.Signal(os.Interrupt); err != nil {
		a.t.Errorf("%s: %v", a.name, err)
	}
	select {
	case <-a.ended:
		if a.err != nil {
			a.t.Errorf("%s: %v", a.name, a.err)
		}
	case <-time.After(20 * time.Second):
		a.t.Errorf("%s doesn't end on an interrupt", a.name)
		if err := a.cmd.Process.Kill(); err != nil {
			a.t.Error(err)
		}
		<-a.ended
	}
}

// failure is the error of an app that has ended by itself.
func (a *app) failure() error {
	select {
	case <-a.ended:
		return fmt.Errorf("%s has ended: %w", a.name, a.err)
	default:
		return nil
	}
}

// background runs a worker until stop is called or the test ends.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// deletion is the record by which Debezium tells that a row is no more.
func deletion(sys *ctatest.System, stop int) kafka.Record {
	return kafka.Record{Topic: sys.Topics.Stations(), Key: fmt.Appendf(nil, `{"stop_id":%d}`, stop)}
}
