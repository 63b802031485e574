package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
)

// shape tells the bodies of a schema from other bytes. Every body is held against
// it before hamba's decoder, which has known faults on hostile bytes, sees it.
type shape struct {
	kind  avro.Type
	size  int      // of float, double and fixed, in bytes
	names []string // of a record's fields, an enum's symbols
	parts []*shape // of a record's fields, a union's branches
	known []bool   // which of an enum's symbols the reader knows
}

var (
	errCut    = errors.New("ends too early")
	errVarint = errors.New("found a number that is too long")
	errLength = errors.New("found a length that is below 0 or beyond the end")
	errBool   = errors.New("found a boolean other than 0 and 1")
	errUTF8   = errors.New("found a text that is not UTF-8")
)

// shapeOf returns the shape of what writer writes, as far as reader, which may be
// nil, knows it.
func shapeOf(writer, reader avro.Schema) *shape {
	writer = deref(writer)
	reader = counterpart(reader, writer)
	s := &shape{kind: writer.Type()}
	switch w := writer.(type) {
	case *avro.FixedSchema:
		s.size = w.Size()
	case *avro.EnumSchema:
		s.names = w.Symbols()
		s.known = make([]bool, len(s.names))
		r, ok := reader.(*avro.EnumSchema)
		for i, name := range s.names {
			s.known[i] = !ok || r.HasDefault() || slices.Contains(r.Symbols(), name)
		}
	case *avro.UnionSchema:
		for _, t := range w.Types() {
			s.parts = append(s.parts, shapeOf(t, counterpart(reader, t)))
		}
	case *avro.RecordSchema:
		r, _ := reader.(*avro.RecordSchema)
		for _, f := range w.Fields() {
			s.names = append(s.names, f.Name())
			s.parts = append(s.parts, shapeOf(f.Type(), readerOf(r, f)))
		}
	}
	switch s.kind {
	case avro.Float:
		s.size = 4
	case avro.Double:
		s.size = 8
	}
	return s
}

// readerOf returns the type of r's field that f fills, nil if there is none.
func readerOf(r *avro.RecordSchema, f *avro.Field) avro.Schema {
	if r == nil {
		return nil
	}
	for _, to := range r.Fields() {
		if to.Name() == f.Name() || slices.Contains(to.Aliases(), f.Name()) {
			return to.Type()
		}
	}
	return nil
}

// walk returns what follows the body at the start of b. The error names the
// field that is not as the schema says.
func (s *shape) walk(b []byte) (rest []byte, err error) {
	switch s.kind {
	case avro.Null:
		return b, nil
	case avro.Boolean:
		if len(b) > 0 && b[0] > 1 {
			return nil, errBool
		}
		return skip(b, 1)
	case avro.Float, avro.Double, avro.Fixed:
		return skip(b, s.size)
	case avro.Record:
		for i, part := range s.parts {
			if b, err = part.walk(b); err != nil {
				return nil, fmt.Errorf("%s: %w", s.names[i], err)
			}
		}
		return b, nil
	}
	n, width := binary.Varint(b) // the same zig-zag form as Avro's
	if width == 0 {
		return nil, errCut
	}
	if width < 0 {
		return nil, errVarint
	}
	b = b[width:]
	switch s.kind {
	case avro.Int:
		if n < math.MinInt32 || n > math.MaxInt32 || width > binary.MaxVarintLen32 {
			return nil, errVarint
		}
		return b, nil
	case avro.Long:
		return b, nil
	case avro.Enum:
		if n < 0 || n >= int64(len(s.names)) {
			return nil, fmt.Errorf("found symbol %d, want 0 to %d", n, len(s.names)-1)
		}
		if !s.known[n] {
			return nil, fmt.Errorf("found the unknown symbol %s", s.names[n])
		}
		return b, nil
	case avro.Union:
		if n < 0 || n >= int64(len(s.parts)) {
			return nil, fmt.Errorf("found branch %d, want 0 to %d", n, len(s.parts)-1)
		}
		return s.parts[n].walk(b)
	case avro.String, avro.Bytes:
		if n < 0 || n > int64(len(b)) {
			return nil, errLength
		}
		if s.kind == avro.String && !utf8.Valid(b[:n]) {
			return nil, errUTF8
		}
		return b[n:], nil
	}
	return nil, fmt.Errorf("found type %s, which is not read", s.kind)
}

// sample appends a short body of the shape to dst. Of unions it takes the first
// branch, or the last. It ends soon after what a record may hold.
func (s *shape) sample(dst []byte, last bool) []byte {
	if len(dst) > maxBody {
		return dst
	}
	switch s.kind {
	case avro.Null:
	case avro.Float, avro.Double, avro.Fixed:
		dst = append(dst, make([]byte, s.size)...)
	case avro.Record:
		for _, part := range s.parts {
			dst = part.sample(dst, last)
		}
	case avro.Enum:
		dst = binary.AppendVarint(dst, int64(max(0, slices.Index(s.known, true))))
	case avro.Union:
		i := 0
		if len(s.parts) == 0 {
			return dst
		}
		if last {
			i = len(s.parts) - 1
		}
		dst = s.parts[i].sample(binary.AppendVarint(dst, int64(i)), last)
	default: // a zero, or an empty text
		dst = append(dst, 0)
	}
	return dst
}

func skip(b []byte, n int) ([]byte, error) {
	if len(b) < n {
		return nil, errCut
	}
	return b[n:], nil
}
