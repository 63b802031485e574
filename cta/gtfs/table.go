package gtfs

import (
	"bufio"
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

	"github.com/seed-921eec07/ctalive/cta"
)

// Bounds on what a feed can make a reader hold.
const (
	maxFile     = 1 << 30  // bytes, uncompressed
	maxRow      = 64 << 10 // bytes
	maxText     = 200      // bytes of a name
	maxID       = 200
	maxFaults   = 1000
	maxStops    = 500_000
	maxTrips    = 2_000_000
	maxCalls    = 20_000_000
	maxServices = 500_000
	maxDates    = 5_000_000
)

// reader reads the files of a feed, and collects faults and notices.
type reader struct {
	fsys   fs.FS
	faults []error
	more   int // faults beyond maxFaults
	report *Report
	broken bool            // a row or a whole file can't be read: what refers to it isn't reported
	lost   map[string]bool // references that were reported, by column and value
	odd    []*oddValues    // by file and column, in the order of finding
}

// oddValues are the values of an optional column that can't be read. They count as
// unknown: what riders can do without must not cost them the feed.
type oddValues struct {
	file, column, first string
	line, count         int
}

func (r *reader) fault(e *cta.DataError) {
	if len(r.faults) == maxFaults {
		r.more++
		return
	}
	r.faults = append(r.faults, e)
}

func (r *reader) notice(format string, a ...any) {
	r.report.Notices = append(r.report.Notices, fmt.Sprintf(format, a...))
}

func (r *reader) leave(format string, a ...any) {
	r.report.LeftOut = append(r.report.LeftOut, fmt.Sprintf(format, a...))
}

func (r *reader) err() error {
	if r.more > 0 {
		r.faults = append(r.faults, fmt.Errorf("and %d more faults", r.more))
		r.more = 0
	}
	return errors.Join(r.faults...)
}

// bounded is a file whose rows and whose whole are bounded. A zip's claim of a size
// is not believed: what is read counts.
type bounded struct {
	r     io.Reader
	total int64
	row   int // bytes left for the row
}

var (
	errLongRow  = fmt.Errorf("a row of more than %d kB", maxRow>>10)
	errLongFile = fmt.Errorf("more than %d MB", maxFile>>20)
)

func (b *bounded) Read(p []byte) (int, error) {
	if b.row <= 0 {
		return 0, errLongRow
	}
	n, err := b.r.Read(p[:min(len(p), 16<<10)])
	b.row -= n
	if b.total += int64(n); b.total > maxFile {
		return n, errLongFile
	}
	return n, err
}

// row is a row of a file, good until the next.
type row struct {
	*reader
	csv     *csv.Reader
	file    string
	columns map[string]int
	fields  []string
}

// each calls f for every row of a file. It reports whether the file is there.
func (r *reader) each(file string, required []string, f func(*row)) bool {
	src, err := r.fsys.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		r.fault(&cta.DataError{File: file, Found: err.Error(), Err: err})
		return true
	}
	defer src.Close()
	b := &bounded{r: src, row: 4 * maxRow}
	buf := bufio.NewReaderSize(b, 64<<10)
	if bom, err := buf.Peek(3); err == nil && string(bom) == "\uFEFF" {
		_, _ = buf.Discard(3) // it is buffered
	}
	in := csv.NewReader(buf)
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	in.TrimLeadingSpace = true // or a quote behind it would be a fault
	w := &row{reader: r, csv: in, file: file}
	for {
		b.row = maxRow + 64<<10 // and what is read ahead
		fields, err := in.Read()
		if err == io.EOF {
			break
		}
		var syntax *csv.ParseError
		if errors.As(err, &syntax) && !errors.Is(err, errLongRow) {
			r.fault(&cta.DataError{File: file, Line: syntax.Line, Char: syntax.Column, Found: syntax.Err.Error(), Want: "fields as RFC 4180 has them"})
			r.broken = true
			continue
		}
		if err != nil {
			line, _ := in.FieldPos(0)
			r.fault(&cta.DataError{File: file, Line: line, Found: err.Error(), Err: err})
			return true
		}
		if w.columns == nil {
			w.columns = make(map[string]int, len(fields))
			for i, name := range fields {
				name = strings.ToLower(strings.TrimSpace(name))
				if _, twice := w.columns[name]; !twice {
					w.columns[strings.Clone(name)] = i
				}
			}
			var lacks []string
			for _, name := range required {
				if _, ok := w.columns[name]; !ok {
					lacks = append(lacks, strconv.Quote(name))
				}
			}
			if lacks != nil {
				found, want := "no column "+strings.Join(lacks, ", "), "columns "+strings.Join(required, ", ")
				if sign := separator(fields); sign != "" {
					found, want = "a header with "+sign, want+", in UTF-8, with commas between"
				}
				r.fault(&cta.DataError{File: file, Line: 1, Found: found, Want: want})
				r.broken = true
				return true
			}
			continue
		}
		if strings.Trim(strings.Join(fields, ""), " \t\x1a") == "" { // spreadsheets' empty rows, and the end that DOS puts
			continue
		}
		w.fields = fields
		f(w)
	}
	if w.columns == nil {
		r.fault(&cta.DataError{File: file, Found: "empty", Want: "a header with columns " + strings.Join(required, ", ")})
	}
	return true
}

// separator names what a header has where commas should be; empty when it has them.
func separator(header []string) string {
	text := strings.Join(header, "")
	switch {
	case strings.Contains(text, "\x00"):
		return "two bytes a letter (UTF-16)"
	case strings.Count(text, ";") >= len(header):
		return "semicolons between its fields"
	case strings.Count(text, "\t") >= len(header):
		return "tabs between its fields"
	}
	return ""
}

// cell is a field without space around it; empty when it isn't there. It is good
// until the next row.
func (w *row) cell(column string) string {
	i, ok := w.columns[column]
	if !ok || i >= len(w.fields) {
		return ""
	}
	return strings.TrimSpace(w.fields[i])
}

// bad reports a field.
func (w *row) bad(column, want string) {
	e := &cta.DataError{File: w.file, Column: column, Found: "empty", Want: want}
	e.Line, _ = w.csv.FieldPos(0)
	if i, ok := w.columns[column]; ok && i < len(w.fields) {
		_, e.Char = w.csv.FieldPos(i)
		if s := strings.ToValidUTF8(w.fields[i], "\uFFFD"); s != "" {
			e.Found = strconv.Quote(cut(s, 40))
		}
	}
	w.fault(e)
}

// refers reports a field that refers to what isn't there: once, as whole files do.
func (w *row) refers(column, want string) {
	key := column + " " + w.cell(column)
	if w.broken || w.lost[key] {
		return
	}
	if w.lost == nil {
		w.lost = make(map[string]bool)
	}
	if len(w.lost) < maxFaults {
		w.lost[key] = true
	}
	w.bad(column, want)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// id returns an id that must be there.
func (w *row) id(column string) (string, bool) {
	s := w.cell(column)
	if s == "" || len(s) > maxID || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		w.bad(column, fmt.Sprintf("an id of up to %d bytes of UTF-8", maxID))
		return "", false
	}
	return strings.Clone(s), true
}

// text returns a text for people, mended: cut to a length, without control
// characters and with one space between words, in UTF-8.
func (w *row) text(column string) string {
	s := strings.ToValidUTF8(w.cell(column), "\uFFFD")
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return strings.TrimSpace(strings.Clone(cut(s, maxText)))
}

// number returns a decimal number within bounds.
func (w *row) number(column string, low, high float64) float64 {
	n, err := strconv.ParseFloat(w.cell(column), 64)
	if err != nil || !(n >= low && n <= high) || math.IsNaN(n) {
		w.bad(column, fmt.Sprintf("a number from %v to %v", low, high))
		return 0
	}
	return n
}

// integer returns a whole number within bounds; otherwise when the field is empty.
func (w *row) integer(column string, low, high, otherwise int) int {
	s := w.cell(column)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		w.bad(column, fmt.Sprintf("a whole number from %d to %d", low, high))
		return otherwise
	}
	return n
}

// optional is integer for what riders can do without: an odd value is a notice.
func (w *row) optional(column string, low, high, otherwise int) int {
	s := w.cell(column)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		w.unknown(column)
		return otherwise
	}
	return n
}

// unknown notes an odd value of an optional column.
func (w *row) unknown(column string) {
	i := slices.IndexFunc(w.odd, func(o *oddValues) bool { return o.file == w.file && o.column == column })
	if i < 0 {
		i = len(w.odd)
		line, _ := w.csv.FieldPos(0)
		w.odd = append(w.odd, &oddValues{file: w.file, column: column, line: line,
			first: strconv.Quote(cut(strings.ToValidUTF8(w.cell(column), "\uFFFD"), 40))})
	}
	w.odd[i].count++
}

// tellOdd makes notices of odd values.
func (r *reader) tellOdd() {
	for _, o := range r.odd {
		values := "1 odd value"
		if o.count > 1 {
			values = fmt.Sprintf("%d odd values", o.count)
		}
		r.notice("%s: %s of %s, taken for unknown; the first is %s in line %d", o.file, values, o.column, o.first, o.line)
	}
}

// maxTime bounds a time of a service day: a week of trips past midnight.
const maxTime = 7 * 24 * 3600

// time returns a time as seconds of the service day; none when the field is empty.
func (w *row) time(column string) (s int32, ok bool) {
	text := w.cell(column)
	if text == "" {
		return none, true
	}
	n, ok := parseTime(text)
	if !ok {
		w.bad(column, "a time as 07:30:00, of up to a week")
	}
	return n, ok
}

// none is a time that isn't given.
const none = math.MinInt32

func parseTime(s string) (int32, bool) {
	var parts [3]int
	i, digits := 0, 0
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			parts[i] = parts[i]*10 + int(c-'0')
			digits++
		case c == ':' && digits > 0 && i < 2:
			i, digits = i+1, 0
		default:
			return 0, false
		}
	}
	n := parts[0]*3600 + parts[1]*60 + parts[2]
	if i != 2 || digits != 2 || parts[1] > 59 || parts[2] > 59 || n > maxTime {
		return 0, false
	}
	return int32(n), true
}

// date returns a day that must be there.
func (w *row) date(column string) (cta.Date, bool) {
	s := w.cell(column)
	n, err := strconv.ParseInt(s, 10, 32)
	if d := cta.Date(n); err == nil && len(s) == 8 && d.Valid() {
		return d, true
	}
	w.bad(column, "a date as 20261007")
	return 0, false
}

// sortDates puts dates in order, each once.
func sortDates(dates []cta.Date) []cta.Date {
	slices.Sort(dates)
	return slices.Compact(dates)
}
