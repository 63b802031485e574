package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
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
		{SASL{Mechanism: "OAUTHBEARER", Tokens: source, User: "ann"}, "has no use for"},
		{SASL{Mechanism: "PLAIN", User: "ann", Password: "s3cret", Tokens: source}, "only OAUTHBEARER uses"},
		{SASL{Tokens: source}, "SASL.Mechanism is"},
	} {
		err := errors.Join(test.sasl.validate()...)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: %v, want %q", test.sasl, err, test.want)
		}
	}
}

// Each connection asks for a token, until the client is closed; what is wrong with it
// is said.
func TestTokens(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	for _, test := range []struct {
		name   string
		source tokenFunc
		want   string // value, or part of the error
	}{
		{"one", func(context.Context) (Token, error) { return Token{"abc", map[string]string{"pool": "p1"}}, nil }, "abc"},
		{"none", func(context.Context) (Token, error) { return Token{}, nil }, "no token for OAUTHBEARER: it is empty"},
		{"a fault", func(context.Context) (Token, error) { return Token{}, errors.New("provider is away") }, "no token for OAUTHBEARER: provider is away"},
		{"a wait", func(ctx context.Context) (Token, error) { cancel(); <-ctx.Done(); return Token{}, ctx.Err() }, "no token for OAUTHBEARER: context canceled"},
	} {
		got, err := tokens{ctx, test.source}.Token()
		switch {
		case err != nil && err.Error() != test.want:
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		case err == nil && (got.Token != test.want || got.Extensions["pool"] != "p1"):
			t.Errorf("%s: %+v, want %s", test.name, got, test.want)
		}
	}
}
