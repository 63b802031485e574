package cta

import (
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// maxFileBytes bounds a data file. The world's largest networks have under a thousand
// stations, so a larger file is the wrong file.
const maxFileBytes = 8 << 20

// table is one data file, parsed into rows and fields.
type table struct {
	*sheet.Reader
	file   string
	ok     bool            // the file exists and has a valid header
	faulty bool            // a row is invalid or has no id: references to it are not reported
	odd    bool            // a row of wrong length has been reported
	told   map[string]bool // invalid values that have been reported
	header []string
	rows   []row
}

type row struct {
	sheet.Row
	table *table
}

// readTable reads a file with the columns want and any of the columns optional. more,
// if not nil, reports whether another column is known.
func readTable(in *sheet.Reader, file string, want, optional []string, more func(string) bool) *table {
	t := &table{Reader: in, file: file, told: make(map[string]bool)}
	columns := strings.Join(want, ", ")
	read := in.Each(file, func(r *sheet.Row) bool {
		t.readHeader(row{r.Keep(), t}, want, optional, more)
		return t.ok
	}, func(r *sheet.Row) {
		// Spreadsheets pad every row to the widest.
		for len(r.Fields) > len(t.header) && strings.TrimSpace(r.Fields[len(r.Fields)-1]) == "" {
			r.Fields = r.Fields[:len(r.Fields)-1]
		}
		if len(r.Fields) != len(t.header) && !t.odd {
			t.odd = true // one wrong comma in the header breaks all rows
			t.fault(r.Line, 0, fmt.Sprintf("%d fields", len(r.Fields)), fmt.Sprintf("%d as in the header", len(t.header)))
		}
		t.rows = append(t.rows, row{r.Keep(), t})
	})
	switch {
	case read == nil:
		t.Fault(sheet.Fault{File: file, Found: "missing", Want: "a file with columns " + columns, Err: fs.ErrNotExist})
	case read.Broken:
		t.faulty = true
	case t.header == nil:
		t.fault(0, 0, "empty", "a header with columns "+columns)
	}
	return t
}

func (t *table) readHeader(r row, want, optional []string, more func(string) bool) {
	for len(r.Fields) > 0 && strings.TrimSpace(r.Fields[len(r.Fields)-1]) == "" {
		r.Fields = r.Fields[:len(r.Fields)-1]
	}
	t.header = r.Fields
	expected := append(slices.Clone(want), optional...)
	t.ok = slices.ContainsFunc(expected, r.Has)
	if !t.ok { // another separator, another encoding, or another file
		t.fault(r.Line, 0, "header "+sheet.Quote(strings.Join(r.Fields, ",")), "columns "+strings.Join(want, ", ")+", with commas between, in UTF-8")
		return
	}
	clear(r.Columns) // column names are case-sensitive, as line ids are
	unknown := false
	for i, name := range r.Fields {
		name = strings.TrimSpace(name)
		known := slices.Contains(expected, name)
		if !known && (more == nil || !more(name)) {
			if like := slices.IndexFunc(expected, func(e string) bool { return strings.EqualFold(name, e) }); like >= 0 {
				t.fault(r.Line, r.Char(i), "column "+sheet.Quote(name), sheet.Quote(expected[like]))
				r.Columns[expected[like]] = i
				continue
			}
			columns := strings.Join(expected, ", ")
			if more != nil {
				columns += " and line ids"
			}
			t.fault(r.Line, r.Char(i), "unknown column "+sheet.Quote(name), "only "+columns)
			unknown = true
			continue
		}
		if r.Has(name) {
			t.fault(r.Line, r.Char(i), "second column "+sheet.Quote(name), "each column once")
			continue
		}
		r.Columns[name] = i
	}
	t.odd = unknown // missing columns and wrong lengths follow from it
	for _, name := range want {
		if !r.Has(name) && !unknown {
			t.fault(r.Line, 0, "no column "+sheet.Quote(name), "columns "+strings.Join(want, ", "))
		}
	}
}

// fault reports a fault that is not a column's value.
func (t *table) fault(line, char int, found, want string) {
	t.Fault(sheet.Fault{File: t.file, Line: line, Char: char, Found: found, Want: want})
}

// bad reports a column's invalid value. A missing column has already been reported.
func (r row) bad(column, want string) {
	if _, ok := r.Get(column); ok {
		r.Bad(column, want)
	}
}

// text returns a field that must be a readable text.
func (r row) text(column string) string {
	s := r.Cell(column)
	if s == "" || len(s) > sheet.MaxText || !sheet.Legible(s) {
		r.bad(column, fmt.Sprintf("a text of up to %d bytes of UTF-8, without control characters", sheet.MaxText))
		return ""
	}
	return s
}

// integer returns a field that must be a whole number within bounds.
func (r row) integer(column string, low, high int) (int, bool) {
	if _, ok := r.Get(column); !ok {
		return 0, false
	}
	return r.Integer(column, low, high)
}

// number returns a field that must be a decimal number within bounds.
func (r row) number(column string, low, high float64) (n float64) {
	if _, ok := r.Get(column); ok {
		n, _ = r.Number(column, low, high)
	}
	return n
}

// boolean returns a field that must be true or false, in any case, or 1 or 0. Each
// invalid value is reported once per table, as whole columns may contain it.
func (r row) boolean(column string) (value, ok bool) {
	s, ok := r.Get(column)
	if !ok {
		return false, false
	}
	switch strings.ToLower(s) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	if !r.table.told[s] {
		r.table.told[s] = true
		r.bad(column, "true or false")
	}
	return false, false
}

// id returns a field that must be a station or stop id: an Avro int.
func (r row) id(column string) (int, bool) { return r.integer(column, 1, math.MaxInt32) }
