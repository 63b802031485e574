package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxBody bounds the key or value of a record, in bytes: the system's largest
// are under 1 kB.
const maxBody = 64 << 10

// JSON encodes and decodes values of T as plain JSON, compact and without HTML escapes.
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

// Decode reads JSON. What can't be read is a [*DecodeError]. Members that T
// doesn't have are skipped.
func (JSON[T]) Decode(_ context.Context, _ string, data []byte) (v T, err error) {
	if err := checkBody(data); err != nil {
		return v, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&v); err != nil {
		reason := ReasonNotJSON
		var misfit *json.UnmarshalTypeError
		if errors.As(err, &misfit) {
			reason = ReasonJSONMisfit
		}
		return v, &DecodeError{Reason: reason, Err: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, &DecodeError{Reason: ReasonNotJSON, Err: fmt.Errorf("found more after the first value, from byte %d on", d.InputOffset())}
	}
	return v, nil
}

// Text is the codec of plain text.
type Text struct{}

// Encode returns the bytes of v.
func (Text) Encode(_ context.Context, _ string, v string) ([]byte, error) { return []byte(v), nil }

// Decode returns data as text; it must be UTF-8.
func (Text) Decode(_ context.Context, _ string, data []byte) (string, error) {
	if err := checkBody(data); err != nil {
		return "", err
	}
	if !utf8.Valid(data) {
		return "", &DecodeError{Reason: ReasonNotUTF8}
	}
	return string(data), nil
}

func checkBody(data []byte) error {
	switch {
	case data == nil:
		return &DecodeError{Reason: ReasonNull}
	case len(data) > maxBody:
		return &DecodeError{Reason: ReasonLarge, Err: fmt.Errorf("found %d bytes, want at most %d", len(data), maxBody)}
	}
	return nil
}
