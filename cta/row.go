package cta

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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
	// Lines holds the value of each boolean column, in the table's order.
	Lines []LineFlag
}

// LineFlag says whether trains of a line use a stop.
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

const maxName = 200 // bytes; of longer ones readers would take none

// AppendJSON appends the row as Kafka Connect's JsonConverter writes it, schemas
// off: compact, in column order, nothing escaped but what JSON demands.
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

// AppendJSONString appends s as Jackson, the JSON library of Kafka Connect, writes
// it: raw UTF-8 except quotes, backslashes, control characters and what is beyond
// U+FFFF, which is a pair of surrogates. Hexadecimal digits are capitals. What isn't
// UTF-8 becomes U+FFFD.
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

// ParseStationRow reads a row in Connect's form, bare or in the envelope with a
// schema. Members may come in any order.
//
//   - The ids, the station's name, of up to 200 bytes, and the order must be there.
//     The other texts may be missing or null (SQL NULL) and are then empty.
//   - A line's member is true or false, 1 or 0, or one of the texts "t", "true", "f"
//     and "false". One that is null or missing is none of the row's lines.
//   - Of a row whose member __deleted is set, as Debezium rewrites deletions, the
//     stop's id alone is read: the stop is on no line any more.
//   - Any other member is ignored.
//
// lines names the lines, as [Network.LineColumns] does. Without any, each member
// that is true or false is a line. The error names every member that is missing or
// wrong; reading the same bytes again gives the same error.
func ParseStationRow(data []byte, lines ...string) (StationRow, error) {
	row, err := parseStationRow(data, lines)
	if err != nil {
		return StationRow{}, fmt.Errorf("station row: %w", err)
	}
	return row, nil
}

func parseStationRow(data []byte, lines []string) (StationRow, error) {
	members, err := jsonMembers(data)
	if err != nil {
		return StationRow{}, err
	}
	required := []string{colStopID, colStationName, colStationID, colOrder}
	if gone, ok := find(members, "__deleted"); ok {
		if set, _ := flag(gone); set { // what else it holds may be null
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

// flag returns whether a line's member is set, and whether it says so.
func flag(m member) (set, ok bool) {
	switch strings.ToLower(string(m.value)) {
	case "true", "1", `"true"`, `"t"`:
		return true, true
	case "false", "0", `"false"`, `"f"`:
		return false, true
	}
	return false, false
}
