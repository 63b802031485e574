package rest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

// A Schema Registry at https, with a certificate of a private authority, that wants a
// bearer token. The REST Proxy, Kafka Connect and ksqlDB have the same setting.
func ExampleAccess() {
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fresh" {
			http.Error(w, `{"error_code": 401, "message": "Unauthorized"}`, http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, `{"schema": "\"string\""}`)
	}))
	defer service.Close()
	authority := x509.NewCertPool()
	authority.AddCert(service.Certificate()) // usually read from a file

	token := "expired"
	registry, err := wire.NewRegistry(wire.RegistryConfig{
		URL: service.URL,
		Access: rest.Access{
			// Token is called for each request, because tokens expire.
			Token: func(context.Context) (string, error) { return token, nil },
			TLS:   &tls.Config{RootCAs: authority},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer registry.Close()

	_, err = registry.Schema(context.Background(), 1)
	if refused, ok := errors.AsType[*rest.Error](err); ok {
		fmt.Println("refused:", refused.Status, refused.Message)
	}
	token = "fresh"
	schema, err := registry.Schema(context.Background(), 1)
	fmt.Println(schema, err)
	// Output:
	// refused: 401 Unauthorized
	// "string" <nil>
}
