package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a process of the system under test, started again whenever it ends
// unless it is meant to be down.
type process struct {
	name string
	logs string
	make func() *exec.Cmd  // its command; called at each start
	line func(line string) // of its standard output, if not nil

	mu     sync.Mutex
	cmd    *exec.Cmd
	gone   chan struct{} // closed when cmd has ended
	down   bool          // on purpose
	asked  bool          // cmd was told to end
	paused bool
	ends   []string // those not on purpose: what its log says last
	starts int
	closed bool
}

// start starts the process unless it runs.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
	if p.cmd != nil || p.closed {
		return nil
	}
	log, err := os.OpenFile(filepath.Join(p.logs, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "--- started %s\n", time.Now().UTC().Format("15:04:05.000"))
	cmd := p.make()
	cmd.Stderr = log
	var out io.ReadCloser
	if p.line == nil {
		cmd.Stdout = log
	} else if out, err = cmd.StdoutPipe(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		log.Close()
		return fmt.Errorf("%s: %w", p.name, err)
	}
	p.starts++
	p.asked = false
	p.cmd, p.gone = cmd, make(chan struct{})
	go p.follow(cmd, p.gone, out, log)
	return nil
}

// follow waits for the end of a process, and starts it again if it ended by itself.
func (p *process) follow(cmd *exec.Cmd, gone chan struct{}, out io.Reader, log *os.File) {
	if out != nil {
		in := bufio.NewReaderSize(out, 1<<16)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break // what follows the last end of line was cut off by a kill
			}
			p.line(strings.TrimSuffix(line, "\n"))
		}
	}
	err := cmd.Wait()
	log.Close()
	p.mu.Lock()
	p.cmd = nil
	p.paused = false
	close(gone)
	again := !p.down && !p.closed
	if again && !p.asked {
		p.ends = append(p.ends, fmt.Sprintf("%s %s ended by itself (%v): %s", time.Now().UTC().Format("15:04:05.000"), p.name, err, p.lastLine()))
	}
	p.mu.Unlock()
	if again {
		time.Sleep(300 * time.Millisecond) // as a supervisor would
		p.mu.Lock()
		again = !p.down
		p.mu.Unlock()
		if again {
			_ = p.start()
		}
	}
}

// signal sends a signal. It reports whether there was a process.
func (p *process) signal(sig syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	switch sig {
	case syscall.SIGSTOP:
		if p.paused {
			return false
		}
		p.paused = true
	case syscall.SIGCONT:
		p.paused = false
	}
	return p.cmd.Process.Signal(sig) == nil
}

// kill ends the process at once, and has it stay down until start.
func (p *process) kill() bool {
	p.mu.Lock()
	p.down, p.asked = true, true
	cmd, gone := p.cmd, p.gone
	p.mu.Unlock()
	if cmd == nil {
		return false
	}
	_ = cmd.Process.Kill()
	<-gone
	return true
}

// stop asks the process to end, kills it if it doesn't within the limit, and has
// it stay down. It returns false when it had to be killed.
func (p *process) stop(limit time.Duration) bool {
	p.mu.Lock()
	p.down, p.asked = true, true
	cmd, gone := p.cmd, p.gone
	p.mu.Unlock()
	if cmd == nil {
		return true
	}
	_ = cmd.Process.Signal(syscall.SIGCONT)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-gone:
		return true
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-gone
		return false
	}
}

// running reports whether the process runs and isn't paused.
func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && !p.paused && !p.down
}

// present reports whether there is a process, paused or not.
func (p *process) present() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil
}

func (p *process) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.kill()
}

// logged returns how often the log says something; -1 when there's none.
func (p *process) logged(text string) int {
	b, err := os.ReadFile(filepath.Join(p.logs, p.name+".log"))
	if err != nil {
		return -1
	}
	return bytes.Count(b, []byte(text))
}

// lastLine returns the last line of the log.
func (p *process) lastLine() string {
	b, err := os.ReadFile(filepath.Join(p.logs, p.name+".log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := lines[len(lines)-1]
	return last[:min(len(last), 300)]
}

// panics returns the first line of each panic or data race in the log.
func (p *process) panics() (found []string) {
	if p.starts == 0 {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(p.logs, p.name+".log"))
	if err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "WARNING: DATA RACE") {
			found = append(found, p.name+": "+strings.TrimSpace(line))
		}
	}
	return found
}
