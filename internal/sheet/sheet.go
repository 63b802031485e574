// Package sheet reads the CSV files of a network: UTF-8 with commas, a header line and
// columns in any order, as written by spreadsheets and agencies. It bounds memory for any
// file.
package sheet

import (
	"bufio"
	"bytes"
	"cmp"
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

// Bounds on what is read.
const (
	MaxRow    = 64 << 10 // bytes
	MaxText   = 200      // bytes of a name
	MaxFaults = 1000
)

// ErrLongRow is the cause of a fault in a file with a longer row than MaxRow.
var ErrLongRow = fmt.Errorf("a row of more than %d kB", MaxRow>>10)

// Fault is one fault in a file. Its fields are those of cta.DataError, which says
// what they are.
type Fault struct {
	File   string
	Line   int
	Column string
	Char   int
	Found  string
	Want   string
	Err    error
}

// Reader reads the files of one network, and collects their faults.
type Reader struct {
	FS      fs.FS
	MaxFile int64 // bytes

	files  []string // in the order of reading
	faults []Fault
	more   int // faults beyond MaxFaults
}

// Fault adds a fault.
func (r *Reader) Fault(f Fault) {
	if len(r.faults) == MaxFaults {
		r.more++
		return
	}
	r.faults = append(r.faults, f)
}

// Faulty reports whether there is a fault.
func (r *Reader) Faulty() bool { return len(r.faults) > 0 }

// Err joins the faults, by file in the order of reading, then by place; nil without
// faults. of makes each an error.
func (r *Reader) Err(of func(*Fault) error) error {
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(slices.Index(r.files, a.File)-slices.Index(r.files, b.File), a.Line-b.Line, a.Char-b.Char)
	})
	var list []error
	for i := range r.faults {
		list = append(list, of(&r.faults[i]))
	}
	if r.more > 0 {
		list = append(list, fmt.Errorf("and %d more faults", r.more))
	}
	return errors.Join(list...)
}

// bounded limits a file's rows and its size. It counts the bytes read: a zip's stated
// size is not trusted.
type bounded struct {
	r           io.Reader
	total, most int64
	row         int // bytes left for the row
}

// ahead is the size of the read buffer.
const ahead = 64 << 10

func (b *bounded) Read(p []byte) (int, error) {
	if b.row <= 0 {
		return 0, ErrLongRow
	}
	n, err := b.r.Read(p[:min(len(p), 16<<10)])
	b.row -= n
	if b.total += int64(n); b.total > b.most {
		return n, fmt.Errorf("larger than %d MB, the limit", b.most>>20)
	}
	return n, err
}

// returns replaces the line ends of classic Macintosh and Excel's "CSV (Macintosh)"
// by newlines.
type returns struct{ io.Reader }

func (r returns) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// Row is a row of a file, valid until the next.
type Row struct {
	*Table
	Line   int
	Fields []string
	chars  []int // where fields begin in their lines; nil while the CSV reader has it
}

// Keep returns a copy of the row that stays valid.
func (r *Row) Keep() Row {
	k := *r
	k.Fields = slices.Clone(r.Fields)
	k.chars = make([]int, len(r.Fields))
	for i := range r.Fields {
		k.chars[i] = r.Char(i)
	}
	return k
}

// Char returns the position of a field in its line, from 1.
func (r *Row) Char(i int) int {
	if r.chars != nil {
		return r.chars[i]
	}
	_, char := r.csv.FieldPos(i)
	return char
}

// Table is a file that is read.
type Table struct {
	*Reader
	File    string
	Columns map[string]int // by name in small letters
	Broken  bool           // a row is unreadable: references to the file's rows are not reported
	MaxRows int            // the rest is not read, which is a fault; 0: no limit
	csv     *csv.Reader
}

// Each reads a file. It calls head with the header row, once Columns is filled; head
// reports whether to continue. Then it calls f for each row that is not empty. The
// table is nil when there is no such file. Rows with invalid CSV are faults.
func (r *Reader) Each(file string, head func(*Row) bool, f func(*Row)) *Table {
	r.files = append(r.files, file)
	src, err := r.FS.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	t := &Table{Reader: r, File: file, Columns: map[string]int{}}
	if err != nil {
		r.Fault(Fault{File: file, Found: err.Error(), Err: err})
		return t
	}
	defer src.Close()
	b := &bounded{r: src, most: r.MaxFile, row: MaxRow + 2*ahead}
	buf := bufio.NewReaderSize(b, ahead)
	begin, _ := buf.Peek(ahead) // an error comes again when it is read
	if bytes.HasPrefix(begin, []byte("\uFEFF")) {
		_, _ = buf.Discard(3) // it is buffered
	}
	var in io.Reader = buf
	if !bytes.Contains(begin, []byte("\n")) {
		in = returns{buf}
	}
	t.csv = csv.NewReader(in)
	t.csv.FieldsPerRecord = -1
	t.csv.ReuseRecord = true
	t.csv.TrimLeadingSpace = true // or a quote behind it would be a fault
	row := &Row{Table: t}
	rows := 0
	for headed := false; ; {
		b.row = MaxRow + 2*ahead // and what is read ahead
		fields, err := t.csv.Read()
		if err == io.EOF {
			return t
		}
		if syntax, ok := errors.AsType[*csv.ParseError](err); ok && !errors.Is(err, ErrLongRow) {
			r.Fault(Fault{File: file, Line: syntax.Line, Char: syntax.Column, Found: syntax.Err.Error(), Want: "fields as RFC 4180 has them"})
			t.Broken = true
			continue
		}
		if err != nil {
			r.Fault(Fault{File: file, Found: err.Error(), Err: err})
			t.Broken = true
			return t
		}
		if !some(fields) {
			continue
		}
		row.Fields = fields
		row.Line, _ = t.csv.FieldPos(0)
		if headed {
			if rows++; t.MaxRows > 0 && rows > t.MaxRows {
				r.Fault(Fault{File: file, Found: fmt.Sprintf("more than %d rows", t.MaxRows), Want: "fewer"})
				t.Broken = true
				return t
			}
			f(row)
			continue
		}
		headed = true
		for i, name := range fields {
			name = strings.ToLower(strings.TrimSpace(name))
			if _, twice := t.Columns[name]; !twice {
				t.Columns[strings.Clone(name)] = i
			}
		}
		if !head(row) {
			return t
		}
	}
}

// some reports whether a row is not empty: spreadsheets write empty rows, and DOS a
// final control character.
func some(fields []string) bool {
	for _, f := range fields {
		if strings.Trim(f, " \t\x1a") != "" {
			return true
		}
	}
	return false
}

// Has reports whether the file has a column.
func (t *Table) Has(column string) bool {
	_, ok := t.Columns[column]
	return ok
}

// Get returns a field without surrounding space, valid until the next row; false when
// the file or the row lacks it.
func (r *Row) Get(column string) (string, bool) {
	i, ok := r.Columns[column]
	if !ok || i >= len(r.Fields) {
		return "", false
	}
	return strings.TrimSpace(r.Fields[i]), true
}

// Cell is Get for an optional field: empty when missing.
func (r *Row) Cell(column string) string {
	s, _ := r.Get(column)
	return s
}

// Bad reports a field as a fault.
func (r *Row) Bad(column, want string) {
	f := Fault{File: r.File, Line: r.Line, Column: column, Found: "empty", Want: want}
	if i, ok := r.Columns[column]; ok && i < len(r.Fields) {
		f.Char = r.Char(i)
		if s := r.Fields[i]; s != "" {
			f.Found = Quote(s)
		}
	}
	r.Fault(f)
}

// Quote returns a text in quotes, cut to a length that fits a message.
func Quote(s string) string {
	const most = 40
	s = strings.ToValidUTF8(s, "\uFFFD")
	if c := Cut(s, most); c != s {
		return strconv.Quote(c) + "…"
	}
	return strconv.Quote(s)
}

// Cut returns the first bytes of a text, up to most, in whole runes.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// Legible reports whether a text may be shown: UTF-8 without control characters.
func Legible(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Whole parses a whole number; false when s is none, or out of bounds.
func Whole(s string, low, high int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= low && n <= high && s[0] != '+'
}

// Integer returns a field that must be a whole number within bounds.
func (r *Row) Integer(column string, low, high int) (int, bool) {
	n, ok := Whole(r.Cell(column), low, high)
	if !ok {
		r.Bad(column, fmt.Sprintf("a whole number from %d to %d", low, high))
		return 0, false
	}
	return n, true
}

// Number returns a field that must be a decimal number within bounds.
func (r *Row) Number(column string, low, high float64) (float64, bool) {
	s := r.Cell(column)
	n, err := strconv.ParseFloat(s, 64)
	// ParseFloat takes hexadecimal numbers, underscores and NaN, too.
	if err != nil || !(n >= low && n <= high) || strings.Trim(s, "0123456789.-") != "" {
		r.Bad(column, "a number from "+decimal(low)+" to "+decimal(high))
		return 0, false
	}
	return n, true
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// Hours are the shares of a day's entries, by hour of local time: a table with columns
// hour and share.
type Hours struct {
	Share  [24]float64
	seen   [24]bool
	faulty bool
}

// Add takes a row.
func (h *Hours) Add(r *Row) {
	share, ok := r.Number("share", 0, 1)
	h.faulty = h.faulty || !ok
	hour, ok := r.Integer("hour", 0, 23)
	switch {
	case !ok:
		h.faulty = true
	case h.seen[hour]:
		r.Bad("hour", "each hour once")
		h.faulty = true
	default:
		h.seen[hour] = true
		h.Share[hour] = share
	}
}

// Check reports missing hours, and shares that don't sum to 1.
func (h *Hours) Check(r *Reader, file string) {
	var missing []string
	sum := 0.0
	for hour, ok := range h.seen {
		sum += h.Share[hour]
		if !ok {
			missing = append(missing, strconv.Itoa(hour))
		}
	}
	switch {
	case missing != nil:
		r.Fault(Fault{File: file, Found: "without hours " + strings.Join(missing, ", "), Want: "a row for each hour from 0 to 23"})
	case !h.faulty && sum != 0 && math.Abs(sum-1) > 1e-6: // shares have a few decimals, and are rounded
		r.Fault(Fault{File: file, Found: fmt.Sprintf("shares that sum to %.6f", sum), Want: "1, or 0 where nothing is known"})
	}
}
