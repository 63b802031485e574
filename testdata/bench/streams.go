package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// streams downloads Kafka Streams if it isn't there yet, and compiles Count.java.
func (b *system) streams(ctx context.Context) (peer, error) {
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return peer{}, fmt.Errorf("-streams wants %s (on Debian: apt-get install openjdk-17-jdk-headless maven)", tool)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return peer{}, err
	}
	source, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "github.com/seed-921eec07/ctalive/testdata/bench").Output()
	if err != nil {
		return peer{}, fmt.Errorf("bench's own folder is not found: run it in the repository: %w", err)
	}
	folder := filepath.Join(string(source[:len(source)-1]), "streams")
	jars := filepath.Join(cache, "ctalive-bench", "streams-4.3.1")
	if _, err := os.Stat(jars); errors.Is(err, os.ErrNotExist) {
		into := jars + ".incoming"
		fetch := exec.CommandContext(ctx, "mvn", "-B", "-q", "-f", filepath.Join(folder, "pom.xml"),
			"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+into)
		if out, err := fetch.CombinedOutput(); err != nil {
			return peer{}, fmt.Errorf("the download of Kafka Streams failed: %w\n%s", err, out)
		}
		if err := os.Rename(into, jars); err != nil {
			return peer{}, err
		}
	}
	classes := jars + string(filepath.Separator) + "*" + string(filepath.ListSeparator) + b.dir
	compile := exec.CommandContext(ctx, "javac", "-cp", classes, "-d", b.dir, filepath.Join(folder, "Count.java"))
	if out, err := compile.CombinedOutput(); err != nil {
		return peer{}, fmt.Errorf("Count.java doesn't compile: %w\n%s", err, out)
	}
	return peer{"streams", true, func(input, group, output string) *exec.Cmd {
		return exec.Command("java", "-cp", classes, "Count", b.brokers, group, input, output, filepath.Join(b.dir, group))
	}}, nil
}
