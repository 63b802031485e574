package stations

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/ctaproducer/internal/servicetest"
)

func TestConnectorAgainstAnswers(t *testing.T) {
	type exchange struct {
		Name    string
		Call    string // the method
		Kind    ConnectorKind
		Answers []servicetest.Answer
		Result  string
		Error   string
	}
	for _, x := range servicetest.Exchanges[exchange](t, "connector.json") {
		t.Run(x.Name, func(t *testing.T) {
			worker := servicetest.NewReplay(t, x.Answers)
			var logged bytes.Buffer
			c, err := NewConnector(worker.URL, ConnectorConfig{
				Postgres: "postgres://cta_admin:chicago@db:5432/cta", Kind: x.Kind,
				Log: slog.New(slog.NewTextHandler(&logged, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			c.worker.Clock, _ = servicetest.FakeClock()
			result, err := callConnector(t.Context(), c, x.Call)
			if err != nil {
				result = ""
			}
			if got := servicetest.ErrorText(err, worker.URL); got != x.Error {
				t.Errorf("error\n got: %s\nwant: %s", got, x.Error)
			}
			if d := cmp.Diff(x.Result, result); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
			text := strings.ReplaceAll(logged.String()+servicetest.ErrorText(err, ""), "org.chicago.cta", "")
			if strings.Contains(text, "chicago") {
				t.Errorf("password shown:\n%s", text)
			}
			servicetest.CheckMessage(t, err, "Kafka Connect", worker.URL)
			worker.Done(t)
		})
	}
}

func callConnector(ctx context.Context, c *Connector, method string) (string, error) {
	switch method {
	case "Create":
		created, err := c.Create(ctx)
		if created {
			return "created", err
		}
		return "updated", err
	case "Plugins":
		plugins, err := c.plugins(ctx)
		return sourceClasses(plugins), err
	case "Status":
		s, err := c.Status(ctx)
		return s.String(), err
	case "Await":
		return "runs", c.await(ctx, func(bool) (bool, error) { return true, nil }, nil)
	case "CreateAndAwait":
		if _, err := c.Create(ctx); err != nil {
			return "", fmt.Errorf("created: %w", err)
		}
		return "runs", c.await(ctx, func(bool) (bool, error) { return true, nil }, nil)
	case "Delete":
		return "deleted", c.Delete(ctx)
	}
	return "", errors.New("no such call: " + method)
}

// created returns the settings that Create sends for a kind.
func created(t *testing.T, cfg ConnectorConfig) map[string]string {
	t.Helper()
	worker := servicetest.NewReplay(t, []servicetest.Answer{
		{Request: "GET /connector-plugins", Status: http.StatusOK, Body: json.RawMessage(`[{"class":"` + cfg.Kind.class() + `","type":"source"}]`)},
		{Request: "PUT /connectors/stations/config", Status: http.StatusCreated, Body: json.RawMessage(`{}`)},
	})
	c, err := NewConnector(worker.URL, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	var settings map[string]string
	if err := json.Unmarshal(worker.Requests()[1].Body, &settings); err != nil {
		t.Fatal(err)
	}
	return settings
}

func TestConnectorSettingsForJDBC(t *testing.T) {
	want := map[string]string{
		"name": "stations", "connector.class": "io.aiven.connect.jdbc.JdbcSourceConnector", "tasks.max": "1",
		"connection.url": "jdbc:postgresql://db:5433/cta?sslmode=require", "connection.user": "cta_admin", "connection.password": "p@ss",
		"table.whitelist": "stations", "schema.pattern": "public",
		"mode": "incrementing", "incrementing.column.name": "stop_id",
		"topic.prefix": "org.chicago.cta.", "poll.interval.ms": "60000", "batch.max.rows": "500",
		"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "3",
		"topic.creation.default.cleanup.policy": "delete",
	}
	got := created(t, ConnectorConfig{
		Kind: ConnectorAivenJDBC, Postgres: "postgres://cta_admin:p%40ss@db:5433/cta?sslmode=require",
		PollInterval: time.Minute, ReplicationFactor: 3,
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
	want["connector.class"] = "io.confluent.connect.jdbc.JdbcSourceConnector"
	got = created(t, ConnectorConfig{
		Kind: ConnectorConfluentJDBC, Postgres: "postgres://cta_admin:p%40ss@db:5433/cta?sslmode=require",
		PollInterval: time.Minute, ReplicationFactor: 3,
	})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Confluent's settings (-want +got):\n%s", d)
	}
}

func TestConnectorSettingsForDebezium(t *testing.T) {
	want := map[string]string{
		"name": "stations", "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1",
		"database.hostname": "db", "database.port": "5432", "database.user": "cta_admin",
		"database.password": "chicago", "database.dbname": "cta",
		"plugin.name": "pgoutput", "snapshot.mode": "initial", "table.include.list": "public.stations",
		"topic.prefix": "org.chicago.cta", "slot.name": "ctalive_stations",
		"publication.name": "ctalive_stations", "publication.autocreate.mode": "filtered",
		"tombstones.on.delete": "true",
		"transforms":           "row,topic",
		"transforms.row.type":  "io.debezium.transforms.ExtractNewRecordState",
		"transforms.row.delete.tombstone.handling.mode": "delete-to-tombstone",
		"transforms.topic.type":                         "org.apache.kafka.connect.transforms.RegexRouter",
		"transforms.topic.regex":                        `.*\.public\.stations`,
		"transforms.topic.replacement":                  "org.chicago.cta.stations",
		"key.converter":                                 "org.apache.kafka.connect.json.JsonConverter",
		"key.converter.schemas.enable":                  "false",
		"value.converter":                               "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable":                "false",
		"topic.creation.default.partitions":             "1",
		"topic.creation.default.replication.factor":     "-1",
		"topic.creation.default.cleanup.policy":         "delete",
	}
	got := created(t, ConnectorConfig{Kind: ConnectorDebezium, Postgres: "postgres://cta_admin:chicago@db/cta"})
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("settings (-want +got):\n%s", d)
	}
}

func TestConnectorListsWrongSettings(t *testing.T) {
	_, err := NewConnector("connect:8083", ConnectorConfig{
		Postgres: "mysql://root:hunter2@db/cta", Name: "a b", Kind: "oracle", PollInterval: 1, ReplicationFactor: -1,
	})
	want := `stations: connector: URL is "connect:8083", want http://host:port
Postgres is "mysql://***@db/cta", want postgres://user:password@host:5432/database
Name is "a b", want letters, digits, dots, dashes and underscores
Kind is "oracle", want one of ["aiven" "confluent" "debezium"]
PollInterval is 1ns, want 100ms or more
ReplicationFactor is -1, want 1 or more, or 0 for the broker's default`
	if d := cmp.Diff(want, servicetest.ErrorText(err, "")); d != "" {
		t.Errorf("error (-want +got):\n%s", d)
	}
}

// Two systems with different prefixes have a connector each on one worker, and a
// replication slot each in one database.
func TestConnectorsOfOtherPrefixesAreApart(t *testing.T) {
	names := make(map[string]string)
	for _, prefix := range []string{"", "a.", "b."} {
		c, err := NewConnector("http://127.0.0.1:8083", ConnectorConfig{Postgres: "postgres://u:p@db/cta", Topics: cta.Topics{Prefix: prefix}})
		if err != nil {
			t.Fatal(err)
		}
		names[c.Name()] = c.Slot()
	}
	want := map[string]string{"stations": "ctalive_stations", "a.stations": "ctalive_a_stations", "b.stations": "ctalive_b_stations"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("slots by name (-want +got):\n%s", d)
	}
}

// JDBC sources from 10.7 on say it like this when their table is missing.
func TestConnectorOfAMissingTable(t *testing.T) {
	c, err := NewConnector("http://127.0.0.1:8083", ConnectorConfig{Postgres: "postgres://u:p@db/cta"})
	if err != nil {
		t.Fatal(err)
	}
	err = c.notRunning(ConnectorStatus{State: "RUNNING", Tasks: []TaskStatus{{State: "FAILED",
		Trace: "org.apache.kafka.connect.errors.ConnectException: Task is being killed because it is not assigned a table nor a query to execute."}}})
	if !strings.Contains(err.Error(), "(check that the database has table public.stations") {
		t.Errorf("%v, want the remedy", err)
	}
}
