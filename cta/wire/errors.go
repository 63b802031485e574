package wire

import (
	"errors"
	"fmt"
)

// ErrIncompatible is returned by [Registry.Register] when the subject's
// compatibility rule forbids the schema.
var ErrIncompatible = errors.New("schema is incompatible with the subject's earlier ones")

// ErrNotFound is returned by [Registry.Lookup] when the subject or the schema
// under it is not there, and by [Registry.Schema] for an unknown id.
var ErrNotFound = errors.New("not found")

// errUnusable is a schema that the registry has, and that is never read: one of JSON
// Schema or Protobuf, or one with too many references.
var errUnusable = errors.New("schema can't be used")

// errEmpty is an answer of success without what was asked for.
var errEmpty = errors.New("answer has neither an id nor a schema: it is not a Schema Registry's")

// DecodeError says that bytes can never be read, however often it is tried: a
// record for the dead-letter topic.
type DecodeError struct {
	// Reason is one of a few fixed texts, fit for a metric's label: one of the
	// Reason constants, or a text of another package's.
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
	ReasonNotUTF8    = "not UTF-8"
)

// Error is the reason and the cause.
func (e *DecodeError) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Reason returns the reason of the first [DecodeError] in err's chain, or "" if
// there is none: then what failed may go well later.
func Reason(err error) string {
	var d *DecodeError
	if errors.As(err, &d) {
		return d.Reason
	}
	return ""
}
