package stack

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/ctaproducer/stations"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/ctaweb"
)

// values returns the values of a topic's records, sorted.
func values(records []kafka.Record) []string {
	var texts []string
	for _, r := range records {
		texts = append(texts, string(r.Value))
	}
	slices.Sort(texts)
	return texts
}

// Connect writes what stations.Source and AppendJSON write, byte for byte, of
// every row of the network.
func TestConnectAndSourceWriteTheSameBytes(t *testing.T) {
	sys, db := newSystem(t), newDatabase(t)
	c := newConnector(t, sys, stations.ConnectorConfig{Postgres: db.url})
	if created, err := c.Create(t.Context()); err != nil || !created {
		t.Fatalf("created %t, %v", created, err)
	}
	if created, err := c.Create(t.Context()); err != nil || created {
		t.Fatalf("a second time: created %t, %v, want an update", created, err)
	}
	d, err := c.AwaitDelivery(t.Context(), sys.Kafka, stations.Delivery{}, 300)
	if err != nil {
		t.Fatal(err)
	}
	if d != (stations.Delivery{Records: 300, Stops: 300, New: 300, Proven: true}) {
		t.Errorf("delivered %+v, want each row once", d)
	}
	byConnect := values(sys.Read(sys.Topics.Stations()))

	own := sys.Topics
	own.Prefix += "own."
	source, err := stations.NewSource(sys.Kafka, cta.Chicago(), stations.SourceConfig{Topics: own, Postgres: db.url})
	if err != nil {
		t.Fatal(err)
	}
	background(t, source.Run)
	if d := cmp.Diff(byConnect, values(sys.AwaitRecords(own.Stations(), 300))); d != "" {
		t.Errorf("stations.Source (-Connect +ours):\n%s", d)
	}
	var rows []string
	for _, r := range tables.Rows(cta.Chicago()) {
		rows = append(rows, string(r.AppendJSON(nil)))
	}
	slices.Sort(rows)
	if d := cmp.Diff(byConnect, rows); d != "" {
		t.Errorf("AppendJSON (-Connect +ours):\n%s", d)
	}
}

// A connector that was deleted and is created again goes on where it was: a row
// that came between arrives, once, and the others don't come again.
func TestConnectorGoesOnAfterItsDeletion(t *testing.T) {
	sys, db := newSystem(t), newDatabase(t)
	c := newConnector(t, sys, stations.ConnectorConfig{Postgres: db.url})
	for round, want := range []int{300, 301} {
		if created, err := c.Create(t.Context()); err != nil || !created {
			t.Fatalf("round %d: created %t, %v", round, created, err)
		}
		d, err := c.AwaitDelivery(t.Context(), sys.Kafka, stations.Delivery{}, want)
		if err != nil || d.Records != want {
			t.Fatalf("round %d: delivered %+v, %v, want %d records", round, d, err, want)
		}
		if round == 0 {
			if err := c.Delete(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.Delete(t.Context()); err != nil {
				t.Errorf("a second time: %v", err)
			}
			db.exec(`INSERT INTO stations (stop_id, direction_id, stop_name, station_name, station_descriptive_name, station_id, "order")
				VALUES (39999, 'N', 'Test', 'Test', 'Test', 49999, 1)`)
		}
	}
}

// A connector that has failed delivers once its cause is mended and it is created
// again: no worker starts a failed task by itself, nor for the same settings.
func TestCreatingAgainStartsWhatHasFailed(t *testing.T) {
	sys, db := newSystem(t), newDatabase(t)
	db.exec("DROP TABLE stations")
	c := newConnector(t, sys, stations.ConnectorConfig{Postgres: db.url})
	if _, err := c.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, err := c.AwaitDelivery(t.Context(), sys.Kafka, stations.Delivery{}, 300); err == nil || !strings.Contains(err.Error(), "FAILED") {
		t.Fatalf("without its table the connector delivers %+v, %v, want it to fail", d, err)
	}
	if _, err := stations.CreateTable(t.Context(), db.url, cta.Chicago()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, err := c.AwaitDelivery(t.Context(), sys.Kafka, stations.Delivery{}, 300); err != nil {
		t.Errorf("delivered %+v: %v", d, err)
	}
}

// A changed and a deleted row reach the stations' table and an open page.
func TestChangedRowsReachAnOpenPage(t *testing.T) {
	sys, db := newSystem(t), newDatabase(t)
	transformer, err := ctastream.NewStationTransformer(sys.Kafka, cta.Chicago(), ctastream.Config{Topics: sys.Topics, Group: sys.Topics.Prefix + "stations"})
	if err != nil {
		t.Fatal(err)
	}
	model := ctaweb.NewModel(cta.Chicago())
	server := httptest.NewServer(ctaweb.Default(model))
	t.Cleanup(server.Close)
	background(t, func(ctx context.Context) error {
		return ctaweb.Consume(ctx, sys.Kafka, sys.Registry, sys.Topics, model, ctaweb.ConsumeConfig{Refresh: 100 * time.Millisecond})
	})
	background(t, transformer.Run)
	c := newConnector(t, sys, stations.ConnectorConfig{Postgres: db.url, Kind: stations.ConnectorDebezium})
	if _, err := c.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AwaitDelivery(t.Context(), sys.Kafka, stations.Delivery{}, 300); err != nil {
		t.Fatal(err)
	}
	const clarkLake, blue = 40380, "blue"
	sys.Await("Clark/Lake in the table", func(context.Context) (string, bool, error) {
		r, ok := tableOf(t, sys)[tables.StationRecord{StationID: clarkLake, Line: blue}.Key()]
		return "no record", ok && r.StationName == "Clark/Lake", nil
	})
	sys.Await("the model to be ready", func(context.Context) (string, bool, error) {
		err := model.Ready()
		return fmt.Sprint(err), err == nil, nil
	})
	page := openPage(t, server.URL)

	db.exec("UPDATE stations SET station_name = 'Clark & Lake' WHERE station_id = $1", clarkLake)
	page.await("Clark &amp; Lake")
	// The page may show the record of another line first.
	sys.Await("Clark & Lake in the table", func(context.Context) (string, bool, error) {
		r := tableOf(t, sys)[tables.StationRecord{StationID: clarkLake, Line: blue}.Key()]
		return fmt.Sprintf("%+v", r), r.StationName == "Clark & Lake", nil
	})

	db.exec("DELETE FROM stations WHERE station_id = $1", clarkLake)
	key := tables.StationRecord{StationID: clarkLake, Line: blue}.Key()
	sys.Await("tombstones of Clark/Lake", func(context.Context) (string, bool, error) {
		r, ok := tableOf(t, sys)[key]
		return fmt.Sprintf("%+v", r), !ok, nil
	})
	sys.Await("the network's own name on the page", func(context.Context) (string, bool, error) {
		for _, l := range model.Status(time.Now()).Lines {
			for _, s := range l.Stations {
				if s.ID == clarkLake && l.ID == blue {
					return s.Name, s.Name != "Clark & Lake", nil
				}
			}
		}
		return "the station is gone", true, nil
	})
	if n := len(sys.Read(sys.Topics.DeadLetter())); n != 0 {
		t.Errorf("%d dead letters, want none: Debezium's keys and deletions are readable", n)
	}
}

// tableOf returns the present records of the stations' table, by key.
func tableOf(t *testing.T, sys *ctatest.System) map[string]tables.StationRecord {
	t.Helper()
	table := make(map[string]tables.StationRecord)
	for _, r := range sys.Read(sys.Topics.StationsTable()) {
		var v tables.StationRecord
		if r.Value == nil {
			delete(table, string(r.Key))
		} else if err := json.Unmarshal(r.Value, &v); err != nil {
			t.Errorf("offset %d: %v", r.Offset, err)
		} else {
			table[string(r.Key)] = v
		}
	}
	return table
}

// page is an open dashboard page, as its script sees it: a stream of updates,
// each with the id of the layout that it is for. Another id makes the page reload.
type page struct {
	t       *testing.T
	address string
	layouts chan string
}

func openPage(t *testing.T, address string) *page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	p := &page{t, address, make(chan string, 1000)}
	go func() {
		defer close(p.layouts)
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var update struct {
				Layout string `json:"layout"`
			}
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if ok && json.Unmarshal([]byte(data), &update) == nil && update.Layout != "" {
				p.layouts <- update.Layout
			}
		}
	}()
	return p
}

// await waits until the page, reloaded whenever its layout changes, shows html.
func (p *page) await(html string) {
	p.t.Helper()
	limit := time.After(patience)
	for layout := ""; ; {
		select {
		case now, ok := <-p.layouts:
			if !ok {
				p.t.Fatalf("the stream ended before %q", html)
			}
			if now != layout && strings.Contains(p.load(), html) {
				return
			}
			layout = now
		case <-limit:
			p.t.Fatalf("the page doesn't show %q", html)
		}
	}
}

func (p *page) load() string {
	p.t.Helper()
	res, err := http.Get(p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// Each failure of the real worker gives one message: service, address, cause and remedy.
func TestConnectFailures(t *testing.T) {
	db := newDatabase(t)
	without := func(t *testing.T, drop string) string {
		other := newDatabase(t)
		other.exec(drop)
		return other.url
	}
	for _, test := range []struct {
		name     string
		postgres func(t *testing.T) string
		kind     stations.ConnectorKind
		wait     time.Duration
		want     []string // parts of the message
	}{
		{"a wrong password", func(*testing.T) string { return strings.Replace(db.url, "chicago@", "seekrit@", 1) }, "", 0,
			[]string{"password", "check"}},
		{"a database that is away", func(*testing.T) string { return "postgres://cta_admin:seekrit@127.0.0.1:1/cta" }, "", 0,
			[]string{"127.0.0.1:1", "check that the worker reaches the database"}},
		{"a database that doesn't exist", func(*testing.T) string { return db.url + "_nosuch" }, "", 0,
			[]string{"does not exist", "stations.CreateTable"}},
		{"a connector that isn't installed", func(*testing.T) string { return db.url }, stations.ConnectorAivenJDBC, 0,
			[]string{"io.aiven.connect.jdbc.JdbcSourceConnector isn't installed", "plugin.path", "io.debezium.connector.postgresql.PostgresConnector"}},
		{"a table that is missing", func(t *testing.T) string { return without(t, "DROP TABLE stations") }, "", 0,
			[]string{"task 0 FAILED", "No table filters found", "has table public.stations"}},
		{"rows that are missing", func(t *testing.T) string { return without(t, "DELETE FROM stations WHERE stop_id > 30010") }, "", 15 * time.Second, // all of it
			[]string{"stops, want 300"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sys := newSystem(t)
			c := newConnector(t, sys, stations.ConnectorConfig{Postgres: test.postgres(t), Kind: test.kind, Wait: test.wait})
			_, err := c.Create(t.Context())
			if err == nil {
				_, err = c.AwaitDelivery(t.Context(), sys.Kafka, stations.Delivery{}, 300)
			}
			if err == nil {
				t.Fatal("no error")
			}
			t.Log(err)
			if service := (*cta.ServiceError)(nil); !errors.As(err, &service) || service.Addr == "" || service.Hint == "" {
				t.Errorf("%v: want a ServiceError with address and remedy", err)
			}
			for _, part := range append(test.want, "Kafka Connect at http://") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the message lacks %q", part)
				}
			}
			for _, secret := range []string{"seekrit", ":chicago@"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the message shows a password")
				}
			}
		})
	}
}
