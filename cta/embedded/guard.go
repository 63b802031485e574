package embedded

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxRequest is the size of the largest request that the broker accepts: Kafka's
// socket.request.max.bytes.
const maxRequest = 100 << 20

// guardListener keeps from kfake what isn't Kafka's protocol. kfake trusts the
// size that begins a request, and an unknown kind of request would end the
// process, so that one stray HTTP request to the port would do harm.
type guardListener struct {
	net.Listener
	stopped atomic.Bool
	mu      sync.Mutex
	conns   map[*guardConn]struct{}
}

// stop has the broker answer nothing any more. It reports whether it did before.
func (l *guardListener) stop() bool {
	if l.stopped.Swap(true) {
		return false
	}
	_ = l.Listener.Close() // nobody is to come
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.Conn.Close() // nobody is to be answered
	}
	return true
}

func newGuardListener(ln net.Listener) *guardListener {
	return &guardListener{Listener: ln, conns: make(map[*guardConn]struct{})}
}

// Accept returns the next connection, guarded.
func (l *guardListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &guardConn{Conn: conn, l: l}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	return c, nil
}

// wait closes the connections that are left and waits a little for those who
// read from them.
func (l *guardListener) wait() {
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		l.mu.Lock()
		left := slices.Collect(maps.Keys(l.conns))
		l.mu.Unlock()
		if len(left) == 0 {
			return
		}
		for _, c := range left {
			_ = c.Close() // it is closed already, or has nothing to lose
		}
	}
}

func (l *guardListener) forget(c *guardConn) {
	l.mu.Lock()
	delete(l.conns, c)
	l.mu.Unlock()
}

// guardConn follows the frames of a connection as they are read: four bytes of
// size, then as many bytes, which begin with the request's kind and version.
type guardConn struct {
	net.Conn
	l    *guardListener
	head [8]byte // size, kind, version of the request being read
	have int     // bytes of head that are there
	left int     // bytes of the request that are not read yet, once head is full

	mu     sync.Mutex
	ops    int // calls in hand
	closed bool
}

func (c *guardConn) begin() {
	c.mu.Lock()
	c.ops++
	c.mu.Unlock()
}

func (c *guardConn) end() {
	c.mu.Lock()
	c.ops--
	done := c.closed && c.ops == 0
	c.mu.Unlock()
	if done {
		c.l.forget(c)
	}
}

// Read reads, and fails at the first bytes that can't be a request.
func (c *guardConn) Read(p []byte) (int, error) {
	c.begin()
	defer c.end()
	n, err := c.Conn.Read(p)
	if bad := c.follow(p[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

// Write writes.
func (c *guardConn) Write(p []byte) (int, error) {
	c.begin()
	defer c.end()
	if c.l.stopped.Load() {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// Close closes the connection.
func (c *guardConn) Close() error {
	c.mu.Lock()
	c.closed = true
	done := c.ops == 0
	c.mu.Unlock()
	if done {
		c.l.forget(c)
	}
	return c.Conn.Close()
}

func (c *guardConn) follow(p []byte) error {
	for len(p) > 0 {
		if c.have == len(c.head) {
			skip := min(c.left, len(p))
			c.left -= skip
			p = p[skip:]
			if c.left == 0 {
				c.have = 0
			}
			continue
		}
		n := copy(c.head[c.have:], p)
		c.have += n
		p = p[n:]
		if c.have >= 4 {
			size := binary.BigEndian.Uint32(c.head[:])
			// Kind, version, correlation id and the length of the client's name.
			if size < 10 || size > maxRequest {
				return fmt.Errorf("not a Kafka request: %d bytes", size)
			}
			c.left = int(size) - 4
		}
		if c.have == len(c.head) {
			kind := int16(binary.BigEndian.Uint16(c.head[4:]))
			if kmsg.RequestForKey(kind) == nil {
				return fmt.Errorf("not a Kafka request: kind %d", kind)
			}
		}
	}
	return nil
}
