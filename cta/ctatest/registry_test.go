package ctatest_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/ctatest"
	"github.com/seed-921eec07/ctalive/cta/wire"
	"github.com/seed-921eec07/ctalive/schemas"
)

// another returns a client of the system's registry that remembers nothing yet.
func another(t *testing.T, sys *ctatest.System) *wire.Registry {
	t.Helper()
	r, err := wire.NewRegistry(wire.RegistryConfig{URL: sys.RegistryURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// A schema has one id, however often it is registered and whatever white space it
// has, under every subject; and what was written with it is read by the id.
func TestRegistryKnowsASchemaAgain(t *testing.T) {
	sys := ctatest.Start(t)
	topic := sys.Topics.Prefix + "entries"
	writer, err := wire.AvroValue[cta.TurnstileEntry](sys.Registry, schemas.TurnstileValue)
	if err != nil {
		t.Fatal(err)
	}
	entry := cta.TurnstileEntry{StationID: 40380, StationName: "Clark/Lake", Line: "blue"}
	data, err := writer.Encode(t.Context(), topic, entry)
	if err != nil {
		t.Fatal(err)
	}
	id := int(binary.BigEndian.Uint32(data[1:])) // after a zero byte
	for _, test := range []struct{ name, subject, schema string }{
		{"again", topic + "-value", schemas.TurnstileValue},
		{"with other white space", topic + "-value", strings.ReplaceAll(schemas.TurnstileValue, "{", " {\n\t")},
		{"under another subject", topic + ".2-value", schemas.TurnstileValue},
	} {
		r := another(t, sys)
		if got, err := r.Register(t.Context(), test.subject, test.schema); got != id || err != nil {
			t.Errorf("registered %s: id %d, %v, want %d", test.name, got, err, id)
		}
		if got, err := r.Lookup(t.Context(), test.subject, test.schema); got != id || err != nil {
			t.Errorf("looked up %s: id %d, %v, want %d", test.name, got, err, id)
		}
	}
	reader, err := wire.AvroValue[cta.TurnstileEntry](another(t, sys), schemas.TurnstileValue)
	if err != nil {
		t.Fatal(err)
	}
	got, err := reader.Decode(t.Context(), data)
	if d := cmp.Diff(entry, got); d != "" || err != nil {
		t.Errorf("%v, read (-written +read):\n%s", err, d)
	}
}

// A schema that readers of the last one can read is taken, under another id; one
// that they can't is refused, in one message.
func TestRegistryChecksCompatibility(t *testing.T) {
	sys := ctatest.Start(t)
	subject := sys.Topics.Prefix + "w-value"
	schema := func(fields ...string) string {
		return `{"type":"record","name":"w","fields":[` + strings.Join(fields, ",") + `]}`
	}
	const first, second = `{"name":"a","type":"int"}`, `{"name":"b","type":"int","default":0}`
	id, err := sys.Registry.Register(t.Context(), subject, schema(first))
	if err != nil {
		t.Fatal(err)
	}
	if next, err := sys.Registry.Register(t.Context(), subject, schema(first, second)); err != nil || next == id {
		t.Errorf("one more field with a default: id %d after %d, %v", next, id, err)
	}
	_, err = sys.Registry.Register(t.Context(), subject, schema(first, second, `{"name":"c","type":"int"}`))
	if !errors.Is(err, wire.ErrIncompatible) {
		t.Fatalf("one more field without a default: %v, want ErrIncompatible", err)
	}
	for _, part := range []string{"schema registry at " + sys.RegistryURL, subject} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	t.Log(err)
}

func TestRegistrySaysWhatItLacks(t *testing.T) {
	sys := ctatest.Start(t)
	subject := sys.Topics.Prefix + "known-value"
	if _, err := sys.Registry.Register(t.Context(), subject, `"int"`); err != nil {
		t.Fatal(err)
	}
	if _, err := sys.Registry.Lookup(t.Context(), subject, `"long"`); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("another schema: %v, want ErrNotFound", err)
	}
	if _, err := sys.Registry.Lookup(t.Context(), sys.Topics.Prefix+"unknown-value", `"int"`); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("another subject: %v, want ErrNotFound", err)
	}
	const none = 1<<31 - 1
	if _, err := sys.Registry.Schema(t.Context(), none); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("another id: %v, want ErrNotFound", err)
	}
	codec, err := wire.AvroKey[cta.Key](sys.Registry, schemas.ArrivalKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.Decode(t.Context(), append(binary.BigEndian.AppendUint32([]byte{0}, uint32(none)), 2)); wire.Reason(err) != wire.ReasonUnknownID {
		t.Errorf("a record of another id: %v, want the reason %q", err, wire.ReasonUnknownID)
	}
}

// The topics of the whole network are registered in one go.
func TestRegistryTakesHundredsOfSubjects(t *testing.T) {
	sys := ctatest.Start(t)
	topics := make([]string, 300)
	for i := range topics {
		topics[i] = fmt.Sprintf("%smany.%03d", sys.Topics.Prefix, i)
	}
	codec, err := wire.AvroKey[cta.Key](sys.Registry, schemas.TurnstileKey)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := codec.Register(t.Context(), topics...); err != nil {
		t.Fatal(err)
	}
	t.Logf("300 subjects registered: %v", time.Since(begun).Round(time.Millisecond))
	r := another(t, sys)
	for _, topic := range []string{topics[0], topics[299]} {
		if _, err := r.Lookup(t.Context(), topic+"-key", schemas.TurnstileKey); err != nil {
			t.Errorf("%s: %v", topic, err)
		}
	}
}
