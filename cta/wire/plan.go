package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hamba/avro/v2"
)

// plan rewrites bodies of a writer's schema to the codec's own schema. The Avro library
// decodes only the latter, as it has known faults on hostile bytes.
type plan struct {
	kind   kind     // the type written
	to     kind     // the type read; 0: the value is skipped
	branch []byte   // the branch index of the reader's union, written before the value
	size   int      // of a fixed-size value, in bytes
	unit   int64    // divisor from the writer's to the reader's unit; 0 for 1
	names  []string // of a record's parts, an enum's symbols
	// parts are, for a record, its fields in the writer's order, followed by those that
	// the writer lacks; for a union, its branches; for an array or a map, its items.
	parts   []*plan
	order   []int             // of the parts in the reader's record; nil: unchanged
	symbols map[string][]byte // the reader's value for each symbol
	other   []byte            // the value for other symbols; nil: unreadable
	values  [][]byte          // the reader's value by enum index
	err     error             // why no value of this kind can be read
}

// readable holds the reader types for each writer type: those of Avro's rules, and
// those that can hold the same value.
var readable = [...][]kind{
	kindNull:    {kindNull},
	kindBoolean: {kindBoolean},
	kindInt:     {kindInt, kindLong, kindFloat, kindDouble},
	kindLong:    {kindLong, kindInt, kindFloat, kindDouble},
	kindFloat:   {kindFloat, kindDouble},
	kindDouble:  {kindDouble, kindFloat},
	kindBytes:   {kindBytes, kindString},
	kindString:  {kindString, kindBytes, kindEnum},
	kindEnum:    {kindEnum, kindString},
	kindFixed:   {kindFixed},
	kindRecord:  {kindRecord},
	kindArray:   {kindArray},
	kindMap:     {},
}

// sizes holds the lengths of fixed-size values, in bytes.
var sizes = [...]int{kindBoolean: 1, kindFloat: 4, kindDouble: 8, kindMap: 0}

// compile returns the plan for reading writer's values as reader. Without a reader, the
// plan skips them.
func compile(reader avro.Schema, writer *typ) (p *plan, err error) {
	defer func() { // the Avro package is not maintained
		if v := recover(); v != nil {
			p, err = nil, fmt.Errorf("resolver: %v", v)
		}
	}()
	return compiler{}.compile(reader, writer, 0)
}

// compiler holds the plans for skipped records. A record has one plan, however often a
// schema names it, and may contain itself.
type compiler map[*typ]*plan

// maxTypes bounds the nesting of a reader's types.
const maxTypes = 32

func (c compiler) compile(reader avro.Schema, writer *typ, depth int) (*plan, error) {
	if ref, ok := reader.(*avro.RefSchema); ok {
		reader = ref.Schema()
	}
	if depth++; reader != nil && depth > maxTypes {
		return nil, fmt.Errorf("found more than %d types within one another", maxTypes)
	}
	if writer.kind == kindUnion {
		return c.compileUnion(reader, writer, depth)
	}
	if union, ok := reader.(*avro.UnionSchema); ok {
		return c.chooseBranch(union, writer, depth)
	}
	p := &plan{kind: writer.kind, size: max(writer.size, sizes[writer.kind])}
	if reader != nil {
		p.to = kindOf(reader.Type())
		sized, _ := reader.(*avro.FixedSchema)
		if !slices.Contains(readable[p.kind], p.to) || sized != nil && sized.Size() != p.size {
			return nil, misfit(writer.kind, reader)
		}
	}
	switch p.kind {
	case kindLong:
		return p, p.compileMoment(writer.logical)
	case kindRecord:
		if reader != nil {
			return p, c.compileRecord(p, reader, writer, depth)
		}
		return c.skipRecord(p, writer, depth)
	case kindEnum, kindString:
		p.names = writer.symbols
		p.compileSymbols(reader)
	case kindMap:
		entry := &typ{kind: kindRecord, names: []string{"key", "value"}, parts: []*typ{{kind: kindString}, writer.parts[0]}}
		writer = &typ{parts: []*typ{entry}}
		fallthrough
	case kindArray:
		var to avro.Schema
		if list, ok := reader.(*avro.ArraySchema); ok {
			to = list.Items()
		}
		items, err := c.compile(to, writer.parts[0], depth)
		p.parts = []*plan{items}
		return p, err
	}
	return p, nil
}

// skipRecord compiles p to skip a record, or returns the record's existing plan.
func (c compiler) skipRecord(p *plan, writer *typ, depth int) (*plan, error) {
	if known := c[writer]; known != nil {
		return known, nil
	}
	c[writer], p.size = p, 1 // a record that contains itself is not empty
	err := c.compileRecord(p, nil, writer, depth)
	if p.size = 0; err != nil {
		delete(c, writer)
	}
	return p, err
}

// compileMoment converts a timestamp to milliseconds, the unit of all timestamps here.
func (p *plan) compileMoment(logical string) error {
	switch {
	case p.to == 0:
	case logical == "timestamp-micros":
		p.unit = 1_000
	case logical == "timestamp-nanos":
		p.unit = 1_000_000
	case strings.HasPrefix(logical, "local-timestamp-"):
		return fmt.Errorf("found %s, which is a moment of no known time zone, want timestamp-millis", logical)
	}
	return nil
}

// join joins the first few faults in one line; nil without faults.
func join(faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	texts := make([]string, min(len(faults), 8))
	for i := range texts {
		texts[i] = faults[i].Error()
	}
	return errors.New(strings.Join(slices.Compact(texts), "; "))
}

func misfit(found kind, reader avro.Schema) error {
	switch kindOf(reader.Type()) {
	case kindMap:
		return fmt.Errorf("type %s is not supported", reader.Type())
	case kindUnion:
		return fmt.Errorf("found %s, want one of %s", found, reader)
	}
	return fmt.Errorf("found %s, want %s", found, reader.Type())
}

// compileUnion compiles each of the writer's branches. Only values of unreadable
// branches fail.
func (c compiler) compileUnion(reader avro.Schema, writer *typ, depth int) (*plan, error) {
	p := &plan{kind: kindUnion}
	var faults []error
	for _, branch := range writer.parts {
		part, err := c.compile(reader, branch, depth)
		if err != nil {
			faults = append(faults, err)
			part = &plan{err: err}
		}
		p.parts = append(p.parts, part)
	}
	switch {
	case len(p.parts) == 0:
		return nil, errors.New("found a union of nothing")
	case len(faults) == len(p.parts) || reader == nil:
		return p, join(faults)
	}
	return p, nil
}

// chooseBranch compiles for the first readable branch of the reader's union, preferring
// the writer's own type.
func (c compiler) chooseBranch(union *avro.UnionSchema, writer *typ, depth int) (*plan, error) {
	for _, same := range []bool{true, false} {
		for i, t := range union.Types() {
			if (kindOf(t.Type()) == writer.kind) != same {
				continue
			}
			if p, err := c.compile(t, writer, depth); err == nil {
				p.branch = binary.AppendVarint(nil, int64(i))
				return p, nil
			}
		}
	}
	return nil, misfit(writer.kind, union)
}

// compileSymbols sets the reader's value for each symbol, or for each text if the
// reader wants an enum.
func (p *plan) compileSymbols(reader avro.Schema) {
	p.symbols = make(map[string][]byte)
	switch reader := reader.(type) {
	case *avro.EnumSchema:
		for i, s := range reader.Symbols() {
			p.symbols[s] = binary.AppendVarint(nil, int64(i))
		}
		p.other = p.symbols[reader.Default()] // nil without a default
	case *avro.PrimitiveSchema:
		for _, s := range p.names {
			p.symbols[s] = append(binary.AppendVarint(nil, int64(len(s))), s...)
		}
	}
	for _, s := range p.names {
		value, ok := p.symbols[s]
		if !ok {
			value = p.other
		}
		p.values = append(p.values, value)
	}
}

func (c compiler) compileRecord(p *plan, reader avro.Schema, writer *typ, depth int) error {
	var fields []*avro.Field
	if record, ok := reader.(*avro.RecordSchema); ok {
		fields = record.Fields()
	}
	wanted := make([]*avro.Field, len(writer.names)) // by the writer's field
	for _, f := range fields {
		if i := source(writer.names, f); i >= 0 && wanted[i] == nil {
			wanted[i] = f
		}
	}
	place := make(map[*avro.Field]int)
	var faults []error
	for i, name := range writer.names {
		var to avro.Schema
		if wanted[i] != nil {
			to, name = wanted[i].Type(), wanted[i].Name()
		}
		part, err := c.compile(to, writer.parts[i], depth)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if to == nil && part.isEmpty() {
			continue
		}
		if wanted[i] != nil {
			place[wanted[i]] = len(p.parts)
		}
		p.parts, p.names = append(p.parts, part), append(p.names, name)
	}
	if faults != nil {
		return join(faults)
	}
	for _, f := range fields {
		i, ok := place[f]
		if !ok {
			value, err := fallback(f)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", f.Name(), err))
			}
			i = len(p.parts)
			p.parts, p.names = append(p.parts, &plan{kind: kindNull, branch: value}), append(p.names, f.Name())
		}
		p.order = append(p.order, i)
	}
	if slices.IsSorted(p.order) {
		p.order = nil
	}
	return join(faults)
}

// source returns the index of the writer's field that fills f, or -1. It looks for f's
// name, then its aliases, then the only match in another case: ksqlDB writes names in
// capitals.
func source(names []string, f *avro.Field) int {
	for _, name := range append([]string{f.Name()}, f.Aliases()...) {
		if i := slices.Index(names, name); i >= 0 {
			return i
		}
	}
	found := -1
	for i, name := range names {
		if strings.EqualFold(name, f.Name()) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// fallback returns the encoded default of a field.
func fallback(f *avro.Field) ([]byte, error) {
	if !f.HasDefault() {
		return nil, errors.New("is missing and has no default")
	}
	return coding.Marshal(f.Type(), f.Default())
}

// isEmpty reports whether the values that the plan skips have no bytes.
func (p *plan) isEmpty() bool {
	switch p.kind {
	case kindNull:
		return true
	case kindFixed, kindRecord:
		return p.size == 0 && len(p.parts) == 0
	}
	return false
}
