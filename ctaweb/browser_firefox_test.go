package ctaweb

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
)

// probe is a script in front of each page's own. It searches, waits until the page is live
// and has changed, reports what it saw, and goes to the page that the answer names.
const probe = `
const faults = [];
addEventListener("error", (e) => faults.push(e.message));
addEventListener("unhandledrejection", (e) => faults.push(String(e.reason)));
let changes = 0;
addEventListener("DOMContentLoaded", () => new MutationObserver(() => changes++).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true }));
addEventListener("load", async () => {
	const q = document.querySelector("#q"), of = (sel) => document.querySelectorAll(sel).length;
	q.focus();
	q.value = "lake";
	q.dispatchEvent(new Event("input"));
	const still = document.body.dataset.kind === "search", done = () => document.body.className === "live" && of("#found li") > 3 && (still || changes > 5);
	for (let i = 0; i < 2400 && !done(); i++) await new Promise((then) => setTimeout(then, 50));
	const map = document.querySelector("#map")?.getBoundingClientRect();
	const seen = { page: location.pathname, class: document.body.className, found: of("#found li"), changes, marks: of("#moving > *"), mapWidth: Math.round(map?.width ?? 0), wide: document.documentElement.scrollWidth > innerWidth, width: innerWidth, faults };
	const next = await (await fetch("/probe", { method: "POST", body: JSON.stringify(seen) })).text();
	if (next) location.assign(next);
});`

// probed is what a probe saw.
type probed struct {
	Page, Class           string
	Found, Changes, Marks int
	MapWidth, Width       int
	Wide                  bool
	Faults                []string
}

// The main pages live in Firefox as well: they search, follow their trains and fit.
func TestFirefox(t *testing.T) {
	if os.Getenv("CTALIVE_BROWSER") != "1" {
		t.Skip("runs in a real browser, and for long: set CTALIVE_BROWSER=1")
	}
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		t.Fatal("no firefox-esr found: apt-get install firefox-esr")
	}
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	moving(t, m, "green", "G2")
	at := m.Network().Line("green").Stations[movingFrom].ID
	pages := []string{"/", "/lines/green", fmt.Sprint("/stations/", at), fmt.Sprint("/board/", at), "/trains/G2", "/stations"}
	for _, width := range []int{500, 1280} { // Firefox has no narrower window
		seen := make(chan probed, len(pages))
		next := 0
		h := newHandler(t, m, brisk())
		srv := serving(t, h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/probe.js":
				w.Header().Set("Content-Type", "text/javascript")
				_, _ = io.WriteString(w, probe)
			case r.URL.Path == "/probe":
				var p probed
				if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
					t.Error(err)
				}
				seen <- p
				if next++; next < len(pages) {
					_, _ = io.WriteString(w, pages[next])
				}
			case strings.Contains(r.Header.Get("Accept"), "text/html"):
				r.Header.Del("Accept-Encoding")
				page := httptest.NewRecorder()
				h.ServeHTTP(page, r)
				for name, values := range page.Header() {
					w.Header()[name] = values
				}
				w.Header().Del("Content-Length")
				w.WriteHeader(page.Code)
				_, _ = io.WriteString(w, strings.Replace(page.Body.String(), "<head>", `<head><script src="/probe.js"></script>`, 1))
			default:
				h.ServeHTTP(w, r)
			}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		fox := firefox(ctx, t, path, srv.URL+pages[0], width)
		for _, page := range pages {
			select {
			case p := <-seen:
				if p.Page != page || p.Class != "live" || p.Found < 4 || p.Changes < 6 && page != "/stations" || p.Wide || len(p.Faults) > 0 || p.Width > width {
					t.Errorf("%s at %d px: %+v", page, width, p)
				}
				if page == "/" && (p.MapWidth < width/3 || p.Marks == 0) {
					t.Errorf("the map at %d px: %+v", width, p)
				}
			case <-ctx.Done():
				t.Fatalf("Firefox reports nothing of %s", page)
			}
		}
		cancel()
		_ = fox.Wait() // it was killed
	}
}

// firefox opens a page in a headless Firefox with a profile of its own.
func firefox(ctx context.Context, t *testing.T, path, url string, width int) *exec.Cmd {
	t.Helper()
	home := t.TempDir()
	prefs := ""
	for _, name := range []string{"browser.shell.checkDefaultBrowser", "network.captive-portal-service.enabled", "network.connectivity-service.enabled", "app.normandy.enabled", "datareporting.policy.dataSubmissionEnabled", "browser.aboutwelcome.enabled"} {
		prefs += fmt.Sprintf("user_pref(%q, false);\n", name)
	}
	if err := os.WriteFile(filepath.Join(home, "user.js"), []byte(prefs), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-remote", "--profile", home, url)
	cmd.Env = append(os.Environ(), "HOME="+home, fmt.Sprint("MOZ_HEADLESS_WIDTH=", width), "MOZ_HEADLESS_HEIGHT=900")
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
