package wire_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/tables"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRegistry returns a client of a registry that runs until the test ends.
func newRegistry(tb testing.TB) (*wire.Registry, *srfake.Registry) {
	tb.Helper()
	fake := srfake.New()
	tb.Cleanup(fake.Close)
	return client(tb, fake.URL()), fake
}

func client(tb testing.TB, url string) *wire.Registry {
	tb.Helper()
	r, err := wire.NewRegistry(wire.RegistryConfig{URL: url, Timeout: time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(r.Close)
	return r
}

func value[T any](tb testing.TB, r *wire.Registry, schema string) *wire.Avro[T] {
	tb.Helper()
	a, err := wire.AvroValue[T](r, schema)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// The vectors were computed independently of this code, with schemas of plain strings.
func TestGoldenBytes(t *testing.T) {
	const (
		key       = `{"type":"record","name":"k","fields":[{"name":"timestamp","type":"long"}]}`
		turnstile = `{"type":"record","name":"t","fields":[{"name":"station_id","type":"int"},{"name":"station_name","type":"string"},{"name":"line","type":"string"}]}`
		weather   = `{"type":"record","name":"w","fields":[{"name":"temperature","type":"float"},{"name":"status","type":"string"}]}`
		arrival   = `{"type":"record","name":"a","fields":[{"name":"station_id","type":"int"},{"name":"train_id","type":"string"},{"name":"direction","type":"string"},{"name":"line","type":"string"},{"name":"train_status","type":"string"},{"name":"prev_station_id","type":["null","int"]},{"name":"prev_direction","type":["null","string"]}]}`
	)
	prev, dir := 40010, cta.DirectionA
	first := cta.Arrival{StationID: 40380, TrainID: "BL001", Direction: "a", Line: "blue", TrainStatus: cta.TrainInService}
	later := first
	later.PrevStationID, later.PrevDirection = &prev, &dir

	r, fake := newRegistry(t)
	for i, s := range []string{key, turnstile, weather, arrival} {
		fake.SeedSchema(fmt.Sprintf("t%d-value", i+1), 1, i+1, sr.Schema{Schema: s})
	}
	golden(t, r, "t1", key, cta.Key{Timestamp: 1590000000000}, "0000000001 80f094b6c65c")
	golden(t, r, "t2", turnstile, cta.TurnstileEntry{StationID: 40380, StationName: "Clark/Lake", Line: "blue"}, "0000000002 f8f604 14436c61726b2f4c616b65 08626c7565")
	golden(t, r, "t3", weather, cta.Weather{Temperature: 40.5, Status: cta.WeatherSunny}, "0000000003 00002242 0a73756e6e79")
	golden(t, r, "t4", arrival, first, "0000000004 f8f604 0a424c303031 0261 08626c7565 14696e5f73657276696365 00 00")
	golden(t, r, "t4", arrival, later, "0000000004 f8f604 0a424c303031 0261 08626c7565 14696e5f73657276696365 02 94f104 02 0261")
}

func golden[T any](t *testing.T, r *wire.Registry, topic, schema string, v T, want string) {
	t.Helper()
	a := value[T](t, r, schema)
	got, err := a.Encode(t.Context(), topic, v)
	if err != nil {
		t.Fatal(err)
	}
	if h := hex.EncodeToString(got); h != strings.ReplaceAll(want, " ", "") {
		t.Errorf("%+v is encoded as %s, want %s", v, h, want)
	}
	back, err := a.Decode(t.Context(), got)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v, back); d != "" {
		t.Errorf("decoded (-want +got):\n%s", d)
	}
}

// Our own schemas have enums, whose bytes are an index.
func TestOwnSchemasRoundTrip(t *testing.T) {
	r, _ := newRegistry(t)
	entries := value[cta.TurnstileEntry](t, r, schemas.TurnstileValue)
	arrivals := value[cta.Arrival](t, r, schemas.ArrivalValue)
	weather := value[cta.Weather](t, r, schemas.WeatherValue)
	text := rapid.String()
	rapid.Check(t, func(t *rapid.T) {
		station := rapid.IntRange(0, 1<<31-1).Draw(t, "station")
		roundTrip(t, entries, cta.TurnstileEntry{StationID: station, StationName: text.Draw(t, "name"), Line: text.Draw(t, "line")})
		a := cta.Arrival{StationID: station, TrainID: text.Draw(t, "train"), Direction: cta.DirectionB, Line: text.Draw(t, "line"),
			TrainStatus: rapid.SampledFrom([]cta.TrainStatus{cta.TrainOutOfService, cta.TrainInService, cta.TrainBrokenDown}).Draw(t, "status")}
		if rapid.Bool().Draw(t, "has prev") {
			prev, dir := station, cta.Direction(text.Draw(t, "dir"))
			a.PrevStationID, a.PrevDirection = &prev, &dir
		}
		roundTrip(t, arrivals, a)
		roundTrip(t, weather, cta.Weather{Temperature: rapid.Float32().Draw(t, "°F"),
			Status: rapid.SampledFrom([]cta.WeatherStatus{cta.WeatherSunny, cta.WeatherPartlyCloudy, cta.WeatherCloudy, cta.WeatherWindy, cta.WeatherPrecipitation}).Draw(t, "status")})
	})
}

func roundTrip[T any](t *rapid.T, a *wire.Avro[T], v T) {
	data, err := a.Encode(context.Background(), "topic", v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := a.Decode(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(v, back); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestEncodeRefusesWhatIsNoSymbol(t *testing.T) {
	r, _ := newRegistry(t)
	_, err := value[cta.Weather](t, r, schemas.WeatherValue).Encode(t.Context(), "w", cta.Weather{Status: "hail"})
	if err == nil || !strings.Contains(err.Error(), "hail") {
		t.Errorf("error is %v, want one that names the symbol", err)
	}
}

// A writer may be older or newer than the reader.
func TestDecodeResolvesTheWritersSchema(t *testing.T) {
	r, _ := newRegistry(t)
	type old struct {
		StationID int    `avro:"station_id"`
		Line      string `avro:"line"`
		Gate      string `avro:"gate"`
	}
	writer := value[old](t, r, `{"type":"record","name":"TurnstileValue","namespace":"ctalive","fields":[{"name":"gate","type":"string"},{"name":"line","type":"string"},{"name":"station_id","type":"int"}]}`)
	reader := value[cta.TurnstileEntry](t, r, `{"type":"record","name":"TurnstileValue","namespace":"ctalive","fields":[{"name":"station_id","type":"int"},{"name":"station_name","type":"string","default":"?"},{"name":"line","type":"string"}]}`)
	data, err := writer.Encode(t.Context(), "old", old{40380, "blue", "G7"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := reader.Decode(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if want := (cta.TurnstileEntry{StationID: 40380, StationName: "?", Line: "blue"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	r, fake := newRegistry(t)
	seed := func(id int, schema string) {
		fake.SeedSchema(fmt.Sprintf("s%d", id), 1, id, sr.Schema{Schema: schema})
	}
	seed(1, schemas.TurnstileValue)
	seed(2, `{"type":"record","name":"r","fields":[{"name":"station_id","type":{"type":"array","items":"int"}}]}`)
	seed(3, `{"type":"record","name":"r","fields":[{"name":"m","type":["null",{"type":"map","values":"int"}]}]}`)
	seed(4, `{"type":"record","name":"r","fields":[{"name":"next","type":["null","r"]}]}`)
	seed(5, `{"type":"record","name":"r","fields":[{"name":"station_id","type":"string"}]}`)
	a := value[cta.TurnstileEntry](t, r, schemas.TurnstileValue)

	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"null", nil, wire.ReasonNull},
		{"empty", []byte{}, wire.ReasonShort},
		{"half an id", []byte{0, 0, 0}, wire.ReasonShort},
		{"JSON", []byte(`{"station_id":1}`), wire.ReasonMagic},
		{"GUID form", []byte{1, 2, 3, 4, 5, 6}, wire.ReasonGUID},
		{"unknown id", wire.Frame(99, []byte{2}), wire.ReasonUnknownID},
		{"id over 2^31", []byte{0, 255, 255, 255, 255, 2}, wire.ReasonUnknownID},
		{"array", wire.Frame(2, []byte{2, 2, 0}), wire.ReasonSchema},
		{"map", wire.Frame(3, []byte{0}), wire.ReasonSchema},
		{"recursive", wire.Frame(4, []byte{0}), wire.ReasonSchema},
		{"other type", wire.Frame(5, []byte{2, 'a'}), wire.ReasonSchema},
		{"no body", wire.Frame(1, nil), wire.ReasonBody},
		{"length beyond the body", wire.Frame(1, []byte{2, 200, 1}), wire.ReasonBody},
		{"length of gigabytes", wire.Frame(1, []byte{2, 0xfe, 0xff, 0xff, 0xff, 0x0f}), wire.ReasonBody},
		{"negative length", wire.Frame(1, []byte{2, 1, 0}), wire.ReasonBody},
		{"more than the body", wire.Frame(1, []byte{2, 2, 'a', 2, 'b', 0}), wire.ReasonTrailing},
		{"too large", wire.Frame(1, make([]byte, 70<<10)), wire.ReasonLarge},
	} {
		_, err := a.Decode(t.Context(), c.data)
		if got := wire.Reason(err); got != c.want {
			t.Errorf("%s: reason is %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

func TestCodecRefusesASchemaThatDoesNotFitItsType(t *testing.T) {
	r, _ := newRegistry(t)
	_, err := wire.AvroValue[cta.Key](r, schemas.TurnstileValue)
	if err == nil || strings.Count(err.Error(), "want a field of cta.Key") != 3 {
		t.Errorf("error is %v, want one that names all three fields", err)
	}
}

// An unreachable registry says nothing about the record.
func TestOutageIsNoDecodeError(t *testing.T) {
	r, fake := newRegistry(t)
	a := value[cta.Key](t, r, schemas.ArrivalKey)
	known, err := a.Encode(t.Context(), "t", cta.Key{Timestamp: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Decode(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	fake.Close()

	if _, err := a.Decode(t.Context(), known); err != nil {
		t.Errorf("a known id needs no registry, but: %v", err)
	}
	_, err = a.Decode(t.Context(), wire.Frame(77, []byte{2}))
	var down *cta.ServiceError
	if wire.Reason(err) != "" || !errors.As(err, &down) || down.Service != "schema registry" {
		t.Errorf("error is %v, want a ServiceError of the schema registry", err)
	}
}

func TestJSON(t *testing.T) {
	want := tables.StationRecord{StationID: 1, StationName: "A & <B> café", Order: 2, Line: "red"}
	if v, err := wire.DecodeJSON[tables.StationRecord]([]byte(`{"station_id":1,"station_name":"A & <B> café","order":2,"line":"red","other":0}`)); v != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", v, err, want)
	}
	for data, want := range map[string]string{
		``: wire.ReasonNotJSON, `{`: wire.ReasonNotJSON, `{} {}`: wire.ReasonNotJSON,
		`{"station_id":"x"}`: wire.ReasonJSONMisfit, `[1]`: wire.ReasonJSONMisfit, ` null `: wire.ReasonJSONMisfit,
	} {
		if _, err := wire.DecodeJSON[tables.StationRecord]([]byte(data)); wire.Reason(err) != want {
			t.Errorf("%s: %v, want %s", data, err, want)
		}
	}
}

// FuzzDecode decodes bodies of one schema. FuzzUnframe covers the frame: each unknown
// id would cause a request.
func FuzzDecode(f *testing.F) {
	r, fake := newRegistry(f)
	fake.SeedSchema("s", 1, 1, sr.Schema{Schema: schemas.ArrivalValue})
	a := value[cta.Arrival](f, r, schemas.ArrivalValue)
	f.Add([]byte("\xf8\xf6\x04\x0aBL001\x02a\x08blue\x02\x00\x00"))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := a.Decode(context.Background(), wire.Frame(1, data))
		if err != nil {
			if wire.Reason(err) == "" {
				t.Fatalf("error without a reason: %v", err)
			}
			return
		}
		again, err := a.Encode(context.Background(), "s", v)
		if err != nil {
			t.Fatalf("decoded %+v, which can't be encoded: %v", v, err)
		}
		if back, err := a.Decode(context.Background(), again); err != nil || !cmp.Equal(v, back) {
			t.Fatalf("%+v became %+v (%v)", v, back, err)
		}
	})
}

func FuzzUnframe(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(wire.Frame(7, []byte("body")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if id, body, err := wire.Unframe(data); err == nil && string(wire.Frame(id, body)) != string(data) {
			t.Errorf("%x is not its own frame", data)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r, _ := newRegistry(b)
	a := value[cta.TurnstileEntry](b, r, schemas.TurnstileValue)
	v := cta.TurnstileEntry{StationID: 40380, StationName: "Clark/Lake", Line: "blue"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Encode(b.Context(), "t", v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	r, _ := newRegistry(b)
	a := value[cta.TurnstileEntry](b, r, schemas.TurnstileValue)
	data, err := a.Encode(b.Context(), "t", cta.TurnstileEntry{StationID: 40380, StationName: "Clark/Lake", Line: "blue"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Decode(b.Context(), data); err != nil {
			b.Fatal(err)
		}
	}
}

// A network of 144 stations has 288 topics, with two subjects each.
func BenchmarkRegister(b *testing.B) {
	topics := make([]string, 576)
	for i := range topics {
		topics[i] = fmt.Sprintf("org.chicago.cta.station.turnstiles.%d", i)
	}
	for b.Loop() {
		r, _ := newRegistry(b)
		if err := value[cta.TurnstileEntry](b, r, schemas.TurnstileValue).Register(b.Context(), topics...); err != nil {
			b.Fatal(err)
		}
	}
}
