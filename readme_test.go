package ctalive_test

import (
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// The README's program compiles as it is printed. With the README's addition for a
// user's own vehicles, and on services of its own, it serves a page with the train that
// it emits. Ctrl+C ends it in time, with code 0.
func TestReadmesProgramRuns(t *testing.T) {
	blocks := goBlock.FindAllStringSubmatch(readme(t), -1)
	if len(blocks) != 2 || !strings.HasPrefix(blocks[0][1], "package main\n") {
		t.Fatalf("README.md has %d blocks of Go, want a program and an addition", len(blocks))
	}
	program, addition := blocks[0][1], blocks[1][1]
	onGo(t, "vet", program)
	if runtime.GOOS == "windows" {
		t.Skip("programs are ended by signals, which Windows does not have")
	}

	const last, address = "\treturn services.Together(ctx,", "127.0.0.1:8080"
	before, after, found := strings.Cut(program, last)
	if !found || !strings.Contains(program, address) || !strings.Contains(program, "services.Config{}") {
		t.Fatalf("README's program lacks %q, %q or the default services", last, address)
	}
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	page := probe.Addr().String()
	probe.Close()
	program = strings.NewReplacer(
		address, page,
		"services.Config{}", "services.Config{Where: services.WhereEmbedded}", // not a broker that happens to run here
		"import (\n", "import (\n\t\"time\"\n\t\"github.com/seed-921eec07/ctalive/ctaproducer\"\n",
	).Replace(before + addition + last + after)
	binary := filepath.Join(t.TempDir(), "program")
	onGo(t, "build", program, "-o", binary)
	cmd := exec.Command(binary)
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !strings.Contains(body(ctx, "http://"+page+"/api/v1/trains"), `"id":"7"`) {
		select {
		case err := <-ended:
			t.Fatalf("the program ended: %v\n%s", err, &printed)
		case <-ctx.Done():
			t.Fatal("train 7 is not in /api/v1/trains")
		case <-time.After(50 * time.Millisecond):
		}
	}
	if !strings.Contains(body(ctx, "http://"+page+"/"), "<html") {
		t.Error("/ is no page")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after Ctrl+C: %v\n%s", err, &printed)
		}
	case <-ctx.Done():
		t.Error("Ctrl+C does not end the program")
	}
}

// onGo runs a go command on a program.
func onGo(t *testing.T, command, program string, flags ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{command}, flags...), file)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("README.md: go %s: %v\n%s\n%s", command, err, out, program)
	}
}

// body returns what an address answers with status 200, else "".
func body(ctx context.Context, url string) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

var figures = regexp.MustCompile(`about ([0-9,]+) entries and ([0-9,]+) arrivals`)

// A simulated weekday has as many events as OPERATIONS.md states.
func TestADayHasTheEventsOfTheDocuments(t *testing.T) {
	sim, err := ctaproducer.NewSimulation(cta.Chicago(), ctaproducer.SimulationConfig{Seed: 1, For: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	entries, arrivals := 0, 0
	for ev := range sim.Events() {
		switch ev.Kind {
		case ctaproducer.EventEntry:
			entries++
		case ctaproducer.EventArrival:
			arrivals++
		}
	}
	text, err := os.ReadFile("OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	stated := figures.FindStringSubmatch(string(text))
	if stated == nil {
		t.Fatal("OPERATIONS.md has no figures of a day")
	}
	for i, n := range []int{entries, arrivals} {
		said, err := strconv.Atoi(strings.ReplaceAll(stated[i+1], ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		if said < n*99/100 || said > n*101/100 {
			t.Errorf("OPERATIONS.md: %s, want %d entries and %d arrivals", stated[0], entries, arrivals)
		}
	}
}

// The package comment lists every package of the library.
func TestOverviewListsThePackages(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range strings.FieldsSeq(string(out)) {
		name := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
		if name == "" || strings.Contains(name, "internal") || strings.HasPrefix(name, "examples") {
			continue
		}
		if !strings.Contains(string(text), "["+pkg+"]") {
			t.Errorf("doc.go doesn't list package %s", name)
		}
	}
}

// The log lines that OPERATIONS.md explains are in the code.
func TestLogLinesOfTheManualExist(t *testing.T) {
	text, err := os.ReadFile("OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Log lines to know")
	table, _, _ = strings.Cut(table, "## ")
	var lines []string
	for row := range strings.Lines(table) {
		if cells := strings.Split(row, "|"); len(cells) > 1 {
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
				lines = append(lines, m[1])
			}
		}
	}
	if len(lines) < 6 {
		t.Errorf("OPERATIONS.md explains %d log lines, want 6 or more", len(lines))
	}
	var code strings.Builder
	for _, dir := range []string{"cta", "ctaproducer", "ctastream", "ctaweb"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := os.ReadFile(path)
			code.Write(file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range lines {
		if !strings.Contains(code.String(), `"`+line) {
			t.Errorf("OPERATIONS.md explains %q, which no code logs", line)
		}
	}
}

// The tests that cta/kafka/INVARIANTS.md names exist.
func TestInvariantsNameTests(t *testing.T) {
	text, err := os.ReadFile("cta/kafka/INVARIANTS.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := make(map[string]bool)
	for _, pattern := range []string{"cta/kafka/*_test.go", "cta/kafka/internal/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(code), -1) {
				defined[m[1]] = true
			}
		}
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 30 {
		t.Errorf("INVARIANTS.md names %d tests, want 30 or more", len(named))
	}
	for _, m := range named {
		if !defined[m[1]] {
			t.Errorf("INVARIANTS.md names %s, which does not exist", m[1])
		}
	}
}
