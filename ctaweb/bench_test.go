package ctaweb

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// busy returns a model with a train at every second station, both ways: about as
// many as run in a rush hour.
func busy() *Model {
	net := cta.Chicago()
	m := NewModel(net)
	event, wall := clockAt("08:00:00")
	for _, l := range net.Lines {
		for i, s := range l.Stations {
			d := []cta.Direction{"a", "b"}[i/2%2]
			if i%2 == 0 {
				m.ApplyArrival(cta.KeyAt(event), cta.Arrival{StationID: s.ID, TrainID: fmt.Sprint(l.ID, i), Direction: d, Line: l.ID, TrainStatus: cta.TrainInService}, wall)
			}
			m.ApplyCount(tables.TurnstileCount{StationID: s.ID, Count: int64(s.ID)}, wall)
		}
	}
	m.SetReady()
	return m
}

func BenchmarkApplyArrival(b *testing.B) {
	m := busy()
	event, wall := clockAt("08:00:00")
	a := cta.Arrival{StationID: ohare, Direction: "a", Line: "blue", TrainStatus: cta.TrainInService, TrainID: "7"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d := time.Duration(i) * time.Millisecond
		m.ApplyArrival(cta.KeyAt(event.Add(20*d)), a, wall.Add(d))
	}
}

// A judgement of 145 stations, each with as many records as are remembered.
func BenchmarkClock(b *testing.B) {
	var c clock
	for i := range int64(145 * remembered) {
		c.hear(int(i%145), said{event: i * 400, wall: i * 400, got: i*400 + 5})
	}
	b.ReportAllocs()
	for i := int64(145 * remembered); b.Loop(); i++ {
		c.hear(int(i%145), said{event: i * 400, wall: i * 400, got: i*400 + 5})
		c.judge(i*400+5, true)
	}
}

func BenchmarkStatus(b *testing.B) {
	m := busy()
	_, wall := clockAt("08:00:10")
	b.ReportAllocs()
	for b.Loop() {
		m.Status(wall)
	}
}

func BenchmarkStatusJSON(b *testing.B) {
	m := busy()
	_, wall := clockAt("08:00:10")
	st := m.Status(wall)
	b.ReportAllocs()
	for b.Loop() {
		data, err := json.Marshal(st)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
	}
}

func BenchmarkPage(b *testing.B) {
	h := newHandler(b, busy(), HandlerConfig{})
	s := h.pub.snapshot()
	b.ReportAllocs()
	for b.Loop() {
		data, err := h.execute(english(), "page.html", h.systemPage(s, english()))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
	}
}

// BenchmarkPageServed is the page to many readers, rendered once an interval.
func BenchmarkPageServed(b *testing.B) {
	h := newHandler(b, busy(), HandlerConfig{})
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// BenchmarkFanOut is one change told to N streams over loopback: the time until
// the last of them has it.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := NewModel(cta.Chicago())
			cfg := brisk()
			h := newHandler(b, m, cfg)
			srv := httptest.NewServer(h)
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}}
			got := make(chan string, n)
			var open []io.Closer
			var reading sync.WaitGroup
			for range n {
				r, err := client.Get(srv.URL + "/events")
				if err != nil {
					b.Fatal(err)
				}
				open = append(open, r.Body)
				reading.Go(func() {
					lines := bufio.NewScanner(r.Body)
					for lines.Scan() {
						if _, after, ok := strings.Cut(lines.Text(), `"trains":[{"id":"`); ok {
							id, _, _ := strings.Cut(after, `"`)
							got <- id
						}
					}
				})
			}
			for i := 0; b.Loop(); i++ {
				time.Sleep(cfg.Interval) // a change after a pause, which goes out at once
				id := fmt.Sprint("bench", i)
				begin := time.Now()
				arriveNow(m, id, ohare)
				for seen := 0; seen < n; {
					if strings.HasPrefix(<-got, "bench") {
						seen++
					}
				}
				b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "last-ms")
			}
			b.StopTimer()
			for _, c := range open {
				_ = c.Close()
			}
			reading.Wait()
			srv.Close()
		})
	}
}

// BenchmarkStation is what a station's page asks for again: rendered, once a
// snapshot, and to each of many readers.
func BenchmarkStation(b *testing.B) {
	h := newHandler(b, busy(), HandlerConfig{})
	r := httptest.NewRequest("GET", "/stations/40380?part", nil)
	r.SetPathValue("id", "40380")
	r.Header.Set("Accept-Encoding", "gzip")
	b.Run("rendered", func(b *testing.B) {
		s := h.pub.snapshot()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.execute(english(), "station.html", h.stationPage(s, english(), "station", r)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("served", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}
