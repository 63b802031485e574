package kafka_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// tokenFile is a file with a token, which another program keeps fresh. A source for AWS
// MSK or for OpenID Connect has the same method.
type tokenFile string

func (f tokenFile) Token(context.Context) (kafka.Token, error) {
	token, err := os.ReadFile(string(f))
	return kafka.Token{Value: strings.TrimSpace(string(token))}, err
}

// A cluster that wants OAUTHBEARER. The token is read for each new connection.
func ExampleTokenSource() {
	file := filepath.Join(os.TempDir(), "kafka-token-of-the-example")
	if err := os.WriteFile(file, []byte("eyJhbGciOi…\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	defer os.Remove(file)

	cfg := kafka.Config{
		Brokers: []string{"kafka.example.org:9094"},
		TLS:     &tls.Config{},
		SASL:    kafka.SASL{Mechanism: "OAUTHBEARER", Tokens: tokenFile(file)},
	}
	// kafka.Connect(ctx, cfg) asks for a token as follows.
	token, err := cfg.SASL.Tokens.Token(context.Background())
	fmt.Println(token.Value, err)
	// Output: eyJhbGciOi… <nil>
}
