package ctaweb

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/seed-921eec07/ctalive/cta"
)

// heard are the trains that the streams of this tab told of since the last call,
// as "line station".
func (b *tab) heard() []string {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var trains []string
	for _, data := range b.events {
		var u update
		if err := json.Unmarshal([]byte(data), &u); err != nil {
			b.t.Errorf("an event is no update: %v", err)
		}
		for _, t := range u.Trains {
			trains = append(trains, t.Line+" "+t.ID)
		}
	}
	b.events = nil
	slices.Sort(trains)
	return slices.Compact(trains)
}

func merged(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(append(a, b...))))
}

// A page's stream tells of what is on the page, and of nothing else; the page of a
// station and a board follow it without being loaded anew.
func TestPagesHearOfTheirOwn(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	srv := serving(t, newHandler(t, m, brisk()), nil)
	// In real time, at an hour when the lines run; of two events at the same time,
	// the order of coming wouldn't decide.
	offset := time.Until(eight)
	var event time.Time
	arrive := func(blue, pink, red int) {
		if now := time.Now().Add(offset); now.After(event.Add(time.Millisecond)) {
			event = now
		} else {
			event = event.Add(time.Millisecond)
		}
		for _, a := range []cta.Arrival{{Line: "blue", TrainID: "B", StationID: blue}, {Line: "pink", TrainID: "P", StationID: pink}, {Line: "red", TrainID: "R", StationID: red}} {
			a.Direction, a.TrainStatus = cta.DirectionA, cta.TrainInService
			m.ApplyArrival(cta.KeyAt(event), a, time.Now())
		}
	}
	const cicero, pulaski, morse = 40420, 40150, 40100
	for _, tt := range []struct {
		page string
		want []string
	}{
		{"/", []string{"blue B", "pink P", "red R"}},
		{"/lines/blue", []string{"blue B"}},
		{"/stations/40890", []string{"blue B"}},
		{"/board/40150", []string{"pink P"}},
	} {
		arrive(rosemont, cicero, jarvis)
		b.open(srv.URL + tt.page)
		b.await(`document.body.className`, "live")
		b.eval(`window.mark = "not reloaded"`)
		b.heard()
		var got []string
		// Whatever came of the first changes has come before the second ones do.
		for range 2 {
			arrive(rosemont, cicero, jarvis)
			arrive(ohare, pulaski, morse)
			var own []string
			for ; len(own) < len(tt.want) && b.ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
				own = merged(own, b.heard())
			}
			got = merged(got, own)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("the stream of %s tells of %q, want %q", tt.page, got, tt.want)
		}
		switch tt.page {
		case "/stations/40890":
			b.await(`document.querySelector("#boards a[href='../trains/B']")?.closest(".here") !== null`, "true")
		case "/board/40150":
			b.await(`[...document.querySelectorAll("#boards td:last-child")].some(e => e.textContent.includes("Here"))`, "true")
		}
		if got := b.eval(`window.mark`); got != "not reloaded" {
			t.Errorf("%s was reloaded", tt.page)
		}
	}
	b.clean(host(srv.URL))
}

// The server goes away and another one takes its place, which knows nothing of the
// first: every page says so meanwhile, and goes on.
func TestPageSurvivesARestart(t *testing.T) {
	b := browse(t)
	g := newGate(t)
	start := func(station int) (stop func()) {
		m := NewModel(cta.Chicago())
		m.SetReady()
		arriveNow(m, "B1", station)
		ticking(t, m)
		h := newHandler(t, m, brisk())
		srv := httptest.NewServer(h)
		g.lead(srv.Listener.Addr().String())
		return func() {
			g.lead("")
			h.Close()
			srv.Close()
		}
	}
	url := "http://" + g.addr()
	const here = `document.querySelector("#boards").textContent.includes(%q)`
	for page, moved := range map[string]string{ // from O'Hare to Rosemont, or on from there
		"/":               `document.querySelector("[data-t=B1]").closest("li").dataset.s !== "40890"`,
		"/lines/blue":     `document.querySelector("[data-t]").closest("li").dataset.s !== "40890"`,
		"/trains/B1":      `/Rosemont|Cumberland/.test(document.querySelector("#where").textContent)`,
		"/stations/40820": fmt.Sprintf(here, "At the platform now"),
		"/board/40820":    fmt.Sprintf(here, "Here"),
		"/stations":       `true`,
	} {
		stop := start(ohare)
		b.open(url + page)
		b.await(`document.body.className`, "live")
		b.eval(`window.mark = "not reloaded"`)
		color := b.eval(`getComputedStyle(document.querySelector("main")).color`)
		stop()
		b.await(looksLike, "lost: reconnecting")
		b.await(`getComputedStyle(document.querySelector("main")).color !== "`+color+`"`, "true") // it looks another
		stop = start(rosemont)
		b.await(looksLike, "live: live")
		b.await(moved, "true")
		if got := b.eval(`window.mark`); got != "not reloaded" {
			t.Errorf("%s was reloaded", page)
		}
		stop()
	}
	b.clean(g.addr(), "net::ERR_", "the server responded with a status of 503", "error occurred when fetching the script")
}

// Without scripts every page says what it has to say, and a station is found.
func TestPagesWithoutScripts(t *testing.T) {
	b := browse(t)
	srv, _ := rushHour(t)
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	reads := func(page string, wants ...string) {
		t.Helper()
		body := b.eval(`document.body.textContent`) // innerText leaves out what isn't in sight yet
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q:\n%.600s", page, want, body)
			}
		}
	}
	for page, wants := range map[string][]string{
		"/":                  {"Green Line towards", "Good service", "Merchandise Mart", "50 °F", "08:00:10"},
		"/lines/green":       {"Green Line towards", "Harlem/Lake", "Cottage Grove branch", "min"},
		"/stations/40380":    {"Clark/Lake", "towards Forest Park", "min", "entries"},
		"/trains/red0":       {"Train red0", "95th/Dan Ryan", "Jarvis", "min"},
		"/board/40380":       {"Clark/Lake", "Forest Park", "min"},
		"/stations":          {"Stations", "Wilson"},
		"/stations?q=nobody": {"Stations for “nobody”: 0"},
		"/trains/gone":       {"Not found", "There is no such"},
		"/no/such/page":      {"Not found", "There is no such"},
	} {
		b.open(srv.URL + page)
		reads(page, wants...)
	}
	b.open(srv.URL + "/lines/green")
	if err := chromedp.Do(b.ctx, chromedp.SendKeys("#q", "van b"+kb.Enter), chromedp.WaitVisible("#results")); err != nil {
		t.Fatal(err)
	}
	reads("the search", "LaSalle/Van Buren", "Harold Washington Library")
	b.clean(host(srv.URL), missed(srv.URL, "/trains/gone", "/no/such/page")...)
}
