package ctaweb

import (
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/live"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// gate is an address at which a service is, or isn't.
type gate struct {
	ln net.Listener

	mu     sync.Mutex
	target string // empty: nobody answers
	open   map[net.Conn]bool
	held   chan struct{} // closed when what is held back may pass; nil: nothing is
}

func newGate(t *testing.T) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{ln: ln, open: map[net.Conn]bool{}}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { g.pass(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		g.lead("")
		passing.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.ln.Addr().String() }

// lead ends all connections and has new ones go elsewhere.
func (g *gate) lead(target string) {
	g.letGo()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.target = target
	for c := range g.open {
		_ = c.Close()
	}
}

// hold has connections stay open while nothing passes, until it is let go or the
// gate leads elsewhere.
func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = make(chan struct{})
}

func (g *gate) letGo() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held != nil {
		close(g.held)
		g.held = nil
	}
}

// through reads what passes the gate.
type through struct {
	g *gate
	net.Conn
}

func (t through) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.g.mu.Lock()
	held := t.g.held
	t.g.mu.Unlock()
	if held != nil {
		<-held
	}
	return n, err
}

func (g *gate) pass(c net.Conn) {
	defer c.Close()
	g.mu.Lock()
	target := g.target
	g.mu.Unlock()
	if target == "" {
		return
	}
	s, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer s.Close()
	g.mu.Lock()
	gone := g.target != target
	g.open[c], g.open[s] = true, true
	g.mu.Unlock()
	if !gone {
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.Copy(s, through{g, c}); _ = s.Close() })
		both.Go(func() { _, _ = io.Copy(c, through{g, s}); _ = c.Close() })
		both.Wait()
	}
	g.mu.Lock()
	delete(g.open, c)
	delete(g.open, s)
	g.mu.Unlock()
}

// outage is a system whose broker and registry can go away and come back with what
// they had.
type outage struct {
	t                *testing.T
	data             string
	services         *embedded.Services
	broker, registry *gate
	failed           chan error // of what was published
}

// failing returns an outage that has not begun, with its clients and what publishes
// as a source does: whether the broker is there or not.
func failing(t *testing.T) (o *outage, sys *ctatest.System, publish func(...kafka.Record)) {
	t.Helper()
	o = &outage{t: t, data: t.TempDir(), broker: newGate(t), registry: newGate(t), failed: make(chan error, 1)}
	o.start()
	t.Cleanup(func() { o.stop() })
	client, err := kafka.Connect(t.Context(), kafka.Config{Brokers: []string{o.broker.addr()}})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := wire.NewRegistry(wire.RegistryConfig{URL: "http://" + o.registry.addr()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.NewProducer(kafka.ProducerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Close()
		registry.Close()
		_ = client.Close()
	})
	if err := client.EnsureTopics(t.Context(), kafka.EventTopic(cta.Topics{}.Weather(), 1)); err != nil {
		t.Fatal(err)
	}
	return o, &ctatest.System{Kafka: client, Registry: registry, Topics: cta.Topics{}}, func(records ...kafka.Record) {
		for _, r := range records {
			if err := p.Send(t.Context(), r, o.published); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (o *outage) published(err error) {
	if err != nil {
		select {
		case o.failed <- err:
		default:
		}
	}
}

// start starts the services at ports that nobody has, behind the gates: the broker's
// own is not told when it advertises another.
func (o *outage) start() {
	o.t.Helper()
	for range 10 { // others look for ports, too
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			o.t.Fatal(err)
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		o.services, err = embedded.Start(o.t.Context(), embedded.Config{DataDir: o.data, Kafka: addr, Advertise: o.broker.addr()})
		if err == nil {
			o.broker.lead(addr)
			o.registry.lead(o.registryAddr())
			return
		}
		o.t.Log(err)
	}
	o.t.Fatal("the services don't start")
}

func (o *outage) registryAddr() string {
	return strings.TrimPrefix(o.services.RegistryURL(), "http://")
}

func (o *outage) stop() {
	o.t.Helper()
	o.broker.lead("")
	o.registry.lead("")
	if err := o.services.Close(); err != nil {
		o.t.Error(err)
	}
}

// freshly is what the head of the page says of its own age, and how the page is dressed.
func (r *replay) freshly() (dress, words string) {
	r.t.Helper()
	page := text(r.t, get(r.t, r.h, "GET", "/"))
	style := regexp.MustCompile(`<body [^>]*class="([^"]*)"`).FindStringSubmatch(page)
	says := regexp.MustCompile(`<p id="fresh"[^>]*>([^<]*)</p>`).FindStringSubmatch(page)
	if style == nil || says == nil {
		r.t.Fatalf("the page doesn't say how old it is:\n%.3000s", page)
	}
	return style[1], html.UnescapeString(says[1])
}

// readyz is what an operator's probe is told.
func (r *replay) readyz() (code int, reason string) {
	r.t.Helper()
	answer := get(r.t, r.h, "GET", "/readyz")
	var body readiness
	if err := json.Unmarshal([]byte(text(r.t, answer)), &body); err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, body.Reason
}

// live fails the test unless the page is live: what is replayed is of another time.
func (r *replay) live(when string) {
	r.t.Helper()
	if dress, words := r.freshly(); dress != "live" || words != "simulation or recording" {
		r.t.Errorf("%s the page is %s and says %q", when, dress, words)
	}
}

// stale fails the test unless the page is shown as one that is old, and says how old.
func (r *replay) stale(when, want string) {
	r.t.Helper()
	if dress, words := r.freshly(); dress != "stale" || words != want {
		r.t.Errorf("%s the page is %s and says %q, want %q", when, dress, words, want)
	}
}

// clear fails the test if what is shown isn't what it would be without any outage.
func (r *replay) clear(at time.Time, all []told) {
	r.t.Helper()
	for i, l := range r.m.Network().Lines {
		if d := cmp.Diff(all[i].settled(), r.reads(l.ID, cta.DirectionA).settled(), cmp.AllowUnexported(told{})); d != "" {
			r.t.Errorf("%s at %s (-without an outage +after one):\n%s", l.Name, at.Format(time.TimeOnly), d)
		}
	}
}

// settled leaves out whether a line recovers, which depends on when it was looked at.
func (t told) settled() told {
	if t.level == live.LevelMinor && !complaints.MatchString(t.sentence) {
		t.level = live.LevelGood
	}
	t.sentence = strings.ReplaceAll(t.sentence, "getting back to normal, ", "")
	return t
}

// inOutages are the lines whose rush hour an outage befalls.
var inOutages = []string{"blue", "brown", "yellow"}

// undisturbed is what is read of every line at a moment without any outage.
func undisturbed(t *testing.T, at time.Time) []told {
	t.Helper()
	sys := ctatest.Start(t)
	r := replaying(t, sys, sys.Send, only(t, inOutages...), rush(t), 1, at)
	var all []told
	for _, l := range r.m.Network().Lines {
		all = append(all, r.reads(l.ID, cta.DirectionA))
	}
	return all
}

// For a minute of event time there is no broker: not for the trains, whose arrivals
// wait, and not for the page. Then it is back with what it had. What is shown
// afterwards is what it would be without an outage; TestOutagesOfARealMinute waits for
// the minute.
func TestBrokerOutageIsToldAndForgotten(t *testing.T) {
	t.Parallel()
	after := eight.Add(70 * time.Second)
	all := undisturbed(t, after)
	o, sys, publish := failing(t)
	r := replaying(t, sys, publish, only(t, inOutages...), rush(t), 1, eight)
	r.live("before the outage")

	o.stop()
	r.await("the model to tell of the outage", func() bool { return r.m.Ready() != nil })
	if code, reason := r.readyz(); code != http.StatusServiceUnavailable || reason != "the Kafka cluster does not answer" {
		t.Errorf("in the outage /readyz answers %d, %q", code, reason)
	}
	r.send(eight.Add(10 * time.Second)) // the page's clock goes on, too
	if dress, words := r.freshly(); dress == "live" {
		t.Errorf("in the outage the page is %s and says %q", dress, words)
	}
	r.send(eight.Add(soon))
	r.stale("half a minute into the outage", "last update 30 s ago")
	r.send(eight.Add(time.Minute))
	r.stale("a minute into the outage", "last update 1 min ago")

	o.start()
	r.to(after)
	r.await("the model to be ready again", func() bool { return r.m.Ready() == nil })
	r.live("after the outage")
	r.clear(after, all)
	select {
	case err := <-o.failed:
		t.Errorf("an arrival was lost: %v", err)
	default:
	}
}

// For a minute there is no registry. What is known goes on being read; a record
// with a new schema, and all behind it, waits.
func TestRegistryOutageIsToldAndForgotten(t *testing.T) {
	t.Parallel()
	after := eight.Add(100 * time.Second)
	all := undisturbed(t, after)
	o, sys, publish := failing(t)
	r := replaying(t, sys, publish, only(t, inOutages...), rush(t), 1, eight)

	rec := newerReading(t, o, sys, &r.formats, eight)
	o.registry.lead("")
	r.to(eight.Add(40 * time.Second))
	r.live("with a registry that isn't needed")

	rec.Time = *r.now.Load()
	publish(rec)
	r.sent++
	r.await("the model to tell of the outage", func() bool { return r.m.Ready() != nil })
	if code, reason := r.readyz(); code != http.StatusServiceUnavailable || reason != "the schema registry does not answer" {
		t.Errorf("in the outage /readyz answers %d, %q", code, reason)
	}
	r.send(eight.Add(40*time.Second + soon))
	r.stale("half a minute later", "last update 30 s ago")

	o.registry.lead(o.registryAddr())
	r.to(after)
	r.await("the model to be ready again", func() bool { return r.m.Ready() == nil })
	r.live("after the outage")
	r.clear(after, all)
}
