package ctaweb

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/seed-921eec07/ctalive/cta"
)

// colors has the tab prefer a colour scheme.
func (b *tab) colors(scheme string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) width(w int64) {
	b.t.Helper()
	size := emulation.SetDeviceMetricsOverrideParams{Width: w, Height: 800, DeviceScaleFactor: 1}
	if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
		b.t.Fatal(err)
	}
}

func (b *tab) press(keys string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatalf("browser: press %q: %v", keys, err)
	}
}

// rushHour returns a server of a model with many trains, all pages of which exist.
func rushHour(t *testing.T) (srv *httptest.Server, pages []string) {
	m := busy()
	for _, s := range []step{arrive("08:00:00", "red R1 b", jarvis, cta.BrokenDown), weatherAt("08:00:00", 50, cta.Sunny)} {
		s(m)
	}
	// Stopped at one moment, so that the pages don't change while they are looked at.
	return serving(t, newHandler(t, m, HandlerConfig{}), nil),
		[]string{"/", "/lines/green", "/stations", "/stations?q=lake", "/stations?q=nobody", "/stations/40380", "/stations/40170", "/trains/red0", "/board/40380", "/trains/gone", "/no/such/page", "/lines/green?lang=es"}
}

// No page is wider than its window, from a phone to a wall.
func TestPagesFit(t *testing.T) {
	b := browse(t)
	srv, pages := rushHour(t)
	for _, w := range []int64{360, 768, 1920} {
		b.width(w)
		for _, page := range pages {
			b.open(srv.URL + page)
			if got := b.eval(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
				t.Errorf("at %d px, %s is %s px wide", w, page, b.eval(`document.documentElement.scrollWidth`))
			}
		}
	}
	b.clean(host(srv.URL), "404")
}

// axe-core finds nothing on any page. Its source is where CTALIVE_AXE says; without
// it the test is skipped.
func TestAccessibility(t *testing.T) {
	file := os.Getenv("CTALIVE_AXE")
	if file == "" {
		t.Skip("CTALIVE_AXE isn't set: npm install axe-core, and give the path of its axe.min.js")
	}
	axe, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b := browse(t)
	srv, pages := rushHour(t)
	for scheme, width := range map[string]int64{"light": 1280, "dark": 360} {
		b.colors(scheme)
		b.width(width)
		for _, page := range pages {
			b.open(srv.URL + page)
			if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](string(axe)+"\n; 'loaded'")); err != nil {
				t.Fatal(err)
			}
			b.eval(`axe.run(document).then(r => { window.found = r.violations.map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")).join("\n") + "." })`)
			b.await(`typeof window.found`, "string")
			if found := b.eval(`window.found`); found != "." {
				t.Errorf("%s, %s, %d px:\n%s", page, scheme, width, found)
			}
		}
	}
}

// Everything that a mouse can use has its place in the order of the Tab key.
func TestKeyboardReachesEverything(t *testing.T) {
	b := browse(t)
	net, err := cta.Chicago().Only("yellow")
	if err != nil {
		t.Fatal(err)
	}
	m := NewModel(net)
	m.SetReady()
	arrive("08:00:00", "yellow Y1 a", 40140)(m)
	h := newHandler(t, m, HandlerConfig{})
	srv := serving(t, h, nil)
	for _, page := range []string{"/", "/lines/yellow", "/stations", "/stations?q=nobody", "/stations/40900", "/trains/Y1", "/board/40900", "/trains/gone"} {
		b.open(srv.URL + page)
		b.await(`document.body.className`, "live")
		b.eval(`window.left = new Set(document.querySelectorAll("a[href]:not(svg a), button, input, summary"))`)
		b.eval(`window.unseen = []`)
		b.eval(`document.addEventListener("focusin", e => {
			left.delete(e.target);
			const style = getComputedStyle(e.target);
			if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2 || style.clipPath !== "none") unseen.push(e.target.outerHTML);
		})`)
		for range 80 {
			b.press(kb.Tab)
			if b.eval(`left.size`) == "0" {
				break
			}
		}
		if rest := b.eval(`[...left].map(e => e.outerHTML).join("\n")`); rest != "" {
			t.Errorf("%s: the Tab key doesn't come to\n%s", page, rest)
		}
		if unseen := b.eval(`unseen.join("\n")`); unseen != "" {
			t.Errorf("%s: the focus isn't seen on\n%s", page, unseen)
		}
		// What the map links to, the page links to outside of it.
		if rest := b.eval(`[...document.querySelectorAll("#map a")].map(a => a.getAttribute("href")).filter(h => !h.startsWith("trains/") && !document.querySelector("main a[href='" + h + "']:not(#map a)")).join()`); rest != "" {
			t.Errorf("%s: only the map links to %s", page, rest)
		}
	}

	// A station is found by its name and the keys alone.
	b.open(srv.URL + "/")
	b.eval(`document.querySelector("#q").focus()`)
	b.press("how")
	b.await(`document.querySelectorAll("#found a").length`, "1")
	b.press(kb.ArrowDown)
	b.await(`document.activeElement.textContent`, "Howard")
	b.press(kb.Enter)
	b.await(`document.querySelector("h1").textContent`, "Howard")
	b.clean(host(srv.URL), "404")
}

// On the map trains move between updates, and the pages of stations and trains
// follow what happens.
func TestTrainsMove(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	now := time.Now()
	at := func(event, wall time.Duration, station int) {
		a := cta.Arrival{Line: "blue", TrainID: "B1", StationID: station, Direction: "a", TrainStatus: cta.InService}
		m.ApplyArrival(cta.KeyAt(now.Add(event)), a, now.Add(wall))
	}
	at(-200*time.Second, -10*time.Second, ohare) // 20 times as fast as real time
	at(0, 0, rosemont)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className`, "live")
	b.eval(`window.was = document.querySelector("[data-m=B1]").getAttribute("transform")`)
	b.await(`window.was !== document.querySelector("[data-m=B1]").getAttribute("transform")`, "true")

	b.open(srv.URL + "/trains/B1")
	b.await(`document.body.className`, "live")
	b.eval(`window.mark = "not reloaded"`)
	at(180*time.Second, 9*time.Second, cumberland)
	b.await(`document.querySelector("#where").textContent.includes("Cumberland") || document.querySelector("#where").textContent.includes("approaching Harlem")`, "true")
	if got := b.eval(`window.mark`); got != "not reloaded" {
		t.Error("the page was reloaded")
	}
	for _, part := range []string{"/stations/40230", "/board/40230", "/lines/blue"} {
		b.open(srv.URL + part)
		b.await(`document.body.className`, "live")
		if text := b.eval(`document.querySelector("main").textContent`); !strings.Contains(text, "min") {
			t.Errorf("%s tells of no train:\n%s", part, text)
		}
	}
	b.clean(host(srv.URL))
}
