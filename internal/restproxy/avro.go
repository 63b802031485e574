package restproxy

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"

	"github.com/linkedin/goavro/v2"

	"github.com/seed-921eec07/ctalive/cta/rest"
	"github.com/seed-921eec07/ctalive/cta/wire"
)

type part struct {
	suffix   string // of the subject
	name     string // of the members
	noSchema int    // the code when data has no schema
	choice   func(request) schemaChoice
	data     func(record) json.RawMessage
}

var (
	keys = part{"-key", "key", 42201,
		func(r request) schemaChoice { return r.key }, func(r record) json.RawMessage { return r.key }}
	values = part{"-value", "value", 42202,
		func(r request) schemaChoice { return r.value }, func(r record) json.RawMessage { return r.value }}
)

// side returns the encoder of a side of the records, and its schema's id; nil
// and nil when no record has anything on that side and no schema is given.
func (h *Handler) side(ctx context.Context, topic string, p part, req request) (encoder, *int, error) {
	choice := p.choice(req)
	if !choice.given() {
		for i, r := range req.records {
			if p.data(r) != nil {
				return nil, nil, refuse(http.StatusUnprocessableEntity, p.noSchema,
					"The request has neither %s_schema nor %s_schema_id, but record %d has a %s", p.name, p.name, i, p.name)
			}
		}
		return nil, nil, nil
	}
	id, text := choice.id, choice.text
	var err error
	if text == "" {
		if text, err = h.registry.Schema(ctx, id); err != nil {
			return nil, nil, h.registryFault(err, "Error when fetching schema %d", id)
		}
		if err = h.subjects.check(ctx, h.registry, topic+p.suffix, id, text); err != nil {
			return nil, nil, h.registryFault(err, "Error when fetching the version of schema %d under subject %s", id, topic+p.suffix)
		}
	}
	codec, err := h.codecs.get(text)
	if err != nil {
		return nil, nil, refuse(http.StatusUnprocessableEntity, 42205, "Invalid schema: %v", err)
	}
	if id == 0 {
		if id, err = h.registry.Register(ctx, topic+p.suffix, text); err != nil {
			return nil, nil, h.registryFault(err, "Error when registering schema under subject %s", topic+p.suffix)
		}
	}
	return func(data json.RawMessage) ([]byte, error) { return codec.encode(id, data) }, &id, nil
}

// registryFault hides from the client what went wrong between the proxy and the
// registry, except the registry's own code, by which the client knows what lasts.
func (h *Handler) registryFault(err error, format string, args ...any) *fault {
	what := fmt.Sprintf(format, args...)
	var refused *rest.Error
	switch {
	case errors.Is(err, wire.ErrIncompatible):
		what += ": it is incompatible with an earlier schema; error code: 409"
	case errors.Is(err, wire.ErrNotFound):
		what += ": the schema registry does not have it; error code: 40403"
	case errors.As(err, &refused):
		h.log.Warn("REST Proxy: request to the Schema Registry failed", "err", err)
		what += fmt.Sprintf(": the schema registry refuses it; error code: %d", cmp.Or(refused.Code, refused.Status))
	default:
		h.log.Warn("REST Proxy: request to the Schema Registry failed", "err", err)
		what += ": the schema registry does not answer"
	}
	return refuse(http.StatusUnprocessableEntity, 42207, "%s", what)
}

// subjects are the ids of schemas that were found under their topic's subjects. An
// id of another subject's schema is refused, though the registry knows it.
type subjects struct {
	mu    sync.Mutex
	known map[subjectID]bool
}

type subjectID struct {
	subject string
	id      int
}

// check returns an error unless a schema is registered under a subject.
func (s *subjects) check(ctx context.Context, registry *wire.Registry, subject string, id int, schema string) error {
	key := subjectID{subject, id}
	s.mu.Lock()
	found := s.known[key]
	s.mu.Unlock()
	if found {
		return nil
	}
	if _, err := registry.Lookup(ctx, subject, schema); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxKnown {
		s.known = make(map[subjectID]bool)
	}
	s.known[key] = true
	return nil
}

// codecs are the codecs of schemas seen before.
type codecs struct {
	mu     sync.Mutex
	byText map[string]*codec
}

// maxCodecs bounds the schemas kept, which are parsed again beyond it, and
// maxKnown the ids, which are looked up again.
const (
	maxCodecs = 256
	maxKnown  = 4096
)

func (c *codecs) get(schema string) (*codec, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.byText[schema]; known != nil {
		return known, nil
	}
	made, err := newCodec(schema)
	if err != nil {
		return nil, err
	}
	if c.byText == nil || len(c.byText) >= maxCodecs {
		c.byText = make(map[string]*codec)
	}
	c.byText[schema] = made
	return made, nil
}

// codec encodes Avro's own JSON by the rules of Avro's JSON decoder.
type codec struct{ avro *goavro.Codec }

func newCodec(schema string) (*codec, error) {
	if err := wire.ParseSchema(schema); err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal([]byte(schema), &tree); err != nil {
		return nil, err
	}
	bare, err := json.Marshal(undecorated(tree))
	if err != nil {
		return nil, err
	}
	avro, err := goavro.NewCodec(string(bare))
	if err != nil {
		return nil, err
	}
	return &codec{avro}, nil
}

// undecorated returns a schema without defaults, which don't apply when data is
// written, though goavro fills them in, and without logical types, of which
// Avro's JSON knows nothing.
func undecorated(tree any) any {
	switch t := tree.(type) {
	case []any:
		for i, v := range t {
			t[i] = undecorated(v)
		}
	case map[string]any:
		delete(t, "default")
		delete(t, "logicalType")
		for name, v := range t {
			t[name] = undecorated(v)
		}
	}
	return tree
}

// encode returns the frame of data: a zero byte, the schema's id, the Avro body.
func (c *codec) encode(id int, data json.RawMessage) ([]byte, error) {
	v, rest, err := c.avro.NativeFromTextual(data)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("unexpected %.20q after the value", rest)
	}
	if hasNaN(v) {
		return nil, errors.New("null for a number") // goavro's reading of it
	}
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
	return c.avro.BinaryFromNative(frame, v)
}

func hasNaN(v any) bool {
	switch t := v.(type) {
	case float32:
		return math.IsNaN(float64(t))
	case float64:
		return math.IsNaN(t)
	case []any:
		for _, e := range t {
			if hasNaN(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range t {
			if hasNaN(e) {
				return true
			}
		}
	}
	return false
}
