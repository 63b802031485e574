package stations_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
)

// A connector is created on a worker that has Debezium installed, and awaited.
func ExampleConnector() {
	worker := httptest.NewServer(connectWorker()) // stands for http://127.0.0.1:8083
	defer worker.Close()
	ctx := context.Background()

	connector, err := stations.NewConnector(worker.URL, stations.ConnectorConfig{
		Postgres: "postgres://cta_admin:chicago@postgres:5432/cta",
	})
	if err != nil {
		log.Fatal(err)
	}
	kind, err := connector.Kind(ctx)
	if err != nil {
		log.Fatal(err)
	}
	created, err := connector.Create(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(connector.Name(), "by", kind, "created:", created)
	status, err := connector.Status(ctx) // [stations.Connector.AwaitDelivery] shows that rows come
	fmt.Println(status, err)

	// Output:
	// stations by debezium created: true
	// RUNNING, task 0 RUNNING <nil>
}

// connectWorker answers as a Kafka Connect worker does.
func connectWorker() http.Handler {
	answers := http.NewServeMux()
	answer := func(pattern string, status int, body string) {
		answers.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	answer("GET /connector-plugins", http.StatusOK,
		`[{"class":"io.debezium.connector.postgresql.PostgresConnector","type":"source","version":"3.6.3.Final"}]`)
	answer("PUT /connectors/stations/config", http.StatusCreated, `{"name":"stations","tasks":[],"type":"source"}`)
	answer("GET /connectors/stations/status", http.StatusOK,
		`{"name":"stations","connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"RUNNING"}],"type":"source"}`)
	return answers
}
