package wire

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/alert"
	"github.com/seed-921eec07/ctalive/schemas"
)

func alerts(t testing.TB) *Avro[alert.Alert] {
	a, err := AvroValue[alert.Alert](nil, schemas.AlertValue)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What is written of an alert, with any numbers of parts, is what is read.
func TestListsRoundTrip(t *testing.T) {
	a := alerts(t)
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) alert.Text {
			return alert.Text{Language: rapid.StringN(0, 5, 20).Draw(t, "language"), Text: rapid.String().Draw(t, "text")}
		}), 0, 4)
		want := alert.Alert{
			Active: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) alert.Period {
				return alert.Period{From: rapid.Int64().Draw(t, "from"), Until: rapid.Int64().Draw(t, "until")}
			}), 0, 200).Draw(t, "active"),
			Informed: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) alert.Informed {
				return alert.Informed{Line: rapid.String().Draw(t, "line"), Direction: cta.DirectionA, Station: rapid.Int().Draw(t, "station")}
			}), 0, 4).Draw(t, "informed"),
			Cause: alert.CauseConstruction, Effect: alert.EffectDetour, Severity: alert.SeveritySevere,
			Header: texts.Draw(t, "header"), Description: texts.Draw(t, "description"), URL: texts.Draw(t, "url"),
		}
		data, err := a.write(1, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.read(a.own, data[frameSize:])
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	})
}

// The Avro library gets no count or length of a list that the body doesn't hold.
func TestListsOfHostileBytes(t *testing.T) {
	type lists struct {
		N []int64 `avro:"n"`
		S string  `avro:"s"`
	}
	own := named("l", `{"name":"n","type":{"type":"array","items":"long"}},{"name":"s","type":"string"}`)
	a, err := AvroValue[lists](nil, own)
	if err != nil {
		t.Fatal(err)
	}
	long := func(numbers ...int64) (b []byte) {
		for _, n := range numbers {
			b = binary.AppendVarint(b, n)
		}
		return b
	}
	text := long(1, 'x'/2)[:1]
	text = append(text, 'x')
	for name, c := range map[string]struct {
		body []byte
		want []int64
		err  string
	}{
		"one block":               {long(2, 7, 8, 0), []int64{7, 8}, ""},
		"two blocks":              {long(1, 7, 1, 8, 0), []int64{7, 8}, ""},
		"a block with its length": {long(-2, 2, 7, 8, 0), []int64{7, 8}, ""},
		"a length that is wrong":  {long(-2, 1<<40, 7, 8, 0), []int64{7, 8}, ""},
		"none":                    {long(0), nil, ""},
		"too many":                {long(1<<40, 7, 0), nil, "n: found more than 1000 items"},
		"the least count":         {long(math.MinInt64, 0, 7), nil, "n: found more than 1000 items"},
		"many blocks":             {append(long(1000), append(make([]byte, 1000), long(1, 1, 0)...)...), nil, "n: found more than 1000 items"},
		"cut":                     {long(3, 7), nil, "n: "},
	} {
		got, err := a.read(a.own, append(c.body, text...))
		if c.err == "" && (err != nil || !cmp.Equal(got, lists{c.want, "x"}, cmpopts.EquateEmpty())) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v, %v; want %v, %q", name, got, err, c.want, c.err)
		}
	}

	// Items of another schema, without bytes, become no more than the bound.
	empty := a.understand(1, named("l", `{"name":"n","type":{"type":"array","items":"long"}},{"name":"s","type":"bytes"}`))
	if empty.err != nil {
		t.Fatal(empty.err)
	}
	if got, err := a.read(empty.plan, append(long(1, 7, 0), text...)); err != nil || len(got.N) != 1 {
		t.Errorf("another schema: %v, %v", got, err)
	}
	other := a.understand(2, named("l", `{"name":"n","type":{"type":"array","items":"string"}},{"name":"s","type":"string"}`))
	if other.err == nil || !strings.Contains(other.err.Error(), "n: found string, want long") {
		t.Errorf("items of another type: %v", other.err)
	}
}

// A struct of items without a field of the schema, or with one that would be cut, is
// refused when the codec is made.
func TestListsMustFit(t *testing.T) {
	type item struct {
		M int64 `avro:"m"`
	}
	type lists struct {
		N []item `avro:"n"`
	}
	type narrow struct {
		N []struct {
			M int `avro:"m"`
		} `avro:"n"`
	}
	of := func(field string) string {
		return named("l", `{"name":"n","type":{"type":"array","items":{"type":"record","name":"i","fields":[`+field+`]}}}`)
	}
	if _, err := AvroValue[lists](nil, of(`{"name":"other","type":"long"}`)); err == nil || !strings.Contains(err.Error(), "field other") {
		t.Errorf("a missing field: %v", err)
	}
	if _, err := AvroValue[narrow](nil, of(`{"name":"m","type":"int"}`)); err == nil || !strings.Contains(err.Error(), "want a long") {
		t.Errorf("a narrow field: %v", err)
	}
	if _, err := AvroValue[lists](nil, of(`{"name":"m","type":"long"}`)); err != nil {
		t.Error(err)
	}
}

// FuzzLists decodes arbitrary bodies with lists. Decode must not panic, and decoded
// values must be encodable and come back.
func FuzzLists(f *testing.F) {
	a := alerts(f)
	data, err := a.write(1, alert.Alert{
		Active: []alert.Period{{From: 1, Until: 2}}, Informed: []alert.Informed{{Line: "red", Station: 40380}},
		Cause: alert.CauseStrike, Effect: alert.EffectDetour, Severity: alert.SeverityInfo, Header: []alert.Text{{Language: "en", Text: "x"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[frameSize:])
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := a.read(a.own, body)
		if err != nil {
			if Reason(err) == "" {
				t.Errorf("error without a reason: %v", err)
			}
			return
		}
		data, err := a.write(1, v)
		if err != nil {
			if len(body) > maxBody/2 { // lengths of blocks add bytes
				return
			}
			t.Fatalf("%+v can't be written: %v", v, err)
		}
		if back, err := a.read(a.own, data[frameSize:]); err != nil || !cmp.Equal(v, back) {
			t.Errorf("%+v became %+v (%v)", v, back, err)
		}
	})
}
