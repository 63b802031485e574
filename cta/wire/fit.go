package wire

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/hamba/avro/v2"
)

// intField is a struct field with more bits than its schema's int. hamba would silently
// write only the lower 32.
type intField struct {
	name  string
	index []int
}

// fit returns the fields of a record's struct that are wider than their schema. The
// error names every schema field that the struct lacks.
func fit(schema avro.Schema, t reflect.Type) (wide []intField, err error) {
	if ref, ok := schema.(*avro.RefSchema); ok {
		schema = ref.Schema()
	}
	record, ok := schema.(*avro.RecordSchema)
	if !ok || t.Kind() != reflect.Struct {
		return nil, nil // hamba reports a mismatch at the first value
	}
	tags := make(map[string]reflect.StructField)
	for _, f := range reflect.VisibleFields(t) {
		tags[f.Tag.Get("avro")] = f
	}
	var faults []error
	for _, f := range record.Fields() {
		to, ok := tags[f.Name()]
		if !ok {
			faults = append(faults, fmt.Errorf("schema %s has field %s, want a field of %s with tag avro:%q", record.FullName(), f.Name(), t, f.Name()))
			continue
		}
		of := to.Type
		if list, ok := f.Type().(*avro.ArraySchema); ok && of.Kind() == reflect.Slice {
			inside, err := fit(list.Items(), of.Elem())
			if len(inside) > 0 {
				err = fmt.Errorf("schema %s has an int %s in an array, want a long", record.FullName(), inside[0].name)
			}
			if err != nil {
				faults = append(faults, err)
			}
			continue
		}
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() == reflect.Int && holdsInt(f.Type()) {
			wide = append(wide, intField{f.Name(), to.Index})
		}
	}
	return wide, errors.Join(faults...)
}

// holdsArray reports whether t has an array in it.
func holdsArray(t *typ) bool { return t.kind == kindArray || slices.ContainsFunc(t.parts, holdsArray) }

// holdsInt reports whether s is an int, or a union with one.
func holdsInt(s avro.Schema) bool {
	union, ok := s.(*avro.UnionSchema)
	return s.Type() == avro.Int || ok && slices.ContainsFunc(union.Types(), holdsInt)
}

func (f intField) check(v reflect.Value) error {
	v, err := v.FieldByIndexErr(f.index)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if n := v.Int(); n < math.MinInt32 || n > math.MaxInt32 {
		return fmt.Errorf("%s: %d does not fit an Avro int, want %d to %d", f.name, n, math.MinInt32, math.MaxInt32)
	}
	return nil
}
