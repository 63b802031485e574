package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A container asks its own program for health, by -ready, whatever else that program needs:
// trains needs a key.
func TestReady(t *testing.T) {
	var waits error
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if waits != nil || r.URL.Path != "/readyz" {
			http.Error(w, waits.Error(), http.StatusServiceUnavailable)
		}
	}))
	addr := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	for _, p := range []Program{{Name: "dashboard", Flags: Page | Web}, {Name: "stations", Flags: Health | Worker}, {Name: "trains", Flags: Health | Tracked}} {
		p.Run = func(context.Context, *Settings) error { return errors.New("-ready starts the program") }
		ask := func(listen string) (code int, said string) {
			var out bytes.Buffer
			code = p.Main(t.Context(), []string{"-ready", "-listen", listen}, io.Discard, &out)
			return code, out.String()
		}
		waits = nil
		for _, listen := range []string{addr, "0.0.0.0:" + port, ":" + port} {
			if code, said := ask(listen); code != 0 || said != "" {
				t.Errorf("%s at %s: code %d, %q, want 0", p.Name, listen, code, said)
			}
		}
		waits = errors.New("topics are yet to be read")
		if code, said := ask(addr); code != 1 || !strings.Contains(said, waits.Error()) {
			t.Errorf("%s that waits: code %d, %q, want 1 and the reason", p.Name, code, said)
		}
		if code, _ := ask("nowhere"); code != 2 {
			t.Errorf("%s with a wrong address: code %d, want 2", p.Name, code)
		}
	}
	server.Close()
	p := Program{Name: "dashboard", Flags: Page | Web}
	if code := p.Main(t.Context(), []string{"-ready", "-listen", addr}, io.Discard, io.Discard); code != 1 {
		t.Errorf("nothing listens: code %d, want 1", code)
	}
}
