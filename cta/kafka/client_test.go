package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta"
)

// selfMade returns settings of a server with a certificate of its own for
// 127.0.0.1, and of a client that trusts it.
func selfMade(tb testing.TB) (server, client *tls.Config) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool}
}

func TestSecureConnections(t *testing.T) {
	server, client := selfMade(t)
	for _, test := range []struct {
		mechanism string
		tls       bool
	}{
		{"", true}, {"PLAIN", false}, {"PLAIN", true},
		{"SCRAM-SHA-256", false}, {"SCRAM-SHA-256", true}, {"SCRAM-SHA-512", true},
	} {
		t.Run(fmt.Sprintf("%s tls=%v", test.mechanism, test.tls), func(t *testing.T) {
			var opts []kfake.Opt
			var cfg Config
			if test.tls {
				opts = append(opts, kfake.TLS(server))
				cfg.TLS = client
			}
			if test.mechanism != "" {
				opts = append(opts, kfake.EnableSASL(), kfake.Superuser(test.mechanism, "ann", "s3cret"))
				cfg.SASL = SASL{Mechanism: test.mechanism, User: "ann", Password: "s3cret"}
			}
			cfg.Brokers = newBroker(t, opts...).ListenAddrs()
			c, _ := newClient(t, cfg)
			ensure(t, c, EventTopic("t", 1))
			send(t, c, text("t", "hello"))
			if got := values(readAll(t, c, Names("t"))); len(got) != 1 || got[0] != "hello" {
				t.Errorf("read %v", got)
			}
		})
	}
}

func TestConnectSaysWhatIsWrong(t *testing.T) {
	server, client := selfMade(t)
	plain := newBroker(t).ListenAddrs()
	secure := newBroker(t, kfake.TLS(server)).ListenAddrs()
	saslBroker := newBroker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ann", "s3cret"), kfake.Superuser("SCRAM-SHA-256", "ann", "s3cret"))
	// Kafka answers a wrong password by an error; this broker only hangs up.
	saslBroker.ControlKey(int16(kmsg.SASLAuthenticate), func(req kmsg.Request) (kmsg.Response, error, bool) {
		saslBroker.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		resp.ErrorMessage = kmsg.StringPtr("Authentication failed: Invalid username or password")
		return resp, nil, true
	})
	sasl := saslBroker.ListenAddrs()
	nobody := []string{closedPort(t)}
	for _, test := range []struct {
		name   string
		cfg    Config
		waits  bool // for cfg.Wait
		hint   string
		reason string
	}{
		{"nobody listens", Config{Brokers: nobody}, true, "start it", "connection refused"},
		{"plain text to a TLS port", Config{Brokers: secure}, true, "may want TLS or SASL", "closed the connection"},
		{"plain text to a SASL port", Config{Brokers: sasl}, true, "may want TLS or SASL", "closed the connection"},
		{"TLS to a plain port", Config{Brokers: plain, TLS: client}, true, "may speak plain text", "no answer"},
		{"a certificate that nobody trusts", Config{Brokers: secure, TLS: &tls.Config{}}, false, "authority that signed it", "not trusted"},
		{"a wrong password", Config{Brokers: sasl, SASL: SASL{Mechanism: "PLAIN", User: "ann", Password: "wr0ng"}}, false, "check user, password", "user ann with PLAIN"},
		{"a wrong password by SCRAM", Config{Brokers: sasl, SASL: SASL{Mechanism: "SCRAM-SHA-256", User: "ann", Password: "wr0ng"}}, false, "check user, password", "user ann with SCRAM-SHA-256"},
		{"a mechanism that isn't offered", Config{Brokers: plain, SASL: SASL{Mechanism: "PLAIN", User: "ann", Password: "wr0ng"}}, true, "not take user ann", "closed the connection"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			logs := &logged{tb: t}
			test.cfg.Wait, test.cfg.Log = 20*time.Second, slog.New(logs)
			if test.waits {
				test.cfg.Wait = 3 * time.Second
			}
			began := time.Now()
			c, err := Connect(t.Context(), test.cfg)
			took := time.Since(began)
			if err == nil {
				_ = c.Close()
				t.Fatal("connected")
			}
			var se *cta.ServiceError
			if !errors.As(err, &se) || se.Service != "Kafka broker" || se.Addr != test.cfg.Brokers[0] {
				t.Fatalf("%v, want a ServiceError with the address", err)
			}
			if !strings.Contains(se.Hint, test.hint) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%v, want hint %q, reason %q", err, test.hint, test.reason)
			}
			if strings.Contains(err.Error()+logs.String(), "wr0ng") {
				t.Errorf("password shown: %v\n%s", err, logs)
			}
			if test.waits {
				if strings.Contains(err.Error(), "no answer within 3s: no answer") {
					return // nothing was there to be logged
				}
				if took < test.cfg.Wait || took > test.cfg.Wait+15*time.Second {
					t.Errorf("took %v", took)
				}
				if n := logs.count("waiting for the Kafka broker"); n != 1 {
					t.Errorf("logged %d times:\n%s", n, logs)
				}
			} else if took > 15*time.Second {
				t.Errorf("took %v for what waiting doesn't mend", took)
			}
		})
	}
}

// closedPort returns an address at which nobody listens.
func closedPort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestConnectListsEveryWrongSetting(t *testing.T) {
	_, err := Connect(t.Context(), Config{Brokers: []string{"nowhere"}, Wait: -1, SASL: SASL{Mechanism: "PLAIM"}})
	for _, want := range []string{`broker is "nowhere"`, "Wait is -1ns", `SASL.Mechanism is "PLAIM"`, "SASL.User is empty", "SASL.Password is empty"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	for _, broker := range []string{"u:s3cret@h", "//u:s3cret@h", "http//u:s3cret@h", "s3cret@h:9092", "h:99999"} {
		_, err := Connect(t.Context(), Config{Brokers: []string{broker}, Wait: time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), "want host:port") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want it refused, and no password shown", broker, err)
		}
	}
	if _, err := Connect(t.Context(), Config{}); err == nil || !strings.Contains(err.Error(), "Brokers is empty") {
		t.Errorf("without brokers: %v", err)
	}
}

func TestConnectHeedsItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	began := time.Now()
	_, err = Connect(ctx, Config{Brokers: []string{mute.Addr().String()}})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestConnectWaitsForTheBroker(t *testing.T) {
	addr := closedPort(t)
	_, port, _ := net.SplitHostPort(addr)
	var n int
	fmt.Sscan(port, &n)
	started := make(chan *kfake.Cluster, 1)
	time.AfterFunc(300*time.Millisecond, func() {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(n))
		if err != nil {
			t.Error(err)
		}
		started <- cluster
	})
	newClient(t, Config{Brokers: []string{addr}})
	if cluster := <-started; cluster != nil {
		t.Cleanup(cluster.Close)
	}
}

func TestSASLHidesThePassword(t *testing.T) {
	s := SASL{Mechanism: "PLAIN", User: "ann", Password: "s3cret"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, s); strings.Contains(got, "s3cret") || !strings.Contains(got, "ann") {
			t.Errorf("%s prints %s", format, got)
		}
	}
}

func TestTwoClientsShareOneRegisterer(t *testing.T) {
	reg := prometheus.NewRegistry()
	cluster := newBroker(t)
	for range 2 {
		c, _ := newClient(t, Config{Brokers: cluster.ListenAddrs(), Metrics: reg})
		ensure(t, c, EventTopic("t", 1))
		send(t, c, text("t", "12345"))
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		if f.GetName() == "ctalive_kafka_sent_bytes_total" {
			found = true
			if got := f.GetMetric()[0].GetCounter().GetValue(); got != 10 {
				t.Errorf("%v bytes sent, want 10", got)
			}
		}
	}
	if !found {
		t.Error("no ctalive_kafka_sent_bytes_total")
	}
}
