package wire

import (
	"fmt"
	"slices"

	"github.com/hamba/avro/v2"
)

const (
	maxSchema = 64 << 10 // bytes
	maxDepth  = 16       // of records and unions within one another
	// maxTypes bounds the types in a schema, each use of a named one counted: a few
	// hundred bytes can otherwise name a record of billions of fields.
	maxTypes = 4096
)

// parse parses a schema and refuses what this package does not decode: arrays
// and maps (whose decoders have known faults on hostile sizes), recursion, and
// size beyond reason.
func parse(text string) (schema avro.Schema, derr *DecodeError) {
	schema, err := parseAny(text)
	if err != nil {
		return nil, &DecodeError{Reason: ReasonSchema, Err: err}
	}
	types := 0
	if derr := check(schema, nil, 0, &types); derr != nil {
		return nil, derr
	}
	return schema, nil
}

// parseAny parses any Avro schema up to a size.
func parseAny(text string) (schema avro.Schema, err error) {
	if len(text) > maxSchema {
		return nil, fmt.Errorf("found a schema of %d bytes, want at most %d", len(text), maxSchema)
	}
	defer func() { // schemas of strangers reach the parser, which nobody maintains
		if p := recover(); p != nil {
			schema, err = nil, fmt.Errorf("parser: %v", p)
		}
	}()
	// A cache of its own: by default parsed names are shared by the whole program,
	// so that two versions of a record would be taken for one.
	return avro.ParseWithCache(text, "", &avro.SchemaCache{})
}

// check walks a schema; open holds the names of the records around it, types
// counts what has been walked.
func check(s avro.Schema, open []string, depth int, types *int) *DecodeError {
	if depth > maxDepth {
		return &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("found more than %d levels", maxDepth)}
	}
	if *types++; *types > maxTypes {
		return &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("found more than %d types", maxTypes)}
	}
	switch s := s.(type) {
	case *avro.ArraySchema:
		return &DecodeError{Reason: ReasonArray, Err: within(open)}
	case *avro.MapSchema:
		return &DecodeError{Reason: ReasonMap, Err: within(open)}
	case *avro.RefSchema:
		if name := s.Schema().FullName(); slices.Contains(open, name) {
			return &DecodeError{Reason: ReasonRecursive, Err: fmt.Errorf("found %s within itself", name)}
		}
		return check(s.Schema(), open, depth+1, types)
	case *avro.FixedSchema:
		if s.Size() < 0 || s.Size() > maxBody {
			return &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("found %s of %d bytes, want 0 to %d", s.FullName(), s.Size(), maxBody)}
		}
	case *avro.UnionSchema:
		for _, t := range s.Types() {
			if err := check(t, open, depth+1, types); err != nil {
				return err
			}
		}
	case *avro.RecordSchema:
		open = append(open[:len(open):len(open)], s.FullName())
		for _, f := range s.Fields() {
			if err := check(f.Type(), open, depth+1, types); err != nil {
				return err
			}
		}
	}
	return nil
}

func within(open []string) error {
	if len(open) == 0 {
		return nil
	}
	return fmt.Errorf("in record %s", open[len(open)-1])
}

// resolve returns the schema by which hamba reads what writer wrote into what
// reader describes, and the shape of such bodies.
func resolve(reader, writer avro.Schema) (schema avro.Schema, s *shape, derr *DecodeError) {
	defer func() {
		if p := recover(); p != nil {
			schema, s, derr = nil, nil, &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("resolver: %v", p)}
		}
	}()
	schema, err := avro.NewSchemaCompatibility().Resolve(widen(reader, writer), writer)
	if err != nil {
		return nil, nil, &DecodeError{Reason: ReasonSchema, Err: err}
	}
	return schema, shapeOf(writer, reader), nil
}

// widen returns reader with the symbols of writer's enums added to its own. By
// Avro's rules a symbol that the reader doesn't know makes one value unreadable,
// but hamba would refuse the whole schema; the shape refuses the value instead.
func widen(reader, writer avro.Schema) avro.Schema {
	writer = deref(writer)
	switch r := deref(reader).(type) {
	case *avro.EnumSchema:
		w, ok := writer.(*avro.EnumSchema)
		if !ok || r.HasDefault() {
			return r
		}
		symbols := slices.Clone(r.Symbols())
		for _, s := range w.Symbols() {
			if !slices.Contains(symbols, s) {
				symbols = append(symbols, s)
			}
		}
		if wide, err := avro.NewEnumSchema(r.Name(), r.Namespace(), symbols, avro.WithAliases(r.Aliases())); err == nil {
			return wide
		}
		return r
	case *avro.UnionSchema:
		types := make([]avro.Schema, len(r.Types()))
		for i, t := range r.Types() {
			types[i] = widen(t, counterpart(writer, t))
		}
		if wide, err := avro.NewUnionSchema(types); err == nil {
			return wide
		}
		return r
	case *avro.RecordSchema:
		w, ok := writer.(*avro.RecordSchema)
		if !ok {
			return r
		}
		fields := make([]*avro.Field, len(r.Fields()))
		for i, f := range r.Fields() {
			fields[i] = f
			from := fieldFor(w, f)
			if from == nil {
				continue
			}
			options := []avro.SchemaOption{avro.WithAliases(f.Aliases())}
			if f.HasDefault() {
				options = append(options, avro.WithDefault(f.Default()))
			}
			if wide, err := avro.NewField(f.Name(), widen(f.Type(), from.Type()), options...); err == nil {
				fields[i] = wide
			}
		}
		if wide, err := avro.NewRecordSchema(r.Name(), r.Namespace(), fields, avro.WithAliases(r.Aliases())); err == nil {
			return wide
		}
		return r
	}
	return reader
}

// fieldFor returns the writer's field that fills f, nil if there is none.
func fieldFor(w *avro.RecordSchema, f *avro.Field) *avro.Field {
	for _, from := range w.Fields() {
		if from.Name() == f.Name() || slices.Contains(f.Aliases(), from.Name()) {
			return from
		}
	}
	return nil
}

// counterpart returns s, or the type within the union s, that has the kind of
// other; nil if there is none.
func counterpart(s, other avro.Schema) avro.Schema {
	s, other = deref(s), deref(other)
	if s == nil || other == nil {
		return nil
	}
	if union, ok := s.(*avro.UnionSchema); ok && other.Type() != avro.Union {
		for _, t := range union.Types() {
			if deref(t).Type() == other.Type() {
				return deref(t)
			}
		}
		return nil
	}
	return s
}

// deref returns the schema that s names, or s.
func deref(s avro.Schema) avro.Schema {
	if ref, ok := s.(*avro.RefSchema); ok {
		return ref.Schema()
	}
	return s
}
