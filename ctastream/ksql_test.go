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
// beginning come in turn, and the last one stays. It lists nothing until it has
// got a statement, and all that there should be afterwards.
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
	case strings.HasPrefix(what, "LIST") && len(s.received) == 0:
		fmt.Fprint(w, nothing)
	case strings.HasPrefix(what, "LIST"):
		fmt.Fprintf(w, counted, `"CTAS_TURNSTILE_SUMMARY_1"`)
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
	all := strings.ReplaceAll(fmt.Sprintf(counted, `"CTAS_TURNSTILE_SUMMARY_1"`), `"TURNSTILE`, "\"`TURNSTILE")
	all = strings.NewReplacer("`TURNSTILE\"", "`TURNSTILE`\"", "`TURNSTILE_SUMMARY\"", "`TURNSTILE_SUMMARY`\"").Replace(all)
	there := newKSQLServer(t, "7.4.0", map[string][]answer{"LIST": {{200, all}}})
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

// The versions list a query in several ways.
func TestKSQLFindsTheQuery(t *testing.T) {
	for query, want := range map[string][]string{
		`{"sinks":["TURNSTILE_SUMMARY"],"id":"Q1"}`:                           {"Q1"},
		`{"sinks":["S"],"id":"Q1"}`:                                           {"Q1"},
		`{"kafkaTopic":"S","id":{"id":"Q1"}}`:                                 {"Q1"},
		`{"sinks":["X"],"sinkKafkaTopics":["S"],"id":"Q1","state":"ERROR"}`:   {"Q1"},
		`{"id":"CTAS_TURNSTILE_SUMMARY_3"}`:                                   {"CTAS_TURNSTILE_SUMMARY_3"},
		`{"sinks":["OTHER"],"sinkKafkaTopics":["OTHER"],"id":"CTAS_OTHER_1"}`: nil,
	} {
		s := newKSQLServer(t, "7.4.0", map[string][]answer{"LIST": {{200, `[{"@type":"queries","queries":[` + query + `]}]`}}})
		status, err := newKSQL(t, s.URL).Status(t.Context())
		if d := cmp.Diff(want, status.Queries); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", query, err, d)
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
	// Others may read the stream: nobody's query is ended but the one that counts.
	read := newKSQLServer(t, "7.4.0", map[string][]answer{
		"LIST":      {{200, fmt.Sprintf(counted, `"CTAS_1"`)}},
		"TERMINATE": success("terminate/CTAS_1/execute"), "DROP TABLE": success("table/TURNSTILE_SUMMARY/drop"),
		"DROP STREAM": refuses("", 400, 40001, "Cannot drop TURNSTILE.\nThe following queries read from this source: [CSAS_OTHER_1].\nYou need to terminate them before dropping TURNSTILE.")[""],
	})
	want := "Cannot drop TURNSTILE. The following queries read from this source: [CSAS_OTHER_1]. You need to terminate them before dropping TURNSTILE. (end the other queries"
	if err := newKSQL(t, read.URL).Drop(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("dropped what others read: %v, want %s", err, want)
	}
	empty := newKSQLServer(t, "7.4.0", nil)
	if err := newKSQL(t, empty.URL).Drop(t.Context()); err != nil || len(empty.received) > 0 {
		t.Errorf("nothing to drop: %v, %q", err, empty.received)
	}
}

// A server that starts, and a command that takes longer than its answer.
func TestKSQLWaits(t *testing.T) {
	s := newKSQLServer(t, "7.4.0", map[string][]answer{
		"LIST":                                  {{503, `{"@type":"generic_error","error_code":50302,"message":"KSQL is not yet ready to serve requests."}`}, {200, nothing}, {200, fmt.Sprintf(counted, `"CTAS_1"`)}},
		"CREATE STREAM":                         {{200, "[{\"@type\":\"currentStatus\",\"commandId\":\"stream/`TURNSTILE`/create\",\"commandStatus\":{\"status\":\"QUEUED\"}}]"}},
		"/status/stream/%60TURNSTILE%60/create": {{200, `{"status":"EXECUTING"}`}, {200, `{"status":"SUCCESS"}`}},
		"CREATE TABLE":                          success("table/T/create"),
	})
	if err := newKSQL(t, s.URL).Create(t.Context()); err != nil {
		t.Error(err)
	}
}

// refuses is an answer with an error of the server's.
func refuses(what string, status, code int, message string) map[string][]answer {
	answers := map[string][]answer{what: {{status, fmt.Sprintf(`{"@type":"statement_error","error_code":%d,"message":%q,"stackTrace":["at io.confluent"],"entities":[]}`, code, message)}}}
	if strings.HasPrefix(what, "CREATE TABLE") {
		answers["CREATE STREAM"] = success("stream/TURNSTILE/create")
		answers["LIST"] = []answer{{200, nothing}, {200, strings.Replace(nothing, `"streams":[]`, `"streams":[{"name":"TURNSTILE"}]`, 1)}}
	}
	return answers
}

func TestKSQLFaultsNameServiceCauseAndRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string][]answer
		want    string
	}{
		"missing topic, 5.2.2": {refuses("CREATE STREAM", 400, 40001, "Kafka topic does not exist: p.station.turnstiles"),
			"answered 400 Bad Request (code 40001): Kafka topic does not exist: p.station.turnstiles (create the topic first"},
		"missing topic, 7.4": {refuses("CREATE STREAM", 400, 40000, "Kafka topic does not exist: p.station.turnstiles"),
			"answered 400 Bad Request (code 40000): Kafka topic does not exist: p.station.turnstiles (create the topic first"},
		"unknown property, 5.2.2": {refuses("CREATE STREAM", 400, 40000, "Not recognizable as ksql, streams, consumer, or producer property: 'x'"),
			"answered 400 Bad Request (code 40000): Not recognizable as ksql, streams, consumer, or producer property: 'x' (the statement is refused"},
		"unknown property, 7.4": {refuses("CREATE STREAM", 500, 50000, "Not recognizable as ksql, streams, consumer, or producer property: 'x'"),
			"answered 500 Internal Server Error (code 50000): Not recognizable as ksql, streams, consumer, or producer property: 'x' (see the server's log)"},
		"5.2.2 gets EMIT CHANGES": {refuses("CREATE TABLE", 400, 40001, "line 1:150: mismatched input 'EMIT' expecting ';'"),
			"answered 400 Bad Request (code 40001): line 1:150: mismatched input 'EMIT' expecting ';' (the statement is refused"},
		"7.4 gets KEY=": {refuses("CREATE STREAM", 400, 40001, "Failed to prepare statement: Invalid config variable(s) in the WITH clause: KEY"),
			"answered 400 Bad Request (code 40001): Failed to prepare statement: Invalid config variable(s) in the WITH clause: KEY (the statement is refused"},
		"a topic of other partitions has the name": {refuses("CREATE TABLE", 400, 40001, "A Kafka topic with the name 'S' already exists, with different partition/replica configuration than required. KSQL expects 12 partitions (topic has 1)"),
			"(topic has 1) (the topic is another engine's: end that, and delete the topic"},
		"something else has the name": {map[string][]answer{
			"CREATE STREAM": {{400, `{"@type":"statement_error","error_code":40001,"message":"Cannot add stream 'TURNSTILE': A table with the same name already exists"}`}},
			"LIST":          {{200, nothing}},
		}, "A table with the same name already exists (the statement is refused"},
		"a table that nothing writes to": {map[string][]answer{"LIST": {{200, strings.ReplaceAll(fmt.Sprintf(counted, `"CTAS_1"`), `"sinks":["TURNSTILE_SUMMARY"]`, `"sinks":["COPY"]`)}}},
			"table TURNSTILE_SUMMARY is there, and no query writes to it (drop it first: examples/turnstiles -engine ksqldb -drop)"},
		"a statement without effect": {map[string][]answer{"LIST": {{200, nothing}}, "CREATE STREAM": success("stream/TURNSTILE/create")},
			"the server has taken a statement, and shows no effect of it"},
		"a success that is none": {map[string][]answer{"CREATE STREAM": {{200, `[{"commandId":"stream/T/create","commandStatus":{"status":"ERROR","message":"io.confluent.ksql.util.KsqlException: Failed to run\n\tat io.confluent.ksql.Engine.run(Engine.java:7)\nCaused by: no such column\n\t... 3 more"}}]`}}},
			"refused: io.confluent.ksql.util.KsqlException: Failed to run Caused by: no such column (the statement is refused"},
		"initialising for too long": {refuses("/info", 503, 50302, "KSQL is not yet ready to serve requests."),
			"answered 503 Service Unavailable (code 50302): KSQL is not yet ready to serve requests. (it is still starting"},
		"its command topic is behind": {refuses("LIST", 503, 50301, "Timed out while waiting for a previous command to execute."),
			"(code 50301): Timed out while waiting for a previous command to execute. (it is still starting, or busy"},
		"wrong password":       {map[string][]answer{"/info": {{401, `<html>Unauthorized</html>`}}}, "answered 401 Unauthorized (check the user and password"},
		"no right to a topic":  {refuses("CREATE STREAM", 403, 40301, "Authorization denied to Describe on topic(s): [p.station.turnstiles]"), "(code 40301): Authorization denied to Describe on topic(s): [p.station.turnstiles] (check the user and password"},
		"another product":      {map[string][]answer{"/info": {{200, `<html>hello</html>`}}}, "the answer is not ksqlDB's"},
		"content type":         {refuses("/info", 415, 41500, "HTTP 415 Unsupported Media Type"), "check that the URL is a ksqlDB server's"},
		"not acceptable":       {map[string][]answer{"/info": {{406, ``}}}, "answered 406 Not Acceptable (check that the URL is a ksqlDB server's"},
		"a version unheard of": {map[string][]answer{"/info": {{200, `{"KsqlServerInfo":{"version":"latest"}}`}}}, `found version "latest"`},
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

func TestKSQLWantsTheSharedLayout(t *testing.T) {
	_, err := ctastream.NewKSQL("http://127.0.0.1:8088", ctastream.KSQLConfig{})
	if !errors.Is(err, ctastream.ErrLayout) || !strings.Contains(err.Error(), `set it to "shared", for the producers too`) {
		t.Errorf("error is %v, want %v and what to do", err, ctastream.ErrLayout)
	}
}
