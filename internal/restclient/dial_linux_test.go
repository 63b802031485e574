package restclient

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A host that doesn't answer at all isn't told as an overloaded service. A socket whose
// backlog is full stands for it: its system ignores further connections.
func TestClientTellsAnUnreachableHost(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			break
		}
		defer conn.Close()
	}
	client := newClient(t, Config{URL: "http://" + addr, Timeout: 400 * time.Millisecond})
	_, _, err = client.Do(t.Context(), http.MethodGet, "/", nil)
	if timeout := net.Error(nil); !Unreachable(err) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("error %v, want that of a dial without an answer", err)
	}
	if text := client.Fail(err).Error(); !strings.Contains(text, "check its URL") || strings.Contains(text, "overloaded") {
		t.Errorf("told as %q", text)
	}
}
