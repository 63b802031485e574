package ctaweb

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
)

// A reader's first screen: favourites and the stations opened last, live, above all else;
// the nearest on request; and without a network the last state, said to be old. All of it
// under a prefix, and all of it kept on the device.
func TestRidersOwnStations(t *testing.T) {
	b := browse(t)
	b.width(360)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	mounted := func(cfg HandlerConfig) http.Handler {
		h := newHandler(t, m, cfg)
		mux := http.NewServeMux()
		mux.Handle("/live/", http.StripPrefix("/live", h))
		return mux
	}
	g := newGate(t)
	srv := serving(t, newHandler(t, m, brisk()), mounted(brisk()))
	g.lead(srv.Listener.Addr().String())
	root := "http://" + g.addr() + "/live"

	// Nothing of one's own, nothing of its script.
	b.open(root + "/")
	b.await(`document.body.className`, "live")
	if got := b.eval(`performance.getEntriesByType("resource").filter(e => /rider|worker/.test(e.name)).length`); got != "0" {
		t.Errorf("a new reader's page loads %s files for the reader's own", got)
	}

	// A star, and a station that was merely opened.
	star := func(station int) {
		b.open(fmt.Sprintf("%s/stations/%d", root, station))
		b.await(`document.querySelector("#star").hidden`, "false")
		b.eval(`document.querySelector("#star").click()`)
	}
	star(rosemont)
	b.await(`document.querySelector("#star").getAttribute("aria-pressed")`, "true")
	b.open(fmt.Sprintf("%s/stations/%d", root, jarvis))
	b.await(`document.querySelector("#star").getAttribute("aria-pressed") + document.querySelector("#star").hidden`, "falsefalse")
	b.open(root + "/")
	const cards = `[...document.querySelectorAll("#cards h2, #cards h3 a")].map(e => e.textContent).join()`
	b.await(cards, "Favourites,Rosemont,Opened last,Jarvis")
	if got := b.eval(`document.querySelector("main").firstElementChild.id + [...document.querySelectorAll("#cards .stop-card:first-of-type .to")].map(e => e.textContent.trim()).join()`); got != "mineForest Park,O'Hare" {
		t.Errorf("first on the page are %s, want the favourite's trains both ways", got)
	}
	arriveNow(m, "B1", rosemont)
	b.await(`document.querySelector("#cards .stop-card .min").textContent.startsWith("Here")`, "true")

	// Long times get a row of their own, so that names stay names.
	b.eval(`document.querySelectorAll("#cards .min").forEach(e => e.textContent = "Here, 32–45, 42–56, 52–66 min")`)
	if got := b.eval(`(rows => rows.length > 0 && rows.every(e => e.clientHeight < 90))([...document.querySelectorAll("#cards li")])`); got != "true" {
		t.Error("no card, or a row at phone width is higher than three lines")
	}

	// And long names stay beside their line.
	b.eval(`document.querySelectorAll("#cards .to").forEach(e => e.textContent = "Harold Washington Library-State/Van Buren")`)
	if got := b.eval(`[...document.querySelectorAll("#cards li")].every(e => e.querySelector(".to").getBoundingClientRect().top < e.querySelector(".pill").getBoundingClientRect().bottom)`); got != "true" {
		t.Error("a long name is below its line at phone width")
	}

	// Six favourites are the most.
	for _, s := range m.Network().Line("yellow").Stations {
		star(s.ID)
	}
	for _, id := range []int{cumberland, ohare} {
		star(id)
	}
	b.await(`document.querySelector("#star").getAttribute("aria-pressed")`, "true")
	star(40380)
	b.await(`document.querySelector("#star-says").textContent + document.querySelector("#star").getAttribute("aria-pressed")`, "You can have 6 favourites. Remove one first.false")

	// The nearest stations, on request.
	at := func(latitude, longitude float64) {
		accuracy := 10.0
		if _, err := chromedp.Call(b.ctx, emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{Latitude: &latitude, Longitude: &longitude, Accuracy: &accuracy}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := chromedp.Call(b.ctx, browser.SetPermission, browser.SetPermissionParams{Permission: &browser.PermissionDescriptor{Name: "geolocation"}, Setting: browser.PermissionSettingGranted}); err != nil {
		t.Fatal(err)
	}
	b.open(root + "/")
	b.await(`document.querySelectorAll("#cards .stop-card").length`, "8")
	b.asked()
	at(48.8566, 2.3522)
	b.eval(`document.querySelector("#near").click()`)
	b.await(`document.querySelector("#near-says").textContent`, "No station within 3 km.")
	lake := m.Network().Station(40380)
	at(lake.Latitude+0.001, lake.Longitude) // 111 m
	b.eval(`document.querySelector("#near").click()`)
	b.await(`[...document.querySelectorAll("#cards h2, #cards h3")].map(e => e.textContent).slice(0, 2).join()`, "Nearest,Clark/Lake about 2 min on foot")
	for _, url := range b.asked() { // those of the worker aren't among them
		if strings.Contains(url, "41.8") || strings.Contains(url, "87.6") || strings.Contains(url, "48.8") {
			t.Errorf("the position was sent: %s", url)
		}
	}

	// Without a network: the last state at once, which says that it is old.
	b.await(`navigator.serviceWorker.controller !== null`, "true")
	b.open(root + "/")
	b.await(`document.querySelectorAll("#cards .stop-card").length`, "8")
	b.await(`(caches.keys().then(async (names) => { let n = 0; for (const name of names) n += (await (await caches.open(name)).keys()).length; window.stored = n; return 1 }), window.stored > 3)`, "true")
	g.lead("")
	began := time.Now()
	b.open(root + "/")
	t.Logf("without a network the page opens in %v", time.Since(began))
	b.await(`/^not live, as of \d\d:\d\d$/.test(document.querySelector("#fresh").textContent) + document.body.className`, "truelost")
	b.await(`document.querySelectorAll("#cards .stop-card").length`, "8")
	b.await(`/^Favourites · not live, as of \d\d:\d\d$/.test(document.querySelector("#cards h2").textContent)`, "true")
	b.open(fmt.Sprintf("%s/stations/%d", root, ohare))
	b.await(`document.querySelector("h1").textContent + document.body.className`, "O'Harelost")

	// Another version takes its place, and nothing of the old one stays.
	before := b.eval(`navigator.serviceWorker.controller.scriptURL`)
	other := brisk()
	other.Title = "Ours"
	other.Files = fstest.MapFS{"style.css": {Data: []byte(source{}.read("style.css") + "/**/")}}
	again := serving(t, newHandler(t, m, other), mounted(other))
	g.lead(again.Listener.Addr().String())
	b.open(root + "/")
	b.await(looksLike, "live: live")
	b.await(`(caches.keys().then(names => { window.names = names.map(n => n.split(" ")[2]).filter((n, i, all) => all.indexOf(n) === i).length }), window.names)`, "1")
	b.await(`(caches.keys().then(names => { window.title = "", names.filter(n => n.endsWith("pages")).forEach(async n => { const r = await (await caches.open(n)).match(location.href); window.title = r ? (await r.text()).match(/<title>(.*?)</)[1] : "" }) }), window.title)`, "Ours")
	if before == "" {
		t.Error("there is no worker")
	}
	b.clean(host(root), "net::ERR_", "503", "502", "Failed to load resource")

	// It can be installed.
	problems, err := chromedp.Call(b.ctx, page.GetInstallabilityErrors, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems.InstallabilityErrors {
		if p.ErrorID != "in-incognito" {
			t.Errorf("the page can't be installed: %s %v", p.ErrorID, p.ErrorArguments)
		}
	}
}

// asked are the addresses that the tab asked for since the last call.
func (b *tab) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.requests
	b.requests = nil
	return list
}
