package restproxy_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/seed-921eec07/ctalive/cta/embedded"
	"github.com/seed-921eec07/ctalive/internal/restproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	avro   = "application/vnd.kafka.avro.v2+json"
	asJSON = "application/vnd.kafka.json.v2+json"
	binary = "application/vnd.kafka.binary.v2+json"
	v2     = "application/vnd.kafka.v2+json"

	keySchema   = `{"type":"record","name":"weather_key","fields":[{"name":"timestamp","type":"long"}]}`
	valueSchema = `{"type":"record","name":"weather_value","fields":[{"name":"temperature","type":"float"},` +
		`{"name":"status","type":{"type":"enum","name":"sky","symbols":["sunny","cloudy"]}},` +
		`{"name":"wind","type":["null","int"],"default":null}]}`
)

func services(tb testing.TB) *embedded.Services {
	tb.Helper()
	s, err := embedded.Start(tb.Context(), embedded.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

type reply struct {
	status int
	kind   string
	body   string
}

func do(tb testing.TB, method, url, contentType, accept, body string) reply {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Close = true // no connection is left for the leak check to find
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header.Get("Content-Type"), string(b)}
}

// text is s as a JSON string.
func text(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// withSchemas is a request with both schemas as text.
func withSchemas(records string) string {
	return `{"key_schema":` + text(keySchema) + `,"value_schema":` + text(valueSchema) + `,"records":[` + records + `]}`
}

// weather is a record with that value.
func weather(value string) string { return `{"key":{"timestamp":1590000000000},"value":` + value + `}` }

const sunny = `{"temperature":40.5,"status":"sunny","wind":null}`

// read returns the first n records of a topic's partition.
func read(t *testing.T, s *embedded.Services, topic string, n int) []*kgo.Record {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(records), n, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// TestAvro posts with schemas first and ids afterwards, and compares what lands.
func TestAvro(t *testing.T) {
	s := services(t)
	url := s.RESTProxyURL() + "/topics/weather"
	got := do(t, "POST", url, avro, v2, withSchemas(weather(sunny)))
	want := reply{200, v2, `{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],"key_schema_id":1,"value_schema_id":2}`}
	if got != want {
		t.Fatalf("schemas as text: %+v, want %+v", got, want)
	}
	got = do(t, "POST", url, avro+"; charset=utf-8", "", `{"key_schema_id":1,"value_schema_id":2,"records":[`+
		weather(`{"status":"cloudy","wind":{"int":7},"temperature":-1}`)+`,{"value":`+sunny+`},{"key":{"timestamp":1},"value":null}]}`)
	want.body = `{"offsets":[{"partition":0,"offset":1,"error_code":null,"error":null},` +
		`{"partition":0,"offset":2,"error_code":null,"error":null},{"partition":0,"offset":3,"error_code":null,"error":null}],` +
		`"key_schema_id":1,"value_schema_id":2}`
	if got != want {
		t.Fatalf("schemas by id: %+v, want %+v", got, want)
	}
	var landed []string
	for _, r := range read(t, s, "weather", 4) {
		landed = append(landed, hexOf(r.Key)+" "+hexOf(r.Value))
	}
	if diff := cmp.Diff([]string{
		"000000000180f094b6c65c 0000000002000022420000",
		"000000000180f094b6c65c 0000000002000080bf02020e",
		"null 0000000002000022420000",
		"000000000102 null",
	}, landed); diff != "" {
		t.Error("records (-want +got):\n" + diff)
	}
	subjects := do(t, "GET", s.RegistryURL()+"/subjects", "", "", "")
	if want := `["weather-key","weather-value"]`; subjects.body != want {
		t.Errorf("subjects are %s, want %s", subjects.body, want)
	}
}

func hexOf(b []byte) string {
	if b == nil {
		return "null"
	}
	return hex.EncodeToString(b)
}

// A record of a partition that isn't there fails alone, until there is one.
func TestAddedPartitions(t *testing.T) {
	s := services(t)
	create(t, s, "ten", 10)
	url := s.RESTProxyURL() + "/topics/ten"
	got := do(t, "POST", url, binary, "", `{"records":[{"partition":1},{"partition":10}]}`)
	if want := `{"partition":1,"offset":0,"error_code":null,"error":null},{"partition":null,"offset":null,"error_code":50003,"error":"topic ten has no partition 10"}`; got.status != 200 || !strings.Contains(got.body, want) {
		t.Errorf("partition out of range: %+v, want %s", got, want)
	}
	// 50003 tells to try again, which works once the partition has been added.
	add := kmsg.NewPtrCreatePartitionsRequest()
	more := kmsg.NewCreatePartitionsRequestTopic()
	more.Topic, more.Count = "ten", 11
	add.Topics = append(add.Topics, more)
	ask(t, s, add)
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(got.body, `{"partition":10,"offset":0,`); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the partition that was added is not found: %+v", got)
		}
		got = do(t, "POST", url, binary, "", `{"records":[{"partition":10}]}`)
	}
}

// As Java's producer does it: a partition a batch.
func TestRecordsWithoutKeyTakeTurns(t *testing.T) {
	s := services(t)
	create(t, s, "three", 3)
	var before string
	for range 4 {
		got := do(t, "POST", s.RESTProxyURL()+"/topics/three", binary, "", `{"records":[{"value":"YQ=="}]}`)
		_, rest, _ := strings.Cut(got.body, `"partition":`)
		partition, _, ok := strings.Cut(rest, ",")
		if !ok || partition == before {
			t.Fatalf("%+v, after one to partition %s", got, before)
		}
		before = partition
	}
}

func create(t *testing.T, s *embedded.Services, topic string, partitions int32) {
	t.Helper()
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, rt)
	if resp := ask(t, s, req).(*kmsg.CreateTopicsResponse); resp.Topics[0].ErrorCode != 0 {
		t.Fatal(resp)
	}
}

func ask(t *testing.T, s *embedded.Services, req kmsg.Request) kmsg.Response {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	resp, err := c.Request(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// TestRefused goes through what refuses a whole request, and shows that none of
// its records was sent.
func TestRefused(t *testing.T) {
	s := services(t)
	good := withSchemas(weather(sunny))
	if got := do(t, "POST", s.RESTProxyURL()+"/topics/weather", avro, "", good); got.status != 200 {
		t.Fatal(got)
	}
	value := func(v string) string { return withSchemas(weather(sunny) + "," + weather(v)) }
	for _, c := range []struct {
		name, method, path, format, accept, body string
		status, code                             int
	}{
		{"no type", "POST", "", "", "", good, 415, 415},
		{"plain JSON", "POST", "", "application/json", "", good, 415, 415},
		{"protobuf", "POST", "", "application/vnd.kafka.protobuf.v2+json", "", good, 415, 415},
		{"broken type", "POST", "", "a/b/c;", "", good, 415, 415},
		{"accepts HTML", "POST", "", avro, "text/html", good, 406, 406},
		{"accepts JSON only", "POST", "", avro, "application/json", good, 406, 406},
		{"accepts nothing", "POST", "", avro, "*/*;q=0", good, 406, 406},
		{"too large", "POST", "", avro, "", strings.Repeat(" ", 1<<20+1), 413, 413},
		{"no body", "POST", "", avro, "", "", 400, 400},
		{"broken JSON", "POST", "", avro, "", good[:len(good)-1], 400, 400},
		{"trailing JSON", "POST", "", avro, "", good + "{}", 400, 400},
		{"a list", "POST", "", avro, "", "[]", 400, 400},
		{"null", "POST", "", avro, "", "null", 400, 400},
		{"schema as an object", "POST", "", avro, "", `{"value_schema":{},"records":[{"value":1}]}`, 400, 400},
		{"schema and id", "POST", "", avro, "", `{"value_schema":"\"int\"","value_schema_id":1,"records":[{"value":1}]}`, 400, 400},
		{"no records", "POST", "", avro, "", `{}`, 422, 422},
		{"empty records", "POST", "", avro, "", `{"records":[]}`, 422, 422},
		{"record is a number", "POST", "", avro, "", `{"records":[1]}`, 400, 400},
		{"unknown member", "POST", "", avro, "", `{"recrods":[]}`, 422, 422},
		{"unknown member of a record", "POST", "", avro, "", `{"records":[{"timestamp":1}]}`, 422, 422},
		{"negative partition", "POST", "", asJSON, "", `{"records":[{"partition":-1}]}`, 422, 422},
		{"partition is text", "POST", "", asJSON, "", `{"records":[{"partition":"x"}]}`, 400, 400},
		{"no key schema", "POST", "", avro, "", `{"records":[{"key":1}]}`, 422, 42201},
		{"no value schema", "POST", "", avro, "", `{"records":[{"value":1}]}`, 422, 42202},
		{"broken schema", "POST", "", avro, "", `{"value_schema":"{","records":[{"value":1}]}`, 422, 42205},
		{"unknown type", "POST", "", avro, "", `{"value_schema":"\"intt\"","records":[{"value":1}]}`, 422, 42205},
		{"unknown id", "POST", "", avro, "", `{"value_schema_id":77,"records":[{"value":1}]}`, 422, 42207},
		{"id of another subject", "POST", "", avro, "", `{"value_schema_id":1,"records":[{"value":{"timestamp":1}}]}`, 422, 42207},
		{"id of the other side", "POST", "", avro, "", `{"key_schema_id":2,"records":[{"key":` + sunny + `}]}`, 422, 42207},
		{"incompatible schema", "POST", "", avro, "", `{"value_schema":"\"int\"","records":[{"value":1}]}`, 422, 42207},
		{"missing field", "POST", "", avro, "", value(`{"temperature":1,"wind":null}`), 400, 400},
		{"missing field with a default", "POST", "", avro, "", value(`{"temperature":1,"status":"sunny"}`), 400, 400},
		{"unknown field", "POST", "", avro, "", value(`{"temperature":1,"status":"sunny","wind":null,"x":1}`), 400, 400},
		{"unknown symbol", "POST", "", avro, "", value(`{"temperature":1,"status":"foggy","wind":null}`), 400, 400},
		{"union without a tag", "POST", "", avro, "", value(`{"temperature":1,"status":"sunny","wind":7}`), 400, 400},
		{"union with a wrong tag", "POST", "", avro, "", value(`{"temperature":1,"status":"sunny","wind":{"long":7}}`), 400, 400},
		{"int out of range", "POST", "", avro, "", value(`{"temperature":1,"status":"sunny","wind":{"int":3000000000}}`), 400, 400},
		{"null for a number", "POST", "", avro, "", value(`{"temperature":null,"status":"sunny","wind":null}`), 400, 400},
		{"text for a number", "POST", "", avro, "", value(`{"temperature":"NaN","status":"sunny","wind":null}`), 400, 400},
		{"value of the wrong kind", "POST", "", avro, "", value(`[]`), 400, 400},
		{"not base64", "POST", "", binary, "", `{"records":[{"value":"?"}]}`, 400, 400},
		{"base64 of the wrong kind", "POST", "", binary, "", `{"records":[{"value":1}]}`, 400, 400},
		{"unknown partition", "POST", "/partitions/9", avro, "", good, 404, 40402},
		{"partition in words", "POST", "/partitions/first", avro, "", good, 404, 404},
		{"other method", "DELETE", "", "", "", "", 405, 405},
		{"unknown path", "GET", "/../../consumers", "", "", "", 404, 404},
		{"GET of HTML", "GET", "", "", "text/html", "", 406, 406},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := do(t, c.method, s.RESTProxyURL()+"/topics/weather"+c.path, c.format, c.accept, c.body)
			var e struct {
				Code    int    `json:"error_code"`
				Message string `json:"message"`
			}
			if err := json.Unmarshal([]byte(got.body), &e); err != nil {
				t.Fatalf("%+v: %v", got, err)
			}
			if got.status != c.status || e.Code != c.code || e.Message == "" || got.kind != v2 {
				t.Errorf("%+v, want %d and code %d", got, c.status, c.code)
			}
			if c.code == 42207 && !strings.Contains(e.Message, "error code: 4") {
				t.Errorf("%q lacks the registry's own code, by which a client knows that it needn't try again", e.Message)
			}
		})
	}
	if got := do(t, "POST", s.RESTProxyURL()+"/topics/weather", avro, "", good); !strings.Contains(got.body, `"offset":1,`) {
		t.Errorf("a record of a refused request was sent: %s", got.body)
	}
}

func TestTopics(t *testing.T) {
	s := services(t)
	create(t, s, "two", 2)
	const p0 = `{"partition":0,"leader":0,"replicas":[{"broker":0,"leader":true,"in_sync":true}]}`
	p1 := strings.Replace(p0, `"partition":0`, `"partition":1`, 1)
	for path, want := range map[string]reply{
		"/":                        {200, v2, `{}`},
		"/brokers":                 {200, v2, `{"brokers":[0]}`},
		"/topics":                  {200, v2, `["two"]`},
		"/topics/two/partitions":   {200, v2, "[" + p0 + "," + p1 + "]"},
		"/topics/two/partitions/1": {200, v2, p1},
		"/topics/two/partitions/2": {404, v2, `{"error_code":40402,"message":"Partition not found."}`},
		"/topics/one":              {404, v2, `{"error_code":40401,"message":"Topic not found."}`},
		"/topics/one/partitions":   {404, v2, `{"error_code":40401,"message":"Topic not found."}`},
	} {
		if got := do(t, "GET", s.RESTProxyURL()+path, "", "application/json", ""); got != want {
			t.Errorf("GET %s: %+v, want %+v", path, got, want)
		}
	}
	var info struct {
		Name       string
		Configs    map[string]string
		Partitions []json.RawMessage
	}
	got := do(t, "GET", s.RESTProxyURL()+"/topics/two", "", "", "")
	if err := json.Unmarshal([]byte(got.body), &info); err != nil {
		t.Fatal(err)
	}
	if info.Name != "two" || len(info.Partitions) != 2 || info.Configs["cleanup.policy"] != "delete" {
		t.Errorf("GET /topics/two: %s", got.body)
	}
	if again := do(t, "GET", s.RESTProxyURL()+"/topics", "", "", ""); again.body != `["two"]` {
		t.Errorf("topics are %s: looking at one has made it", again.body)
	}
}

func TestSettings(t *testing.T) {
	_, err := restproxy.New(restproxy.Config{})
	if err == nil || !strings.Contains(err.Error(), "Brokers is empty") || !strings.Contains(err.Error(), "Registry is not set") {
		t.Errorf("error is %v, want both faults", err)
	}
}
