package ctaweb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
)

// What a station's page shows is chosen without loading it anew, follows the trains, and is
// kept for the next station; links lead the same way without a script.
func TestChoicesOfAStation(t *testing.T) {
	b := browse(t)
	b.width(360)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(fmt.Sprintf("%s/stations/%d", srv.URL, rosemont))
	b.await(looksLike, "live: live")
	b.await(`document.querySelector("#star").hidden`, "false") // its script is there
	b.eval(`window.mark = "not reloaded"`)
	b.eval(`document.querySelector("#choices a[href='?by=time']").click()`)
	const soon = `[...document.querySelectorAll(".soon li")].map(e => e.querySelector(".to").textContent)`
	b.await(soon+`[0]`, "Forest Park")
	b.eval(`[...document.querySelectorAll("#choices a")].find(a => a.textContent === "Towards Forest Park").click()`)
	b.await(`[...document.querySelectorAll("#choices [aria-current]")].map(a => a.textContent).join()`, "By time,Towards Forest Park")
	arriveNow(m, "B1", rosemont)
	b.await(`document.querySelector(".soon .min").textContent`, "Here")
	if got := b.eval(soon + `.every(to => to === "Forest Park") + window.mark`); got != "truenot reloaded" {
		t.Errorf("of one direction the page shows %s", got)
	}
	b.open(fmt.Sprintf("%s/stations/%d", srv.URL, cumberland))
	b.await(`document.querySelector("#choices [aria-current]").textContent + document.querySelectorAll(".soon").length`, "By time1")

	// What a reader has unfolded stays so while trains come and go.
	b.open(fmt.Sprintf("%s/stations/%d?by=line", srv.URL, cumberland))
	b.await(looksLike, "live: live")
	b.eval(`document.querySelector(".platform details").open = true`)
	arriveNow(m, "B1", cumberland)
	b.await(`document.querySelector(".platform details").open + document.querySelector(".platform details .here").textContent.trim()`, "trueAt the platform now: train B1")
	b.clean(host(srv.URL))
}

// A favourite that the network no longer has can be removed on the first screen.
func TestFavouriteThatIsGone(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.eval(fmt.Sprintf(`localStorage.setItem("ctalive /", JSON.stringify({ favourites: [4711, %d], recent: [] }))`, ohare))
	b.open(srv.URL + "/")
	const cards = `[...document.querySelectorAll("#cards .stop-card")].map(e => e.querySelector("h3 a")?.textContent ?? e.textContent).join("; ")`
	b.await(cards, "Station 4711 is no longer in the network. Remove; O'Hare")
	b.eval(`document.querySelector("#cards button").click()`)
	b.await(cards, "O'Hare")
	b.open(srv.URL + "/")
	b.await(cards, "O'Hare")
	if got := b.eval(`localStorage.getItem("ctalive /")`); strings.Contains(got, "4711") {
		t.Errorf("kept is %s", got)
	}
	b.clean(host(srv.URL))
}

// The search tells how many stations match, and not how many it lists.
func TestSearchTellsHowManyMatch(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	all := len(newSearchIndex(newHandler(t, m, brisk()).pub.snapshot().status, m.Network()).find("a"))
	if all <= 12 {
		t.Fatalf("%d stations match, too few to tell", all)
	}
	if err := chromedp.Do(b.ctx, chromedp.SendKeys("#q", "a")); err != nil {
		t.Fatal(err)
	}
	b.await(`document.querySelector("#found-says").textContent`, fmt.Sprintf("Stations for “a”: %d The first 12 are shown.", all))
	b.await(`document.querySelectorAll("#found li").length`, "12")
	b.clean(host(srv.URL))
}

// A kept page is shown as an old one until it is renewed, and then as the server has it
// now: with the notices and predictions of now. One that is hidden meanwhile opens no
// stream until it is seen. A search isn't answered by a kept page.
func TestKeptPages(t *testing.T) {
	b := browse(t)
	b.before(`
		let hidden = false;
		Object.defineProperty(document, "hidden", { get: () => hidden });
		window.opened = 0;
		window.EventSource = class extends EventSource { constructor(url) { super(url); opened++; } };
		window.hide = (is) => { hidden = is; document.dispatchEvent(new Event("visibilitychange")); };`)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	h := newHandler(t, m, brisk())
	g := newGate(t)
	srv := serving(t, h, nil)
	g.lead(srv.Listener.Addr().String())
	root := "http://" + g.addr()
	page := fmt.Sprintf("%s/stations/%d", root, rosemont)
	train := root + "/trains/B1"
	b.open(page)
	b.await(looksLike, "live: live")
	b.await(`(navigator.serviceWorker.ready.then(() => { window.ready = 1 }), navigator.serviceWorker.controller !== null && window.ready)`, "1")
	b.open(train)
	b.await(looksLike, "live: live")
	b.open(page)
	b.await(looksLike, "live: live")
	const stored = `(caches.keys().then(async (names) => { let n = []; for (const name of names) for (const r of await (await caches.open(name)).keys()) n.push(new URL(r.url).pathname); window.stored = n.join() }), String(window.stored))`
	b.await(stored+fmt.Sprintf(`.includes("/stations/%d") && window.stored.includes("/trains/B1")`, rosemont), "true")

	// Without a network: as an old one, although what it was made of was live.
	g.lead("")
	b.open(page)
	b.await(`document.body.className + (document.body.dataset.old !== undefined) + /^not live, as of/.test(document.querySelector("#fresh").textContent)`, "losttruetrue")
	if shown := b.eval(`document.querySelector("#boards").textContent.includes("At the platform now")`); shown != "false" {
		t.Fatal("the train is at the station already")
	}
	// The choice of some trains is the kept page of all; a search is none.
	b.open(page + "?line=blue&direction=a")
	b.await(`document.body.className + document.querySelector("h1").textContent`, "lostRosemont")
	for _, other := range []string{"/stations?q=rosemont", "/departures?station=40820"} {
		// The browser's own page says that there is no network.
		_ = chromedp.Do(b.ctx, chromedp.Navigate(root+other))
		if got := b.eval(`document.querySelector("body[data-kind]")?.dataset.kind ?? "none"`); got != "none" {
			t.Errorf("without a network, %s is answered by a page of kind %s", other, got)
		}
	}

	// The network is back, while the page is hidden: it is renewed, and opens no stream.
	b.open(page)
	b.await(`document.body.className`, "lost")
	b.eval(`hide(true)`)
	arriveNow(m, "B1", rosemont)
	g.lead(srv.Listener.Addr().String())
	b.eval(`dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`) // a page that is restored tries at once
	b.await(`performance.getEntriesByType("resource").some(e => e.name === location.href && e.initiatorType === "fetch" && e.responseStatus === 200)`, "true")
	b.await(`(fetch("../healthz").then(() => { window.back = 1 }), window.back)`, "1") // a stream would have been asked for before
	if n := b.eval(`opened`); n != "0" {
		t.Errorf("a hidden page has opened %s streams", n)
	}
	b.eval(`hide(false)`)
	b.await(looksLike, "live: live")
	b.await(`[document.querySelector("#boards").textContent.includes("At the platform now"), document.body.dataset.old === undefined].join()`, "true,true")
	b.clean(g.addr(), "net::ERR_", "the server responded with a status of 503", "Failed to load resource", "fetch")
}
