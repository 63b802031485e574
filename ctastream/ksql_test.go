package ctastream_test

import (
	"encoding/json"
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
	"github.com/seed-921eec07/ctalive/ctastream"
)

// answer is one answer of a server.
type answer struct {
	status int
	body   string
}

// ksqlServer replays exchanges: what a server of some version answers to the
// statement, or the path, that begins so; 404 to all else. The answers to one
// beginning come in turn, and the last one stays.
type ksqlServer struct {
	*httptest.Server
	mu       sync.Mutex
	version  string
	answers  map[string][]answer
	received []string // statements, but for those that list
}

func newKSQLServer(t *testing.T, version string, answers map[string][]answer) *ksqlServer {
	s := &ksqlServer{version: version, answers: answers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *ksqlServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := r.URL.EscapedPath()
	if what == "/ksql" {
		var body struct {
			KSQL       string            `json:"ksql"`
			Properties map[string]string `json:"streamsProperties"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Properties["ksql.streams.auto.offset.reset"] != "earliest" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		what = body.KSQL
		if !strings.HasPrefix(what, "LIST") {
			s.received = append(s.received, what)
		}
	}
	for begin, list := range s.answers {
		if strings.HasPrefix(what, begin) {
			if len(list) > 1 {
				s.answers[begin] = list[1:]
			}
			w.WriteHeader(list[0].status)
			fmt.Fprint(w, list[0].body)
			return
		}
	}
	switch {
	case what == "/info":
		fmt.Fprintf(w, `{"KsqlServerInfo":{"version":%q,"kafkaClusterId":"c","ksqlServiceId":"default_"}}`, s.version)
	case strings.HasPrefix(what, "LIST"):
		fmt.Fprint(w, nothing)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

const (
	nothing = `[{"@type":"streams","streams":[]},{"@type":"tables","tables":[]},{"@type":"queries","queries":[]}]`
	counted = `[{"@type":"streams","streams":[{"type":"STREAM","name":"TURNSTILE","topic":"p.station.turnstiles","format":"AVRO"}]},
		{"@type":"tables","tables":[{"type":"TABLE","name":"TURNSTILE_SUMMARY","topic":"S","format":"JSON"}]},
		{"@type":"queries","queries":[{"queryString":"CREATE …","sinks":["TURNSTILE_SUMMARY"],"id":%s},{"sinks":["OTHER"],"id":"CSAS_OTHER_1"}]}]`
)

func success(command string) []answer {
	return []answer{{200, fmt.Sprintf(`[{"@type":"currentStatus","commandId":%q,"commandStatus":{"status":"SUCCESS","message":"done"}}]`, command)}}
}

func newKSQL(t *testing.T, url string) *ctastream.KSQL {
	t.Helper()
	k, err := ctastream.NewKSQL(url, ctastream.KSQLConfig{Topics: cta.Topics{Prefix: "p.", Layout: cta.Shared, Summary: "S"}, Wait: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

func TestKSQLSpeaksTheServersDialect(t *testing.T) {
	const (
		stream     = "CREATE STREAM TURNSTILE (STATION_ID INTEGER, STATION_NAME VARCHAR, LINE VARCHAR) WITH (KAFKA_TOPIC='p.station.turnstiles', VALUE_FORMAT='AVRO');"
		streamNone = "CREATE STREAM TURNSTILE (STATION_ID INTEGER, STATION_NAME VARCHAR, LINE VARCHAR) WITH (KAFKA_TOPIC='p.station.turnstiles', KEY_FORMAT='NONE', VALUE_FORMAT='AVRO');"
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
			s := newKSQLServer(t, version, map[string][]answer{
				"CREATE STREAM": success("stream/`TURNSTILE`/create"), "CREATE TABLE": success("table/TURNSTILE_SUMMARY/create"),
			})
			if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, s.received); d != "" {
				t.Errorf("statements (-want +got):\n%s", d)
			}
		})
	}
}

func TestKSQLCreateTwice(t *testing.T) {
	there := newKSQLServer(t, "7.4.0", map[string][]answer{"LIST": {{200, fmt.Sprintf(counted, `"CTAS_TURNSTILE_SUMMARY_1"`)}}})
	k := newKSQL(t, there.URL)
	if err := k.Create(t.Context()); err != nil || len(there.received) > 0 {
		t.Errorf("got %v and statements %q, want neither", err, there.received)
	}
	status, err := k.Status(t.Context())
	want := ctastream.KSQLStatus{Version: "7.4.0", Stream: true, Table: true, Queries: []string{"CTAS_TURNSTILE_SUMMARY_1"}}
	if d := cmp.Diff(want, status); d != "" || err != nil || !status.Counting() {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}

	// Another client may create them between our look and our statement.
	for version, texts := range map[string][2]string{
		"5.2.2": {"Topic already registered: TURNSTILE", "Topic already registered: S"},
		"7.4.0": {"Cannot add stream 'TURNSTILE': A stream with the same name already exists", "Could not determine output schema for query due to error: Cannot add table 'TURNSTILE_SUMMARY': A table with the same name already exists"},
	} {
		s := newKSQLServer(t, version, map[string][]answer{
			"CREATE STREAM": {{400, fmt.Sprintf(`{"@type":"statement_error","error_code":40001,"message":%q,"entities":[]}`, texts[0])}},
			"CREATE TABLE":  {{400, fmt.Sprintf(`{"@type":"statement_error","error_code":40001,"message":%q,"entities":[]}`, texts[1])}},
		})
		if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
			t.Errorf("%s: %v, want success", version, err)
		}
	}
}

func TestKSQLDrop(t *testing.T) {
	for name, id := range map[string]string{"id as text": `"CTAS_1"`, "id in an object": `{"id":"CTAS_1"}`} {
		s := newKSQLServer(t, "5.2.2", map[string][]answer{
			"LIST":        {{200, fmt.Sprintf(counted, id)}},
			"TERMINATE":   success("terminate/CTAS_1/execute"),
			"DROP TABLE":  success("table/TURNSTILE_SUMMARY/drop"),
			"DROP STREAM": {{400, `{"error_code":40001,"message":"Source TURNSTILE does not exist."}`}},
		})
		if err := newKSQL(t, s.URL).Drop(t.Context()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff([]string{"TERMINATE CTAS_1;", "DROP TABLE TURNSTILE_SUMMARY;", "DROP STREAM TURNSTILE;"}, s.received); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	empty := newKSQLServer(t, "7.4.0", nil)
	if err := newKSQL(t, empty.URL).Drop(t.Context()); err != nil || len(empty.received) > 0 {
		t.Errorf("nothing to drop: %v, %q", err, empty.received)
	}
}

// A server that starts, and a command that takes longer than its answer.
func TestKSQLWaits(t *testing.T) {
	s := newKSQLServer(t, "7.4.0", map[string][]answer{
		"LIST":                                  {{503, `{"@type":"generic_error","error_code":50302,"message":"KSQL is not yet ready to serve requests."}`}, {200, nothing}},
		"CREATE STREAM":                         {{200, "[{\"@type\":\"currentStatus\",\"commandId\":\"stream/`TURNSTILE`/create\",\"commandStatus\":{\"status\":\"QUEUED\"}}]"}},
		"/status/stream/%60TURNSTILE%60/create": {{200, `{"status":"EXECUTING"}`}, {200, `{"status":"SUCCESS"}`}},
		"CREATE TABLE":                          success("table/T/create"),
	})
	if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestKSQLFaultsNameServiceCauseAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string][]answer
		want    string
	}{
		"missing topic, 5.2.2":      {map[string][]answer{"CREATE STREAM": {{400, `{"error_code":40001,"message":"Kafka topic does not exist: p.station.turnstiles"}`}}}, "answered 400 Bad Request (code 40001): Kafka topic does not exist: p.station.turnstiles (create the topic first"},
		"missing topic, 7.4":        {map[string][]answer{"CREATE STREAM": {{400, `{"error_code":40000,"message":"Kafka topic does not exist: p.station.turnstiles"}`}}}, "(code 40000)"},
		"unknown property, 7.4":     {map[string][]answer{"CREATE STREAM": {{500, `{"@type":"generic_error","error_code":50000,"message":"Not recognizable as ksql, streams, consumer, or producer property"}`}}}, "500 Internal Server Error (code 50000): Not recognizable as ksql, streams, consumer, or producer property (see the server's log)"},
		"a success that is none":    {map[string][]answer{"CREATE STREAM": {{200, `[{"commandId":"stream/T/create","commandStatus":{"status":"ERROR","message":"Failed to run\nat line 7"}}]`}}}, "refused: Failed to run (the statement is refused"},
		"initialising for too long": {map[string][]answer{"/info": {{503, `{"error_code":50302,"message":"KSQL is not yet ready"}`}}}, "503 Service Unavailable (code 50302): KSQL is not yet ready (it is still starting"},
		"wrong password":            {map[string][]answer{"/info": {{401, `<html>Unauthorized</html>`}}}, "answered 401 Unauthorized (check the user and password"},
		"another product":           {map[string][]answer{"/info": {{200, `<html>hello</html>`}}}, "the answer is not ksqlDB's"},
		"content type":              {map[string][]answer{"/info": {{415, `{"error_code":41500,"message":"HTTP 415 Unsupported Media Type"}`}}}, "check that the URL is a ksqlDB server's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKSQLServer(t, "7.4.0", c.answers)
			k, err := ctastream.NewKSQL(strings.Replace(s.URL, "//", "//me:secret@", 1), ctastream.KSQLConfig{Topics: cta.Topics{Prefix: "p.", Layout: cta.Shared}, Wait: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			err = k.Create(t.Context())
			var down *cta.ServiceError
			if !errors.As(err, &down) || down.Service != "ksqlDB" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), s.URL)) {
				t.Errorf("error is %q, want the address in it, and no password", err)
			}
		})
	}
}

func TestKSQLWantsTheSharedLayout(t *testing.T) {
	_, err := ctastream.NewKSQL("http://127.0.0.1:8088", ctastream.KSQLConfig{})
	if !errors.Is(err, ctastream.ErrLayout) || !strings.Contains(err.Error(), `set it to "shared", for the producers too`) {
		t.Errorf("error is %v, want %v and what to do", err, ctastream.ErrLayout)
	}
}
