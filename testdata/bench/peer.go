package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// process is a peer at work.
type process struct {
	cmd  *exec.Cmd
	log  string
	gone chan struct{} // closed when it has ended
	err  error         // why
	peak atomic.Int64  // of its resident set, in kB
}

// start starts a peer under a group of its own.
func (b *system) start(p peer, input string) (_ *process, output string, err error) {
	b.started++
	name := fmt.Sprintf("%s%s%d", b.tag, p.name, b.started)
	output = name + ".counts"
	if p.does == counts {
		if err := b.createCounts(output); err != nil {
			return nil, "", err
		}
	}
	run := &process{cmd: p.command(input, name, output), log: filepath.Join(b.dir, name+".log"), gone: make(chan struct{})}
	log, err := os.Create(run.log)
	if err != nil {
		return nil, "", err
	}
	defer log.Close()
	run.cmd.Stdout, run.cmd.Stderr = log, log
	if err := run.cmd.Start(); err != nil {
		return nil, "", err
	}
	go func() {
		run.err = run.cmd.Wait()
		close(run.gone)
	}()
	go run.watch()
	return run, output, nil
}

// guard returns a context that ends when the process does.
func (p *process) guard(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// watch reads the peak of the process's memory as long as it lives: what the
// system tells of a process after its end includes its parent's.
func (p *process) watch() {
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-p.gone:
			tick.Stop()
			return
		case <-tick.C:
		}
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err != nil {
			continue // it is ending
		}
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				if kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
					p.peak.Store(kB)
				}
			}
		}
	}
}

// usage is what a process has cost.
type usage struct {
	peak float64 // of the resident set, MB
	cpu  float64 // user and system, s
}

// end ends a process, and returns what it has cost.
func (p *process) end() usage {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
	return usage{float64(p.peak.Load()) / 1024, (p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()).Seconds()}
}

// fault returns an error with the end of the process's log.
func (p *process) fault(err error) error {
	data, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return errors.Join(err, fmt.Errorf("the last lines of %s:\n%s", filepath.Base(p.log), strings.Join(lines[max(0, len(lines)-10):], "\n")))
}
