package restproxy

import (
	"encoding/json"
	"testing"
)

// FuzzCodec encodes any JSON by any schema: nothing may panic, and what is
// written must be Avro of that schema, to its last byte.
func FuzzCodec(f *testing.F) {
	f.Add(`{"type":"record","name":"w","fields":[{"name":"t","type":"float"},{"name":"s","type":"string","default":"x"}]}`, `{"t":40.5,"s":"sunny"}`)
	f.Add(`["null",{"type":"enum","name":"a.b","symbols":["x","y"]}]`, `{"a.b":"y"}`)
	f.Add(`{"type":"array","items":{"type":"map","values":"long"}}`, `[{"a":1},{}]`)
	f.Add(`{"type":"fixed","name":"f","size":2}`, `"\u00ff\u0000"`)
	f.Add(`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `"\u0001"`)
	f.Add(`{"type":"long","logicalType":"timestamp-millis"}`, `12`)
	f.Add(`{"type":"record","name":"r","fields":[{"name":"r","type":["null","r"]}]}`, `{"r":{"r":{"r":null}}}`)
	f.Fuzz(func(t *testing.T, schema, data string) {
		if !json.Valid([]byte(data)) {
			return // such bodies are refused before
		}
		c, err := newCodec(schema)
		if err != nil {
			return
		}
		frame, err := c.encode(7, json.RawMessage(data))
		if err != nil {
			return
		}
		if string(frame[:5]) != "\x00\x00\x00\x00\x07" {
			t.Fatalf("frame begins with %x", frame[:5])
		}
		if _, rest, err := c.avro.NativeFromBinary(frame[5:]); err != nil || len(rest) > 0 {
			t.Errorf("schema %s, data %s: frame %x reads back with %d bytes left, error %v", schema, data, frame, len(rest), err)
		}
	})
}
