package stack

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// script runs the stack script with settings that differ from this test's own.
func script(t *testing.T, command string, settings ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "./stack", command)
	cmd.Env = append(os.Environ(), settings...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// What keeps the stack from starting is said in a word that names the remedy,
// and nothing is left running.
func TestStackSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	dir := t.TempDir()
	// A Maven that can't reach anything.
	if err := os.WriteFile(filepath.Join(dir, "mvn"), []byte("#!/bin/sh\necho '[ERROR] Unknown host'\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	elsewhere := []string{ // so that this test's own stack is not in the way
		"CTALIVE_STACK_RUN=" + filepath.Join(dir, "run"),
		"CTALIVE_STACK_KAFKA_PORT=1", "CTALIVE_STACK_KAFKA_SASL_PORT=1", "CTALIVE_STACK_KAFKA_CONTROLLER_PORT=1",
		"CTALIVE_STACK_REGISTRY_PORT=1", "CTALIVE_STACK_REST_PROXY_PORT=1", "CTALIVE_STACK_CONNECT_PORT=1", "CTALIVE_STACK_POSTGRES_PORT=1",
	}
	for _, test := range []struct {
		name     string
		settings []string
		want     []string
	}{
		{"a port is taken", []string{"CTALIVE_STACK_CONNECT_PORT=" + port},
			[]string{"port " + port + ", which Kafka Connect wants, is taken", "CTALIVE_STACK_CONNECT_PORT"}},
		{"another port is taken", []string{"CTALIVE_STACK_POSTGRES_PORT=" + port},
			[]string{"port " + port + ", which PostgreSQL wants, is taken", "CTALIVE_STACK_POSTGRES_PORT"}},
		{"a download fails", []string{"CTALIVE_STACK_DIR=" + filepath.Join(dir, "downloads"), "PATH=" + dir + ":" + os.Getenv("PATH")},
			[]string{"Unknown host", "the download of kafka failed", "Maven Central", "kafka.log"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := script(t, "up", append(elsewhere, test.settings...)...)
			if err == nil {
				t.Fatalf("up succeeded:\n%s", out)
			}
			for _, part := range test.want {
				if !strings.Contains(out, part) {
					t.Errorf("the output lacks %q:\n%s", part, out)
				}
			}
			if out, err := script(t, "status", elsewhere...); err == nil || strings.Contains(out, "pid ") {
				t.Errorf("something runs: %v\n%s", err, out)
			}
		})
	}
}

// A second up of a running stack changes nothing.
func TestStackUpIsIdempotent(t *testing.T) {
	variable(t, "CTALIVE_BROKERS")
	pids := func() (lines []string) {
		out, err := script(t, "status")
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
	if out, err := script(t, "up"); err != nil {
		t.Fatalf("up: %v\n%s", err, out)
	}
	if after := pids(); len(before) != 5 || strings.Join(after, ",") != strings.Join(before, ",") {
		t.Errorf("processes were %v and are %v", before, after)
	}
}
