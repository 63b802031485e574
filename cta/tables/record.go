package tables

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// StationRecord is one station of one line: a value of topic stations.table, under the
// key [StationRecord.Key].
type StationRecord struct {
	StationID   int    `json:"station_id"`
	StationName string `json:"station_name"`
	Order       int    `json:"order"` // on the line, from 0
	Line        string `json:"line"`
}

// Key returns r's key in stations.table: "<station_id>/<line>".
func (r StationRecord) Key() string { return strconv.Itoa(r.StationID) + "/" + r.Line }

// ParseStationKey parses a key of stations.table, which is the only content of a
// tombstone there. The key may be quoted, as Faust writes keys of type str.
func ParseStationKey(key string) (stationID int, line string, err error) {
	plain := key
	if strings.HasPrefix(key, `"`) && json.Unmarshal([]byte(key), &plain) != nil {
		plain = key
	}
	text, line, found := strings.Cut(plain, "/")
	id, ok := parseID(text)
	if !found || !ok || line == "" {
		return 0, "", fmt.Errorf("stations.table: key is %s, want <station_id>/<line>", excerpt([]byte(key)))
	}
	return id, line, nil
}

// TurnstileCount is the total number of entries counted at a station: a value of topic
// TURNSTILE_SUMMARY, whose key is the text of the station's id.
type TurnstileCount struct {
	StationID int   `json:"STATION_ID"`
	Count     int64 `json:"COUNT"` // a total, not a difference
}

// maxCount is more than any station ever has. The counts of all stations still add up.
const maxCount = 1e12

// ErrWindowed is returned for the count of a time window: the station's total cannot be
// derived from such counts.
var ErrWindowed = errors.New("the count is a window's: make the table without WINDOW")

// ParseTurnstileCount parses a record of TURNSTILE_SUMMARY as written by this system,
// KSQL 5 or ksqlDB. The value is a JSON object, bare or in Connect's envelope. Its
// members, in upper or lower case, are COUNT and optionally STATION_ID, a number or a
// text. Without STATION_ID in the value, the key is tried as:
//
//  1. the id as text, possibly followed by the separator |+| of a grouping by several
//     columns
//  2. a JSON string with such a text
//  3. a JSON object with STATION_ID, STATION_KEY, or a single member
//  4. a big-endian integer of 4 or 8 bytes (4 bytes that are digits are read as text;
//     as an integer they would be an id above 800 million)
//
// deleted is true when the value is a tombstone, as [Deleted] reports: the station has
// no count any more. The error is [ErrWindowed] for the count of a window. Errors are
// permanent: the same bytes give the same error.
//
// Grouping columns besides the station are ignored here. [TurnstileCounts] reads all
// records of a topic and sums such counts.
func ParseTurnstileCount(key, value []byte) (count TurnstileCount, deleted bool, err error) {
	if windowed(key) {
		return TurnstileCount{}, false, fmt.Errorf("turnstile count: key is %s: %w", excerpt(key), ErrWindowed)
	}
	if Deleted(value) {
		id, err := keyStationID(key)
		if err != nil {
			return TurnstileCount{}, false, fmt.Errorf("turnstile count: tombstone: %w", err)
		}
		return TurnstileCount{StationID: id}, true, nil
	}
	count, err = parseTurnstileCount(key, value)
	if err != nil {
		return TurnstileCount{}, false, fmt.Errorf("turnstile count: %w", err)
	}
	return count, false, nil
}

func parseTurnstileCount(key, value []byte) (TurnstileCount, error) {
	members, err := objectMembers(payload(value))
	if err != nil {
		return TurnstileCount{}, fmt.Errorf("value: %w", err)
	}
	var c TurnstileCount
	m, ok := find(members, "COUNT")
	if !ok {
		return TurnstileCount{}, errors.New(`value: member "COUNT" is missing`)
	}
	c.Count, err = strconv.ParseInt(string(m.value), 10, 64)
	if err != nil || c.Count < 0 || c.Count > maxCount {
		return TurnstileCount{}, fmt.Errorf("value: member %q is %s, want an integer from 0 to %d", m.name, excerpt(m.value), int64(maxCount))
	}
	if m, ok := find(members, "WINDOWSTART"); ok {
		return TurnstileCount{}, fmt.Errorf("value: member %q is there: %w", m.name, ErrWindowed)
	}
	if m, ok := find(members, "STATION_ID"); ok && !m.null() {
		if c.StationID, ok = m.id(); !ok {
			return TurnstileCount{}, fmt.Errorf("value: member %q is %s, want an integer from 1 to %d", m.name, excerpt(m.value), math.MaxInt32)
		}
		return c, nil
	}
	c.StationID, err = keyStationID(key)
	return c, err
}

// find returns the member with that name, in any case: KSQL puts unquoted names in
// upper case.
func find(members []member, name string) (member, bool) {
	for _, m := range members {
		if strings.EqualFold(m.name, name) {
			return m, true
		}
	}
	return member{}, false
}

// id returns the member's value as an id; a number or a text.
func (m member) id() (int, bool) {
	text := string(m.value)
	if text[0] == '"' && json.Unmarshal(m.value, &text) != nil {
		return 0, false
	}
	return parseID(text)
}

// windowed reports whether a key of Kafka Streams names a window after the station:
//
//   - its start in 8 bytes
//   - its end and start in 16 bytes
//   - text, such as "40380@1590000000000/1590000060000" or KSQL 5's "40380 :
//     Window{start=…"
func windowed(key []byte) bool {
	for _, size := range []int{8, 16} {
		if at := len(key) - size; at > 0 && binary.BigEndian.Uint64(key[len(key)-8:])>>48 == 0 { // before the year 10000
			if _, err := keyStationID(key[:at]); err == nil {
				return true
			}
		}
	}
	text := strings.Trim(string(key), `["]`)
	id, window, _ := strings.Cut(text, " : Window{")
	if at, times, _ := strings.Cut(text, "@"); strings.Contains(times, "/") && strings.Trim(times, "0123456789/") == "" {
		id, window = at, times
	}
	_, ok := textID(id)
	return ok && window != ""
}

func keyStationID(key []byte) (int, error) {
	id, ok := textID(string(key))
	if !ok && len(key) > 0 {
		switch {
		case key[0] == '"':
			var s string
			if json.Unmarshal(key, &s) == nil {
				id, ok = textID(s)
			}
		case key[0] == '{':
			id, ok = objectID(key)
		}
	}
	if !ok {
		// Integers are tried last: their first byte may look like the start of a text.
		switch len(key) {
		case 4:
			id, ok = inRange(uint64(binary.BigEndian.Uint32(key)))
		case 8:
			id, ok = inRange(binary.BigEndian.Uint64(key))
		}
	}
	if !ok {
		return 0, fmt.Errorf("key is %s, want a station id, as text, JSON or a 4 or 8 byte integer", excerpt(key))
	}
	return id, nil
}

func objectID(key []byte) (int, bool) {
	members, err := objectMembers(payload(key))
	if err != nil {
		return 0, false
	}
	for _, name := range []string{"STATION_ID", "STATION_KEY"} {
		if m, ok := find(members, name); ok {
			return m.id()
		}
	}
	if len(members) == 1 {
		return members[0].id()
	}
	return 0, false
}

// textID parses an id, alone or before KSQL 5's separator.
func textID(s string) (int, bool) {
	s, _, _ = strings.Cut(s, "|+|")
	return parseID(s)
}

// parseID parses an id of decimal digits only.
func parseID(s string) (int, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' { // ParseUint accepts a plus sign
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, false
	}
	return inRange(n)
}

// inRange reports whether n is a valid id: an Avro int, from 1.
func inRange(n uint64) (int, bool) { return int(n), n >= 1 && n <= math.MaxInt32 }
