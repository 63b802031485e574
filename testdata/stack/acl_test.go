package stack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// grant is what a row of the table of ACLs says: who may do what with which resource.
type grant struct {
	program    string
	kind       kmsg.ACLResourceType
	name       string // of the resource, as in the table; prefixes end with a star
	operations []kmsg.ACLOperation
}

var aclRow = regexp.MustCompile("^\\| `(\\w+)` \\| (topics?|groups?|transactional ids?) `([^`]+)` \\| ([A-Za-z, ]+) \\|")

// aclTable reads the table of OPERATIONS.md.
func aclTable(t *testing.T) (grants []grant) {
	t.Helper()
	text, err := os.ReadFile("../../OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		m := aclRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		g := grant{program: m[1], name: m[3]}
		switch strings.TrimSuffix(m[2], "s") {
		case "topic":
			g.kind = kmsg.ACLResourceTypeTopic
		case "group":
			g.kind = kmsg.ACLResourceTypeGroup
		default:
			g.kind = kmsg.ACLResourceTypeTransactionalId
		}
		for _, name := range strings.Split(m[4], ", ") {
			op, err := kmsg.ParseACLOperation(name)
			if err != nil {
				t.Fatalf("%s: %v", strings.TrimSpace(line), err)
			}
			g.operations = append(g.operations, op)
		}
		grants = append(grants, g)
	}
	return grants
}

// access is a system of its own on the cluster, with a user for each program.
type access struct {
	*testing.T
	admin  *kgo.Client
	prefix string
	bin    string // folder of the programs
	secure map[string]string
}

// here returns the name that a resource of the table has in this system.
func (a *access) here(name string) string {
	name = strings.ReplaceAll(name, cta.DefaultPrefix, a.prefix)
	if name == "TURNSTILE_SUMMARY" {
		return a.topics().TurnstileSummary()
	}
	return name
}

func (a *access) topics() cta.Topics { return cta.Topics{Prefix: a.prefix, Layout: cta.LayoutShared} }

func (a *access) user(program string) string { return a.prefix + program }

// allow gives the user of a program what the grants say.
func (a *access) allow(grants []grant) {
	a.Helper()
	req := kmsg.NewPtrCreateACLsRequest()
	for _, g := range grants {
		for _, op := range g.operations {
			c := kmsg.NewCreateACLsRequestCreation()
			c.ResourceType, c.Operation, c.PermissionType = g.kind, op, kmsg.ACLPermissionTypeAllow
			c.ResourcePatternType, c.ResourceName = kmsg.ACLResourcePatternTypeLiteral, a.here(g.name)
			if name, ok := strings.CutSuffix(c.ResourceName, "*"); ok {
				c.ResourcePatternType, c.ResourceName = kmsg.ACLResourcePatternTypePrefixed, name
			}
			c.Principal, c.Host = "User:"+a.user(g.program), "*"
			req.Creations = append(req.Creations, c)
		}
	}
	resp, err := req.RequestWith(a.Context(), a.admin)
	if err != nil {
		a.Fatal(err)
	}
	for _, r := range resp.Results {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			a.Fatal(err)
		}
	}
	// They are in force a moment later.
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		filter := kmsg.NewPtrDescribeACLsRequest()
		filter.ResourceType, filter.ResourcePatternType, filter.Operation, filter.PermissionType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny, kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
		filter.Principal = &req.Creations[0].Principal
		there, err := filter.RequestWith(a.Context(), a.admin)
		found := 0
		if err == nil {
			for _, r := range there.Resources {
				found += len(r.ACLs)
			}
		}
		if found == len(req.Creations) {
			return
		}
		if time.Now().After(end) {
			a.Fatalf("%d of %d ACLs are in force (%v)", found, len(req.Creations), err)
		}
	}
}

// prepare makes, as somebody else, what others make before a program: entries and rows,
// and a record of each that nobody can read; with own, also what the program would make.
func (a *access) prepare(program string, own bool) {
	a.Helper()
	if program == "simulation" && !own {
		return
	}
	plain := []string{"-brokers", variable(a.T, "CTALIVE_BROKERS")}
	if ok, text := a.run("simulation", plain, func(string) bool { return false }); !ok {
		a.Fatalf("prepare: %s", text)
	}
	client, err := kafka.Connect(a.Context(), kafka.Config{Brokers: strings.Split(variable(a.T, "CTALIVE_BROKERS"), ",")})
	if err != nil {
		a.Fatal(err)
	}
	defer client.Close()
	// The simulation has made it, too; the worker may come first.
	gone := kmsg.NewPtrDeleteTopicsRequest()
	gone.TopicNames, gone.TimeoutMillis = []string{a.topics().DeadLetter()}, 10_000
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &gone.TopicNames[0]
	gone.Topics = append(gone.Topics, topic)
	if _, err := gone.RequestWith(a.Context(), a.admin); err != nil {
		a.Fatal(err)
	}
	if own || program == "dashboard" {
		err := client.EnsureTopics(a.Context(), kafka.TableTopic(a.topics().TurnstileSummary(), 1),
			kafka.TableTopic(a.topics().StationsTable(), 1), kafka.EventTopic(a.topics().DeadLetter(), 1))
		if err != nil {
			a.Fatal(err)
		}
	}
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		a.Fatal(err)
	}
	if own || program == "dashboard" { // something to read: no row
		for topic, key := range map[string]string{a.topics().TurnstileSummary(): "40010", a.topics().StationsTable(): "40010/red"} {
			err = errors.Join(err, p.Send(a.Context(), kafka.Record{Topic: topic, Key: []byte(key)}, nil))
		}
	}
	for _, topic := range []string{a.topics().Turnstiles(cta.Chicago().Stations[0]), a.topics().Stations()} {
		err = errors.Join(err, p.Send(a.Context(), kafka.Record{Topic: topic, Value: []byte("nobody can read this")}, nil))
	}
	row := `{"stop_id":1,"direction_id":"N","stop_name":"Hilltop","station_name":"Hilltop","station_descriptive_name":"Hilltop","station_id":40010,"order":0,"red":true,"blue":false,"green":false}`
	err = errors.Join(err, p.Send(a.Context(), kafka.Record{Topic: a.topics().Stations(), Value: []byte(row)}, nil))
	if err = errors.Join(err, p.Close()); err != nil {
		a.Fatal(err)
	}
}

// said is what a program prints.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// works runs a program as its own user.
func (a *access) works(program string, until func(text string) bool) (ok bool, text string) {
	a.Helper()
	file := filepath.Join(a.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token(a.T, a.user(program), time.Now().Add(time.Hour)).Value), 0o600); err != nil {
		a.Fatal(err)
	}
	return a.run(program, []string{"-brokers", a.secure["CTALIVE_BROKERS"], "-tls-ca", a.secure["CTALIVE_TLS_CA"], "-sasl", "OAUTHBEARER",
		"-sasl-token-file", file}, until)
}

// run runs a program until it works, has ended or has said it, and returns what it
// printed, and what /readyz last said.
func (a *access) run(program string, args []string, until func(text string) bool) (ok bool, text string) {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), patience)
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		a.Fatal(err)
	}
	listen := l.Addr().String()
	l.Close()
	args = append(args, "-services", "external", "-prefix", a.prefix, "-layout", "shared", "-listen", listen, "-wait", "20s")
	switch program {
	case "simulation":
		args = append(args, "-for", "1m", "-speed", "max")
	}
	var out said
	cmd := exec.CommandContext(ctx, filepath.Join(a.bin, program), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "CTALIVE_REGISTRY=" + variable(a.T, "CTALIVE_REGISTRY"), "CTALIVE_REST_PROXY=" + variable(a.T, "CTALIVE_REST_PROXY")}
	if err := cmd.Start(); err != nil {
		a.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	last := ""
	for {
		select {
		case err := <-ended:
			if err != nil {
				return false, fmt.Sprintf("%s%v", out.String(), err)
			}
			return program == "simulation", out.String()
		case <-time.After(200 * time.Millisecond):
		}
		ready := false
		if resp, err := http.Get("http://" + listen + "/readyz"); err == nil {
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			last, ready = string(body), resp.StatusCode == http.StatusOK
		}
		text := out.String() + last
		if ready && program != "simulation" || until(text) {
			_ = cmd.Process.Signal(os.Interrupt)
			<-ended
			return ready && program != "simulation", text
		}
	}
}

func newAccess(t *testing.T, bin string) *access {
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(variable(t, "CTALIVE_BROKERS"), ",")...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &access{t, c, "acl-" + strings.ToLower(rand.Text()[:8]) + ".", bin, exports(t, "secure")}
}

// With what the table of ACLs says each program works; with any part of it missing it
// says what it may not use, and doesn't work.
func TestProgramsNeedTheACLsOfTheTable(t *testing.T) {
	grants := aclTable(t)
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "../../examples/...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, program := range []string{"simulation", "turnstiles", "stations", "dashboard"} {
		var own []grant
		for _, g := range grants {
			if g.program == program {
				own = append(own, g)
			}
		}
		if len(own) == 0 {
			t.Errorf("the table says nothing of %s", program)
		}
		t.Run(program, func(t *testing.T) {
			a := newAccess(t, bin)
			a.prepare(program, false)
			a.allow(own)
			if ok, text := a.works(program, func(string) bool { return false }); !ok {
				t.Fatalf("%s doesn't work:\n%s", program, text)
			}
		})
		for i, g := range own {
			if program == "dashboard" && g.name == "TURNSTILE_SUMMARY" {
				continue // with another prefix than the usual one its name has it, too
			}
			for j, op := range g.operations {
				t.Run(fmt.Sprintf("%s without %v of %s", program, op, g.name), func(t *testing.T) {
					a := newAccess(t, bin)
					a.prepare(program, op == kmsg.ACLOperationDescribeConfigs || op == kmsg.ACLOperationRead)
					less := slices.Clone(own)
					less[i].operations = slices.Clone(g.operations)
					// What a user may not even see is to him as if it didn't exist.
					if less[i].operations[j] = kmsg.ACLOperationDescribe; op == kmsg.ACLOperationCreate || op == kmsg.ACLOperationDescribeConfigs {
						less[i].operations = slices.Delete(less[i].operations, j, j+1)
					}
					a.allow(less)
					resource := strings.TrimSuffix(a.here(g.name), "*")
					says := func(text string) bool {
						for line := range strings.Lines(text) {
							if strings.Contains(line, "authoriz") && strings.Contains(line, resource) {
								return true
							}
						}
						return false
					}
					optional := op == kmsg.ACLOperationDescribeConfigs // to tell of other settings
					if ok, text := a.works(program, says); ok && !optional || !says(text) {
						t.Errorf("works: %v, and doesn't say that it isn't authorized for %s:\n%s", ok, resource, text)
					}
				})
			}
		}
	}
}
