package wire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/hamba/avro/v2"
	"golang.org/x/sync/errgroup"
)

// registrations is how many subjects are registered at a time: what srclient
// allows itself.
const registrations = 16

// coding is hamba's configuration. The bound on texts keeps a hostile length
// from allocating.
var coding = avro.Config{MaxByteSliceSize: maxBody}.Freeze()

// Avro encodes and decodes values of T in the registry's framed Avro: a zero
// byte, the schema's id in four bytes, the Avro body. It is safe for concurrent use.
type Avro[T any] struct {
	registry *Registry
	text     string
	schema   avro.Schema
	suffix   string // of subjects

	ids     sync.Map // topic → int
	writers sync.Map // id → *writer
	out     sync.Pool
	in      sync.Pool
}

// writer is a schema that values were written with, as this codec reads it.
type writer struct {
	schema avro.Schema // resolved to the codec's own
	err    *DecodeError
}

// AvroKey returns the codec of a topic's keys, under the subject "<topic>-key".
// The error says why the schema can't be used, or doesn't fit T.
func AvroKey[T any](r *Registry, schema string) (*Avro[T], error) {
	return newAvro[T](r, schema, "-key")
}

// AvroValue returns the codec of a topic's values, under the subject
// "<topic>-value".
func AvroValue[T any](r *Registry, schema string) (*Avro[T], error) {
	return newAvro[T](r, schema, "-value")
}

func newAvro[T any](r *Registry, text, suffix string) (*Avro[T], error) {
	schema, derr := parse(text)
	if derr != nil {
		return nil, fmt.Errorf("wire: %w", derr)
	}
	if err := fits(schema, reflect.TypeFor[T]()); err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	a := &Avro[T]{registry: r, text: text, schema: schema, suffix: suffix}
	a.out.New = func() any { return avro.NewWriter(nil, 128, avro.WithWriterConfig(coding)) }
	a.in.New = func() any { return avro.NewReader(nil, 0, avro.WithReaderConfig(coding)) }
	return a, nil
}

// fits returns an error that names every field of a record that a struct lacks.
func fits(schema avro.Schema, t reflect.Type) error {
	record, ok := schema.(*avro.RecordSchema)
	if !ok || t.Kind() != reflect.Struct {
		return nil // hamba tells at the first value
	}
	tags := make(map[string]bool)
	for _, f := range reflect.VisibleFields(t) {
		tags[f.Tag.Get("avro")] = true
	}
	var faults []error
	for _, f := range record.Fields() {
		if !tags[f.Name()] {
			faults = append(faults, fmt.Errorf("schema %s has field %s, want a field of %s with tag avro:%q", record.FullName(), f.Name(), t, f.Name()))
		}
	}
	return errors.Join(faults...)
}

// Register registers the codec's schema under the subjects of those topics, many
// at a time, so that Encode need not.
func (a *Avro[T]) Register(ctx context.Context, topics ...string) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(registrations)
	for _, topic := range topics {
		g.Go(func() error {
			_, err := a.id(ctx, topic)
			return err
		})
	}
	return g.Wait()
}

func (a *Avro[T]) id(ctx context.Context, topic string) (int, error) {
	if id, ok := a.ids.Load(topic); ok {
		return id.(int), nil
	}
	id, err := a.registry.Register(ctx, topic+a.suffix, a.text)
	if err != nil {
		return 0, err
	}
	a.ids.Store(topic, id)
	return id, nil
}

// Encode returns v's frame for a topic. The first use of a topic registers the
// schema under its subject, unless Register has.
func (a *Avro[T]) Encode(ctx context.Context, topic string, v T) ([]byte, error) {
	id, err := a.id(ctx, topic)
	if err != nil {
		return nil, err
	}
	w := a.out.Get().(*avro.Writer)
	defer a.out.Put(w)
	w.Error = nil
	w.Reset(nil)
	var prefix [frameSize]byte
	w.Write(appendFrame(prefix[:0], id))
	w.WriteVal(a.schema, &v)
	if w.Error != nil {
		return nil, fmt.Errorf("encode for %s: %w", topic, w.Error)
	}
	return append([]byte(nil), w.Buffer()...), nil
}

// Decode reads a frame by the schema it was written with, resolved to the
// codec's own. What can't be read is a [*DecodeError]; other errors (the registry
// is away) may go away.
func (a *Avro[T]) Decode(ctx context.Context, _ string, data []byte) (v T, err error) {
	id, body, err := Unframe(data)
	if err != nil {
		return v, err
	}
	if len(body) > maxBody {
		return v, checkBody(body)
	}
	w, err := a.writer(ctx, id)
	if err != nil {
		return v, err
	}
	if w.err != nil {
		return v, w.err
	}
	return a.read(w.schema, body)
}

func (a *Avro[T]) read(schema avro.Schema, body []byte) (v T, err error) {
	// hamba's decoder has had panics on hostile bodies, and is maintained no more:
	// what slips through our bounds is one bad record, not the end of the process.
	defer func() {
		if p := recover(); p != nil {
			var zero T
			v, err = zero, &DecodeError{Reason: ReasonBody, Err: fmt.Errorf("decoder: %v", p)}
		}
	}()
	r := a.in.Get().(*avro.Reader)
	r.Error = nil
	r.Reset(body)
	r.ReadVal(schema, &v)
	if r.Error != nil {
		var zero T
		return zero, &DecodeError{Reason: ReasonBody, Err: r.Error}
	}
	r.Peek()
	if r.Error == nil {
		var zero T
		return zero, &DecodeError{Reason: ReasonTrailing}
	}
	r.Reset(nil) // let go of the body
	a.in.Put(r)
	return v, nil
}

// writer returns the schema of an id, resolved; its err, if not nil, is final.
func (a *Avro[T]) writer(ctx context.Context, id int) (*writer, error) {
	if w, ok := a.writers.Load(id); ok {
		return w.(*writer), nil
	}
	text, err := a.registry.Schema(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		// Not kept: the id may come to be known. The registry's client asks at most
		// every few seconds.
		return &writer{err: &DecodeError{Reason: ReasonUnknownID, Err: err}}, nil
	case err != nil:
		return nil, err
	}
	w := new(writer)
	schema, derr := parse(text)
	if derr == nil {
		w.schema, err = avro.NewSchemaCompatibility().Resolve(a.schema, schema)
		if err != nil {
			derr = &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("id %d: %w", id, err)}
		}
	}
	w.err = derr
	a.writers.Store(id, w)
	return w, nil
}
