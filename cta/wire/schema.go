package wire

import (
	"fmt"

	"github.com/hamba/avro/v2"
)

const (
	maxSchema = 64 << 10 // bytes
	maxDepth  = 16       // of records and unions within one another
)

// parse parses a schema and refuses what this package does not decode: arrays
// and maps (whose decoders have known faults on hostile sizes), recursion, and
// size beyond reason.
func parse(text string) (avro.Schema, *DecodeError) {
	if len(text) > maxSchema {
		return nil, &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("found a schema of %d bytes, want at most %d", len(text), maxSchema)}
	}
	// A cache of its own: by default parsed names are shared by the whole program,
	// so that two versions of a record would be taken for one.
	schema, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, &DecodeError{Reason: ReasonSchema, Err: err}
	}
	if err := check(schema, nil, 0); err != nil {
		return nil, err
	}
	return schema, nil
}

// check walks a schema; open holds the names of the records around it.
func check(s avro.Schema, open []string, depth int) *DecodeError {
	if depth > maxDepth {
		return &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("found more than %d levels", maxDepth)}
	}
	switch s := s.(type) {
	case *avro.ArraySchema:
		return &DecodeError{Reason: ReasonArray, Err: within(open)}
	case *avro.MapSchema:
		return &DecodeError{Reason: ReasonMap, Err: within(open)}
	case *avro.RefSchema:
		name := s.Schema().FullName()
		for _, o := range open {
			if o == name {
				return &DecodeError{Reason: ReasonRecursive, Err: fmt.Errorf("found %s within itself", name)}
			}
		}
		return check(s.Schema(), open, depth+1)
	case *avro.FixedSchema:
		if s.Size() > maxBody {
			return &DecodeError{Reason: ReasonSchema, Err: fmt.Errorf("found %s of %d bytes, want at most %d", s.FullName(), s.Size(), maxBody)}
		}
	case *avro.UnionSchema:
		for _, t := range s.Types() {
			if err := check(t, open, depth+1); err != nil {
				return err
			}
		}
	case *avro.RecordSchema:
		open = append(open[:len(open):len(open)], s.FullName())
		for _, f := range s.Fields() {
			if err := check(f.Type(), open, depth+1); err != nil {
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
