package rest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/seed-921eec07/ctalive/cta/rest"
)

// A service at https, with a certificate of a private authority, that wants a bearer token.
func ExampleClient_tokens() {
	service := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fresh" {
			http.Error(w, `{"error_code": 401, "message": "Unauthorized"}`, http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, `["stations"]`)
	}))
	defer service.Close()
	authority := x509.NewCertPool()
	authority.AddCert(service.Certificate()) // usually read from a file

	token := "expired"
	client, err := rest.New(rest.Config{
		Service: "Kafka Connect", URL: service.URL,
		Access: rest.Access{
			// Token is called for each request: tokens expire.
			Token: func(context.Context) (string, error) { return token, nil },
			TLS:   &tls.Config{RootCAs: authority},
		},
		Timeout: 5 * time.Second, Wait: 10 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	var connectors []string
	_, err = client.Call(context.Background(), http.MethodGet, "/connectors", nil, &connectors)
	if refused := (*rest.Error)(nil); errors.As(err, &refused) {
		fmt.Println(client.Fail(err).Service, "refuses:", refused.Status, refused.Message)
	}
	token = "fresh"
	_, err = client.Call(context.Background(), http.MethodGet, "/connectors", nil, &connectors)
	fmt.Println(connectors, err)
	// Output:
	// Kafka Connect refuses: 401 Unauthorized
	// [stations] <nil>
}
