package ctaweb

import (
	"errors"
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
	b := newBounded(ln, 2)
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
