package ctaweb

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// serving is a server of h, or of root if it isn't nil, until the test ends.
func serving(t testing.TB, h *Handler, root http.Handler, change ...func(*http.Server)) *httptest.Server {
	t.Helper()
	if root == nil {
		root = h
	}
	srv := httptest.NewUnstartedServer(root)
	for _, f := range change {
		f(srv.Config)
	}
	srv.Start()
	t.Cleanup(func() {
		h.Close() // else its streams hold the server up
		srv.Close()
	})
	return srv
}

// served is one event of a stream.
type served struct {
	name, id string
	update   update
}

// follow opens a stream. next returns its next event, or fails the test.
func follow(t *testing.T, url, last string) (next func() served, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	r, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream answers %d, %s", r.StatusCode, r.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	return func() served {
		t.Helper()
		var s served
		for lines.Scan() {
			line := lines.Text()
			field, value, _ := strings.Cut(line, ": ")
			switch field {
			case "event":
				s.name = value
			case "id":
				s.id = value
			case "data":
				if err := json.Unmarshal([]byte(value), &s.update); err != nil {
					t.Fatal(err)
				}
			case "":
				if line == "" && s.name != "" {
					return s
				}
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return s
	}, cancel
}

// until returns the first event that is as wanted.
func until(t *testing.T, next func() served, ok func(served) bool) served {
	t.Helper()
	for range 200 {
		if s := next(); ok(s) {
			return s
		}
	}
	t.Fatal("200 events without the one that was wanted")
	return served{}
}

func hasTrain(id string, station int) func(served) bool {
	return func(s served) bool {
		for _, t := range s.update.Trains {
			if t.ID == id && t.Station == station {
				return true
			}
		}
		return false
	}
}

// brisk are settings of a handler that is quick, by the real clock.
func brisk() HandlerConfig {
	return HandlerConfig{Interval: 10 * time.Millisecond, Now: time.Now}
}

// now makes a train arrive at this moment.
func arriveNow(m *Model, train string, station int) {
	now := time.Now()
	m.ApplyArrival(cta.KeyAt(now), cta.Arrival{Line: "blue", TrainID: train, StationID: station, Direction: "a", TrainStatus: cta.TrainInService}, now)
}

func TestStream(t *testing.T) {
	m := NewModel(cta.Chicago())
	arriveNow(m, "1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	next, cancel := follow(t, srv.URL+"/events", "")
	defer cancel()
	if s := next(); s.name != "snapshot" || !hasTrain("1", ohare)(s) {
		t.Fatalf("the first event is %+v, want a snapshot with the train", s)
	}
	arriveNow(m, "1", rosemont)
	s := until(t, next, hasTrain("1", rosemont))
	if s.name != "update" {
		t.Errorf("the event is %s, want an update", s.name)
	}
	for _, n := range []int64{100, 105} { // the first says how many there were before
		m.ApplyCount(tables.TurnstileCount{StationID: ohare, Count: n}, time.Now())
	}
	until(t, next, func(s served) bool { return s.update.EntriesToday["40890"] == 5 })
}

// A compressed stream says what a plain one says, and each event at once.
func TestStreamIsCompressed(t *testing.T) {
	m := NewModel(cta.Chicago())
	arriveNow(m, "1", ohare)
	srv := serving(t, newHandler(t, m, brisk()), nil)
	open := func(encoding string) (*http.Response, *bufio.Scanner) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/events?line=blue", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", encoding)
		r, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Body.Close() })
		var from io.Reader = r.Body
		if encoding == "gzip" {
			if from, err = gzip.NewReader(r.Body); err != nil {
				t.Fatal(err)
			}
		}
		lines := bufio.NewScanner(from)
		lines.Buffer(nil, 1<<20)
		return r, lines
	}
	r, packed := open("gzip")
	_, plain := open("identity")
	if got := r.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding is %q, want gzip", got)
	}
	// Of each the line that tells of the newest train.
	for i := range 20 {
		id := fmt.Sprint("train", i)
		arriveNow(m, id, rosemont)
		var told [2]string
		for j, lines := range []*bufio.Scanner{packed, plain} {
			for told[j] == "" && lines.Scan() {
				if line := lines.Text(); strings.Contains(line, `"id":"`+id+`"`) {
					told[j] = line
				}
			}
		}
		if told[0] == "" || i > 0 && told[0] != told[1] { // they may have begun at different snapshots
			t.Fatalf("of %s a compressed stream tells\n%s\na plain one\n%s", id, told[0], told[1])
		}
	}
}

// Who comes back is told what was missed, or all of it when that is unknown.
func TestStreamResumes(t *testing.T) {
	m := NewModel(cta.Chicago())
	arriveNow(m, "1", ohare)
	h := newHandler(t, m, brisk())
	srv := serving(t, h, nil)
	next, cancel := follow(t, srv.URL+"/events", "")
	last := next().id
	cancel()
	arriveNow(m, "1", rosemont)
	time.Sleep(2 * h.cfg.Interval) // past the age in which a snapshot is used again
	h.pub.snapshot()

	next, cancel = follow(t, srv.URL+"/events", last)
	s := next()
	for s.name == "update" && !hasTrain("1", rosemont)(s) { // a new second was an update, too
		s = next()
	}
	if s.name != "update" {
		t.Errorf("after a known id comes %+v, want the updates that were missed", s)
	}
	cancel()
	next, cancel = follow(t, srv.URL+"/events?since="+last, "")
	if s := next(); s.name != "update" {
		t.Errorf("after a known id in the address comes %s, want an update", s.name)
	}
	cancel()
	for _, id := range []string{"other-1", h.pub.epoch + "-999999", h.pub.epoch + "-x", "junk"} {
		next, cancel = follow(t, srv.URL+"/events", id)
		if s := next(); s.name != "snapshot" {
			t.Errorf("after the unknown id %s comes %s, want a snapshot", id, s.name)
		}
		cancel()
	}
}

// wrapper hides what a ResponseWriter can do but for Unwrap, as middleware does.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestStreamThroughMiddlewareAndReadTimeout(t *testing.T) {
	m := NewModel(cta.Chicago())
	h := newHandler(t, m, brisk())
	srv := serving(t, h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(wrapper{w}, r)
	}), func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = time.Second, time.Second })
	next, cancel := follow(t, srv.URL+"/events", "")
	defer cancel()
	next()
	for begin, i := time.Now(), 0; time.Since(begin) < 2500*time.Millisecond; i++ {
		arriveNow(m, fmt.Sprint(i), rosemont)
		until(t, next, hasTrain(fmt.Sprint(i), rosemont))
	}
}

func TestStreamsAreBounded(t *testing.T) {
	cfg := brisk()
	cfg.MaxStreams, cfg.MaxClientStreams = 2, 3
	srv := serving(t, newHandler(t, NewModel(cta.Chicago()), cfg), nil)
	_, cancel := follow(t, srv.URL+"/events", "")
	follow(t, srv.URL+"/events", "")
	r, err := srv.Client().Get(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !strings.Contains(text(t, r), "too many") {
		t.Errorf("one stream more is answered by %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	cancel()
	for deadline := time.Now().Add(30 * time.Second); ; { // its place becomes free
		r, err := srv.Client().Get(srv.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a stream that ended stays taken")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestStreamsOfOneClientAreBounded(t *testing.T) {
	cfg := brisk()
	cfg.MaxStreams, cfg.MaxClientStreams = 10, 1
	h := newHandler(t, NewModel(cta.Chicago()), cfg)
	srv := serving(t, h, nil)
	follow(t, srv.URL+"/events", "")
	if r := get(t, h, "HEAD", "/events"); r.StatusCode != 200 {
		t.Errorf("HEAD is answered by %d", r.StatusCode)
	}
	r, err := srv.Client().Get(srv.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != 429 || r.Header.Get("Retry-After") == "" || !strings.Contains(text(t, r), "from your address") {
		t.Errorf("one stream more is answered by %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	if h.clients.enter("192.0.2.7:99") == nil {
		t.Error("another address has no room")
	}
}

func TestKeepAlive(t *testing.T) {
	cfg := brisk()
	cfg.KeepAlive = time.Second
	// A model without events has nothing to say.
	srv := serving(t, newHandler(t, NewModel(cta.Chicago()), cfg), nil)
	next, _ := follow(t, srv.URL+"/events", "")
	next()
	if s := next(); s.name != "quiet" || s.id != "" {
		t.Errorf("in silence comes %+v, want an event without news", s)
	}
}

// Clients that don't read are dropped and counted, however small the updates are, and the
// others never notice.
func TestSlowClientsAreDropped(t *testing.T) {
	for _, trains := range []int{1, 300} { // updates far smaller and far larger than a server's buffers
		t.Run(fmt.Sprintf("%d trains", trains), func(t *testing.T) {
			reg := prometheus.NewRegistry()
			cfg := brisk()
			cfg.WriteTimeout = 2 * time.Second // of the other client too, on a busy machine
			cfg.Metrics = reg
			m := NewModel(cta.Chicago())
			const slow = 4
			var small atomic.Int32 // connections with small buffers: not the other's, whose updates would come in crumbs
			srv := serving(t, newHandler(t, m, cfg), nil, func(s *http.Server) {
				s.ConnState = func(c net.Conn, state http.ConnState) {
					if state == http.StateNew && small.Add(1) <= slow {
						_ = c.(*net.TCPConn).SetWriteBuffer(4096)
					}
				}
			})
			for range slow {
				c, err := net.Dial("tcp", srv.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_ = c.(*net.TCPConn).SetReadBuffer(4096)
				fmt.Fprintf(c, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			next, cancel := follow(t, srv.URL+"/events", "")
			defer cancel()
			next()
			deadline := time.Now().Add(30 * time.Second)
			along := cta.Chicago().Line("blue").Stations // to and fro, a train would be taken for two
			for i := 0; sum(t, reg, "ctalive_web_streams_dropped_total") < slow; i++ {
				if time.Now().After(deadline) {
					t.Fatalf("after %d rounds %v of %d slow clients are dropped; %v streams are open", i,
						sum(t, reg, "ctalive_web_streams_dropped_total"), slow, sum(t, reg, "ctalive_web_streams"))
				}
				at := along[i%len(along)].Station.ID
				for j := range trains {
					arriveNow(m, fmt.Sprint(j), at)
				}
				until(t, next, hasTrain(fmt.Sprint(trains-1), at)) // the other client is told all the while
			}
			if n := sum(t, reg, "ctalive_web_streams"); n != 1 {
				t.Errorf("%v streams are open, want 1", n)
			}
		})
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(t, small(), brisk())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, h, nil) }()
	next, _ := follow(t, "http://"+ln.Addr().String()+"/events", "")
	next()
	begin := time.Now()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d >= shutdownTimeout {
		t.Errorf("with a stream open it took %v to end", d)
	}
	if r := get(t, h, "GET", "/events"); r.StatusCode != 503 {
		t.Errorf("a closed handler answers %d to a stream, want 503", r.StatusCode)
	}
}

func TestServeTellsWhatFailed(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := Serve(t.Context(), ln, newHandler(t, small(), HandlerConfig{}), nil); err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("error is %v, want one that names %s", err, ln.Addr())
	}
}
