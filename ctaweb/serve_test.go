package ctaweb

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A listener that is full takes the next client when one leaves, and ends when it
// is closed.
func TestConnectionsAreBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBounded(ln, 2, 2)
	taken := make(chan net.Conn, 4)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := b.Accept()
			if err != nil {
				ended <- err
				return
			}
			taken <- c
		}
	}()
	for range 4 {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, second := <-taken, <-taken
	select {
	case <-taken:
		t.Fatal("a third client is taken where there is room for two")
	case <-time.After(50 * time.Millisecond): // long enough to be taken, if it were
	}
	first.Close()
	first.Close() // as net/http may: its room is free once only
	third := <-taken
	select {
	case <-taken:
		t.Fatal("a fourth client is taken for one that left")
	case <-time.After(50 * time.Millisecond):
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ends with %v, want net.ErrClosed", err)
	}
	second.Close()
	third.Close()
}

// Of one address so many connections are taken, and the next only when one is closed.
func TestConnectionsOfOneAddressAreBounded(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBounded(ln, 10, 1)
	defer b.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	first, err := b.Accept()
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan net.Conn, 1)
	go func() {
		if c, err := b.Accept(); err == nil {
			taken <- c
		}
	}()
	second := dial()
	_ = second.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("a second connection of one address reads %v, want its end", err)
	}
	first.Close()
	dial()
	select {
	case c := <-taken:
		c.Close()
	case <-time.After(30 * time.Second):
		t.Fatal("when one is closed, the next isn't taken")
	}
}

// When a connection is closed, its client has room already. A client at its bound may
// close one and open the next.
func TestClientHasRoomWhenItsConnectionCloses(t *testing.T) {
	clients := perClient{most: 1}
	var room bool
	c := &boundedConn{closing{nil, func() { room = clients.enter("192.0.2.1:2") != nil }}, clients.enter("192.0.2.1:1")}
	if err := c.Close(); err != nil || !room {
		t.Errorf("room for the next: %v, %v", room, err)
	}
}

// closing is a connection that calls a function when it is closed.
type closing struct {
	net.Conn
	closed func()
}

func (c closing) Close() error {
	c.closed()
	return nil
}

func TestClients(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1:80":                  "192.0.2.1",
		"[::ffff:192.0.2.1]:80":         "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80":     "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::%eth0]:80": "2001:db8:1:2::/64",
		"@":                             "@", // of a Unix socket
	} {
		if got := client(addr); got != want {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
}
