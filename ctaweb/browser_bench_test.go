package ctaweb

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// What the system's page costs a browser in a rush hour, in percent of a core: the page's
// own thread by its metrics, and all processes of the browser by the system's. The map is
// in sight, and isn't.
func BenchmarkPageInABrowser(b *testing.B) {
	for _, speed := range []float64{1, 20} {
		for _, sight := range []string{"#map", "#end"} {
			b.Run(fmt.Sprintf("speed=%g/sight=%s", speed, sight), func(b *testing.B) {
				tab := browse(b)
				m := NewModel(cta.Chicago())
				m.SetReady()
				hurry(b, m, speed)
				tab.open(serving(b, newHandler(b, m, HandlerConfig{Now: time.Now}), nil).URL + "/")
				tab.await(`document.body.className`, "live")
				tab.eval(`document.querySelector("` + sight + `").scrollIntoView({ behavior: "instant" })`)
				if _, err := chromedp.Call(tab.ctx, performance.Enable, performance.EnableParams{}); err != nil {
					b.Fatal(err)
				}
				if _, err := chromedp.Call(tab.ctx, network.Disable, cdp.Empty{}); err != nil { // telling this test of events costs, too
					b.Fatal(err)
				}
				time.Sleep(3 * time.Second) // what is done once is done
				own, all := tab.cost()
				began := time.Now()
				for b.Loop() {
					time.Sleep(time.Second)
				}
				took := time.Since(began).Seconds()
				ownThen, allThen := tab.cost()
				b.ReportMetric(100*(ownThen-own)/took, "page-%")
				b.ReportMetric(100*(allThen-all)/took, "browser-%")
			})
		}
	}
}

// cost is the CPU time, in seconds, of the page's own thread and of the whole browser.
func (b *tab) cost() (own, all float64) {
	b.t.Helper()
	metrics, err := chromedp.Call(b.ctx, performance.GetMetrics, cdp.Empty{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, m := range metrics.Metrics {
		if m.Name == "TaskDuration" {
			own = m.Value
		}
	}
	processes, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, cdp.Empty{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range processes.ProcessInfo {
		all += p.CPUTime
	}
	return own, all
}

// hurry tells a model of the rush hour as it happens, at a speed, and of an entry a second,
// until the test ends.
func hurry(t testing.TB, m *Model, speed float64) {
	t.Helper()
	arrivals := rush(t)
	began, now := arrivals[0].At.Add(30*time.Minute), time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	tell := func() {
		a := arrivals[0]
		arrivals = arrivals[1:]
		m.ApplyArrival(cta.KeyAt(a.At), a.Arrival, now.Add(time.Duration(float64(a.At.Sub(began))/speed)))
	}
	for arrivals[0].At.Before(began) {
		tell()
	}
	var told sync.WaitGroup
	told.Go(func() {
		for len(arrivals) > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(now.Add(time.Duration(float64(arrivals[0].At.Sub(began)) / speed)))):
				tell()
			}
		}
	})
	told.Go(func() {
		stations := m.Network().Stations
		for i := int64(0); ctx.Err() == nil; i++ {
			m.ApplyCount(tables.TurnstileCount{StationID: stations[i%int64(len(stations))].ID, Count: 1000 + i}, time.Now())
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(float64(time.Second) / speed)):
			}
		}
	})
	t.Cleanup(func() { cancel(); told.Wait() })
}
