package ctaweb

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// looksLike is how a page is dressed, and what it says of how new it is.
const looksLike = `document.body.className + ": " + document.querySelector("#fresh").textContent`

// ticking tells of the weather again and again until the test ends, so that the
// model's clock goes on and no page is stale. sky changes the weather.
func ticking(t *testing.T, m *Model) (sky func(cta.Weather)) {
	t.Helper()
	var reading atomic.Pointer[cta.Weather]
	reading.Store(&cta.Weather{Temperature: 50, Status: cta.WeatherSunny})
	ctx, cancel := context.WithCancel(t.Context())
	var told sync.WaitGroup
	told.Go(func() {
		for ctx.Err() == nil {
			m.ApplyWeather(cta.KeyAt(time.Now()), *reading.Load(), time.Now())
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() { cancel(); told.Wait() })
	return func(w cta.Weather) { reading.Store(&w) }
}

// before has a script run in every page before the page's own.
func (b *tab) before(script string) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		b.t.Fatal(err)
	}
}

// looked are the classes that a page has had since it was opened.
const looked = `
	addEventListener("DOMContentLoaded", () => {
		window.looked = [document.body.className];
		new MutationObserver(() => looked.push(document.body.className)).observe(document.body, { attributeFilter: ["class"] });
	});`

// A connection through which nothing comes any more, without being closed, is one
// that is lost: with a clock, which tells something every second, and without one.
func TestPageNoticesAHangingConnection(t *testing.T) {
	for good, clock := range map[string]bool{"live: live": true, "wait: waiting for trains": false} {
		t.Run(good, func(t *testing.T) {
			b := browse(t)
			b.before(looked)
			m := NewModel(cta.Chicago())
			m.SetReady()
			cfg := brisk()
			if clock {
				ticking(t, m) // each second tells something
			} else {
				cfg.KeepAlive = time.Second
			}
			srv := serving(t, newHandler(t, m, cfg), nil)
			g := newGate(t)
			g.lead(srv.Listener.Addr().String())
			b.open("http://" + g.addr() + "/")
			b.await(looksLike, good)
			if clock {
				shown := b.eval(`document.querySelector("#clock").textContent`)
				b.await(`document.querySelector("#clock").textContent !== "`+shown+`"`, "true") // by the stream
			} else {
				// Word of nothing new is word all the same.
				b.quiet(4)
				if got := b.eval(`looked.includes("lost")`); got != "false" {
					t.Error("a quiet stream is taken for a lost one")
				}
			}
			g.hold()
			b.await("document.body.className", "lost") // in words "reconnecting", and after 30 s the age
			g.letGo()
			b.await(looksLike, good)
			b.clean(g.addr(), "ERR_")
		})
	}
}

// quiet waits for events without news.
func (b *tab) quiet(n int) {
	b.t.Helper()
	for b.ctx.Err() == nil {
		b.mu.Lock()
		seen := b.quiets
		b.mu.Unlock()
		if seen >= n {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatalf("browser: no %d events without news", n)
}

// streams waits until a handler has so many streams.
func (b *tab) streams(h *Handler, n int64) {
	b.t.Helper()
	for h.metrics.open.Load() != n {
		if b.ctx.Err() != nil {
			b.t.Fatalf("browser: %d streams are open, want %d", h.metrics.open.Load(), n)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A page that isn't seen leaves its stream's place to others, and goes on with what
// it missed when it is seen again.
func TestHiddenPageHoldsNoStream(t *testing.T) {
	b := browse(t)
	b.before(`
		let hidden = false;
		Object.defineProperty(document, "hidden", { get: () => hidden });
		window.hide = (is) => { hidden = is; document.dispatchEvent(new Event("visibilitychange")); };`)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	h := newHandler(t, m, brisk())
	srv := serving(t, h, nil)
	b.open(srv.URL + "/")
	b.await(looksLike, "live: live")
	b.eval(`window.mark = "not reloaded"`)
	b.eval(`hide(true)`)
	b.streams(h, 0)
	arriveNow(m, "B1", rosemont)
	b.eval(`hide(false)`)
	b.await(looksLike, "live: live")
	b.await(`document.querySelector("[data-t=B1]").closest("li").dataset.s !== "40890"`, "true")
	if got := b.eval(`window.mark`); got != "not reloaded" {
		t.Error("the page was reloaded")
	}
	b.clean(host(srv.URL))
}

// Where there is no room for another stream, a page is fetched now and then; once
// there is room it is live.
func TestPageWithoutAStream(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	cfg := brisk()
	cfg.MaxStreams = 1
	h := newHandler(t, m, cfg)
	srv := serving(t, h, nil)
	for page, where := range map[string]string{
		"/":           `document.querySelector("#lines [data-t=B1]").closest("li").dataset.s`,
		"/lines/blue": `document.querySelector("[data-t=B1]").closest("li").dataset.s`,
	} {
		arriveNow(m, "B1", ohare)
		_, leave := follow(t, srv.URL+"/events", "")
		b.open(srv.URL + page)
		b.eval(`window.mark = "not reloaded"`)
		b.await(looksLike, "polled: updated every half minute")
		arriveNow(m, "B1", cumberland)
		b.await(`["40230", "40750"].includes(`+where+`)`, "true") // there, or on the way to Harlem
		leave()
		b.await(looksLike, "live: live")
		arriveNow(m, "B1", ohare)
		b.await(`["40890", "40820"].includes(`+where+`)`, "true")
		if got := b.eval(`window.mark`); got != "not reloaded" {
			t.Errorf("%s was reloaded", page)
		}
		b.open("about:blank")
		b.streams(h, 0)
	}
	// A page that isn't there isn't loaded again and again.
	_, leave := follow(t, srv.URL+"/events", "")
	defer leave()
	b.open(srv.URL + "/trains/gone")
	b.await(looksLike, "polled: updated every half minute")
	b.clean(host(srv.URL), append(missed(srv.URL, "/trains/gone"), "the server responded with a status of 503")...)
}

// A page whose stations have changed is loaded anew, where a tab may remember
// nothing as well, and says so until then.
func TestPageIsLoadedAnew(t *testing.T) {
	b := browse(t)
	b.before(`Object.defineProperty(window, "sessionStorage", { get() { throw new Error("refused") } });` + looked)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.await(looksLike, "live: live")
	b.eval(`window.mark = "the old one"`)
	m.ApplyStation(tables.StationRecord{StationID: rosemont, Line: "blue", StationName: "<b>Rose</b>"})
	b.await(`window.mark ? `+looksLike+` : "loaded anew"`, "stale: out of date, reloading")
	b.await(`document.querySelector('#line-blue [data-s="40820"] .s').textContent`, "<b>Rose</b>")
	b.await(looksLike, "live: live")
	b.clean(host(srv.URL))
}

// News that come in quick succession are drawn together, however many they are.
func TestNewsAreDrawnTogether(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	moving(t, m, "green", "G2")
	cfg := brisk()
	cfg.Interval = 10 * time.Millisecond
	srv := serving(t, newHandler(t, m, cfg), nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className`, "live")
	b.await(`document.querySelectorAll("#line-green [data-t]").length > 1`, "true")
	b.eval(`window.drawn = []`)
	b.eval(`new MutationObserver(() => drawn.push(performance.now())).observe(document.querySelector("#line-green"), { subtree: true, childList: true })`)
	b.await(`drawn.length > 8`, "true")
	if got := b.eval(`Math.min(...drawn.slice(1).map((at, i) => at - drawn[i])) > 300`); got != "true" {
		t.Errorf("the list was drawn at %s ms", b.eval(`drawn.map(Math.round).join()`))
	}
	b.clean(host(srv.URL))
}
