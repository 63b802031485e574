package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta/embedded"
)

const (
	keySchema   = `{"type":"record","name":"weather_key","fields":[{"name":"timestamp","type":"long"}]}`
	valueSchema = `{"type":"record","name":"weather_value","fields":[{"name":"temperature","type":"float"}]}`
	// moreSchema adds a member without a default to valueSchema: what was written
	// before can't be read by it, but what it writes can be read before.
	moreSchema = `{"type":"record","name":"weather_value","fields":[{"name":"temperature","type":"float"},{"name":"status","type":"string"}]}`
)

func schemaBody(schema string) string {
	b, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func do(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(deadline(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // no connection is left for the leak check to find
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	return do(t, http.MethodGet, url, "")
}

func post(t *testing.T, url, body string) string {
	t.Helper()
	status, answer := do(t, http.MethodPost, url, body)
	if status != http.StatusOK {
		t.Fatalf("POST %s: %d %s", url, status, answer)
	}
	return answer
}

func put(t *testing.T, url, body string) {
	t.Helper()
	if status, answer := do(t, http.MethodPut, url, body); status != http.StatusOK {
		t.Fatalf("PUT %s: %d %s", url, status, answer)
	}
}

// TestRegistry goes through the registry's contract, each step on what the ones
// before have left.
func TestRegistry(t *testing.T) {
	s := start(t, embedded.Config{DataDir: t.TempDir()})
	spaced := strings.ReplaceAll(keySchema, ":", " : ")
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string // a part of the answer
	}{
		{"GET", "/", "", 200, `{}`},
		{"GET", "/subjects", "", 200, `[]`},
		{"GET", "/schemas/types", "", 200, `"AVRO"`},
		{"GET", "/mode", "", 200, `{"mode":"READWRITE"}`},
		{"GET", "/config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"POST", "/subjects/w-key", schemaBody(keySchema), 404, `"error_code":40401`},
		{"POST", "/subjects/w-key/versions", schemaBody(keySchema), 200, `{"id":1}`},
		{"POST", "/subjects/w-key/versions", schemaBody(spaced), 200, `{"id":1}`},
		{"GET", "/subjects/w-key/versions", "", 200, `[1]`},
		{"POST", "/subjects/other-key/versions", schemaBody(keySchema), 200, `{"id":1}`},
		{"POST", "/subjects/w-value/versions", schemaBody(valueSchema), 200, `{"id":2}`},
		{"POST", "/subjects/w-value", schemaBody(valueSchema), 200, `"version":1`},
		{"POST", "/subjects/w-value", schemaBody(keySchema), 404, `"error_code":40403`},
		{"POST", "/subjects/w-value/versions", schemaBody(moreSchema), 409, `"error_code":409`},
		{"POST", "/compatibility/subjects/w-value/versions/latest", schemaBody(moreSchema), 200, `{"is_compatible":false}`},
		{"POST", "/compatibility/subjects/w-value/versions?verbose=true", schemaBody(moreSchema), 200, `"messages":["version 1`},
		{"POST", "/compatibility/subjects/w-value/versions/latest", schemaBody(valueSchema), 200, `{"is_compatible":true}`},
		// Anything goes with no version, but there is no first one.
		{"POST", "/compatibility/subjects/nobody/versions/latest", schemaBody(valueSchema), 200, `{"is_compatible":true}`},
		{"POST", "/compatibility/subjects/nobody/versions/1", schemaBody(valueSchema), 404, `"error_code":40402`},
		{"GET", "/config/w-value", "", 404, `"error_code":40408`},
		{"GET", "/config/w-value?defaultToGlobal=true", "", 200, `"BACKWARD"`},
		{"PUT", "/config/w-value", `{"compatibility":"FORWARD"}`, 200, `{"compatibility":"FORWARD"}`},
		{"PUT", "/config/w-value", `{"compatibility":"SIDEWAYS"}`, 422, `"error_code":42203`},
		{"POST", "/subjects/w-value/versions", schemaBody(moreSchema), 200, `{"id":3}`},
		{"GET", "/subjects/w-value/versions/-1", "", 200, `"version":2`},
		{"GET", "/subjects/w-value/versions/7", "", 404, `"error_code":40402`},
		{"GET", "/subjects/w-value/versions/x", "", 422, `"error_code":42202`},
		// Subjects may be named as a part of the paths.
		{"POST", "/subjects/versions/versions", schemaBody(keySchema), 200, `{"id":1}`},
		{"POST", "/subjects/versions", schemaBody(keySchema), 200, `"version":1`},
		{"GET", "/subjects/versions/versions", "", 200, `[1]`},
		{"GET", "/subjects/versions/versions/-1", "", 200, `"version":1`},
		{"GET", "/subjects/versions/versions/0", "", 422, `"error_code":42202`},
		{"POST", "/compatibility/subjects/versions/versions/-1", schemaBody(keySchema), 200, `{"is_compatible":true}`},
		{"DELETE", "/subjects/versions/versions/-1", "", 200, `1`},
		{"DELETE", "/subjects/versions?permanent=true", "", 200, `[1]`},
		{"POST", "/subjects/%2E%2E/versions", schemaBody(keySchema), 422, `"error_code":42208`},
		{"GET", "/subjects/nobody/versions", "", 404, `"error_code":40401`},
		{"GET", "/subjects/nobody/versions/1", "", 404, `"error_code":40401`},
		{"GET", "/subjects/nobody/versions/latest/schema", "", 404, `"error_code":40401`},
		{"GET", "/schemas/ids/1", "", 200, `{"schema":"{\"type\":\"record\"`},
		{"GET", "/schemas/ids/1/schema", "", 200, `{"type":"record"`},
		{"GET", "/schemas/ids/1/subjects", "", 200, `["other-key","w-key"]`},
		{"GET", "/schemas/ids/99", "", 404, `"error_code":40403`},
		{"POST", "/subjects/w-value/versions", `{}`, 200, `{"id":3}`}, // the latest
		{"POST", "/subjects/nobody/versions", `{}`, 422, `"error_code":42201`},
		{"POST", "/subjects/w-value", `{}`, 422, `"error_code":42201`},
		{"POST", "/subjects/w-value/versions", schemaBody(`{"type":"recrd"}`), 422, `"error_code":42201`},
		{"POST", "/subjects/w-value/versions", `{`, 400, `"error_code":400`},
		{"POST", "/subjects/w-value/versions", strings.Repeat(" ", 1<<20+1), 413, `"error_code":413`},
		{"POST", "/subjects/a%2Fb/versions", schemaBody(keySchema), 200, `{"id":1}`},
		{"GET", "/subjects/a%2Fb/versions/latest", "", 200, `"subject":"a/b"`},
		{"DELETE", "/subjects/other-key", "", 200, `[1]`},
		{"GET", "/subjects/other-key/versions", "", 404, `"error_code":40401`},
		{"POST", "/subjects/other-key/versions", schemaBody(keySchema), 200, `{"id":1}`},
		// Versions go on after a soft deletion; a permanent one needs it before.
		{"GET", "/subjects/other-key/versions", "", 200, `[2]`},
		{"DELETE", "/subjects/other-key?permanent=true", "", 404, `"error_code":40405`},
		{"DELETE", "/subjects/other-key/versions/2?permanent=true", "", 404, `"error_code":40407`},
		{"DELETE", "/subjects/other-key/versions/0", "", 422, `"error_code":42202`},
		{"GET", "/subjects/other-key/versions/0", "", 422, `"error_code":42202`},
		{"GET", "/subjects/other-key/versions/4294967296", "", 422, `"error_code":42202`},
		{"POST", "/compatibility/subjects/other-key/versions/0", schemaBody(keySchema), 422, `"error_code":42202`},
		{"DELETE", "/subjects/other-key/versions/latest", "", 200, `2`},
		{"DELETE", "/subjects/other-key/versions/2", "", 404, `"error_code":40406`},
		{"DELETE", "/subjects/other-key", "", 404, `"error_code":40404`},
		{"POST", "/subjects/other-key", schemaBody(keySchema), 404, `"error_code":40401`},
		{"GET", "/subjects", "", 200, `["a/b","w-key","w-value"]`},
		{"GET", "/subjects?deletedOnly=true", "", 200, `["other-key"]`},
		{"GET", "/subjects?deleted=true", "", 200, `["a/b","other-key","w-key","w-value"]`},
		{"POST", "/subjects/other-key/versions", schemaBody(keySchema), 200, `{"id":1}`},
		{"DELETE", "/subjects/other-key/versions/-1", "", 200, `3`},
		{"GET", "/subjects/other-key/versions?deleted=true", "", 200, `[1,2,3]`},
		{"DELETE", "/subjects/other-key/versions/2?permanent=true", "", 200, `2`},
		{"DELETE", "/subjects/other-key?permanent=true", "", 200, `[1,3]`},
		{"GET", "/subjects?deleted=true", "", 200, `["a/b","w-key","w-value"]`},
		{"DELETE", "/subjects/nobody", "", 404, `"error_code":40401`},
		{"DELETE", "/subjects/w-value/versions/9", "", 404, `"error_code":40402`},
		{"GET", "/subjects/w-value/versions/-1/schema", "", 200, `{"type":"record"`},
		{"DELETE", "/subjects/w-value/versions/1", "", 200, `1`},
		// What newer clients ask first: any 404 will do, as long as it is JSON.
		{"GET", "/associations/resources/-/w?resourceType=topic", "", 404, `"error_code":404`},
		{"GET", "//subjects", "", 404, `"error_code":404`},
		{"PATCH", "/subjects", "", 405, `"error_code":405`},
	} {
		status, body := do(t, step.method, s.RegistryURL()+step.path, step.body)
		if status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s: %d %s, want %d and %s", step.method, step.path, status, body, step.status, step.want)
		}
		if !json.Valid([]byte(body)) {
			t.Errorf("%s %s: the answer isn't JSON: %s", step.method, step.path, body)
		}
	}
}

// Bodies of other types than the registry's are refused, as curl's are by default.
func TestRegistryWantsItsType(t *testing.T) {
	s := start(t, embedded.Config{})
	for kind, want := range map[string]int{
		"application/vnd.schemaregistry.v1+json; charset=utf-8": 200,
		"application/vnd.schemaregistry+json":                   200,
		"application/json":                                      200,
		"application/octet-stream":                              200,
		"":                                                      415,
		"application/x-www-form-urlencoded":                     415,
		"text/plain":                                            415,
		"/":                                                     415,
	} {
		req, err := http.NewRequestWithContext(deadline(t), http.MethodPost, s.RegistryURL()+"/subjects/w-value/versions", strings.NewReader(schemaBody(valueSchema)))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		if kind != "" {
			req.Header.Set("Content-Type", kind)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want || want == 415 && !strings.Contains(string(body), `"error_code":415`) {
			t.Errorf("Content-Type %q: %d %s %v, want %d", kind, resp.StatusCode, body, err, want)
		}
	}
}

// A request without a path is answered, as any other that the registry doesn't know.
func TestRegistryAnswersRequestsWithoutAPath(t *testing.T) {
	s := start(t, embedded.Config{})
	host := strings.TrimPrefix(s.RegistryURL(), "http://")
	for target, want := range map[string]int{"*": http.StatusBadRequest, "http://" + host: http.StatusNotFound} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("GET %s: %v", target, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", target, resp.Status, want)
		}
	}
}

// A client that sends its body slowly keeps nobody else waiting.
func TestSlowClientHoldsNobodyUp(t *testing.T) {
	s := start(t, embedded.Config{})
	for _, path := range []string{"/subjects/w-value", "/compatibility/subjects/w-value/versions", "/subjects/w-value/versions", "/config"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.RegistryURL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		method := http.MethodPost
		if path == "/config" {
			method = http.MethodPut
		}
		if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", method, path); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		for i := range 40 { // the slow one has begun before the last of them
			method := []string{http.MethodPost, http.MethodGet}[i%2]
			req, err := http.NewRequestWithContext(ctx, method, s.RegistryURL()+"/subjects/s-value/versions", strings.NewReader(schemaBody(valueSchema)))
			if err != nil {
				t.Fatal(err)
			}
			req.Close = true
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatalf("beside a slow request of %s: %v", path, err)
			}
			resp.Body.Close()
		}
	}
}

// TestJournal shows that a change cut off in the middle of its line is dropped,
// and that anything else that can't be read is an error with its place.
func TestJournal(t *testing.T) {
	const header = `{"version":1}` + "\n"
	line := func(subject string) string {
		return `{"method":"POST","path":"/subjects/` + subject + `/versions","body":` + schemaBody(keySchema) + "}\n"
	}
	for _, c := range []struct {
		name, journal string
		subjects, err string
	}{
		{"none", "", `[]`, ""},
		{"empty", header, `[]`, ""},
		{"whole", header + line("a") + line("b"), `["a","b"]`, ""},
		{"torn", header + line("a") + line("b")[:30], `["a"]`, ""},
		{"torn header", header[:5], `[]`, ""},
		{"garbage", header + "garbage\n" + line("a"), "", "line 2"},
		{"other version", `{"version":9}` + "\n", "", "format 9, want 1"},
		{"refused", header + `{"method":"POST","path":"/nowhere","body":{}}` + "\n", "", "line 2: POST /nowhere answers 404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "registry.jsonl"), []byte(c.journal), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := embedded.Start(t.Context(), embedded.Config{DataDir: dir})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), dir) {
					t.Errorf("error is %v, want %q and the file", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, got := get(t, s.RegistryURL()+"/subjects"); got != c.subjects {
				t.Errorf("subjects are %s, want %s", got, c.subjects)
			}
			post(t, s.RegistryURL()+"/subjects/z/versions", schemaBody(keySchema))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = start(t, embedded.Config{DataDir: dir})
			_, got := get(t, s.RegistryURL()+"/subjects")
			var subjects []string
			if err := json.Unmarshal([]byte(got), &subjects); err != nil {
				t.Fatal(err)
			}
			var before []string
			if err := json.Unmarshal([]byte(c.subjects), &before); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(before, "z"), subjects); diff != "" {
				t.Error("subjects after a further change (-want +got):\n" + diff)
			}
		})
	}
}
