package kafka_test

import (
	"context"
	"crypto/tls"
	"log"
	"os"
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
func ExampleConnect_tokens() {
	client, err := kafka.Connect(context.Background(), kafka.Config{
		Brokers: []string{"kafka.example.org:9094"},
		TLS:     &tls.Config{},
		SASL:    kafka.SASL{Mechanism: "OAUTHBEARER", Tokens: tokenFile("/run/secrets/kafka-token")},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}
