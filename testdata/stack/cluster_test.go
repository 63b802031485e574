package stack

import (
	"os"
	"strings"
	"testing"
)

// Of three brokers each is found by what it does, killed or paused, and back with up.
func TestStackBreaksBrokersByRole(t *testing.T) {
	if os.Getenv("CTALIVE_STACK_BROKERS") != "3" {
		t.Skip("wants three brokers: CTALIVE_STACK_BROKERS=3")
	}
	variable(t, "CTALIVE_BROKERS")
	run := func(args ...string) string {
		t.Helper()
		out, err := script(t, args)
		if err != nil {
			t.Fatalf("stack %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(out)
	}
	for _, args := range [][]string{{"pause", "controller"}, {"kill", "leader:__consumer_offsets/0"}} {
		broken := run(args...)
		if !strings.Contains("123", broken) || len(broken) != 1 {
			t.Errorf("stack %s says %q, want the number of a broker", strings.Join(args, " "), broken)
		}
		if args[0] == "kill" {
			if out, err := script(t, []string{"status"}); err == nil || !strings.Contains(out, "kafka-"+broken+"    not running") {
				t.Errorf("broker %s was killed, status says (%v):\n%s", broken, err, out)
			}
		}
		run("up")
		run("status")
	}
	for who, want := range map[string]string{"boss": `no broker is called "boss"`, "leader:none/0": "the cluster names no leader:none/0", "9": "broker 9 does not run"} {
		if out, err := script(t, []string{"kill", who}); err == nil || !strings.Contains(out, want) {
			t.Errorf("stack kill %s: %v, want %q:\n%s", who, err, want, out)
		}
	}
}
