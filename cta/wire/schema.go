package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hamba/avro/v2"
)

const maxSchema = 64 << 10 // bytes

var errTooLarge = fmt.Errorf("schema has more than %d bytes", maxSchema)

// parse parses a schema of this program, with which it writes and reads values.
func parse(text string) (schema avro.Schema, err error) {
	if len(text) > maxSchema {
		return nil, errTooLarge
	}
	defer func() { // the parser is not maintained
		if p := recover(); p != nil {
			schema, err = nil, fmt.Errorf("parser: %v", p)
		}
	}()
	// Use a separate cache: by default all schemas of the program share parsed names,
	// so two versions of a record would count as one.
	return avro.ParseWithCache(text, "", &avro.SchemaCache{})
}

// kind is an Avro type without its parameters.
type kind uint8

const (
	kindNull kind = 1 + iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindEnum
	kindFixed
	kindRecord
	kindUnion
	kindArray
	kindMap
)

// kinds holds Avro's names of the kinds, by kind.
var kinds = [...]avro.Type{"", avro.Null, avro.Boolean, avro.Int, avro.Long, avro.Float, avro.Double, avro.Bytes, avro.String,
	avro.Enum, avro.Fixed, avro.Record, avro.Union, avro.Array, avro.Map}

func kindOf(name avro.Type) kind { return kind(max(0, slices.Index(kinds[:], name))) }

func (k kind) String() string { return string(kinds[k]) }

// typ is a type of a writer's schema, reduced to what determines the bytes of a body
// and their meaning. The Avro library isn't used here: illegal names and ill-typed
// defaults are common, and change no byte.
type typ struct {
	kind    kind
	logical string   // of a long
	size    int      // of a fixed, in bytes
	symbols []string // of an enum
	names   []string // of a record's fields
	parts   []*typ   // of a record's fields, a union's branches, an array's or a map's items
}

// parseWriter parses a writer's schema, the last of texts. The others are schemas that
// it refers to.
func parseWriter(texts ...string) (t *typ, err error) {
	p := parser{}
	for _, text := range texts {
		if len(text) > maxSchema {
			return nil, errTooLarge
		}
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, err
		}
		if t, err = p.parse(v, ""); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// parser holds the named types parsed so far, by full name.
type parser map[string]*typ

// parse returns the type that v describes, within a namespace.
func (p parser) parse(v any, space string) (*typ, error) {
	switch v := v.(type) {
	case string:
		return p.find(v, space)
	case []any:
		t := &typ{kind: kindUnion}
		for _, branch := range v {
			if err := p.add(t, branch, space); err != nil {
				return nil, err
			}
		}
		return t, nil
	case map[string]any:
		name, ok := v["type"].(string)
		if !ok {
			return p.parse(v["type"], space)
		}
		switch t := (&typ{kind: kindOf(avro.Type(name))}); {
		case t.kind == kindArray:
			return t, p.add(t, v["items"], space)
		case t.kind == kindMap:
			return t, p.add(t, v["values"], space)
		case t.kind == kindEnum, t.kind == kindFixed, t.kind == kindRecord, name == "error":
			return t, p.define(t, v, space)
		case t.kind == kindLong:
			t.logical, _ = v["logicalType"].(string)
			return t, nil
		}
		return p.find(name, space)
	}
	return nil, errors.New("a type is neither a name, a list nor an object with a type")
}

func (p parser) add(t *typ, part any, space string) error {
	sub, err := p.parse(part, space)
	t.parts = append(t.parts, sub)
	return err
}

// find returns the type with that name: a primitive type, or one defined so far.
func (p parser) find(name, space string) (*typ, error) {
	if k := kindOf(avro.Type(name)); k > 0 && k <= kindString {
		return &typ{kind: k}, nil
	}
	for _, full := range []string{fullName(name, space), name} {
		if t := p[full]; t != nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("type %.80q is not defined", name)
}

// define parses the definition of a named type into t.
func (p parser) define(t *typ, v map[string]any, space string) error {
	if s, ok := v["namespace"].(string); ok {
		space = s
	}
	name, _ := v["name"].(string)
	full := fullName(name, space)
	if name == "" || p[full] != nil {
		return fmt.Errorf("%s %.80q has no name, or one that is taken", t.kind, full)
	}
	p[full] = t
	space = full[:max(0, strings.LastIndexByte(full, '.'))]
	switch t.kind {
	case kindFixed:
		size, ok := v["size"].(float64)
		if t.size = int(size); !ok || float64(t.size) != size || size < 0 || size > maxBody {
			return fmt.Errorf("fixed %.80q has size %v, want 0 to %d", full, v["size"], maxBody)
		}
		return nil
	case kindEnum:
		symbols, _ := v["symbols"].([]any)
		for _, s := range symbols {
			symbol, _ := s.(string)
			t.symbols = append(t.symbols, symbol)
		}
		return nil
	}
	t.kind = kindRecord // an Avro error is a record, too
	fields, _ := v["fields"].([]any)
	for _, f := range fields {
		f, _ := f.(map[string]any)
		name, _ := f["name"].(string)
		if name == "" || slices.Contains(t.names, name) {
			return fmt.Errorf("record %.80q: field %.80q has no name, or one that is taken", full, name)
		}
		t.names = append(t.names, name)
		if err := p.add(t, f["type"], space); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// fullName returns name in a namespace. A name with a dot is already full; one that begins
// with it is in no namespace.
func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return strings.TrimPrefix(name, ".")
	}
	return space + "." + name
}
