package ctaweb

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// patience is how long a browser may take for a whole test; it is used up by
// failures only.
const patience = 8 * time.Minute

// tab is a page in a real browser, with what went wrong in it.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	trouble  []string
	requests []string
	events   []string // data of the streams
	quiets   int      // events without news
}

// browse opens a tab of a headless Chromium. The tests that do take minutes, so they
// run where CTALIVE_BROWSER is 1, as in CI's slower lane.
func browse(t testing.TB) *tab {
	t.Helper()
	if os.Getenv("CTALIVE_BROWSER") != "1" {
		t.Skip("runs in a real browser, and for long: set CTALIVE_BROWSER=1")
	}
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Fatal("no chromium found: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatalf("browser: %v", err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && ctx.Err() == nil {
			t.Logf("browser: %v", err)
		}
	})
	return b
}

func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			b.trouble = append(b.trouble, fmt.Sprintf("console: %s", a.Value))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if o := e.ExceptionDetails.Exception; o != nil {
			text += " " + o.Description
		}
		b.trouble = append(b.trouble, "exception: "+text)
	case *cdplog.EventEntryAdded:
		b.trouble = append(b.trouble, fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
	case *network.EventEventSourceMessageReceived:
		if e.EventName == "quiet" {
			b.quiets++
			return
		}
		b.events = append(b.events, e.Data)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *tab) open(url string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("browser: open %s: %v", url, err)
	}
}

// eval is the text that a script's expression has in the page.
func (b *tab) eval(js string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+js+")"))
	if err != nil {
		b.t.Fatalf("browser: %s: %v", js, err)
	}
	return s
}

// await waits up to a minute until an expression has a value.
func (b *tab) await(js, want string) {
	b.t.Helper()
	var got string
	var err error
	for deadline := time.Now().Add(time.Minute); b.ctx.Err() == nil && time.Now().Before(deadline); {
		// While the page is loaded anew there is nothing to ask.
		got, err = chromedp.Run(b.ctx, chromedp.Evaluate[string]("String("+js+")"))
		if err == nil && got == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.t.Fatalf("browser: %s is %q, want %q (%v)", js, got, want, err)
}

// clean fails the test if the page complained, or asked another host for anything.
func (b *tab) clean(host string, expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.trouble {
		known := false
		for _, e := range expected {
			known = known || strings.Contains(s, e)
		}
		if !known {
			b.t.Errorf("the page complains: %s", s)
		}
	}
	for _, r := range b.requests {
		if u, err := url.Parse(r); err != nil || u.Host != host && u.Scheme != "data" && u.Scheme != "about" {
			b.t.Errorf("the page asks for %s", r)
		}
	}
}

func host(rawURL string) string {
	u, _ := url.Parse(rawURL)
	return u.Host
}

// What the page shows after updates is what the server renders, in every part.
func TestPageLives(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	of := func(line, train string, station int, d cta.Direction, status cta.TrainStatus, ago time.Duration) {
		at := time.Now().Add(-ago)
		m.ApplyArrival(cta.KeyAt(at), cta.Arrival{Line: line, TrainID: train, StationID: station, Direction: d, TrainStatus: status}, at)
	}
	of("blue", "B3", cumberland, "a", cta.TrainInService, 12*time.Minute) // not heard of since
	arriveNow(m, "B1", ohare)
	sky := ticking(t, m)
	h := newHandler(t, m, brisk())
	srv := serving(t, h, nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className`, "live")
	b.eval(`window.mark = "not reloaded"`)

	arriveNow(m, "B1", rosemont)
	arriveNow(m, "B2", ohare)
	of("red", "R1", jarvis, "b", cta.TrainBrokenDown, 0)
	of("red", "R2", howard, "a", cta.TrainOutOfService, 0)
	for _, n := range []int64{5000, 6234} {
		m.ApplyCount(tables.TurnstileCount{StationID: 40380, Count: n}, time.Now())
	}
	sky(cta.Weather{Temperature: 12.5, Status: cta.WeatherPrecipitation})

	b.await(`document.querySelector('[data-t=B1]').closest('li').dataset.s`, "40820")
	b.await(`document.querySelector('[data-t=B2]').title`, "Train B2 towards Forest Park, at O'Hare")
	b.await(`document.querySelector('[data-t=B3]').title`, "Train B3 towards Forest Park, due at Harlem (O'Hare); no report for longer than expected")
	b.await(`document.querySelector('#line-blue .dir.a b').textContent`, "3")
	b.await(`[...document.querySelectorAll('[data-s="40380"] .n b')].map(e => e.textContent).join()`, "1,234,1,234,1,234,1,234,1,234,1,234")
	b.await(`document.querySelector('#line-blue .total b').textContent`, "1,234")
	b.await(`document.querySelector('#alerts').textContent`, "Red Line: a train towards Howard has broken down at Jarvis")
	b.await(`document.querySelector('#temperature').textContent + document.querySelector('#sky').textContent + document.querySelector('#icon').getAttribute('href')`,
		"13 °FSnow#w-precipitation")
	b.await(`document.querySelector('#trains').textContent`, "4")
	b.await(`document.querySelector('[data-status=red] p a').outerHTML`, `<a href="stations/41190">Jarvis</a>`)
	b.eval(`document.querySelector("#map").scrollIntoView()`) // a map that isn't seen has no trains
	b.await(`document.querySelector('[data-m=R2]').getAttribute("class")`, "m out l0")

	// The agency's alerts come and go, and one that is unfolded stays so.
	strike := notice("strike", alert.SeveritySevere)
	strike.Description = []alert.Text{{Text: "Until noon."}}
	m.ApplyAlert(strike)
	b.await(`document.querySelector('#notices [data-key=strike] b').textContent`, "Header strike")
	b.eval(`document.querySelector('#notices details').open = true`)
	m.ApplyAlert(notice("note", alert.SeverityInfo))
	b.await(`[...document.querySelectorAll('#notices b')].map(e => e.textContent).join()`, "Header strike,Header note")
	b.await(`document.querySelector('#notices [data-key=strike] details').open`, "true")
	m.RemoveAlert("strike")
	b.await(`[...document.querySelectorAll('#notices b')].map(e => e.textContent).join()`, "Header note")

	// The words and places that the script chooses are those of the server.
	const trains = `[...doc.querySelectorAll('[data-t]')].map(e => [e.dataset.t, e.className, e.title, e.closest('li').dataset.s].join()).sort().join('\n')`
	const lanes = `[...doc.querySelectorAll('#lines li > a:is(.a, .b)')].map(e => [e.className, e.getAttribute("href"), e.ariaLabel].join()).join('\n')`
	const chart = `[...doc.querySelectorAll('[data-m]')].map(e => [e.dataset.m, e.getAttribute("class"), e.textContent].join()).sort().join('\n')`
	const marks = `[...doc.querySelectorAll('.line-strip')].map(e => [...e.children].map(i => i.className).join()).join('\n')`
	const says = `[...doc.querySelectorAll('[data-status]')].map(e => e.innerHTML).join('\n')`
	const counts = `[...doc.querySelectorAll('#lines .n')].map(e => e.textContent).join('\n')`
	const head = `['#temperature', '#sky', '#date', '#fresh', '#alerts', '#trains'].map(s => doc.querySelector(s).textContent).join()`
	b.eval(`fetch('./').then(r => r.text()).then(t => { window.rendered = new DOMParser().parseFromString(t, 'text/html') })`)
	b.await(`typeof window.rendered`, "object")
	for _, part := range []string{trains, lanes, chart, marks, says, counts, head} {
		page := b.eval(strings.ReplaceAll(part, "doc.", "document."))
		if rendered := b.eval(strings.ReplaceAll(part, "doc.", "window.rendered.")); page != rendered {
			t.Errorf("the page shows\n%s\nand the server would render\n%s", page, rendered)
		}
	}
	if got := b.eval(`window.mark`); got != "not reloaded" {
		t.Error("the page was reloaded")
	}
	if got := b.eval(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
		t.Error("the page is wider than its window")
	}
	b.clean(host(srv.URL))
}

// rushing is a model of the rush hour, of which tell tells some more; after the time
// given in all it is now.
func rushing(t *testing.T, all time.Duration) (m *Model, tell func(time.Duration)) {
	t.Helper()
	m = NewModel(cta.Chicago())
	m.SetReady()
	arrivals := rush(t)
	ahead := time.Until(arrivals[0].At.Add(all))
	return m, func(some time.Duration) {
		for from := arrivals[0].At; arrivals[0].At.Sub(from) <= some; arrivals = arrivals[1:] {
			e := arrivals[0]
			m.ApplyArrival(cta.KeyAt(e.At), e.Arrival, e.At.Add(-ahead))
		}
	}
}

// How good predictions are is told on a page that was opened before the first was
// put to the test, and goes on being told.
func TestPageTellsOfItsPredictions(t *testing.T) {
	b := browse(t)
	m, tell := rushing(t, 20*time.Minute)
	tell(time.Second)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className !== "lost"`, "true")
	b.eval(`document.querySelector("#scores summary").click()`)
	b.await(`document.querySelector("#score-table").textContent`, "No predictions have been checked yet.")
	const counts = `[...document.querySelectorAll("#score-table td:nth-child(2)")].map(e => e.textContent).join()`
	tell(10 * time.Minute)
	b.await(counts+` !== ""`, "true")
	b.eval(`window.counts = ` + counts)
	tell(10 * time.Minute)
	b.await(counts+` !== window.counts`, "true")
	row := b.eval(`document.querySelector("#score-table tbody tr").textContent`)
	if !regexp.MustCompile(`^0–3 min[\d,]+\d+ s \d+ s using distance only\d+ %\d+ % 30 s early to 90 s late$`).MatchString(row) {
		t.Errorf("the scores say %q", row)
	}
	b.clean(host(srv.URL))
}

func TestPageWithoutScripts(t *testing.T) {
	b := browse(t)
	srv := serving(t, newHandler(t, small(), HandlerConfig{}), nil)
	off := emulation.SetScriptExecutionDisabledParams{Value: true}
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, off); err != nil {
		t.Fatal(err)
	}
	b.open(srv.URL + "/")
	body := b.eval(`document.body.textContent`) // innerText leaves out what isn't in sight yet
	for _, want := range []string{"61 °F", "Blue Line", "O'Hare", "1,234,567", "broken down at Jarvis", "08:00:10"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%.600s", want, body)
		}
	}
	b.clean(host(srv.URL))
}
