package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"
)

// proxies are those of all services. What one does, the others do too.
type proxies []*proxy

func (all proxies) set(change func(*proxy)) {
	for _, p := range all {
		p.set(change)
	}
}

// cut ends that share of the connections, and returns how many.
func (all proxies) cut(seed uint64, share float64) (n int) {
	for i, p := range all {
		n += p.cut(rand.New(rand.NewPCG(seed, uint64(i))), share)
	}
	return n
}

// proxy passes connections on to a service, and spoils them when told to.
type proxy struct {
	ln     net.Listener
	target string

	mu      sync.Mutex
	cond    sync.Cond     // of mu: held has changed
	conns   []*link       // the oldest first
	delay   time.Duration // for each piece of data, either way
	held    bool          // nothing passes
	refused bool          // new connections end at once
	closed  bool
}

// link is a connection and the one made for it.
type link struct{ client, server net.Conn }

func newProxy(target string) (*proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{ln: ln, target: target}
	p.cond.L = &p.mu
	go p.accept()
	return p, nil
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		go p.serve(c)
	}
}

func (p *proxy) serve(client net.Conn) {
	p.mu.Lock()
	refused := p.refused || p.closed
	p.mu.Unlock()
	if refused {
		client.Close()
		return
	}
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		client.Close()
		return
	}
	l := &link{client, server}
	p.mu.Lock()
	p.conns = append(p.conns, l)
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.pipe(server, client); l.close() })
	both.Go(func() { p.pipe(client, server); l.close() })
	both.Wait()
	p.mu.Lock()
	p.conns = slices.DeleteFunc(p.conns, func(x *link) bool { return x == l })
	p.mu.Unlock()
}

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

func (p *proxy) pipe(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.mu.Lock()
			for p.held && !p.closed {
				p.cond.Wait()
			}
			delay := p.delay
			p.mu.Unlock()
			if delay > 0 {
				time.Sleep(delay)
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cut ends that share of the connections, some of them without a goodbye.
func (p *proxy) cut(rng *rand.Rand, share float64) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, l := range p.conns {
		if rng.Float64() >= share {
			continue
		}
		n++
		if tcp, ok := l.client.(*net.TCPConn); ok && n%2 == 0 {
			_ = tcp.SetLinger(0) // a reset
		}
		l.close()
	}
	return n
}

func (p *proxy) set(change func(*proxy)) {
	p.mu.Lock()
	change(p)
	p.cond.Broadcast()
	p.mu.Unlock()
}

func (p *proxy) close() error {
	p.set(func(p *proxy) { p.closed = true })
	err := p.ln.Close()
	p.cut(rand.New(rand.NewPCG(0, 0)), 1)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
