package stack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a program under way.
type process struct {
	*exec.Cmd
	file  string        // what it prints, on both streams
	ended chan struct{} // closed when it has ended
	err   error         // then
}

// start runs a program until the test ends. It is told to end then, and waited
// for: before the test's folders go, in which it may still be writing.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{Cmd: cmd, file: out.Name(), ended: make(chan struct{})}
	p.Stdout, p.Stderr = out, out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM) // fails when it has ended
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			_ = p.Process.Kill()
			<-p.ended
		}
		if t.Failed() || testing.Verbose() {
			t.Logf("%s printed:\n%s", p, p.printed())
		}
	})
	return p
}

func (p *process) printed() string {
	text, _ := os.ReadFile(p.file)
	return string(text)
}

// failure is the error of a program that should still run.
func (p *process) failure() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended: %v\n%s", p, p.err, p.printed())
	default:
		return nil
	}
}

// succeeds waits for the end of the program.
func (p *process) succeeds(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s has not ended after %v", p, patience)
	}
	if p.err != nil {
		t.Errorf("%s: %v", p, p.err)
	}
}
