package ctaproducer

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// Rows in the topic are the proof of delivery, whatever state the worker tells.
func TestAwaitDelivery(t *testing.T) {
	const (
		running = `{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"RUNNING"}]}`
		noTask  = `{"connector":{"state":"RUNNING"},"tasks":[]}`
		failed  = `{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED","trace":"java.lang.Oops: no such column"}]}`
	)
	rows := cta.Chicago().Rows()[:3]
	for _, test := range []struct {
		name   string
		status string // "": unknown to the worker
		want   Delivery
		err    []string // parts of its text
	}{
		{"all rows are there", running, Delivery{Records: 5, Stops: 3}, nil},
		{"all rows are there from before", "", Delivery{Records: 5, Stops: 3}, nil},
		{"running, and nothing comes", running, Delivery{}, []string{"RUNNING, task 0 RUNNING", "the rows of 0 stops, want 3", "worker's log"}},
		{"running without a task", noTask, Delivery{}, []string{"no task", "0 stops, want 3"}},
		{"failed", failed, Delivery{}, []string{"task 0 FAILED", "no such column", "create the connector again"}},
		{"never known to the worker", "", Delivery{}, []string{"no such connector", "create it"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			worker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if test.status == "" {
					w.WriteHeader(http.StatusNotFound)
					fmt.Fprint(w, `{"error_code":404,"message":"No status found for connector stations"}`)
					return
				}
				fmt.Fprint(w, test.status)
			}))
			defer worker.Close()
			sys := ctatest.Start(t)
			if test.err == nil {
				sys.Rows(rows...)
				sys.Send( // a row again, and a deletion
					kafka.Record{Topic: sys.Topics.Stations(), Value: rows[0].AppendJSON(nil)},
					kafka.Record{Topic: sys.Topics.Stations(), Key: []byte(`{"stop_id":1}`)})
			}
			c, err := NewConnector(worker.URL, ConnectorConfig{Postgres: "postgres://u:p@db:5432/cta", Topics: sys.Topics})
			if err != nil {
				t.Fatal(err)
			}
			c.patience, _ = fakePatience(c.patience)
			got, err := c.AwaitDelivery(t.Context(), sys.Kafka, 3)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("delivered (-want +got):\n%s", d)
			}
			if service := (*cta.ServiceError)(nil); (err != nil) != (test.err != nil) || err != nil && !errors.As(err, &service) {
				t.Fatalf("error %v, want one with %q", err, test.err)
			}
			for _, part := range test.err {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v\nlacks %q", err, part)
				}
			}
		})
	}
}
