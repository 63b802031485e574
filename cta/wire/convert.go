package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

var (
	errCut    = errors.New("ends too early")
	errDeep   = fmt.Errorf("found more than %d values within one another", maxDepth)
	errVarint = errors.New("found a number that is too long")
	errLength = errors.New("found a length that is below 0 or beyond the end")
	errBool   = errors.New("found a boolean other than 0 and 1")
	errUTF8   = errors.New("found a text that is not UTF-8")
)

// maxDepth bounds the nesting of values: a body of 64 KiB can claim as many levels as
// it has bytes.
const maxDepth = 1000

// maxNamed is the number of nested fields that an error names.
const maxNamed = 8

// convert reads a value at the start of b, appends the reader's form to dst, and
// returns the rest of b. depth is the nesting of the value. The error names the field.
//
// Work is bounded by the body's length, whatever counts it claims. Every plan except a
// record's reads at least a byte, or is read once in its record. Skipped records
// without content are left out. Arrays that are read have at most maxItems.
func (p *plan) convert(dst, b []byte, depth int) (_, rest []byte, err error) {
	if depth++; depth > maxDepth {
		return nil, nil, errDeep
	}
	dst = append(dst, p.branch...)
	switch p.kind {
	case kindNull:
		return dst, b, nil
	case kindRecord:
		return p.convertRecord(dst, b, depth)
	case kindBoolean, kindFixed, kindFloat, kindDouble:
		return p.convertPlain(dst, b)
	case 0:
		return nil, nil, p.err
	}
	n, b, err := varint(b)
	if err != nil {
		return nil, nil, err
	}
	switch p.kind {
	case kindInt, kindLong:
		dst, err = p.appendInteger(dst, n)
	case kindString, kindBytes:
		if n < 0 || n > int64(len(b)) {
			return nil, nil, errLength
		}
		dst, err = p.appendText(dst, b[:n])
		b = b[n:]
	case kindEnum:
		if n < 0 || n >= int64(len(p.names)) {
			return nil, nil, fmt.Errorf("found symbol %d, want 0 to %d", n, len(p.names)-1)
		}
		dst, err = p.appendSymbol(dst, p.names[n], p.values[n])
	case kindUnion:
		if n < 0 || n >= int64(len(p.parts)) {
			return nil, nil, fmt.Errorf("found branch %d, want 0 to %d", n, len(p.parts)-1)
		}
		return p.parts[n].convert(dst, b, depth)
	case kindArray, kindMap:
		if p.to == kindArray {
			return p.parts[0].convertBlocks(dst, n, b, depth)
		}
		b, err = p.parts[0].skipBlocks(n, b, depth)
	}
	return dst, b, err
}

func varint(b []byte) (n int64, rest []byte, err error) {
	n, width := binary.Varint(b) // the zig-zag form that Avro uses
	switch {
	case width == 0:
		return 0, nil, errCut
	case width < 0:
		return 0, nil, errVarint
	}
	return n, b[width:], nil
}

func (p *plan) convertRecord(dst, b []byte, depth int) (_, rest []byte, err error) {
	var room [16]int
	start, ends := len(dst), room[:0]
	for i, part := range p.parts {
		if dst, b, err = part.convert(dst, b, depth); err != nil {
			if depth <= maxNamed {
				err = fmt.Errorf("%s: %w", p.names[i], err)
			}
			return nil, nil, err
		}
		if p.order != nil {
			ends = append(ends, len(dst))
		}
	}
	if p.order == nil {
		return dst, b, nil
	}
	end := len(dst)
	for _, i := range p.order {
		from := start
		if i > 0 {
			from = ends[i-1]
		}
		dst = append(dst, dst[from:ends[i]]...)
	}
	return append(dst[:start], dst[end:]...), b, nil
}

// convertPlain reads a value whose type fixes its length.
func (p *plan) convertPlain(dst, b []byte) (_, rest []byte, err error) {
	if len(b) < p.size {
		return nil, nil, errCut
	}
	value, rest := b[:p.size], b[p.size:]
	switch {
	case p.kind == kindBoolean && value[0] > 1:
		return nil, nil, errBool
	case p.to == 0:
	case p.kind == p.to:
		dst = append(dst, value...)
	case p.to == kindDouble:
		v := math.Float32frombits(binary.LittleEndian.Uint32(value))
		dst = appendDouble(dst, float64(v))
	default:
		v := math.Float64frombits(binary.LittleEndian.Uint64(value))
		if math.Abs(v) > math.MaxFloat32 && !math.IsInf(v, 0) {
			return nil, nil, fmt.Errorf("%v does not fit a float", v)
		}
		dst = appendFloat(dst, float32(v))
	}
	return dst, rest, nil
}

func appendFloat(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

func appendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

func (p *plan) appendInteger(dst []byte, n int64) ([]byte, error) {
	n /= max(p.unit, 1)
	if (p.kind == kindInt || p.to == kindInt) && int64(int32(n)) != n {
		return nil, fmt.Errorf("%d does not fit an int", n)
	}
	switch p.to {
	case kindInt, kindLong:
		dst = binary.AppendVarint(dst, n)
	case kindFloat:
		dst = appendFloat(dst, float32(n))
	case kindDouble:
		dst = appendDouble(dst, float64(n))
	}
	return dst, nil
}

func (p *plan) appendText(dst, text []byte) ([]byte, error) {
	switch {
	case p.to == kindEnum:
		value, ok := p.symbols[string(text)]
		if !ok {
			value = p.other
		}
		return p.appendSymbol(dst, string(text), value)
	case (p.kind == kindString || p.to == kindString) && !utf8.Valid(text):
		return nil, errUTF8
	case p.to == 0:
		return dst, nil
	}
	return append(binary.AppendVarint(dst, int64(len(text))), text...), nil
}

func (p *plan) appendSymbol(dst []byte, symbol string, value []byte) ([]byte, error) {
	if value == nil && p.to != 0 {
		return nil, fmt.Errorf("found the unknown symbol %.80s", symbol)
	}
	return append(dst, value...), nil
}

// maxItems bounds an array that is read: an item of another schema may have no bytes.
const maxItems = 1000

// convertBlocks converts the blocks of an array, of which p is the item. n is the item
// count of the first block. A negative count is followed by the block's length in bytes,
// which isn't needed.
func (p *plan) convertBlocks(dst []byte, n int64, b []byte, depth int) (_, rest []byte, err error) {
	for items := int64(0); n != 0; {
		if n < 0 {
			if _, b, err = varint(b); err != nil {
				return nil, nil, err
			}
			n = -n
		}
		if n < 0 || n > maxItems || items+n > maxItems {
			return nil, nil, fmt.Errorf("found more than %d items", maxItems)
		}
		items += n
		dst = binary.AppendVarint(dst, n)
		for ; n > 0; n-- {
			if dst, b, err = p.convert(dst, b, depth); err != nil {
				return nil, nil, err
			}
		}
		if n, b, err = varint(b); err != nil {
			return nil, nil, err
		}
	}
	return append(dst, 0), b, nil
}

// skipBlocks skips the blocks of an array or a map. n is the item count of the first
// block. A negative count is followed by the block's length in bytes.
func (p *plan) skipBlocks(n int64, b []byte, depth int) (rest []byte, err error) {
	for n != 0 {
		if n < 0 {
			size, after, err := varint(b)
			if err != nil || size < 0 || size > int64(len(after)) {
				return nil, errLength
			}
			b = after[size:]
		}
		for ; n > 0 && !p.isEmpty(); n-- {
			if _, b, err = p.convert(nil, b, depth); err != nil {
				return nil, err
			}
		}
		if n, b, err = varint(b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// sample appends a short body of the writer's schema to dst. It uses the first branch
// of unions, or the last.
func (p *plan) sample(dst []byte, last bool) []byte {
	switch p.kind {
	case kindNull:
	case kindFloat, kindDouble, kindFixed:
		dst = append(dst, make([]byte, p.size)...)
	case kindRecord:
		for _, part := range p.parts {
			dst = part.sample(dst, last)
		}
	case kindUnion:
		i := 0
		if last {
			i = len(p.parts) - 1
		}
		dst = p.parts[i].sample(binary.AppendVarint(dst, int64(i)), last)
	case kindArray: // of one item
		dst = append(p.parts[0].sample(append(dst, 2), last), 0)
	default: // a zero, an empty text, the first symbol
		dst = append(dst, 0)
	}
	return dst
}
