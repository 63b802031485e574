package ctaproducer

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// The JSON of a row as Kafka Connect writes it: the types that a JDBC source
// makes of PostgreSQL's, through JsonConverter with schemas off. Values come as
// PostgreSQL's text, in the forms that newDatabase asks for.

// appendValue appends a value that is not NULL.
type appendValue func(dst []byte, text string) ([]byte, error)

// columnWriter writes one column's member.
type columnWriter struct {
	name  string
	value appendValue
}

// columnWriters returns the writers of a result's columns; nil for a column
// whose type a JDBC source passes over.
func columnWriters(fields []pgconn.FieldDescription) []*columnWriter {
	writers := make([]*columnWriter, len(fields))
	for i, f := range fields {
		if value := valueWriter(f); value != nil {
			writers[i] = &columnWriter{name: f.Name, value: value}
		}
	}
	return writers
}

func valueWriter(f pgconn.FieldDescription) appendValue {
	switch f.DataTypeOID {
	case pgtype.BoolOID:
		return appendBool
	case pgtype.BitOID:
		if f.TypeModifier == 1 { // bit(1) is a boolean to JDBC
			return appendBool
		}
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return appendNumber
	case pgtype.Float4OID:
		return appendFloat(32)
	case pgtype.Float8OID:
		return appendFloat(64)
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.NameOID,
		pgtype.UUIDOID, pgtype.JSONOID, pgtype.JSONBOID:
		return appendText
	case pgtype.ByteaOID:
		return appendBytea
	case pgtype.NumericOID:
		if f.TypeModifier >= 4 {
			return appendDecimal(int(f.TypeModifier-4) & 0x7ff)
		}
	case pgtype.DateOID:
		return appendTime("2006-01-02", 24*time.Hour)
	case pgtype.TimestampOID:
		return appendTime("2006-01-02 15:04:05.999999", time.Millisecond)
	case pgtype.TimestamptzOID:
		return appendTime("2006-01-02 15:04:05.999999-07", time.Millisecond)
	}
	return nil
}

// appendRow appends a row as a JSON object.
func appendRow(dst []byte, writers []*columnWriter, values [][]byte) ([]byte, error) {
	start := len(dst)
	for i, w := range writers {
		if w == nil {
			continue
		}
		separator := byte(',')
		if len(dst) == start {
			separator = '{'
		}
		dst = append(appendJSONString(append(dst, separator), w.name), ':')
		if values[i] == nil {
			dst = append(dst, "null"...)
			continue
		}
		var err error
		if dst, err = w.value(dst, string(values[i])); err != nil {
			return nil, fmt.Errorf("column %s: %w", w.name, err)
		}
	}
	if len(dst) == start {
		dst = append(dst, '{')
	}
	return append(dst, '}'), nil
}

func appendBool(dst []byte, text string) ([]byte, error) {
	return strconv.AppendBool(dst, text == "t" || text == "1"), nil
}

func appendNumber(dst []byte, text string) ([]byte, error) { return append(dst, text...), nil }

func appendText(dst []byte, text string) ([]byte, error) { return appendJSONString(dst, text), nil }

func appendBytea(dst []byte, text string) ([]byte, error) {
	data, err := hex.DecodeString(strings.TrimPrefix(text, `\x`))
	if err != nil {
		return nil, err
	}
	return appendBase64(dst, data), nil
}

func appendBase64(dst, data []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), data), '"')
}

// appendFloat writes a number as Java does: with a decimal point always, and an
// exponent outside 10^-3 to 10^7.
func appendFloat(bits int) appendValue {
	return func(dst []byte, text string) ([]byte, error) {
		v, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return nil, err
		}
		switch {
		case math.IsNaN(v), math.IsInf(v, 0): // no JSON has them, Jackson quotes them
			return append(append(append(dst, '"'), text...), '"'), nil
		case v == 0 || math.Abs(v) >= 1e-3 && math.Abs(v) < 1e7:
			text = strconv.FormatFloat(v, 'f', -1, bits)
			if !strings.Contains(text, ".") {
				text += ".0"
			}
			return append(dst, text...), nil
		}
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'E', -1, bits), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return nil, err
		}
		return strconv.AppendInt(append(append(dst, mantissa...), 'E'), int64(n), 10), nil
	}
}

// appendDecimal writes Connect's Decimal: the unscaled number in two's
// complement, in base 64.
func appendDecimal(scale int) appendValue {
	return func(dst []byte, text string) ([]byte, error) {
		whole, fraction, _ := strings.Cut(text, ".")
		if len(fraction) > scale {
			return nil, fmt.Errorf("%s has more than %d decimals", text, scale)
		}
		n, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", scale-len(fraction)), 10)
		if !ok {
			return nil, fmt.Errorf("%s is not a decimal number", text)
		}
		return appendBase64(dst, twosComplement(n)), nil
	}
}

// twosComplement is the shortest big-endian form, as Java's BigInteger gives it.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		data := n.Bytes()
		if len(data) == 0 || data[0]&0x80 != 0 {
			data = append([]byte{0}, data...)
		}
		return data
	}
	// -n-1 has the inverted bits of n.
	data := twosComplement(new(big.Int).Not(n))
	for i := range data {
		data[i] = ^data[i]
	}
	return data
}

// appendTime writes a date or time as a number of units since 1970.
func appendTime(layout string, unit time.Duration) appendValue {
	return func(dst []byte, text string) ([]byte, error) {
		t, err := time.Parse(layout, text)
		if err != nil {
			return nil, errors.New(text + " is out of range")
		}
		n := t.UnixMilli()
		if perUnit := unit.Milliseconds(); perUnit > 1 {
			n /= perUnit // whole days, before 1970 too
		}
		return strconv.AppendInt(dst, n, 10), nil
	}
}

// appendJSONString appends text as Jackson does: nothing escaped but quotes,
// backslashes and control characters. PostgreSQL's text is valid UTF-8.
func appendJSONString(dst []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case strings.IndexByte("\b\t\n\f\r", c) >= 0:
			dst = append(dst, '\\', "btn_fr"[c-'\b'])
		default:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(dst, '"')
}
