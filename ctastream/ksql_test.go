package ctastream_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/ctastream"
	"github.com/seed-921eec07/ctalive/testdata/fakeksql"
)

const (
	input   = "org.chicago.cta.station.turnstiles"
	nothing = `[{"@type":"streams","streams":[]},{"@type":"tables","tables":[]},{"@type":"queries","queries":[]}]`
)

// answers are those of a server that a test has it replay.
type answers = map[string][]fakeksql.Answer

func newKSQLServer(t *testing.T, version string, replayed answers) *fakeksql.Server {
	s := fakeksql.New(version, replayed)
	t.Cleanup(s.Close)
	return s
}

// newRegistry returns the client of a registry that takes every schema, and the
// subjects under which it has.
func newRegistry(t *testing.T) (reg *wire.Registry, subjects func() []string) {
	t.Helper()
	var mu sync.Mutex
	var registered []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subject, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/subjects/"), "/versions"); ok {
			mu.Lock()
			registered = append(registered, subject)
			mu.Unlock()
		}
		fmt.Fprint(w, `{"id":1,"schema":"\"int\""}`)
	}))
	t.Cleanup(s.Close)
	reg, err := wire.NewRegistry(wire.RegistryConfig{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	return reg, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return registered
	}
}

func newKSQL(t *testing.T, url string) *ctastream.KSQL {
	t.Helper()
	reg, _ := newRegistry(t)
	k, err := ctastream.NewKSQL(url, reg, ctastream.KSQLConfig{Topics: cta.Topics{Layout: cta.LayoutShared, Counts: "S"}, Wait: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKSQLSpeaksTheServersDialect(t *testing.T) {
	const (
		stream     = "CREATE STREAM TURNSTILE (STATION_ID INTEGER, STATION_NAME VARCHAR, LINE VARCHAR) WITH (KAFKA_TOPIC='org.chicago.cta.station.turnstiles', VALUE_FORMAT='AVRO');"
		streamNone = "CREATE STREAM TURNSTILE (STATION_ID INTEGER, STATION_NAME VARCHAR, LINE VARCHAR) WITH (KAFKA_TOPIC='org.chicago.cta.station.turnstiles', KEY_FORMAT='NONE', VALUE_FORMAT='AVRO');"
		plain      = "CREATE TABLE TURNSTILE_SUMMARY WITH (KAFKA_TOPIC='S', VALUE_FORMAT='JSON') AS SELECT STATION_ID, COUNT(*) AS COUNT FROM TURNSTILE GROUP BY STATION_ID"
		copied     = "CREATE TABLE TURNSTILE_SUMMARY WITH (KAFKA_TOPIC='S', VALUE_FORMAT='JSON') AS SELECT STATION_ID AS STATION_KEY, AS_VALUE(STATION_ID) AS STATION_ID, COUNT(*) AS COUNT FROM TURNSTILE GROUP BY STATION_ID EMIT CHANGES;"
		jsonKey    = "CREATE TABLE TURNSTILE_SUMMARY WITH (KAFKA_TOPIC='S', KEY_FORMAT='JSON', VALUE_FORMAT='JSON') AS SELECT STATION_ID AS STATION_KEY, AS_VALUE(STATION_ID) AS STATION_ID, COUNT(*) AS COUNT FROM TURNSTILE GROUP BY STATION_ID EMIT CHANGES;"
	)
	for version, want := range map[string][]string{
		"5.2.2":           {stream, plain + ";"},
		"5.3.0":           {stream, plain + ";"},
		"5.5.1":           {stream, plain + " EMIT CHANGES;"},
		"0.7.1":           {stream, plain + " EMIT CHANGES;"},
		"6.0.0":           {stream, copied},
		"0.13.0":          {stream, copied},
		"0.14.0-rc732":    {streamNone, jsonKey},
		"6.1.1":           {streamNone, jsonKey},
		"7.4.0":           {streamNone, jsonKey},
		"0.29.0":          {streamNone, jsonKey},
		"8.0.0-ccs-local": {streamNone, jsonKey},
	} {
		t.Run(version, func(t *testing.T) {
			s := newKSQLServer(t, version, nil)
			if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, s.Statements()); d != "" {
				t.Errorf("statements (-want +got):\n%s", d)
			}
		})
	}
}

func TestKSQLCreateTwice(t *testing.T) {
	for _, version := range []string{"5.2.2", "7.4.0"} {
		s := newKSQLServer(t, version, nil)
		k := newKSQL(t, s.URL)
		for range 2 {
			if err := k.Create(t.Context()); err != nil {
				t.Fatalf("%s: %v", version, err)
			}
		}
		if n := len(s.Statements()); n != 2 {
			t.Errorf("%s: statements are %q, want each of the two once", version, s.Statements())
		}
		status, err := k.Status(t.Context())
		want := ctastream.KSQLStatus{Version: version, Stream: input, Table: "S", Queries: []string{fakeksql.Query}}
		if d := cmp.Diff(want, status); d != "" || err != nil || !status.Counting() {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	}

	// Some versions put names in back quotes.
	quoted := strings.NewReplacer(`"TURNSTILE"`, "\"`TURNSTILE`\"", `"TURNSTILE_SUMMARY"`, "\"`TURNSTILE_SUMMARY`\"").Replace(fakeksql.List(input, "S", true))
	there := newKSQLServer(t, "7.4.0", answers{"LIST": {fakeksql.OK(quoted)}})
	if err := newKSQL(t, there.URL).Create(t.Context()); err != nil || len(there.Statements()) > 0 {
		t.Errorf("got %v and statements %q, want neither", err, there.Statements())
	}

	// Another client may create them between our look and our statement.
	for version, texts := range map[string][2]string{
		"5.2.2": {"Topic already registered: TURNSTILE", "Topic already registered: S"},
		"7.4.0": {"Cannot add stream 'TURNSTILE': A stream with the same name already exists", "Could not determine output schema for query due to error: Cannot add table 'TURNSTILE_SUMMARY': A table with the same name already exists"},
	} {
		s := newKSQLServer(t, version, answers{
			"CREATE STREAM": {fakeksql.Refuse(400, 40001, texts[0])},
			"CREATE TABLE":  {fakeksql.Refuse(400, 40001, texts[1])},
			"LIST":          {fakeksql.OK(nothing), fakeksql.OK(fakeksql.List(input, "", false)), fakeksql.OK(fakeksql.List(input, "S", true))},
		})
		if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
			t.Errorf("%s: %v, want success", version, err)
		}
	}
}

// A system with another prefix has a stream and a table of its own on the server.
func TestKSQLOfAnotherSystem(t *testing.T) {
	names := strings.NewReplacer("TURNSTILE", "CTA_B_TURNSTILE")
	theirs := fakeksql.List(input, "TURNSTILE_SUMMARY", true)
	both := fakeksql.OK(strings.Replace(theirs[:len(theirs)-1]+","+names.Replace(fakeksql.List("b.station.turnstiles", "b.SUM", true))[1:], "b.SUM", "b.TURNSTILE_SUMMARY", -1))
	s := newKSQLServer(t, "7.4.0", answers{
		"LIST":       {fakeksql.OK(theirs), both},
		"CREATE":     {fakeksql.Done("…", "…", "SUCCESS", "Created", 2)},
		"TERMINATE ": {fakeksql.Done("…", "…", "SUCCESS", "done", 3)},
		"DROP ":      {fakeksql.Done("…", "…", "SUCCESS", "done", 4)},
	})
	reg, subjects := newRegistry(t)
	k, err := ctastream.NewKSQL(s.URL, reg, ctastream.KSQLConfig{Topics: cta.Topics{Prefix: "b.", Layout: cta.LayoutShared}})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"b.station.turnstiles-key", "b.station.turnstiles-value"}, subjects()); d != "" {
		t.Errorf("subjects (-want +got):\n%s", d)
	}
	want := []string{
		"CREATE STREAM CTA_B_TURNSTILE (STATION_ID INTEGER, STATION_NAME VARCHAR, LINE VARCHAR) WITH (KAFKA_TOPIC='b.station.turnstiles', KEY_FORMAT='NONE', VALUE_FORMAT='AVRO');",
		"CREATE TABLE CTA_B_TURNSTILE_SUMMARY WITH (KAFKA_TOPIC='b.TURNSTILE_SUMMARY', KEY_FORMAT='JSON', VALUE_FORMAT='JSON') AS SELECT STATION_ID AS STATION_KEY, AS_VALUE(STATION_ID) AS STATION_ID, COUNT(*) AS COUNT FROM CTA_B_TURNSTILE GROUP BY STATION_ID EMIT CHANGES;",
		"TERMINATE CTAS_CTA_B_TURNSTILE_SUMMARY_1;", "DROP TABLE CTA_B_TURNSTILE_SUMMARY;", "DROP STREAM CTA_B_TURNSTILE;",
	}
	if d := cmp.Diff(want, s.Statements()); d != "" {
		t.Errorf("statements (-want +got):\n%s", d)
	}
}

// The versions list a query in several ways.
func TestKSQLFindsTheQuery(t *testing.T) {
	for query, want := range map[string][]string{
		`{"sinks":["TURNSTILE_SUMMARY"],"id":"Q1"}`:                           {"Q1"},
		`{"sinks":["S"],"id":"Q1"}`:                                           {"Q1"},
		`{"kafkaTopic":"S","id":{"id":"Q1"}}`:                                 {"Q1"},
		`{"sinks":["X"],"sinkKafkaTopics":["S"],"id":"Q1","state":"ERROR"}`:   {"Q1"},
		`{"id":"CTAS_TURNSTILE_SUMMARY_3"}`:                                   {"CTAS_TURNSTILE_SUMMARY_3"},
		`{"sinks":["OTHER"],"sinkKafkaTopics":["OTHER"],"id":"CSAS_OTHER_1"}`: nil,
	} {
		s := newKSQLServer(t, "7.4.0", answers{"LIST": {fakeksql.OK(`[{"@type":"queries","queries":[` + query + `]}]`)}})
		status, err := newKSQL(t, s.URL).Status(t.Context())
		if d := cmp.Diff(want, status.Queries); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", query, err, d)
		}
	}
}

func TestKSQLDrop(t *testing.T) {
	all := []string{"TERMINATE " + fakeksql.Query + ";", "DROP TABLE TURNSTILE_SUMMARY;", "DROP STREAM TURNSTILE;"}
	for _, version := range []string{"5.2.2", "7.4.0"} {
		s := newKSQLServer(t, version, nil)
		k := newKSQL(t, s.URL)
		if err := k.Drop(t.Context()); err != nil || len(s.Statements()) > 0 {
			t.Errorf("%s: nothing to drop: %v, %q", version, err, s.Statements())
		}
		if err := k.Create(t.Context()); err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		// What is over other topics goes, too: the error of Create says to drop it.
		other, err := ctastream.NewKSQL(s.URL, nil, ctastream.KSQLConfig{Topics: cta.Topics{Layout: cta.LayoutShared, Counts: "OTHER"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Drop(t.Context()); err != nil {
			t.Errorf("%s: %v", version, err)
		}
		if d := cmp.Diff(all, s.Statements()[2:]); d != "" {
			t.Errorf("%s (-want +got):\n%s", version, d)
		}
	}
	listed := fakeksql.OK(fakeksql.List(input, "S", true))
	done := fakeksql.Done("…", "…", "SUCCESS", "done", 3)
	for _, c := range []struct {
		name, version string
		replayed      answers
		want          string // part of the error
	}{
		{"the id is in an object", "5.2.2", answers{
			"LIST":      {fakeksql.OK(strings.Replace(listed.Body, `"id":"`+fakeksql.Query+`"`, `"id":{"id":"`+fakeksql.Query+`"}`, 1))},
			"TERMINATE": {done}, "DROP": {done}}, ""},
		{"all is gone meanwhile, 5.2.2", "5.2.2", answers{"LIST": {listed}, "TERMINATE": {fakeksql.Refuse(400, 40001, "Unknown queryId: "+fakeksql.Query)}}, ""},
		{"all is gone meanwhile, 7.4", "7.4.0", answers{"LIST": {listed}, "TERMINATE": {fakeksql.Refuse(400, 40001, "Unknown queryId: "+fakeksql.Query)}}, ""},
		// Nobody's query is ended but the one that counts.
		{"others read the table, 5.2.2", "5.2.2", answers{"LIST": {listed}, "TERMINATE": {done},
			"DROP TABLE": {fakeksql.Refuse(400, 40001, "Cannot drop TURNSTILE_SUMMARY.\nThe queries [CSAS_OTHER_1] read it.\nYou need to terminate them first.")}},
			"Cannot drop TURNSTILE_SUMMARY. The queries [CSAS_OTHER_1] read it. You need to terminate them first (end the other queries"},
		{"others read the stream, 7.4", "7.4.0", answers{"LIST": {listed}, "TERMINATE": {done}, "DROP TABLE": {done},
			"DROP STREAM": {fakeksql.Refuse(400, 40001, "Cannot drop TURNSTILE.\nThe queries [CSAS_OTHER_1] read it.\nYou need to terminate them first.")}},
			"Cannot drop TURNSTILE. The queries [CSAS_OTHER_1] read it. You need to terminate them first (end the other queries"},
	} {
		s := newKSQLServer(t, c.version, c.replayed)
		err := newKSQL(t, s.URL).Drop(t.Context())
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if sent := s.Statements(); err == nil && !cmp.Equal(all, sent) {
			t.Errorf("%s: statements are %q, want %q", c.name, sent, all)
		}
	}
}

// A server that starts, and a command that takes longer than its answer.
func TestKSQLWaits(t *testing.T) {
	s := newKSQLServer(t, "7.4.0", answers{
		"LIST":                                  {fakeksql.Refuse(503, 50302, "KSQL is not yet ready to serve requests."), fakeksql.OK(nothing), fakeksql.OK(fakeksql.List(input, "S", true))},
		"CREATE STREAM":                         {fakeksql.Done("…", "stream/`TURNSTILE`/create", "QUEUED", "Statement written to command topic", 2)},
		"/status/stream/%60TURNSTILE%60/create": {fakeksql.OK(`{"status":"EXECUTING"}`), fakeksql.OK(`{"status":"SUCCESS"}`)},
		"CREATE TABLE":                          {fakeksql.Done("…", "table/T/create", "SUCCESS", "Table created", 3)},
	})
	if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
		t.Error(err)
	}
}

// A server that says when to come back is left alone until then.
func TestKSQLComesBackWhenTold(t *testing.T) {
	starting := fakeksql.Refuse(503, 50302, "KSQL is not yet ready to serve requests.")
	starting.RetryAfter = 1
	begin := time.Now()
	s := newKSQLServer(t, "7.4.0", answers{"/info": {starting, fakeksql.OK(`{"KsqlServerInfo":{"version":"7.4.0"}}`)}})
	if _, err := newKSQL(t, s.URL).Status(t.Context()); err != nil || time.Since(begin) < time.Second {
		t.Errorf("%v, after %v: want success, after 1s or more", err, time.Since(begin))
	}
	// It is asked once more when the patience ends, though it wants more.
	starting.RetryAfter = 1000
	k, err := ctastream.NewKSQL(newKSQLServer(t, "7.4.0", answers{"/info": {starting, fakeksql.OK(`{"KsqlServerInfo":{"version":"7.4.0"}}`)}}).URL, nil,
		ctastream.KSQLConfig{Topics: cta.Topics{Layout: cta.LayoutShared}, Wait: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// refuses is an answer with an error of the server's.
func refuses(what string, status, code int, message string) answers {
	return answers{what: {fakeksql.Refuse(status, code, message)}}
}

func TestKSQLFaultsNameServiceCauseAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		replayed answers
		want     string
	}{
		"missing topic, 5.2.2": {refuses("CREATE STREAM", 400, 40001, "Kafka topic does not exist: org.chicago.cta.station.turnstiles"),
			"HTTP 400, code 40001: Kafka topic does not exist: org.chicago.cta.station.turnstiles (create the topic first"},
		"missing topic, 7.4": {refuses("CREATE STREAM", 400, 40000, "Kafka topic does not exist: org.chicago.cta.station.turnstiles"),
			"HTTP 400, code 40000: Kafka topic does not exist: org.chicago.cta.station.turnstiles (create the topic first"},
		"missing topic, 7.4, its other words": {refuses("CREATE STREAM", 400, 40001, "Topic 'org.chicago.cta.station.turnstiles' does not exist. If you want to create a new topic for the stream/table please re-run the statement providing the required 'PARTITIONS' configuration"),
			"configuration (create the topic first"},
		"unknown property, 5.2.2": {refuses("CREATE STREAM", 400, 40000, "Not recognizable as ksql, streams, consumer, or producer property: 'x'"),
			"HTTP 400, code 40000: Not recognizable as ksql, streams, consumer, or producer property: 'x' (leave x out of the request's member streamsProperties, and set it in the server's configuration)"},
		"unknown property, 7.4": {refuses("CREATE STREAM", 500, 50000, "Not recognizable as ksql, streams, consumer, or producer property: 'x'"),
			"HTTP 500, code 50000: Not recognizable as ksql, streams, consumer, or producer property: 'x' (leave x out of the request's member streamsProperties, and set it in the server's configuration)"},
		"5.2.2 gets EMIT CHANGES": {refuses("CREATE TABLE", 400, 40001, "line 1:150: mismatched input 'EMIT' expecting ';'"),
			"HTTP 400, code 40001: line 1:150: mismatched input 'EMIT' expecting ';' (the statement is refused"},
		"7.4 gets KEY=": {refuses("CREATE STREAM", 400, 40001, "Failed to prepare statement: Invalid config variable(s) in the WITH clause: KEY"),
			"HTTP 400, code 40001: Failed to prepare statement: Invalid config variable(s) in the WITH clause: KEY (the statement is refused"},
		"a topic of other partitions has the name": {refuses("CREATE TABLE", 400, 40001, "A Kafka topic with the name 'S' already exists, with different partition/replica configuration than required. KSQL expects 12 partitions (topic has 1)"),
			"(topic has 1) (the topic is another engine's: end that, and delete the topic"},
		"something else has the name": {answers{
			"CREATE STREAM": {fakeksql.Refuse(400, 40001, "Cannot add stream 'TURNSTILE': A table with the same name already exists")},
		}, "A table with the same name already exists (the statement is refused"},
		"a table that nothing writes to": {answers{"LIST": {fakeksql.OK(fakeksql.List(input, "TURNSTILE_SUMMARY", false))}},
			"table TURNSTILE_SUMMARY is there, and no query writes to it (remove it with KSQL.Drop if nobody else needs it)"},
		"a statement without effect": {answers{"CREATE STREAM": {fakeksql.Done("…", "stream/TURNSTILE/create", "SUCCESS", "Stream created", 2)}},
			"the server accepted a statement without an effect"},
		"a success that is none": {answers{"CREATE STREAM": {fakeksql.Done("…", "stream/T/create", "ERROR", "io.confluent.ksql.util.KsqlException: Failed to run\n\tat io.confluent.ksql.Engine.run(Engine.java:7)\nCaused by: no such column\n\t... 3 more", 2)}},
			"HTTP 200: io.confluent.ksql.util.KsqlException: Failed to run; Caused by: no such column (the statement is refused"},
		"initialising for too long": {refuses("/info", 503, 50302, "KSQL is not yet ready to serve requests."),
			"HTTP 503, code 50302: KSQL is not yet ready to serve requests, after"},
		"its command topic is behind": {refuses("LIST", 503, 50301, "Timed out while waiting for a previous command to execute."),
			"code 50301: Timed out while waiting for a previous command to execute, after"},
		"a stream over another topic": {answers{"LIST": {fakeksql.OK(fakeksql.List("q.turnstiles", "", false))}},
			"stream TURNSTILE reads topic q.turnstiles, want org.chicago.cta.station.turnstiles (remove it with KSQL.Drop if nobody else needs it)"},
		"a table over another topic": {answers{"LIST": {fakeksql.OK(fakeksql.List(input, "COUNTS", true))}},
			"table TURNSTILE_SUMMARY is over topic COUNTS, want TURNSTILE_SUMMARY (remove it with KSQL.Drop"},
		"a table over another topic, made meanwhile": {answers{
			"LIST":         {fakeksql.OK(fakeksql.List(input, "", false)), fakeksql.OK(fakeksql.List(input, "COUNTS", true))},
			"CREATE TABLE": {fakeksql.Refuse(400, 40001, "Cannot add table 'TURNSTILE_SUMMARY': A table with the same name already exists")}},
			"table TURNSTILE_SUMMARY is over topic COUNTS, want TURNSTILE_SUMMARY (remove it with KSQL.Drop"},
		"wrong password":       {answers{"/info": {{Status: 401, Body: `<html>Unauthorized</html>`}}}, "HTTP 401: Unauthorized (check the user and password"},
		"no right to a topic":  {refuses("CREATE STREAM", 403, 40301, "Authorization denied to Describe on topic(s): [org.chicago.cta.station.turnstiles]"), "code 40301: Authorization denied to Describe on topic(s): [org.chicago.cta.station.turnstiles] (let the Kafka user that the server itself has use that topic, by an ACL"},
		"another product":      {answers{"/info": {fakeksql.OK(`<html>hello</html>`)}}, "an answer that is not ksqlDB's"},
		"content type":         {refuses("/info", 415, 41500, "HTTP 415 Unsupported Media Type"), "check that the URL is a ksqlDB server's"},
		"not acceptable":       {answers{"/info": {{Status: 406}}}, "HTTP 406: Not Acceptable (check that the URL is a ksqlDB server's"},
		"a version unheard of": {answers{"/info": {fakeksql.OK(`{"KsqlServerInfo":{"version":"latest"}}`)}}, `found version "latest"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKSQLServer(t, "7.4.0", c.replayed)
			reg, _ := newRegistry(t)
			k, err := ctastream.NewKSQL(strings.Replace(s.URL, "//", "//me:secret@", 1), reg, ctastream.KSQLConfig{Topics: cta.Topics{Layout: cta.LayoutShared}, Wait: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			err = k.Create(t.Context())
			var down *cta.ServiceError
			if !errors.As(err, &down) || down.Service != "ksqlDB" || down.Addr != s.URL || down.Hint == "" || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), "\n") || strings.Count(err.Error(), "ksqlDB at ") != 1 {
				t.Errorf("%q is not one message", err)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), s.URL)) {
				t.Errorf("error is %q, want the address in it, and no password", err)
			}
		})
	}
}

// Where our schemas can't be registered, no stream is created: the server would
// register its own.
func TestKSQLCreatesNothingWithoutOurSchemas(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"refused":      {http.StatusForbidden, `{"error_code":40301,"message":"no"}`, "HTTP 403"},
		"incompatible": {http.StatusConflict, `{"error_code":409,"message":"x"}`, "drop its stream, and delete the subject"},
	} {
		t.Run(name, func(t *testing.T) {
			registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer registry.Close()
			reg, err := wire.NewRegistry(wire.RegistryConfig{URL: registry.URL})
			if err != nil {
				t.Fatal(err)
			}
			defer reg.Close()
			s := newKSQLServer(t, "7.4.0", nil)
			k, err := ctastream.NewKSQL(s.URL, reg, ctastream.KSQLConfig{Topics: cta.Topics{Layout: cta.LayoutShared}})
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Create(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if n := len(s.Statements()); n > 0 {
				t.Errorf("statements are %q, want none", s.Statements())
			}
		})
	}
}

func TestKSQLWantsTheSharedLayout(t *testing.T) {
	_, err := ctastream.NewKSQL("http://127.0.0.1:8088", nil, ctastream.KSQLConfig{})
	if !errors.Is(err, ctastream.ErrLayout) || !strings.Contains(err.Error(), `set it to "shared", for the producers too`) {
		t.Errorf("error is %v, want %v and what to do", err, ctastream.ErrLayout)
	}
}
