package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// SASL is how a client identifies itself. The zero value: not at all.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}

var mechanisms = []string{sarama.SASLTypePlaintext, sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512}

func (s SASL) validate() []error {
	if s == (SASL{}) {
		return nil
	}
	var faults []error
	if !slices.Contains(mechanisms, s.Mechanism) {
		faults = append(faults, fmt.Errorf("SASL.Mechanism is %q, want one of %s", s.Mechanism, strings.Join(mechanisms, ", ")))
	}
	if s.User == "" {
		faults = append(faults, errors.New("SASL.User is empty"))
	}
	if s.Password == "" {
		faults = append(faults, errors.New("SASL.Password is empty"))
	}
	return faults
}

// String leaves the password out, so that it reaches no log.
func (s SASL) String() string {
	if s == (SASL{}) {
		return "none"
	}
	return s.Mechanism + " as " + s.User
}

// GoString is String.
func (s SASL) GoString() string { return s.String() }

func (s SASL) apply(conf *sarama.Config) {
	if s.Mechanism == "" {
		return
	}
	conf.Net.SASL.Enable = true
	conf.Net.SASL.Mechanism = sarama.SASLMechanism(s.Mechanism)
	conf.Net.SASL.User = s.User
	conf.Net.SASL.Password = s.Password
	switch s.Mechanism {
	case sarama.SASLTypeSCRAMSHA256:
		conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA256} }
	case sarama.SASLTypeSCRAMSHA512:
		conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: scram.SHA512} }
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
