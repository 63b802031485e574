package ctatest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/kafka"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// Types of the bodies that a REST Proxy takes.
const (
	avroBody   = "application/vnd.kafka.avro.v2+json"
	jsonBody   = "application/vnd.kafka.json.v2+json"
	binaryBody = "application/vnd.kafka.binary.v2+json"
)

// produced is an answer of a REST Proxy: of success, or an error.
type produced struct {
	Status  int `json:"-"`
	Offsets []struct {
		Partition, Offset *int64
		Code              *int `json:"error_code"`
	}
	KeySchema   int `json:"key_schema_id"`
	ValueSchema int `json:"value_schema_id"`
	Code        int `json:"error_code"`
	Message     string
}

// post asks the system's REST Proxy to produce.
func post(t *testing.T, sys *ctatest.System, path, format, body string) (answer produced) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sys.RESTProxyURL+"/topics/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // no connection is left for the leak check to find
	req.Header.Set("Content-Type", format)
	req.Header.Set("Accept", "application/vnd.kafka.v2+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	answer.Status = res.StatusCode
	return answer
}

// withSchemas is a body with the schemas of weather readings as text.
func withSchemas(records ...string) string {
	key, _ := json.Marshal(schemas.WeatherKey)
	value, _ := json.Marshal(schemas.WeatherValue)
	return fmt.Sprintf(`{"key_schema":%s,"value_schema":%s,"records":[%s]}`, key, value, strings.Join(records, ","))
}

const reading = `{"key":{"timestamp":1590000000000},"value":{"temperature":40.5,"status":"sunny"}}`

// Readings that are posted, with their schemas first and with the ids afterwards,
// are what a producer on Kafka itself would have sent.
func TestRESTProxyTakesAvro(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Weather()
	ensure(t, sys.Kafka, kafka.EventTopic(topic, 1))
	first := post(t, sys, topic, avroBody, withSchemas(reading))
	if first.Status != http.StatusOK || len(first.Offsets) != 1 || first.KeySchema == 0 || first.ValueSchema == 0 {
		t.Fatalf("with schemas: %+v, want one offset and the schemas' ids", first)
	}
	second := post(t, sys, topic, avroBody, fmt.Sprintf(`{"key_schema_id":%d,"value_schema_id":%d,"records":[%s,%s]}`, first.KeySchema, first.ValueSchema,
		`{"key":{"timestamp":1590000060000},"value":{"status":"windy","temperature":-1}}`, `{"value":{"temperature":0,"status":"cloudy"}}`))
	if second.Status != http.StatusOK || len(second.Offsets) != 2 {
		t.Fatalf("with ids: %+v, want two offsets", second)
	}
	sys.Observe(ctatest.At(8, 0), cta.Weather{Temperature: 61, Status: cta.WeatherSunny}) // as without the proxy

	for suffix, id := range map[string]int{"-key": first.KeySchema, "-value": first.ValueSchema} {
		schema := map[string]string{"-key": schemas.WeatherKey, "-value": schemas.WeatherValue}[suffix]
		if got, err := sys.Registry.Lookup(t.Context(), topic+suffix, schema); got != id || err != nil {
			t.Errorf("%s has id %d, %v, and the proxy used %d", topic+suffix, got, err, id)
		}
	}
	keys, err := wire.AvroKey[cta.Key](sys.Registry, schemas.WeatherKey)
	if err != nil {
		t.Fatal(err)
	}
	weather, err := wire.AvroValue[cta.Weather](sys.Registry, schemas.WeatherValue)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range sys.Read(topic) {
		at := "no key"
		if r.Key != nil {
			key, err := keys.Decode(t.Context(), r.Key)
			if err != nil {
				t.Error(err)
			}
			at = fmt.Sprint(key.Timestamp)
		}
		w, err := weather.Decode(t.Context(), r.Value)
		if err != nil {
			t.Error(err)
		}
		got = append(got, fmt.Sprintf("%s: %v %s", at, w.Temperature, w.Status))
	}
	want := []string{"1590000000000: 40.5 sunny", "1590000060000: -1 windy", "no key: 0 cloudy",
		fmt.Sprintf("%d: 61 sunny", ctatest.At(8, 0).UnixMilli())}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("readings (-want +got):\n%s", d)
	}
}

func TestRESTProxyTakesJSONAndBinary(t *testing.T) {
	sys := ctatest.Start(t)
	for _, c := range []struct {
		name, format, record, key, value string
	}{
		{"a", jsonBody, `{"key":"k","value":{"b": [1, 2],"a":null}}`, `"k"`, `{"b":[1,2],"a":null}`},
		{"b", jsonBody, `{"value":"<&>"}`, "", `"<&>"`},
		{"c", binaryBody, `{"key":"a2V5","value":"AAEC"}`, "key", "\x00\x01\x02"},
		{"d", binaryBody, `{"key":null,"value":""}`, "", ""},
	} {
		topic := sys.Topics.Prefix + c.name
		ensure(t, sys.Kafka, kafka.EventTopic(topic, 1))
		if got := post(t, sys, topic, c.format, `{"records":[`+c.record+`]}`); got.Status != http.StatusOK || got.KeySchema != 0 || got.ValueSchema != 0 {
			t.Errorf("%s: %+v, want success without schemas", c.record, got)
			continue
		}
		if r := sys.Read(topic)[0]; string(r.Key) != c.key || string(r.Value) != c.value {
			t.Errorf("%s: key %q, value %q, want %q and %q", c.record, r.Key, r.Value, c.key, c.value)
		}
	}
}

// Keys choose partitions as a Java producer's do, by vectors of its own; a request
// or a record can name one. A record of a partition that isn't there fails alone.
func TestRESTProxyChoosesPartitions(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Prefix + "ten"
	ensure(t, sys.Kafka, kafka.EventTopic(topic, 10))
	for _, c := range []struct {
		path, record string
		want         int64
	}{
		{"", `{"key":"NDAzODA=","value":"YQ=="}`, 9}, // the text 40380
		{"", `{"key":"AACdvA==","value":"YQ=="}`, 0}, // 40380 in four bytes
		{"/partitions/4", `{"key":"NDAzODA=","value":"YQ=="}`, 4},
		{"", `{"key":"NDAzODA=","partition":2}`, 2},
		{"/partitions/4", `{"partition":3}`, 3},
	} {
		got := post(t, sys, topic+c.path, binaryBody, `{"records":[`+c.record+`]}`)
		if len(got.Offsets) != 1 || got.Offsets[0].Partition == nil || *got.Offsets[0].Partition != c.want {
			t.Errorf("%s %s: %+v, want partition %d", c.path, c.record, got, c.want)
		}
	}
	got := post(t, sys, topic, binaryBody, `{"records":[{"partition":1},{"partition":77}]}`)
	if got.Status != http.StatusOK || len(got.Offsets) != 2 || got.Offsets[0].Code != nil || got.Offsets[1].Code == nil || *got.Offsets[1].Code != 50003 {
		t.Errorf("partition 77 of 10: %+v, want one success and one 50003", got)
	}
}

// What is wrong with one record, or with all, refuses the whole request.
func TestRESTProxyRefuses(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Weather()
	ensure(t, sys.Kafka, kafka.EventTopic(topic, 1))
	if got := post(t, sys, topic, avroBody, withSchemas(reading)); got.Status != http.StatusOK {
		t.Fatal(got)
	}
	for _, c := range []struct {
		name, format, body string
		status, code       int
	}{
		{"plain JSON", "application/json", withSchemas(reading), 415, 415},
		{"broken JSON", avroBody, withSchemas(reading)[1:], 400, 400},
		{"no records", avroBody, `{"records":[]}`, 422, 422},
		{"no key schema", avroBody, `{"records":[{"key":1}]}`, 422, 42201},
		{"no value schema", avroBody, `{"records":[{"value":1}]}`, 422, 42202},
		{"a broken schema", avroBody, `{"value_schema":"{","records":[{"value":1}]}`, 422, 42205},
		{"an unknown id", avroBody, `{"value_schema_id":2147483647,"records":[{"value":1}]}`, 422, 42207},
		{"an incompatible schema", avroBody, `{"value_schema":"\"int\"","records":[{"value":1}]}`, 422, 42207},
		{"a symbol that isn't one", avroBody, withSchemas(reading, strings.Replace(reading, "sunny", "foggy", 1)), 400, 400},
		{"a missing field", avroBody, withSchemas(reading, `{"value":{"temperature":1}}`), 400, 400},
		{"a text for a number", avroBody, withSchemas(reading, strings.Replace(reading, "40.5", `"40.5"`, 1)), 400, 400},
	} {
		got := post(t, sys, topic, c.format, c.body)
		if got.Status != c.status || got.Code != c.code || got.Message == "" {
			t.Errorf("%s: %+v, want %d with code %d", c.name, got, c.status, c.code)
		}
	}
	if n := len(sys.Read(topic)); n != 1 {
		t.Errorf("%d records are in the topic, want the one of the request that was taken", n)
	}
}
