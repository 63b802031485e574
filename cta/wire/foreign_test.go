package wire

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hamba/avro/v2"
	"github.com/linkedin/goavro/v2"
	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/schemas"
)

// reading returns a codec of our own schema that reads data of another schema, with id
// 1.
func reading[T any](tb testing.TB, own, writer string) *Avro[T] {
	tb.Helper()
	a, err := AvroValue[T](nil, own)
	if err != nil {
		tb.Fatal(err)
	}
	a.writers.Store(1, a.understand(1, writer))
	return a
}

// written encodes v by a schema with goavro, which shares no code with ours. The caller
// substitutes names that goavro refuses afterwards.
func written(t *testing.T, schema string, v any) []byte {
	t.Helper()
	codec, err := goavro.NewCodec(schema)
	if err != nil {
		t.Fatalf("%v in %s", err, schema)
	}
	body, err := codec.BinaryFromNative(nil, v)
	if err != nil {
		t.Fatalf("%v in %s", err, schema)
	}
	return body
}

func reads[T any](t *testing.T, own, schema string, body []byte, want T) {
	t.Helper()
	got, err := reading[T](t, own, schema).Decode(t.Context(), Frame(1, body))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s\nof %s", err, d, schema)
	}
}

func named(name, fields string) string {
	return fmt.Sprintf(`{"type":"record","name":%q,"namespace":"com.transport","fields":[%s]}`, name, fields)
}

var (
	clarkLake      = cta.TurnstileEntry{StationID: 40380, StationName: "Clark/Lake", Line: "blue"}
	from, fromDir  = 40010, cta.DirectionA
	blueTrain      = cta.Arrival{StationID: 40380, TrainID: "BL001", Direction: "a", Line: "blue", TrainStatus: cta.TrainInService, PrevStationID: &from, PrevDirection: &fromDir}
	firstOfTheDay  = cta.Arrival{StationID: 40380, TrainID: "BL001", Direction: "a", Line: "blue", TrainStatus: cta.TrainInService}
	turnstileBytes = []byte("\xf8\xf6\x04\x14Clark/Lake\x08blue")
	arrivalBytes   = []byte("\xf8\xf6\x04\x0aBL001\x02a\x08blue\x14in_service\x02\x94\xf1\x04\x02\x02a")
	firstBytes     = []byte("\xf8\xf6\x04\x0aBL001\x02a\x08blue\x14in_service\x00\x00")
)

// The schemas of Udacity's course: names with a dot, and texts in place of enums.
func TestCourseSchemas(t *testing.T) {
	for event, own := range map[string]string{"arrival": schemas.ArrivalKey, "turnstile": schemas.TurnstileKey, "weather": schemas.WeatherKey} {
		reads(t, own, named(event+".key", `{"name":"timestamp","type":"long"}`), []byte("\x80\xf0\x94\xb6\xc6\x5c"), cta.Key{Timestamp: 1590000000000})
	}
	reads(t, schemas.TurnstileValue, named("turnstile.value", `{"name":"station_id","type":"int"},{"name":"station_name","type":"string"},{"name":"line","type":"string"}`),
		turnstileBytes, clarkLake)
	arrival := named("arrival.value", `{"name":"station_id","type":"int"},{"name":"train_id","type":"string"},{"name":"direction","type":"string"},
		{"name":"line","type":"string"},{"name":"train_status","type":"string"},
		{"name":"prev_station_id","type":["null","int"],"default":null},{"name":"prev_direction","type":["null","string"],"default":null}`)
	reads(t, schemas.ArrivalValue, arrival, firstBytes, firstOfTheDay)
	reads(t, schemas.ArrivalValue, arrival, arrivalBytes, blueTrain)
	reads(t, schemas.WeatherValue, named("weather.value", `{"name":"temperature","type":"float"},{"name":"status","type":"string"}`),
		[]byte("\x00\x00\x22\x42\x0asunny"), cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny})
}

// One entry, as different writers describe it. Names and defaults change no byte.
func TestWritersOfEntries(t *testing.T) {
	E := func(name, id, station, line string) string {
		return fmt.Sprintf(`{"type":"record",%s,"fields":[{"name":"station_id","type":%s},{"name":"station_name","type":%s},{"name":"line","type":%s}]}`, name, id, station, line)
	}
	plain := func(name string) string { return E(name, `"int"`, `"string"`, `"string"`) }
	const nullable = "\x02\xf8\xf6\x04\x02\x14Clark/Lake\x02\x08blue"
	for what, c := range map[string]struct{ schema, body string }{
		"Connect":            {plain(`"name":"ConnectDefault","namespace":"io.confluent.connect.avro"`), string(turnstileBytes)},
		"a name with dashes": {plain(`"name":"station-entry.v1"`), string(turnstileBytes)},
		"a name in Chinese":  {plain(`"name":"进站"`), string(turnstileBytes)},
		"ksqlDB":             {E(`"name":"KsqlDataSourceSchema","namespace":"io.confluent.ksql.avro_schemas"`, `["null","int"]`, `["null","string"]`, `["null","string"]`), nullable},
		"ksqlDB's capitals": {`{"type":"record","name":"KsqlDataSourceSchema","fields":[{"name":"LINE","type":["null","string"],"default":null},
			{"name":"STATION_NAME","type":["null","string"]},{"name":"STATION_ID","type":["null","long"]}]}`, "\x02\x08blue\x02\x14Clark/Lake\x02\xf8\xf6\x04"},
		"Java's strings":         {E(`"name":"E"`, `{"type":"int"}`, `{"type":"string","avro.java.string":"String"}`, `{"type":{"type":"string"}}`), string(turnstileBytes)},
		"unions of one":          {E(`"name":"E"`, `["int"]`, `["string"]`, `["string"]`), "\x00\xf8\xf6\x04\x00\x14Clark/Lake\x00\x08blue"},
		"null last":              {E(`"name":"E"`, `["int","null"]`, `["string","null"]`, `["string","null"]`), "\x00\xf8\xf6\x04\x00\x14Clark/Lake\x00\x08blue"},
		"unions of more":         {E(`"name":"E"`, `["null","string","int"]`, `["null","double","string"]`, `"string"`), "\x04\xf8\xf6\x04\x04\x14Clark/Lake\x08blue"},
		"a long":                 {E(`"name":"E"`, `"long"`, `"string"`, `"string"`), string(turnstileBytes)},
		"an enum for a text":     {E(`"name":"E"`, `"int"`, `"string"`, `{"type":"enum","name":"Line","symbols":["red","blue"]}`), "\xf8\xf6\x04\x14Clark/Lake\x02"},
		"bytes for a text":       {E(`"name":"E"`, `"int"`, `"bytes"`, `"string"`), string(turnstileBytes)},
		"an impossible default":  {E(`"name":"E"`, `"int"`, `"string"`, `"string","default":null`), string(turnstileBytes)},
		"a logical type":         {E(`"name":"E"`, `{"type":"int","logicalType":"date"}`, `{"type":"string","logicalType":"uuid"}`, `"string"`), string(turnstileBytes)},
		"a nullable record":      {`["null",` + plain(`"name":"E"`) + `]`, "\x02" + string(turnstileBytes)},
		"an enum with a default": {E(`"name":"E"`, `"int"`, `"string"`, `{"type":"enum","name":"Line","symbols":["red","blue"],"default":"red"}`), "\xf8\xf6\x04\x14Clark/Lake\x02"},
	} {
		t.Run(what, func(t *testing.T) { reads(t, schemas.TurnstileValue, c.schema, []byte(c.body), clarkLake) })
	}
	reads(t, schemas.TurnstileKey, named("k", `{"name":"timestamp","type":{"type":"long","logicalType":"timestamp-millis"}}`), []byte{2}, cta.Key{Timestamp: 1})
	reads(t, schemas.TurnstileKey, named("k", `{"name":"timestamp","type":"int"}`), []byte{2}, cta.Key{Timestamp: 1})
	reads(t, schemas.WeatherValue, named("w", `{"name":"status","type":["null","string"]},{"name":"temperature","type":["null","double"]}`),
		[]byte("\x02\x0asunny\x02\x00\x00\x00\x00\x00\x40\x44\x40"), cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny})
}

func TestWritersOfArrivals(t *testing.T) {
	A := func(status, prev, dir string) string {
		return named("arrival", `{"name":"station_id","type":"int"},{"name":"train_id","type":"string"},{"name":"direction","type":"string"},{"name":"line","type":"string"},
			{"name":"train_status","type":`+status+`},{"name":"prev_station_id","type":`+prev+`},{"name":"prev_direction","type":`+dir+`}`)
	}
	const head = "\xf8\xf6\x04\x0aBL001\x02a\x08blue"
	reads(t, schemas.ArrivalValue, A(`"string"`, `"int"`, `"string"`), []byte(head+"\x14in_service\x94\xf1\x04\x02a"), blueTrain)
	reads(t, schemas.ArrivalValue, A(`{"type":"enum","name":"S","symbols":["parked","in_service"]}`, `["int","null"]`, `["string","null"]`), []byte(head+"\x02\x00\x94\xf1\x04\x00\x02a"), blueTrain)
	reads(t, schemas.ArrivalValue, A(`["null","string"]`, `["int"]`, `["null","string"]`), []byte(head+"\x02\x14in_service\x00\x94\xf1\x04\x02\x02a"), blueTrain)
	reads(t, schemas.ArrivalValue, A(`"string"`, `"null"`, `"null"`), []byte(head+"\x14in_service"), firstOfTheDay)
	// A producer that knows no previous stations omits the fields.
	reads(t, schemas.ArrivalValue, named("arrival", `{"name":"line","type":"string"},{"name":"station_id","type":"int"},{"name":"train_id","type":"string"},{"name":"direction","type":"string"},{"name":"train_status","type":"string"}`),
		[]byte("\x08blue\xf8\xf6\x04\x0aBL001\x02a\x14in_service"), firstOfTheDay)
}

// The reader's branch of the writer's own type is preferred. A name is resolved in its
// enclosing namespace, unless it has a dot.
func TestBranchesAndNamespaces(t *testing.T) {
	union, err := parse(`["null","bytes","string"]`)
	if err != nil {
		t.Fatal(err)
	}
	for text, branch := range map[string]string{`"string"`: "\x04", `"bytes"`: "\x02", `{"type":"enum","name":"e","symbols":["a"]}`: "\x04", `"null"`: "\x00"} {
		w, err := parseWriter(text)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := compile(union, w); err != nil || string(p.branch) != branch {
			t.Errorf("%s: %v, want branch %q of %+v", text, err, branch, p)
		}
	}
	fixed := `{"name":"x","type":{"type":"fixed","name":"F","size":1}}`
	for use, want := range map[string]bool{"F": true, "arrival.F": true, "com.transport.F": false, "value.F": false} {
		if _, err := parseWriter(named("arrival.value", fixed+`,{"name":"y","type":"`+use+`"}`)); (err == nil) != want {
			t.Errorf("%s: %v", use, err)
		}
	}
}

// The error names the field. Its reason blames the value or the schema.
func TestWhatDoesNotFit(t *testing.T) {
	A := func(id, status string) string {
		return named("arrival", `{"name":"station_id","type":`+id+`},{"name":"train_id","type":"string"},{"name":"direction","type":"string"},{"name":"line","type":"string"},{"name":"train_status","type":`+status+`}`)
	}
	const tail = "\x0aBL001\x02a\x08blue"
	for what, c := range map[string]struct{ schema, body, reason, want string }{
		"null where a value must be": {A(`["null","int"]`, `"string"`), "\x00" + tail + "\x14in_service", ReasonBody, "station_id: found null, want int"},
		"another branch":             {A(`["int","string"]`, `"string"`), "\x02\x02x" + tail + "\x14in_service", ReasonBody, "station_id: found string, want int"},
		"a text that is no symbol":   {A(`"int"`, `"string"`), "\x02" + tail + "\x08late", ReasonBody, "train_status: found the unknown symbol late"},
		"a symbol of others":         {A(`"int"`, `{"type":"enum","name":"S","symbols":["late","in_service"]}`), "\x02" + tail + "\x00", ReasonBody, "train_status: found the unknown symbol late"},
		"a number over 32 bits":      {A(`"long"`, `"string"`), "\x80\x80\x80\x80\x10" + tail + "\x14in_service", ReasonBody, "station_id: 2147483648 does not fit an int"},
		"another type":               {A(`"string"`, `"int"`), "", ReasonSchema, "station_id: found string, want int; train_status: found int, want enum"},
		"a list":                     {A(`{"type":"array","items":"int"}`, `"string"`), "", ReasonSchema, "station_id: found array, want int"},
		"no branch that fits":        {A(`["null","string"]`, `"string"`), "", ReasonSchema, "station_id: found null, want int; found string, want int"},
		"a field that is missing":    {named("a", `{"name":"station_id","type":"int"}`), "", ReasonSchema, "train_id: is missing and has no default; direction: is"},
		"two fields of the name": {named("a", strings.ReplaceAll(`{"name":"STATION_ID","type":"int"},{"name":"Station_Id","type":"int"},{"name":"train_id","type":S},{"name":"direction","type":S},{"name":"line","type":S},{"name":"train_status","type":S}`, ":S", `:"string"`)),
			"", ReasonSchema, "station_id: is missing"},
		"no record":                   {`"string"`, "", ReasonSchema, "found string, want record"},
		"a value that is no record":   {`["null",` + A(`"int"`, `"string"`) + `]`, "\x00", ReasonBody, "found null, want record"},
		"a union of nothing":          {A(`[]`, `"string"`), "", ReasonSchema, "station_id: found a union of nothing"},
		"a type that isn't there":     {A(`"Station"`, `"string"`), "", ReasonSchema, `station_id: type "Station" is not defined`},
		"a fixed of a negative size":  {A(`{"type":"fixed","name":"F","size":-1}`, `"string"`), "", ReasonSchema, `fixed "com.transport.F" has size -1`},
		"the same name twice":         {A(`{"type":"fixed","name":"F","size":1}`, `{"type":"fixed","name":"F","size":1}`), "", ReasonSchema, `"com.transport.F" has no name, or one that is taken`},
		"the same field twice":        {named("a", `{"name":"x","type":"int"},{"name":"x","type":"int"}`), "", ReasonSchema, `field "x" has no name, or one that is taken`},
		"a field that is no object":   {named("a", `7`), "", ReasonSchema, `field "" has no name`},
		"a type that is no type":      {named("a", `{"name":"x","type":7}`), "", ReasonSchema, "x: a type is neither"},
		"an array of no items' type":  {named("a", `{"name":"x","type":{"type":"array"}}`), "", ReasonSchema, "x: a type is neither"},
		"what is no JSON":             {`{`, "", ReasonSchema, "unexpected end of JSON"},
		"a text that is no text":      {A(`"int"`, `"bytes"`), "", ReasonSchema, "train_status: found bytes, want enum"},
		"a double that is no float":   {A(`"double"`, `"string"`), "", ReasonSchema, "station_id: found double, want int"},
		"an enum without the branch":  {A(`"int"`, `{"type":"enum","name":"S","symbols":["in_service"]}`), "\x02" + tail + "\x02", ReasonBody, "train_status: found symbol 1, want 0 to 0"},
		"a union without the branch":  {A(`["null","int"]`, `"string"`), "\x04", ReasonBody, "station_id: found branch 2, want 0 to 1"},
		"a boolean that is something": {strings.Replace(A(`"int"`, `"string"`), `"fields":[`, `"fields":[{"name":"x","type":"boolean"},`, 1), "\x02", ReasonBody, "x: found a boolean other than 0 and 1"},
	} {
		_, err := reading[cta.Arrival](t, schemas.ArrivalValue, c.schema).Decode(t.Context(), Frame(1, []byte(c.body)))
		if Reason(err) != c.reason || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want reason %q and %q in one line", what, err, c.reason, c.want)
		}
	}
	_, err := reading[cta.Weather](t, schemas.WeatherValue, named("w", `{"name":"temperature","type":"double"},{"name":"status","type":"string"}`)).
		Decode(t.Context(), Frame(1, append([]byte("\xff\xff\xff\xff\xff\xff\xef\x7f"), "\x0asunny"...)))
	if Reason(err) != ReasonBody || !strings.Contains(err.Error(), "temperature: 1.7976931348623157e+308 does not fit a float") {
		t.Errorf("error is %v", err)
	}
}

// Bytes of Apache Avro 1.12.0 for Java, with and without the lengths of blocks, and of
// fastavro 1.13.1, which confluent-kafka uses.
func TestBytesOfOtherSerializers(t *testing.T) {
	java := `{"type":"record","name":"arrival_value","namespace":"com.example","fields":[
		{"name":"gates","type":{"type":"array","items":["null","long"]}},
		{"name":"station_id","type":["null","int"]},{"name":"train_id","type":{"type":"string","avro.java.string":"String"}},
		{"name":"labels","type":{"type":"map","values":{"type":"array","items":"string"}}},
		{"name":"direction","type":{"type":"enum","name":"Dir","symbols":["b","a"]}},{"name":"line","type":"string"},
		{"name":"train_status","type":["null","string"]},{"name":"prev_station_id","type":"int"},{"name":"raw","type":"bytes"},
		{"name":"md5","type":{"type":"fixed","name":"MD5","size":3}},
		{"name":"at","type":{"type":"record","name":"Place","fields":[{"name":"lat","type":"double"},{"name":"tags","type":{"type":"map","values":"int"}}]}}]}`
	want := blueTrain
	want.PrevDirection = nil
	for _, bytes := range []string{
		"0a0002d00f0002f02e000002f8f6040a424c303031020a6f776e65720406637461027800000208626c75650214696e5f7365727669636594f104040102070809713d0ad7a3f0444002087a6f6e650200",
		"09120002d00f0002f02e000002f8f6040a424c303031011e0a6f776e6572030c06637461027800000208626c75650214696e5f7365727669636594f104040102070809713d0ad7a3f04440010c087a6f6e650200",
	} {
		body, err := hex.DecodeString(bytes)
		if err != nil {
			t.Fatal(err)
		}
		reads(t, schemas.ArrivalValue, java, body, want)
		a := reading[cta.Arrival](t, schemas.ArrivalValue, java)
		for i := range body { // a truncated body never fits, even if truncated in a skipped field
			if _, err := a.Decode(t.Context(), Frame(1, body[:i])); Reason(err) != ReasonBody {
				t.Errorf("cut to %d bytes: error is %v, want reason %q", i, err, ReasonBody)
			}
		}
	}
	python := `{"type":"record","name":"TurnstileEntry","fields":[{"name":"tags","type":{"type":"map","values":["null","string","double"]}},
		{"name":"station_id","type":["null","int"]},{"name":"line","type":"string"},
		{"name":"rows","type":{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"ok","type":"boolean"}]}}},
		{"name":"station_name","type":["string","null"]}]}`
	body, err := hex.DecodeString("060261000262020278026304000000000000f83f0002f8f60408626c75650402010300000014436c61726b2f4c616b65")
	if err != nil {
		t.Fatal(err)
	}
	reads(t, schemas.TurnstileValue, python, body, clarkLake)

	// Two of Go's.
	v := map[string]any{"tags": map[string]any{"a": nil}, "station_id": goavro.Union("int", 40380), "line": "blue",
		"rows": []any{map[string]any{"n": 1, "ok": true}}, "station_name": goavro.Union("string", "Clark/Lake")}
	reads(t, schemas.TurnstileValue, python, written(t, python, v), clarkLake)
	v["station_id"], v["station_name"] = 40380, "Clark/Lake"
	if body, err = avro.Marshal(avro.MustParse(python), v); err != nil {
		t.Fatal(err)
	}
	reads(t, schemas.TurnstileValue, python, body, clarkLake)
}

// The cost of skipping is bounded by the body's length, whatever counts it claims.
func TestClaimsOfStrangersAreBounded(t *testing.T) {
	empties := `{"type":"record","name":"Nothing","fields":[{"name":"a","type":"null"},{"name":"b","type":{"type":"fixed","name":"F","size":0}}]}`
	var wide []string
	for i := range 2000 {
		wide = append(wide, fmt.Sprintf(`{"name":"f%d","type":"null"}`, i))
	}
	hollow := `{"type":"record","name":"Wide","fields":[{"name":"ok","type":"boolean"},` + strings.Join(wide, ",") + `]}`
	huge := string(encodeVarint(math.MaxInt64))
	for what, c := range map[string]struct{ items, extra, reason string }{
		"items of nothing":           {empties, huge + "\x00", ""},
		"many blocks of nothing":     {`"null"`, strings.Repeat(huge, 6000) + "\x00", ""},
		"items with little":          {hollow, string(encodeVarint(60000)) + strings.Repeat("\x01", 60000) + "\x00", ""},
		"more items than bytes":      {`"int"`, huge + "\x02\x02", ReasonBody},
		"a block beyond the end":     {`"int"`, "\x01" + huge, ReasonBody},
		"a block of negative length": {`"int"`, "\x01\x01", ReasonBody},
		"the smallest count":         {`"int"`, string(encodeVarint(math.MinInt64)) + "\x00\x00", ""},
		"blocks without an end":      {`"int"`, strings.Repeat("\x01\x00", 30000), ReasonBody},
		"arrays in arrays":           {`{"type":"array","items":{"type":"array","items":"null"}}`, "\x02\x02\x02\x00\x00\x00", ""},
	} {
		t.Run(what, func(t *testing.T) {
			schema := named("k", `{"name":"extra","type":{"type":"array","items":`+c.items+`}},{"name":"timestamp","type":"long"}`)
			a := reading[cta.Key](t, schemas.ArrivalKey, schema)
			_, err := a.Decode(t.Context(), Frame(1, []byte(c.extra+"\x02")))
			if Reason(err) != c.reason || err != nil && c.reason == "" {
				t.Errorf("error is %v, want reason %q", err, c.reason)
			}
		})
	}
}

// A timestamp is read in any unit, unless it has no time zone.
func TestMoments(t *testing.T) {
	moment := func(logical string) string {
		return named("k", `{"name":"timestamp","type":`+fmt.Sprintf(logical, `{"type":"long","logicalType":`)+`}`)
	}
	for logical, n := range map[string]int64{
		`%s"timestamp-millis"}`: 1_590_000_000_123, `%s"timestamp-micros"}`: 1_590_000_000_123_456,
		`%s"timestamp-nanos"}`: 1_590_000_000_123_456_789, `[%s"timestamp-micros"}]`: 1_590_000_000_123_456 << 1,
	} {
		body := encodeVarint(n)
		if logical[0] == '[' {
			body = append([]byte{0}, encodeVarint(n>>1)...)
		}
		reads(t, schemas.ArrivalKey, moment(logical), body, cta.Key{Timestamp: 1_590_000_000_123})
	}
	for _, unit := range []string{"millis", "micros", "nanos"} {
		local := `%s"local-timestamp-` + unit + `"}`
		_, err := reading[cta.Key](t, schemas.ArrivalKey, moment(local)).Decode(t.Context(), Frame(1, []byte{2}))
		if want := "timestamp: found local-timestamp-" + unit + ", which is a moment of no known time zone"; Reason(err) != ReasonSchema || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
		extra := strings.Replace(moment(local), `[`, `[{"name":"at","type":{"type":"long","logicalType":"timestamp-`+unit+`"}},`, 1)
		extra = strings.Replace(extra, `"timestamp"`, `"made"`, 1)
		reads(t, schemas.ArrivalKey, strings.Replace(extra, `]`, `,{"name":"timestamp","type":"long"}]`, 1), []byte{8, 6, 4}, cta.Key{Timestamp: 2})
	}
}

// Values of a recursive type are skipped at any nesting up to a limit.
func TestTypesWithinThemselves(t *testing.T) {
	key := func(extra string) string {
		return named("k", `{"name":"extra","type":`+extra+`},{"name":"timestamp","type":"long"}`)
	}
	const (
		list   = `{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"]}]}`
		tree   = `{"type":"record","name":"Tree","fields":[{"name":"kids","type":{"type":"array","items":"Tree"}},{"name":"by","type":{"type":"map","values":"Tree"}}]}`
		pair   = `{"type":"record","name":"A","fields":[{"name":"b","type":["null",{"type":"record","name":"B","fields":[{"name":"a","type":["null","A"]}]}]},{"name":"too","type":["null","B"]}]}`
		itself = `{"type":"record","name":"I","fields":[{"name":"i","type":"I"}]}`
	)
	for what, c := range map[string]struct{ extra, body, want string }{
		"a list":              {list, strings.Repeat("\x02\x02", 300) + "\x02\x00", ""},
		"a list too long":     {list, strings.Repeat("\x02\x02", 20000) + "\x02\x00", "extra: next: next: next: next: found more than 1000 values"},
		"a list of no end":    {list, strings.Repeat("\x02\x02", 20), "ends too early"},
		"a tree":              {tree, "\x04" + "\x00\x00" + "\x02\x00\x00\x00\x00" + "\x00" + "\x02\x02k\x00\x00\x00", ""},
		"two in turn":         {pair, "\x02\x02\x00\x00\x02\x00", ""},
		"nothing but itself":  {itself, "", "found more than 1000 values"},
		"a list of such":      {`{"type":"array","items":` + itself + `}`, "\x02", "found more than 1000 values"},
		"the record as field": {`["null","k"]`, "\x02\x02\x00\x04\x08", ""},
	} {
		_, err := reading[cta.Key](t, schemas.ArrivalKey, key(c.extra)).Decode(t.Context(), Frame(1, []byte(c.body+"\x02")))
		if c.want == "" && err != nil || c.want != "" && (Reason(err) != ReasonBody || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error is %v, want %q", what, err, c.want)
		}
	}
}

func encodeVarint(n int64) []byte {
	p := &plan{kind: kindLong, to: kindLong}
	b, _ := p.appendInteger(nil, n)
	return b
}

// A schema in any compatible form, and a value of it from an independent encoder.
func TestAnyCompatibleWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{T: t}
		text := rapid.StringMatching(`[a-z][a-z0-9_]{0,12}`)
		want := cta.Arrival{
			StationID: rapid.IntRange(math.MinInt32, math.MaxInt32).Draw(t, "station"), TrainID: rapid.String().Draw(t, "train"),
			Direction: cta.Direction(text.Draw(t, "direction")), Line: text.Draw(t, "line"),
			TrainStatus: rapid.SampledFrom([]cta.TrainStatus{cta.TrainOutOfService, cta.TrainInService, cta.TrainBrokenDown}).Draw(t, "status"),
		}
		fields := []field{
			g.field("station_id", g.integer(want.StationID)),
			g.field("train_id", g.text(want.TrainID, false)),
			g.field("direction", g.text(string(want.Direction), true)),
			g.field("line", g.text(want.Line, true)),
			g.field("train_status", g.text(string(want.TrainStatus), true)),
		}
		if g.one("has prev") {
			prev, dir := rapid.IntRange(0, math.MaxInt32).Draw(t, "prev"), cta.Direction(text.Draw(t, "prev dir"))
			want.PrevStationID, want.PrevDirection = &prev, &dir
			fields = append(fields, g.field("prev_station_id", g.integer(prev)), g.field("prev_direction", g.text(string(dir), true)))
		} else if g.one("null prev") {
			fields = append(fields, g.field("prev_station_id", form{`"null"`, nil, "null"}))
		}
		for i := range rapid.IntRange(0, 4).Draw(t, "extras") {
			fields = append(fields, field{fmt.Sprintf("extra%d", i), g.any(3)})
		}
		fields = rapid.Permutation(fields).Draw(t, "order")
		v := make(map[string]any)
		var parts []string
		for _, f := range fields {
			v[f.name] = f.value
			parts = append(parts, fmt.Sprintf(`{"name":%q,"type":%s}`, f.name, f.schema))
		}
		schema := named("stranger", strings.Join(parts, ","))
		codec, err := goavro.NewCodec(schema)
		if err != nil {
			t.Fatalf("%v in %s", err, schema)
		}
		body, err := codec.BinaryFromNative(nil, v)
		if err != nil {
			t.Fatalf("%v: %v in %s", err, v, schema)
		}
		a, err := AvroValue[cta.Arrival](nil, schemas.ArrivalValue)
		if err != nil {
			t.Fatal(err)
		}
		a.writers.Store(1, a.understand(1, strings.Replace(schema, "stranger", "any name.at-all", 1)))
		got, err := a.Decode(t.Context(), Frame(1, body))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s\nof %s", err, d, schema)
		}
	})
}

// form is one way to encode a value: a schema, goavro's value, and its name in a union.
type form struct {
	schema string
	value  any
	branch string
}

type field struct {
	name string
	form
}

type generator struct {
	*rapid.T
	names int
}

func (g *generator) one(label string) bool { return rapid.Bool().Draw(g.T, label) }

func (g *generator) name() string {
	g.names++
	return fmt.Sprintf("n%d", g.names)
}

// field wraps a form in a union, or not.
func (g *generator) field(name string, f form) field {
	if f.value == nil || g.one(name+" plain") {
		return field{name, f}
	}
	return field{name, g.union(f)}
}

func (g *generator) union(f form) form {
	branches := []string{f.schema}
	for _, other := range []string{`"null"`, `"boolean"`, `{"type":"array","items":"int"}`} {
		if g.one("with " + other) {
			branches = append(branches, other)
		}
	}
	branches = rapid.Permutation(branches).Draw(g.T, "branches")
	return form{"[" + strings.Join(branches, ",") + "]", goavro.Union(f.branch, f.value), ""}
}

func (g *generator) integer(n int) form {
	return rapid.SampledFrom([]form{{`"int"`, n, "int"}, {`"long"`, n, "long"}, {`{"type":"int","logicalType":"unknown"}`, n, "int"}}).Draw(g.T, "integer")
}

func (g *generator) text(s string, symbol bool) form {
	forms := []form{{`"string"`, s, "string"}, {`{"type":"string","avro.java.string":"String"}`, s, "string"}}
	if symbol {
		name := g.name()
		symbols := rapid.Permutation([]string{s, "Q1", "Q2"}).Draw(g.T, "symbols")
		text, _ := json.Marshal(symbols)
		forms = append(forms, form{fmt.Sprintf(`{"type":"enum","name":%q,"symbols":%s}`, name, text), s, "com.transport." + name})
	}
	return rapid.SampledFrom(forms).Draw(g.T, "text")
}

// any is a field unknown to our schema.
func (g *generator) any(depth int) form {
	kinds := []string{"null", "boolean", "int", "long", "float", "double", "string", "bytes", "fixed", "enum"}
	if depth > 0 {
		kinds = append(kinds, "array", "map", "record", "union", "list")
	}
	switch kind := rapid.SampledFrom(kinds).Draw(g.T, "kind"); kind {
	case "boolean":
		return form{`"boolean"`, g.one("value"), kind}
	case "int":
		return form{`"int"`, rapid.Int32().Draw(g.T, "value"), kind}
	case "long":
		return form{`"long"`, rapid.Int64().Draw(g.T, "value"), kind}
	case "float":
		return form{`"float"`, rapid.Float32().Draw(g.T, "value"), kind}
	case "double":
		return form{`"double"`, rapid.Float64().Draw(g.T, "value"), kind}
	case "string":
		return form{`"string"`, rapid.String().Draw(g.T, "value"), kind}
	case "bytes":
		return form{`"bytes"`, rapid.SliceOf(rapid.Byte()).Draw(g.T, "value"), kind}
	case "fixed":
		name, v := g.name(), rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(g.T, "value")
		return form{fmt.Sprintf(`{"type":"fixed","name":%q,"size":%d}`, name, len(v)), v, "com.transport." + name}
	case "enum":
		name := g.name()
		return form{fmt.Sprintf(`{"type":"enum","name":%q,"symbols":["x","y"]}`, name), "y", "com.transport." + name}
	case "array", "map":
		item, n := g.any(depth-1), rapid.IntRange(0, 3).Draw(g.T, "items")
		if kind == "array" {
			return form{`{"type":"array","items":` + item.schema + `}`, slices.Repeat([]any{item.value}, n), kind}
		}
		values := make(map[string]any)
		for i := range n {
			values[fmt.Sprint("k", i)] = item.value
		}
		return form{`{"type":"map","values":` + item.schema + `}`, values, kind}
	case "record":
		name := g.name()
		v := make(map[string]any)
		var parts []string
		for i := range rapid.IntRange(0, 3).Draw(g.T, "fields") {
			f := g.any(depth - 1)
			v[fmt.Sprint("f", i)] = f.value
			parts = append(parts, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, f.schema))
		}
		return form{fmt.Sprintf(`{"type":"record","name":%q,"fields":[%s]}`, name, strings.Join(parts, ",")), v, "com.transport." + name}
	case "list":
		name, v := g.name(), map[string]any{"next": nil}
		for range rapid.IntRange(0, 9).Draw(g.T, "links") {
			v = map[string]any{"next": goavro.Union("com.transport."+name, v)}
		}
		return form{fmt.Sprintf(`{"type":"record","name":%q,"fields":[{"name":"next","type":["null",%q]}]}`, name, name), v, "com.transport." + name}
	case "union":
		f := g.any(0)
		if f.value == nil || f.branch == "boolean" {
			return f
		}
		return g.union(f)
	}
	return form{`"null"`, nil, "null"}
}
