package stations

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
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
)

// That a connector delivers is proved by rows in its topic that are its own,
// whatever state the worker tells.
func TestAwaitDelivery(t *testing.T) {
	const (
		running   = `{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"RUNNING"}]}`
		noTask    = `{"connector":{"state":"RUNNING"},"tasks":[]}`
		paused    = `{"connector":{"state":"PAUSED"},"tasks":[{"id":0,"state":"PAUSED"}]}`
		failed    = `{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED","trace":"java.lang.Oops: no such column"}]}`
		unknown   = ``
		untracked = `{"error_code":403,"message":"Topic tracking is disabled."}`
		wrote     = `{"stations":{"topics":["{topic}"]}}`
		none      = `{"stations":{"topics":[]}}`
		records   = 5 // three rows, one of them again, and a deletion
	)
	rows := tables.Rows(cta.Chicago())[:3]
	for _, test := range []struct {
		name   string
		status string // what the worker tells
		topics string
		there  string // in the topic: nothing, no topic, or records that were there before Create or are new
		want   Delivery
		err    []string // parts of its text
	}{
		{"all rows have come", running, wrote, "new", Delivery{Records: 5, Stops: 3, New: 5, Proven: true}, nil},
		{"all rows have come, and the worker can't tell whose", running, untracked, "new", Delivery{Records: 5, Stops: 3, New: 5, Proven: true}, nil},
		{"all rows are its own from before", running, wrote, "before", Delivery{Records: 5, Stops: 3, Proven: true}, nil},
		{"all rows are another's", running, none, "before", Delivery{Records: 5, Stops: 3}, nil},
		{"all rows are another's and new", running, none, "new", Delivery{Records: 5, Stops: 3, New: 5}, nil},
		{"all rows were there before, and the worker can't tell whose", running, untracked, "before", Delivery{Records: 5, Stops: 3}, nil},
		{"all rows were there before, and the connector is dead", failed, wrote, "before", Delivery{Records: 5, Stops: 3, Proven: true}, []string{"task 0 FAILED", "no such column"}},
		{"all rows were there before, and the connector is paused", paused, wrote, "before", Delivery{Records: 5, Stops: 3, Proven: true}, []string{"is PAUSED", "/connectors/stations/resume"}},
		{"all rows were there before, and the worker has no connector", unknown, untracked, "before", Delivery{Records: 5, Stops: 3}, []string{"no such connector", "create it"}},
		{"running, and nothing comes", running, none, "nothing", Delivery{}, []string{"RUNNING, task 0 RUNNING", "the rows of 0 stops, want 3", "worker's log"}},
		{"running, and the topic can't be created", running, none, "no topic", Delivery{}, []string{"RUNNING, task 0 RUNNING, and there is no topic {topic} (create the topic first", "topic.creation.enable=true", "auto.create.topics.enable=true"}},
		{"running without a task", noTask, none, "nothing", Delivery{}, []string{"no task", "table public.stations"}},
		{"failed", failed, none, "nothing", Delivery{}, []string{"task 0 FAILED", "no such column", "create the connector again"}},
		{"never known to the worker", unknown, none, "nothing", Delivery{}, []string{"no such connector", "create it"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sys := ctatest.Start(t)
			topic := sys.Topics.Stations()
			worker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := test.status
				if strings.HasSuffix(r.URL.Path, "/topics") {
					answer = strings.ReplaceAll(test.topics, "{topic}", topic)
				}
				switch answer {
				case unknown:
					w.WriteHeader(http.StatusNotFound)
					answer = `{"error_code":404,"message":"No status found for connector stations"}`
				case untracked:
					w.WriteHeader(http.StatusForbidden)
				}
				fmt.Fprint(w, answer)
			}))
			defer worker.Close()
			switch test.there {
			case "nothing":
				if err := sys.Kafka.EnsureTopics(t.Context(), kafka.EventTopic(topic, 1)); err != nil {
					t.Fatal(err)
				}
			case "before", "new":
				sys.SendRows(rows...)
				sys.Send(
					kafka.Record{Topic: topic, Value: rows[0].AppendJSON(nil)},
					kafka.Record{Topic: topic, Key: []byte(`{"stop_id":1}`)})
			}
			c, err := NewConnector(worker.URL, ConnectorConfig{Name: "stations", Postgres: "postgres://u:p@db:5432/cta", Topics: sys.Topics})
			if err != nil {
				t.Fatal(err)
			}
			c.worker.Clock, _ = servicetest.FakeClock()
			var before Delivery
			if test.there == "before" {
				if before, err = c.Delivered(t.Context(), sys.Kafka); err != nil || before.Records != records {
					t.Fatalf("before: %+v, %v, want %d records", before, err, records)
				}
			}
			got, err := c.AwaitDelivery(t.Context(), sys.Kafka, before, 3)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("delivered (-want +got):\n%s", d)
			}
			if service := (*cta.ServiceError)(nil); (err != nil) != (test.err != nil) || err != nil && !errors.As(err, &service) {
				t.Fatalf("error %v, want one with %q", err, test.err)
			}
			for _, part := range test.err {
				if part = strings.ReplaceAll(part, "{topic}", topic); !strings.Contains(err.Error(), part) {
					t.Errorf("%v\nlacks %q", err, part)
				}
			}
		})
	}
}
