// Package examples_test runs the example programs as their users do: built, as
// processes, ended by signals.
package examples_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var bin string // folder of the built programs

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if bin, err = os.MkdirTemp("", "ctalive"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(bin)
		if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", bin+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// process is an example program under way.
type process struct {
	*exec.Cmd
	t    *testing.T
	out  *output
	done chan struct{} // closed when it has ended
	err  error
}

// output gathers what a process prints, on both streams.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.more <- struct{}{}:
	default:
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs an example. Its services are its own, on free ports, unless args say otherwise.
func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("programs are ended by signals, which Windows does not have")
	}
	p := &process{Cmd: exec.Command(filepath.Join(bin, name), args...), t: t, out: &output{more: make(chan struct{}, 1)}, done: make(chan struct{})}
	for _, v := range os.Environ() { // not those of a test run on real services
		if !strings.HasPrefix(v, "CTALIVE_") {
			p.Env = append(p.Env, v)
		}
	}
	p.Stdout, p.Stderr = p.out, p.out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.err = p.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", name, strings.Join(args, " "), p.out)
		}
	})
	return p
}

// free are the flags of services of one's own on free ports.
var free = []string{"-services", "embedded", "-brokers", "127.0.0.1:0", "-registry", "http://127.0.0.1:0", "-rest-proxy", "http://127.0.0.1:0"}

// await returns the first submatch of a pattern in what the process prints.
func (p *process) await(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(40 * time.Second)
	for {
		if m := re.FindStringSubmatch(p.out.String()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.out.more:
		case <-p.done:
			if m := re.FindStringSubmatch(p.out.String()); m != nil {
				return m[len(m)-1]
			}
			p.t.Fatalf("ended (%v) without printing %q", p.err, pattern)
		case <-deadline:
			p.t.Fatalf("did not print %q within 40s", pattern)
		}
	}
}

// exits waits for the end of the process and checks its code.
func (p *process) exits(code int, within time.Duration) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("still runs after %v", within)
	}
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Errorf("exit code is %d, want %d", got, code)
	}
	if s := p.out.String(); strings.Contains(s, "goroutine ") || strings.Contains(s, "panic") {
		p.t.Error("printed a stack trace")
	}
}

// interrupt is Ctrl+C; a program then leaves within 5 s.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		p.t.Fatal(err)
	}
	p.exits(0, 5*time.Second)
}

type status struct {
	AsOf       time.Time `json:"as_of"`
	CountsAsOf time.Time `json:"counts_as_of"`
	Alerts     []struct {
		Header struct{ Text string }
	} `json:"alerts"`
	Weather *struct {
		Temperature float64 `json:"temperature"`
		Status      string  `json:"status"`
	} `json:"weather"`
	Lines []struct {
		ID       string            `json:"id"`
		Trains   []json.RawMessage `json:"trains"`
		Stations []struct {
			ID      int    `json:"id"`
			Name    string `json:"name"`
			Entries *int64 `json:"entries"`
		} `json:"stations"`
	} `json:"lines"`
}

func (s status) entries() (n int64) {
	seen := make(map[int]bool)
	for _, l := range s.Lines {
		for _, st := range l.Stations {
			if !seen[st.ID] && st.Entries != nil {
				n += *st.Entries
			}
			seen[st.ID] = true
		}
	}
	return n
}

func getStatus(t *testing.T, url string) (s status, err error) {
	t.Helper()
	resp, err := http.Get(url + "/api/v1/status")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// awaitAnswer asks until the answer is 200 with that body: a worker that other
// processes join may have to catch up again.
func awaitAnswer(t *testing.T, url, want string) {
	t.Helper()
	code, body := get(t, url)
	for deadline := time.Now().Add(30 * time.Second); code != http.StatusOK || body != want; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s answers %d %q, want %q", url, code, body, want)
		}
		code, body = get(t, url)
	}
}

// awaitStatus asks until ok is content.
func awaitStatus(t *testing.T, url, want string, ok func(status) bool) status {
	t.Helper()
	var s status
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if s, err = getStatus(t, url); err == nil && ok(s) {
			return s
		}
	}
	t.Fatalf("status is %+v (%v), want %s", s, err, want)
	return s
}

// alive is what a rider sees at the default start: all eight lines with trains.
func alive(s status) bool {
	for _, l := range s.Lines {
		if len(l.Trains) == 0 || len(l.Stations) == 0 {
			return false
		}
	}
	return len(s.Lines) == 8 && s.Weather != nil && s.entries() > 0
}

func TestDashboardAlone(t *testing.T) {
	metrics := unused(t)
	p := start(t, "dashboard", append(free, "-listen", "127.0.0.1:0", "-metrics", metrics)...)
	url := p.await(`dashboard at (\S+)`)
	first := awaitStatus(t, url, "eight lines with trains, weather and entries", alive)
	awaitStatus(t, url, "more entries, later", func(s status) bool {
		return s.entries() > first.entries() && s.AsOf.After(first.AsOf)
	})
	awaitAnswer(t, "http://"+metrics+"/readyz", "ready\n")
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics beside the page answers %s though it has an address of its own", resp.Status)
	}
	p.interrupt()
}

// The simulation's services are found by the others, which share the work.
func TestSimulationWithDashboardAndWorkers(t *testing.T) {
	sim := start(t, "simulation", free...)
	services := []string{
		"-brokers", sim.await(`Kafka (\S+), `),
		"-registry", sim.await(`Schema Registry (\S+), `),
		"-rest-proxy", sim.await(`REST Proxy (\S+)`),
	}
	stations := start(t, "stations", services...)
	health := unused(t)
	turnstiles := start(t, "turnstiles", append(services, "-listen", health)...)
	dash := start(t, "dashboard", append(services, "-listen", "127.0.0.1:0")...)
	dash.await(`external services \(an address is given\)`)
	turnstiles.await(`caught up`)
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		awaitAnswer(t, "http://"+health+path, want)
	}
	awaitStatus(t, dash.await(`dashboard at (\S+)`), "a live system", alive)
	for _, p := range []*process{turnstiles, stations, dash, sim} {
		p.interrupt()
	}
	if s := sim.out.String(); !strings.Contains(s, "digest: ") {
		t.Error("the simulation ended without a summary")
	}
}

func TestSimulationIsTheSameForASeed(t *testing.T) {
	run := func(seed string) string {
		p := start(t, "simulation", append(free, "-speed", "max", "-for", "15m", "-seed", seed)...)
		p.exits(0, 60*time.Second)
		return p.await(`digest: ([0-9a-f]{64})`)
	}
	one := run("1")
	if again := run("1"); again != one {
		t.Errorf("digest is %s, then %s", one, again)
	}
	if other := run("2"); other == one {
		t.Errorf("seeds 1 and 2 both give %s", one)
	}
}

// With a data folder a second run goes on where the first one ended, and so do
// the counts.
func TestDataDirKeepsTheSystem(t *testing.T) {
	dir := t.TempDir()
	var entries int64
	simulate := func() {
		p := start(t, "simulation", append(free, "-data-dir", dir, "-speed", "max", "-for", "10m")...)
		p.exits(0, 60*time.Second)
		var n int64
		fmt.Sscan(p.await(`entries (\d+), weather`), &n)
		entries += n
		if strings.Contains(p.out.String(), "continuing after the stored events") != (entries != n) {
			t.Error("only the second run goes on from the first")
		}
	}
	simulate()
	simulate()
	// Hardly any simulated time passes in this one: it shows what was kept.
	p := start(t, "dashboard", append(free, "-data-dir", dir, "-listen", "127.0.0.1:0", "-speed", "0.001")...)
	s := awaitStatus(t, p.await(`dashboard at (\S+)`), fmt.Sprintf("%d entries", entries), func(s status) bool { return s.entries() >= entries })
	if s.entries() > entries+20 {
		t.Errorf("%d entries are shown, want %d", s.entries(), entries)
	}
	p.interrupt()
}

func TestEmbedMountsTheDashboardUnderAPrefix(t *testing.T) {
	p := start(t, "embed", append(free, "-listen", "127.0.0.1:0")...)
	site := p.await(`site at (http://[^,\s]+)`)
	awaitStatus(t, site+"/live", "two lines with trains", func(s status) bool {
		return len(s.Lines) == 2 && len(s.Lines[0].Trains) > 0 && s.entries() > 0
	})
	resp, err := http.Get(site + "/live/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Contains(page, []byte("Port Wendel Trams")) {
		t.Errorf("the page does not name the agency (%v)", err)
	}
	p.interrupt()
}

// Each fault is one message that says what to do.
func TestFaultsAreSaidOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"dashboard", []string{"-listen", taken.Addr().String()}, 1, "address already in use (stop the program that uses the address, or choose another one by -listen)"},
		{"dashboard", append(free, "-brokers", taken.Addr().String(), "-listen", "127.0.0.1:0"), 1, "address already in use"},
		{"dashboard", []string{"-speed", "fast"}, 2, "want a number above 0, or max"},
		{"dashboard", []string{"-services", "docker", "-layout", "wide", "-lines", "red,mauve"}, 2, "-services: found \"docker\", want auto, embedded or external\n-layout: layout is \"wide\""},
		{"dashboard", []string{"-network", "."}, 1, "-network: stops.txt: missing among "},
		{"turnstiles", []string{"-sasl", "OAUTHBEARER"}, 2, "-sasl: OAUTHBEARER wants -sasl-token-file or -sasl-token-command"},
		{"turnstiles", []string{"-sasl", "OAUTHBEARER", "-sasl-token-file", "a", "-sasl-token-command", "b"}, 2, "-sasl-token-file: not together with -sasl-token-command"},
		{"dashboard", []string{"-colour"}, 2, "flag provided but not defined: -colour"},
		{"turnstiles", []string{"-brokers", "127.0.0.1:1", "-wait", "200ms"}, 1, "Kafka broker at 127.0.0.1:1: no answer within 200ms: connection refused (start it"},
		{"trains", nil, 2, "-key: found none, want the Train Tracker key that the CTA sends: get one, free of charge, at https://www.transitchicago.com/developers/traintrackerapply/"},
		{"trains", []string{"-vehicles", "https://agency.example/v"}, 2, "-network: found none"},
		{"trains", []string{"-key", "k", "-header", "X-Api-Key: k"}, 2, "-header: wants -vehicles or -trips"},
		{"trains", []string{"-vehicles", "v.pb", "-header", "secret"}, 2, "-header: found one without a name, want 'Name: value'"},
		{"trains", []string{"-replay", "r", "-record", "r"}, 2, "-replay: not together with"},
		{"trains", []string{"-key", "secret", "-every", "1s", "-daily-budget", "0"}, 2, "-every: found 1s, want 5s to 10m\n-daily-budget: found 0, want 1 or more"},
		{"simulation", []string{"-registry", "ftp://u:secret@127.0.0.1:1"}, 2, "-registry: found \"ftp://***@127.0.0.1:1\", want http://host:port (other characters of user and password percent-encoded)"},
		{"simulation", []string{"-postgres", "postgres://u:se#cr%et@127.0.0.1:1/db"}, 2, "-postgres: found \"postgres://***\", want postgres://host:port (other characters of user and password percent-encoded)"},
	} {
		t.Run(strings.Join(append([]string{c.name}, c.args...), " "), func(t *testing.T) {
			p := start(t, c.name, c.args...)
			p.exits(c.code, 10*time.Second)
			out := p.out.String()
			if !strings.Contains(out, c.want) {
				t.Errorf("printed %q, want %q in it", out, c.want)
			}
			if strings.Contains(out, "(run with -h") != (c.code == 2) {
				t.Errorf("printed %q, want a hint to the flags only if they are wrong", out)
			}
			if strings.Contains(out, "secret") {
				t.Errorf("printed a password: %q", out)
			}
			if n := len(lastLines(out, c.name+": ")); n != 1 {
				t.Errorf("printed %d messages, want 1: %q", n, out)
			}
		})
	}
}

// lastLines returns the lines that begin with a prefix, but for those that say
// which services are used.
func lastLines(s, prefix string) (lines []string) {
	for sc := bufio.NewScanner(strings.NewReader(s)); sc.Scan(); {
		if strings.HasPrefix(sc.Text(), prefix) && !strings.Contains(sc.Text(), " services (") {
			lines = append(lines, sc.Text())
		}
	}
	return lines
}

func TestHelpNamesEveryFlagOfTheProgram(t *testing.T) {
	for name, flags := range map[string]string{
		"simulation": "services brokers registry rest-proxy postgres data-dir prefix layout listen seed speed start for lines",
		"dashboard":  "services brokers registry rest-proxy postgres data-dir prefix layout listen seed speed start for lines",
		"stations":   "services brokers registry data-dir prefix layout listen lines input output group",
		"turnstiles": "services brokers registry data-dir prefix layout listen lines input output group engine ksql drop",
		"trains":     "services brokers registry postgres data-dir prefix layout listen lines key train-tracker every daily-budget vehicles trips header record replay speed alerts",
		"connector":  "brokers postgres prefix lines connect connector name status delete",
		"embed":      "services brokers registry rest-proxy data-dir prefix layout listen seed speed start for",
	} {
		p := start(t, name, "-h")
		p.exits(0, 10*time.Second)
		for _, flag := range strings.Fields(flags) {
			if !strings.Contains(p.out.String(), "\n  -"+flag) {
				t.Errorf("%s -h does not name -%s", name, flag)
			}
		}
	}
}
