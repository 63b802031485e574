package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/IBM/sarama"
)

// Refusal returns a broker's refusal as an error, or nil for ErrNoError.
func Refusal(kerr sarama.KError) error {
	if kerr == sarama.ErrNoError {
		return nil
	}
	return kerr
}

// Retriable reports whether the request may succeed when it is sent again.
func Retriable(err error) bool {
	var kerr sarama.KError
	if !errors.As(err, &kerr) { // the connection
		var encoding sarama.PacketEncodingError
		return !errors.Is(err, ErrClosed) && !permanent(err) && !errors.As(err, &encoding)
	}
	switch kerr {
	case sarama.ErrInvalidMessage, // corrupted on the way
		sarama.ErrRequestTimedOut, sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend,
		sarama.ErrOffsetNotAvailable, sarama.ErrOffsetsLoadInProgress, sarama.ErrThrottlingQuotaExceeded,
		sarama.ErrConcurrentTransactions, sarama.ErrUnstableOffsetCommit,
		sarama.ErrOperationNotAttempted: // because of another partition, whose error counts
		return true
	}
	return misdirected(err)
}

// misdirected reports whether an error means that another broker may serve the request.
func misdirected(err error) bool {
	var kerr sarama.KError
	if !errors.As(err, &kerr) {
		return true
	}
	switch kerr {
	case sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrUnknownTopicOrPartition,
		sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch, sarama.ErrReplicaNotAvailable, sarama.ErrKafkaStorageError,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer, sarama.ErrNotController,
		sarama.ErrBrokerNotAvailable, sarama.ErrNetworkException:
		return true
	}
	return false
}

// permanent reports whether retries can't mend a failed connection.
func permanent(err error) bool {
	var certErr *tls.CertificateVerificationError
	return errors.Is(err, sarama.ErrSASLAuthenticationFailed) || errors.Is(err, sarama.ErrUnsupportedSASLMechanism) ||
		errors.As(err, &certErr) || alert(err) != nil
}

// alert returns the TLS alert by which the other side ended a connection, or nil.
func alert(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" { // as crypto/tls has it
		return op.Err
	}
	return nil
}

// Trouble is a failed request in words for an operator.
type Trouble struct {
	Text      string // one of few texts, the same for the same reason
	Hint      string
	Permanent bool // retries can't mend it
	Err       error
}

func (t Trouble) Error() string { return t.Text }

// Unwrap returns the explained error.
func (t Trouble) Unwrap() error { return t.Err }

// Start is the hint for a service that is not reachable.
const Start = "start it, or check the address"

// refusals holds clearer texts than sarama's for some of the brokers' refusals.
var refusals = map[sarama.KError]string{
	sarama.ErrNotEnoughReplicas:                  "fewer in-sync replicas than required",
	sarama.ErrNotEnoughReplicasAfterAppend:       "fewer in-sync replicas than required",
	sarama.ErrNotLeaderForPartition:              "the partition's leader has moved",
	sarama.ErrLeaderNotAvailable:                 "the partition has no leader",
	sarama.ErrConsumerCoordinatorNotAvailable:    "the coordinator isn't available",
	sarama.ErrNotCoordinatorForConsumer:          "the coordinator has moved",
	sarama.ErrOffsetsLoadInProgress:              "the coordinator is loading",
	sarama.ErrUnknownTopicOrPartition:            "the topic or partition doesn't exist",
	sarama.ErrBrokerNotAvailable:                 "a broker isn't available",
	sarama.ErrOffsetNotAvailable:                 "the partition's new leader isn't ready yet",
	sarama.ErrRequestTimedOut:                    "the replicas didn't answer in time",
	sarama.ErrRebalanceInProgress:                "the group is rebalancing",
	sarama.ErrIllegalGeneration:                  "the group has rebalanced",
	sarama.ErrUnknownMemberId:                    "the group no longer has this member",
	sarama.ErrConcurrentTransactions:             "the previous transaction is still being ended",
	sarama.ErrUnstableOffsetCommit:               "positions wait for an open transaction",
	sarama.ErrTopicAuthorizationFailed:           "not authorized for the topic",
	sarama.ErrGroupAuthorizationFailed:           "not authorized for the group",
	sarama.ErrTransactionalIDAuthorizationFailed: "not authorized for the transactional id",
	sarama.ErrClusterAuthorizationFailed:         "not authorized to write to any topic", // the only right over the cluster that we need
	sarama.ErrProducerFenced:                     "the transaction took too long, or another process has its id",
	sarama.ErrInvalidProducerEpoch:               "the transaction took too long, or another process has its id",
}

// Explain explains a failed request. The texts contain no local port, no password, and
// no internal words of the client library.
func (c *Cluster) Explain(err error) Trouble {
	t := Trouble{Text: err.Error(), Hint: Start, Permanent: permanent(err), Err: err}
	var (
		certErr   *tls.CertificateVerificationError
		header    tls.RecordHeaderError
		dns       *net.DNSError
		kerr      sarama.KError
		user      = c.conf.Net.SASL.User
		mechanism = string(c.conf.Net.SASL.Mechanism)
	)
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed):
		t.Text = "authentication failed with " + mechanism
		if user != "" {
			t.Text = "authentication failed for user " + user + " with " + mechanism
		}
		t.Hint = "check user, password and mechanism"
		if user == "" {
			t.Hint = "check that the broker takes the token: who issued it, for whom, until when"
		}
	case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
		t.Text = "the broker doesn't offer " + mechanism
		t.Hint = "choose another SASL mechanism, or check that the port is the one for SASL"
	case errors.Is(err, ErrNoLeader):
		t.Text = "the partition has no leader"
	case errors.As(err, &kerr):
		var ok bool
		if t.Text, ok = refusals[kerr]; !ok {
			t.Text = strings.TrimPrefix(kerr.Error(), "kafka server: ")
		}
	case errors.As(err, &certErr):
		t.Text = "the broker's certificate is not trusted: " + certErr.Err.Error()
		t.Hint = "give the authority that signed it, and a host name that it holds"
	case alert(err) != nil:
		t.Text = "the broker ended the TLS handshake: " + alert(err).Error()
		t.Hint = "check the client's certificate and the TLS versions"
	case errors.As(err, &header):
		t.Text = "the broker's port doesn't speak TLS"
		t.Hint = "use the port for TLS, or connect without TLS"
		t.Permanent = true
	case errors.As(err, &dns):
		t.Text = "no such host: " + dns.Name
		t.Hint = "check the address"
	case errors.Is(err, sarama.ErrOutOfBrokers):
		t.Text = "no broker answers"
	case errors.Is(err, syscall.ECONNREFUSED):
		t.Text = "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, sarama.ErrNotConnected):
		// A client sees only this on a port of another protocol: the broker reads the
		// bytes as an invalid request, and closes.
		t.Text = "the broker closed the connection"
		t.Hint = c.wrongProtocolHint()
	case isTimeout(err):
		t.Text = "no answer in time"
		t.Hint = c.MuteHint()
	}
	return t
}

// wrongProtocolHint is the hint for a connection closed without an answer.
func (c *Cluster) wrongProtocolHint() string {
	tls, sasl := c.conf.Net.TLS.Enable, c.conf.Net.SASL.Enable
	hint := "the port may "
	switch {
	case tls:
		hint += "speak plain text"
	case !sasl:
		hint += "want TLS or SASL"
	default:
		hint += "want TLS"
	}
	if sasl {
		who := "the token"
		if c.conf.Net.SASL.User != "" {
			who = "user " + c.conf.Net.SASL.User
		}
		hint += ", or not take " + who
	} else if tls {
		hint += ", or want SASL"
	}
	return hint + ": check the settings against the port's protocol"
}

// MuteHint is the hint for a broker that accepts a connection and doesn't answer.
func (c *Cluster) MuteHint() string {
	if !c.conf.Net.TLS.Enable {
		return Start
	}
	return Start + "; " + c.wrongProtocolHint()
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
