package embedded

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A change that can't be written down isn't made: the schema isn't there, and its
// id is given to the next one, before and after a restart.
func TestUnwrittenChange(t *testing.T) {
	dir := t.TempDir()
	s := startIn(t, dir)
	do := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.RegistryURL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		req.Header.Set("Content-Type", registryType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}
	expect := func(method, path, body string, status int, want string) {
		t.Helper()
		if got, answer := do(method, path, body); got != status || !strings.Contains(answer, want) {
			t.Errorf("%s %s: %d %s, want %d and %s", method, path, got, answer, status, want)
		}
	}
	expect("POST", "/subjects/a/versions", `{"schema":"\"int\""}`, 200, `{"id":1}`)

	writable := s.registry.journal.f
	readOnly, err := os.Open(filepath.Join(dir, "registry.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	s.registry.journal.f = readOnly
	expect("POST", "/subjects/b/versions", `{"schema":"\"long\""}`, 500, `"error_code":50001`)
	expect("GET", "/schemas/ids/2", "", 404, `"error_code":40403`)
	expect("DELETE", "/subjects/a", "", 500, `"error_code":50001`)
	expect("PUT", "/config", `{"compatibility":"NONE"}`, 500, `"error_code":50001`)
	expect("GET", "/config", "", 200, "BACKWARD")
	expect("GET", "/subjects", "", 200, `["a"]`)
	s.registry.journal.f = writable

	for range 2 {
		expect("POST", "/subjects/c/versions", `{"schema":"\"string\""}`, 200, `{"id":2}`)
		expect("GET", "/schemas/ids/2/schema", "", 200, `"string"`)
		expect("GET", "/subjects", "", 200, `["a","c"]`)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = startIn(t, dir)
	}
}
