package gtfs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/internal/sheet"
)

// Limits on the size of a feed.
const (
	maxFile  = 1 << 30 // bytes, uncompressed
	maxID    = 200
	maxCalls = 20_000_000 // of the routes that are read
)

// maxRows bounds the rows of files, and so the memory, but of stop_times.txt and
// shapes.txt: those of routes that aren't asked for take none.
var maxRows = map[string]int{"stops.txt": 500_000, "calendar_dates.txt": 5_000_000, "trips.txt": 2_000_000, "stop_times.txt": maxFile, "shapes.txt": maxFile}

const maxOtherRows = 1_000_000

// reader reads the files of a feed, and collects faults and notices.
type reader struct {
	sheet.Reader
	report *Report
	broken bool            // a row or file is unreadable: references to it are not reported
	lost   map[string]bool // reported references, by column and value
	odd    []*oddValues    // by file and column, in order of discovery
}

// oddValues are the invalid values of an optional column. They must not make the feed
// unreadable.
type oddValues struct {
	file, column, fate, first string
	line, count               int
}

// The treatment of odd values, for notices.
const (
	unknown   = "taken for unknown"
	elsewhere = "not a stop or a station of stops.txt"
	garbled   = "with letters that are lost, for want of UTF-8"
)

func (r *reader) notice(format string, a ...any) {
	r.report.Notices = append(r.report.Notices, fmt.Sprintf(format, a...))
}

func (r *reader) leave(format string, a ...any) {
	r.report.LeftOut = append(r.report.LeftOut, fmt.Sprintf(format, a...))
}

// many formats a count, such as "1 stop" or "2 stops".
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// row is a row of a file, valid until the next.
type row struct {
	*sheet.Row
	in *reader
}

// each calls f for every row of a file. It reports whether the file exists and has a
// header.
func (r *reader) each(file string, required []string, f func(row)) bool {
	headed := false
	t := r.Each(file, func(head *sheet.Row) bool {
		headed = true
		head.MaxRows = cmp.Or(maxRows[file], maxOtherRows)
		var lacks []string
		for _, name := range required {
			if !head.Has(name) {
				lacks = append(lacks, strconv.Quote(name))
			}
		}
		if lacks == nil {
			return true
		}
		found, want := "no column "+strings.Join(lacks, ", "), "columns "+strings.Join(required, ", ")
		if sign := separator(head.Fields); sign != "" {
			found, want = "a header with "+sign, want+", in UTF-8, with commas between"
		}
		r.Fault(sheet.Fault{File: file, Line: 1, Found: found, Want: want})
		r.broken = true
		return false
	}, func(w *sheet.Row) { f(row{w, r}) })
	if t == nil {
		return false
	}
	r.broken = r.broken || t.Broken
	return headed || t.Broken
}

// separator names the characters that a header has in place of commas; empty if it has
// commas.
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

// refers reports a reference to a missing object, once per value, as whole files may
// repeat it.
func (w row) refers(column, want string) {
	key := column + " " + w.Cell(column)
	if w.in.broken || w.Broken || w.in.lost[key] {
		return
	}
	if w.in.lost == nil {
		w.in.lost = make(map[string]bool)
	}
	if len(w.in.lost) < sheet.MaxFaults {
		w.in.lost[key] = true
	}
	w.Bad(column, want)
}

func (w row) id(column string) (string, bool) {
	s := w.Cell(column)
	if s == "" || len(s) > maxID || !sheet.Legible(s) {
		w.Bad(column, fmt.Sprintf("an id of up to %d bytes of UTF-8", maxID))
		return "", false
	}
	return strings.Clone(s), true
}

// text returns a text for people, cleaned: valid UTF-8 of limited length, without
// control characters, and with single spaces.
func (w row) text(column string) string {
	s := strings.ToValidUTF8(w.Cell(column), "\uFFFD")
	if strings.Contains(s, "\uFFFD") {
		w.odd(column, garbled)
	}
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return strings.TrimSpace(strings.Clone(sheet.Cut(s, sheet.MaxText)))
}

// number returns a decimal number within bounds.
func (w row) number(column string, low, high float64) float64 {
	n, _ := w.Number(column, low, high)
	return n
}

// integer returns a whole number within bounds, or otherwise if the field is empty.
func (w row) integer(column string, low, high, otherwise int) int {
	if w.Cell(column) != "" {
		if n, ok := w.Integer(column, low, high); ok {
			return n
		}
	}
	return otherwise
}

// optional is like integer, from 0, but an invalid value is only a notice.
func (w row) optional(column string, high, otherwise int) int {
	s := w.Cell(column)
	if s == "" {
		return otherwise
	}
	n, ok := sheet.Whole(s, 0, high)
	if !ok {
		w.odd(column, unknown)
		return otherwise
	}
	return n
}

// odd records an odd value of a column, and its treatment.
func (w row) odd(column, fate string) {
	r := w.in
	i := slices.IndexFunc(r.odd, func(o *oddValues) bool { return o.file == w.File && o.column == column && o.fate == fate })
	if i < 0 {
		i = len(r.odd)
		r.odd = append(r.odd, &oddValues{file: w.File, column: column, fate: fate, line: w.Line, first: sheet.Quote(w.Cell(column))})
	}
	r.odd[i].count++
}

// tellOdd adds notices about odd values.
func (r *reader) tellOdd() {
	for _, o := range r.odd {
		r.notice("%s: %s of %s, %s; the first is %s in line %d", o.file, many(o.count, "odd value", "odd values"), o.column, o.fate, o.first, o.line)
	}
}

// maxTime bounds a time of a service day: trips may last a week past midnight.
const maxTime = 7 * 24 * 3600

// time returns a time in seconds of the service day; none if the field is empty.
func (w row) time(column string) (s int32, ok bool) {
	text := w.Cell(column)
	if text == "" {
		return none, true
	}
	n, ok := parseTime(text)
	if !ok {
		w.Bad(column, "a time as 07:30:00, of up to a week")
	}
	return n, ok
}

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

func (w row) date(column string) (cta.Date, bool) {
	s := w.Cell(column)
	n, err := strconv.ParseInt(s, 10, 32)
	if d := cta.Date(n); err == nil && len(s) == 8 && d.Valid() {
		return d, true
	}
	w.Bad(column, "a date as 20261007")
	return 0, false
}

// sortDates sorts dates and removes duplicates.
func sortDates(dates []cta.Date) []cta.Date {
	slices.Sort(dates)
	return slices.Compact(dates)
}
