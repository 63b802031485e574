package kafka_test

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// network is how clients reach the brokers of a cluster. A broker may die or hang in it,
// and connections may break at requests of one kind.
type network struct {
	mu        sync.Mutex
	listeners map[string]*net.TCPListener // by address
	conns     map[*networkConn]bool
	mute      map[string]bool // addresses of brokers that no longer answer
	ending    map[string]bool // addresses of brokers whose connections end with their next answer
	cutKey    kmsg.Key
	cutAnswer bool // when the request is answered, rather than before it is read
	cutLeft   int
}

func newNetwork() *network {
	return &network{
		listeners: make(map[string]*net.TCPListener), conns: make(map[*networkConn]bool),
		mute: make(map[string]bool), ending: make(map[string]bool),
	}
}

// three starts a cluster of three brokers.
func three(t *testing.T) (*kfake.Cluster, *network) {
	t.Helper()
	n := newNetwork()
	cl, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.ListenFn(n.listen), kfake.SeedTopics(6, "in"), kfake.SeedTopics(3, "sums"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cl.Close()
		for _, l := range n.listeners {
			_ = l.Close() // of a broker that hangs it is still open
		}
	})
	return cl, n
}

// cut makes the connection break at each of the next requests of that kind, before they
// are read or when they are answered. Of Produce, those in a transaction count.
func (n *network) cut(key kmsg.Key, answer bool, times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cutKey, n.cutAnswer, n.cutLeft = key, answer, times
}

func (n *network) cutsLeft() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cutLeft
}

// hang has a broker answer nothing any more, as after SIGSTOP: the system still takes
// connections for it.
func (n *network) hang(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mute[addr] = true
}

// kill has a broker refuse connections, and ends those that it has.
func (n *network) kill(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mute[addr] = true // what is under way isn't answered any more
	_ = n.listeners[addr].Close()
	for c := range n.conns {
		if c.LocalAddr().String() == addr {
			_ = c.Close()
		}
	}
}

// refuse has a broker take no more connections. Those that it has end with their next answer.
func (n *network) refuse(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ending[addr] = true
	_ = n.listeners[addr].Close()
}

func (n *network) isMute(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mute[c.LocalAddr().String()]
}

func (n *network) listen(network, addr string) (net.Listener, error) {
	l, err := net.Listen(network, addr)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[l.Addr().String()] = l.(*net.TCPListener)
	return &networkListener{l.(*net.TCPListener), n}, nil
}

type networkListener struct {
	*net.TCPListener
	n *network
}

func (l *networkListener) Accept() (net.Conn, error) {
	c, err := l.TCPListener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &networkConn{Conn: c, n: l.n, lost: make(map[int32]bool)}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.conns[conn] = true
	return conn, nil
}

// Close ends Accept. The port of a broker that hangs stays open.
func (l *networkListener) Close() error {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if l.n.mute[l.Addr().String()] {
		return l.SetDeadline(time.Unix(1, 0))
	}
	return l.TCPListener.Close()
}

type networkConn struct {
	net.Conn
	n    *network
	buf  []byte         // of the request that is being read
	lost map[int32]bool // correlation ids of requests whose answers are; guarded by n.mu
}

var errCut = errors.New("cut")

// Read reads what has come, unless the broker hangs: then, never.
func (c *networkConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for err == nil && c.n.isMute(c) {
		if _, err = c.Conn.Read(p); err != nil {
			return 0, err
		}
	}
	c.buf = append(c.buf, p[:n]...)
	for len(c.buf) >= 12 {
		size := 4 + int(binary.BigEndian.Uint32(c.buf))
		if len(c.buf) < size {
			break
		}
		if c.cuts(c.buf[:size]) {
			_ = c.Close()
			return 0, errCut
		}
		c.buf = c.buf[size:]
	}
	return n, err
}

// cuts reports whether the connection breaks at a request, and notes whether at its answer.
func (c *networkConn) cuts(request []byte) bool {
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	if kmsg.Key(binary.BigEndian.Uint16(request[4:])) != c.n.cutKey || c.n.cutLeft == 0 {
		return false
	}
	if c.n.cutKey == kmsg.Produce && !producesInTransaction(request) {
		return false
	}
	c.n.cutLeft--
	if c.n.cutAnswer {
		c.lost[int32(binary.BigEndian.Uint32(request[8:]))] = true
	}
	return !c.n.cutAnswer
}

// Write writes an answer, unless it is one that gets lost.
func (c *networkConn) Write(p []byte) (int, error) {
	if c.n.isMute(c) {
		return len(p), nil
	}
	c.n.mu.Lock()
	lost, ends := len(p) >= 8 && c.lost[int32(binary.BigEndian.Uint32(p[4:]))], c.n.ending[c.LocalAddr().String()]
	c.n.mu.Unlock()
	if lost {
		_ = c.Close()
		return 0, errCut
	}
	n, err := c.Conn.Write(p)
	if ends {
		_ = c.Close()
	}
	return n, err
}

func producesInTransaction(frame []byte) bool {
	// Header: size, key, version, correlation id, client id.
	version := int16(binary.BigEndian.Uint16(frame[6:]))
	body := frame[12:]
	if len(body) < 2 {
		return false
	}
	body = body[2+max(0, int(int16(binary.BigEndian.Uint16(body)))):]
	if version >= 9 {
		body = body[1:] // no tags
	}
	r := kmsg.NewPtrProduceRequest()
	r.SetVersion(version)
	return r.ReadFrom(body) == nil && r.TransactionID != nil
}
