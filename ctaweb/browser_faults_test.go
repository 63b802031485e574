package ctaweb

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
)

// On a device without room the pages live as elsewhere, and a favourite that isn't kept
// is not shown as one.
func TestFullDisk(t *testing.T) {
	b := browse(t)
	b.before(`Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };`)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	cfg := brisk()
	cfg.Files = fstest.MapFS{"worker.js": {Data: []byte(`
		for (const of of ["put", "add"]) Cache.prototype[of] = async () => { throw new DOMException("full", "QuotaExceededError"); };
` + source{}.read("worker.js"))}}
	srv := serving(t, newHandler(t, m, cfg), nil)
	page := fmt.Sprintf("%s/stations/%d", srv.URL, rosemont)
	for range 2 { // at first without the worker, then with it
		b.open(page)
		b.await(looksLike, "live: live")
		b.await(`(navigator.serviceWorker.ready.then(() => { window.ready = 1 }), navigator.serviceWorker.controller !== null && window.ready)`, "1")
		b.await(`document.querySelector("#star").hidden`, "false")
		b.eval(`document.querySelector("#star").click()`)
		b.await(`document.querySelector("#star").getAttribute("aria-pressed") + document.querySelector("#star-says").textContent`, "falseYour device has no room to keep this.")
	}
	b.open(srv.URL + "/")
	b.await(looksLike, "live: live")
	arriveNow(m, "B1", rosemont)
	b.await(`document.querySelector("[data-t=B1]").closest("li").dataset.s !== "40890"`, "true")
	b.clean(host(srv.URL))
}

// What a device has kept may be lost or garbled. The page does without, and keeps anew.
func TestLostFavourites(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	for _, kept := range []string{`{"favourites":`, `null`, `7`, `{"favourites":"40890","recent":{}}`, fmt.Sprintf(`{"favourites":[null,{},"x",1.5,%d]}`, ohare)} {
		b.eval(fmt.Sprintf(`localStorage.setItem("ctalive /", %q)`, kept))
		b.open(srv.URL + "/")
		b.await(looksLike, "live: live")
		want := ""
		if strings.HasSuffix(kept, "]}") {
			want = "O'Hare"
		}
		b.await(`[...document.querySelectorAll("#cards h3")].map(e => e.textContent).join()`, want)
	}
	// Another tab clears all of it, while a station is made a favourite here.
	b.open(fmt.Sprintf("%s/stations/%d", srv.URL, rosemont))
	b.await(`document.querySelector("#star").hidden`, "false")
	b.eval(`localStorage.clear()`)
	b.eval(`document.querySelector("#star").click()`)
	b.await(`localStorage.getItem("ctalive /")`, fmt.Sprintf(`{"favourites":[%d],"recent":[]}`, rosemont))
	b.clean(host(srv.URL))
}

// The answer to what was typed before doesn't replace that to what was typed since, and
// without an answer nothing is found, rather than what was found before.
func TestLateSearchAnswers(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	h := newHandler(t, m, brisk())
	held := make(chan struct{})
	srv := serving(t, h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("q") {
		case "rosemont":
			<-held
		case "broken":
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		h.ServeHTTP(w, r)
	}))
	b.open(srv.URL + "/")
	b.await(looksLike, "live: live")
	typed := func(text string) {
		t.Helper()
		b.eval(`document.querySelector("#q").value = ""`)
		if err := chromedp.Do(b.ctx, chromedp.SendKeys("#q", text)); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(text string) string {
		return `performance.getEntriesByType("resource").filter(e => e.name.endsWith("q=` + text + `")).length`
	}
	const found = `[...document.querySelectorAll("#found li")].map(e => e.textContent.trim().split(" ")[0]).join() + document.querySelector("#found").hidden`
	b.eval(`window.asks = []`)
	b.eval(`(() => { const own = fetch; window.fetch = (url, ...rest) => { asks.push(String(url)); return own(url, ...rest); }; })()`)
	typed("rosemont")
	b.await(`asks.some(url => url.endsWith("q=rosemont"))`, "true")
	typed("jarvis")
	b.await(found, "Jarvisfalse")
	close(held)
	b.await(asked("rosemont"), "1") // it has come
	b.await(found, "Jarvisfalse")
	typed("broken")
	b.await(`document.querySelector("#found").hidden`, "true")
	b.clean(host(srv.URL), "502")
}
