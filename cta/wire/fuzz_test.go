package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/schemas"
)

// FuzzWriter decodes bodies by arbitrary schemas. Decode must not panic or hang,
// unreadable data must give a reason, and decoded values must be encodable.
func FuzzWriter(f *testing.F) {
	f.Add(schemas.ArrivalValue, []byte("\xf8\xf6\x04\x0aBL001\x02a\x08blue\x02\x00\x00"))
	f.Add(`{"type":"record","name":"ArrivalValue","namespace":"ctalive","fields":[{"name":"station_id","type":["int","null"]}]}`, []byte{2})
	f.Add(`["null","string"]`, []byte{2, 2, 'a'})
	arrival := func(extra string) string {
		return named("a.v", extra+`,{"name":"LINE","type":["null","string"]},{"name":"station_id","type":["long","null"]},{"name":"train_id","type":"bytes"},
			{"name":"direction","type":{"type":"enum","name":"d","symbols":["a","b"]}},{"name":"train_status","type":"string"},{"name":"prev_station_id","type":"int"}`)
	}
	const tail = "\x02\x08blue\x00\xf8\xf6\x04\x02T\x02\x14in_service\x02"
	f.Add(arrival(`{"name":"x","type":{"type":"array","items":["null",{"type":"map","values":"double"}]}}`), []byte("\x04\x00\x02\x02\x02k\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00"+tail))
	f.Add(arrival(`{"name":"x","type":{"type":"record","name":"r","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":2}},{"name":"g","type":"F"},{"name":"n","type":"null"}]}}`), []byte("1234"+tail))
	f.Add(named("a", `{"name":"x","type":{"type":"record","name":"x","fields":[{"name":"next","type":["null","x"]}]}}`), []byte("\x02\x02\x00"))
	a, err := AvroValue[cta.Arrival](nil, schemas.ArrivalValue)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, schema string, body []byte) {
		w := a.understand(1, schema)
		if w.err != nil {
			if w.err.Reason != ReasonSchema || w.err.Err == nil {
				t.Errorf("refused with %v", w.err)
			}
			return
		}
		v, err := a.read(w.plan, body)
		if err != nil {
			if Reason(err) == "" {
				t.Errorf("error without a reason: %v", err)
			}
			return
		}
		data, err := a.write(1, v)
		if err != nil {
			t.Fatalf("%+v can't be written: %v", v, err)
		}
		if back, err := a.read(a.own, data[frameSize:]); err != nil || !cmp.Equal(v, back) {
			t.Errorf("%+v became %+v (%v)", v, back, err)
		}
	})
}
