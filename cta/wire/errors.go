package wire

import (
	"errors"
	"fmt"
)

// ErrIncompatible is returned by [Registry.Register] when the subject's compatibility
// rule rejects the schema.
var ErrIncompatible = errors.New("schema is incompatible with the subject's earlier ones")

// ErrNotFound is returned by [Registry.Lookup] for an unknown subject or schema, and by
// [Registry.Schema] for an unknown id.
var ErrNotFound = errors.New("not found")

// errUnusable is the error for a registered schema that this package can't use: JSON
// Schema, Protobuf, or too many references.
var errUnusable = errors.New("schema can't be used")

// errEmpty is the error for a successful answer without the requested content.
var errEmpty = errors.New("answer has neither an id nor a schema: it is not a Schema Registry's")

// DecodeError reports data that can never be read: a record for the dead-letter topic.
// Retrying is pointless.
type DecodeError struct {
	// Reason is one of a few fixed texts, suitable as a metric's label: a Reason
	// constant, or a text of another package.
	Reason string
	Err    error // the details; may be nil
}

// The reasons of this package.
const (
	ReasonNull       = "null"
	ReasonShort      = "too short"
	ReasonMagic      = "wrong magic byte"
	ReasonGUID       = "schema id in GUID form"
	ReasonUnknownID  = "unknown schema id"
	ReasonSchema     = "schema that does not fit"
	ReasonBody       = "body that does not fit"
	ReasonTrailing   = "trailing bytes"
	ReasonLarge      = "too large"
	ReasonNotJSON    = "not JSON"
	ReasonJSONMisfit = "JSON that does not fit"
)

// Error returns the reason and the cause.
func (e *DecodeError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Reason returns the reason of the first [DecodeError] in err's chain. It returns ""
// without one: a retry may succeed.
func Reason(err error) string {
	if d, ok := errors.AsType[*DecodeError](err); ok {
		return d.Reason
	}
	return ""
}
