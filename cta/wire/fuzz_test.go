package wire

import (
	"testing"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/schemas"
)

// FuzzWriter reads bodies by schemas that a stranger registered: no panic, no
// hang, and a reason for what can't be read.
func FuzzWriter(f *testing.F) {
	f.Add(schemas.ArrivalValue, []byte("\xf8\xf6\x04\x0aBL001\x02a\x08blue\x02\x00\x00"))
	f.Add(`{"type":"record","name":"ArrivalValue","namespace":"ctalive","fields":[{"name":"station_id","type":["int","null"]}]}`, []byte{2})
	f.Add(`["null","string"]`, []byte{2, 2, 'a'})
	f.Fuzz(func(t *testing.T, schema string, body []byte) {
		a, err := AvroValue[cta.Arrival](nil, schemas.ArrivalValue)
		if err != nil {
			t.Fatal(err)
		}
		a.writers.Store(1, a.understand(1, schema))
		if _, err := a.Decode(t.Context(), "t", Frame(1, body)); err != nil && Reason(err) == "" {
			t.Errorf("error without a reason: %v", err)
		}
	})
}
