package ctaweb

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// Pictures of all pages, for somebody to look at: it writes them to the directory
// that CTALIVE_SCREENSHOTS names, and is skipped without one.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("CTALIVE_SCREENSHOTS")
	if dir == "" {
		t.Skip("CTALIVE_SCREENSHOTS isn't set: give the directory to write them to")
	}
	b := browse(t)
	m, tell := rushing(t, 25*time.Minute)
	tell(25 * time.Minute)
	now := eight.Add(-20 * time.Minute)
	m.ApplyWeather(cta.KeyAt(now), cta.Weather{Temperature: 41.3, Status: cta.WeatherPartlyCloudy}, time.Now())
	for i, s := range m.Network().Stations {
		m.ApplyCount(tables.TurnstileCount{StationID: s.ID, Count: int64(40 + i*i%977)}, time.Now())
	}
	broken := cta.Arrival{Line: "red", TrainID: "R900", StationID: jarvis, Direction: "b", TrainStatus: cta.TrainBrokenDown}
	m.ApplyArrival(cta.KeyAt(now), broken, time.Now())
	announce(m)
	wall := time.Now()
	h := newHandler(t, m, HandlerConfig{Now: func() time.Time { return wall }})
	srv := serving(t, h, nil)
	train := h.pub.snapshot().status.Lines[1].Trains[3].ID
	for name, page := range map[string]string{
		"system": "/", "line": "/lines/green", "red": "/lines/red", "station": "/stations/40380", "train": "/trains/" + train, "board": "/board/40380",
		"search": "/stations?q=lake", "stations": "/stations", "missing": "/no/such/page", "spanish": "/lines/purple?lang=es",
	} {
		for _, scheme := range []string{"light", "dark"} {
			b.colors(scheme)
			for width, height := range map[int64]int64{360: 740, 768: 1024, 1280: 800, 1920: 1080} {
				size := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}
				if _, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, size); err != nil {
					t.Fatal(err)
				}
				b.forget()
				b.open(srv.URL + page)
				b.await(`document.body.className`, "live")
				picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(dir, strings.Join([]string{name, strconv.FormatInt(width, 10), scheme}, "-")+".png")
				if err := os.WriteFile(file, picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	b.clean(host(srv.URL), missed(srv.URL, "/no/such/page")...)
}

// Pages whose head is another, without a search, a clock, weather or word of how new
// they are, live all the same, under a prefix.
func TestPagesOfAnotherLook(t *testing.T) {
	b := browse(t)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	head := regexp.MustCompile(`(?s)<header>.*</header>`).ReplaceAllString(source{}.read("base.html"), `<header><b>Ours</b></header>`)
	system := regexp.MustCompile(`(?s)<ul id="alerts".*?</ul>|<p class="sum">.*?</p>|<figure.*?</figure>|<span class="line-strip".*?</span>|<details class="scores".*?</details>|<span class="n">.*?</span></span>`).
		ReplaceAllString(source{}.read("page.html"), "")
	cfg := brisk()
	cfg.Files = fstest.MapFS{"base.html": {Data: []byte(head)}, "page.html": {Data: []byte(system)}}
	h := newHandler(t, m, cfg)
	mux := http.NewServeMux()
	mux.Handle("/live/", http.StripPrefix("/live", h))
	srv := serving(t, h, mux)
	for page, moved := range map[string]string{
		"/":           `document.querySelector("[data-t=B1]").closest("li").dataset.s !== "40890"`,
		"/lines/blue": `document.querySelector("[data-t=B1]").closest("li").dataset.s !== "40890"`,
		"/trains/B1":  `/Rosemont|Cumberland/.test(document.querySelector("#where").textContent)`,
	} {
		arriveNow(m, "B1", ohare)
		b.open(srv.URL + "/live" + page)
		b.await(`document.body.className + document.querySelectorAll("#q, #clock, #weather, #fresh").length`, "live0")
		arriveNow(m, "B1", rosemont)
		b.await(moved, "true")
	}
	b.clean(host(srv.URL))
}

// A touch beside a station of the map, which is small on a phone, tells its next trains.
func TestMapIsTouched(t *testing.T) {
	b := browse(t)
	b.width(360)
	srv := serving(t, newHandler(t, small(), HandlerConfig{}), nil)
	b.open(srv.URL + "/")
	b.eval(`document.querySelector("#map").scrollIntoView({ behavior: "instant", block: "center" })`)
	const ofLinden = `(() => { const r = document.querySelector("#map a[href='stations/41050']").getBoundingClientRect(); return %s })()`
	var x, y float64
	for side, at := range map[string]*float64{"r.x + r.width / 2 - 12": &x, "r.y + r.height / 2 - 6": &y} {
		var err error
		if *at, err = strconv.ParseFloat(b.eval(strings.Replace(ofLinden, "%s", side, 1)), 64); err != nil {
			t.Fatal(err)
		}
	}
	if err := chromedp.Do(b.ctx, chromedp.MouseClickXY(x, y)); err != nil {
		t.Fatal(err)
	}
	b.await(`document.querySelector("#stop h3").textContent`, "Linden")
	b.clean(host(srv.URL))
}
