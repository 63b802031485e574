package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hamba/avro/v2"
)

// fingerprints are the SHA-256 hashes of every schema ever published, without white
// space. Avro's own fingerprints leave out docs and defaults, which hold the units and
// the meaning of old records. Lines here never change; publishing a version adds lines.
var fingerprints = map[string]string{
	"v1/arrival_key":      "bf81fd86ed5bec596b9684e204127277109357c7b882b2a601e2c79a85ff58d0",
	"v1/arrival_value":    "103796c1f5a71bee311cb25c69fa8453faebf5df79091db316f8e4ef0f12057c",
	"v1/turnstile_key":    "e34546eee6a7e6421469c688e5af139fbcdc60dea92605f2dbef99a7a9a8d2b4",
	"v1/turnstile_value":  "bcd28bd9f3fbb2a05658cbf60527c63bac01559c86cea4af13999a85270c694a",
	"v1/weather_key":      "498b9fe4de4e5c5896587ea3293ad66314a081e84356691615887c360865bac4",
	"v1/weather_value":    "e710d8ca19a03c257da88ae168571565efda1016540879d49432c82966ec6e5a",
	"v2/arrival_value":    "b1d3702a5f5b3492645d0343493e083275bf8e4f41bc1901ed248b8f5ba76c22",
	"v3/alert_key":        "c8cf5f6be3592afac7ca4a94ab1168304c105314e64e179b5277e139f0a4ac5d",
	"v3/alert_value":      "d9459d1f9a9096da604273e7e988b5b887f967f4435d30f0ea225caed69f24af",
	"v4/prediction_key":   "d4c268dd1f1e5b2496cd246d075882527a67130fa39a5ed6673a7905dee13ad8",
	"v4/prediction_value": "0694697b3af8d51d4ee22255f7dfa1fad8c3098213b2ff5205a5674732425192",
}

// parse parses a schema with a separate cache, as two schemas here may define the same
// name.
func parse(t *testing.T, schema string) avro.Schema {
	t.Helper()
	s, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, schema)
	}
	return s
}

// published returns every schema ever published, by names such as "v1/arrival_key".
func published(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("published/v*/*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	schemas := make(map[string]string)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.ToSlash(path), ".avsc")
		schemas[strings.TrimPrefix(name, "published/")] = string(data)
	}
	return schemas
}

func TestPublishedSchemasNeverChange(t *testing.T) {
	got := make(map[string]string)
	for name, schema := range published(t) {
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(schema)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got[name] = fmt.Sprintf("%x", sha256.Sum256(compact.Bytes()))
	}
	if d := cmp.Diff(fingerprints, got); d != "" {
		t.Errorf("published schemas (-want +got):\n%s", d)
	}
}

func TestCurrentSchemasReadEveryPublishedVersion(t *testing.T) {
	readers := make(map[string]string)
	for _, s := range current {
		readers[s.name] = s.json
	}
	for name, writer := range published(t) {
		_, kind, _ := strings.Cut(name, "/")
		reader, ok := readers[kind]
		if !ok {
			t.Errorf("nothing reads %s any more", name)
			continue
		}
		if err := compatible(t, reader, writer); err != nil {
			t.Errorf("%s can't be read: %v", name, err)
		}
	}
}

// Every current schema is published, so that the next change is checked against it.
func TestCurrentSchemasArePublished(t *testing.T) {
	old := published(t)
	for _, s := range current {
		found := false
		for name, schema := range old {
			found = found || strings.HasSuffix(name, "/"+s.name) && schema == s.json
		}
		if !found {
			t.Errorf("%s.avsc is in no published version: copy it to a new directory published/v<n>", s.name)
		}
	}
}

func compatible(t *testing.T, reader, writer string) error {
	t.Helper()
	return avro.NewSchemaCompatibility().Compatible(parse(t, reader), parse(t, writer))
}

func TestChangesAreJudged(t *testing.T) {
	for _, c := range []struct{ name, schema, old, new, want string }{
		{"a field with a default", WeatherValue, `"fields": [`,
			`"fields": [{"name": "humidity", "type": ["null", "float"], "default": null},`, ""},
		{"a new symbol", WeatherValue, `"precipitation"]`, `"precipitation", "fog"]`, ""},
		{"an int that becomes a long", ArrivalValue, `"name": "station_id", "type": "int"`, `"name": "station_id", "type": "long"`, ""},
		{"a field without a default", WeatherValue, `"fields": [`, `"fields": [{"name": "humidity", "type": "float"},`,
			"reader field humidity is missing in writer schema and has no default"},
		{"a lost symbol", WeatherValue, `"windy", `, ``, "reader ctalive.WeatherStatus is missing symbol windy"},
		{"another type", TurnstileValue, `"type": "int"`, `"type": "string"`, "reader schema string not compatible with writer schema int"},
		{"a narrower type", TurnstileKey, `"type": "long"`, `"type": "int"`, "reader schema int not compatible with writer schema long"},
		{"a field that must be there now", ArrivalValue, `"prev_station_id", "type": ["null", "int"], "default": null`, `"prev_station_id", "type": "int"`,
			"reader schema int not compatible with writer schema null"},
		{"another name of the record", ArrivalValue, `"ArrivalValue"`, `"Arrival"`, "reader schema ctalive.Arrival and writer schema ctalive.ArrivalValue  names do not match"},
		{"another name of a field", ArrivalKey, `"timestamp"`, `"time"`, "reader field time is missing in writer schema and has no default"},
	} {
		if n := strings.Count(c.schema, c.old); n != 1 {
			t.Fatalf("%s: %s is there %d times, want once", c.name, c.old, n)
		}
		err := compatible(t, strings.Replace(c.schema, c.old, c.new, 1), c.schema)
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want {
			t.Errorf("%s: %s, want %q", c.name, got, c.want)
		}
	}
}

// plain is the permitted content of an .avsc file here.
type plain struct {
	Type, Name, Namespace, Doc string
	Fields                     []struct {
		Name, Doc string
		Type      any
	}
}

// TestSchemasKeepTheRules checks the rules of the package comment, except
// compatibility.
func TestSchemasKeepTheRules(t *testing.T) {
	names := make(map[string]bool)
	for _, s := range current {
		var p plain
		if err := json.Unmarshal([]byte(s.json), &p); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if file, err := os.ReadFile(s.name + ".avsc"); err != nil || string(file) != s.json {
			t.Errorf("%s is not its file: %v", s.name, err)
		}
		if p.Type != "record" || p.Namespace != "ctalive" || p.Doc == "" || names[p.Name] {
			t.Errorf("%s: a %s %s.%s with doc %q", s.name, p.Type, p.Namespace, p.Name, p.Doc)
		}
		names[p.Name] = true
		for _, f := range p.Fields {
			if f.Doc == "" {
				t.Errorf("%s: field %s has no doc", s.name, f.Name)
			}
			if union, ok := f.Type.([]any); ok {
				for _, branch := range union {
					if _, named := branch.(string); !named {
						t.Errorf("%s: field %s has a union with %v", s.name, f.Name, branch)
					}
				}
			}
		}
		if id := map[string]string{"alert_key": "id", "prediction_key": "train_id"}[s.name]; id != "" {
			if len(p.Fields) != 1 || p.Fields[0].Name != id || p.Fields[0].Type != "string" {
				t.Errorf("%s: fields %v, want %s alone", s.name, p.Fields, id)
			}
			continue
		}
		if strings.HasSuffix(s.name, "_key") && (len(p.Fields) != 1 || p.Fields[0].Name != "timestamp" || p.Fields[0].Type != "long") {
			t.Errorf("%s: fields %v, want timestamp alone", s.name, p.Fields)
		}
	}
}

// current holds each schema under the name of its file.
var current = []struct{ name, json string }{
	{"alert_key", AlertKey},
	{"alert_value", AlertValue},
	{"arrival_key", ArrivalKey},
	{"arrival_value", ArrivalValue},
	{"prediction_key", PredictionKey},
	{"prediction_value", PredictionValue},
	{"turnstile_key", TurnstileKey},
	{"turnstile_value", TurnstileValue},
	{"weather_key", WeatherKey},
	{"weather_value", WeatherValue},
}
