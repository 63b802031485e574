package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type tokenFunc func(context.Context) (Token, error)

func (f tokenFunc) Token(ctx context.Context) (Token, error) { return f(ctx) }

func TestSASLWantsWhatItsMechanismUses(t *testing.T) {
	source := tokenFunc(func(context.Context) (Token, error) { return Token{}, nil })
	for _, test := range []struct {
		sasl SASL
		want string // in the error; empty: none
	}{
		{SASL{}, ""},
		{SASL{Mechanism: "PLAIN", User: "ann", Password: "s3cret"}, ""},
		{SASL{Mechanism: "OAUTHBEARER", Tokens: source}, ""},
		{SASL{Mechanism: "OAUTHBEARER"}, "SASL.Tokens is nil"},
		{SASL{Mechanism: "OAUTHBEARER", Tokens: source, User: "ann"}, "want neither"},
		{SASL{Mechanism: "PLAIN", User: "ann", Password: "s3cret", Tokens: source}, "only OAUTHBEARER uses"},
		{SASL{Tokens: source}, "SASL.Mechanism is"},
	} {
		err := errors.Join(test.sasl.validate()...)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: %v, want %q", test.sasl, err, test.want)
		}
	}
}

// What is wrong with a token is said.
func TestTokens(t *testing.T) {
	for _, test := range []struct {
		name   string
		source tokenFunc
		want   string // value, or part of the error
	}{
		{"one", func(context.Context) (Token, error) { return Token{"abc", map[string]string{"pool": "p1"}}, nil }, "abc"},
		{"none", func(context.Context) (Token, error) { return Token{}, nil }, "no token for OAUTHBEARER: it is empty"},
		{"a fault", func(context.Context) (Token, error) { return Token{}, errors.New("provider is away") }, "no token for OAUTHBEARER: provider is away"},
	} {
		got, err := SASL{Mechanism: "OAUTHBEARER", Tokens: test.source}.token()(t.Context())
		switch {
		case err != nil && err.Error() != test.want:
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		case err == nil && (got.Token != test.want || got.Extensions["pool"] != "p1"):
			t.Errorf("%s: %+v, want %s", test.name, got, test.want)
		}
	}
}

// Who waits for a connection needn't wait for its token any longer than for an answer.
func TestTokenEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	c := newBroker(t, kfake.EnableSASL())
	c.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return r.ResponseKind(), nil, true // also for OAUTHBEARER
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	source := tokenFunc(func(asking context.Context) (Token, error) {
		cancel()
		select {
		case <-asking.Done():
		case <-time.After(9 * time.Second):
			t.Error("the caller has left, and the token is still waited for")
		}
		return Token{}, asking.Err()
	})
	_, err := Connect(ctx, Config{Brokers: c.ListenAddrs(), SASL: SASL{Mechanism: "OAUTHBEARER", Tokens: source}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Connect returned %v, want the end of its context", err)
	}
}
