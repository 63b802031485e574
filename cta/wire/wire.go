package wire

import (
	"context"
	"log/slog"
	"time"
)

// RegistryConfig holds the settings of a [Registry]. URL is required.
type RegistryConfig struct {
	URL      string // http or https, with a path if the registry has one
	User     string // basic auth; empty: none
	Password string
	Timeout  time.Duration // of one request. Default: 5s
	Log      *slog.Logger  // default: silent
}

// Registry is a client of a Schema Registry with caches: an id's schema for
// ever, a subject's and schema's id for ever. It is safe for concurrent use.
type Registry struct{}

// NewRegistry returns a client; the error lists every wrong setting. Nothing is
// contacted yet.
func NewRegistry(cfg RegistryConfig) (*Registry, error) { panic("TODO") }

// Wait waits until the registry answers, up to limit. The error is a [*cta.ServiceError].
func (r *Registry) Wait(ctx context.Context, limit time.Duration) error { panic("TODO") }

// Register registers an Avro schema under a subject, or finds it there, and
// returns its id. An incompatible schema is [ErrIncompatible].
func (r *Registry) Register(ctx context.Context, subject, schema string) (int, error) {
	panic("TODO")
}

// Schema returns the Avro schema of an id.
func (r *Registry) Schema(ctx context.Context, id int) (string, error) { panic("TODO") }

// Avro encodes and decodes values of T in the registry's framed Avro: a zero
// byte, the schema's id in four bytes, the Avro body.
type Avro[T any] struct{ _ T }

// AvroKey returns the codec of a topic's keys. The error says why the schema
// can't be used, or doesn't fit T.
func AvroKey[T any](r *Registry, schema string) (*Avro[T], error) { panic("TODO") }

// AvroValue returns the codec of a topic's values.
func AvroValue[T any](r *Registry, schema string) (*Avro[T], error) { panic("TODO") }

// Register registers the codec's schema under the subjects of those topics, many
// at a time, so that Encode need not.
func (a *Avro[T]) Register(ctx context.Context, topics ...string) error { panic("TODO") }

// Encode returns v's frame for a topic.
func (a *Avro[T]) Encode(ctx context.Context, topic string, v T) ([]byte, error) { panic("TODO") }

// Decode reads a frame by the schema it was written with, resolved to the
// codec's own. What can't be read is a [*DecodeError]; other errors (the
// registry is away) may go away.
func (a *Avro[T]) Decode(ctx context.Context, topic string, data []byte) (T, error) { panic("TODO") }

// JSON encodes and decodes values of T as plain JSON, compact and without HTML escapes.
type JSON[T any] struct{}

// Encode returns v as JSON.
func (JSON[T]) Encode(_ context.Context, _ string, v T) ([]byte, error) { panic("TODO") }

// Decode reads JSON. What can't be read is a [*DecodeError].
func (JSON[T]) Decode(_ context.Context, _ string, data []byte) (T, error) { panic("TODO") }

// Text is the codec of plain text.
type Text struct{}

// Encode returns the bytes of v.
func (Text) Encode(_ context.Context, _ string, v string) ([]byte, error) { panic("TODO") }

// Decode returns data as text; it must be UTF-8.
func (Text) Decode(_ context.Context, _ string, data []byte) (string, error) { panic("TODO") }

// DecodeError says that bytes can never be read, however often it is tried: a
// record for the dead-letter topic.
type DecodeError struct {
	// Reason is one of a few fixed texts, fit for a metric's label: as "wrong magic
	// byte", "unknown schema id", "schema with an array".
	Reason string
	Err    error
}

// Error is the reason and the cause.
func (e *DecodeError) Error() string { panic("TODO") }

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }
