package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// README.md explains every flag of every program.
func TestEveryFlagIsDocumented(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	flag := regexp.MustCompile(`(?m)^  (-[a-z-]+)`)
	for _, name := range []string{"dashboard", "simulation", "trains", "stations", "turnstiles", "connector", "gtfs", "embed"} {
		out, err := exec.Command(filepath.Join(bin, name), "-h").CombinedOutput()
		flags := flag.FindAllStringSubmatch(string(out), -1)
		if len(flags) == 0 {
			t.Errorf("%s -h: %v, no flags:\n%s", name, err, out)
		}
		for _, f := range flags {
			if !strings.Contains(string(text), "`"+f[1]+"`") {
				t.Errorf("README.md doesn't explain %s of %s", f[1], name)
			}
		}
	}
}
