package tables

import (
	"encoding/json"
	"strings"
)

// TurnstileCounts reads the records of TURNSTILE_SUMMARY in log order and sums a
// station's partial counts. A query that groups by STATION_ID and LINE, for example,
// has a record for each line of a station. The zero value is ready to use.
type TurnstileCounts struct {
	parts map[int]map[string]int64 // by station; only stations with partial counts
	held  int                      // partial counts of all stations
}

// maxParts bounds the partial counts held. Beyond it, a partial count is returned as
// the station's count.
const maxParts = 100_000

// Read parses the next record as [ParseTurnstileCount] does, and returns the count of
// the whole station. deleted is true when the station has no partial count left.
func (t *TurnstileCounts) Read(key, value []byte) (count TurnstileCount, deleted bool, err error) {
	count, deleted, err = ParseTurnstileCount(key, value)
	if err != nil {
		return count, deleted, err
	}
	part, parts := keyPart(key), t.parts[count.StationID]
	_, known := parts[part]
	switch {
	case part == "": // a count of the whole station replaces its parts
		t.held -= len(parts)
		delete(t.parts, count.StationID)
		return count, deleted, nil
	case deleted && known:
		delete(parts, part)
		t.held--
	case !deleted && (known || t.held < maxParts):
		if parts == nil {
			parts = make(map[string]int64)
			if t.parts == nil {
				t.parts = make(map[int]map[string]int64)
			}
			t.parts[count.StationID] = parts
		}
		if !known {
			t.held++
		}
		parts[part] = count.Count
	case !deleted:
		return count, false, nil
	}
	if len(parts) == 0 {
		delete(t.parts, count.StationID)
		return TurnstileCount{StationID: count.StationID}, true, nil
	}
	count.Count = 0
	for _, n := range parts {
		count.Count += n
	}
	return count, false, nil
}

// keyPart returns the part of a key that isn't the station id, "" if there is none.
func keyPart(key []byte) string {
	text := string(key)
	if strings.HasPrefix(text, `"`) && json.Unmarshal(key, &text) != nil {
		return ""
	}
	if _, part, found := strings.Cut(text, "|+|"); found {
		return part
	}
	if !strings.HasPrefix(text, "{") {
		return ""
	}
	members, err := objectMembers(payload(key))
	if err != nil || len(members) == 1 {
		return ""
	}
	var b strings.Builder
	for _, m := range members {
		if !strings.EqualFold(m.name, "STATION_ID") && !strings.EqualFold(m.name, "STATION_KEY") {
			b.WriteString(m.name + "=" + string(m.value) + "|")
		}
	}
	return b.String()
}
