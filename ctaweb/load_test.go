//go:build linux || darwin

package ctaweb

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
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
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
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
// real time: three arrivals a second, and 50 counts. It times 300 arrivals, whatever
// -benchtime says:
//
//	go test -run '^$' -bench Latency ./ctaweb
func BenchmarkLatency(b *testing.B) {
	const arrivals = 300
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
			m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: n}, time.Now())
		}
	})
	got := make(chan heardOf, 100)
	work.Go(func() { heard(ctx, srv.URL, got) })
	station := m.Network().Station(ohare)
	sys.Arrive(time.Now(), ctatest.Arrival(station, "blue", "warm-up")) // makes topic and schemas
	hear(b, got, "warm-up")
	var formats consumer
	if err := formats.formats(sys.Registry); err != nil {
		b.Fatal(err)
	}
	producer, err := sys.Kafka.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = producer.Close() }()
	var took []time.Duration
	for b.Loop() {
		for i := range arrivals {
			time.Sleep(330 * time.Millisecond)
			id := fmt.Sprintf("L%d-%d", b.N, i)
			rec, err := formats.arrivals.Record(ctx, sys.Topics.Arrivals(station), cta.KeyAt(time.Now()), ctatest.Arrival(station, "blue", id))
			if err != nil {
				b.Fatal(err)
			}
			acknowledged := make(chan time.Time, 1)
			if err := producer.Send(ctx, rec, func(err error) {
				if err != nil {
					b.Error(err)
				}
				acknowledged <- time.Now()
			}); err != nil {
				b.Fatal(err)
			}
			at := hear(b, got, id)
			took = append(took, max(0, at.Sub(<-acknowledged))) // it may be heard of before
		}
	}
	b.ReportMetric(ms(percentile(took, 0.5)), "p50-ms")
	b.ReportMetric(ms(percentile(took, 0.99)), "p99-ms")
	b.ReportMetric(ms(percentile(took, 1)), "worst-ms")
	b.ReportMetric(0, "ns/op")
}

// busyNow is a model of a rush hour that is now.
func busyNow() *Model {
	m := NewModel(cta.Chicago())
	now := time.Now()
	for _, l := range m.Network().Lines {
		for i, s := range l.Stations {
			if i%2 == 0 {
				m.ApplyArrival(cta.KeyAt(now), cta.Arrival{StationID: s.ID, TrainID: fmt.Sprint(l.ID, i), Direction: []cta.Direction{"a", "b"}[i/2%2], Line: l.ID, TrainStatus: cta.TrainInService}, now)
			}
		}
	}
	return m
}

// heardOf is a train that a stream told of, and when.
type heardOf struct {
	id string
	at time.Time
}

// heard sends the trains that a stream tells of.
func heard(ctx context.Context, url string, got chan<- heardOf) {
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
		at := time.Now()
		for _, part := range strings.Split(lines.Text(), `{"id":"`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			select {
			case got <- heardOf{id, at}:
			case <-ctx.Done():
				return
			}
		}
	}
}

func hear(b *testing.B, got <-chan heardOf, id string) time.Time {
	b.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case g := <-got:
			if g.id == id {
				return g.at
			}
		case <-late:
			b.Fatalf("nothing was heard of %s for 30 s", id)
		}
	}
}

// BenchmarkManyStreams has clients of the stream on loopback, in a process of their own
// on this machine, during 20 seconds of a rush hour in real time, with three arrivals and
// 50 counts a second: 10,000 that want all, and 2,600 of one address, each narrowed to
// another line, station and language. It reports what the server took of memory at most,
// also for each stream, and of the first how long each change took to each client, and
// which were missed. Of the counts those of one station are timed, which changes now and
// then: others are told together.
//
//	go test -run '^$' -bench ManyStreams -benchtime 1x ./ctaweb
func BenchmarkManyStreams(b *testing.B) {
	for _, bb := range []struct {
		name  string
		n     int
		paths []string
	}{{"alike", 10_000, []string{"/events"}}, {"narrowed", 2600, narrowedStreams()}} {
		b.Run(bb.name, func(b *testing.B) {
			openFiles(b, bb.n)
			for b.Loop() {
				manyStreams(b, bb.n, bb.paths, 20*time.Second)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// narrowedStreams are the paths of all filters of the 'L'.
func narrowedStreams() (paths []string) {
	net := cta.Chicago()
	for _, lang := range []string{"en", "es"} {
		for _, s := range append([]*cta.Station{{}}, net.Stations...) {
			for _, l := range append([]*cta.Line{{}}, net.Lines...) {
				q := url.Values{"lang": {lang}}
				if s.ID != 0 {
					q.Set("station", strconv.Itoa(s.ID))
				}
				if l.ID != "" {
					q.Set("line", l.ID)
				}
				paths = append(paths, "/events?"+q.Encode())
			}
		}
	}
	return paths
}

func manyStreams(b *testing.B, n int, paths []string, lasts time.Duration) {
	m := busyNow()
	h, err := NewHandler(m, HandlerConfig{MaxStreams: n, MaxClientStreams: n})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(h)
	defer srv.Close()
	defer h.Close()
	ctx, cancel := context.WithTimeout(b.Context(), 3*time.Minute)
	defer cancel()
	m.ApplyCount(tables.TurnstileCount{StationID: jarvis}, time.Now()) // what follows is of today
	h.pub.snapshot()
	forgetPeak()
	before := peak()
	clients := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestStreamClients$")
	clients.Env = append(os.Environ(), "CTALIVE_STREAMS="+strconv.Itoa(n), "CTALIVE_STREAMS_OF="+srv.Listener.Addr().String())
	clients.Stdin = strings.NewReader(strings.Join(paths, "\n"))
	clients.Stderr = os.Stderr
	out, err := clients.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = clients.Wait() }()
	defer cancel()
	for deadline := time.Now().Add(time.Minute); h.metrics.open.Load() < int64(n); {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d streams are open after a minute", h.metrics.open.Load(), n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2 * time.Second) // until each has its snapshot
	var changes int64
	stations := m.Network().Stations
	begin := time.Now()
	for i := 1; time.Since(begin) < lasts; i++ {
		time.Sleep(20 * time.Millisecond)
		now := time.Now()
		switch {
		case i%16 == 0: // three arrivals a second
			arriveNow(m, fmt.Sprintf("mark-%d", now.UnixNano()), ohare)
			changes++
		case i%80 == 7:
			m.ApplyCount(tables.TurnstileCount{StationID: jarvis, Count: now.UnixNano()}, now)
			changes++
		default:
			if s := stations[i%len(stations)]; s.ID != jarvis {
				m.ApplyCount(tables.TurnstileCount{StationID: s.ID, Count: int64(i)}, now)
			}
		}
	}
	time.Sleep(3 * time.Second) // for what comes late
	open := h.metrics.open.Load()
	took := peak()
	h.Close() // the clients tell then what they saw
	var seen int64
	var half, most, worst time.Duration
	for told := bufio.NewScanner(out); told.Scan(); {
		if _, err := fmt.Sscanf(told.Text(), "all %d %d %d %d", &seen, &half, &most, &worst); err == nil {
			break
		}
	}
	b.ReportMetric(took, "server-peak-MB")
	b.ReportMetric(1000*(took-before)/float64(n), "kB/stream")
	if want := changes * int64(n); seen == 0 || open < int64(n) || len(paths) == 1 && seen < want {
		b.Errorf("%d of %d clients are still there, and saw %d of %d changes", open, n, seen, want)
	}
	b.ReportMetric(float64(seen), "deliveries")
	b.ReportMetric(ms(half), "p50-ms")
	b.ReportMetric(ms(most), "p99-ms")
	b.ReportMetric(ms(worst), "worst-ms")
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

// TestStreamClients are the clients of BenchmarkManyStreams, which runs it: when the
// server has ended their streams, it prints how many changes they saw, and how long
// those took: to half of them, to 99 in 100, and at worst.
func TestStreamClients(t *testing.T) {
	addr := os.Getenv("CTALIVE_STREAMS_OF")
	n, err := strconv.Atoi(os.Getenv("CTALIVE_STREAMS"))
	if addr == "" || err != nil {
		t.Skip("BenchmarkManyStreams runs this")
	}
	openFiles(t, n)
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.Fields(string(text))
	var took [10_000]atomic.Int64 // by milliseconds
	var listening sync.WaitGroup
	for i := range n {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", paths[i%len(paths)])
		listening.Go(func() {
			defer c.Close()
			listen(c, func(d time.Duration) {
				took[min(max(0, int(d/time.Millisecond)), len(took)-1)].Add(1)
			})
		})
	}
	listening.Wait()
	var all int64
	for i := range took {
		all += took[i].Load()
	}
	share := func(of float64) time.Duration { // rounded up to the next millisecond
		var n int64
		for i := range took {
			if n += took[i].Load(); n > 0 && float64(n) >= of*float64(all) {
				return time.Duration(i+1) * time.Millisecond
			}
		}
		return 0
	}
	fmt.Printf("all %d %d %d %d\n", all, share(0.5), share(0.99), share(1))
}

// listen tells of each new mark how long after its making it came.
func listen(c net.Conn, seen func(time.Duration)) {
	marks := []string{`"id":"mark-`, `"41190":`} // a train, a count
	last := make([]int64, len(marks))
	buf := make([]byte, 4<<10)
	kept := 0 // of the bytes before, in which a mark may have begun
	for {
		n, err := c.Read(buf[kept:])
		if err != nil {
			return
		}
		text := buf[:kept+n]
		for i, mark := range marks {
			for rest := text; ; {
				j := bytes.Index(rest, []byte(mark))
				if j < 0 || len(rest) < j+len(mark)+19 {
					break
				}
				rest = rest[j+len(mark):]
				if at, err := strconv.ParseInt(string(rest[:19]), 10, 64); err == nil && at > last[i] {
					last[i] = at
					seen(time.Duration(time.Now().UnixNano() - at))
				}
			}
		}
		kept = copy(buf, text[max(0, len(text)-40):])
	}
}

// forgetPeak lets peak begin anew, on Linux.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peak is what this process took of memory at most, in MB: by Linux, else by Go what
// it has now.
func peak() float64 {
	data, err := os.ReadFile("/proc/self/status")
	if _, after, ok := strings.Cut(string(data), "VmHWM:"); err == nil && ok {
		if kB, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
			return float64(kB) * 1024 / 1e6
		}
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.Sys) / 1e6
}
