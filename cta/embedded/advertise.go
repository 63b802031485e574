package embedded

import (
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

// advertised is a listener that reports another address than its own. kfake sends its
// clients to the address that a listener reports.
type advertised struct {
	net.Listener
	at string
}

// Addr returns the address that clients connect to.
func (l advertised) Addr() net.Addr { return address(l.at) }

type address string

// Network returns tcp.
func (address) Network() string { return "tcp" }

// String returns the address as host:port.
func (a address) String() string { return string(a) }

// Cluster returns the broker itself, for tests of clients with errors of the broker
// ([kfake.Cluster.Fault]). Do not close it: [Services.Close] does.
func (s *Services) Cluster() *kfake.Cluster { return s.broker.cluster }
