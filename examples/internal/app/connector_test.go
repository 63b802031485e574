package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
)

// The topic that Kafka Connect creates gets as many replicas as those that a program
// creates.
func TestConnectorReplication(t *testing.T) {
	var settings map[string]string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connector-plugins", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"class":"io.debezium.connector.postgresql.PostgresConnector","type":"source"}]`)
	})
	mux.HandleFunc("PUT /connectors/stations/config", func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&settings); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{}`)
	})
	worker := httptest.NewServer(mux)
	defer worker.Close()
	for args, want := range map[string]string{"-replication-factor=3": "3", "-replication-factor=0": "-1"} {
		p := Program{Name: "connector", Flags: Database | Connect}
		s, err := p.parse(cta.Chicago(), []string{"-brokers", "127.0.0.1:1", "-connect", worker.URL, args}, func(string) string { return "" }, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.NewConnector()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := settings["topic.creation.default.replication.factor"]; got != want {
			t.Errorf("%s: the connector's replication factor is %q, want %s", args, got, want)
		}
	}
}
