package cta

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on data files. The largest networks of the world have under a thousand
// stations, so that a larger file is the wrong file.
const (
	maxFileBytes = 8 << 20
	maxText      = 200 // bytes of a name
	maxFaults    = 1000
)

// report collects the faults of a set of files.
type report struct {
	faults []error
	more   int // faults beyond maxFaults
}

func (r *report) add(e *DataError) {
	if len(r.faults) == maxFaults {
		r.more++
		return
	}
	r.faults = append(r.faults, e)
}

// err joins the faults, by file in the order of reading, then by place.
func (r *report) err(files []string) error {
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b error) int {
		x, y := a.(*DataError), b.(*DataError)
		if x.File != y.File {
			return slices.Index(files, x.File) - slices.Index(files, y.File)
		}
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return x.Char - y.Char
	})
	if r.more > 0 {
		r.faults = append(r.faults, fmt.Errorf("and %d more faults", r.more))
	}
	return errors.Join(r.faults...)
}

// table is one data file, cut into rows and fields.
type table struct {
	*report
	file    string
	ok      bool            // the file is there and has a header
	faulty  bool            // some row can't be read, or has no id: what refers to it isn't reported
	odd     bool            // a row has been reported for its length
	told    map[string]bool // values that have been reported for the whole table
	header  []string
	columns map[string]int // index in header
	rows    []row
}

// row is one line of a table.
type row struct {
	*table
	line   int
	fields []string
	chars  []int // where each field begins in its line
}

// readTable reads a file that has the columns want, and perhaps those of
// optional; more, if not nil, says whether a further column is known.
func readTable(rep *report, fsys fs.FS, file string, want, optional []string, more func(string) bool) *table {
	t := &table{report: rep, file: file, columns: make(map[string]int), told: make(map[string]bool)}
	data, err := readBounded(fsys, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.fault(0, 0, "", "missing", "a file with columns "+strings.Join(want, ", "), err)
		return t
	case err != nil:
		t.fault(0, 0, "", err.Error(), "", err)
		return t
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // spreadsheets put it there
	if !bytes.Contains(data, []byte("\n")) {
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n")) // Excel's "CSV (Macintosh)"
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1 // checked here, to go on after a bad line
	for {
		fields, err := r.Read()
		if err == io.EOF {
			break
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) {
			t.fault(syntax.Line, syntax.Column, "", syntax.Err.Error(), "fields as RFC 4180 has them", nil)
			t.faulty = true
			continue
		}
		if err != nil {
			t.fault(0, 0, "", err.Error(), "", err)
			break
		}
		// Spreadsheets write every row as wide as the widest, and empty ones below.
		for len(fields) > len(t.header) && strings.TrimSpace(fields[len(fields)-1]) == "" {
			fields = fields[:len(fields)-1]
		}
		if strings.TrimSpace(strings.Join(fields, "")) == "" {
			continue
		}
		row := row{table: t, fields: fields, chars: make([]int, len(fields))}
		for i := range fields {
			line, char := r.FieldPos(i)
			if i == 0 {
				row.line = line
			}
			row.chars[i] = char
		}
		if t.header == nil {
			if t.readHeader(row, want, optional, more); !t.ok {
				break
			}
			continue
		}
		if len(fields) != len(t.header) && !t.odd {
			t.odd = true // one wrong comma in the header makes all rows wrong
			t.fault(row.line, 0, "", fmt.Sprintf("%d fields", len(fields)), fmt.Sprintf("%d as in the header", len(t.header)), nil)
		}
		t.rows = append(t.rows, row)
	}
	if t.header == nil {
		t.fault(0, 0, "", "empty", "a header with columns "+strings.Join(want, ", "), nil)
	}
	return t
}

func readBounded(fsys fs.FS, file string) ([]byte, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("larger than %d MB, the limit", maxFileBytes>>20)
	}
	return data, nil
}

func (t *table) readHeader(r row, want, optional []string, more func(string) bool) {
	t.header = r.fields
	expected := append(slices.Clone(want), optional...)
	t.ok = slices.ContainsFunc(expected, func(name string) bool {
		return slices.ContainsFunc(r.fields, func(found string) bool { return strings.EqualFold(strings.TrimSpace(found), name) })
	})
	if !t.ok { // semicolons or tabs between the fields, another encoding, another file
		t.fault(r.line, 0, "", "header "+quoted(strings.Join(r.fields, ",")), "columns "+strings.Join(want, ", ")+", with commas between, in UTF-8", nil)
		return
	}
	unknown := false
	for i, name := range r.fields {
		name = strings.TrimSpace(name)
		known := slices.Contains(expected, name)
		if !known && (more == nil || !more(name)) {
			if like := slices.IndexFunc(expected, func(e string) bool { return strings.EqualFold(name, e) }); like >= 0 {
				t.fault(r.line, r.chars[i], "", "column "+quoted(name), quoted(expected[like]), nil)
				t.columns[expected[like]] = i
				continue
			}
			columns := strings.Join(expected, ", ")
			if more != nil {
				columns += " and line ids"
			}
			t.fault(r.line, r.chars[i], "", "unknown column "+quoted(name), "only "+columns, nil)
			unknown = true
			continue
		}
		if _, twice := t.columns[name]; twice {
			t.fault(r.line, r.chars[i], "", "second column "+quoted(name), "each column once", nil)
			continue
		}
		t.columns[name] = i
	}
	t.odd = unknown // what is missing, and odd in rows, follows from that
	for _, name := range want {
		if _, ok := t.columns[name]; !ok && !unknown {
			t.fault(r.line, 0, "", "no column "+quoted(name), "columns "+strings.Join(want, ", "), nil)
		}
	}
}

func (t *table) fault(line, char int, column, found, want string, err error) {
	t.add(&DataError{File: t.file, Line: line, Char: char, Column: column, Found: found, Want: want, Err: err})
}

// bad reports the value of a column.
func (r row) bad(column, want string) {
	i, ok := r.columns[column]
	if !ok || i >= len(r.fields) {
		return // reported with the header, or with the row's length
	}
	found := "empty"
	if r.fields[i] != "" {
		found = quoted(r.fields[i])
	}
	r.fault(r.line, r.chars[i], column, found, want, nil)
}

// cell returns a field, false when the row or the table lacks it. That has been
// reported.
func (r row) cell(column string) (string, bool) {
	i, ok := r.columns[column]
	if !ok || i >= len(r.fields) {
		return "", false
	}
	return r.fields[i], true
}

// has reports whether the table has a column.
func (r row) has(column string) bool {
	_, ok := r.columns[column]
	return ok
}

// text returns a field that must be a text for people.
func (r row) text(column string) (string, bool) {
	s, ok := r.cell(column)
	if !ok {
		return "", false
	}
	if s == "" || len(s) > maxText || !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
		r.bad(column, fmt.Sprintf("a text of up to %d bytes of UTF-8, without control characters and without space around it", maxText))
		return "", false
	}
	return s, true
}

// integer returns a field that must be a whole number within bounds.
func (r row) integer(column string, low, high int) (int, bool) {
	s, ok := r.cell(column)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high || s[0] == '+' {
		r.bad(column, fmt.Sprintf("a whole number from %d to %d", low, high))
		return 0, false
	}
	return n, true
}

// number returns a field that must be a decimal number within bounds.
func (r row) number(column string, low, high float64) (float64, bool) {
	s, ok := r.cell(column)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64)
	// ParseFloat takes hexadecimal numbers, underscores and NaN, too.
	if err != nil || !(n >= low && n <= high) || strings.Trim(s, "0123456789.-") != "" {
		r.bad(column, "a number from "+decimal(low)+" to "+decimal(high))
		return 0, false
	}
	return n, true
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// boolean returns a field that must be true or false, in capitals or not, or 1 or 0.
// Each other value is reported once for the table: whole columns have it.
func (r row) boolean(column string) (value, ok bool) {
	s, ok := r.cell(column)
	if !ok {
		return false, false
	}
	switch strings.ToLower(s) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	if !r.told[s] {
		r.told[s] = true
		r.bad(column, "true or false")
	}
	return false, false
}

// id returns a field that must be the id of a station or a stop: Avro's int.
func (r row) id(column string) (int, bool) { return r.integer(column, 1, math.MaxInt32) }

// quoted returns s in quotes, cut to a length that fits a message.
func quoted(s string) string { return excerpt([]byte(s)) }
