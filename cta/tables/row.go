package tables

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/seed-921eec07/ctalive/cta"
)

// StationRow is one row of the stations table: one stop of a station.
type StationRow struct {
	StopID                 int
	DirectionID            string
	StopName               string
	StationName            string
	StationDescriptiveName string
	StationID              int
	Order                  int
	// Lines holds the boolean columns, in the table's order.
	Lines []LineFlag
}

// LineFlag states whether trains of a line use a stop.
type LineFlag struct {
	Line string
	Set  bool
}

// The columns of the stations table before those of the lines.
const (
	colStopID          = "stop_id"
	colDirectionID     = "direction_id"
	colStopName        = "stop_name"
	colStationName     = "station_name"
	colDescriptiveName = "station_descriptive_name"
	colStationID       = "station_id"
	colOrder           = "order"
)

const maxName = 200 // bytes; readers reject longer names

// Rows returns the raw rows of a network's stations table, as PostgreSQL holds them and
// Kafka Connect reads them, by ascending stop id. Order is the station's place on the first
// of the stop's lines, in the network's order.
func Rows(n *cta.Network) []StationRow {
	columns := n.LineColumns()
	var rows []StationRow
	for _, s := range n.Stations {
		for _, p := range s.Stops {
			order, _ := n.Line(p.Lines[0]).Order(s.ID)
			row := StationRow{
				StopID:                 p.ID,
				DirectionID:            p.Compass,
				StopName:               p.Name,
				StationName:            s.Name,
				StationDescriptiveName: p.DescriptiveName,
				StationID:              s.ID,
				Order:                  order,
				Lines:                  make([]LineFlag, len(columns)),
			}
			for i, id := range columns {
				row.Lines[i] = LineFlag{Line: id, Set: slices.Contains(p.Lines, id)}
			}
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b StationRow) int { return a.StopID - b.StopID })
	return rows
}

// AppendJSON appends the row as Kafka Connect's JsonConverter writes it without
// schemas: compact, in column order, with only the escapes that JSON requires.
func (r StationRow) AppendJSON(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"stop_id":`...), int64(r.StopID), 10)
	dst = AppendJSONString(append(dst, `,"direction_id":`...), r.DirectionID)
	dst = AppendJSONString(append(dst, `,"stop_name":`...), r.StopName)
	dst = AppendJSONString(append(dst, `,"station_name":`...), r.StationName)
	dst = AppendJSONString(append(dst, `,"station_descriptive_name":`...), r.StationDescriptiveName)
	dst = strconv.AppendInt(append(dst, `,"station_id":`...), int64(r.StationID), 10)
	dst = strconv.AppendInt(append(dst, `,"order":`...), int64(r.Order), 10)
	for _, f := range r.Lines {
		dst = append(AppendJSONString(append(dst, ','), f.Line), ':')
		dst = strconv.AppendBool(dst, f.Set)
	}
	return append(dst, '}')
}

// AppendJSONString appends s as written by Jackson, the JSON library of Kafka Connect.
// Quotes, backslashes and control characters are escaped, and characters beyond U+FFFF
// become surrogate pairs. Hexadecimal digits are upper case. Everything else is raw
// UTF-8; invalid UTF-8 becomes U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04X\u%04X`, high, low)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// ParseStationRow parses a row in Connect's form, bare or in the envelope with a
// schema. Members may be in any order.
//
//   - The ids, the order and the station's name (up to 200 bytes) are required. The
//     other texts are empty if missing or null (SQL NULL).
//   - A line's member is true or false, 1 or 0, or the text "t", "true", "f" or
//     "false". A null or missing member adds no line to the row.
//   - If the member __deleted is set, only the stop's id is read: the stop has no lines
//     any more. Debezium rewrites deletions in this form.
//   - Other members are ignored.
//
// lines are the known lines, as from [cta.Network.LineColumns]; without them, each member
// that is true or false is a line. The error names every missing or invalid member.
// Errors are permanent: the same bytes give the same error.
func ParseStationRow(data []byte, lines ...string) (StationRow, error) {
	row, err := parseStationRow(data, lines)
	if err != nil {
		return StationRow{}, fmt.Errorf("station row: %w", err)
	}
	return row, nil
}

func parseStationRow(data []byte, lines []string) (StationRow, error) {
	members, err := objectMembers(payload(data))
	if err != nil {
		return StationRow{}, err
	}
	required := []string{colStopID, colStationName, colStationID, colOrder}
	if gone, ok := find(members, "__deleted"); ok {
		if set, _ := flag(gone); set { // the other members may be null
			required = required[:1]
			members = slices.DeleteFunc(members, func(m member) bool { return m.name != colStopID })
		}
	}
	var row StationRow
	var faults memberFaults
	seen := make(map[string]bool, len(members))
	for _, m := range members {
		if seen[m.name] {
			faults.add(m.name, "is there twice")
			continue
		}
		seen[m.name] = true
		switch m.name {
		case colStopID:
			row.StopID = faults.integer(m, 1)
		case colStationID:
			row.StationID = faults.integer(m, 1)
		case colOrder:
			row.Order = faults.integer(m, 0)
		case colStationName:
			if row.StationName = faults.text(m, false); len(row.StationName) > maxName {
				faults.add(m.name, "has %d bytes, want up to %d", len(row.StationName), maxName)
			}
		case colDirectionID:
			row.DirectionID = faults.text(m, true)
		case colStopName:
			row.StopName = faults.text(m, true)
		case colDescriptiveName:
			row.StationDescriptiveName = faults.text(m, true)
		default:
			set, ok := flag(m)
			switch {
			case lines == nil:
				ok = ok && (m.value[0] == 't' || m.value[0] == 'f')
			case !slices.Contains(lines, m.name):
				ok = false
			case !ok && !m.null():
				faults.add(m.name, "is %s, want true or false", excerpt(m.value))
			}
			if ok {
				row.Lines = append(row.Lines, LineFlag{m.name, set})
			}
		}
	}
	if seen["op"] && seen["before"] && seen["after"] && !seen[colStopID] {
		return StationRow{}, errors.New("is a change event of Debezium, want the row in it: give the connector the transform ExtractNewRecordState")
	}
	for _, name := range required {
		if !seen[name] {
			faults.add(name, "is missing")
		}
	}
	return row, faults.err()
}

// flag returns a line member's value, and whether it is valid.
func flag(m member) (set, ok bool) {
	switch strings.ToLower(string(m.value)) {
	case "true", "1", `"true"`, `"t"`:
		return true, true
	case "false", "0", `"false"`, `"f"`:
		return false, true
	}
	return false, false
}
