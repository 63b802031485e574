package examples_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/tables"
)

// connectWorker stands for a Kafka Connect worker with one connector, that wrote
// to its topic if anybody asks.
func connectWorker(t *testing.T, topic string) (url string, there *atomic.Bool) {
	there = new(atomic.Bool)
	mux := http.NewServeMux()
	answer := func(pattern string, status int, body string, after bool) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if !there.Load() && r.Method != http.MethodPut && strings.HasPrefix(r.URL.Path, "/connectors/") {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"error_code":404,"message":"No status found for connector stations"}`)
				return
			}
			there.Store(after)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		})
	}
	mux.HandleFunc("GET /connector-plugins", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"class":"io.aiven.connect.jdbc.JdbcSourceConnector","type":"source","version":"6.10.0"}]`)
	})
	answer("PUT /connectors/stations/config", http.StatusCreated, `{"name":"stations","tasks":[],"type":"source"}`, true)
	answer("GET /connectors/stations/status", http.StatusOK,
		`{"name":"stations","connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"RUNNING"}],"type":"source"}`, true)
	answer("GET /connectors/stations/topics", http.StatusOK, `{"stations":{"topics":["`+topic+`"]}}`, true)
	answer("DELETE /connectors/stations", http.StatusNoContent, "", false)
	worker := httptest.NewServer(mux)
	t.Cleanup(worker.Close)
	return worker.URL, there
}

// prints runs an example to its end and checks its code and what it prints.
func prints(t *testing.T, code int, want []string, name string, args ...string) {
	t.Helper()
	p := start(t, name, args...)
	p.exits(code, 60*time.Second)
	for _, text := range want {
		if !strings.Contains(p.out.String(), text) {
			t.Errorf("%s %s does not print %q", name, strings.Join(args, " "), text)
		}
	}
}

func TestConnectorShowsAndDeletes(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Stations()
	worker, there := connectWorker(t, topic)
	args := []string{"-brokers", strings.Join(sys.Brokers, ","), "-prefix", sys.Topics.Prefix, "-connect", worker, "-name", "stations"}
	rows := tables.Rows(cta.Chicago())
	sys.SendRows(rows...)

	prints(t, 1, []string{"connector stations: no such connector (create it with Connector.Create)"}, "connector", append(args, "-status")...)
	records := []string{fmt.Sprintf("topic %s: %d records of %d stops", topic, len(rows), len(rows))}
	for i, row := range rows[:3] {
		records = append(records, fmt.Sprintf("partition 0, offset %d, key null: %s", i, row.AppendJSON(nil)))
	}
	t.Run("create", func(t *testing.T) {
		db := os.Getenv("CTALIVE_POSTGRES")
		if db == "" {
			prints(t, 1, []string{"PostgreSQL at postgres://127.0.0.1:1/cta: ", "connection refused"}, "connector",
				append(args, "-wait", "200ms", "-postgres", "postgres://cta_admin:secret@127.0.0.1:1/cta")...)
			return
		}
		prints(t, 0, append(records, "created true, RUNNING, task 0 RUNNING", "delivered: 0 new records"), "connector", append(args, "-postgres", db)...)
	})
	there.Store(true)
	prints(t, 0, append(records, "connector stations: RUNNING, task 0 RUNNING"), "connector", append(args, "-status")...)
	prints(t, 0, []string{
		"connector stations is deleted", "topic " + topic, "position in the table", "pg_drop_replication_slot('ctalive_stations')",
	}, "connector", append(args, "-delete")...)
	if there.Load() {
		t.Error("the connector is still there")
	}
	prints(t, 0, []string{"connector stations is deleted"}, "connector", append(args, "-delete")...)
	prints(t, 2, []string{"-status: not together with -delete"}, "connector", "-status", "-delete")
}
