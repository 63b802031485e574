package wire

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/hamba/avro/v2"
)

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

// intField is a field of a struct that has more bits than the int of its schema,
// of which hamba would write the lower 32 without a word.
type intField struct {
	name  string
	index []int
}

var anInt = avro.NewPrimitiveSchema(avro.Int, nil)

// intFields returns such fields of a record's struct.
func intFields(schema avro.Schema, t reflect.Type) (fields []intField) {
	record, ok := schema.(*avro.RecordSchema)
	if !ok || t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		of := f.Type
		if of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Int {
			continue
		}
		for _, rf := range record.Fields() {
			if rf.Name() != f.Tag.Get("avro") {
				continue
			}
			if s := counterpart(rf.Type(), anInt); s != nil && s.Type() == avro.Int {
				fields = append(fields, intField{rf.Name(), f.Index})
			}
		}
	}
	return fields
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
