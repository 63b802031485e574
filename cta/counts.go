package cta

import (
	"encoding/json"
	"strings"
)

// TurnstileCounts reads the records of TURNSTILE_SUMMARY in their order. It adds
// up what a server counts by the station and something else: of a query that
// groups by STATION_ID and LINE each line has a record of its own, and the
// station's count is their sum. The zero value is ready to use.
type TurnstileCounts struct {
	parts map[int]map[string]int64 // by station, of those with parts only
	held  int                      // parts of all stations
}

// maxParts bounds the parts that are held; what is beyond counts by itself.
const maxParts = 100_000

// Read reads the next record as [ParseTurnstileCount] does, and returns the count
// of the whole station: deleted when no part of it is left.
func (t *TurnstileCounts) Read(key, value []byte) (count TurnstileCount, deleted bool, err error) {
	count, deleted, err = ParseTurnstileCount(key, value)
	if err != nil {
		return count, deleted, err
	}
	part, parts := keyPart(key), t.parts[count.StationID]
	_, known := parts[part]
	switch {
	case part == "": // the whole station, from now on
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

// keyPart returns what a key groups by beside the station, "" when it is nothing.
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
	members, err := jsonMembers(key)
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
