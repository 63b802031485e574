package wire_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// impatient returns a client with short timeouts.
func impatient(t *testing.T, url string) *wire.Registry {
	t.Helper()
	r, err := wire.NewRegistry(wire.RegistryConfig{URL: url, Wait: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		is     error
		want   string // in the message
	}{
		{"incompatible", 409, `{"error_code":409,"message":"Schema being registered is incompatible"}`, wire.ErrIncompatible, "being registered is incompatible"},
		{"incompatible, newer code", 409, `{"error_code":40901,"message":"x"}`, wire.ErrIncompatible, "register a compatible schema"},
		{"invalid schema", 422, `{"error_code":42201,"message":"Input schema is an invalid Avro schema"}`, nil, "HTTP 422, code 42201: Input schema"},
		{"message is a list", 422, `{"error_code":422,"message":[{"loc":["body"],"msg":"field required"}]}`, nil, "field required"},
		{"wrong password, HTML", 401, `<html><body>Unauthorized</body></html>`, nil, "HTTP 401: Unauthorized (check the user and password"},
		{"no registry", 415, `{"message":"HTTP 415 Unsupported Media Type"}`, nil, "check that the URL is a Schema Registry's"},
		{"unknown to a gateway", 404, `not here`, nil, "HTTP 404: not here (check that the URL is a Schema Registry's"},
		{"unknown path", 404, `{"error_code":404,"message":"HTTP 404 Not Found"}`, nil, "check that the URL"},
		{"unknown to the registry", 404, `{"error_code":40401,"message":"Subject\n not found."}`, wire.ErrNotFound, "not found: Subject; not found"},
		{"malformed, to Karapace", 400, `{"error_code":400,"message":"Invalid request"}`, nil, "HTTP 400: Invalid request (see its log)"},
		{"too many requests", 429, `slow down`, nil, "HTTP 429: slow down"},
		{"Accept of another kind, to Karapace", 406, `{"message":"HTTP 406 Not Acceptable"}`, nil, "check that the URL is a Schema Registry's"},
		{"the leader is away", 500, `{"error_code":50003,"message":"Error while forwarding register schema request to the leader"}`, nil, "code 50003: Error while forwarding register schema request to the leader"},
		{"not in read-write mode", 422, `{"error_code":42205,"message":"Subject s-value is not in read-write mode"}`, nil, "code 42205: Subject s-value is not in read-write mode (the registry does not accept this schema"},
		{"a gateway's page", 502, `<html>Bad Gateway</html>`, nil, "HTTP 502: Bad Gateway"},
		{"no id", 200, `{}`, nil, "it is not a Schema Registry's"},
		{"a page", 200, `<html>`, nil, "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			r := impatient(t, strings.Replace(server.URL, "//", "//me:secret@", 1))
			_, err := r.Register(t.Context(), "s-value", `"int"`)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error is %q, want it to say %q", err, c.want)
			}
			var service *cta.ServiceError
			if !errors.As(err, &service) || service.Addr != server.URL || service.Hint == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %q, want one message with service, address, cause and remedy", err)
			}
			if !strings.Contains(err.Error(), "s-value") || !strings.Contains(err.Error(), server.URL) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error is %q, want the subject and the address in it, and no password", err)
			}
		})
	}
}

func TestRetriesWhatMayPass(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "me" || password != "secret" {
			w.WriteHeader(401)
			return
		}
		if calls.Add(1) == 1 {
			w.WriteHeader(503)
			return
		}
		fmt.Fprint(w, `{"id":7,"schema":"\"int\""}`)
	}))
	defer server.Close()
	r := client(t, strings.Replace(server.URL, "//", "//me:secret@", 1))
	if id, err := r.Register(t.Context(), "s-value", `"int"`); id != 7 || err != nil {
		t.Errorf("got id %d, %v, want 7", id, err)
	}
}

// Of a registry with several nodes, another one may answer, and not know the new id yet.
func TestRegisterWaitsForTheOtherNodes(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodPost:
			fmt.Fprint(w, `{"id":7}`)
		case asked.Add(1) == 1:
			w.WriteHeader(404)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema 7 not found"}`)
		default:
			fmt.Fprint(w, `{"schema":"\"int\""}`)
		}
	}))
	defer server.Close()
	if id, err := client(t, server.URL).Register(t.Context(), "s-value", `"int"`); id != 7 || err != nil {
		t.Errorf("got id %d, %v, want 7", id, err)
	}
}

// Records with many unknown ids don't hold up the others: the second look at an id is for
// the first few.
func TestManyUnknownIDsAreAskedForOnce(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(404)
		fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
	}))
	defer server.Close()
	r := client(t, server.URL)
	for id := range 100 {
		if _, err := r.Schema(t.Context(), id+1); !errors.Is(err, wire.ErrNotFound) {
			t.Fatalf("id %d: %v, want ErrNotFound", id, err)
		}
	}
	// Every 10 s, second looks begin again.
	if n := asked.Load(); n < 110 || n > 130 {
		t.Errorf("%d requests for 100 unknown ids, want 110", n)
	}
}

func TestOneOfManyAsks(t *testing.T) {
	var calls atomic.Int32
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		<-release
		fmt.Fprint(w, `{"schema":"\"int\""}`)
	}))
	defer server.Close()
	r := client(t, server.URL)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if s, err := r.Schema(t.Context(), 5); s != `"int"` || err != nil {
				t.Errorf("got %q, %v", s, err)
			}
		})
	}
	close(release)
	wg.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestCallerLeavesWithItsContext(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-release
	}))
	defer server.Close()
	defer close(release)
	r := client(t, server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := r.Schema(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func TestWaitSaysWhatIsMissing(t *testing.T) {
	r := impatient(t, "http://127.0.0.1:1")
	err := r.Wait(t.Context())
	want := `^schema registry at http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused(, after \d+ tries)? \(start it, or check its URL\)$`
	if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSettingsAreRefusedTogether(t *testing.T) {
	_, err := wire.NewRegistry(wire.RegistryConfig{URL: "ftp://u:pw@x", Timeout: -1})
	if err == nil || !strings.Contains(err.Error(), "URL is") || !strings.Contains(err.Error(), "Timeout is -1ns") || strings.Contains(err.Error(), "pw") {
		t.Errorf("error is %v, want both faults and no password", err)
	}
}

// Answers of a starting registry are retried. Answers of something else are not.
func TestWait(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []string // status and body
		want    string   // in the error; empty: none
	}{
		{"ready", []string{`200 {"compatibilityLevel":"BACKWARD"}`}, ""},
		{"starting", []string{`503 <html>`, `500 {"error_code":50004,"message":"x"}`, `429 slow`, `200 {"compatibilityLevel":"NONE"}`}, ""},
		{"without a global level", []string{`404 {"error_code":40408,"message":"x"}`}, ""},
		{"other server", []string{`404 <html>`}, "check that the URL is a Schema Registry's"},
		{"wrong password", []string{`401 {"error_code":401,"message":"x"}`}, "check the user and password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				status, body, _ := strings.Cut(c.answers[min(int(calls.Add(1)), len(c.answers))-1], " ")
				code, _ := strconv.Atoi(status)
				w.WriteHeader(code)
				fmt.Fprint(w, body)
			}))
			defer server.Close()
			err := client(t, server.URL).Wait(t.Context())
			var down *cta.ServiceError
			if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &down) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
			if n := int(calls.Load()); n != len(c.answers) {
				t.Errorf("asked %d times, want %d", n, len(c.answers))
			}
		})
	}
}

// Register registers all topics with one request each, and Encode needs no further
// request.
func TestRegisterManyTopics(t *testing.T) {
	r, fake := newRegistry(t)
	var posts, gets atomic.Int32
	fake.Intercept(func(_ http.ResponseWriter, req *http.Request) bool {
		if req.Method == http.MethodPost {
			posts.Add(1)
		} else {
			gets.Add(1)
		}
		return false
	})
	topics := make([]string, 288)
	for i := range topics {
		topics[i] = fmt.Sprintf("org.chicago.cta.station.turnstiles.%d-é/%d", i, i)
	}
	a := value[cta.TurnstileEntry](t, r, schemas.TurnstileValue)
	if err := a.Register(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if _, err := a.Encode(t.Context(), topic, cta.TurnstileEntry{}); err != nil {
			t.Fatal(err)
		}
		if id, err := r.Lookup(t.Context(), topic+"-value", schemas.TurnstileValue); id != 1 || err != nil {
			t.Fatalf("%s: got id %d, %v", topic, id, err)
		}
	}
	// srclient fetches a created schema until the registry has it, once for each
	// concurrent call. Each Lookup is a separate POST.
	if p, g := posts.Load(), gets.Load(); p != 2*int32(len(topics)) || g > 16 {
		t.Errorf("%d POSTs and %d GETs, want %d and at most 16", p, g, 2*len(topics))
	}
	if _, err := r.Lookup(t.Context(), topics[0]+"-value", `"int"`); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
	if _, err := r.Lookup(t.Context(), "nobody", `"int"`); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
	if !slices.Contains(fakeSubjects(t, fake.URL()), topics[7]+"-value") {
		t.Errorf("no subject %s-value", topics[7])
	}
}

func fakeSubjects(t *testing.T, url string) (subjects []string) {
	t.Helper()
	resp, err := http.Get(url + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	if err := json.NewDecoder(resp.Body).Decode(&subjects); err != nil {
		t.Fatal(err)
	}
	return subjects
}

// A slow registry that processes registrations one by one gets few at once. A registry
// without a leader is waited for.
func TestRegisterAtASlowRegistry(t *testing.T) {
	const subjects, leaderless = 200, 20
	var asked, now, most atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, `{"schema":"\"int\""}`)
			return
		}
		for n := now.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		defer now.Add(-1)
		if asked.Add(1) <= leaderless {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, `{"error_code":50003,"message":"Error while forwarding the request to the leader"}`)
			return
		}
		time.Sleep(time.Millisecond) // so that requests meet
		fmt.Fprint(w, `{"id":1}`)
	}))
	defer server.Close()
	r := client(t, server.URL)
	var wg sync.WaitGroup
	for i := range subjects {
		wg.Go(func() {
			if id, err := r.Register(t.Context(), fmt.Sprintf("s%d-value", i), `"int"`); id != 1 || err != nil {
				t.Errorf("subject %d: got id %d, %v", i, id, err)
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n > 8 || n < 2 {
		t.Errorf("%d registrations were under way at once, want up to 8", n)
	}
}
