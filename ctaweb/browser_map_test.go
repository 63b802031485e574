package ctaweb

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/gtfs"
)

// The map is enlarged by buttons, keys, the wheel and two fingers, names its stations then,
// tells a station's next trains, live, and is whole again at a button.
func TestMapByHand(t *testing.T) {
	b := browse(t)
	b.width(1280)
	m := NewModel(cta.Chicago())
	m.SetReady()
	ticking(t, m)
	arriveNow(m, "B1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.await(`document.body.className`, "live")
	b.eval(`document.querySelector("#map").scrollIntoView({ behavior: "instant" })`)
	const width = `Math.round(1000 * document.querySelector("#map").viewBox.baseVal.width / whole)`
	b.eval(`window.whole = document.querySelector("#map").viewBox.baseVal.width`)

	if _, err := chromedp.Call(b.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	// By keys alone: from the first button on.
	b.eval(`document.querySelector("#tools button").focus()`)
	b.await(`document.querySelector("#tools [value=whole]").disabled`, "true") // the script is there
	b.press(kb.Enter)
	b.await(width, "625")
	b.await(`document.querySelectorAll("#map > .names.near text").length > 10`, "true")
	left := b.eval(`document.querySelector("#map").viewBox.baseVal.x`)
	b.press(kb.ArrowLeft)
	b.await(`document.querySelector("#map").viewBox.baseVal.x < `+left, "true")
	b.press("0")
	b.await(width, "1000")
	b.await(`document.querySelectorAll("#map > .names.near").length`, "0")

	// The dense part, by its button and by a click on it.
	for _, sel := range []string{"#tools [value=centre]", "#map .inset use"} {
		b.eval(`document.querySelector("` + sel + `").dispatchEvent(new MouseEvent("click", { bubbles: true }))`)
		b.await(width+` < 300`, "true")
		b.await(`[...document.querySelectorAll("#map > .names.near text")].some((t) => t.textContent === "Clark/Lake")`, "true")
		b.eval(`document.querySelector("#tools [value=whole]").click()`)
		b.await(width, "1000")
	}

	// The wheel scrolls the page over a whole map, and enlarges with Ctrl.
	const wheel = `document.querySelector("#map").dispatchEvent(new WheelEvent("wheel", { deltaY: -100, ctrlKey: %v, clientX: 400, clientY: 400, bubbles: true, cancelable: true }))`
	b.eval(fmt.Sprintf(wheel, false))
	if got := b.eval(width); got != "1000" {
		t.Errorf("the wheel alone makes the map %s wide", got)
	}
	b.eval(fmt.Sprintf(wheel, true))
	b.await(width, "368")
	b.eval(`document.querySelector("#tools [value=whole]").click()`)

	// Two fingers that part from one another.
	touch := func(kind input.DispatchTouchEventType, apart float64) {
		var points []*input.TouchPoint
		for i, x := range []float64{400 - apart, 400 + apart} {
			if id := float64(i + 1); apart > 0 {
				points = append(points, &input.TouchPoint{X: x, Y: 400, ID: &id})
			}
		}
		if _, err := chromedp.Call(b.ctx, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points}); err != nil {
			t.Fatal(err)
		}
	}
	touch(input.DispatchTouchEventTypeTouchStart, 40)
	for apart := 50.0; apart <= 80; apart += 10 {
		touch(input.DispatchTouchEventTypeTouchMove, apart)
	}
	touch(input.DispatchTouchEventTypeTouchEnd, 0)
	b.await(width+` < 600 && `+width+` > 400`, "true")

	// A station's next trains, which change with its trains, and lead to its page.
	b.eval(`document.querySelector("#tools [value=whole]").click()`)
	const ofRosemont = `(() => { const r = document.querySelector("#map a[href='stations/40820']").getBoundingClientRect(); return r.%s })()`
	at := func(side string) float64 {
		n, err := strconv.ParseFloat(b.eval(fmt.Sprintf(ofRosemont, side)), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := chromedp.Do(b.ctx, chromedp.MouseClickXY(at("x")+at("width")/2, at("y")+at("height")/2)); err != nil {
		t.Fatal(err)
	}
	b.await(`document.querySelector("#stop h3 a")?.getAttribute("href")`, "stations/40820")
	b.await(`/Forest Park/.test(document.querySelector("#stop").textContent)`, "true")
	b.eval(`window.said = document.querySelector("#stop").textContent`)
	arriveNow(m, "B1", rosemont)
	arriveNow(m, "B2", ohare)
	b.await(`document.querySelector("#stop").textContent !== window.said`, "true")
	if got := b.eval(`location.pathname`); got != "/" {
		t.Errorf("the page is now %s", got)
	}
	b.eval(`document.querySelector("#stop-close").focus()`)
	b.press(kb.Escape)
	b.await(`document.querySelector("#stop").hidden`, "true")
	b.clean(host(srv.URL))
}

// The names in the inset of real networks of buses are whole.
func TestNamesOfTheInsetFit(t *testing.T) {
	folder := os.Getenv("CTALIVE_GTFS_SAMPLES")
	if folder == "" {
		t.Skip("needs feeds with many names: set CTALIVE_GTFS_SAMPLES")
	}
	b := browse(t)
	b.width(1920)
	for _, feed := range []string{"gtfs/salem.zip", "oba-maglev/raba.zip"} {
		net, _, err := gtfs.Load(filepath.Join(folder, feed), gtfs.Options{})
		if err != nil {
			t.Fatal(err)
		}
		srv := serving(t, newHandler(t, modelOf(net, eight), HandlerConfig{}), nil)
		b.open(srv.URL + "/")
		b.await(`document.querySelectorAll(".inset .near text").length > 0`, "true")
		if cut := b.eval(`(i => [...document.querySelectorAll(".inset .near text")].filter(e => { const r = e.getBoundingClientRect(); return r.left < i.left || r.right > i.right; }).map(e => e.textContent).join("; "))(document.querySelector(".inset > rect").getBoundingClientRect())`); cut != "" {
			t.Errorf("%s: cut off are %s", feed, cut)
		}
	}
}

// Trains at one place that run both ways are drawn on two sides.
func TestMapTellsDirectionsApart(t *testing.T) {
	b := browse(t)
	b.width(1280)
	m := NewModel(cta.Chicago())
	m.SetReady()
	for id, d := range map[string]cta.Direction{"A1": cta.DirectionA, "Z1": cta.DirectionB} {
		now := time.Now()
		m.ApplyArrival(cta.KeyAt(now), cta.Arrival{Line: "blue", TrainID: id, StationID: cumberland, Direction: d, TrainStatus: cta.TrainInService}, now)
	}
	srv := serving(t, newHandler(t, m, brisk()), nil)
	b.open(srv.URL + "/")
	b.eval(`document.querySelector("#map").scrollIntoView({ behavior: "instant" })`)
	at := func(id, side string) float64 {
		x, err := strconv.ParseFloat(b.eval(`(() => { const r = document.querySelector("[data-m=`+id+`] path").getBoundingClientRect(); return r.`+side+` })()`), 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	middle := func(id string) (x, y float64) {
		return at(id, "x") + at(id, "width")/2, at(id, "y") + at(id, "height")/2
	}
	ax, ay := middle("A1")
	zx, zy := middle("Z1")
	if (ax-zx)*(ax-zx)+(ay-zy)*(ay-zy) < 25 {
		t.Errorf("the trains are at %.1f %.1f and at %.1f %.1f", ax, ay, zx, zy)
	}
}
