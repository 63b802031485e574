package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxBody bounds a record's key or value, in bytes. The system's largest are under 1
// kB.
const maxBody = 64 << 10

// DecodeJSON parses a JSON object. Unreadable data give a [*DecodeError]. Members
// unknown to T are ignored.
func DecodeJSON[T any](data []byte) (v T, err error) {
	if err := checkBody(data); err != nil {
		return v, err
	}
	if err := json.Unmarshal(data, &v); err != nil {
		reason := ReasonJSONMisfit
		if _, ok := errors.AsType[*json.SyntaxError](err); ok {
			reason = ReasonNotJSON
		}
		return *new(T), &DecodeError{Reason: reason, Err: err}
	}
	if string(bytes.TrimSpace(data)) == "null" { // encoding/json accepts it for any type
		return v, &DecodeError{Reason: ReasonJSONMisfit, Err: errors.New("found null, want an object")}
	}
	return v, nil
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
