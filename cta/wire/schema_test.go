package wire_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// A newer producer may know more symbols: its other records are read.
func TestUnknownSymbolCostsOneRecord(t *testing.T) {
	r, fake := newRegistry(t)
	newer := strings.Replace(schemas.WeatherValue, `"sunny"`, `"snow", "sunny"`, 1)
	if newer == schemas.WeatherValue {
		t.Fatal("the schema has no symbol sunny")
	}
	fake.SeedSchema("w", 1, 1, sr.Schema{Schema: newer})
	a := value[cta.Weather](t, r, schemas.WeatherValue)

	got, err := a.Decode(t.Context(), wire.Frame(1, []byte{0, 0, 0x22, 0x42, 2}))
	if want := (cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = a.Decode(t.Context(), wire.Frame(1, []byte{0, 0, 0x22, 0x42, 0}))
	if wire.Reason(err) != wire.ReasonBody || !strings.Contains(err.Error(), "status: found the unknown symbol snow") {
		t.Errorf("error is %v, want one that names field and symbol", err)
	}
}

// Avro's rules for a reader with a changed schema, on one value.
func TestResolution(t *testing.T) {
	type value struct {
		N    int64   `avro:"n"`
		S    string  `avro:"s"`
		E    string  `avro:"e"`
		Prev *string `avro:"prev"`
	}
	const reader = `{"type":"record","name":"v","namespace":"ctalive","fields":[
		{"name":"n","type":"long"},
		{"name":"s","type":"string","aliases":["old_s"]},
		{"name":"e","type":{"type":"enum","name":"e","symbols":["x","y"],"default":"x"}},
		{"name":"prev","type":["null","string"],"default":null}]}`
	const head, tail = `{"type":"record","name":"v","namespace":"ctalive","fields":[`, `]}`
	const (
		n    = `{"name":"n","type":"long"}`
		s    = `{"name":"s","type":"string"}`
		e    = `{"name":"e","type":{"type":"enum","name":"e","symbols":["x","y"]}}`
		prev = `{"name":"prev","type":["null","string"]}`
	)
	p := "p"
	for _, c := range []struct {
		name   string
		fields []string
		body   []byte
		want   value
		reason string
	}{
		{"the same", []string{n, s, e, prev}, []byte{4, 2, 'a', 2, 2, 2, 'p'}, value{2, "a", "y", &p}, ""},
		{"another order", []string{prev, e, s, n}, []byte{0, 2, 2, 'a', 4}, value{2, "a", "y", nil}, ""},
		{"a field less, with a default", []string{n, s, e}, []byte{4, 2, 'a', 0}, value{2, "a", "x", nil}, ""},
		{"a field less, without a default", []string{s, e, prev}, []byte{2, 'a', 0, 0}, value{}, wire.ReasonSchema},
		{"fields more", []string{`{"name":"u","type":["null","int","double"]}`, n, `{"name":"f","type":{"type":"fixed","name":"f","size":2}}`, s, e, `{"name":"b","type":"bytes"}`},
			[]byte{4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 9, 9, 2, 'a', 2, 4, 7, 7}, value{2, "a", "y", nil}, ""},
		{"an int for a long", []string{`{"name":"n","type":"int"}`, s, e}, []byte{4, 2, 'a', 2}, value{2, "a", "y", nil}, ""},
		{"a string for a nullable one", []string{n, s, e, `{"name":"prev","type":"string"}`}, []byte{4, 2, 'a', 2, 2, 'p'}, value{2, "a", "y", &p}, ""},
		{"the union turned round", []string{n, s, e, `{"name":"prev","type":["string","null"]}`}, []byte{4, 2, 'a', 2, 0, 2, 'p'}, value{2, "a", "y", &p}, ""},
		{"a field's old name", []string{n, `{"name":"old_s","type":"string"}`, e}, []byte{4, 2, 'a', 2}, value{2, "a", "y", nil}, ""},
		{"a symbol more, and the reader's enum has a default", []string{n, s, `{"name":"e","type":{"type":"enum","name":"e","symbols":["z","y"]}}`}, []byte{4, 2, 'a', 0}, value{2, "a", "x", nil}, ""},
		{"a name in no namespace", []string{n, s, `{"name":"e","type":{"type":"enum","name":"e","namespace":"","symbols":["x","y"]}}`, `{"name":"f","type":".e"}`}, []byte{4, 2, 'a', 2, 0}, value{2, "a", "y", nil}, ""},
		{"a text for a number", []string{`{"name":"n","type":"string"}`, s, e}, []byte{2, '2', 2, 'a', 0}, value{}, wire.ReasonSchema},
		{"another record", []string{n, s, e, prev}, []byte{4, 2, 'a', 2}, value{}, wire.ReasonBody},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, fake := newRegistry(t)
			fake.SeedSchema("v", 1, 1, sr.Schema{Schema: head + strings.Join(c.fields, ",") + tail})
			a, err := wire.AvroValue[value](r, reader)
			if err != nil {
				t.Fatal(err)
			}
			got, err := a.Decode(t.Context(), wire.Frame(1, c.body))
			if wire.Reason(err) != c.reason || (err == nil) != (c.reason == "") {
				t.Fatalf("error is %v, want reason %q", err, c.reason)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			// A truncated body never fits, even if truncated in a skipped field.
			for i := range c.body {
				if _, err := a.Decode(t.Context(), wire.Frame(1, c.body[:i])); wire.Reason(err) == "" {
					t.Errorf("cut to %d bytes: error is %v, want a reason", i, err)
				}
			}
		})
	}
}

// Decoding never writes to what an earlier value points to.
func TestValuesShareNothing(t *testing.T) {
	r, _ := newRegistry(t)
	a := value[cta.Arrival](t, r, schemas.ArrivalValue)
	var data [2][]byte
	for i := range data {
		prev, dir := i, cta.Direction(fmt.Sprint(i))
		var err error
		data[i], err = a.Encode(t.Context(), "a", cta.Arrival{TrainStatus: cta.TrainInService, PrevStationID: &prev, PrevDirection: &dir})
		if err != nil {
			t.Fatal(err)
		}
	}
	first, err := a.Decode(t.Context(), data[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Decode(t.Context(), data[1]); err != nil {
		t.Fatal(err)
	}
	if *first.PrevStationID != 0 || *first.PrevDirection != "0" {
		t.Errorf("first has become %d %s", *first.PrevStationID, *first.PrevDirection)
	}
}

// Every reader can decode the output of Encode.
func TestEncodeRefusesWhatNoReaderTakes(t *testing.T) {
	r, _ := newRegistry(t)
	a := value[cta.Arrival](t, r, schemas.ArrivalValue)
	big := math.MaxInt32 + 1
	for name, v := range map[string]cta.Arrival{
		"station_id: 2147483648 does not fit":      {StationID: big, TrainStatus: cta.TrainInService},
		"prev_station_id: 2147483648 does not fit": {PrevStationID: &big, TrainStatus: cta.TrainInService},
		"train_id: found a text that is not UTF-8": {TrainID: "\xff", TrainStatus: cta.TrainInService},
		"too large: found":                         {TrainID: strings.Repeat("x", 64<<10), TrainStatus: cta.TrainInService},
		"unknown enum symbol":                      {TrainStatus: "late"},
	} {
		if _, err := a.Encode(t.Context(), "a", v); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v, want one that says %q", err, name)
		}
	}
	if _, err := a.Encode(t.Context(), "a", cta.Arrival{TrainStatus: cta.TrainInService}); err != nil {
		t.Errorf("after the failures: %v", err)
	}
}

// A schema of a few hundred bytes must not make decoding run for ever.
func TestSchemasOfStrangersAreBounded(t *testing.T) {
	bomb := `"string"`
	for i := range 14 {
		first := fmt.Sprintf(`{"name":"f","type":%s}`, bomb)
		rest := ""
		for j := range 9 {
			name := `"string"`
			if i > 0 {
				name = fmt.Sprintf(`"r%d"`, i-1)
			}
			rest += fmt.Sprintf(`,{"name":"f%d","type":%s}`, j, name)
		}
		bomb = fmt.Sprintf(`{"type":"record","name":"r%d","fields":[%s%s]}`, i, first, rest)
	}
	deep := strings.Repeat(`{"type":`, 5000) + `"int"` + strings.Repeat(`}`, 5000)
	r, fake := newRegistry(t)
	for i, s := range []string{bomb, deep, `"` + strings.Repeat("x", 70<<10) + `"`, `{"type":"fixed","name":"f","size":1099511627776}`, `{}`} {
		fake.SeedSchema(fmt.Sprintf("s%d", i), 1, i+1, sr.Schema{Schema: s})
		var err error
		for wire.Reason(err) == "" && t.Context().Err() == nil { // the registry may be slow
			_, err = value[cta.Key](t, r, schemas.ArrivalKey).Decode(t.Context(), wire.Frame(i+1, []byte{2}))
		}
		if wire.Reason(err) != wire.ReasonSchema {
			t.Errorf("schema %d: error is %v, want reason %q", i+1, err, wire.ReasonSchema)
		}
	}
}

// A flood of records with an unknown id causes no flood of requests. An answer that is
// not from a registry does not make a record unreadable.
func TestUnknownIDs(t *testing.T) {
	var calls atomic.Int32
	var answer atomic.Value
	answer.Store(`{"error_code":40403,"message":"Schema 7 not found"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, answer.Load())
	}))
	defer server.Close()
	a := value[cta.Key](t, client(t, server.URL), schemas.ArrivalKey)
	for range 100 {
		if _, err := a.Decode(t.Context(), wire.Frame(7, []byte{2})); wire.Reason(err) != wire.ReasonUnknownID {
			t.Fatalf("error is %v, want reason %q", err, wire.ReasonUnknownID)
		}
	}
	if n := calls.Load(); n > 2 {
		t.Errorf("asked %d times, want twice at most", n)
	}
	answer.Store(`<html>no such page</html>`)
	if _, err := a.Decode(t.Context(), wire.Frame(8, []byte{2})); err == nil || wire.Reason(err) != "" {
		t.Errorf("error is %v, want one without a reason", err)
	}
}

// A schema of another kind is permanently unreadable.
func TestSchemaOfAnotherKind(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"schemaType":"PROTOBUF","schema":"message M {}"}`)
	}))
	defer server.Close()
	_, err := value[cta.Key](t, client(t, server.URL), schemas.ArrivalKey).Decode(t.Context(), wire.Frame(8, []byte{2}))
	if wire.Reason(err) != wire.ReasonSchema || !strings.Contains(err.Error(), "PROTOBUF") {
		t.Errorf("error is %v, want reason %q", err, wire.ReasonSchema)
	}
}

// A schema's direct and indirect references are read with it, each once.
func TestReferences(t *testing.T) {
	r, fake := newRegistry(t)
	ref := func(name string) sr.SchemaReference { return sr.SchemaReference{Name: name, Subject: name, Version: 1} }
	seed := func(id int, name, schema string, refs ...sr.SchemaReference) {
		fake.SeedSchema(name, 1, id, sr.Schema{Schema: schema, References: refs})
	}
	seed(1, "Status", `{"type":"enum","name":"Status","namespace":"shared","symbols":["windy","sunny"]}`)
	seed(2, "Gauge", `{"type":"record","name":"Gauge","namespace":"shared","fields":[{"name":"last","type":"Status"},{"name":"model","type":"string"}]}`, ref("Status"))
	seed(3, "weather", `{"type":"record","name":"weather","fields":[{"name":"gauge","type":"shared.Gauge"},{"name":"temperature","type":"float"},{"name":"status","type":"shared.Status"}]}`,
		ref("Status"), ref("Gauge"))
	got, err := value[cta.Weather](t, r, schemas.WeatherValue).Decode(t.Context(), wire.Frame(3, []byte("\x00\x02m\x00\x00\x22\x42\x02")))
	if want := (cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}

	var many []sr.SchemaReference
	for i := range 65 {
		name := fmt.Sprintf("r%d", i)
		seed(10+i, name, fmt.Sprintf(`{"type":"fixed","name":%q,"size":1}`, name))
		many = append(many, ref(name))
	}
	const key = `{"type":"record","name":"key","fields":[{"name":"timestamp","type":"long"}]}`
	seed(100, "many", key, many...)
	seed(101, "less", key, many[:64]...)
	keys := value[cta.Key](t, r, schemas.ArrivalKey)
	if _, err := keys.Decode(t.Context(), wire.Frame(100, []byte{2})); wire.Reason(err) != wire.ReasonSchema || !strings.Contains(err.Error(), "refers to more than 64") {
		t.Errorf("error is %v, want one that names the bound", err)
	}
	if _, err := keys.Decode(t.Context(), wire.Frame(101, []byte{2})); err != nil {
		t.Error(err)
	}
}

// A missing reference makes a dead letter, and so does a reference of a schema to
// itself.
func TestReferencesThatLeadNowhere(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "gone") {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40401,"message":"Subject 'gone' not found."}`)
			return
		}
		to := map[bool]string{true: "gone", false: "self"}[strings.HasSuffix(req.URL.Path, "/1")]
		fmt.Fprintf(w, `{"schema":"\"Other\"","id":8,"references":[{"name":"Other","subject":%q,"version":2}]}`, to)
	}))
	defer server.Close()
	a := value[cta.Key](t, client(t, server.URL), schemas.ArrivalKey)
	for id, c := range map[int][2]string{
		1: {wire.ReasonUnknownID, "version 2 of gone, to which it refers"}, 2: {wire.ReasonSchema, `type "Other" is not defined`},
	} {
		if _, err := a.Decode(t.Context(), wire.Frame(id, []byte{2})); wire.Reason(err) != c[0] || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("error is %v, want %q", err, c)
		}
	}
}
