package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// streams is streams/Count.java on the stack's libraries.
func (b *system) streams() (peer, error) {
	classes := os.Getenv("CTALIVE_JAVA_CLASSPATH")
	if classes == "" {
		return peer{}, errors.New(`-streams wants CTALIVE_JAVA_CLASSPATH: eval "$(testdata/stack/stack env)"`)
	}
	if _, err := exec.LookPath("javac"); err != nil {
		return peer{}, errors.New("-streams wants a JDK (on Debian: apt-get install openjdk-17-jdk-headless)")
	}
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/seed-921eec07/ctalive/testdata/bench").Output()
	if err != nil {
		return peer{}, fmt.Errorf("bench's own folder is not found: run it in the repository: %w", err)
	}
	source := filepath.Join(strings.TrimSpace(string(out)), "streams", "Count.java")
	if out, err := exec.Command("javac", "-cp", classes, "-d", b.dir, source).CombinedOutput(); err != nil {
		return peer{}, fmt.Errorf("%s doesn't compile: %w\n%s", source, err, out)
	}
	classes += string(filepath.ListSeparator) + b.dir
	return peer{"streams", true, func(input, group, output string) *exec.Cmd {
		return exec.Command("java", "-cp", classes, "Count", b.brokers, group, input, output, filepath.Join(b.dir, group))
	}}, nil
}
