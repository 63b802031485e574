package stack

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script runs the stack script with settings that differ from this test's own.
func script(t *testing.T, args []string, settings ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./stack", args...)
	cmd.Env = append(os.Environ(), settings...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What keeps the stack from starting is said in a word that names the remedy, and
// down leaves nothing running.
func TestStackSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	dir := t.TempDir()
	// instead has the script find another program under a name.
	instead := func(name, script string) (setting string) {
		d := t.TempDir()
		if err := os.WriteFile(filepath.Join(d, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		return "PATH=" + d + ":" + os.Getenv("PATH")
	}
	downloads := filepath.Join(dir, "downloads")
	where, err := os.MkdirTemp("", "ctalive-stack-") // not in the test's, which others may not enter: PostgreSQL runs as another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(where) })
	elsewhere := []string{ // so that this test's own stack is not in the way
		"CTALIVE_STACK_RUN=" + where, "CTALIVE_STACK_BROKERS=1",
		"CTALIVE_STACK_KAFKA_PORT=1", "CTALIVE_STACK_KAFKA_SASL_PORT=1", "CTALIVE_STACK_KAFKA_CONTROLLER_PORT=1", "CTALIVE_STACK_KAFKA_MUTUAL_PORT=1",
		"CTALIVE_STACK_REGISTRY_PORT=1", "CTALIVE_STACK_REST_PROXY_PORT=1", "CTALIVE_STACK_CONNECT_PORT=1", "CTALIVE_STACK_POSTGRES_PORT=1",
	}
	type fault struct {
		name     string
		settings []string
		want     []string
	}
	faults := []fault{
		{"a download fails", []string{"CTALIVE_STACK_DIR=" + downloads, instead("mvn", "echo '[ERROR] Unknown host'; exit 1")},
			[]string{"Unknown host", "the download of kafka failed", "Maven Central", "kafka.log"}},
		{"another download than the pinned one", []string{"CTALIVE_STACK_DIR=" + downloads, instead("mvn",
			`for a; do case $a in -DoutputDirectory=*) mkdir -p "${a#*=}"; echo other >"${a#*=}/kafka-clients-4.3.1.jar" ;; esac; done`)},
			[]string{"checksums.diff", "not what checksums.sha256 pins", "nothing of it was kept"}},
		{"a service dies at its start", []string{instead("java",
			`case "$*" in *kafka.Kafka*) echo 'FATAL the disk is full'; exit 1 ;; esac`)},
			[]string{"FATAL the disk is full", "kafka ended while starting", "logs/kafka.log", "stack down"}},
	}
	faults = append(faults, fault{"another number of brokers", []string{"CTALIVE_STACK_BROKERS=2"}, []string{"CTALIVE_STACK_BROKERS is 2, want 1 or 3"}})
	for setting, service := range map[string]string{
		"KAFKA_PORT": "Kafka", "KAFKA_SASL_PORT": "Kafka's TLS listener", "KAFKA_CONTROLLER_PORT": "Kafka's controller",
		"KAFKA_MUTUAL_PORT": "Kafka's listener for client certificates",
		"REGISTRY_PORT":     "the registry", "REST_PROXY_PORT": "the REST Proxy", "CONNECT_PORT": "Kafka Connect", "POSTGRES_PORT": "PostgreSQL",
	} {
		setting = "CTALIVE_STACK_" + setting
		faults = append(faults, fault{"the port is taken of " + service, []string{setting + "=" + port},
			[]string{"port " + port + ", which " + service + " wants, is taken", setting}})
	}
	for _, test := range faults {
		t.Run(test.name, func(t *testing.T) {
			out, err := script(t, []string{"up"}, append(elsewhere, test.settings...)...)
			if err == nil {
				t.Fatalf("up succeeded:\n%s", out)
			}
			for _, part := range test.want {
				if !strings.Contains(out, part) {
					t.Errorf("the output lacks %q:\n%s", part, out)
				}
			}
			if kept, _ := filepath.Glob(filepath.Join(downloads, "incoming.*")); len(kept) > 0 {
				t.Errorf("what was downloaded is still there: %s", kept)
			}
			if out, err := script(t, []string{"down"}, elsewhere...); err != nil {
				t.Errorf("down: %v\n%s", err, out)
			}
			if out, err := script(t, []string{"status"}, elsewhere...); err == nil || strings.Contains(out, "pid ") {
				t.Errorf("something runs: %v\n%s", err, out)
			}
		})
	}
}

// A download that is interrupted leaves nothing behind.
func TestStackFetchInterrupted(t *testing.T) {
	dir := t.TempDir()
	// A Maven that says when it is at work.
	if err := os.WriteFile(filepath.Join(dir, "mvn"), []byte("#!/bin/sh\necho >\"$0.begun\"\nexec sleep 600\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("./stack", "fetch")
	cmd.Env = append(os.Environ(), "CTALIVE_STACK_DIR="+dir, "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl+C comes to all of them
	p := start(t, cmd)
	files := func(pattern string) []string {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		return found
	}
	for limit := time.Now().Add(patience); len(files("mvn.begun")) == 0; time.Sleep(10 * time.Millisecond) {
		if err := p.failure(); err != nil || time.Now().After(limit) {
			t.Fatalf("no download began: %v", err)
		}
	}
	if len(files("incoming.*")) == 0 {
		t.Error("nothing to leave behind")
	}
	if err := syscall.Kill(-p.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("it goes on")
	}
	if left := files("incoming.*"); len(left) > 0 {
		t.Errorf("left: %s", left)
	}
}

// A second up of a running stack changes nothing.
func TestStackUpIsIdempotent(t *testing.T) {
	variable(t, "CTALIVE_BROKERS")
	pids := func() (lines []string) {
		out, err := script(t, []string{"status"})
		if err != nil {
			t.Fatalf("status: %v\n%s", err, out)
		}
		for line := range strings.Lines(out) {
			if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "pid" {
				lines = append(lines, fields[0]+" "+fields[2])
			}
		}
		return lines
	}
	before := pids()
	if out, err := script(t, []string{"up"}); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	if after := pids(); len(before) < 5 || strings.Join(after, ",") != strings.Join(before, ",") {
		t.Errorf("processes were %v and are %v", before, after)
	}
}
