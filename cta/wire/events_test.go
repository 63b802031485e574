package wire_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// An error of encoding or decoding names the part and the record.
func TestEventErrorsSayWhich(t *testing.T) {
	r, _ := newRegistry(t)
	f, err := wire.AvroRecords[cta.Key, cta.Weather](r, schemas.WeatherKey, schemas.WeatherValue)
	if err != nil {
		t.Fatal(err)
	}
	k, v := cta.KeyAt(time.UnixMilli(1590000000000)), cta.Weather{Temperature: 60, Status: cta.WeatherWindy}
	rec, err := f.Record(t.Context(), "t", k, v)
	if err != nil || rec.Topic != "t" {
		t.Fatalf("record %v, %v", rec, err)
	}
	if k2, v2, err := f.Decode(t.Context(), rec); err != nil || k2 != k || !cmp.Equal(v2, v) {
		t.Errorf("decoded %v, %v, %v", k2, v2, err)
	}
	_, noValue := f.Record(t.Context(), "t", k, cta.Weather{Status: "odd"})
	at := record.Record{Topic: "t", Partition: 3, Offset: 17, Key: []byte("bad"), Value: []byte("bad")}
	_, _, badBoth := f.Decode(t.Context(), at)
	at.Value = rec.Value
	_, _, badKey := f.Decode(t.Context(), at)
	if noValue == nil || !strings.HasPrefix(noValue.Error(), "value for t: ") {
		t.Errorf("%v, want it to name the value", noValue)
	}
	for err, want := range map[error]string{badBoth: "value of record t/3@17: ", badKey: "key of record t/3@17: "} {
		if err == nil || !strings.HasPrefix(err.Error(), want) || !errors.As(err, new(*wire.DecodeError)) {
			t.Errorf("%v, want %q and its cause", err, want)
		}
	}
}
