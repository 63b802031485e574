//go:build linux || darwin

package ctaweb

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
)

// percentile is the value that a share of them isn't above.
func percentile(d []time.Duration, share float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[int(share*float64(len(d)-1))]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkLatency is the time from the broker's acknowledgement of an arrival to
// its event at a client of the stream, while as much happens as in a rush hour in
// real time: three arrivals a second, and 50 counts.
func BenchmarkLatency(b *testing.B) {
	sys := ctatest.Start(b)
	m := busyNow()
	ctx, stop := context.WithCancel(b.Context())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() {
		if err := Consume(ctx, sys.Kafka, sys.Registry, sys.Topics, m, ConsumeConfig{}); err != nil {
			b.Error(err)
		}
	})
	h, err := NewHandler(m, HandlerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Close()
	work.Go(func() {
		for n := int64(1); ctx.Err() == nil; n++ {
			time.Sleep(20 * time.Millisecond)
			m.ApplyCount(cta.TurnstileCount{StationID: ohare, Count: n}, time.Now())
		}
	})
	got := make(chan string, 100)
	work.Go(func() { heard(ctx, srv.URL, got) })
	send := func(id string) time.Time {
		sys.Arrive(time.Now(), ctatest.Arrival(m.Network().Station(ohare), "blue", id))
		return time.Now() // it was acknowledged
	}
	send("warm-up")
	hear(b, got, "warm-up")
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		time.Sleep(330 * time.Millisecond)
		id := fmt.Sprint("L", i)
		acknowledged := send(id)
		hear(b, got, id)
		took = append(took, time.Since(acknowledged))
	}
	b.ReportMetric(ms(percentile(took, 0.5)), "p50-ms")
	b.ReportMetric(ms(percentile(took, 0.99)), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// busyNow is a model of a rush hour that is now.
func busyNow() *Model {
	m := NewModel(cta.Chicago())
	now := time.Now()
	for _, l := range m.Network().Lines {
		for i, s := range l.Stations {
			if i%2 == 0 {
				m.ApplyArrival(cta.KeyAt(now), cta.Arrival{StationID: s.ID, TrainID: fmt.Sprint(l.ID, i), Direction: []cta.Direction{"a", "b"}[i/2%2], Line: l.ID, TrainStatus: cta.InService}, now)
			}
		}
	}
	return m
}

// heard sends the ids of trains that a stream tells of.
func heard(ctx context.Context, url string, got chan<- string) {
	req, err := http.NewRequestWithContext(ctx, "GET", url+"/events?line=blue", nil)
	if err != nil {
		return
	}
	r, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		for _, part := range strings.Split(lines.Text(), `{"id":"`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			select {
			case got <- id:
			case <-ctx.Done():
				return
			}
		}
	}
}

func hear(b *testing.B, got <-chan string, id string) {
	late := time.After(30 * time.Second)
	for {
		select {
		case g := <-got:
			if g == id {
				return
			}
		case <-late:
			b.Fatalf("nothing was heard of %s for 30 s", id)
		}
	}
}

// BenchmarkManyStreams is 10,000 clients of the stream on loopback, in this process
// too, while trains arrive as in real time: how long a change takes to each of them.
// CTALIVE_STREAMS changes their number.
func BenchmarkManyStreams(b *testing.B) {
	n := 10_000
	if v, err := strconv.Atoi(os.Getenv("CTALIVE_STREAMS")); err == nil {
		n = v
	}
	limit := syscall.Rlimit{}
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < uint64(2*n+100) {
		b.Skipf("%d files may be open, want %d for both ends (%v)", limit.Max, 2*n+100, err)
	}
	m := busyNow()
	h, err := NewHandler(m, HandlerConfig{MaxStreams: n})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Close()
	var clients sync.WaitGroup
	var sent atomic.Int64 // when, in ns
	var mark atomic.Value // what
	mark.Store("")
	seen := make(chan time.Duration, n)
	conns := make([]net.Conn, 0, n)
	for range n {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			b.Fatalf("after %d clients: %v", len(conns), err)
		}
		conns = append(conns, c)
		fmt.Fprintf(c, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
		clients.Go(func() { listen(c, &mark, &sent, seen) })
	}
	for deadline := time.Now().Add(time.Minute); h.metrics.open.Load() < int64(n); {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d streams are open after a minute", h.metrics.open.Load(), n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		time.Sleep(700 * time.Millisecond)
		id := fmt.Sprintf("mark-%d-", i)
		sent.Store(time.Now().UnixNano())
		mark.Store(id)
		arriveNow(m, id, ohare)
		for range n {
			select {
			case d := <-seen:
				took = append(took, d)
			case <-time.After(20 * time.Second):
				b.Fatalf("%d of %d clients heard of change %d", len(took)-i*n, n, i)
			}
		}
	}
	b.ReportMetric(ms(percentile(took, 0.5)), "p50-ms")
	b.ReportMetric(ms(percentile(took, 0.99)), "p99-ms")
	b.ReportMetric(rss(), "MB-both-ends")
	b.ReportMetric(0, "ns/op")
	for _, c := range conns {
		_ = c.Close()
	}
	clients.Wait()
}

// listen tells how long after sent each new mark came.
func listen(c net.Conn, mark *atomic.Value, sent *atomic.Int64, seen chan<- time.Duration) {
	var last string
	buf := make([]byte, 8<<10)
	var tail []byte
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		want := mark.Load().(string)
		tail = append(tail, buf[:n]...)
		if want != last && bytes.Contains(tail, []byte(want)) {
			last = want
			seen <- time.Duration(time.Now().UnixNano() - sent.Load())
		}
		tail = append(tail[:0], tail[max(0, len(tail)-40):]...)
	}
}

// rss is what this process takes of memory, in MB: by Linux, else by Go.
func rss() float64 {
	if data, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(data)); len(f) > 1 {
			if pages, err := strconv.Atoi(f[1]); err == nil {
				return float64(pages*os.Getpagesize()) / 1e6
			}
		}
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.Sys) / 1e6
}
