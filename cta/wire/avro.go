package wire

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/hamba/avro/v2"
	"golang.org/x/sync/errgroup"
)

// coding is hamba's configuration. The limit on texts stops hostile lengths from
// allocating memory.
var coding = avro.Config{MaxByteSliceSize: maxBody}.Freeze()

// Avro encodes and decodes values of T as framed Avro of a Schema Registry. It is safe
// for concurrent use.
type Avro[T any] struct {
	registry *Registry
	text     string
	schema   avro.Schema
	suffix   string // of subjects

	fields  *typ       // of schema
	own     *plan      // checks values of schema
	narrow  []intField // of T, checked by Encode
	ids     sync.Map   // topic → int
	writers sync.Map   // id → *writer
	last    atomic.Pointer[writer]
	out     sync.Pool // of *encoder[T]
	in      sync.Pool // of *decoder[T]
}

// writer is a writer's schema, as this codec reads it.
type writer struct {
	id   int
	plan *plan
	err  *DecodeError // why the schema can't be read; permanent
}

// encoder and decoder hold the value next to hamba's state, to avoid an allocation per
// record.
type encoder[T any] struct {
	w *avro.Writer
	v T
}

type decoder[T any] struct {
	r    *avro.Reader
	v    T
	body []byte // rewritten to the codec's own schema
}

// AvroKey returns the codec of a topic's keys, with the subject "<topic>-key". The
// error explains why the schema is invalid or doesn't fit T.
func AvroKey[T any](r *Registry, schema string) (*Avro[T], error) {
	return newAvro[T](r, schema, "-key")
}

// AvroValue returns the codec of a topic's values, with the subject "<topic>-value".
func AvroValue[T any](r *Registry, schema string) (*Avro[T], error) {
	return newAvro[T](r, schema, "-value")
}

func newAvro[T any](r *Registry, text, suffix string) (*Avro[T], error) {
	a := &Avro[T]{registry: r, text: text, suffix: suffix}
	var err error
	if a.schema, err = parse(text); err == nil {
		a.fields, err = parseWriter(text)
	}
	if err == nil {
		_, err = compile(a.schema, a.fields)
	}
	if err == nil {
		var reader avro.Schema // none skips values; but blocks of arrays by their lengths, unread
		if holdsArray(a.fields) {
			reader = a.schema
		}
		a.own, err = compile(reader, a.fields)
	}
	if err != nil {
		return nil, fmt.Errorf("wire: schema: %w", err)
	}
	if a.narrow, err = fit(a.schema, reflect.TypeFor[T]()); err != nil {
		return nil, fmt.Errorf("wire: %w", err)
	}
	a.out.New = func() any { return &encoder[T]{w: avro.NewWriter(nil, 128, avro.WithWriterConfig(coding))} }
	a.in.New = func() any { return &decoder[T]{r: avro.NewReader(nil, 0, avro.WithReaderConfig(coding))} }
	for _, last := range []bool{false, true} { // hamba reports a type mismatch only when it reads a value
		var misfit *DecodeError
		if _, err := a.read(a.own, a.own.sample(nil, last)); errors.As(err, &misfit) {
			return nil, fmt.Errorf("wire: schema doesn't fit %s: %w", reflect.TypeFor[T](), misfit.Err)
		}
	}
	return a, nil
}

// Register registers the codec's schema under the subjects of the topics, concurrently.
// Without it, Encode registers the schema at its first use of each topic.
func (a *Avro[T]) Register(ctx context.Context, topics ...string) error {
	g, ctx := errgroup.WithContext(ctx)
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

// Encode returns v's frame for a topic. The first use of a topic registers the schema
// under its subject, unless Register has. It returns an error for a value that no
// reader could decode:
//
//   - a symbol that the enum doesn't have
//   - a number over 32 bits for an int
//   - a text that is not UTF-8
//   - a body of more than 64 KiB
func (a *Avro[T]) Encode(ctx context.Context, topic string, v T) ([]byte, error) {
	id, err := a.id(ctx, topic)
	if err != nil {
		return nil, err
	}
	data, err := a.write(id, v)
	if err != nil {
		return nil, fmt.Errorf("encode for %s%s: %w", topic, a.suffix, err)
	}
	return data, nil
}

func (a *Avro[T]) write(id int, v T) (data []byte, err error) {
	e := a.out.Get().(*encoder[T])
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("encoder: %v", p)
			return // drop e: its state is unknown
		}
		e.v = *new(T)
		a.out.Put(e)
	}()
	e.v = v
	for _, f := range a.narrow {
		if err := f.check(reflect.ValueOf(&e.v).Elem()); err != nil {
			return nil, err
		}
	}
	e.w.Error = nil
	e.w.Reset(nil)
	var frame [frameSize]byte
	e.w.Write(appendFrame(frame[:0], id))
	e.w.WriteVal(a.schema, &e.v)
	if e.w.Error != nil {
		return nil, e.w.Error
	}
	framed := e.w.Buffer()
	if _, _, err := a.own.convert(nil, framed[frameSize:], 0); err != nil {
		return nil, err
	}
	if err := checkBody(framed[frameSize:]); err != nil {
		return nil, err
	}
	return append([]byte(nil), framed...), nil
}

// Decode decodes a frame, resolving the writer's schema to the codec's own. Unreadable
// data give a [*DecodeError]. Other errors may be temporary, such as an unreachable
// registry.
func (a *Avro[T]) Decode(ctx context.Context, data []byte) (v T, err error) {
	id, body, err := unframe(data)
	if err != nil {
		return v, err
	}
	if err := checkBody(body); err != nil {
		return v, err
	}
	w, err := a.writer(ctx, id)
	if err != nil {
		return v, err
	}
	if w.err != nil {
		return v, w.err
	}
	return a.read(w.plan, body)
}

// read decodes a body with the plan of its writer's schema.
func (a *Avro[T]) read(p *plan, body []byte) (v T, err error) {
	d := a.in.Get().(*decoder[T])
	// hamba's decoder has panicked before and is no longer maintained. A panic must
	// cost one record, not the process.
	defer func() {
		if p := recover(); p != nil {
			v, err = *new(T), &DecodeError{Reason: ReasonBody, Err: fmt.Errorf("decoder: %v", p)}
		}
	}()
	var rest []byte
	if p == a.own {
		_, rest, err = p.convert(nil, body, 0)
	} else {
		d.body, rest, err = p.convert(d.body[:0], body, 0)
		body = d.body
	}
	switch {
	case err != nil:
		a.in.Put(d)
		return v, &DecodeError{Reason: ReasonBody, Err: err}
	case len(rest) > 0:
		a.in.Put(d)
		return v, &DecodeError{Reason: ReasonTrailing, Err: fmt.Errorf("found %d bytes after the body", len(rest))}
	}
	d.r.Error = nil
	d.r.Reset(body)
	d.r.ReadVal(a.schema, &d.v)
	v, err = d.v, d.r.Error
	// The caller owns what d.v points to, so reset d.v: hamba writes into existing
	// values.
	d.v = *new(T)
	d.r.Reset(nil)
	a.in.Put(d)
	if err != nil {
		return *new(T), &DecodeError{Reason: ReasonBody, Err: err}
	}
	return v, nil
}

// writer returns the resolved schema of an id. Its err, if not nil, is permanent.
func (a *Avro[T]) writer(ctx context.Context, id int) (*writer, error) {
	if w := a.last.Load(); w != nil && w.id == id { // the usual case, faster than the map
		return w, nil
	}
	if w, ok := a.writers.Load(id); ok {
		a.last.Store(w.(*writer))
		return w.(*writer), nil
	}
	texts, err := a.registry.schemaOf(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		// Not cached: the id may become known. The registry client limits requests to
		// one every few seconds.
		return &writer{err: &DecodeError{Reason: ReasonUnknownID, Err: err}}, nil
	case errors.Is(err, errUnusable):
		return &writer{err: &DecodeError{Reason: ReasonSchema, Err: err}}, nil
	case err != nil:
		return nil, err
	}
	w := a.understand(id, texts...)
	a.writers.Store(id, w)
	return w, nil
}

// understand resolves the schema of an id, the last of texts. The others are schemas
// that it refers to.
func (a *Avro[T]) understand(id int, texts ...string) *writer {
	p := a.own
	fields, err := parseWriter(texts...)
	if err == nil && !reflect.DeepEqual(fields, a.fields) {
		p, err = compile(a.schema, fields)
	}
	if err != nil {
		return &writer{id: id, err: &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("schema %d: %w", id, err)}}
	}
	return &writer{id: id, plan: p}
}
