package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// A cluster that wants TLS, and a user with a password.
func ExampleConnect_tls() {
	// A server of package httptest brings a certificate for 127.0.0.1.
	owner := httptest.NewTLSServer(nil)
	defer owner.Close()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: owner.TLS.Certificates}),
		kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "ann", "s3cret"))
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()

	authority := x509.NewCertPool()
	authority.AddCert(owner.Certificate()) // usually read from a file
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := kafka.Connect(ctx, kafka.Config{
		Brokers: broker.ListenAddrs(),
		TLS:     &tls.Config{RootCAs: authority},
		SASL:    kafka.SASL{Mechanism: "SCRAM-SHA-256", User: "ann", Password: "s3cret"},
	})
	if err != nil {
		log.Fatal(err) // names the broker, the reason and the remedy
	}
	defer client.Close()
	fmt.Println("connected:", client.EnsureTopics(ctx, kafka.EventTopic("arrivals", 1)))
	// Output: connected: <nil>
}
