package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// maxBody bounds a record's key or value, in bytes. The system's largest are under 1
// kB.
const maxBody = 64 << 10

// JSON encodes and decodes values of T as compact JSON without HTML escapes.
type JSON[T any] struct{}

// Encode returns v as JSON.
func (JSON[T]) Encode(_ context.Context, _ string, v T) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Decode parses JSON. Unreadable data give a [*DecodeError]. Members unknown to T are
// ignored.
func (JSON[T]) Decode(_ context.Context, _ string, data []byte) (v T, err error) {
	if err := checkBody(data); err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		var zero T
		reason := ReasonJSONMisfit
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			reason = ReasonNotJSON
		}
		return zero, &DecodeError{Reason: reason, Err: err}
	}
	if isNull(data) && reflect.TypeFor[T]().Kind() == reflect.Struct {
		return v, &DecodeError{Reason: ReasonJSONMisfit, Err: fmt.Errorf("found null, want an object")}
	}
	return v, nil
}

// isNull reports whether data is JSON null, which encoding/json accepts for any type as
// the zero value.
func isNull(data []byte) bool { return string(bytes.TrimSpace(data)) == "null" }

func checkBody(data []byte) error {
	switch {
	case data == nil:
		return &DecodeError{Reason: ReasonNull}
	case len(data) > maxBody:
		return &DecodeError{Reason: ReasonLarge, Err: fmt.Errorf("found %d bytes, want at most %d", len(data), maxBody)}
	}
	return nil
}
