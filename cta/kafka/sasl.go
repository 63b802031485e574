package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
)

const oauthbearer = sarama.SASLTypeOAuth

// SASL authenticates a client. The zero value does not authenticate.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
	User      string // for all but OAUTHBEARER
	Password  string // for all but OAUTHBEARER
	// Tokens provides a token for each new connection, for OAUTHBEARER only.
	Tokens TokenSource
}

// TokenSource provides the tokens of OAUTHBEARER, such as those of an OpenID Connect
// provider or of AWS MSK's IAM. Several goroutines call it. A source that asks a service
// should cache a token while it is valid: there are many connections. ctx ends with the
// request that waits for the connection, after 2 to 5 s. Token must then return at once:
// Transform, Read and Close wait for it.
type TokenSource interface {
	Token(ctx context.Context) (Token, error)
}

// Token authenticates one connection.
type Token struct {
	Value      string
	Extensions map[string]string // SASL extensions, which some providers require
}

var mechanisms = []string{sarama.SASLTypePlaintext, sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512, oauthbearer}

func (s SASL) validate() (faults []error) {
	if s == (SASL{}) {
		return nil
	}
	if !slices.Contains(mechanisms, s.Mechanism) {
		faults = append(faults, fmt.Errorf("SASL.Mechanism is %q, want one of %s", s.Mechanism, strings.Join(mechanisms, ", ")))
	}
	if s.Mechanism == oauthbearer {
		if s.Tokens == nil {
			faults = append(faults, errors.New("SASL.Tokens is nil, which OAUTHBEARER needs"))
		}
		if s.User != "" || s.Password != "" {
			faults = append(faults, errors.New("SASL.User or SASL.Password is set, want neither for OAUTHBEARER: the token names the user"))
		}
		return faults
	}
	if s.User == "" {
		faults = append(faults, errors.New("SASL.User is empty"))
	}
	if s.Password == "" {
		faults = append(faults, errors.New("SASL.Password is empty"))
	}
	if s.Tokens != nil {
		faults = append(faults, errors.New("SASL.Tokens is set, which only OAUTHBEARER uses"))
	}
	return faults
}

// String omits the password, to keep it out of logs.
func (s SASL) String() string {
	switch s.Mechanism {
	case "":
		return "none"
	case oauthbearer:
		return oauthbearer
	}
	return s.Mechanism + " as " + s.User
}

// GoString is String.
func (s SASL) GoString() string { return s.String() }

// apply sets up sarama's authentication.
func (s SASL) apply(conf *sarama.Config) {
	conf.Net.SASL.Enable = s.Mechanism != ""
	conf.Net.SASL.Mechanism = sarama.SASLMechanism(s.Mechanism)
	conf.Net.SASL.User = s.User
	conf.Net.SASL.Password = s.Password
	hash := scram.SHA256
	if s.Mechanism == sarama.SASLTypeSCRAMSHA512 {
		hash = scram.SHA512
	}
	conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hash} }
}

// token returns how a connection gets its token; nil without OAUTHBEARER.
func (s SASL) token() cluster.Token {
	if s.Mechanism != oauthbearer {
		return nil
	}
	return func(ctx context.Context) (*sarama.AccessToken, error) {
		token, err := s.Tokens.Token(ctx)
		if err == nil && token.Value == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			return nil, fmt.Errorf("no token for OAUTHBEARER: %w", err)
		}
		return &sarama.AccessToken{Token: token.Value, Extensions: token.Extensions}, nil
	}
}

// scramClient is one SCRAM exchange, as sarama asks for it.
type scramClient struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

// Begin starts the exchange.
func (s *scramClient) Begin(user, password, authzID string) error {
	client, err := s.hash.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	s.ClientConversation = client.NewConversation()
	return nil
}
