package compose

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// read returns the lines of a file of examples/stack, without comments and with
// those that are continued joined.
func read(t *testing.T, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", "stack", name))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// ignored reports whether a file stays out of the image's context: of the patterns
// that fit it, or a folder it is in, the last decides.
func ignored(patterns []string, file string) bool {
	out := false
	for _, pattern := range patterns {
		name, back := strings.CutPrefix(pattern, "!")
		expr := regexp.QuoteMeta(name)
		expr = strings.ReplaceAll(expr, `\*\*/`, `(.*/)?`)
		expr = strings.ReplaceAll(expr, `\*`, `[^/]*`)
		if regexp.MustCompile(`^` + expr + `(/|$)`).MatchString(file) {
			out = !back
		}
	}
	return out
}

// What the image is built from suffices for its build, as the Dockerfile has it:
// every program that a service runs, and linked to nothing. It runs without root.
func TestImage(t *testing.T) {
	files, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Fatal(err)
	}
	context, bin := t.TempDir(), t.TempDir()
	patterns := read(t, "Dockerfile.dockerignore")
	var size int64
	for _, file := range strings.Fields(string(files)) {
		if ignored(patterns, file) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		size += int64(len(text))
		if err := os.MkdirAll(filepath.Join(context, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(context, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("context: %d KB", size>>10)

	user, entry := "", ""
	for _, line := range read(t, "Dockerfile") {
		if strings.HasPrefix(line, "USER ") {
			user = line
		}
		if strings.HasPrefix(line, "ENTRYPOINT ") {
			entry = line
		}
		build, ok := strings.CutPrefix(line, "RUN ")
		if !ok || !strings.Contains(build, "go build") {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(build, "/out/", bin+"/"))
		cmd.Dir = context
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", build, err, out)
		}
	}
	if !regexp.MustCompile(`^USER [1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("the image's user is given by %q, want numbers above 0", user)
	}
	if want := `ENTRYPOINT ["/program"]`; entry != want { // which health checks call
		t.Errorf("the image's program is given by %q, want %q", entry, want)
	}

	for name, s := range load(t).Services {
		if s.Build == nil {
			continue
		}
		if s.Build.Args["PROGRAM"] == nil {
			t.Errorf("%s: no PROGRAM to build", name)
			continue
		}
		program := filepath.Join(bin, *s.Build.Args["PROGRAM"])
		if out, err := exec.CommandContext(t.Context(), program, append(s.Command, "-h")...).CombinedOutput(); err != nil {
			t.Errorf("%s: %s %q -h: %v\n%s", name, program, s.Command, err, out)
			continue
		}
		f, err := elf.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			t.Errorf("%s is linked dynamically", program)
		}
	}
}
