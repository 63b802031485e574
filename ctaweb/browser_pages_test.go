package ctaweb

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
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
	for _, s := range []step{arrive("08:00:00", "red R1 b", jarvis, cta.TrainBrokenDown), weatherAt("08:00:00", 50, cta.WeatherSunny)} {
		s(m)
	}
	announce(m)
	// Stopped at one moment, so that the pages don't change while they are looked at.
	return serving(t, newHandler(t, m, HandlerConfig{}), nil),
		[]string{"/", "/lines/green", "/stations", "/stations?q=lake", "/stations?q=nobody", "/stations/40380", "/stations/40380?by=time&line=green", "/stations/40170", "/departures?station=40380&station=40940", "/trains/red0", "/board/40380", "/board/40940", "/trains/gone", "/no/such/page", "/lines/green?lang=es"}
}

// missed are the complaints of a browser about pages that aren't there.
func missed(root string, pages ...string) []string {
	var list []string
	for _, p := range pages {
		list = append(list, "the server responded with a status of 404 (Not Found) "+root+p)
	}
	return list
}

// No page is wider than its window, from a phone to a wall.
func TestPagesFit(t *testing.T) {
	b := browse(t)
	srv, pages := rushHour(t)
	for _, w := range []int64{360, 768, 1024, 1280, 1920} {
		b.width(w)
		for _, page := range pages {
			b.open(srv.URL + page)
			if got := b.eval(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
				t.Errorf("at %d px, %s is %s px wide", w, page, b.eval(`document.documentElement.scrollWidth`))
			}
		}
	}
	b.clean(host(srv.URL), missed(srv.URL, "/trains/gone", "/no/such/page")...)
}

// A board shows all its rows on a screen of 1080p, in any font.
func TestBoardsFit(t *testing.T) {
	b := browse(t)
	srv, _ := rushHour(t)
	size := emulation.SetDeviceMetricsOverrideParams{Width: 1920, Height: 1080, DeviceScaleFactor: 1}
	if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
		t.Fatal(err)
	}
	for _, rows := range []int{4, 8, 10, 13, 16} {
		b.open(srv.URL + "/board/40380")
		b.await(`document.body.className`, "live")
		b.eval(fmt.Sprintf(`(() => {
			const list = document.querySelector("tbody"), own = [...list.children];
			for (let i = own.length; i < %d; i++) list.append(own[i %% own.length].cloneNode(true));
			while (list.children.length > %[1]d) list.lastElementChild.remove();
			document.querySelector("#notices").remove();
		})()`, rows))
		for _, font := range []string{"sans-serif", "serif", "monospace"} {
			b.eval(`document.body.style.fontFamily = "` + font + `"`)
			if got := b.eval(`document.querySelector("tbody").lastElementChild.getBoundingClientRect().bottom <= innerHeight`); got != "true" {
				t.Errorf("in %s, %d rows end at %s px", font, rows, b.eval(`document.querySelector("tbody").lastElementChild.getBoundingClientRect().bottom`))
			}
		}
	}
	b.clean(host(srv.URL))
}

// The scores of predictions fit on a phone as well.
func TestScoresFit(t *testing.T) {
	b := browse(t)
	b.width(360)
	const minutes = 10
	m, tell := rushing(t, minutes*time.Minute)
	for i := range minutes {
		tell(time.Minute)
		v := m.View(time.Now().Add(time.Duration(i+1-minutes) * time.Minute))
		for _, tr := range v.Trains { // an agency predicts the same
			p := cta.Prediction{TrainID: tr.ID, Line: tr.Line, Made: v.AsOf.UnixMilli()}
			for _, a := range tr.Stops {
				if !a.Maybe {
					p.Stops = append(p.Stops, cta.PredictedStop{StationID: a.Station, Direction: a.Direction, At: a.Expected.UnixMilli()})
				}
			}
			m.ApplyPrediction(p)
		}
	}
	srv := serving(t, newHandler(t, m, HandlerConfig{Now: time.Now}), nil)
	for _, language := range []string{"en", "es"} {
		b.open(srv.URL + "/?lang=" + language)
		b.eval(`document.querySelector("#scores").open = true`)
		b.await(`document.querySelectorAll("#rivals td").length > 3`, "true")
		if got := b.eval(`[...document.querySelectorAll("#score-table table")].every(t => t.getBoundingClientRect().right <= document.querySelector("#scores").getBoundingClientRect().right)`); got != "true" {
			t.Errorf("the scores in %q are wider than their place", language)
		}
		if got := b.eval(`[...document.querySelectorAll("#score-table th, #score-table td")].filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent).join()`); got != "" {
			t.Errorf("in %q these don't fit: %s", language, got)
		}
	}
	b.clean(host(srv.URL))
}

// axe-core finds nothing on any page, its rule of targets of 24 px included. Its source is where CTALIVE_AXE says; without it the test is skipped.
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
	// What a page may come to look like, beside how it is served.
	states := map[string][]string{
		"as it is":      pages,
		"stale":         {"/", "/lines/green", "/stations/40380", "/trains/red0", "/board/40380"},
		"lost":          {"/", "/lines/green", "/stations/40380", "/trains/red0", "/board/40380"},
		"polled":        {"/"},
		"with a search": {"/"},
		"with scores":   {"/"},
		"unfolded":      {"/stations/40380", "/lines/green"},
	}
	for _, m := range []*Model{modelOf(village(t), time.Date(2026, 10, 7, 7, 45, 0, 0, time.UTC)), large(t, 8, 400)} {
		own := serving(t, newHandler(t, m, HandlerConfig{}), nil)
		for _, page := range []string{"/", "/lines/" + m.net.Lines[0].ID, "/lines/" + m.net.Lines[1].ID, "/stations/1"} {
			states["of a timetable"] = append(states["of a timetable"], own.URL+page)
		}
	}
	enter := map[string]string{
		"as it is": `0`, "of a timetable": `0`,
		"stale":         `document.body.className = "stale"`,
		"lost":          `document.body.className = "lost"`,
		"polled":        `document.body.className = "polled"`,
		"with a search": `(document.querySelector("#q").value = "lake", document.querySelector("#q").dispatchEvent(new Event("input")))`,
		"with scores":   `document.querySelector("#scores").open = true`,
		"unfolded":      `document.querySelectorAll("details").forEach(d => d.open = true)`,
	}
	for _, scheme := range []string{"light", "dark"} {
		b.colors(scheme)
		for _, width := range []int64{360, 1280} {
			b.width(width)
			for state, pages := range states {
				for _, page := range pages {
					b.forget()
					url := srv.URL + page
					if state == "of a timetable" {
						url = page
					}
					if state == "with scores" {
						m, tell := rushing(t, 10*time.Minute)
						tell(10 * time.Minute)
						url = serving(t, newHandler(t, m, HandlerConfig{Now: time.Now}), nil).URL + page
					}
					b.open(url)
					b.await(`document.body.className`, "live")
					b.eval(enter[state])
					switch state {
					case "with a search":
						b.await(`document.querySelectorAll("#found li").length > 3`, "true")
					case "with scores":
						b.await(`document.querySelectorAll("#score-table td").length > 3`, "true")
					}
					if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](string(axe)+"\n; 'loaded'")); err != nil {
						t.Fatal(err)
					}
					b.eval(`axe.run(document, { rules: { "target-size": { enabled: true } } }).then(r => { window.found = r.violations.filter(v => v.nodes.length).map(v => v.id + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + " " + n.failureSummary).join(" | ")).join("\n") + "." })`)
					b.await(`typeof window.found`, "string")
					if found := b.eval(`window.found`); found != "." {
						t.Errorf("%s %s, %s, %d px:\n%s", page, state, scheme, width, found)
					}
				}
			}
		}
	}
}

// forget forgets cookies, so that a language asked for once isn't that of what follows.
func (b *tab) forget() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		b.t.Fatal(err)
	}
}

// Everything that a mouse can use has its place in the order of the Tab key, while
// trains go on.
func TestKeyboardReachesEverything(t *testing.T) {
	b := browse(t)
	net, err := cta.Chicago().Only("green", "yellow")
	if err != nil {
		t.Fatal(err)
	}
	m := NewModel(net)
	m.SetReady()
	of := func(line, train string, station int) {
		a := cta.Arrival{Line: line, TrainID: train, StationID: station, Direction: "a", TrainStatus: cta.TrainInService}
		m.ApplyArrival(cta.KeyAt(time.Now()), a, time.Now())
	}
	ticking(t, m)
	of("yellow", "Y1", 40140)
	of("green", "G1", 40020)
	moving(t, m, "green", "G2")
	// The focus goes with a train, past what is between; so these are not waited for.
	passed := []string{"trains/G2"}
	for _, s := range net.Line("green").Stations[movingFrom:movingTo] {
		passed = append(passed, fmt.Sprint("stations/", s.ID))
	}
	srv := serving(t, newHandler(t, m, brisk()), nil)
	for _, page := range []string{"/", "/lines/green", "/stations", "/stations?q=nobody", "/stations/40380", "/trains/Y1", "/board/40020", "/trains/gone"} {
		b.open(srv.URL + page)
		b.await(`document.body.className`, "live")
		b.eval(`window.named = (e) => e.getAttribute("href") ?? (e.closest("[id]")?.id ?? "") + " " + e.nodeName`) // links to the same place are one
		// What is folded away can be reached by unfolding it.
		b.eval(`window.reached = () => [...document.querySelectorAll("a[href], button, input, summary")].filter((e) => e.checkVisibility())`)
		b.eval(`window.left = new Set(reached().map(named).filter((n) => !/` + strings.ReplaceAll(strings.Join(passed, "|"), "/", "\\/") + `/.test(n)))`)
		b.eval(`window.faults = []`)
		b.eval(`window.before = null`)
		b.eval(`window.round = false`)
		b.eval(`document.addEventListener("focusin", e => {
			round ||= before && e.target.matches(".skip[href=\"#main\"]");
			if (round) return;
			left.delete(named(e.target));
			const style = getComputedStyle(e.target);
			if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2 || style.clipPath !== "none") faults.push("the focus isn't seen on " + e.target.outerHTML);
			if (before?.isConnected && before !== e.target && !(before.compareDocumentPosition(e.target) & Node.DOCUMENT_POSITION_FOLLOWING)) faults.push("the focus is thrown back from " + before.outerHTML + " to " + e.target.outerHTML);
			before = e.target;
		})`)
		for range 300 {
			b.press(kb.Tab)
			if b.eval(`round`) == "true" {
				break
			}
		}
		// What is no longer on the page, such as a train that has gone on, can't be reached.
		if rest := b.eval(`reached().map(named).filter(n => left.has(n)).join("\n")`); rest != "" {
			t.Errorf("%s: the Tab key doesn't come to\n%s", page, rest)
		}
		if faults := b.eval(`faults.join("\n")`); faults != "" {
			t.Errorf("%s: %s", page, faults)
		}
	}

	// A station is found by its name and the keys alone, and what was found goes away
	// with the focus.
	b.open(srv.URL + "/")
	b.eval(`document.querySelector("#q").focus()`)
	b.press("how")
	const combobox = `["role", "aria-expanded", "aria-controls", "aria-activedescendant"].map(n => document.querySelector("#q").getAttribute(n)).join()`
	b.await(combobox, "combobox,true,found,")
	b.await(`document.querySelector("#found-says").textContent`, "Stations for “how”: 1")
	b.press(kb.ArrowDown)
	b.await(combobox, "combobox,true,found,found-0")
	if got := b.eval(`document.activeElement.id + document.querySelector("#found-0").getAttribute("role") + document.querySelector("#found-0").getAttribute("aria-selected")`); got != "qoptiontrue" {
		t.Errorf("the choice is %s, want an option that is selected, and the focus in the field", got)
	}
	b.press(kb.Escape)
	b.await(combobox, "combobox,false,found,")
	b.press(kb.ArrowUp) // unfolds, from the end
	b.await(combobox, "combobox,true,found,found-0")
	b.press(kb.Tab)
	b.await(`document.querySelector("#found").hidden`, "true")
	b.eval(`document.querySelector("#q").focus()`)
	b.press(kb.ArrowDown)
	b.press(kb.Enter)
	b.await(`document.querySelector("h1").textContent`, "Howard")
	b.clean(host(srv.URL), missed(srv.URL, "/trains/gone")...)
}

const movingFrom, movingTo = 2, 6

// moving has a train go up and down the first stations of a line until the test ends.
func moving(t *testing.T, m *Model, line, train string) {
	t.Helper()
	stations := m.Network().Line(line).Stations[movingFrom:movingTo]
	ctx, cancel := context.WithCancel(t.Context())
	var told sync.WaitGroup
	told.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			a := cta.Arrival{Line: line, TrainID: train, StationID: stations[i%len(stations)].ID, Direction: "a", TrainStatus: cta.TrainInService}
			m.ApplyArrival(cta.KeyAt(time.Now()), a, time.Now())
			if i%5 == 0 { // others come to the second station, one at a time
				a.TrainID, a.StationID = train+"-"+strconv.Itoa(i%200), stations[1].ID
				m.ApplyArrival(cta.KeyAt(time.Now()), a, time.Now())
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { cancel(); told.Wait() })
}

// What has the focus keeps it, and the page its place, while all around it changes:
// one of several links to the same line, what can be unfolded, a train that moves.
func TestFocusStays(t *testing.T) {
	b := browse(t)
	b.width(360)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	moving(t, m, "green", "G2")
	srv := serving(t, newHandler(t, m, brisk()), nil)
	for _, tt := range []struct{ page, focus, part string }{
		{"/lines/green", `[data-s="40680"] a[href$="/brown"]`, "#diagram"},
		{"/lines/green", `a:has(> [data-t=G2])`, "#diagram"},
		{"/stations/" + strconv.Itoa(m.Network().Line("green").Stations[movingFrom+1].ID), "#hours summary", "#boards"},
		{"/", `#lines a:has(> [data-t=G2])`, "#line-green"},
	} {
		b.open(srv.URL + tt.page)
		b.await(`document.body.className`, "live")
		b.eval(`document.querySelectorAll("details").forEach(d => d.open = true)`)
		// Where several trains are at a place, the focus goes with the first.
		b.await(`(() => {
			const to = document.querySelector('`+strings.Replace(tt.focus, "G2]", "G2]:first-child", 1)+`');
			if (!to) return false;
			to.scrollIntoView({ behavior: "instant", block: "center" });
			to.focus({ preventScroll: true });
			window.place = to.closest("li, details");
			window.at = place.getBoundingClientRect().top;
			return true;
		})()`, "true")
		b.eval(`window.changes = 0`)
		b.eval(`new MutationObserver(() => changes++).observe(document.querySelector("` + tt.part + `"), { subtree: true, childList: true, characterData: true, attributes: true })`)
		b.await(`changes > 2`, "true")
		if got := b.eval(`document.activeElement.matches('` + tt.focus + `')`); got != "true" {
			t.Errorf("%s: the focus has gone from %s to %s", tt.page, tt.focus, b.eval(`document.activeElement.outerHTML.slice(0, 200)`))
		}
		if got := b.eval(`Math.abs(place.getBoundingClientRect().top - at) < 2`); got != "true" {
			t.Errorf("%s: the page was scrolled from under %s, from %s to %s", tt.page, tt.focus, b.eval(`at`), b.eval(`place.getBoundingClientRect().top`))
		}
	}
	b.clean(host(srv.URL))
}

// On the map a train goes on from frame to frame, and at an event from where it is
// seen; where branches part it waits.
func TestTrainsMove(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	const speed, garfield = 20, 40510
	begin := time.Now()
	at := func(line, train string, station int, ago time.Duration) { // in wall time
		wall := time.Now().Add(-ago)
		event := begin.Add(speed * wall.Sub(begin))
		a := cta.Arrival{Line: line, TrainID: train, StationID: station, Direction: "a", TrainStatus: cta.TrainInService}
		m.ApplyArrival(cta.KeyAt(event), a, wall)
	}
	at("blue", "B1", ohare, 10*time.Second)
	at("green", "G1", garfield, 5*time.Second)
	at("blue", "B1", rosemont, 0)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className`, "live")
	b.eval(`document.querySelector("#moving").ownerSVGElement.scrollIntoView()`) // one that isn't seen stands still
	b.await(`document.querySelector("[data-m=B1]") !== null && document.querySelector("[data-m=G1]") !== null`, "true")
	// Where it was, and when: the Blue Line runs east here.
	b.eval(`window.seen = []`)
	b.eval(`new MutationObserver(() => seen.push([performance.now(), Number(document.querySelector("[data-m=B1]").getAttribute("transform").match(/\(([\d.]+)/)[1])]))
		.observe(document.querySelector("[data-m=B1]"), { attributeFilter: ["transform"] })`)
	b.await(`seen.length > 3`, "true")
	waiting := b.eval(`document.querySelector("[data-m=G1]").getAttribute("transform")`)
	at("blue", "B1", cumberland, 0)
	b.await(`document.querySelector('[data-t=B1]').title.includes("Cumberland")`, "true")
	b.eval(`window.then = seen.length`)
	b.await(`seen.length > then + 3`, "true")
	if got := b.eval(`document.querySelector("[data-m=G1]").getAttribute("transform")`); got != waiting {
		t.Errorf("a train where branches part went on from %s to %s", waiting, got)
	}
	if got := b.eval(`seen.filter(([at, x], i) => i && (x < seen[i - 1][1] || x - seen[i - 1][1] > 1 + 0.15 * (at - seen[i - 1][0]))).join(" ")`); got != "" {
		t.Errorf("the train jumped or went back at %s of\n%s", got, b.eval(`seen.join(" ")`))
	}
	b.clean(host(srv.URL))
}

// The page of a train follows it, and others tell when it comes.
func TestPagesFollowATrain(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", rosemont)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/trains/B1")
	b.await(`document.body.className`, "live")
	b.eval(`window.mark = "not reloaded"`)
	arriveNow(m, "B1", cumberland)
	b.await(`/Cumberland|approaching Harlem/.test(document.querySelector("#where").textContent)`, "true")
	if got := b.eval(`window.mark`); got != "not reloaded" {
		t.Error("the page was reloaded")
	}
	for _, page := range []string{"/stations/40230", "/board/40230", "/lines/blue"} {
		b.open(srv.URL + page)
		b.await(`document.body.className`, "live")
		b.await(`/min|Here|At the platform/.test(document.querySelector("main").textContent)`, "true")
	}
	b.clean(host(srv.URL))
}
