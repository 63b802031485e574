package stack

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// exports runs the script, and returns the variables that it prints.
func exports(t *testing.T, command string) map[string]string {
	t.Helper()
	variable(t, "CTALIVE_BROKERS")
	out, err := script(t, []string{command})
	if err != nil {
		t.Fatalf("stack %s: %v\n%s", command, err, out)
	}
	vars := make(map[string]string)
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			vars[name] = value
		}
	}
	return vars
}

func trusted(t *testing.T, file string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// token is one that is signed by nobody, as the broker of this stack takes it.
func token(t *testing.T, user string, expires time.Time) kafka.Token {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return kafka.Token{Value: part(map[string]string{"alg": "none"}) + "." +
		part(map[string]any{"sub": user, "iat": expires.Add(-time.Hour).Unix(), "exp": expires.Unix()}) + "."}
}

type tokenFunc func(context.Context) (kafka.Token, error)

func (f tokenFunc) Token(ctx context.Context) (kafka.Token, error) { return f(ctx) }

// A broker lets in who shows what it wants; who doesn't is told what is wrong, at once
// and without the secret.
func TestBrokerLetsIn(t *testing.T) {
	mutual, secure := exports(t, "mutual"), exports(t, "secure")
	trust := trusted(t, mutual["CTALIVE_TLS_CA"])
	certified := trust.Clone()
	pair, err := tls.LoadX509KeyPair(mutual["CTALIVE_TLS_CERT"], mutual["CTALIVE_TLS_KEY"])
	if err != nil {
		t.Fatal(err)
	}
	certified.Certificates = []tls.Certificate{pair}
	tokens := func(expires time.Time) kafka.SASL {
		return kafka.SASL{Mechanism: "OAUTHBEARER", Tokens: tokenFunc(func(context.Context) (kafka.Token, error) { return token(t, "ctalive", expires), nil })}
	}
	user, password := secure["CTALIVE_SASL_USER"], secure["CTALIVE_SASL_PASSWORD"]
	for _, test := range []struct {
		name, brokers string
		tls           *tls.Config
		sasl          kafka.SASL
		want          string // in the error; empty: none
	}{
		{"a client certificate", mutual["CTALIVE_BROKERS"], certified, kafka.SASL{}, ""},
		{"no client certificate", mutual["CTALIVE_BROKERS"], trust, kafka.SASL{}, "certificate"},
		{"PLAIN", secure["CTALIVE_BROKERS"], trust, kafka.SASL{Mechanism: "PLAIN", User: user, Password: password}, ""},
		{"PLAIN with a wrong password", secure["CTALIVE_BROKERS"], trust, kafka.SASL{Mechanism: "PLAIN", User: user, Password: "s3cret"}, "user " + user + " with PLAIN"},
		{"SCRAM", secure["CTALIVE_BROKERS"], trust, kafka.SASL{Mechanism: "SCRAM-SHA-512", User: user, Password: password}, ""},
		{"a token", secure["CTALIVE_BROKERS"], trust, tokens(time.Now().Add(time.Hour)), ""},
		{"an expired token", secure["CTALIVE_BROKERS"], trust, tokens(time.Now().Add(-time.Hour)), "authentication failed with OAUTHBEARER"},
		{"no token", secure["CTALIVE_BROKERS"], trust, kafka.SASL{Mechanism: "OAUTHBEARER",
			Tokens: tokenFunc(func(context.Context) (kafka.Token, error) { return kafka.Token{}, errors.New("the provider is away") })}, "the provider is away"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := kafka.Connect(t.Context(), kafka.Config{Brokers: strings.Split(test.brokers, ","), TLS: test.tls, SASL: test.sasl, Wait: 10 * time.Second})
			if test.want != "" {
				if err == nil {
					_ = c.Close()
				}
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			topic := "access-" + strings.ToLower(rand.Text())
			if err := c.EnsureTopics(t.Context(), kafka.EventTopic(topic, 1)); err != nil {
				t.Fatal(err)
			}
			p, err := c.NewProducer(kafka.ProducerConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.Send(t.Context(), kafka.Record{Topic: topic, Value: []byte("x")}, nil), p.Flush(t.Context()), p.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
