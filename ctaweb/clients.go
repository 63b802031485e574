package ctaweb

import (
	"net/netip"
	"sync"
)

// perClient counts what each client address has open.
type perClient struct {
	most int

	mu   sync.Mutex
	open map[string]int
}

// enter counts one more, if its client has room. exit is nil if not.
func (p *perClient) enter(addr string) (exit func()) {
	who := client(addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[who] >= p.most {
		return nil
	}
	if p.open == nil {
		p.open = map[string]int{}
	}
	p.open[who]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open[who]--; p.open[who] == 0 {
			delete(p.open, who)
		}
	})
}

// client returns the client of an address with a port. In IPv6 that is the network of
// one household.
func client(addr string) string {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return addr
	}
	ip := at.Addr().Unmap()
	if ip.Is6() {
		if net, err := ip.WithZone("").Prefix(64); err == nil {
			return net.String()
		}
	}
	return ip.String()
}
