package stations

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-921eec07/ctalive/cta/tables"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// The JSON of a row as Kafka Connect writes it: the types that a JDBC source
// makes of PostgreSQL's, through JsonConverter with schemas off. Values come as
// PostgreSQL's text, in the forms that newDatabase asks for.

// writtenTypes names what valueWriter knows.
const writtenTypes = "an integer, a float, a text, a boolean, a date or a timestamp"

// appendValue appends a value that is not NULL. An error is about the value alone.
type appendValue func(dst []byte, text string) ([]byte, error)

// valueWriter returns how a column's values are written, nil where they aren't.
func valueWriter(f pgconn.FieldDescription) appendValue {
	switch f.DataTypeOID {
	case pgtype.BoolOID:
		return appendBool
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return appendNumber
	case pgtype.Float4OID:
		return appendFloat(32)
	case pgtype.Float8OID:
		return appendFloat(64)
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID:
		return appendText
	case pgtype.DateOID:
		return appendTime("2006-01-02", 24*time.Hour)
	case pgtype.TimestampOID:
		return appendTime("2006-01-02 15:04:05.999999", time.Millisecond)
	case pgtype.TimestamptzOID:
		return appendTime("2006-01-02 15:04:05.999999-07", time.Millisecond)
	}
	return nil
}

// oddValue is a value that the JSON can't hold, for which null is written.
type oddValue struct {
	column, value string
	err           error
}

// appendRow appends a row as a JSON object of the columns that have a writer.
func appendRow(dst []byte, fields []pgconn.FieldDescription, writers []appendValue, values [][]byte) (_ []byte, odd []oddValue) {
	separator := byte('{')
	for i, write := range writers {
		if write == nil {
			continue
		}
		dst = append(tables.AppendJSONString(append(dst, separator), fields[i].Name), ':')
		separator = ','
		value, err := []byte(nil), error(nil)
		if values[i] != nil {
			if value, err = write(dst, string(values[i])); err != nil {
				odd = append(odd, oddValue{fields[i].Name, string(values[i]), err})
			}
		}
		if value == nil {
			value = append(dst, "null"...)
		}
		dst = value
	}
	return append(dst, '}'), odd
}

func appendBool(dst []byte, text string) ([]byte, error) {
	return strconv.AppendBool(dst, text == "t"), nil
}

func appendNumber(dst []byte, text string) ([]byte, error) { return append(dst, text...), nil }

func appendText(dst []byte, text string) ([]byte, error) {
	return tables.AppendJSONString(dst, text), nil
}

// appendFloat writes a number as Java does: with a decimal point always, and an
// exponent outside 10^-3 to 10^7.
func appendFloat(bits int) appendValue {
	return func(dst []byte, text string) ([]byte, error) {
		v, err := strconv.ParseFloat(text, bits)
		switch {
		case err != nil:
			return nil, err
		case math.IsNaN(v), math.IsInf(v, 0):
			return nil, errors.New("is not a JSON number")
		case v == 0 || math.Abs(v) >= 1e-3 && math.Abs(v) < 1e7:
			text = strconv.FormatFloat(v, 'f', -1, bits)
			if !strings.Contains(text, ".") {
				text += ".0"
			}
			return append(dst, text...), nil
		}
		text = strconv.FormatFloat(v, 'E', -1, bits)
		if !strings.Contains(text, ".") { // Java writes two digits at least, the nearest
			text = strconv.FormatFloat(v, 'E', 1, bits)
		}
		mantissa, exponent, _ := strings.Cut(text, "E")
		n, err := strconv.Atoi(exponent)
		return strconv.AppendInt(append(append(dst, mantissa...), 'E'), int64(n), 10), err
	}
}

// appendTime writes a date or time as a number of units since 1970.
func appendTime(layout string, unit time.Duration) appendValue {
	return func(dst []byte, text string) ([]byte, error) {
		// Package time reads years of four digits. Those of PostgreSQL may have six.
		year, rest, _ := strings.Cut(text, "-")
		y, err := strconv.Atoi(year)
		if err != nil {
			return nil, errors.New("is not a point in time")
		}
		t, err := time.Parse(layout, "2000-"+rest) // a leap year
		if err != nil {
			return nil, errors.New("is before the year 1")
		}
		n := t.AddDate(y-2000, 0, 0).UnixMilli() / unit.Milliseconds() // whole days, before 1970 too
		return strconv.AppendInt(dst, n, 10), nil
	}
}

// stopColumn returns the place of column stop_id.
func stopColumn(fields []pgconn.FieldDescription) (int, error) {
	i := slices.IndexFunc(fields, func(f pgconn.FieldDescription) bool { return f.Name == "stop_id" })
	if i < 0 || !slices.Contains([]uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID}, fields[i].DataTypeOID) {
		return 0, errNoStops
	}
	return i, nil
}
