package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/IBM/sarama"
)

// trouble is a failed connection in words for an operator.
type trouble struct {
	text      string // one of few texts, the same for the same reason
	hint      string
	permanent bool // waiting doesn't mend it
	err       error
}

func (t trouble) Error() string { return t.text }
func (t trouble) Unwrap() error { return t.err }

const hintStart = "start it, or check the address"

// diagnose says what a failed attempt to connect means. The texts hold no port
// of ours and no password.
func (c *Client) diagnose(err error) trouble {
	t := trouble{text: err.Error(), hint: hintStart, err: err}
	var (
		unknownCA x509.UnknownAuthorityError
		hostname  x509.HostnameError
		certErr   *tls.CertificateVerificationError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		dns       *net.DNSError
	)
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		t.text = "authentication failed for user " + c.cfg.SASL.User + " with " + c.cfg.SASL.Mechanism
		t.hint = "check user, password and mechanism"
		t.permanent = true
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		t.text = "the broker doesn't offer " + c.cfg.SASL.Mechanism
		t.hint = "choose another SASL mechanism, or check that the port is the one for SASL"
		t.permanent = true
	case errors.As(err, &unknownCA), errors.As(err, &hostname), errors.As(err, &certErr):
		t.text = "the broker's certificate is not trusted: " + certificateFault(err)
		t.hint = "give the authority that signed it, and a host name that it holds"
		t.permanent = true
	case errors.As(err, &alert):
		t.text = "the broker ended the TLS handshake: " + alert.Error()
		t.hint = "check the client's certificate and the TLS versions"
		t.permanent = true
	case errors.As(err, &record):
		t.text = "the broker's port doesn't speak TLS"
		t.hint = "use the port for TLS, or connect without TLS"
		t.permanent = true
	case errors.As(err, &dns):
		t.text = "no such host: " + dns.Name
		t.hint = "check the address"
	case errors.Is(err, syscall.ECONNREFUSED):
		t.text = "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		// All that a client sees on a port of another protocol: the broker takes
		// its bytes for a request it can't read, and closes.
		t.text = "the broker closed the connection"
		t.hint = c.wrongProtocolHint()
	case isTimeout(err):
		t.text = "no answer in time"
		t.hint = c.muteHint()
	}
	return t
}

// wrongProtocolHint is for a connection that ends without a word.
func (c *Client) wrongProtocolHint() string {
	hint := "the port may "
	switch {
	case c.cfg.TLS != nil:
		hint += "speak plain text"
	case c.cfg.SASL.Mechanism == "":
		hint += "want TLS or SASL"
	default:
		hint += "want TLS"
	}
	if c.cfg.SASL.Mechanism != "" {
		hint += ", or not take user " + c.cfg.SASL.User
	} else if c.cfg.TLS != nil {
		hint += ", or want SASL"
	}
	return hint + ": check the settings against the port's protocol"
}

// muteHint is for a broker that takes a connection and doesn't answer.
func (c *Client) muteHint() string {
	if c.cfg.TLS == nil {
		return hintStart
	}
	return hintStart + "; " + c.wrongProtocolHint()
}

func certificateFault(err error) string {
	var certErr *tls.CertificateVerificationError
	if errors.As(err, &certErr) {
		return certErr.Err.Error()
	}
	return err.Error()
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}
