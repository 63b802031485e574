package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// root is the repository's folder, where the commands of examples/README.md are run.
const root = "../.."

var codeBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// readmesCommands returns the commands that examples/README.md lists for the real services,
// without its comments on them.
func readmesCommands(t *testing.T) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range codeBlock.FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(block[1], "stack up") {
			continue
		}
		for line := range strings.Lines(block[1]) {
			command, _, _ := strings.Cut(line, " #")
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return commands
}

// The README's commands on real services, with the variables that it sets and no
// others, bring the stations to Kafka and a live system to the page. Each program
// leaves when it is told to.
func TestReadmesCommands(t *testing.T) {
	sys := newSystem(t)
	commands := readmesCommands(t)
	last := len(commands) - 1
	if last < 3 || commands[0] != "testdata/stack/stack up" || !strings.HasPrefix(commands[1], "eval ") || commands[last] != "testdata/stack/stack down" {
		t.Fatalf("README's commands are %q, want stack up, the variables, programs, stack down", commands)
	}
	bin := t.TempDir()
	run(t, "", "go", "build", "-C", root, "-o", bin, "./examples/...")
	var env []string
	for _, v := range os.Environ() { // what a terminal has without those of this test
		if !strings.HasPrefix(v, "CTALIVE_") || strings.HasPrefix(v, "CTALIVE_STACK_") {
			env = append(env, v)
		}
	}
	env = append(env, "CTALIVE_LISTEN=127.0.0.1:0") // the page's usual port may be taken

	var workers []*process
	printed := make(map[string]string) // by the programs that end by themselves
	for _, command := range commands[2:last] {
		args, ok := strings.CutPrefix(command, "go run ./examples/")
		if !ok {
			t.Fatalf("README has the command %q, want an example to run", command)
		}
		cmd := exec.Command("bash", "-c", commands[1]+"\nexec "+filepath.Join(bin, args))
		cmd.Dir, cmd.Env = root, env
		p := start(t, cmd)
		if strings.HasPrefix(args, "connector") {
			p.succeeds(t)
			printed[args] = p.printed()
			continue
		}
		workers = append(workers, p)
	}
	for args, lines := range map[string][]string{
		"connector": {
			`table stations: \d+ rows inserted, 0 updated, \d+ unchanged`,
			`connector stations: created (true|false), RUNNING`,
			`topic org\.chicago\.cta\.stations: \d+ records of 300 stops`,
		},
		"connector -delete": {`connector stations is deleted`},
	} {
		for _, line := range lines {
			if !regexp.MustCompile(`(?m)^` + line).MatchString(printed[args]) {
				t.Errorf("%s printed no line that begins with %q:\n%s", args, line, printed[args])
			}
		}
	}

	sys.Await("a live system on the page", func(ctx context.Context) (string, bool, error) {
		page := ""
		for _, p := range workers {
			if err := p.failure(); err != nil {
				return "", false, err
			}
			if m := pageAt.FindStringSubmatch(p.printed()); m != nil {
				page = m[1]
			}
		}
		if page == "" {
			return "no page", false, nil
		}
		return live(ctx, page)
	})
	sys.AwaitRecords(cta.Topics{}.StationsTable(), 191) // of 145 stations, on each of their lines
	for _, p := range workers {
		if err := p.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		// The 5 seconds that README promises are measured by the program's own clock,
		// which a busy machine does not mislead: one that needs more ends with code 1.
		p.succeeds(t)
	}
}

var pageAt = regexp.MustCompile(`(?m)^dashboard at (\S+)$`)

// live asks a dashboard whether riders see a live system.
func live(ctx context.Context, page string) (state string, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/api/v1/status", nil)
	if err != nil {
		return "", false, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", false, err
	}
	defer res.Body.Close()
	var s ctaweb.Status
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return "", false, err
	}
	ok = s.Ready && !s.Stale && s.Weather != nil && len(s.Lines) == 8
	state = fmt.Sprintf("ready %t, stale %t, weather %v", s.Ready, s.Stale, s.Weather)
	for _, l := range s.Lines {
		ok = ok && len(l.Trains) > 0 && l.Entries > 0
		state += fmt.Sprintf(", %s: %d trains, %d entries", l.ID, len(l.Trains), l.Entries)
	}
	return state, ok, nil
}
