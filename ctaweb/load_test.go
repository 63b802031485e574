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
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// BenchmarkManyStreams is 10,000 clients of the stream on loopback, in a process of
// their own on this machine, while trains arrive as in real time: how long a change
// takes to each of them, and what the server takes of memory. CTALIVE_STREAMS
// changes their number.
func BenchmarkManyStreams(b *testing.B) {
	n := 10_000
	if v, err := strconv.Atoi(os.Getenv("CTALIVE_STREAMS")); err == nil {
		n = v
	}
	openFiles(b, n)
	m := busyNow()
	h, err := NewHandler(m, HandlerConfig{MaxStreams: n})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Close()
	clients := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestStreamClients$")
	clients.Env = append(os.Environ(), "CTALIVE_STREAMS="+strconv.Itoa(n), "CTALIVE_STREAMS_OF="+srv.Listener.Addr().String())
	clients.Stderr = os.Stderr
	out, err := clients.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = clients.Wait() }()
	defer func() { _ = clients.Process.Kill() }()
	told := bufio.NewScanner(out)
	for deadline := time.Now().Add(time.Minute); h.metrics.open.Load() < int64(n); {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d streams are open after a minute", h.metrics.open.Load(), n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	var p50, p99 time.Duration
	for b.Loop() {
		time.Sleep(700 * time.Millisecond)
		arriveNow(m, fmt.Sprintf("mark-%d", time.Now().UnixNano()), ohare)
		var half, most time.Duration
		for told.Scan() {
			if _, err := fmt.Sscanf(told.Text(), "all %d %d", &half, &most); err == nil {
				break
			}
		}
		if most == 0 {
			b.Fatalf("the clients ended: %v", told.Err())
		}
		p50, p99 = max(p50, half), max(p99, most)
	}
	b.ReportMetric(ms(p50), "worst-p50-ms") // of the changes
	b.ReportMetric(ms(p99), "worst-p99-ms")
	b.ReportMetric(rss(), "server-MB")
	b.ReportMetric(0, "ns/op")
}

// openFiles lets n connections be open, or skips.
func openFiles(tb testing.TB, n int) {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	want := uint64(n + 200)
	if err == nil && limit.Cur < want {
		limit.Cur, limit.Max = want, max(limit.Max, want)
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		tb.Skipf("%d open files are wanted: %v", want, err)
	}
}

// TestStreamClients are the clients of BenchmarkManyStreams, which runs it: for
// every change it prints how long it took to half of them, and to 99 in 100.
func TestStreamClients(t *testing.T) {
	addr := os.Getenv("CTALIVE_STREAMS_OF")
	n, err := strconv.Atoi(os.Getenv("CTALIVE_STREAMS"))
	if addr == "" || err != nil {
		t.Skip("BenchmarkManyStreams runs this")
	}
	openFiles(t, n)
	seen := make(chan time.Duration, n)
	for range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
		go listen(c, seen)
	}
	took := make([]time.Duration, 0, n)
	for d := range seen {
		if took = append(took, d); len(took) == n {
			fmt.Printf("all %d %d\n", percentile(took, 0.5), percentile(took, 0.99))
			took = took[:0]
		}
	}
}

// listen tells how long after its making each new mark came.
func listen(c net.Conn, seen chan<- time.Duration) {
	const prefix = `"id":"mark-`
	var last int64
	buf := make([]byte, 4<<10)
	kept := 0 // of the bytes before, in which a mark may have begun
	for {
		n, err := c.Read(buf[kept:])
		if err != nil {
			return
		}
		text := buf[:kept+n]
		for rest := text; ; {
			i := bytes.Index(rest, []byte(prefix))
			if i < 0 || len(rest) < i+len(prefix)+19 {
				break
			}
			rest = rest[i+len(prefix):]
			if at, err := strconv.ParseInt(string(rest[:19]), 10, 64); err == nil && at > last {
				last = at
				seen <- time.Duration(time.Now().UnixNano() - at)
			}
		}
		kept = copy(buf, text[max(0, len(text)-40):])
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
